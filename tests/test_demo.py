"""`make demo` tells the truth: it checks every claim itself, so here its exit code, its key lines and its silence count."""

import base64
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.quickstart import demo

DEMO = Path(demo.__file__)
README = DEMO.parents[2] / "README.md"
FILES = {path for path in DEMO.parent.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def run(python: str | Path = sys.executable, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [python, DEMO],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(name="told", scope="module")
def _told(tmp_path_factory: pytest.TempPathFactory) -> Iterator["subprocess.CompletedProcess[str]"]:
    temporary = tmp_path_factory.mktemp("demo")
    yield run(TMPDIR=str(temporary), TEMP=str(temporary), TMP=str(temporary))
    assert not list(temporary.iterdir()), "the demo left files behind"


@pytest.mark.xdist_group("demo")
class TestDemo:
    """One run of the demo, looked at from several sides."""

    def test_every_claim_holds(self, told: "subprocess.CompletedProcess[str]") -> None:
        """Exit code 0, and nothing on stderr."""
        assert (told.returncode, told.stderr) == (0, "")

    def test_the_edited_line_is_shown(self, told: "subprocess.CompletedProcess[str]") -> None:
        """As the engine's own line diff."""
        changed = re.findall(r"^ +\| +([-+]) Set-Content .*(<h1>.*</h1>)", told.stdout, re.MULTILINE)
        assert changed == [("-", "<h1>Welcome to $Site</h1>"), ("+", "<h1>Hello from $Site</h1>")]

    def test_the_readme_shows_it(self, told: "subprocess.CompletedProcess[str]") -> None:
        """README.md quotes this run, line by line."""
        quoted = re.search(r"<!-- from: make demo, step 3 -->\n```text\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
        assert quoted
        step = told.stdout.partition("\n3. ")[2].partition("\n4. ")[0]
        printed = [line.removeprefix("   |").strip() for line in step.splitlines()]
        lines = [line.strip() for line in quoted[1].splitlines()]
        start = printed.index(lines[0])
        assert printed[start : start + len(lines)] == lines

    def test_each_run_has_its_reason(self, told: "subprocess.CompletedProcess[str]") -> None:
        """Five runs, none of them for a preview or for other line ends."""
        assert re.findall(r"=> run (\d) on machine 'web', exit code (\d): (.*)", told.stdout) == [
            ("1", "0", "first run"),
            ("2", "0", "settings.timestamp, protectedSettings.commandToExecute changed"),
            ("3", "0", "protectedSettings.commandToExecute changed"),
            ("4", "1", "settings.timestamp, protectedSettings.commandToExecute changed"),
            ("5", "0", "first run"),
        ]

    def test_unchanged_previews_say_so(self, told: "subprocess.CompletedProcess[str]") -> None:
        """After nothing, after CRLF, and at the end."""
        assert len(re.findall(r"\$ pulumi preview\n +\| Resources:\n +\|     8 unchanged\n", told.stdout)) == 3

    def test_no_secret_is_printed(self, told: "subprocess.CompletedProcess[str]") -> None:
        """Neither key nor password, on neither stream; and the demo says so of its own accord."""
        assert told.stdout.count(": 0 occurrences") == 2
        secrets = (demo.OLD_KEY, demo.NEW_KEY, demo.PASSWORD)
        assert demo.occurrences(secrets, told.stdout + told.stderr) == 0

    def test_it_leaves_the_quickstart_alone(self, told: "subprocess.CompletedProcess[str]") -> None:
        """It edits a copy."""
        assert {path for path in DEMO.parent.rglob("*") if path.is_file() and "__pycache__" not in path.parts} == FILES
        assert "Welcome to $Site" in (DEMO.parent / demo.SCRIPT).read_text(encoding="utf-8")

    def test_it_is_plain_text_in_a_pipe(self, told: "subprocess.CompletedProcess[str]") -> None:
        """Colours are for terminals."""
        assert "\x1b" not in told.stdout


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "echo "])
@pytest.mark.parametrize("after", ["", "\n", " and more"])
def test_a_secret_is_found_in_base64(before: str, after: str) -> None:
    """Wherever it stands in what was encoded."""
    text = base64.b64encode(f"{before}{demo.NEW_KEY}{after}".encode()).decode()
    assert demo.occurrences([demo.NEW_KEY], f"x {text} y") > 0
    assert demo.occurrences([demo.OLD_KEY], f"x {text} y") == 0


def test_without_a_cli_it_says_what_to_do(tmp_path: Path) -> None:
    """One sentence that names `make setup`, and exit code 1."""
    # A CLI beside the interpreter is found without PATH, and `make setup` puts one there.
    python = tmp_path / "python"
    python.symlink_to(Path(sys.executable).resolve())
    told = run(python, PATH=str(tmp_path))
    assert told.returncode == 1
    assert told.stdout == ""
    assert re.fullmatch(r"demo: no pulumi CLI .*`make setup`.*\n", told.stderr)
