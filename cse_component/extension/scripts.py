"""The entries of `scripts` as the compiler sees them: what runs, under which name, from which bytes or URL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from cse_component.errors import Problem

from .arguments import Arguments, Script
from .handlers import SUFFIX_OS, Handler, Interpreter, OsType
from .leaf import Leaf, Made, make
from .text import ScriptText, UnusableScript, canonical
from .urls import FileUrl, parse

ReadFile = Callable[[str], bytes]
"""Reads a local file; raises UnusableScript. This half opens no file by itself."""


def last_part(path: str) -> str:
    """The file's name in a path written with either kind of slash."""
    return path.replace("\\", "/").rpartition("/")[2]


def suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


@dataclass(frozen=True)
class RunnableScript:
    """One script.

    index: its place in `scripts`.
    name: its file name on the machine.
    path: where it lies, relative to the download directory, with `/` between folders.
    text: its `ScriptText`; None for one that is downloaded.
    url: its `FileUrl`; None for one that is delivered inline.
    """

    index: int
    entry: Script
    name: Made
    path: Made
    text: Made | None
    url: Made | None

    @property
    def arguments(self) -> list[Leaf[str]]:
        return self.entry.arguments if isinstance(self.entry.arguments, list) else []

    @property
    def label(self) -> str:
        """How a plan key calls it. Only what is written down in the program: it must not change between preview and up,
        nor hold a secret."""
        for leaf in (self.entry.name, self.entry.path, self.entry.uri):
            if leaf is not None and leaf.readable and not leaf.sources:
                url = parse(leaf.of()) if leaf is self.entry.uri else None
                return last_part(url.parts.path if url else leaf.of())
        return f"scripts[{self.index}]"

    def interpreter(self, handler: Handler) -> Interpreter | None:
        """How it is started; None when this machine cannot start it. Only for a script whose name is known."""
        if handler.os_type is OsType.LINUX and self.text is not None and self.text.known and self.text.value.shebang:
            return handler.other_interpreter
        return handler.interpreter(suffix(self.name.value))


def spoken_os(arguments: Arguments) -> set[OsType]:
    """The operating systems that the scripts' names, or a nameless one's shebang, and failing these URLs speak for.

    Names that come from Outputs have no say: the answer must be the same at preview and at up.
    """
    entries = [entry for entry in arguments.known_scripts if isinstance(entry, Script)]
    scripts = _spoken([leaf for entry in entries for leaf in (entry.name, entry.path, entry.uri)])
    if any(entry.name is None and _has_shebang(entry.content) for entry in entries):
        scripts.add(OsType.LINUX)
    return scripts or _spoken(list(arguments.known_file_uris))


def _has_shebang(content: Leaf[str] | None) -> bool:
    return content is not None and content.readable and not content.sources and content.of().startswith("#!")


def _spoken(leaves: list[Leaf[str] | None]) -> set[OsType]:
    systems = set()
    for leaf in leaves:
        if leaf is not None and leaf.readable and not leaf.sources:
            url = parse(leaf.of())
            system = SUFFIX_OS.get(suffix(last_part(url.parts.path if url else leaf.of())))
            if system:
                systems.add(system)
    return systems


def runnable(arguments: Arguments, handler: Handler, read: ReadFile) -> tuple[list[RunnableScript], list[Problem]]:
    """Every entry that has one source, read; and what is wrong with those that cannot be."""
    scripts: list[RunnableScript] = []
    problems: list[Problem] = []
    for index, entry in enumerate(arguments.known_scripts):
        if not isinstance(entry, Script):
            continue
        try:
            script = _runnable(index, entry, handler.os_type, read)
        except UnusableScript as unusable:
            source = "content" if entry.path is None else "path"
            problems.append(Problem(("scripts", index, source), unusable.reason, unusable.mend))
        else:
            if script:
                scripts.append(script)
    return scripts, problems


def _runnable(index: int, entry: Script, os_type: OsType, read: ReadFile) -> RunnableScript | None:
    if entry.uri is not None:
        uri = entry.uri
        if uri.known and not parse(uri.of()):
            return None  # said by the rule for URLs
        url = make(parse, uri)
        path = make(lambda found: found.local_path(os_type), url)
        return RunnableScript(index, entry, make(last_part, path), path, None, url)
    source = entry.path or entry.content
    if source is None:
        return None  # said by the rule for sources
    default = "script.ps1" if os_type is OsType.WINDOWS else "script.sh"
    if entry.name is not None:
        name = make(str, entry.name)
    else:
        name = make(last_part, entry.path) if entry.path is not None else Made(default)

    def text(name: str, source: str) -> ScriptText:
        raw = read(source) if entry.path is not None else source.encode()
        return canonical(raw, suffix(name), os_type)

    return RunnableScript(index, entry, name, name, make(text, name, source), None)


def downloads(arguments: Arguments, scripts: list[RunnableScript]) -> list[tuple[Leaf[str], FileUrl | None]]:
    """Every URL the handler downloads, in the order it is sent; None for one that is not known yet."""
    leaves = [script.entry.uri for script in scripts if script.entry.uri is not None] + arguments.known_file_uris
    return [(leaf, parse(leaf.of()) if leaf.known else None) for leaf in leaves]
