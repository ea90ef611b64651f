"""What the handlers accept and refuse, word by word. Linux texts are the handler's; Windows texts are ours but one."""

import base64
import gzip
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from cse_component.testing import handler, handler_schema
from cse_component.testing.handler import HANDLERS, Configuration, Failure, Fault, InstalledHandler, Run

LINUX = HANDLERS["microsoft.azure.extensions", "customscript"]
WINDOWS = HANDLERS["microsoft.compute", "customscriptextension"]
BY_OS = {"Linux": LINUX, "Windows": WINDOWS}

GUID = "01234567-89ab-cdef-0123-456789abcdef"
OTHER_GUID = "fedcba98-7654-3210-fedc-ba9876543210"
KEY = "c3RvcmFnZWtleQ=="
SCRIPT = base64.b64encode(b"#!/bin/sh\necho hello\n").decode()


@dataclass(frozen=True)
class Case:
    """One pair of blocks that a handler refuses."""

    os: str
    settings: dict[str, Any]
    protected: dict[str, Any]
    text: str
    code: int | None = None
    # The property whose schema refuses it, as `block.key`; empty where a rule across both blocks does.
    about: str = field(default="", kw_only=True)


LINUX_RULES = [
    Case("Linux", {}, {}, "'commandToExecute' is not specified", 23),
    Case(
        "Linux",
        {"commandToExecute": "a"},
        {"commandToExecute": "b"},
        "'commandToExecute' was specified both in public and protected settings; it must be specified only once",
        20,
    ),
    Case(
        "Linux",
        {"script": SCRIPT},
        {"script": SCRIPT},
        "'script' was specified both in public and protected settings; it must be specified only once",
        28,
    ),
    Case(
        "Linux",
        {"commandToExecute": "a", "fileUris": ["https://h/1"]},
        {"fileUris": ["https://h/2"]},
        "'fileUris' were specified both in public and protected settings; it must be specified only once",
        22,
    ),
    Case(
        "Linux",
        {"commandToExecute": "a"},
        {"script": SCRIPT},
        "'commandToExecute' and 'script' were both specified, but only one is validate at a time",
        29,
    ),
    Case(
        "Linux",
        {"commandToExecute": "a"},
        {"storageAccountName": "acct"},
        "both 'storageAccountName' and 'storageAccountKey' must be specified",
        30,
    ),
    Case(
        "Linux",
        {"commandToExecute": "a"},
        {"storageAccountName": "acct", "storageAccountKey": KEY, "managedIdentity": {}},
        "'storageAccountName' or 'storageAccountKey' must not be specified with 'managedServiceIdentity'",
        26,
    ),
    Case(
        "Linux",
        {"commandToExecute": "a"},
        {"managedIdentity": {"clientId": GUID, "objectId": OTHER_GUID}},
        "only one of 'clientId' or 'objectId' must be specified with 'managedServiceIdentity'",
        27,
    ),
]

WINDOWS_RULES = [
    Case("Windows", {"timestamp": 1}, {}, "'commandToExecute' is not specified"),
    Case(
        "Windows",
        {"commandToExecute": "a"},
        {"commandToExecute": "b"},
        "'commandToExecute' is specified in both settings and protectedSettings",
    ),
    Case(
        "Windows",
        {"commandToExecute": "a", "fileUris": ["https://h/1"]},
        {"fileUris": ["https://h/2"]},
        "'fileUris' is specified in both settings and protectedSettings",
    ),
    Case(
        "Windows",
        {"commandToExecute": "a", "managedIdentity": {}},
        {},
        "'managedIdentity' must be specified in protectedSettings only",
    ),
    Case(
        "Windows",
        {"commandToExecute": "a", "storageAccountName": "acct"},
        {},
        "'storageAccountName' and 'storageAccountKey' must be specified in protectedSettings only",
    ),
    Case(
        "Windows",
        {"commandToExecute": "a"},
        {"storageAccountKey": KEY},
        "'storageAccountName' and 'storageAccountKey' must be specified together",
    ),
    Case(
        "Windows",
        {"commandToExecute": "a"},
        {"storageAccountName": "acct", "storageAccountKey": KEY, "managedIdentity": {"clientId": GUID}},
        "'managedIdentity' must not be specified with 'storageAccountName' or 'storageAccountKey'",
    ),
    Case(
        "Windows",
        {"commandToExecute": "a"},
        {"managedIdentity": {"clientId": GUID, "objectId": OTHER_GUID}},
        "only one of 'clientId' and 'objectId' may be specified in 'managedIdentity'",
    ),
    Case(
        "Windows",
        {"commandToExecute": "a", "fileUris": ["https://raw.githubusercontent.com/x.ps1"]},
        {"storageAccountName": "acct", "storageAccountKey": KEY},
        "with a storage account key every one of 'fileUris' must be an Azure blob URL",
    ),
]


