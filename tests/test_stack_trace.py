"""The state says where a component was declared, and not how the interpreter got there."""

from __future__ import annotations

import inspect
import sys
import traceback
from pathlib import Path

import pytest

from cse_component.stack_trace import FRAMES, short_stack_trace
from cse_component.testing import LocalAzure
from tests.engine import Engine, component


def test_the_trace_is_short_and_begins_where_the_component_was_declared(engine: Engine, azure: LocalAzure) -> None:
    azure.add_vm("rg", "vm1")
    engine.up(lambda: component(command_to_execute="x"))
    declared = f"{Path(inspect.getfile(component)).name}#"
    for kind in ("cse-component:index:CustomScriptExtension", "azure-native:compute:VirtualMachineExtension"):
        (resource,) = engine.resources(kind)
        assert declared in resource["sourcePosition"]
        assert declared in resource["stackTrace"][0]["sourcePosition"]
        assert len(resource["stackTrace"]) <= FRAMES - 4


def depth() -> int:
    return len(traceback.extract_stack())


def test_python_itself_gets_its_own_limit_back(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = depth()
    with short_stack_trace():
        assert depth() == FRAMES < whole
    assert depth() == whole
    assert not hasattr(sys, "tracebacklimit")
    with pytest.raises(ValueError), short_stack_trace():  # noqa: PT011
        raise ValueError
    assert not hasattr(sys, "tracebacklimit")
    monkeypatch.setattr(sys, "tracebacklimit", 3, raising=False)
    with short_stack_trace():
        assert depth() == 3
    assert sys.tracebacklimit == 3
