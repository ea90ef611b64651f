"""The Custom Script handlers of Windows and Linux: what they accept, when they run, what they report.

Nothing is ever executed: a run is recorded, and succeeds unless a test asked for a failure.
"""

import base64
import binascii
import gzip
import urllib.parse
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import handler_schema
from .input_diff import differences

try:
    import jsonschema
except ImportError as error:
    raise ImportError("cse_component.testing needs jsonschema: pip install 'cse-component[testing]'") from error

Settings = Mapping[str, Any]

# cmd.exe, through which the Windows handler runs the command (Microsoft KB 830473).
MAX_COMMAND_LINE = 8191
# The Linux handler measures the base64 text as sent (cmds.go, maxScriptSize).
MAX_SCRIPT = 256 * 1024
# Both handlers report the last 4 KiB of each stream.
_MAX_OUTPUT = 4096


@dataclass(frozen=True, eq=False)
class Run:
    """One run of a handler on a virtual machine: what would have been executed, and why.

    What may hold protected values is left out of `repr`, so a failed assertion does not print a secret.

    Attributes:
        vm: Name of the machine.
        resource_group: Its resource group.
        extension: Name of the extension.
        sequence: The handler's sequence number, from 0; a new machine or a re-created extension starts again.
        os: `Windows` or `Linux`.
        command: The command line, from whichever block held it; None when a script is run, or a key vault holds it.
        script: The decoded and unzipped Linux `script`; None otherwise.
        file_uris: The files to download, in order.
        managed_identity: The identity for downloads: None when absent, an empty dict for the machine's own.
        storage_account: The account whose key is used for downloads; None when absent.
        exit_code: What the handler reported.
        why: `first run`, or the names of the parts that changed since the sequence before; never values.
        settings: The public settings as received.
        protected_settings: The protected settings as received; None when absent.
    """

    vm: str
    resource_group: str
    extension: str
    sequence: int
    os: str
    command: str | None = field(repr=False)
    script: bytes | None = field(repr=False)
    file_uris: tuple[str, ...] = field(repr=False)
    managed_identity: dict[str, Any] | None = field(repr=False)
    storage_account: str | None = field(repr=False)
    exit_code: int
    why: str
    settings: dict[str, Any]
    protected_settings: dict[str, Any] | None = field(repr=False)


@dataclass(frozen=True)
class Fault:
    """How a run is to fail: exit code and what the command wrote."""

    exit_code: int
    stdout: str = ""
    stderr: str = ""


@dataclass(frozen=True)
class Failure:
    """What the handler reports of a failed sequence number; repeated until the number moves."""

    message: str
    # From the Linux handler's table of error codes; the Windows one's is not published.
    code: int | None = None


# The codes of the Linux handler that are not tied to one rule below (pkg/errorutil).
_BAD_CONFIGURATION = -21
_COMMAND_FAILED = 2


@dataclass(frozen=True)
class Rule:
    """A rule across both blocks, after each one passed its schema."""

    broken: Callable[[Settings, Settings], bool]
    text: str
    code: int | None = None


def _in_both(key: str) -> Callable[[Settings, Settings], bool]:
    return lambda public, protected: bool(public.get(key)) and bool(protected.get(key))


def _has_storage_key(protected: Settings) -> bool:
    return bool(protected.get("storageAccountName")) or bool(protected.get("storageAccountKey"))


def _half_a_storage_key(_: Settings, protected: Settings) -> bool:
    return bool(protected.get("storageAccountName")) != bool(protected.get("storageAccountKey"))


def _identity_and_storage_key(_: Settings, protected: Settings) -> bool:
    return protected.get("managedIdentity") is not None and _has_storage_key(protected)


def _two_identities(_: Settings, protected: Settings) -> bool:
    identity = protected.get("managedIdentity") or {}
    return bool(identity.get("clientId")) and bool(identity.get("objectId"))


def _given(key: str, *blocks: Settings) -> bool:
    return any(block.get(key) for block in blocks)


