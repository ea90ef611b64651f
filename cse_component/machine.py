"""The machine an extension goes to: one extension each, and what happens when it is rebuilt."""

import weakref
from collections.abc import Mapping
from typing import Any, cast

import pulumi
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.settings import get_monitor

from .errors import Problem
from .extension.leaf import Leaf
from .extension.values import wrong_value
from .leaves import Later, holds_output, resolved
from .refusal import RefusedArguments

_Key = tuple[str | None, str, str]

_claims: "weakref.WeakKeyDictionary[pulumi.Resource, dict[_Key, str]]" = weakref.WeakKeyDictionary()
# Weakly by the program's root, so that several programs of one process do not see each other. The process that hosts
# components for other languages has no root: one program there.
_rootless: dict[_Key, str] = {}


def claim(component: str, provider: str | None, resource_group: str, vm_name: str) -> Problem | None:
    """Take a machine for a component, or say which other component has it.

    A handler runs once per machine whatever its extension's name: ARM refuses a second one with "Multiple VMExtensions
    per handler not supported". Names are compared as ARM does, without case.

    component: its logical name. The same one twice is Pulumi's to refuse, as a duplicate URN.
    provider: the explicit provider's name; another provider may be another subscription.
    """
    if isinstance(get_monitor(), MockMonitor):
        return None  # mocked programs of one process share no machines, and often all of their names
    root = pulumi.runtime.get_root_resource()
    claims = _rootless if root is None else _claims.setdefault(root, {})
    other = claims.setdefault((provider, resource_group.lower(), vm_name.lower()), component)
    if other == component:
        return None
    return Problem(
        ("vm_name",),
        f"names a machine that component '{other}' already runs scripts on, and a machine takes one such extension",
        "Put all scripts of a machine, in their order, into one component.",
    )


def provider_name(opts: pulumi.ResourceOptions) -> str | None:
    """The logical name of the explicit azure-native provider that a component with these options uses."""
    given: list[Any] = [opts.provider]
    if isinstance(opts.providers, dict):
        given.append(opts.providers.get("azure-native"))
    else:
        given += opts.providers or []
    for provider in given:
        if provider is not None and provider.package == "azure-native":
            return cast(str, provider.pulumi_resource_name)
    inherited = opts.parent.get_provider("azure-native:compute:VirtualMachine") if opts.parent else None
    return inherited.pulumi_resource_name if inherited is not None else None


class Machine:
    """The machine of one component, as its arguments name it.

    Raises RefusedArguments when its names are known and another component has it.
    """

    def __init__(
        self, component: str, resource: str, arguments: Mapping[str, Any], opts: pulumi.ResourceOptions
    ) -> None:
        self._component = component
        self._resource = resource
        self._provider = provider_name(opts)
        self._names = {field: arguments[field] for field in ("resource_group_name", "vm_name")}
        self._plain = not holds_output(self._names)
        if self._plain:
            self._check({field: Leaf(value) for field, value in self._names.items()})
        vm_name = self._names["vm_name"]
        source = cast(pulumi.Resource, _SourceMachine(vm_name)) if isinstance(vm_name, pulumi.Output) else None
        self.deleted_with = opts.deleted_with or source
        """With what the extension disappears: Azure then need not be asked to delete it, which takes a running VM."""
        rebuilt = source or opts.deleted_with
        self.replace_with = opts.replace_with or ([rebuilt] if rebuilt else None)
        """With what the extension is created again. Neither `deleted_with` nor `depends_on` does that."""

    @property
    def plan(self) -> dict[str, Any]:
        """What the plan says of it."""
        lines: dict[str, Any] = {"machine": self._names["vm_name"] if self._plain else Later(self._checked)}
        if self.replace_with is None:
            lines["ifRebuilt"] = "nothing runs: vm_name is text; give vm.name, or deleted_with, and the script follows"
        return lines

    async def _checked(self) -> Any:
        # A part of the component's own inputs: a check that no input waits for is ignored.
        self._check({field: await resolved(value) for field, value in self._names.items()})
        return self._names["vm_name"]

    def _check(self, names: Mapping[str, Leaf[Any]]) -> None:
        problems = [
            problem for field, leaf in names.items() if leaf.known for problem in wrong_value(field, leaf.value)
        ]
        if not problems and all(leaf.known for leaf in names.values()):
            taken = claim(self._component, self._provider, names["resource_group_name"].of(), names["vm_name"].of())
            problems += [taken] if taken else []
        if problems:
            raise RefusedArguments(self._resource, tuple(problems))


async def _machine_urn(vm_name: "pulumi.Output[Any]") -> str | None:
    urns = [await resource.urn.future() for resource in await vm_name.resources()]
    machines = {urn for urn in urns if urn and _is_machine(urn)}
    return machines.pop() if len(machines) == 1 else None


def _is_machine(urn: str) -> bool:
    # urn:pulumi:stack::project::parent$package:module/version:Type::name
    kind = urn.split("::")[2].rpartition("$")[2]
    package, _, rest = kind.partition(":")
    return package == "azure-native" and rest.startswith("compute") and rest.endswith(":VirtualMachine")


class _SourceMachine:
    """Stands for the machine that `vm_name` came from, in options that take a resource.

    Which one it is can only be awaited, and options are given at once; of such a resource the SDK awaits nothing but
    its URN, and takes None for none.
    """

    def __init__(self, vm_name: "pulumi.Output[Any]") -> None:
        urn: pulumi.Output[str | None] = pulumi.Output.from_input(_machine_urn(vm_name))
        self.urn = urn
