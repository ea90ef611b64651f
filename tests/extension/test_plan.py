"""What a reviewer reads, before Pulumi masks anything."""

from __future__ import annotations

from typing import Any

import pytest

from cse_component.extension.leaf import Leaf, Made
from cse_component.extension.plan import TEXT_LIMIT
from tests.extension.given import UNKNOWN, compiled, from_output, secret, values


def plan(**arguments: Any) -> Any:
    return values(compiled(**arguments).plan)


def test_the_plan_of_a_script() -> None:
    assert plan(scripts=[{"path": "scripts/configure.ps1", "arguments": ["shop", "a b"]}], triggers={"release": 3}) == {
        "runsOn": {"machine": "vm1", "resourceGroup": "rg", "os": "Windows", "account": "LocalSystem"},
        "command": [
            r"powershell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -File .\configure.ps1",
            "shop",
            '"a b"',
        ],
        "script configure.ps1": {
            "from": "scripts/configure.ps1",
            "sha256": "af66a6a88ea2323d25cec3f19ce554034342039e42237fa4f6ffbb460b119c57",
            "text": "Write-Host 'configuring'\n",
        },
        "triggers": {"release": 3},
    }


def test_the_plan_of_a_command() -> None:
    result = plan(
        command_to_execute="sh install.sh",
        os_type="Linux",
        file_uris=["https://acct.blob.core.windows.net/c/folder/install.sh?sv=1&sig=x", "https://h/data.json"],
        managed_identity={"client_id": "31b403aa-c364-4240-a7ff-d85fb6cd7232"},
        force_update_tag="7",
    )
    assert result["command"] == ["sh install.sh"]
    assert result["files"] == [
        "https://acct.blob.core.windows.net/c/folder/install.sh?[token] as install.sh",
        "https://h/data.json as data.json",
    ]
    assert result["identity"] == "user-assigned, client id 31b403aa-c364-4240-a7ff-d85fb6cd7232"
    assert result["rerun"] == {"forceUpdateTag": "7"}
    assert result["runsOn"]["account"] == "root"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"managed_identity": {}}, "the machine's own: system-assigned, or its only user-assigned one"),
        (
            {"managed_identity": {"object_id": "12dd289c-0583-46e5-b9b4-115d5c19ef4b"}},
            "user-assigned, object id 12dd289c-0583-46e5-b9b4-115d5c19ef4b",
        ),
        ({"storage_account_name": "acct", "storage_account_key": "a2V5"}, "key of storage account acct"),
    ],
)
def test_the_plan_says_how_blobs_are_read(arguments: dict[str, Any], line: str) -> None:
    assert (
        plan(command_to_execute="x", file_uris=["https://acct.blob.core.windows.net/c/x"], **arguments)["identity"]
        == line
    )


def test_only_the_secret_argument_is_masked() -> None:
    command = compiled(scripts=[{"path": "install.ps1", "arguments": ["a", secret("b"), UNKNOWN]}]).plan["command"]
    assert isinstance(command, list)
    assert [(part.known, part.secret) for part in command if isinstance(part, Made)] == [
        (True, False),
        (True, False),
        (True, True),
        (False, False),
    ]


def test_a_secret_script_is_shown_by_a_secret_hash_alone() -> None:
    shown = compiled(scripts=[{"content": secret("Write-Host 1"), "name": "a.ps1"}]).plan["script a.ps1"]
    assert isinstance(shown, dict)
    assert set(shown) == {"from", "sha256"}
    assert isinstance(shown["sha256"], Made)
    assert shown["sha256"].secret


@pytest.mark.parametrize("hidden", [False, UNKNOWN])
def test_show_text_false_keeps_the_text_out(hidden: Any) -> None:
    assert set(plan(scripts=[{"path": "install.ps1", "show_text": hidden}])["script install.ps1"]) == {"from", "sha256"}


