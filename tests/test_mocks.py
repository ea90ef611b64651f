"""A user's own tests with Pulumi's mocks: the component behaves there, and can be looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pulumi
import pytest

from cse_component import CustomScriptExtension, RefusedArguments
from tests.engine import component

SECRET = "4dabf18193072939515e22adb298388d"
"""The key under which Pulumi marks a secret on the wire."""


class Mocks(pulumi.runtime.Mocks):
    def __init__(self) -> None:
        self.made: list[pulumi.runtime.MockResourceArgs] = []

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[str, Any], None]:
        return {}, None

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.made.append(args)
        return f"{args.name}-id", {**args.inputs, "provisioningState": "Succeeded"}


@pytest.fixture
def mocks() -> Iterator[Mocks]:
    # A fresh loop and root for each test: a failed program leaves its futures on the old ones.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    pulumi.runtime.settings.ROOT.set(None)
    mocks = Mocks()
    pulumi.runtime.set_mocks(mocks)
    yield mocks
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(loop), return_exceptions=True))
    loop.close()
    asyncio.set_event_loop(None)
    pulumi.runtime.settings.ROOT.set(None)


def deployed(program: Any) -> Any:
    return pulumi.runtime.test(program)()  # type: ignore[no-untyped-call]


def test_what_a_component_makes(mocks: Mocks) -> None:
    def program() -> pulumi.Output[Any]:
        web = component(command_to_execute=pulumi.Output.secret("x"), location="westeurope")
        return pulumi.Output.all(web.timestamp, web.extension_id, web.provisioning_state).apply(
            lambda seen: seen == [web_timestamp(mocks), "web-id", "Succeeded"] or pytest.fail(str(seen))
        )

    deployed(program)
    made = {args.typ: args.inputs for args in mocks.made}
    assert made["azure-native:compute:VirtualMachineExtension"]["protectedSettings"][SECRET]
    assert made["cse-component:index:CustomScriptExtension"]["runsOn"]["machine"] == "vm1"


def web_timestamp(mocks: Mocks) -> Any:
    (settings,) = [args.inputs["settings"] for args in mocks.made if "settings" in args.inputs]
    return settings["timestamp"]


@pytest.mark.parametrize("again", [1, 2])
def test_the_same_program_can_be_built_many_times(mocks: Mocks, again: int) -> None:
    def program() -> pulumi.Output[Any]:
        return component(command_to_execute="x").timestamp

    deployed(program)
    assert len(mocks.made) == 2


def test_a_refusal_reaches_the_test(mocks: Mocks) -> None:
    def program() -> pulumi.Output[Any]:
        return component(command_to_execute=pulumi.Output.from_input(" ")).timestamp

    with pytest.raises(RefusedArguments, match="is blank"):
        deployed(program)
    with pytest.raises(RefusedArguments, match="nothing is given to run"):
        deployed(lambda: CustomScriptExtension("web", {"resource_group_name": "rg", "vm_name": "vm1"}).timestamp)


def test_two_tests_may_use_one_machine_under_different_names(mocks: Mocks) -> None:
    """Mocked programs of one process share no machines, and often all of their names."""
    deployed(lambda: component("first", command_to_execute="x").timestamp)
    deployed(lambda: component("second", command_to_execute="x").timestamp)
    assert len(mocks.made) == 4
