"""Documentation pages that are tested: their programs are deployed, and their output blocks are the engine's own.

A comment directly above a fenced block says what the block is; readers do not see it:

    <!-- file: scripts/install.ps1 -->   a file beside the program; a later one of that name is an edit of it
    <!-- run -->                         a program; all of these on a page are deployed together, at the end
    <!-- run: alone -->                  a program with a stack of its own, for output blocks
    <!-- run: next -->                   the next deployment of that stack
    <!-- run: refused -->                a program that must fail at preview
    <!-- output: preview --diff -->      what `pulumi preview --diff` says of that program; also `preview` and `up`
    <!-- output: preview --diff, component -->  of it, the plan alone
    <!-- output: sent -->                what its machine `vm1` receives, as JSON

and some stand alone:

    <!-- config: site=shop -->           plain configuration, from here on
    <!-- secret: apiKey=... -->          secret configuration, from here on
    <!-- fail: 5 disk full -->           the next run ends with this exit code, and these last words

`group`, `vm` (Windows) and `linux_vm` are given to a program that names them. Every block of Python has a comment.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pulumi.automation as auto
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2_grpc

from cse_component.testing import LocalAzure
from tests.engine import machine, resource_group

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
        self._stack = azure.stack(lambda: None)
        self._config = config
        self._configured: dict[str, auto.ConfigValue] = {}
        self._program: Callable[[], None] = lambda: None
        self._due = False
        self._new = False
        self._looked = False
        self.refused = False
        self.failing = False

    def change(self, program: Callable[[], None] | None = None) -> None:
        """The program, or something it reads, is another one. What was there before is deployed first, but for edits
        that nobody looked at."""
        if self._new or self._looked:
            self.deploy()
        self._looked = False
        self._new = program is not None
        self._program = program or self._program
        self._due = not self.refused

    def end(self) -> None:
        """Every program is deployed; an edit that was looked at need not be."""
        if self._new:
            self.deploy()

    def deploy(self) -> None:
        if self._due:
            self._say("up")
            assert all(extension.provisioning_state == "Succeeded" for extension in self.azure.extensions())

    def answer(self, what: str) -> str:
        if what == "sent":
            self.deploy()
            sent = self.azure.extension("vm1")
            both = {"settings": sent.settings, "protectedSettings": sent.protected_settings}
            return json.dumps(both, indent=2, sort_keys=True) + "\n"
        self._looked = True
        command, _, part = what.partition(", ")
        return f"$ pulumi {command}\n{shown(self._say(command), part)}\n"

    def _say(self, command: str) -> str:
        if self._config != self._configured:
            self._stack.set_all_config(self._config)
            self._configured = dict(self._config)
        fails = self.refused
        if command == "up":
            fails, self.failing, self._due = self.failing, False, False
        failed, said = self._pulumi(f"{command} --yes --skip-preview" if command == "up" else command)
        assert failed == fails, said
        return said

    def _pulumi(self, command: str) -> tuple[bool, str]:
        """The CLI alone: the Automation API asks for outputs and history after each `up`, four more starts of it."""
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
        language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageServer(self._program), server)
        client = f"--client=127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        try:
            done = subprocess.run(
                ["pulumi", *command.split(), "--stack=dev", client, "--exec-kind=auto.inline", "--non-interactive"],
                cwd=self._stack.workspace.work_dir, env={**os.environ, **self.azure.environment, "NO_COLOR": "1"},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        finally:
            server.stop(None).wait()
        return done.returncode != 0, done.stdout + done.stderr


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
            for block in self.blocks:
                if block.kind == "run" and not block.what:
                    together.append(block.text)
                elif block.kind == "run":
                    if block.what != "next":
                        if story is not None:
                            story.end()
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
                    story.failing = True
                else:
                    if story is not None:
                        story.change()
                    self._give(block, config)
            if story is not None:
                story.end()
            if together:
                self._deploy_together(together, config)

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
        if ours and not re.search(r"^\s*\[(id|urn|provider)=|ing \(\d+s\)|^Duration", line):
            kept.append(re.sub(r" \([\d.]+s\)|(?<=\S);? error: 1 error occurred:$", "", line).rstrip())
    if part:
        kept = kept[: next(index for index, line in enumerate(kept) if line.startswith("Resources:"))]
    # Pulumi's host for inline programs says a refusal twice.
    said = "\n".join(kept).partition("    error: an unhandled error occurred")
    text = said[0] + said[2][said[2].find("\nResources:") :] if said[1] else said[0]
    return re.sub(r"\n\n+", "\n", text).strip("\n")


__all__ = ["Page", "blocks", "shown"]