def test_long_text_is_shown_by_hashes_of_its_lines() -> None:
    lines = [f"Write-Host {number:04}" for number in range(300)]
    before = plan(scripts=[{"content": "\n".join(lines), "name": "a.ps1", "show_text": True}])["script a.ps1"]
    lines[120] = "Write-Host changed"
    after = plan(scripts=[{"content": "\n".join(lines), "name": "a.ps1"}])["script a.ps1"]
    assert before["text"] == "4800 characters in 300 lines: too long to show here"
    assert [key for key in before["lines"] if before["lines"][key] != after["lines"][key]] == ["from 00101"]


def test_text_up_to_the_limit_is_shown_whole() -> None:
    text = "x" * (TEXT_LIMIT - 1) + "\n"
    assert plan(scripts=[{"content": text, "name": "a.ps1"}])["script a.ps1"]["text"] == text


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("key: value\n", True),
        ("# comment\n\nkey:\n  - a\n", True),
        ('{"a": 1}\n', True),
        ("- a\n- b\n", True),
        ("---\na: 1\n", True),
        ("? a\n: b\n", True),
        ("[1,\n2]\n", True),
        ("Write-Host Note: x\n", True),
        ("echo hi\n", False),
        ("[CmdletBinding()]\nparam($x)\n", False),
        ("param([string]$Site)\n", False),
        ("$url = 'http://x'\n", False),
        ("#!/bin/bash\nset -e\n", False),
    ],
)
def test_text_that_a_yaml_parser_may_take_begins_with_a_line_it_does_not(text: str, marked: bool) -> None:
    shown = plan(scripts=[{"content": text, "name": "a.sh"}])["script a.sh"]["text"]
    assert shown == ("@ script\n" + text if marked else text)


def test_no_absolute_path_is_shown() -> None:
    from tests.extension import given

    given.FILES["/home/me/app/install.ps1"] = given.FILES["C:\\app\\install.ps1"] = given.FILES["install.ps1"]
    for path in ("/home/me/app/install.ps1", "C:\\app\\install.ps1"):
        result = compiled(scripts=[{"path": path}])
        assert values(result.plan)["script install.ps1"]["from"] == "install.ps1"
        assert "app" not in str(values([result.plan, result.settings, result.protected_settings, result.command_line]))


def test_a_name_from_an_output_is_no_key() -> None:
    """Keys are fixed at construction: one that follows an Output would differ between preview and up."""
    named = compiled(scripts=[{"content": "exit", "name": from_output("a.ps1")}])
    pending = compiled(scripts=[{"content": "exit", "name": UNKNOWN}], final=False)
    assert set(named.plan) == set(pending.plan) == {"runsOn", "command", "script scripts[0]"}


def test_a_whole_list_from_an_output_stands_below_one_key() -> None:
    assert "scripts" in compiled(scripts=UNKNOWN, final=False).plan
    entry = compiled(scripts=[{"path": "install.ps1"}, UNKNOWN], final=False).plan
    assert {"script install.ps1", "script scripts[1]"} <= set(entry)


def test_keys_are_safe_as_attributes_of_a_component() -> None:
    everything = compiled(
        scripts=[{"path": "install.ps1"}], file_uris=["http://h/x"], triggers={"a": 1}, force_update_tag="1",
        managed_identity={},
    )  # fmt: skip
    taken = {
        "id",
        "urn",
        "register_outputs",
        "timestamp",
        "extension_id",
        "content_sha256",
        "command_line",
        "get_provider",
    }
    assert not taken & set(everything.plan)
    assert not [key for key in everything.plan if key.startswith("_")]


def test_what_goes_in_untouched_comes_out_untouched() -> None:
    name: Leaf[str] = from_output("vm1")
    runs_on = compiled(command_to_execute="x", vm_name=name).plan["runsOn"]
    assert isinstance(runs_on, dict)
    assert runs_on["machine"] is name


def test_the_start_of_a_secret_script_is_masked_only_where_its_text_decides_it() -> None:
    command = compiled(
        scripts=[{"content": secret("echo"), "name": "a.sh"}, {"content": secret("print"), "name": "b.py"}],
        os_type="Linux",
    ).plan["command"]
    assert isinstance(command, list)
    assert [part.secret for part in command if isinstance(part, Made)] == [False, True]
