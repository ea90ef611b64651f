"""Every row of the rule tables: what breaks it is refused, or warned about, in its own words.

The rows are looked up by name, and a row without a case fails: a rule that is removed fails its case, a rule that is
added asks for one.
"""

from __future__ import annotations

from typing import Any

import pytest

from cse_component.extension.handlers import HANDLERS, Block
from cse_component.extension.leaf import Leaf
from cse_component.extension.rules import RULES
from cse_component.extension.values import VALUES
from tests.extension.given import UNKNOWN, compiled, from_output, refused, secret

BLOB = "https://acct.blob.core.windows.net/c/install.ps1"
SAS = BLOB + "?sv=2022&sig=abc"
KEY = "a2V5a2V5a2V5"
GUID = "31b403aa-c364-4240-a7ff-d85fb6cd7232"
RUNS: dict[str, Any] = {"command_to_execute": "powershell -File .\\install.ps1"}
SCRIPT: dict[str, Any] = {"scripts": [{"path": "install.ps1"}]}
VAULT = {
    "secret_url": "https://v.vault.azure.net/secrets/s/1",
    "source_vault": {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v"},
}


def at(field: tuple[str | int, ...], text: str, **arguments: Any) -> tuple[dict[str, Any], Any, str]:
    return arguments, field, text


BROKEN: dict[str, list[tuple[dict[str, Any], Any, str]]] = {
    "exactly_one_way_to_say_what_runs": [
        at((), "nothing is given to run"),
        at(("command_to_execute",), "beside scripts", **RUNS, **SCRIPT),
        at(("command_to_execute",), "beside scripts", **SCRIPT, command_to_execute=UNKNOWN),
        at(("scripts",), "is empty", scripts=[]),
    ],
    "scripts_are_known_in_shape": [
        at(("scripts",), "is not known at preview", scripts=UNKNOWN),
        at(("scripts", 1), "is not known at preview", scripts=[{"path": "install.ps1"}, UNKNOWN]),
    ],
    "each_script_has_one_source": [
        at(("scripts", 0), "has no source", scripts=[{"name": "a.ps1"}]),
        at(("scripts", 0), "has path and content", scripts=[{"path": "install.ps1", "content": "exit 0"}]),
        at(("scripts", 0), "has path and uri", scripts=[{"path": "install.ps1", "uri": BLOB}]),
    ],
    "urls_can_be_downloaded": [
        at(("file_uris", 0), "is a UNC path", **RUNS, file_uris=[r"\\server\share\x.ps1"]),
        at(("file_uris", 1), "is not an http or https URL", **RUNS, file_uris=[BLOB, "ftp://h/x"]),
        at(("file_uris", 0), "is not an http or https URL", **RUNS, file_uris=["install.ps1"]),
        at(("file_uris", 0), "ends without a file name", **RUNS, file_uris=["https://h/folder/"]),
        at(("file_uris", 0), "ends without a file name", **RUNS, file_uris=["https://host"]),
        at(("file_uris", 0), "holds a space", **RUNS, file_uris=["https://h/my file.ps1"]),
        at(("file_uris", 0), "lone %", **RUNS, file_uris=["https://h/100%.ps1"]),
        at(("file_uris", 0), "is not a URL", **RUNS, file_uris=["https://[h/x.ps1"]),
        at(("scripts", 0, "uri"), "ends without a file name", scripts=[{"uri": "https://h/folder/"}]),
    ],
    "script_names_are_file_names": [
        at(("scripts", 0, "name"), "does not allow", scripts=[{"content": "x", "name": "a?.ps1"}]),
        at(("scripts", 0, "name"), "is a device name", scripts=[{"content": "x", "name": "nul.ps1"}]),
        at(("scripts", 0, "name"), "is longer", scripts=[{"content": "x", "name": "a" * 260 + ".ps1"}]),
        at(("scripts", 0, "name"), "is not a file name", scripts=[{"content": "x", "name": "a\nb.sh"}], os_type="Linux"),
        at(("scripts", 0, "uri"), "does not allow", scripts=[{"uri": 'https://h/a"&b.ps1'}]),
        at(("scripts", 0, "uri"), "does not allow", scripts=[{"uri": 'https://a.blob.core.windows.net/c/f"/a.ps1'}]),
        at(("scripts", 0, "uri"), "is not a file name", scripts=[{"uri": "https://h/a%00b.sh"}], os_type="Linux"),
        at(("scripts", 0, "name"), "is not a file name", scripts=[{"content": "x", "name": "dir/a.sh"}], os_type="Linux"),
        at(("scripts", 0, "name"), "is not a file name", scripts=[{"content": "x", "name": ".."}], os_type="Linux"),
    ],
    "scripts_suit_the_machine": [
        at(("scripts", 0, "path"), "is a shell script", scripts=[{"path": "join.sh"}], os_type="Windows"),
        at(("scripts", 0, "path"), "of a kind that Windows", scripts=[{"path": "report.py"}]),
        at(("scripts", 0, "path"), "is a batch file", scripts=[{"path": "setup.cmd"}], os_type="Linux"),
    ],
    "batch_files_have_plain_names": [
        at(("scripts", 0, "name"), "name of a batch file", scripts=[{"content": "x", "name": "my setup.cmd"}]),
    ],
    "script_arguments_arrive": [
        at(("scripts", 0, "arguments", 1), "starts with a dash", scripts=[{"path": "install.ps1", "arguments": ["a", "-b"]}]),
        at(("scripts", 0, "arguments", 0), "starts with a dash", scripts=[{"path": "install.ps1", "arguments": ["–b"]}]),
        at(("scripts", 0, "arguments", 0), "a percent sign", scripts=[{"path": "install.ps1", "arguments": ["50%"]}]),
        at(("scripts", 0, "arguments", 0), "a double quote", scripts=[{"path": "install.ps1", "arguments": ['a"b']}]),
        at(("scripts", 0, "arguments", 0), "a newline", scripts=[{"path": "install.ps1", "arguments": ["a\nb"]}]),
        at(("scripts", 0, "arguments", 0), "batch file reads", scripts=[{"path": "setup.cmd", "arguments": ["a b"]}]),
        at(("scripts", 0, "arguments", 0), "NUL", scripts=[{"path": "join.sh", "arguments": ["a\x00"]}]),
        at(("scripts", 0, "arguments", 0), "carriage return", scripts=[{"path": "join.sh", "arguments": ["a\r\nb"]}]),
    ],
    "the_operating_system_is_clear": [
        at(("os_type",), "for Windows and for Linux", scripts=[{"path": "install.ps1"}, {"path": "join.sh"}]),
    ],
    "the_command_suits_the_machine": [
        at(("command_to_execute",), "like a command of Linux", command_to_execute="bash install.sh"),
        at(("command_to_execute",), "like a command of Linux", command_to_execute="./install.sh"),
        at(("command_to_execute",), "like a command of Windows", command_to_execute="powershell x", os_type="Linux"),
        at(("command_to_execute",), "like a command of Windows", command_to_execute=r"\\srv\x.cmd", os_type="Linux"),
    ],
    "commands_for_cmd_are_one_line": [
        at(("command_to_execute",), "holds a newline", command_to_execute="echo a\necho b"),
    ],
    "arguments_belong_to_the_machine": [
        at(("skip_dos2unix",), "known to the Linux handler only", **SCRIPT, skip_dos2unix=True),
    ],
    "what_lands_on_the_machine_has_its_own_name": [
        at(("scripts", 1, "name"), "same name", scripts=[{"path": "install.ps1"}, {"content": "x", "name": "INSTALL.ps1"}]),
        at(("file_uris", 0), "same name", scripts=[{"uri": BLOB}], file_uris=[BLOB]),
        at(("file_uris", 1), "drops folders", command_to_execute="sh a.sh", os_type="Linux",
           file_uris=["https://acct.blob.core.windows.net/c/a/a.sh", "https://acct.blob.core.windows.net/c/b/a.sh"]),
    ],
    "downloaded_scripts_keep_their_name": [
        at(("scripts", 0, "name"), "differs from the file's name", scripts=[{"uri": BLOB, "name": "other.ps1"}]),
    ],
    "downloaded_scripts_have_a_certain_name": [
        at(("scripts", 0, "uri"), "percent escape", scripts=[{"uri": "https://h/my%20script.ps1"}]),
    ],
    "pinned_hashes_belong_to_urls": [
        at(("scripts", 0, "sha256"), "is for a uri", scripts=[{"path": "install.ps1", "sha256": "0" * 64}]),
    ],
    "a_given_timestamp_stands_alone": [
        at(("triggers",), "no effect beside timestamp", **RUNS, timestamp=1, triggers={"a": 1}),
        at(("scripts", 0, "sha256"), "beside a timestamp", timestamp=1, scripts=[{"uri": BLOB, "sha256": "0" * 64}]),
    ],
    "identities_are_named_once": [
        at(("managed_identity",), "client_id and object_id", **RUNS, file_uris=[BLOB],
           managed_identity={"client_id": GUID, "object_id": GUID}),
    ],
    "one_way_to_read_blobs": [
        at(("storage_account_key",), "beside managed_identity", **RUNS, file_uris=[BLOB], managed_identity={},
           storage_account_name="acct", storage_account_key=KEY),
    ],
    "storage_name_and_key_come_together": [
        at(("storage_account_name",), "missing beside the account's key", **RUNS, storage_account_key=KEY),
        at(("storage_account_key",), "missing beside the account's name", **RUNS, storage_account_name="acct"),
    ],
    "keys_read_blobs_only": [
        at(("file_uris", 0), "is no blob's URL", **RUNS, file_uris=["https://raw.githubusercontent.com/o/r/x.ps1"],
           storage_account_name="acct", storage_account_key=KEY),
    ],
    "identities_need_a_recent_handler": [
        at(("type_handler_version",), "knows no managed_identity", **RUNS, file_uris=[BLOB], managed_identity={},
           type_handler_version="1.9"),
    ],
    "public_settings_hold_no_secret": [
        at(("command_to_execute",), "public_command is True", command_to_execute=secret("x"), public_command=True),
        at(("scripts", 0, "arguments", 0), "public_command is True", public_command=True,
           scripts=[{"path": "install.ps1", "arguments": [secret("x")]}]),
        at(("scripts", 0, "content"), "public_command is True", public_command=True,
           scripts=[{"content": secret("x")}]),
        at(("timestamp",), "public settings only", **RUNS, timestamp=secret(1)),
        at(("skip_dos2unix",), "public settings only", command_to_execute="x", os_type="Linux", skip_dos2unix=secret(True)),
    ],
    "triggers_hold_no_secret": [
        at(("triggers", "password"), "enter a public hash", **RUNS, triggers={"password": secret("x")}),
        at(("triggers",), "enter a public hash", **RUNS, triggers=Leaf(None, known=False, secret=True)),
    ],
    "pinned_hashes_hold_no_secret": [
        at(("scripts", 0, "sha256"), "a pinned hash is public", scripts=[{"uri": BLOB, "sha256": secret("0" * 64)}]),
    ],
    "protected_settings_have_one_origin": [
        at(("protected_settings_from_key_vault",), "command_to_execute would go there", **RUNS,
           protected_settings_from_key_vault=VAULT),
        at(("protected_settings_from_key_vault",), "managed_identity would go there", **RUNS, public_command=True,
           file_uris=[BLOB], managed_identity={}, protected_settings_from_key_vault=VAULT),
        at(("protected_settings_from_key_vault",), "file_uris would go there", **RUNS, public_command=True,
           file_uris=[SAS], protected_settings_from_key_vault=VAULT),
    ],
}  # fmt: skip

WARNED: dict[str, list[tuple[dict[str, Any], Any, str]]] = {
    "files_are_read_over_https": [at(("file_uris", 0), "plain http", **RUNS, file_uris=["http://h/x.ps1"])],
    "identities_are_used": [
        at(("managed_identity",), "nothing is downloaded", **RUNS, managed_identity={}),
        at(("file_uris", 0), "read anonymously", **RUNS, managed_identity={}, file_uris=["https://h/x.ps1"]),
        at(("file_uris", 0), "carries a SAS token", **RUNS, managed_identity={}, file_uris=[SAS]),
    ],
    "keys_belong_to_the_account": [
        at(("file_uris", 0), "in another account", **RUNS, file_uris=[BLOB], storage_account_name="other",
           storage_account_key=KEY),
    ],
    "commands_find_their_files": [
        at(("file_uris", 0), "keeps its folders", **RUNS,
           file_uris=["https://acct.blob.core.windows.net/c/folder/install.ps1"]),
        at(("file_uris", 0), "without its folder", command_to_execute="sh scripts/a.sh", os_type="Linux",
           file_uris=["https://acct.blob.core.windows.net/c/scripts/a.sh"]),
        at(("file_uris", 0), "without its folder", command_to_execute=r"powershell -File .\scripts\a.ps1",
           file_uris=["https://raw.githubusercontent.com/o/r/main/scripts/a.ps1"]),
    ],
    "failures_are_seen": [at(("suppress_failures",), "look like a success", **RUNS, suppress_failures=True)],
    "force_update_tags_differ": [at(("force_update_tag",), "forces one run", **RUNS, force_update_tag="True")],
    "upgrades_may_run_scripts_again": [
        at(("enable_automatic_upgrade",), "reinstalls", **RUNS, enable_automatic_upgrade=True)
    ],
}  # fmt: skip

BAD_VALUES: dict[str, list[dict[str, Any]]] = {
    "resource_group_name": [{"resource_group_name": "a/b", **RUNS}, {"resource_group_name": "rg.", **RUNS}],
    "vm_name": [{"vm_name": "/subscriptions/s/vm", **RUNS}, {"vm_name": "a" * 65, **RUNS}, {"vm_name": "vm-", **RUNS}],
    "command_to_execute": [{"command_to_execute": " \t"}, {"command_to_execute": "a\x00b"}],
    "storage_account_name": [{"storage_account_name": "Acct", "storage_account_key": KEY, **RUNS}],
    "storage_account_key": [{"storage_account_name": "acct", "storage_account_key": "sig=x", **RUNS}],
    "managed_identity.client_id": [
        {"managed_identity": {"client_id": "/subscriptions/x"}, "file_uris": [BLOB], **RUNS}
    ],
    "managed_identity.object_id": [{"managed_identity": {"object_id": GUID[:-1]}, "file_uris": [BLOB], **RUNS}],
    "timestamp": [{"timestamp": 202608211200, **RUNS}, {"timestamp": -(2**31) - 1, **RUNS}],
    "force_update_tag": [{"force_update_tag": "", **RUNS}],
    "type_handler_version": [{"type_handler_version": "1.10.15", **RUNS}, {"type_handler_version": "1", **RUNS}],
    "extension_name": [{"extension_name": "a/b", **RUNS}, {"extension_name": "", **RUNS}],
    "location": [{"location": " ", **RUNS}],
    "scripts[].sha256": [{"scripts": [{"uri": BLOB, "sha256": "abc"}]}],
    "protected_settings_from_key_vault.secret_url": [
        {
            "protected_settings_from_key_vault": {**VAULT, "secret_url": "https://v/keys/k"},
            "public_command": True,
            **RUNS,
        }
    ],
    "protected_settings_from_key_vault.source_vault.id": [
        {"protected_settings_from_key_vault": {**VAULT, "source_vault": {"id": "v"}}, "public_command": True, **RUNS}
    ],
    "provisioning_timeout_minutes": [
        {"provisioning_timeout_minutes": 0, **RUNS},
        {"provisioning_timeout_minutes": 121, **RUNS},
    ],
}


@pytest.mark.parametrize(
    ("arguments", "field", "text"), [pytest.param(*case, id=name) for name, cases in BROKEN.items() for case in cases]
)
def test_what_breaks_a_rule_is_refused_alone(arguments: dict[str, Any], field: Any, text: str) -> None:
    found = refused(**arguments)
    assert [(problem.field, text in problem.reason) for problem in found if problem.field == field][:1] == [
        (field, True)
    ]
    assert all(problem.mend for problem in found)


@pytest.mark.parametrize(
    ("arguments", "field", "text"), [pytest.param(*case, id=name) for name, cases in WARNED.items() for case in cases]
)
def test_what_may_be_meant_is_warned_about(arguments: dict[str, Any], field: Any, text: str) -> None:
    result = compiled(**arguments)
    assert [warning.field for warning in result.warnings if text in warning.reason] == [field]
    assert any(text in str(line) for line in result.plan["warnings"])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("field", "arguments"),
    [pytest.param(field, case, id=field) for field, cases in BAD_VALUES.items() for case in cases],
)
def test_a_value_that_is_not_accepted_is_refused(field: str, arguments: dict[str, Any]) -> None:
    rows = {row.reason for row in VALUES if row.field == field}
    assert rows & {problem.reason for problem in refused(**arguments)}


