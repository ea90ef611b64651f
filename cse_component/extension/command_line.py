"""The command that runs `scripts`: written for cmd.exe on Windows, for /bin/sh on Linux.

The first script that fails ends the command, and its exit code is the command's.
A raw `command_to_execute` never comes through here.
"""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Iterator, Sequence

from cse_component.errors import Path, Problem

from .handlers import Handler, Interpreter, OsType
from .leaf import Made, join, make
from .scripts import RunnableScript, suffix
from .text import ScriptText

_DASHES = "-\u2013\u2014\u2015"
"""What PowerShell takes for a dash: the hyphen, the en dash, the em dash and the horizontal bar."""

_PLAIN = re.compile(r"[\w.:/\\@+-]+", re.ASCII)

_SHELL_SAFE = re.compile(r"[\w.:/\\@+=,-]+", re.ASCII)
"""What neither cmd.exe nor the argument reader of Windows programs gives a meaning to."""


def quote(text: str, os_type: OsType) -> str:
    """One argument, for a text that `unfit` found nothing wrong with."""
    if os_type is OsType.LINUX:
        return shlex.quote(text)
    if _SHELL_SAFE.fullmatch(text):
        return text
    # Within quotes cmd.exe leaves & | < > ^ alone; a backslash before the closing quote would escape it.
    trailing = len(text) - len(text.rstrip("\\"))
    return f'"{text}{chr(92) * trailing}"'


def unfit(argument: str, interpreter: Interpreter, os_type: OsType) -> tuple[str, str] | None:
    """Why an argument would not arrive as it is, and what to write instead."""
    if "\x00" in argument:
        return "holds a NUL character, which ends a command line", "Remove it."
    if interpreter.named_dash and argument[:1] and argument[0] in _DASHES:
        return (
            "starts with a dash, which PowerShell takes for the name of a parameter",
            "Give the value in another form, or write the whole line as command_to_execute.",
        )
    if os_type is OsType.LINUX:
        if "\r" in argument:
            return "holds a carriage return, which the handler's dos2unix removes", r"Use \n alone."
        return None
    found = next((name for character, name in _UNFIT_WINDOWS.items() if character in argument), None)
    if found:
        return f"holds {found}, which cmd.exe does not pass on as it is", "Put the value into the script or a file."
    if interpreter.plain_words and not _PLAIN.fullmatch(argument):
        return (
            "is empty, or holds more than letters, digits and . : / \\ @ + - _, which a batch file reads differently",
            "Put the value into the script, or use a .ps1 script.",
        )
    return None


_UNFIT_WINDOWS = {'"': "a double quote", "%": "a percent sign", "\n": "a newline", "\r": "a carriage return"}


def unfit_name(name: str, os_type: OsType) -> str | None:
    """Why `name` cannot be a file's name on the machine."""
    if not name or name in (".", "..") or "/" in name or "\\" in name or any(not c.isprintable() for c in name):
        return "is not a file name"
    if len(name.encode()) > 255:
        return "is longer than a file name may be (255 bytes)"
    if os_type is OsType.WINDOWS:
        if re.search(r'[<>:"\\|?*%]', name) or name[-1] in ". ":
            return "holds a character that Windows does not allow in a file name, or cmd.exe expands"
        if re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name, re.IGNORECASE):
            return "is a device name on Windows"
    return None


def _start(script: RunnableScript, handler: Handler) -> Made:
    """How one script is started, as one word group: interpreter and path."""

    def start(path: str, *_: object) -> str:
        interpreter = script.interpreter(handler)
        assert interpreter is not None
        here = f".\\{path.replace('/', chr(92))}" if handler.os_type is OsType.WINDOWS else f"./{path}"
        return f"{interpreter.command} {quote(here, handler.os_type)}".lstrip()

    # A shebang may overrule the suffix. Only then is the start as unknown, and as secret, as the text.
    overruled = script.text is not None and (
        not script.name.known or (handler.os_type is OsType.LINUX and suffix(script.name.value) in handler.interpreters)
    )
    return make(start, script.path, *([script.text] if script.text is not None and overruled else []))


def words(script: RunnableScript, handler: Handler) -> list[Made]:
    """How the script is started and each of its arguments, as they stand on the command line."""
    if script.entry.arguments is not None and not isinstance(script.entry.arguments, list):
        return [_start(script, handler), make(lambda _: "", script.entry.arguments)]
    quoted = [make(lambda text: quote(text, handler.os_type), argument) for argument in script.arguments]
    return [_start(script, handler), *quoted]


def invocation(script: RunnableScript, handler: Handler) -> Made:
    return join(" ", words(script, handler))


def windows_command(scripts: Sequence[RunnableScript], handler: Handler) -> Made:
    """One line for cmd.exe: writes the inline scripts under their own names, then runs each."""
    lines: list[Made] = []
    inline = [(script.name, script.text) for script in scripts if script.text is not None]
    if inline:
        writes = [make(_write_on_windows, name, text) for name, text in inline]
        lines.append(join("", [_WRITER, *writes, '"']))
    lines += [invocation(script, handler) for script in scripts]
    return join(" && ", lines)


# Plain base64 into a file under the script's own name: encoded commands and Invoke-Expression run by SYSTEM are what
# endpoint protection stops.
_WRITER = (
    "powershell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -Command \"$ErrorActionPreference='Stop';"
    "function w($n,$b){[IO.File]::WriteAllBytes((Join-Path $PWD $n),[Convert]::FromBase64String($b))}"
)


def _write_on_windows(name: str, script: ScriptText) -> str:
    # PowerShell ends a literal at any of five characters, and takes two of them for one.
    in_quotes = re.sub("(['\u2018\u2019\u201a\u201b])", r"\1\1", name)
    return f";w '{in_quotes}' '{base64.b64encode(script.data).decode()}'"


def linux_command(scripts: Sequence[RunnableScript], handler: Handler) -> Made:
    """One line for /bin/sh, when every script is downloaded."""
    return join(" && ", [invocation(script, handler) for script in scripts])


def linux_script(scripts: Sequence[RunnableScript], handler: Handler) -> Made:
    """The `script` setting, in base64: writes the inline scripts under their own names, then runs each."""
    parts: list[str | Made] = ["#!/bin/sh\nset -e\n"]
    parts += [make(_write_on_linux, script.name, script.text) for script in scripts if script.text is not None]
    parts += [join("", [invocation(script, handler), "\n"]) for script in scripts]
    return make(lambda text: base64.b64encode(text.encode()).decode(), join("", parts))


def _write_on_linux(name: str, script: ScriptText) -> str:
    lines = script.text.split("\n")
    # The delimiter comes from the content, so that the same script is always written with the same one.
    end = f"cse_{script.sha256[:8]}"
    while end in lines:
        end += "_"
    file = shlex.quote(f"./{name}")
    return f"cat > {file} <<'{end}'\n{script.text}{end}\nchmod 0700 {file}\n"


def argument_problems(scripts: Sequence[RunnableScript], handler: Handler) -> Iterator[Problem]:
    """Arguments that would be mangled on their way."""
    for script in scripts:
        interpreter = script.interpreter(handler) if script.name.known else None
        if interpreter is None:
            continue
        for index, argument in enumerate(script.arguments):
            found = unfit(argument.of(), interpreter, handler.os_type) if argument.known else None
            if found:
                field: Path = ("scripts", script.index, "arguments", index)
                yield Problem(field, *found)