# The order is the handler's (handlersettings.go, validate). v2.1.17 to 2.1.19 drop the result by mistake; this does not.
LINUX_RULES: tuple[Rule, ...] = (
    Rule(
        lambda s, p: not _given("commandToExecute", s, p) and not _given("script", s, p),
        "'commandToExecute' is not specified",
        23,
    ),
    Rule(
        _in_both("commandToExecute"),
        "'commandToExecute' was specified both in public and protected settings; it must be specified only once",
        20,
    ),
    Rule(
        _in_both("script"),
        "'script' was specified both in public and protected settings; it must be specified only once",
        28,
    ),
    Rule(
        _in_both("fileUris"),
        "'fileUris' were specified both in public and protected settings; it must be specified only once",
        22,
    ),
    Rule(
        lambda s, p: _given("commandToExecute", s, p) and _given("script", s, p),
        "'commandToExecute' and 'script' were both specified, but only one is validate at a time",
        29,
    ),
    Rule(_half_a_storage_key, "both 'storageAccountName' and 'storageAccountKey' must be specified", 30),
    Rule(
        _identity_and_storage_key,
        "'storageAccountName' or 'storageAccountKey' must not be specified with 'managedServiceIdentity'",
        26,
    ),
    Rule(_two_identities, "only one of 'clientId' or 'objectId' must be specified with 'managedServiceIdentity'", 27),
)

# Microsoft documents the rules, not the texts: these are ours.
WINDOWS_RULES: tuple[Rule, ...] = (
    Rule(lambda s, p: not _given("commandToExecute", s, p), "'commandToExecute' is not specified"),
    Rule(_in_both("commandToExecute"), "'commandToExecute' is specified in both settings and protectedSettings"),
    Rule(_in_both("fileUris"), "'fileUris' is specified in both settings and protectedSettings"),
    Rule(lambda s, p: "managedIdentity" in s, "'managedIdentity' must be specified in protectedSettings only"),
    Rule(
        lambda s, p: "storageAccountName" in s or "storageAccountKey" in s,
        "'storageAccountName' and 'storageAccountKey' must be specified in protectedSettings only",
    ),
    Rule(_half_a_storage_key, "'storageAccountName' and 'storageAccountKey' must be specified together"),
    Rule(
        _identity_and_storage_key,
        "'managedIdentity' must not be specified with 'storageAccountName' or 'storageAccountKey'",
    ),
    Rule(_two_identities, "only one of 'clientId' and 'objectId' may be specified in 'managedIdentity'"),
    Rule(
        lambda s, p: (
            _has_storage_key(p) and not all(map(_is_blob_url, [*s.get("fileUris", ()), *p.get("fileUris", ())]))
        ),
        "with a storage account key every one of 'fileUris' must be an Azure blob URL",
    ),
)


def _is_blob_url(uri: str) -> bool:
    return ".blob." in (urllib.parse.urlsplit(uri).hostname or "")


_formats = jsonschema.FormatChecker(formats=())


@_formats.checks("uri")
def _is_uri(value: object) -> bool:
    # The Linux handler's schema library asks no more of a URI than a scheme and no backslash.
    if not isinstance(value, str):
        return True
    try:
        return bool(urllib.parse.urlsplit(value).scheme) and "\\" not in value
    except ValueError:
        return False


_validators = {
    (os, block): jsonschema.Draft4Validator(schema, format_checker=_formats)
    for os, blocks in (("Linux", handler_schema.LINUX), ("Windows", handler_schema.WINDOWS))
    for block, schema in blocks.items()
}

_JSON_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}


def _first_error(os: str, block: str, value: Settings) -> jsonschema.ValidationError | None:
    errors: Iterator[jsonschema.ValidationError] = _validators[os, block].iter_errors(value)
    return next(errors, None)


# Only names, types and patterns go into the texts below, never the value: it may be a protected one.
def _linux_schema_text(block: str, value: Settings, error: jsonschema.ValidationError) -> str:
    where = ".".join(str(step) for step in error.absolute_path) or "(root)"
    if error.validator == "additionalProperties":
        unknown = min(set(value) - set(handler_schema.LINUX[block]["properties"]))
        return f"{where}: Additional property {unknown} is not allowed"
    if error.validator == "type":
        given = _JSON_TYPES.get(type(error.instance), "null")
        return f"{where}: Invalid type. Expected: {error.validator_value}, given: {given}"
    return f"{where}: Does not match {error.validator} '{error.validator_value}'"