def test_every_row_has_a_case() -> None:
    assert {rule.name for rule in RULES if rule.refuses} == set(BROKEN)
    assert {rule.name for rule in RULES if not rule.refuses} == set(WARNED)
    assert {row.field for row in VALUES} == set(BAD_VALUES)


def test_every_row_names_its_source() -> None:
    assert all(row.source for row in (*RULES, *VALUES))
    assert all(setting.source and setting.blocks for handler in HANDLERS.values() for setting in handler.settings)


def test_what_only_one_handler_knows_is_in_no_other_table() -> None:
    keys = {os_type: {setting.key for setting in handler.settings} for os_type, handler in HANDLERS.items()}
    assert set.symmetric_difference(*keys.values()) == {"script", "skipDos2Unix"}


@pytest.mark.parametrize("key", ["storageAccountName", "storageAccountKey", "managedIdentity"])
def test_what_reads_blobs_is_protected_only(key: str) -> None:
    for handler in HANDLERS.values():
        assert [setting.blocks for setting in handler.settings if setting.key == key] == [(Block.PROTECTED,)]


def test_all_problems_of_one_component_come_in_one_message() -> None:
    fields = {problem.field for problem in refused(timestamp=2**40, storage_account_name="acct", extension_name="a/b")}
    assert fields == {(), ("timestamp",), ("storage_account_key",), ("extension_name",)}