def linux_schema(block: str, about: str, value: object, text: str) -> Case:
    blocks: dict[str, dict[str, Any]] = {"settings": {}, "protectedSettings": {}}
    blocks[block][about] = value
    name = "public" if block == "settings" else "protected"
    text = f"json validation error: invalid {name} settings JSON: {text}"
    return Case("Linux", blocks["settings"], blocks["protectedSettings"], text, -21, about=f"{block}.{about}")


NOT_A_URI = "fileUris.0: Does not match format 'uri'"
NOT_A_KEY = (
    "storageAccountKey: Does not match pattern "
    "'^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$'"
)
NOT_A_GUID = (
    "managedIdentity.clientId: Does not match pattern "
    "'^(?:[0-9A-Fa-f]{8}[-][0-9A-Fa-f]{4}[-][0-9A-Fa-f]{4}[-][0-9A-Fa-f]{4}[-][0-9A-Fa-f]{12})$'"
)
LINUX_SCHEMA = [
    linux_schema("settings", "contentHash", "x", "(root): Additional property contentHash is not allowed"),
    linux_schema("settings", "managedIdentity", {}, "(root): Additional property managedIdentity is not allowed"),
    linux_schema("settings", "commandToExecute", None, "commandToExecute: Invalid type. Expected: string, given: null"),
    linux_schema("settings", "script", ["ls"], "script: Invalid type. Expected: string, given: array"),
    linux_schema("settings", "fileUris", ["install.sh"], NOT_A_URI),
    linux_schema("settings", "fileUris", [r"https:\\h\x"], NOT_A_URI),
    linux_schema("settings", "skipDos2Unix", "true", "skipDos2Unix: Invalid type. Expected: boolean, given: string"),
    linux_schema("settings", "timestamp", 1.5, "timestamp: Invalid type. Expected: integer, given: number"),
    linux_schema("settings", "timestamp", True, "timestamp: Invalid type. Expected: integer, given: boolean"),
    linux_schema("protectedSettings", "timestamp", 1, "(root): Additional property timestamp is not allowed"),
    linux_schema(
        "protectedSettings", "commandToExecute", {}, "commandToExecute: Invalid type. Expected: string, given: object"
    ),
    linux_schema("protectedSettings", "script", 7, "script: Invalid type. Expected: string, given: integer"),
    linux_schema(
        "protectedSettings", "fileUris", "https://h", "fileUris: Invalid type. Expected: array, given: string"
    ),
    linux_schema(
        "protectedSettings",
        "storageAccountName",
        "My-Account",
        "storageAccountName: Does not match pattern '^[a-z0-9]{3,24}$'",
    ),
    linux_schema("protectedSettings", "storageAccountKey", "secret!", NOT_A_KEY),
    linux_schema("protectedSettings", "managedIdentity", {"clientId": "me"}, NOT_A_GUID),
]

ELEMENT = "Expecting state 'Element'.. Encountered 'Text' with name '', namespace ''."
WINDOWS_SCHEMA = [
    Case("Windows", {"fileUris": "https://h/x"}, {}, ELEMENT, about="settings.fileUris"),
    Case(
        "Windows",
        {"commandToExecute": 1},
        {},
        "'commandToExecute' must be of type string",
        about="settings.commandToExecute",
    ),
    Case("Windows", {"timestamp": 2**31}, {}, "'timestamp' must be a 32-bit integer", about="settings.timestamp"),
    Case("Windows", {}, {"fileUris": [1]}, "'fileUris.0' must be of type string", about="protectedSettings.fileUris"),
    Case(
        "Windows",
        {},
        {"commandToExecute": ["a"]},
        "'commandToExecute' must be of type string",
        about="protectedSettings.commandToExecute",
    ),
    Case("Windows", {}, {"timestamp": "1"}, "'timestamp' must be of type integer", about="protectedSettings.timestamp"),
    Case("Windows", {}, {"managedIdentity": "me"}, ELEMENT, about="protectedSettings.managedIdentity"),
    Case("Windows", {}, {"managedIdentity": {"objectId": "me"}}, "'managedIdentity.objectId' must be a GUID"),
    Case(
        "Windows",
        {},
        {"storageAccountName": 1},
        "'storageAccountName' must be of type string",
        about="protectedSettings.storageAccountName",
    ),
    Case(
        "Windows",
        {},
        {"storageAccountKey": 1},
        "'storageAccountKey' must be of type string",
        about="protectedSettings.storageAccountKey",
    ),
]

