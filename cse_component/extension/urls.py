"""URLs of files to download: what they may look like, what of them is secret, and where the handler saves them.

The two handlers save the same URL under different names: the Windows one keeps the folders below a blob's container,
for other hosts it keeps the last part only (MicrosoftDocs/azure-docs issue 35350 has its log); the Linux one always
keeps the last part only (CSL main/files.go, urlToFileName).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from .handlers import OsType

BLOB_SUFFIXES = (
    ".blob.core.windows.net",
    ".blob.core.usgovcloudapi.net",
    ".blob.core.chinacloudapi.cn",
    ".blob.core.sovcloud-api.fr",
    ".blob.core.cloudapi.de",
)
"""Blob hosts of Azure's clouds (azure-cli-core cloud.py, storage_endpoint; Germany is closed but still met)."""

STACK_HUB = ".blob.azurestack."
"""What a blob host of Azure Stack Hub holds (CSL pkg/download/blobwithmsitoken.go)."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a URL and what to write instead."""

    reason: str
    mend: str


@dataclass(frozen=True)
class FileUrl:
    """A URL the handler can download from."""

    parts: SplitResult

    @property
    def host(self) -> str:
        return (self.parts.hostname or "").lower()

    @property
    def shown(self) -> str:
        """The URL without its query, fragment and credentials, which may be tokens."""
        host = self.parts.netloc.rpartition("@")[2]
        return f"{self.parts.scheme}://{host}{self.parts.path}"

    @property
    def has_token(self) -> bool:
        """Whether it carries what may be a token. Every query counts: SAS is one, `?token=` of a forge another."""
        return bool(self.parts.query or self.parts.fragment or self.parts.username or self.parts.password)

    @property
    def has_signature(self) -> bool:
        """Whether it is a SAS URL."""
        return any(part.startswith("sig=") for part in self.parts.query.split("&"))

    @property
    def is_blob(self) -> bool:
        return self.host.endswith(BLOB_SUFFIXES) or STACK_HUB in self.host

    @property
    def reads_with_identity(self) -> bool:
        """Whether the Linux handler tries a managed identity for this host (CSL pkg/download/blobwithmsitoken.go)."""
        return ".blob.core." in self.host or STACK_HUB in self.host

    @property
    def reads_with_key(self) -> bool:
        """Whether it is `{account}.blob.{rest}/{container}/{blob}` (CSL pkg/blobutil/url.go)."""
        labels = self.host.split(".")
        return len(labels) > 2 and labels[1] == "blob"

    def local_path(self, os_type: OsType) -> str:
        """Where the handler saves it, relative to the download directory, with `/` between folders."""
        path = unquote(self.parts.path) if os_type is OsType.LINUX else self.parts.path
        segments = [segment for segment in path.split("/") if segment]
        if os_type is OsType.WINDOWS and self.is_blob:
            return "/".join(segments[1:] or segments)
        return segments[-1]


def faults(text: str) -> Iterator[Fault]:
    """Why a handler could not download from `text`; nothing when it could."""
    if text.startswith("\\\\"):
        yield Fault(
            "is a UNC path; a handler downloads over http and https only",
            r"Leave it out and run it from the share: command_to_execute 'powershell -File \\server\share\x.ps1'.",
        )
        return
    if any(character.isspace() or not character.isprintable() for character in text):
        yield Fault("holds a space or a control character", "Write %20 for a space, or rename the file without it.")
        return
    # What Go's url.Parse and the handler's 'format: uri' refuse, on the machine and minutes later.
    if "\\" in text or re.search(r"%(?![0-9A-Fa-f]{2})", text):
        yield Fault("holds a backslash or a lone %", "Write / between folders, and %25 for a percent sign.")
        return
    try:
        parts = urlsplit(text)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        yield Fault("is not a URL", "Write an address such as https://account.blob.core.windows.net/container/file.")
        return
    if parts.scheme not in ("http", "https") or not host:
        yield Fault(
            "is not an http or https URL",
            "Write an address such as https://account.blob.core.windows.net/container/file; "
            "a local file goes into scripts, as path.",
        )
    elif not unquote(parts.path).rpartition("/")[2] or parts.path.rpartition("/")[2] in (".", ".."):
        yield Fault("ends without a file name", "Name the file itself; a handler cannot download a folder.")


def parse(text: str) -> FileUrl | None:
    """The URL when a handler could download from it."""
    return None if next(faults(text), None) else FileUrl(urlsplit(text))