@pytest.mark.parametrize("field", ["command_to_execute", "storage_account_key", "type_handler_version", "location"])
def test_a_value_that_is_still_to_come_is_no_mistake_yet(field: str) -> None:
    arguments: dict[str, Any] = {**RUNS, "storage_account_name": "acct", "storage_account_key": KEY, field: UNKNOWN}
    assert refused(**arguments) == ()


def test_an_unknown_list_of_scripts_is_waited_for_before_it_is_refused() -> None:
    assert refused(final=False, scripts=UNKNOWN) == ()
    assert refused(scripts=UNKNOWN) != ()


def test_the_operating_system_does_not_depend_on_outputs() -> None:
    assert refused(scripts=[{"path": from_output("join.sh")}])[0].mend == "Give os_type 'Linux'."


def test_scripts_that_contradict_each_other_about_the_system_are_told_so_once() -> None:
    (problem,) = refused(scripts=[{"path": "install.ps1"}, {"path": "join.sh"}, {"path": "setup.cmd"}])
    assert problem.field == ("os_type",)


@pytest.mark.parametrize(
    ("command", "uri"),
    [
        (r"powershell -File .\folder\install.ps1", "https://acct.blob.core.windows.net/c/folder/install.ps1"),
        (r"powershell -File install.ps1", "https://acct.blob.core.windows.net/c/install.ps1"),
        (r"powershell -File install.ps1", "https://raw.githubusercontent.com/o/r/main/scripts/install.ps1"),
        (r"powershell -File other.ps1", "https://acct.blob.core.windows.net/c/folder/install.ps1"),
        (r"powershell -File install.ps1", "https://host/install.ps1"),
    ],
)
def test_a_command_that_finds_its_file_is_not_warned_about(command: str, uri: str) -> None:
    assert compiled(command_to_execute=command, file_uris=[uri]).warnings == ()