def _windows_schema_text(error: jsonschema.ValidationError) -> str:
    where = ".".join(str(step) for step in error.absolute_path)
    if error.validator == "type" and error.validator_value in ("array", "object") and isinstance(error.instance, str):
        # .NET's data contract reader; Microsoft's users meet this text when they encode the JSON twice.
        return "Expecting state 'Element'.. Encountered 'Text' with name '', namespace ''."
    if error.validator == "type":
        return f"'{where}' must be of type {error.validator_value}"
    if error.validator == "pattern":
        return f"'{where}' must be a GUID"
    return f"'{where}' must be a 32-bit integer"


class BadScriptError(Exception):
    """The Linux `script` cannot be decoded; the text is the handler's."""


def decode_script(text: str) -> bytes:
    """Decode the Linux `script`: base64, optionally of gzip.

    Raises:
        BadScriptError: Too long, not base64, or a broken gzip stream.
    """
    if len(text) > MAX_SCRIPT:
        raise BadScriptError(f"The script's length ({len(text)}) exceeded the maximum allowed length of {MAX_SCRIPT}!")
    try:
        # Go's decoder, which the handler uses, skips line ends and nothing else.
        data = base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        raise BadScriptError("failed to decode script: illegal base64 data") from None
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (EOFError, OSError, zlib.error):
        raise BadScriptError("failed to decompress script") from None


def _linux_fault(settings: Settings, protected: Settings, vault: bool) -> Failure | None:
    for block, name, value in (("settings", "public", settings), ("protectedSettings", "protected", protected)):
        if error := _first_error("Linux", block, value):
            text = f"json validation error: invalid {name} settings JSON: {_linux_schema_text(block, value, error)}"
            return Failure(f"Enable failed: failed to get configuration: {text}", _BAD_CONFIGURATION)
    if rule := _broken_rule(LINUX_RULES, settings, protected, vault):
        return Failure(f"Enable failed: failed to get configuration: invalid configuration: {rule.text}", rule.code)
    if script := settings.get("script") or protected.get("script"):
        try:
            decode_script(script)
        except BadScriptError as error:
            return Failure(f"Enable failed: {error}")
    return None


def _windows_fault(settings: Settings, protected: Settings, vault: bool) -> Failure | None:
    prefix = "Invalid handler configuration. Exiting. Error Message: "
    for block, value in (("settings", settings), ("protectedSettings", protected)):
        if error := _first_error("Windows", block, value):
            return Failure(prefix + _windows_schema_text(error))
    if rule := _broken_rule(WINDOWS_RULES, settings, protected, vault):
        return Failure(f"{prefix}{rule.text}.")
    return None


def _broken_rule(rules: tuple[Rule, ...], settings: Settings, protected: Settings, vault: bool) -> Rule | None:
    # With protectedSettingsFromKeyVault nothing here knows the protected half, so nothing can be said to be missing.
    if vault:
        return None
    return next((rule for rule in rules if rule.broken(settings, protected)), None)


def _linux_failure(fault: Fault) -> Failure:
    text = f"Enable failed: failed to execute command: command terminated with exit status={fault.exit_code}"
    output = f"\n[stdout]\n{fault.stdout[-_MAX_OUTPUT:]}\n[stderr]\n{fault.stderr[-_MAX_OUTPUT:]}"
    return Failure(text + output, _COMMAND_FAILED)


def _windows_failure(fault: Fault) -> Failure:
    return Failure(
        "Command execution finished, but failed because it returned a non-zero exit code of: "
        f"'{fault.exit_code}'. The command had an error output of: '{fault.stderr[-_MAX_OUTPUT:]}'"
    )


