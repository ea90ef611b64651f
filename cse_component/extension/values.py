"""What a single value must look like: one row for each argument that has a form of its own.

The sources are named as in rules.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cse_component.errors import Path, Problem

from .arguments import Arguments
from .leaf import Leaf


@dataclass(frozen=True)
class Value:
    """What one argument's value must look like.

    field: where it stands; `[]` for every element.
    good: tells whether a value is good. It is called with known values only.
    """

    field: str
    good: Callable[[object], bool]
    reason: str
    mend: str
    source: str


def _matching(pattern: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _between(low: int, high: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and low <= value <= high


_GUID = r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_SOME_TEXT = r"(?s).*\S.*"

VALUES = (
    Value(
        "resource_group_name",
        _matching(r"[\w().-]{0,89}[\w()-]"),
        "is not the name of a resource group",
        "Write its name, up to 90 letters, digits and _ ( ) - . characters, as in group.name.",
        "ARM naming rules, Microsoft.Resources",
    ),
    Value(
        "vm_name",
        _matching(r"[A-Za-z0-9][\w.-]{0,62}\w|[A-Za-z0-9]"),
        "is not the name of a virtual machine",
        "Write its name, as in vm.name: not its resource id (vm.id).",
        "ARM naming rules, Microsoft.Compute",
    ),
    Value(
        "command_to_execute",
        _matching(_SOME_TEXT),
        "is blank",
        "Write the command; a blank one succeeds and runs nothing.",
        "CSL main/handlersettings.go, code 23",
    ),
    Value(
        "command_to_execute",
        lambda value: "\x00" not in str(value),
        "holds a NUL character, which ends a command line",
        "Remove it.",
        "execve and CreateProcess",
    ),
    Value(
        "storage_account_name",
        _matching(r"[a-z0-9]{3,24}"),
        "is not the name of a storage account",
        "Write 3 to 24 lower-case letters and digits; not its URL.",
        "CSL main/schema.go",
    ),
    Value(
        "storage_account_key",
        _matching(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})"),
        "is not a storage account key",
        "Write the key as Azure shows it, in base64; not a connection string and not a SAS token.",
        "CSL main/schema.go",
    ),
    Value(
        "managed_identity.client_id",
        _matching(_GUID),
        "is not a GUID",
        "Write the identity's client id, as in identity.client_id: a handler knows no resource ids.",
        "CSL main/schema.go",
    ),
    Value(
        "managed_identity.object_id",
        _matching(_GUID),
        "is not a GUID",
        "Write the identity's object id, as in identity.principal_id: a handler knows no resource ids.",
        "CSL main/schema.go",
    ),
    Value(
        "timestamp",
        _between(-(2**31), 2**31 - 1),
        "is no signed 32-bit integer",
        "Write a whole number from -2147483648 to 2147483647, or leave it out: it follows the scripts by itself.",
        "W; CSL issue 74",
    ),
    Value(
        "force_update_tag",
        _matching(_SOME_TEXT),
        "is blank",
        "Write a text that differs from the last one, or leave it out.",
        "ARM: must differ from the previous value",
    ),
    Value(
        "type_handler_version",
        _matching(r"[1-9]\d*\.\d+"),
        "is not a version as ARM takes it",
        "Write Major.Minor, as in '1.10'; the platform picks the rest.",
        "ARM; azure-cli _normalize_extension_version",
    ),
    Value(
        "extension_name",
        _matching(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,78}[A-Za-z0-9_-]|[A-Za-z0-9_]"),
        "is not a name for an extension",
        "Write 1 to 80 letters, digits and _ - . characters; the default is what the az CLI uses.",
        "ARM naming rules",
    ),
    Value("location", _matching(_SOME_TEXT), "is blank", "Write the VM's location, as in vm.location.", "ARM"),
    Value(
        "scripts[].sha256",
        _matching(r"[0-9A-Fa-f]{64}"),
        "is not a SHA-256",
        "Write 64 hexadecimal digits, as sha256sum prints them.",
        "FIPS 180-4",
    ),
    Value(
        "protected_settings_from_key_vault.secret_url",
        _matching(r"https://[^/\s]+/secrets/[^/\s]+/[^/\s]+"),
        "is not the URL of a Key Vault secret",
        "Write https://<vault>.vault.azure.net/secrets/<name>/<version>.",
        "ARM KeyVaultSecretReference",
    ),
    Value(
        "protected_settings_from_key_vault.source_vault.id",
        _matching(r"(?i)/subscriptions/.+/providers/Microsoft\.KeyVault/vaults/[^/]+"),
        "is not the resource id of a Key Vault",
        "Write the vault's id, as in vault.id.",
        "ARM KeyVaultSecretReference",
    ),
    Value(
        "provisioning_timeout_minutes",
        _between(1, 120),
        "is no number of minutes from 1 to 120",
        "Write the minutes Pulumi waits; the platform itself ends a script after 90.",
        "W: 90 minutes, not extendable",
    ),
)


def select(arguments: Arguments, field: str) -> Iterator[tuple[Path, Leaf[object]]]:
    """The leaves of one field: `scripts[].sha256` gives one for each script that has it."""

    def walk(value: object, path: Path, rest: list[str]) -> Iterator[tuple[Path, Leaf[object]]]:
        if value is None:
            return
        if not rest:
            yield path, value if isinstance(value, Leaf) else Leaf(value)
        elif isinstance(value, Leaf):
            return  # a list or map that is not known yet
        elif rest[0] == "[]":
            for index, element in enumerate(value if isinstance(value, list) else ()):
                yield from walk(element, (*path, index), rest[1:])
        else:
            yield from walk(getattr(value, rest[0]), (*path, rest[0]), rest[1:])

    return walk(arguments, (), re.findall(r"\[\]|\w+", field))


def wrong_values(arguments: Arguments) -> list[Problem]:
    """What is wrong with values that are known."""
    return [
        Problem(path, row.reason, row.mend)
        for row in VALUES
        for path, leaf in select(arguments, row.field)
        if leaf.known and not row.good(leaf.value)
    ]


def wrong_value(field: str, value: object) -> list[Problem]:
    """What is wrong with the value of one top-level argument that is looked at by itself."""
    return [Problem((field,), row.reason, row.mend) for row in VALUES if row.field == field and not row.good(value)]
