"""What is refused, and that a refused component leaves nothing behind."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

import cse_component
from cse_component import CseError, CustomScriptExtension, RefusedArguments
from cse_component.files import LARGEST
from tests.engine import Engine, component, machine, resource


def outputs(value: Any) -> Any:
    """The same arguments with each value as an Output."""
    if isinstance(value, dict):
        return {key: outputs(element) for key, element in value.items()}
    if isinstance(value, list):
        return [outputs(element) for element in value]
    return pulumi.Output.from_input(value)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"command_to_execute": " "}, "command_to_execute: is blank\n    Write the command"),
    (
        {"command_to_execute": "x", "file_uris": ["ftp://h/x"]},
        "file_uris[0]: is not an http or https URL\n    Write an address",
    ),
    (
        {"scripts": [{"path": "missing.ps1"}]},
        "scripts[0].path: does not exist\n    Write the path relative to the program",
    ),
    (
        {"command_to_execute": "x", "timestamp": 2**31},
        "timestamp: is no signed 32-bit integer\n    Write a whole number",
    ),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG)
@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("operation", ["preview", "up"])
def test_a_refused_component_registers_nothing(
    engine: Engine, arguments: dict[str, Any], said: str, later: bool, operation: str
) -> None:
    result = getattr(engine, operation)(lambda: component(**(outputs(arguments) if later else arguments)))
    shown = "\n".join(line.strip() for line in (result.text + result.errors).split("\n"))
    assert result.failed
    assert "CustomScriptExtension 'web' cannot be deployed, 1 problem:" in shown
    assert said.replace("\n    ", "\n") in shown
    assert "Traceback" not in shown
    assert not [kind for kind in result.types if "xtension" in kind]
    assert "xtension" not in engine.state()


def test_what_is_known_is_refused_in_the_constructor() -> None:
    with pytest.raises(RefusedArguments) as refusal:
        CustomScriptExtension("web", {"resource_group_name": "rg", "vm_name": "vm1"})
    assert isinstance(refusal.value, CseError)
    assert isinstance(refusal.value, pulumi.RunError)
    assert refusal.value.resource == "CustomScriptExtension 'web'"
    assert [problem.field for problem in refusal.value.problems] == [()]
    assert "During handling" not in "".join(traceback.format_exception(refusal.value))


@pytest.mark.parametrize("args", [None, [], "x", 5])
def test_arguments_that_are_no_map_are_refused(args: Any) -> None:
    with pytest.raises(RefusedArguments, match="the arguments must be a map"):
        CustomScriptExtension("web", args)


@pytest.mark.parametrize("name", ["vm_name", "resource_group_name"])
def test_a_name_that_comes_later_is_looked_at_too(engine: Engine, name: str) -> None:
    """As when a resource's id is given where its name belongs."""

    def program() -> None:
        vm = machine()
        component(command_to_execute="x", **{name: vm.id})

    result = engine.up(program)
    assert f"{name}: is not the name of" in result.text + result.errors
    assert "xtension" not in engine.state()


def test_an_unknown_list_of_scripts_is_refused_in_words(engine: Engine) -> None:
    def program() -> None:
        made = resource("page", scripts=None)
        CustomScriptExtension("web", {"resource_group_name": "rg", "vm_name": "vm1", "scripts": made.scripts})

    result = engine.preview(program)
    assert "scripts: is not known at preview" in result.text + result.errors


def test_an_unknown_list_of_urls_is_waited_for(engine: Engine) -> None:
    def program() -> None:
        made = resource("page", urls=None)
        CustomScriptExtension(
            "web",
            {"resource_group_name": "rg", "vm_name": "vm1", "command_to_execute": "x", "file_uris": made.urls},
        )

    assert not engine.preview(program).failed


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.mkdir(), "is a directory"),
        (lambda path: path.write_bytes(b"\x00" * 10 + b"x"), "is a binary file"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"x" * (LARGEST + 1)), "holds 1,048,577 bytes"),
        (lambda path: os.mkfifo(path), "is no ordinary file"),
        (lambda path: path.symlink_to("nowhere"), "does not exist"),
    ],
    ids=["directory", "binary", "empty", "huge", "pipe", "dangling link"],
)
def test_a_file_that_cannot_be_run_is_refused(
    program_directory: Path, make: Callable[[Path], None], reason: str
) -> None:
    make(program_directory / "a.ps1")
    with pytest.raises(RefusedArguments) as refusal:
        CustomScriptExtension("web", {"resource_group_name": "rg", "vm_name": "vm1", "scripts": [{"path": "a.ps1"}]})
    (problem,) = refusal.value.problems
    assert problem.field == ("scripts", 0, "path")
    assert problem.reason.startswith(reason)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read_is_refused(program_directory: Path) -> None:
    (program_directory / "a.ps1").touch(mode=0)
    (program_directory / "a.ps1").chmod(0)
    with pytest.raises(RefusedArguments, match="cannot be read"):
        CustomScriptExtension("web", {"resource_group_name": "rg", "vm_name": "vm1", "scripts": [{"path": "a.ps1"}]})


@pytest.mark.parametrize("path", ["a\x00.ps1", "x" * 5000])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(RefusedArguments, match=r"cannot be read|is not a file name"):
        CustomScriptExtension("web", {"resource_group_name": "rg", "vm_name": "vm1", "scripts": [{"path": path}]})


def test_a_file_is_read_again_when_it_changes(program_directory: Path) -> None:
    from cse_component.files import read_file

    file = program_directory / "a.ps1"
    file.write_text("one")
    assert read_file("a.ps1") == b"one"
    file.write_text("three")
    assert read_file("a.ps1") == b"three"
    file.unlink()
    assert not hasattr(cse_component, "nothing")