@dataclass(frozen=True)
class Handler:
    """One of the two Custom Script handlers."""

    os: str
    fault: Callable[[Settings, Settings, bool], Failure | None]
    failure: Callable[[Fault], Failure]
    help_url: str


HANDLERS: dict[tuple[str, str], Handler] = {
    ("microsoft.compute", "customscriptextension"): Handler(
        "Windows", _windows_fault, _windows_failure, "https://aka.ms/VMExtensionCSEWindowsTroubleshoot"
    ),
    ("microsoft.azure.extensions", "customscript"): Handler(
        "Linux", _linux_fault, _linux_failure, "https://aka.ms/VMExtensionCSELinuxTroubleshoot"
    ),
}


@dataclass(frozen=True)
class Configuration:
    """What the agent hands to the handler; a change of any part moves the sequence number, nothing else does."""

    settings: dict[str, Any]
    protected_settings: dict[str, Any] | None
    protected_settings_from_key_vault: dict[str, Any] | None
    force_update_tag: str | None

    def changes(self, before: "Configuration") -> list[str]:
        """Name the parts that differ from `before`, settings by their key; no values."""
        return [
            *_changed_keys("settings", before.settings, self.settings),
            *_changed_keys("protectedSettings", before.protected_settings or {}, self.protected_settings or {}),
            *(
                ["protectedSettingsFromKeyVault"]
                if before.protected_settings_from_key_vault != self.protected_settings_from_key_vault
                else []
            ),
            *(["forceUpdateTag"] if before.force_update_tag != self.force_update_tag else []),
        ]


def _changed_keys(block: str, before: Settings, after: Settings) -> list[str]:
    keys = sorted({*before, *after})
    return [f"{block}.{key}" for key in keys if differences(_only(before, key), _only(after, key))]


def _only(block: Settings, key: str) -> dict[str, Any]:
    return {"value": block[key]} if key in block else {}


class InstalledHandler:
    """A handler on one machine: its sequence number and what it reported of the last one."""

    def __init__(self, handler: Handler, vm: str, resource_group: str, extension: str) -> None:
        self._handler = handler
        self._vm = vm
        self._resource_group = resource_group
        self._extension = extension
        self._sequence = -1
        self._configuration: Configuration | None = None
        self._failure: Failure | None = None

    def enable(
        self, configuration: Configuration, next_fault: Callable[[], Fault | None]
    ) -> tuple[Failure | None, Run | None]:
        """Process a configuration as the handler's `enable` does.

        Args:
            configuration: What ARM holds now.
            next_fault: Asked once for each run that takes place: how it is to fail, or None.

        Returns:
            The failure, if any, and the run if one took place: an unchanged configuration is answered from memory.
        """
        why = "first run"
        if self._configuration is not None:
            changes = configuration.changes(self._configuration)
            if not changes:
                return self._failure, None
            why = f"{', '.join(changes)} changed"
        self._configuration = configuration
        self._sequence += 1
        settings, protected = configuration.settings, configuration.protected_settings or {}
        fault = self._handler.fault(settings, protected, configuration.protected_settings_from_key_vault is not None)
        if fault is not None:
            self._failure = fault
            return self._failure, None
        command = settings.get("commandToExecute") or protected.get("commandToExecute")
        script = settings.get("script") or protected.get("script")
        outcome = next_fault() or Fault(0)
        if self._handler.os == "Windows" and command and len(command) > MAX_COMMAND_LINE:
            outcome = Fault(1, stderr="The command line is too long.")
        self._failure = self._handler.failure(outcome) if outcome.exit_code else None
        run = Run(
            vm=self._vm,
            resource_group=self._resource_group,
            extension=self._extension,
            sequence=self._sequence,
            os=self._handler.os,
            command=command,
            script=decode_script(script) if script else None,
            file_uris=tuple(settings.get("fileUris") or protected.get("fileUris") or ()),
            managed_identity=protected.get("managedIdentity"),
            storage_account=protected.get("storageAccountName"),
            exit_code=outcome.exit_code,
            why=why,
            settings=settings,
            protected_settings=configuration.protected_settings,
        )
        return self._failure, run
