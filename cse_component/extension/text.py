"""The text of a script: one canonical form, whatever the checkout and the editor left in the file.

The bytes that are delivered, hashed and shown are the same bytes. A checkout with CRLF and one with LF, a file with a
byte order mark and one without, must not re-run a script (design, guarantee 1).
"""

from __future__ import annotations

import codecs
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from .handlers import OsType

_SIGNATURE = "# SIG # Begin signature block"
"""Begins the Authenticode signature of a PowerShell file; any change of a byte above it breaks the signature."""

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


class UnusableScript(Exception):
    """A file or a text that cannot be run. `reason` and `mend` hold nothing of the content."""

    def __init__(self, reason: str, mend: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.mend = mend


@dataclass(frozen=True, repr=False)
class ScriptText:
    """A script in its canonical form.

    data: the bytes that land on the machine.
    text: the same as text, with \\n between lines and no byte order mark.
    sha256: of `data`, in hexadecimal.
    """

    data: bytes
    text: str
    sha256: str

    @property
    def shebang(self) -> bool:
        return self.text.startswith("#!")


@lru_cache(maxsize=1024)
def canonical(raw: bytes, suffix: str, os_type: OsType) -> ScriptText:
    """The canonical form of a script.

    raw: the file's bytes, or the UTF-8 of a text given inline.
    suffix: of the script's name, in lower case, as in `.ps1`.

    Raises UnusableScript when it is empty, binary, or in an encoding that cannot be told.
    """
    if not raw.strip(b" \t\r\n\x00"):
        raise UnusableScript("is empty", "Write the script, or leave the entry out.")
    mark, encoding = next((m for m in _MARKS if raw.startswith(m[0])), (b"", "utf-8"))
    try:
        text = raw[len(mark) :].decode(encoding)
    except UnicodeDecodeError:
        raise UnusableScript(
            "is not UTF-8 text", "Save it as UTF-8; a binary goes into storage and its URL into file_uris."
        ) from None
    if "\x00" in text:
        raise UnusableScript("is a binary file", "Put it into storage and its URL into file_uris.")
    if os_type is OsType.WINDOWS and _SIGNATURE in text:
        return _delivered(raw, text.replace("\r\n", "\n"))
    # Also a doubled carriage return: the Linux handler would change what is left of it once more.
    text = re.sub(r"\r+(\n|$)", "\n", text)
    if not text.endswith("\n"):
        text += "\n"
    delivered = text
    if suffix in (".cmd", ".bat"):
        # cmd.exe loses labels in files with bare newlines, and takes a byte order mark for part of the first command.
        delivered = text.replace("\n", "\r\n")
    elif suffix in (".ps1", ".psm1") and os_type is OsType.WINDOWS and not text.isascii():
        # Windows PowerShell 5.1 reads a file without a byte order mark as ANSI.
        return _delivered(codecs.BOM_UTF8 + text.encode(), text)
    return _delivered(delivered.encode(), text)


def _delivered(data: bytes, text: str) -> ScriptText:
    return ScriptText(data, text, hashlib.sha256(data).hexdigest())
