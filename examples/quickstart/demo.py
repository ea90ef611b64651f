"""The quickstart on the real Pulumi engine, without Azure: `make demo`.

Runs `__main__.py` as it is, from a copy, against LocalAzure, and checks what it says of each step: it ends with exit
code 1 and one sentence when something is not so.
"""

from __future__ import annotations

import base64
import os
import re
import runpy
import shutil
import sys
import tempfile
import textwrap
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pulumi.automation as auto

from cse_component.testing import LocalAzure

QUICKSTART = Path(__file__).resolve().parent
SCRIPT = Path("scripts/install-iis.ps1")
VM = "web"

PASSWORD = "Adm1n-of-the-demo"
OLD_KEY = "reg-5d1f0c72-before"
NEW_KEY = "reg-9be46a38-after"

FAILURE = (
    "Install-WindowsFeature : ArgumentNotValid: The role, role service, or feature name is not valid: 'Web-Servr'."
)

_RESET = "\x1b[0m"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_NOISE = re.compile(
    r"""^\s*$ | ^@\  | ^Previewing\ update | ^Updating\  | ^Duration: | ^\s*\[(id|urn|provider)=
        | pulumi:pulumi:Stack(?!\ \()                              # but not its heading under Diagnostics
        | ^(?!.*:CustomScriptExtension\ ).*ing\ [a-z ]*\(\d+s\)  # a component has no row but that of its beginning
    """,
    re.VERBOSE,
)


class BrokenClaimError(Exception):
    """Something that the demo says is not so."""


