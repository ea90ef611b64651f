"""Arguments as leaves, written shortly; and what the compiler makes of them, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cse_component.errors import ArgumentError, Problem
from cse_component.extension.compile import Compiled, compile_extension
from cse_component.extension.leaf import Leaf, Made
from cse_component.extension.text import UnusableScript

UNKNOWN: Leaf[Any] = Leaf(None, known=False)


def secret(value: object) -> Leaf[Any]:
    return Leaf(value, secret=True)


def from_output(value: object) -> Leaf[Any]:
    """A value that an Output held."""
    return Leaf(value, sources=(object(),))


def leaves(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: leaves(element) for key, element in value.items()}
    if isinstance(value, list):
        return [leaves(element) for element in value]
    return value if isinstance(value, Leaf) else Leaf(value)


FILES = {
    "install.ps1": b"Write-Host 'installing'\n",
    "scripts/configure.ps1": b"Write-Host 'configuring'\n",
    "join.sh": b"#!/bin/sh\necho joined\n",
    "setup.cmd": b"echo set up\n",
    "report.py": b"print('report')\n",
    "empty.ps1": b" \r\n",
    "tool.exe": b"MZ\x00\x01",
    "latin1.ps1": "Write-Host 'é'".encode("latin-1"),
    "big.ps1": b"# a comment that fills space\n" * 300,
    "huge.sh": b"# a comment that fills space\n" * 9000,
}


def read(path: str) -> bytes:
    try:
        return FILES[path]
    except KeyError:
        raise UnusableScript("does not exist", "Write the path relative to the program's directory.") from None


def compiled(*, final: bool = True, **arguments: Any) -> Compiled:
    tree = leaves({"resource_group_name": "rg", "vm_name": "vm1", **arguments})
    return compile_extension("CustomScriptExtension 'web'", tree, read, final=final)


def refused(*, final: bool = True, **arguments: Any) -> tuple[Problem, ...]:
    """The problems of arguments that are refused; empty when they are not."""
    try:
        compiled(final=final, **arguments)
    except ArgumentError as error:
        return error.problems
    return ()


def values(tree: Any) -> Any:
    """A compiled tree as plain values; what is not known is `...`."""
    if isinstance(tree, (Leaf, Made)):
        return values(tree.value) if tree.known else ...
    if isinstance(tree, Mapping):
        return {key: values(element) for key, element in tree.items()}
    return [values(element) for element in tree] if isinstance(tree, list) else tree
