"""Wrong types, unknown and misspelt arguments, at any depth, in words and without their values."""

from __future__ import annotations

from typing import Any

import pytest

from cse_component.errors import ArgumentError, Problem
from tests.extension.given import UNKNOWN, compiled, refused

RUNS: dict[str, Any] = {"command_to_execute": "powershell x"}


@pytest.mark.parametrize(
    ("arguments", "field", "reason", "mend"),
    [
        ({"vm_nam": "x"}, ("vm_nam",), "there is no such argument", "Did you mean vm_name?"),
        ({"fileUris": []}, ("fileUris",), "there is no such argument", "Did you mean file_uris?"),
        ({"scripts": [{"pth": "x"}]}, ("scripts", 0, "pth"), "there is no such argument", "Did you mean path?"),
        ({"managed_identity": {"clientId": "x"}}, ("managed_identity", "clientId"), "there is no such argument",
         "Did you mean client_id?"),
        ({"scripts": ["install.ps1"]}, ("scripts", 0), "must be a map", "Write it in curly braces, as arguments with values."),
        ({"scripts": {"path": "x"}}, ("scripts",), "must be a list", "Write it in square brackets, also when there is only one."),
        ({"file_uris": "https://h/x"}, ("file_uris",), "must be a list", "Write it in square brackets, also when there is only one."),
        ({"file_uris": [1]}, ("file_uris", 0), "must be text, and is a number", "Quote it: as a number it may lose zeros on the way."),
        ({"scripts": [{"path": "install.ps1", "arguments": [2]}]}, ("scripts", 0, "arguments", 0), "must be text, and is a number",
         "Quote it: as a number it may lose zeros on the way."),
        ({"scripts": [{"path": ["x"]}]}, ("scripts", 0, "path"), "must be text, and is a list", "Write text."),
        ({"type_handler_version": 1.1}, ("type_handler_version",), "must be text, and is a number",
         "Quote it: as a number it may lose zeros on the way."),
        ({"timestamp": True}, ("timestamp",), "must be a whole number, and is True or False", "Write a whole number."),
        ({"timestamp": "1"}, ("timestamp",), "must be a whole number, and is text", "Write a whole number."),
        ({"timestamp": 1.5}, ("timestamp",), "must be a whole number, and is a number", "Write a whole number."),
        ({"force_update_tag": True}, ("force_update_tag",), "must be text, and is True or False", "Write text."),
        ({"managed_identity": {"client_id": None}}, ("managed_identity", "client_id"), "must be text, and is None", "Write text."),
        ({"managed_identity": "system"}, ("managed_identity",), "must be a map", "Write it in curly braces, as arguments with values."),
        ({"os_type": "linux"}, ("os_type",), "is not an operating system this extension has a handler for",
         "Write 'Windows' or 'Linux'."),
        ({"os_type": UNKNOWN}, ("os_type",), "must be a plain value, not an Output",
         "It decides the shape of the resource: write the value itself."),
        ({"public_command": "yes"}, ("public_command",), "must be True or False", "Write True or False."),
        ({"provisioning_timeout_minutes": "95m"}, ("provisioning_timeout_minutes",), "must be a whole number", "Write a whole number."),
        ({"extension_name": 5}, ("extension_name",), "must be text", "Write text, in quotes."),
        ({"tags": ["a"]}, ("tags",), "must be a map", "Write it in curly braces, as names with values."),
        ({"triggers": {"a": [1]}}, ("triggers", "a"), "must be text, a number, True or False, and is a list",
         "Write text, a number, True or False."),
        ({"location": "\ud800"}, ("location",), "is not valid Unicode text", "Remove the lone surrogate characters."),
        ({"triggers": {"a": float("nan")}}, ("triggers", "a"), "is a number that JSON does not carry exactly",
         "Quote it, or give a smaller one."),
        ({"triggers": {"a": 10**400}}, ("triggers", "a"), "is a number that JSON does not carry exactly",
         "Quote it, or give a smaller one."),
        ({"public_command": True, "protected_settings_from_key_vault": {"secret_url": "x"}}, ("protected_settings_from_key_vault", "source_vault"),
         "is required", "Give it."),
    ],
)  # fmt: skip
def test_a_wrong_shape_is_told_with_its_mend(
    arguments: dict[str, Any], field: tuple[str | int, ...], reason: str, mend: str
) -> None:
    base = {} if "scripts" in arguments else RUNS
    assert refused(**{**base, **arguments}) == (Problem(field, reason, mend),)


@pytest.mark.parametrize("name", ["vm_name", "resource_group_name"])
def test_the_machine_must_be_named(name: str) -> None:
    assert refused(**{**RUNS, name: None}) == (Problem((name,), "is required", "Give it."),)


def test_an_argument_far_from_all_is_answered_with_the_list() -> None:
    (problem,) = refused(**RUNS, zzz=1)
    assert problem.mend.startswith("There are: resource_group_name, vm_name, os_type, scripts, ")


def test_a_message_names_component_field_reason_and_mend() -> None:
    with pytest.raises(ArgumentError) as refusal:
        compiled(scripts=[{"path": "missing.ps1"}], timestamp=2**40)
    assert refusal.value.resource == "CustomScriptExtension 'web'"
    assert str(refusal.value) == (
        "CustomScriptExtension 'web' cannot be deployed, 2 problems:\n"
        "  scripts[0].path: does not exist\n"
        "    Write the path relative to the program's directory.\n"
        "  timestamp: is no signed 32-bit integer\n"
        "    Write a whole number from -2147483648 to 2147483647, or leave it out: it follows the scripts by itself."
    )


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("empty.ps1", "is empty"),
        ("tool.exe", "is a binary file"),
        ("latin1.ps1", "is not UTF-8 text"),
        ("none", "does not exist"),
    ],
)
def test_a_file_that_is_no_script_is_refused_at_its_path(path: str, reason: str) -> None:
    assert [(problem.field, problem.reason) for problem in refused(scripts=[{"path": path}])] == [
        (("scripts", 0, "path"), reason)
    ]


def test_empty_content_is_refused_at_its_content() -> None:
    assert [problem.field for problem in refused(scripts=[{"content": ""}])] == [("scripts", 0, "content")]


def test_what_is_wrong_in_shape_does_not_hide_the_rest() -> None:
    found = refused(
        vm_nam="x", os_typ="y", timestamp=2**40, storage_account_key="x",
        scripts=[{"path": "missing.ps1"}, {"pth": "x"}, {"path": "empty.ps1"}],
    )  # fmt: skip
    assert [problem.field for problem in found] == [
        ("scripts", 1, "pth"), ("scripts", 0, "path"), ("scripts", 2, "path"), ("storage_account_name",), ("storage_account_key",),
        ("timestamp",), ("vm_nam",), ("os_typ",),
    ]  # fmt: skip


@pytest.mark.parametrize("arguments", [{"os_type": "linux"}, {"public_command": 1}, {"vm_name": 5}, {"scripts": 5}])
def test_one_wrong_shape_is_one_problem(arguments: dict[str, Any]) -> None:
    base = {} if "scripts" in arguments else RUNS
    assert len(refused(**{**base, **arguments})) == 1