def claim(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BrokenClaimError(otherwise)


def spellings(secret: str) -> Iterator[str]:
    """A secret as it could appear in a text: itself, and in base64 of something that holds it."""
    yield secret
    for offset in range(3):
        text = base64.b64encode(bytes(offset) + secret.encode()).decode()
        # Only the characters that no neighbour has a bit in.
        yield text[-(-offset * 8 // 6) : (offset + len(secret)) * 8 // 6]


def occurrences(secrets: Sequence[str], text: str) -> int:
    return sum(text.count(spelling) for secret in secrets for spelling in spellings(secret))


class Demo:
    """One stack, and everything that was printed about it."""

    def __init__(self, azure: LocalAzure, program: Callable[[], Any]) -> None:
        self.azure = azure
        self.printed: list[str] = []
        self._color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._steps = 0
        self._stack = azure.stack(
            program, project="cse-quickstart", secrets={"adminPassword": PASSWORD, "registrationKey": OLD_KEY}
        )

    def say(self, text: str = "") -> None:
        self.printed.append(text)
        print(text, flush=True)

    def step(self, headline: str, why: str) -> None:
        self._steps += 1
        title = f"{self._steps}. {headline}"
        self.say()
        self.say(f"\x1b[1m{title}{_RESET}" if self._color else title)
        for line in textwrap.wrap(why, 108):
            self.say(f"   {line}")

    def preview(self, *, diff: bool = False) -> tuple[set[str], str]:
        """What it would do to resources, by kind; and all that the CLI wrote."""
        self.say(f"   $ pulumi preview{' --diff' if diff else ''}")
        lines: list[str] = []
        changes: set[str] = set()
        try:
            result = self._stack.preview(diff=diff, **self._output(lines))
            # Annotated as OpType, and text when it comes.
            changes = {auto.OpType(kind).value for kind in result.change_summary}
        except auto.CommandError:
            claim(False, "`pulumi preview` failed: the reason stands above")
        finally:
            self._show(lines, whole=not diff)
        return changes, _plain(lines)

    def up(self, *, fails: bool = False) -> str:
        """All that the CLI wrote."""
        self.say("   $ pulumi up")
        lines: list[str] = []
        try:
            self._stack.up(**self._output(lines))
        except auto.CommandError:
            claim(fails, "`pulumi up` failed: the reason stands above")
        else:
            claim(not fails, "`pulumi up` succeeded although the script failed")
        finally:
            self._show(lines, whole=True)
        return _plain(lines)

    def rotate(self, key: str) -> None:
        self._stack.set_config("registrationKey", auto.ConfigValue(key, secret=True))

    def ran(self, count: int, why: str, *, exit_code: int = 0) -> None:
        """Claims that the script has run `count` times, and tells of the last."""
        runs = self.azure.runs(VM)
        claim(len(runs) == count, f"LocalAzure recorded {len(runs)} runs of the script where {count} were due")
        last = runs[-1]
        claim(last.why == why, f"run {count} took place for another reason than '{why}': {last.why}")
        claim(last.exit_code == exit_code, f"run {count} ended with exit code {last.exit_code}, not {exit_code}")
        self.say(f"   => run {count} on machine '{VM}', exit code {exit_code}: {why}")

    def did_not_run(self, count: int) -> None:
        claim(len(self.azure.runs(VM)) == count, f"the script ran although it should have stayed at {count} runs")

    def state(self) -> str:
        """All that Pulumi stored: the state, its history and its backups."""
        url = urllib.parse.urlsplit(self.azure.environment["PULUMI_BACKEND_URL"])
        files = [file for file in Path(urllib.request.url2pathname(url.path)).rglob("*") if file.is_file()]
        return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)

    def _output(self, lines: list[str]) -> dict[str, Any]:
        return {
            "on_output": lambda line: lines.append(line.rstrip("\r\n")),
            "on_error": lambda line: lines.append(line.rstrip("\r\n")),
            "color": "always" if self._color else "never",
        }

    def _show(self, lines: Sequence[str], *, whole: bool) -> None:
        """Prints the CLI's lines, without noise; of a `--diff` only what follows the machine."""
        self.printed += lines
        reached = whole
        for line in lines:
            bare = _ANSI.sub("", line)
            reached = reached or ":CustomScriptExtension:" in bare or bare.startswith("Resources:")
            if reached and not _NOISE.search(bare):
                # The CLI carries a colour from line to line.
                print(f"   | {line}{_RESET if self._color else ''}", flush=True)


def _plain(lines: Sequence[str]) -> str:
    return _ANSI.sub("", "\n".join(lines))


def edit(old: str, new: str) -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    claim(text.count(old) == 1, f"the quickstart's script does not hold '{old}' once")
    SCRIPT.write_text(text.replace(old, new), encoding="utf-8", newline="\n")


def tell(demo: Demo) -> None:
    """The story, step by step."""
    demo.step(
        "Preview: a reviewer sees what will run, where and as whom",
        "The script travels inside the extension's settings; its argument from a secret is masked. (The CLI cuts long "
        "texts of new resources: --show-full-output prints all of it.) Group, network and machine are left out here.",
    )
    _, text = demo.preview(diff=True)
    claim("script install-iis.ps1" in text and r"-File .\\install-iis.ps1" in text, "the preview shows no script")
    claim('[1]: "shop"' in text and "[2]: [secret]" in text, "the preview does not show the script's arguments")
    demo.did_not_run(0)

    demo.step("Up: the machine is made, then the script runs on it", "The first run.")
    demo.up()
    demo.ran(1, "first run")

    demo.step(
        "One line of the script is edited: the preview shows that line",
        "The script's text is part of the component's plan, so that the engine compares it line by line.",
    )
    edit("<h1>Welcome to $Site</h1>", "<h1>Hello from $Site</h1>")
    _, text = demo.preview(diff=True)
    changed = re.findall(r"^ *([-+]) Set-Content .*<h1>(\w+)", text, re.MULTILINE)
    claim(changed == [("-", "Welcome"), ("+", "Hello")], "the preview does not show the line that was edited")
    demo.did_not_run(1)

    demo.step(
        "Up: the edited script runs, because its timestamp follows its text",
        "Azure's handler runs a script again only when its settings differ. Nobody has to remember to bump anything.",
    )
    demo.up()
    demo.ran(2, "settings.timestamp, protectedSettings.commandToExecute changed")

    demo.step("Preview: nothing changed, so nothing would run", "No clock and no random value is part of the settings.")
    changes, _ = demo.preview()
    claim(changes == {"same"}, "the preview shows changes although nothing changed")

    demo.step(
        "The same script with CRLF line ends, as from a checkout on Windows: nothing would run",
        "What is sent and hashed is one canonical form of the text.",
    )
    SCRIPT.write_bytes(SCRIPT.read_bytes().replace(b"\n", b"\r\n"))
    changes, _ = demo.preview()
    claim(changes == {"same"}, "other line ends make the preview show changes")
    demo.did_not_run(2)

    demo.step(
        "A secret argument is rotated: the script runs again, and the secret shows nowhere",
        "It reaches the machine in protectedSettings alone, and no public hash is made of it: the timestamp stays.",
    )
    before = demo.azure.extension(VM).settings
    demo.rotate(NEW_KEY)
    demo.up()
    demo.ran(3, "protectedSettings.commandToExecute changed")
    claim(demo.azure.extension(VM).settings == before, "a secret changed the public settings")
    old, new = (run.command or "" for run in demo.azure.runs(VM)[1:])
    claim(
        bool(occurrences([OLD_KEY], old) and occurrences([NEW_KEY], new)),
        "the machine did not receive the secret that was set",
    )
    nowhere(demo)

    demo.step(
        "The script fails: so does the deployment, in the script's own words",
        "A misspelled feature. LocalAzure executes nothing: it is told to answer as the machine would.",
    )
    edit("-Name Web-Server ", "-Name Web-Servr ")
    demo.azure.fail(VM, exit_code=1, stderr=FAILURE)
    text = demo.up(fails=True)
    claim(FAILURE in text, "the message of the failed script is missing")
    demo.ran(4, "settings.timestamp, protectedSettings.commandToExecute changed", exit_code=1)

    demo.step(
        "Up once more, with nothing changed: what failed runs again",
        "Azure would answer the same settings with the old failure and run nothing, so the extension is made anew: for Azure a first run.",
    )
    demo.up()
    demo.ran(5, "first run")
    changes, _ = demo.preview()
    claim(changes == {"same"}, "the preview shows changes although the last run succeeded")


def nowhere(demo: Demo) -> None:
    """Claims that no registration key is in the output or the state."""
    state = demo.state()
    claim("CustomScriptExtension" in state, "Pulumi's state is not where it was looked for")
    for place, text in (
        (f"{len(demo.printed)} lines of output, stdout and stderr", "\n".join(demo.printed)),
        ("Pulumi's state and its history", state),
    ):
        found = occurrences([OLD_KEY, NEW_KEY], text)
        claim(found == 0, f"a registration key stands in clear in {place}")
        demo.say(f"   => both keys, raw and in base64, in {place}: {found} occurrences")


def run(azure: LocalAzure) -> None:
    def program() -> None:
        runpy.run_path("__main__.py", run_name="__main__")

    try:
        demo = Demo(azure, program)
    except FileNotFoundError as error:
        raise BrokenClaimError(str(error)) from None
    demo.say("examples/quickstart, as it is, deployed by the real Pulumi engine to LocalAzure: a make-believe Azure on")
    demo.say("this machine that records what would run. No login, no cloud; a temporary directory holds all of it.")
    demo.say("Lines after | are the CLI's, without blank and progress lines, ids, URNs and the row of the stack.")
    tell(demo)
    claim(not occurrences([OLD_KEY, NEW_KEY], "\n".join(demo.printed)), "a registration key was printed")
    runs = demo.azure.runs(VM)
    demo.say()
    demo.say(f"Done: {len(runs)} runs, each for a reason:")
    reasons = ("created", "script edited", "secret rotated", "script edited, failed", "run again after the failure")
    for number, (record, reason) in enumerate(zip(runs, reasons, strict=True), 1):
        demo.say(f"  run {number}  exit code {record.exit_code}  {reason}")
    demo.say("None for a preview, an unchanged script or another checkout. To deploy it to Azure, see README.md.")


def main() -> int:
    started_in = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="cse-demo-", ignore_cleanup_errors=True) as directory:
        copy = Path(directory, "quickstart")
        shutil.copytree(QUICKSTART, copy, ignore=shutil.ignore_patterns("__pycache__"))
        try:
            # Pulumi runs a program in its own directory: paths of scripts are relative to it.
            os.chdir(copy)
            with LocalAzure() as azure:
                run(azure)
        except BrokenClaimError as broken:
            print(f"demo: {broken}", file=sys.stderr)
            return 1
        finally:
            os.chdir(started_in)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
