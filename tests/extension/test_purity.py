"""The pure half reaches neither Pulumi, files, environment, clock nor randomness."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import cse_component
import cse_component.extension

HALF = Path(cse_component.extension.__file__).parent
PACKAGE = Path(cse_component.__file__).parent

# Everything the half may import. A new entry needs a reason: none of these does I/O or reads the world.
ALLOWED = {
    "__future__", "base64", "codecs", "collections", "dataclasses", "difflib", "enum", "functools", "hashlib", "json", "pathlib",
    "pydantic", "pydantic_core", "re", "shlex", "typing", "urllib",
}  # fmt: skip
OPENS = {"open", "exec", "eval", "input", "print", "__import__", "breakpoint"}


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module or "")
    return names


def test_it_imports_nothing_that_touches_the_world() -> None:
    for file in [*HALF.rglob("*.py"), PACKAGE / "errors.py"]:
        tree = ast.parse(file.read_text())
        outside = {name.partition(".")[0] for name in imported(tree) if not name.startswith("cse_component")}
        assert outside <= ALLOWED, file.name
        inside = {name for name in imported(tree) if name.startswith("cse_component")}
        assert inside <= {"cse_component.errors"}, file.name
        assert "urllib.request" not in imported(tree)
        called = {
            node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not called & OPENS, file.name


def test_its_paths_are_text_only() -> None:
    for file in HALF.rglob("*.py"):
        taken = {
            alias.name
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module == "pathlib"
            for alias in node.names
        }
        assert taken <= {"PurePosixPath"}, file.name


def test_it_can_be_used_without_pulumi() -> None:
    program = (
        "import sys, cse_component.extension.compile\n"
        "sys.exit(any(name.split('.')[0] in ('pulumi', 'pulumi_azure_native', 'grpc') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_it_compiles_where_the_world_is_shut_off() -> None:
    """An audit hook refuses files, processes, sockets and randomness while a component is compiled."""
    program = """
import sys, cse_component.extension.compile as compile, cse_component.extension.leaf as leaf
def tree(value): return {k: tree(v) for k, v in value.items()} if isinstance(value, dict) else [tree(v) for v in value] if isinstance(value, list) else leaf.Leaf(value)
def compiled(path):
    return compile.compile_extension("x", tree({"resource_group_name": "rg", "vm_name": "vm", "scripts": [{"path": path, "arguments": ["a b"]}],
        "file_uris": ["https://a.blob.core.windows.net/c/x?sig=1"], "managed_identity": {}, "triggers": {"a": 1}}), lambda path: b"echo 1")
compiled("a.ps1"); compiled("a.sh")
def refuse(event, arguments):
    if event.split(".")[0] in ("open", "os", "socket", "subprocess", "import", "time", "random"): raise SystemExit(f"{event} {arguments}")
sys.addaudithook(refuse)
compiled("b.ps1"); compiled("b.sh")
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
