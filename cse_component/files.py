"""Local files of scripts, read once however many machines run them."""

import functools
from pathlib import Path

from .extension.text import UnusableScript

LARGEST = 1024 * 1024
"""Bytes. Nothing near it fits into an extension's settings; a disk image given by mistake is not read at all."""


def read_file(path: str) -> bytes:
    """The bytes of a local file.

    path: relative to the working directory, which Pulumi sets to the program's directory.

    Raises UnusableScript when there is nothing to read.
    """
    file = Path(path)
    try:
        status = file.stat()
        if file.is_dir():
            raise UnusableScript("is a directory", "Name a file in it; one entry of scripts runs one file.")
        if not file.is_file():
            raise UnusableScript("is no ordinary file", "Write the path of a file.")
        if status.st_size > LARGEST:
            raise UnusableScript(
                f"holds {status.st_size:,} bytes, and an extension's settings hold less than {LARGEST:,}",
                "Put it into blob storage and give its URL as uri.",
            )
        return _read(str(file.absolute()), status.st_mtime_ns, status.st_size)
    except FileNotFoundError:
        mend = "Write / between folders." if "\\" in path else "Write the path relative to the program's directory."
        raise UnusableScript("does not exist", mend) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise UnusableScript(f"cannot be read ({reason})", "Make it readable to the user who runs Pulumi.") from None


@functools.lru_cache(maxsize=1024)
def _read(path: str, _modified: int, _size: int) -> bytes:
    return Path(path).read_bytes()
