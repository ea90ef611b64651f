"""What makes a script run again, and what does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.extension.given import UNKNOWN, compiled, from_output, secret, values

BLOB = "https://acct.blob.core.windows.net/c/a.ps1"


def timestamp(**arguments: Any) -> Any:
    return values(compiled(**arguments).timestamp)


BASE: dict[str, Any] = {
    "scripts": [
        {"content": "Write-Host 1", "name": "a.ps1", "arguments": ["x", "y"]},
        {"uri": BLOB.replace("a.ps1", "b.ps1"), "sha256": "a" * 64},
    ],
    "file_uris": ["https://h/f.json"],
    "triggers": {"version": 1},
}


def changed(**changes: Any) -> dict[str, Any]:
    return {**BASE, **changes}


def script(**changes: Any) -> dict[str, Any]:
    return {"scripts": [{**BASE["scripts"][0], **changes}, BASE["scripts"][1]]}


@pytest.mark.parametrize(
    "changes",
    [
        script(content="Write-Host 2"),
        script(name="c.ps1"),
        script(arguments=["x"]),
        script(arguments=["y", "x"]),
        script(arguments=["x", "y", ""]),
        {"scripts": BASE["scripts"][::-1]},
        {"scripts": BASE["scripts"][:1]},
        {"scripts": [BASE["scripts"][0], {**BASE["scripts"][1], "sha256": "b" * 64}]},
        {"scripts": [BASE["scripts"][0], {"uri": BLOB.replace("a.ps1", "d.ps1"), "sha256": "a" * 64}]},
        {"file_uris": ["https://h/g.json"]},
        {"file_uris": []},
        {"triggers": {"version": 2}},
        {"triggers": {"version": "1"}},
        {"triggers": {"release": 1}},
        {"triggers": {}},
    ],
)
def test_a_change_of_what_runs_changes_the_timestamp(changes: dict[str, Any]) -> None:
    assert timestamp(**changed(**changes)) != timestamp(**BASE)


@pytest.mark.parametrize(
    "changes",
    [
        script(content="Write-Host 1\r\n"),
        script(content="\ufeffWrite-Host 1\n"),
        {"scripts": [BASE["scripts"][0], {**BASE["scripts"][1], "sha256": "A" * 64}]},
        {"triggers": {"version": from_output(1)}},
        {"vm_name": "vm2", "resource_group_name": "other", "location": "northeurope", "tags": {"a": "b"}},
        {"managed_identity": {}},
        {"extension_name": "setup"},
    ],
)
def test_what_does_not_run_does_not_change_it(changes: dict[str, Any]) -> None:
    assert timestamp(**changed(**changes)) == timestamp(**BASE)


def test_a_file_that_moves_to_another_folder_does_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.extension import given

    monkeypatch.setitem(given.FILES, "other/install.ps1", given.FILES["install.ps1"])
    assert timestamp(scripts=[{"path": "install.ps1"}]) == timestamp(scripts=[{"path": "other/install.ps1"}])


def test_a_raw_command_and_its_text_as_a_script_differ() -> None:
    assert timestamp(command_to_execute="a") != timestamp(command_to_execute="b")


def test_a_secret_never_enters_it() -> None:
    first = compiled(**changed(**script(arguments=[secret("one"), "y"])))
    second = compiled(**changed(**script(arguments=[secret("two"), "y"])))
    assert values(first.timestamp) == values(second.timestamp)
    assert not first.timestamp.secret
    assert values(first.content_sha256) != values(second.content_sha256)
    assert first.content_sha256.secret


def test_a_sas_token_never_enters_it() -> None:
    assert timestamp(command_to_execute="x", file_uris=[BLOB + "?sig=1"]) == timestamp(
        command_to_execute="x", file_uris=[BLOB + "?sig=2"]
    )


def test_an_unknown_value_leaves_it_unknown_and_a_secret_one_does_not() -> None:
    assert timestamp(**changed(triggers={"version": UNKNOWN})) is ...
    assert timestamp(**changed(**script(arguments=[secret("one"), UNKNOWN]))) is ...


def test_it_is_a_positive_32_bit_integer() -> None:
    assert all(0 <= timestamp(command_to_execute=str(number)) < 2**31 for number in range(200))


def test_a_given_timestamp_is_sent_as_it_is() -> None:
    assert values(compiled(command_to_execute="x", timestamp=-5).settings)["timestamp"] == -5


def test_it_is_the_same_in_every_process() -> None:
    """Hash seeds and dictionary order differ between processes; a pinned value also guards the canonical form."""
    program = "from tests.extension.test_digest import *; print(timestamp(**BASE))"
    printed = {
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path.cwd())},
            capture_output=True, text=True, check=True,
        ).stdout.strip()
        for seed in ("0", "1", "77")
    }  # fmt: skip
    assert printed == {str(timestamp(**BASE))} == {PINNED}


PINNED = "85602067"
"""A change of the canonical form re-runs every script of every user once: it needs a line in the changelog."""
