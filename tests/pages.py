"""Documentation pages that are tested: their programs are deployed, and their output blocks are the engine's own.

A comment directly above a fenced block says what the block is; readers do not see it:

    <!-- file: scripts/install.ps1 -->   a file beside the program; a later one of that name is an edit of it
    <!-- run -->                         a program with a stack of its own; those without output share one deployment
    <!-- run: next -->                   the next deployment of the last program's stack
    <!-- run: refused -->                a program that must fail at preview
    <!-- output: preview --diff -->      what `pulumi preview --diff` says of the last program; also `preview` and `up`
    <!-- output: preview --diff, component -->  of it, the plan alone
    <!-- output: sent -->                what the machine `vm1` of the last program receives, as JSON

and some stand alone:

    <!-- config: site=shop -->           plain configuration, from here on
    <!-- secret: apiKey=... -->          secret configuration, from here on
    <!-- fail: 5 disk full -->           the next run ends with this exit code, and these last words

`group`, `vm` (Windows) and `linux_vm` are given to a program that names them. Every block of Python has a comment.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi.automation as auto

from cse_component.testing import LocalAzure
from tests.engine import Engine, machine, resource_group

_BLOCK = re.compile(
    r"^<!-- (?P<kind>file|run|output|config|secret|fail)(?:: (?P<what>.*?))? -->\n(?:```[\w-]*\n(?P<text>.*?)^```$)?"
    r"|^```python\n(?P<unmarked>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass
class Block:
    """One marked block.

    span: where its text lies in the page.
    answer: what the text should be, for output.
    """

    kind: str
    what: str
    text: str
    span: tuple[int, int]
    answer: str | None = None


def blocks(page: str) -> Iterator[Block]:
    for found in _BLOCK.finditer(page):
        if found["unmarked"]:
            raise ValueError(f"a block of Python without a comment that says what to do with it:\n{found['unmarked']}")
        if found["text"] is None and found["kind"] in ("file", "run", "output"):
            raise ValueError(f"no block below the comment '{found['kind']}: {found['what']}'")
        yield Block(found["kind"], found["what"] or "", found["text"] or "", found.span("text"))


def program(code: str, name: str, number: str = "1") -> Callable[[], None]:
    """A page's program. number: tells its machines from those of other programs in one deployment."""
    compiled = compile(code, name, "exec")
    named = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}

    def run() -> None:
        given: dict[str, Any] = {"__name__": "__main__"}
        if named & {"group", "vm", "linux_vm"}:
            given["group"] = resource_group(f"rg{number.removeprefix('1')}")
        for variable, system in (("vm", "windows"), ("linux_vm", "linux")):
            if variable in named:
                given[variable] = machine(f"{variable.replace('_', '-')}{number}", given["group"].name, system=system)
        exec(compiled, given)

    return run


class Story:
    """One program, its stack, and what becomes of them."""

    def __init__(self, azure: LocalAzure, config: dict[str, auto.ConfigValue]) -> None:
        self.azure = azure
        self._engine = Engine(azure)
        self._config = config
        self._configured: dict[str, auto.ConfigValue] = {}
        self._program: Callable[[], None] = lambda: None
        self._due = False
        self.refused = False

    def change(self, program: Callable[[], None] | None = None) -> None:
        """What is given by now is deployed first; then the program, or something it reads, is another one."""
        self.deploy()
        self._program = program or self._program
        self._due = not self.refused

    def deploy(self) -> None:
        if self._due:
            self._say("up")
            assert all(extension.provisioning_state == "Succeeded" for extension in self.azure.extensions())

    def answer(self, what: str) -> str:
        if what == "sent":
            self.deploy()
            sent = self.azure.extension("vm1")
            both = {"settings": sent.settings, "protectedSettings": sent.protected_settings}
            return json.dumps(both, indent=2) + "\n"
        command, _, part = what.partition(", ")
        return f"$ pulumi {command}\n{shown(self._say(command), part)}\n"

    def _say(self, command: str) -> str:
        if self._config != self._configured:
            self._engine.stack(self._program).set_all_config(self._config)
            self._configured = dict(self._config)
        if command == "up":
            self._due = False
            result = self._engine.up(self._program)
        else:
            result = self._engine.preview(self._program, diff="--diff" in command)
        if result.failed and not (self.refused or "Extension (" in result.text):
            raise AssertionError(result.text + result.errors)
        assert result.failed or not self.refused
        return result.text