SCHEMA_CASES = [*LINUX_SCHEMA, *WINDOWS_SCHEMA]
RULE_CASES = [*LINUX_RULES, *WINDOWS_RULES]


def fault(case: Case) -> Failure | None:
    return BY_OS[case.os].fault(case.settings, case.protected, False)


def full_text(case: Case) -> str:
    if case.os == "Linux":
        reason = case.text if case in LINUX_SCHEMA else f"invalid configuration: {case.text}"
        return f"Enable failed: failed to get configuration: {reason}"
    return f"Invalid handler configuration. Exiting. Error Message: {case.text}{'.' if case in WINDOWS_RULES else ''}"


@pytest.mark.parametrize("case", [*SCHEMA_CASES, *RULE_CASES], ids=lambda case: f"{case.os}-{case.text}")
def test_refuses_in_the_handlers_words(case: Case) -> None:
    """Each case is refused with exactly its text and code."""
    assert fault(case) == Failure(full_text(case), case.code)


@pytest.mark.parametrize(
    ("table", "index"),
    [(name, index) for name in ("LINUX_RULES", "WINDOWS_RULES") for index in range(len(getattr(handler, name)))],
)
def test_no_rule_is_idle(table: str, index: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule has a case, and only the rule refuses it."""
    rules = getattr(handler, table)
    (case,) = [
        case for case in RULE_CASES if case.os.upper() == table.partition("_")[0] and case.text == rules[index].text
    ]
    monkeypatch.setattr(handler, table, rules[:index] + rules[index + 1 :])
    assert fault(case) is None


def test_every_property_of_the_schemas_is_tried() -> None:
    """A property added to a schema needs a case here."""
    tried = {(case.os, case.about) for case in SCHEMA_CASES}
    schemas = {"Linux": handler_schema.LINUX, "Windows": handler_schema.WINDOWS}
    listed = {
        (os, f"{block}.{key}")
        for os, blocks in schemas.items()
        for block in blocks
        for key in blocks[block]["properties"]
    }
    assert listed <= tried


def test_windows_lets_unknown_names_pass() -> None:
    """Nothing is documented about unknown names on Windows."""
    assert WINDOWS.fault({"commandToExecute": "a", "contentHash": "x"}, {}, False) is None


def test_the_vaults_half_is_not_missed() -> None:
    """A command in a key vault cannot be seen, so its absence is no fault."""
    assert LINUX.fault({}, {}, True) is None


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("echo hello", "Enable failed: failed to decode script: illegal base64 data"),
        (base64.b64encode(b"\x1f\x8b broken").decode(), "Enable failed: failed to decompress script"),
        ("A" * 262_148, "Enable failed: The script's length (262148) exceeded the maximum allowed length of 262144!"),
    ],
)
def test_refuses_a_script_it_cannot_decode(script: str, text: str) -> None:
    """Raw text, a broken archive, one group of four characters too long."""
    assert LINUX.fault({"script": script}, {}, False) == Failure(text)


def test_takes_a_script_of_the_greatest_length() -> None:
    """The limit is inclusive and counts base64 characters."""
    assert LINUX.fault({"script": "A" * 262_144}, {}, False) is None


# --- runs and sequence numbers ---


def never() -> None:
    """No fault is planned."""


@pytest.fixture(name="installed")
def _installed() -> Callable[[str], InstalledHandler]:
    return lambda os: InstalledHandler(BY_OS[os], "vm1", "rg", "script")


Installed = Callable[[str], InstalledHandler]


def configuration(
    settings: dict[str, Any], protected: dict[str, Any] | None = None, tag: str | None = None
) -> Configuration:
    return Configuration(settings, protected, None, tag)


def ran(outcome: tuple[Failure | None, Run | None]) -> Run:
    assert outcome[1] is not None
    return outcome[1]


def test_records_what_would_have_run(installed: Installed) -> None:
    """A run carries the effective values from whichever block held them."""
    settings = {"fileUris": ["https://h/a.sh", "https://h/b.sh"], "timestamp": 3}
    protected = {"commandToExecute": "sh a.sh", "managedIdentity": {"clientId": GUID}}
    run = ran(installed("Linux").enable(configuration(settings, protected), never))
    assert (run.vm, run.resource_group, run.extension, run.os) == ("vm1", "rg", "script", "Linux")
    assert (run.sequence, run.exit_code, run.why) == (0, 0, "first run")
    assert (run.command, run.script, run.file_uris) == ("sh a.sh", None, ("https://h/a.sh", "https://h/b.sh"))
    assert (run.managed_identity, run.storage_account) == ({"clientId": GUID}, None)
    assert (run.settings, run.protected_settings) == (settings, protected)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_decodes_the_linux_script(pack: Callable[[bytes], bytes], installed: Installed) -> None:
    """Base64 of the text or of its gzip."""
    text = b"#!/bin/sh\necho hello\n"
    script = base64.b64encode(pack(text)).decode()
    assert ran(installed("Linux").enable(configuration({}, {"script": script}), never)).script == text


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (configuration({"timestamp": 2}, {"commandToExecute": "a"}), "settings.timestamp changed"),
        (configuration({"timestamp": 1}, {"commandToExecute": "b"}), "protectedSettings.commandToExecute changed"),
        (configuration({"timestamp": 1}, {"commandToExecute": "a"}, "again"), "forceUpdateTag changed"),
        (
            configuration({"fileUris": ["https://h/x"]}, {"commandToExecute": "a"}),
            "settings.fileUris, settings.timestamp changed",
        ),
        (
            configuration({"timestamp": 1, "commandToExecute": "a"}),
            "settings.commandToExecute, protectedSettings.commandToExecute changed",
        ),
    ],
)
def test_a_changed_configuration_runs_again(after: Configuration, why: str, installed: Installed) -> None:
    """Settings, protected settings and the tag move the sequence number; the reason names the parts."""
    machine = installed("Windows")
    machine.enable(configuration({"timestamp": 1}, {"commandToExecute": "a"}), never)
    run = ran(machine.enable(after, never))
    assert (run.sequence, run.why) == (1, why)


def test_the_same_configuration_answers_from_memory(installed: Installed) -> None:
    """An old failure is repeated and nothing runs."""
    machine = installed("Windows")
    same = configuration({"commandToExecute": "a"})
    first, _ = machine.enable(same, lambda: Fault(5, stderr="boom"))
    assert first is not None
    assert machine.enable(same, never) == (first, None)


def test_a_refused_configuration_takes_a_number(installed: Installed) -> None:
    """The sequence number moves before the handler looks at the settings."""
    machine = installed("Linux")
    failure, run = machine.enable(configuration({}), never)
    assert failure is not None
    assert run is None
    assert ran(machine.enable(configuration({"commandToExecute": "a"}), never)).sequence == 1


def test_reports_a_failed_command_as_each_handler_does(installed: Installed) -> None:
    """Windows reports stderr; Linux reports both streams and its code for a failed command."""
    boom = Fault(5, stdout="out", stderr="boom")
    windows, _ = installed("Windows").enable(configuration({"commandToExecute": "a"}), lambda: boom)
    linux, _ = installed("Linux").enable(configuration({"commandToExecute": "a"}), lambda: boom)
    assert windows == Failure(
        "Command execution finished, but failed because it returned a non-zero exit code of: '5'. "
        "The command had an error output of: 'boom'"
    )
    assert linux == Failure(
        "Enable failed: failed to execute command: command terminated with exit status=5"
        "\n[stdout]\nout\n[stderr]\nboom",
        2,
    )


def test_reports_the_last_4_kib_of_the_output(installed: Installed) -> None:
    """Both handlers cut the output at the front."""
    failure, _ = installed("Windows").enable(
        configuration({"commandToExecute": "a"}), lambda: Fault(1, stderr="x" + "y" * 4096)
    )
    assert failure is not None
    assert failure.message.endswith(f"output of: '{'y' * 4096}'")


@pytest.mark.parametrize(("length", "exit_code"), [(8191, 0), (8192, 1)])
def test_a_windows_command_fits_cmd_exe(length: int, exit_code: int, installed: Installed) -> None:
    """One character more than 8191 and cmd.exe refuses the line."""
    failure, run = installed("Windows").enable(configuration({}, {"commandToExecute": "x" * length}), never)
    assert run is not None
    assert run.exit_code == exit_code
    assert (failure is not None and "The command line is too long." in failure.message) == bool(exit_code)


def test_repr_keeps_protected_values_to_itself(installed: Installed) -> None:
    """A failed assertion prints runs; what may be protected is left out."""
    protected = {
        "commandToExecute": "echo hunter2",
        "fileUris": ["https://h/x?sig=hunter3"],
        "managedIdentity": {"clientId": GUID},
    }
    run = ran(installed("Windows").enable(configuration({"timestamp": 9}, protected), never))
    assert "'timestamp': 9" in repr(run)
    assert not [secret for secret in ("hunter2", "hunter3", GUID) if secret in repr(run)]


def test_says_which_extra_is_missing() -> None:
    """Without jsonschema the import fails in one sentence."""
    code = "import sys; sys.modules['jsonschema'] = None; import cse_component.testing"
    python = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert python.stderr.splitlines()[-1] == (
        "ImportError: cse_component.testing needs jsonschema: pip install 'cse-component[testing]'"
    )
