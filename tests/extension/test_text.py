"""One canonical form of a script: what a checkout or an editor leaves in a file changes nothing."""

from __future__ import annotations

import codecs
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cse_component.extension.handlers import OsType
from cse_component.extension.text import UnusableScript, canonical

LINES = "param($Site)\nWrite-Host $Site\n"
SIGNED = b"Write-Host 1\r\n# SIG # Begin signature block\r\n# MII\r\n# SIG # End signature block\r\n"
systems = pytest.mark.parametrize("os_type", list(OsType))


@systems
@pytest.mark.parametrize(
    "raw",
    [
        LINES.encode(),
        LINES.replace("\n", "\r\n").encode(),
        LINES.replace("\n", "\r\r\n").encode(),
        LINES.rstrip("\n").encode() + b"\r",
        LINES.rstrip("\n").encode(),
        codecs.BOM_UTF8 + LINES.encode(),
        codecs.BOM_UTF16_LE + LINES.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + LINES.replace("\n", "\r\n").encode("utf-16-be"),
    ],
    ids=["LF", "CRLF", "doubled CR", "last CR", "no last newline", "UTF-8 mark", "UTF-16 LE", "UTF-16 BE with CRLF"],
)
def test_a_checkout_or_an_editor_changes_nothing(raw: bytes, os_type: OsType) -> None:
    assert canonical(raw, ".ps1", os_type) == canonical(LINES.encode(), ".ps1", os_type)


@systems
def test_the_hash_is_of_the_bytes_that_are_delivered(os_type: OsType) -> None:
    script = canonical("Write-Host 'é'\r\n".encode(), ".ps1", os_type)
    assert script.sha256 == hashlib.sha256(script.data).hexdigest()


def test_batch_files_get_crlf_and_no_byte_order_mark() -> None:
    script = canonical(codecs.BOM_UTF8 + "echo é\n:end\n".encode(), ".cmd", OsType.WINDOWS)
    assert script.data == "echo é\r\n:end\r\n".encode()
    assert script.text == "echo é\n:end\n"


def test_windows_powershell_gets_a_byte_order_mark_where_it_needs_one() -> None:
    assert canonical("'é'\n".encode(), ".ps1", OsType.WINDOWS).data == codecs.BOM_UTF8 + "'é'\n".encode()
    assert canonical(b"'e'\n", ".ps1", OsType.WINDOWS).data == b"'e'\n"
    assert canonical("'é'\n".encode(), ".ps1", OsType.LINUX).data == "'é'\n".encode()
    assert canonical("echo é\n".encode(), ".sh", OsType.LINUX).data == "echo é\n".encode()


def test_a_signed_script_is_not_touched() -> None:
    assert canonical(SIGNED, ".ps1", OsType.WINDOWS).data == SIGNED
    assert "\r" not in canonical(SIGNED, ".ps1", OsType.WINDOWS).text


@systems
@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "is empty"),
        (b" \r\n\t\n", "is empty"),
        (b"\x00\x00", "is empty"),
        (b"MZ\x00\x01\x02", "is a binary file"),
        ("Write-Host 'é'".encode("latin-1"), "is not UTF-8 text"),
        (codecs.BOM_UTF16_LE + b"odd", "is not UTF-8 text"),
        (b"\x7fELF\xff\xfe", "is not UTF-8 text"),
    ],
)
def test_what_is_no_script_is_refused(raw: bytes, reason: str, os_type: OsType) -> None:
    with pytest.raises(UnusableScript) as refusal:
        canonical(raw, ".ps1", os_type)
    assert refusal.value.reason == reason
    assert refusal.value.mend


@given(st.binary(max_size=60), st.sampled_from([".ps1", ".cmd", ".sh", ""]), st.sampled_from(list(OsType)))
def test_the_canonical_form_of_the_canonical_form_is_itself(raw: bytes, suffix: str, os_type: OsType) -> None:
    try:
        once = canonical(raw, suffix, os_type)
    except UnusableScript:
        return
    assert canonical(once.data, suffix, os_type).data == once.data
