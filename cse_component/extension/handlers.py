"""The two handlers, as tables: what each is called in ARM, which settings it takes and where, what it can carry.

Sources: W is the Windows page of Azure's documentation (learn.microsoft.com, custom-script-windows), L the Linux one,
CSL the Linux handler's own code (github.com/Azure/custom-script-extension-linux).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class OsType(str, Enum):
    """The operating system of a machine: decides publisher, type, paths, quoting and limits."""

    WINDOWS = "Windows"
    """Microsoft.Compute / CustomScriptExtension; scripts run as LocalSystem through cmd.exe."""
    LINUX = "Linux"
    """Microsoft.Azure.Extensions / CustomScript; scripts run as root through /bin/sh."""


class Block(str, Enum):
    """One of the two dictionaries a handler reads."""

    PUBLIC = "settings"
    PROTECTED = "protectedSettings"


@dataclass(frozen=True)
class Setting:
    """A property the handler knows. Its schema refuses a key that stands in a block not listed here."""

    key: str
    blocks: tuple[Block, ...]
    source: str


@dataclass(frozen=True)
class Interpreter:
    """How a script of one kind is started.

    command: what stands before the script's path; empty when the file itself is executed.
    named_dash: whether an argument that starts with a dash is taken for a parameter's name.
    plain_words: whether only arguments made of plain characters arrive unchanged.
    """

    command: str = ""
    named_dash: bool = False
    plain_words: bool = False


@dataclass(frozen=True)
class Handler:
    """One handler of the Custom Script Extension."""

    os_type: OsType
    publisher: str
    type: str
    version: str
    account: str
    download_directory: str
    log_directory: str
    settings: tuple[Setting, ...]
    command_limit: int
    """Longest command, in characters (Windows) or bytes (Linux)."""
    interpreters: Mapping[str, Interpreter]
    """By the suffix of the script's name, in lower case."""
    other_interpreter: Interpreter | None = None
    """For every other suffix; None when such a script cannot be started."""
    arguments: frozenset[str] = field(default_factory=frozenset)
    """Arguments that only this handler understands."""

    def interpreter(self, suffix: str) -> Interpreter | None:
        return self.interpreters.get(suffix, self.other_interpreter)


_EITHER = (Block.PUBLIC, Block.PROTECTED)
_PUBLIC = (Block.PUBLIC,)
_PROTECTED = (Block.PROTECTED,)

_POWERSHELL = "powershell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -File"

WINDOWS = Handler(
    os_type=OsType.WINDOWS,
    publisher="Microsoft.Compute",
    type="CustomScriptExtension",
    version="1.10",  # managedIdentity needs 1.10 or later (W)
    account="LocalSystem",
    download_directory=r"C:\Packages\Plugins\Microsoft.Compute.CustomScriptExtension\1.*\Downloads\<n>",
    log_directory=r"C:\WindowsAzure\Logs\Plugins\Microsoft.Compute.CustomScriptExtension",
    settings=(
        Setting("fileUris", _EITHER, "W: rejected if in both"),
        Setting("timestamp", _PUBLIC, "W shows it in settings only"),
        Setting("commandToExecute", _EITHER, "W: rejected if in both"),
        Setting("storageAccountName", _PROTECTED, "W: must be collocated in protectedSettings"),
        Setting("storageAccountKey", _PROTECTED, "W: must be collocated in protectedSettings"),
        Setting("managedIdentity", _PROTECTED, "W: must be specified in protected settings only"),
    ),
    command_limit=8191,  # cmd.exe runs the command; its longest line (Microsoft KB 830473)
    interpreters={
        ".ps1": Interpreter(_POWERSHELL, named_dash=True),
        # A batch file reads %1 with its quotes on and splits at , ; and =: only plain words arrive as they were given.
        ".cmd": Interpreter("cmd /d /c", plain_words=True),
        ".bat": Interpreter("cmd /d /c", plain_words=True),
    },
)

LINUX = Handler(
    os_type=OsType.LINUX,
    publisher="Microsoft.Azure.Extensions",
    type="CustomScript",
    version="2.1",
    account="root",
    download_directory="/var/lib/waagent/custom-script/download/<n>",
    log_directory="/var/log/azure/Microsoft.Azure.Extensions.CustomScript",  # since 2.1.15 (CSL f52b39b)
    settings=(
        Setting("fileUris", _EITHER, "CSL main/schema.go"),
        Setting("timestamp", _PUBLIC, "CSL main/schema.go: not in the protected schema, fatal there"),
        Setting("skipDos2Unix", _PUBLIC, "CSL main/schema.go: not in the protected schema, fatal there"),
        Setting("commandToExecute", _EITHER, "CSL main/schema.go"),
        Setting("script", _EITHER, "CSL main/schema.go"),
        Setting("storageAccountName", _PROTECTED, "CSL main/schema.go"),
        Setting("storageAccountKey", _PROTECTED, "CSL main/schema.go"),
        Setting("managedIdentity", _PROTECTED, "CSL main/schema.go"),
    ),
    command_limit=131_071,  # one argument of execve: MAX_ARG_STRLEN, less its NUL
    interpreters={
        ".py": Interpreter("python3"),
        ".ps1": Interpreter("pwsh -NoProfile -NonInteractive -File", named_dash=True),
    },
    other_interpreter=Interpreter(),  # executed: its shebang decides, and /bin/sh where it has none
    arguments=frozenset({"skip_dos2unix"}),
)

HANDLERS: Mapping[OsType, Handler] = {OsType.WINDOWS: WINDOWS, OsType.LINUX: LINUX}

SCRIPT_LIMIT = 262_144
"""Longest Linux `script`, in characters of base64 as sent (CSL main/cmds.go, maxScriptSize = 256 * 1024)."""

SUFFIX_OS: Mapping[str, OsType] = {
    ".ps1": OsType.WINDOWS,
    ".psm1": OsType.WINDOWS,
    ".cmd": OsType.WINDOWS,
    ".bat": OsType.WINDOWS,
    ".exe": OsType.WINDOWS,
    ".msi": OsType.WINDOWS,
    ".sh": OsType.LINUX,
    ".bash": OsType.LINUX,
    ".deb": OsType.LINUX,
    ".rpm": OsType.LINUX,
}
"""Which OS a file's suffix speaks for when `os_type` is not given."""
