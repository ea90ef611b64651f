"""Where a download lands, and what of its URL is a secret."""

from __future__ import annotations

import pytest

from cse_component.extension.handlers import OsType
from cse_component.extension.urls import BLOB_SUFFIXES, FileUrl, faults, parse

WINDOWS, LINUX = OsType.WINDOWS, OsType.LINUX


def url(text: str) -> FileUrl:
    found = parse(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "windows", "linux"),
    [
        # The two examples of Azure's own page.
        (
            "https://someAcct.blob.core.windows.net/aContainer/scripts/myscript.ps1",
            "scripts/myscript.ps1",
            "myscript.ps1",
        ),
        ("https://someAcct.blob.core.windows.net/aContainer/topLevel.ps1", "topLevel.ps1", "topLevel.ps1"),
        # Not blob storage: the last part alone (MicrosoftDocs/azure-docs issue 35350).
        ("https://raw.githubusercontent.com/o/r/master/scripts/configure.ps1", "configure.ps1", "configure.ps1"),
        ("https://cdn.azureedge.net/c/scripts/x.ps1", "x.ps1", "x.ps1"),
        # The query is no part of the name (MicrosoftDocs/azure-docs issue 111060: a file called `item`).
        ("https://dev.azure.com/o/_apis/git/item?path=x.ps1", "item", "item"),
        ("https://a.blob.core.windows.net/c/f/x.ps1?sv=1&sig=y", "f/x.ps1", "x.ps1"),
        ("https://a.blob.core.windows.net/c//f//x.ps1", "f/x.ps1", "x.ps1"),
        # One path segment is the root container.
        ("https://a.blob.core.windows.net/x.ps1", "x.ps1", "x.ps1"),
        # Escapes: decoded on Linux (CSL main/files.go), kept on Windows.
        ("https://a.blob.core.windows.net/c/my%20script.ps1", "my%20script.ps1", "my script.ps1"),
        ("https://a.blob.core.windows.net/c/f%2Fx.sh", "f%2Fx.sh", "x.sh"),
        # Sovereign clouds and Stack Hub.
        *((f"https://a{suffix}/c/f/x.ps1", "f/x.ps1", "x.ps1") for suffix in BLOB_SUFFIXES),
        ("https://a.blob.azurestack.contoso.com/c/f/x.ps1", "f/x.ps1", "x.ps1"),
        ("HTTPS://A.BLOB.CORE.WINDOWS.NET/c/f/x.ps1", "f/x.ps1", "x.ps1"),
    ],
)
def test_where_a_download_lands(text: str, windows: str, linux: str) -> None:
    assert (url(text).local_path(WINDOWS), url(text).local_path(LINUX)) == (windows, linux)


@pytest.mark.parametrize(
    ("text", "shown", "token", "signature"),
    [
        ("https://h/x.ps1", "https://h/x.ps1", False, False),
        ("https://h:8443/x.ps1?sv=1&sig=y", "https://h:8443/x.ps1", True, True),
        ("https://h/x.ps1?token=y", "https://h/x.ps1", True, False),
        ("https://user:word@h/x.ps1", "https://h/x.ps1", True, False),
        ("https://h/x.ps1#token", "https://h/x.ps1", True, False),
    ],
)
def test_what_may_be_a_token_is_not_shown(text: str, shown: str, token: bool, signature: bool) -> None:
    assert (url(text).shown, url(text).has_token, url(text).has_signature) == (shown, token, signature)


@pytest.mark.parametrize(
    ("host", "identity", "key", "blob"),
    [
        ("acct.blob.core.windows.net", True, True, True),
        ("acct.blob.core.chinacloudapi.cn", True, True, True),
        ("acct.blob.azurestack.contoso.com", True, True, True),
        # A DNS-zone endpoint: the Linux handler's test for identities misses it.
        ("acct.z01.blob.storage.azure.net", False, False, False),
        ("acct.file.core.windows.net", False, False, False),
        ("scripts.contoso.com", False, False, False),
    ],
)
def test_which_hosts_are_read_with_what(host: str, identity: bool, key: bool, blob: bool) -> None:
    found = url(f"https://{host}/c/x.ps1")
    assert (found.reads_with_identity, found.reads_with_key, found.is_blob) == (identity, key, blob)


@pytest.mark.parametrize(
    "text",
    ["", "x.ps1", "/x", "//h/x", "https:///x", "https://h", "https://h/", "https://h/a/", "https://h/..", "https://h/%2F",
     "file:///x", "https://h:x/y", "https://h/a b", "https://h/a\tb", "https://h/%", "https://h/a\\b", "\\\\h\\x", "https://["],
)  # fmt: skip
def test_what_no_handler_can_download_has_a_fault(text: str) -> None:
    assert list(faults(text))
    assert parse(text) is None