class Page:
    """One page, run from top to bottom in the current directory."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._page = file.read_text(encoding="utf-8")
        self.blocks = list(blocks(self._page))

    def run(self) -> None:
        """Deploys every program, and gives every block of output its answer."""
        config: dict[str, auto.ConfigValue] = {}
        together: list[str] = []
        with ExitStack() as azures:
            story: Story | None = None
            for index, block in enumerate(self.blocks):
                if block.kind == "run" and block.what != "next" and not self._has_output(index):
                    together.append(block.text)
                elif block.kind == "run":
                    if block.what != "next":
                        if story is not None:
                            story.deploy()
                        story = Story(azures.enter_context(LocalAzure()), config)
                        story.refused = block.what == "refused"
                    assert story is not None
                    story.change(program(block.text, self._file.name))
                elif block.kind == "output":
                    assert story is not None
                    block.answer = story.answer(block.what)
                elif block.kind == "fail":
                    assert story is not None
                    code, _, words = block.what.partition(" ")
                    story.azure.fail("vm1", exit_code=int(code), stderr=words)
                else:
                    if story is not None:
                        story.change()
                    self._give(block, config)
            if story is not None:
                story.deploy()
            if together:
                self._deploy_together(together, config)

    def _has_output(self, index: int) -> bool:
        for block in self.blocks[index + 1 :]:
            if block.kind == "output":
                return True
            if block.kind == "run" and block.what != "next":
                return False
        return False

    def _give(self, block: Block, config: dict[str, auto.ConfigValue]) -> None:
        if block.kind == "file":
            file = Path(block.what)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
        else:
            key, _, value = block.what.partition("=")
            config[key] = auto.ConfigValue(value, secret=block.kind == "secret")

    def _deploy_together(self, codes: list[str], config: dict[str, auto.ConfigValue]) -> None:
        programs = [program(code, self._file.name, str(number)) for number, code in enumerate(codes, 1)]

        def run() -> None:
            for each in programs:
                each()

        with LocalAzure() as azure:
            story = Story(azure, config)
            story.change(run)
            story.deploy()
            assert len(azure.extensions()) >= len(codes), "a program declares no extension"

    def updated(self) -> str:
        """The page with the answers in place of its output blocks."""
        page = self._page
        for block in reversed(self.blocks):
            if block.answer is not None:
                page = page[: block.span[0]] + block.answer + page[block.span[1] :]
        return page


# What a page shows of the engine's output --------------------------------------------------------------------------------

_OURS = ("cse-component:index:CustomScriptExtension", "azure-native:compute:VirtualMachineExtension")
_ROW = re.compile(r"^ *(?P<sign>[-+~]*) *(?P<type>[\w-]+:[\w/]+:\w+):? ")


def shown(text: str, part: str = "") -> str:
    """The lines about the component and its extension, and the summary: without ids, URNs, versions and durations."""
    kept: list[str] = []
    ours = False
    for line in text.split("\n"):
        row = _ROW.match(line)
        if line.startswith(("Resources:", "Diagnostics:")):
            ours = True
        elif line.startswith("  pulumi:pulumi:Stack ("):
            ours = "error: CustomScriptExtension" in text
        elif row:
            ours = row["type"] in (_OURS[:1] if part == "component" else _OURS)
        if ours and not re.search(r"^\s*\[(id|urn|provider)=|ing \(\d+s\)|^Duration|; error: ", line):
            kept.append(re.sub(r" \([\d.]+s\)", "", line))
    if part:
        kept = kept[: next(index for index, line in enumerate(kept) if line.startswith("Resources:"))]
    # Pulumi's host for inline programs says a refusal twice.
    said = "\n".join(kept).partition("    error: an unhandled error occurred")
    text = said[0] + said[2][said[2].find("\nResources:") :] if said[1] else said[0]
    return re.sub(r"\n\n+", "\n", text).strip("\n")


__all__ = ["Page", "blocks", "shown"]
