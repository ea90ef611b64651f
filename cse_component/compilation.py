"""One compile for one component: at once when its arguments hold no Output, else awaited, and then awaited only once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pulumi

from .errors import ArgumentError, Problem
from .extension.compile import Compiled, compile_extension
from .extension.leaf import Leaf
from .files import read_file
from .leaves import Later, Passed, holds_output, pending, resolved, settled
from .refusal import RefusedArguments

_PASSED = ("resource_group_name", "vm_name", "location", "tags")
"""Arguments that decide nothing in the settings: they go to the extension untouched, with their dependencies."""


class Compilation:
    """The arguments of one component, compiled.

    resource: how the component calls itself in messages.
    first: what is compiled at construction. What depends on an Output is unknown in it.

    Raises RefusedArguments for what is already known to be wrong.
    """

    def __init__(self, resource: str, args: Any) -> None:
        if not isinstance(args, Mapping):
            raise RefusedArguments(
                resource, (Problem((), "the arguments must be a map", "Write them in curly braces."),)
            )
        self.resource = resource
        self.arguments: dict[Any, Any] = settled(args)
        self._tree = {key: _passed(value) if key in _PASSED else value for key, value in self.arguments.items()}
        at_once = not holds_output(self._tree)
        self.first = self._compile(pending(self._tree), final=at_once)
        # Started only now: a refused component leaves no task behind that nobody awaits.
        self._awaited: asyncio.Future[Compiled] | None = None if at_once else asyncio.ensure_future(self._resolve())

    def part(self, choose: Callable[[Compiled], Any]) -> Any:
        """One part of the result, as an input. An awaitable is serialised leaf by leaf; an Output made of it would turn
        the whole of it unknown."""
        return choose(self.first) if self._awaited is None else self.later(choose)

    def later(self, choose: Callable[[Compiled], Any]) -> Awaitable[Any]:
        """The same, always awaited."""

        async def chosen() -> Any:
            return choose(self.first if self._awaited is None else await self._awaited)

        return Later(chosen)

    async def _resolve(self) -> Compiled:
        return self._compile(await resolved(self._tree), final=True)

    def _compile(self, tree: Mapping[str, Any], *, final: bool) -> Compiled:
        try:
            return compile_extension(self.resource, tree, read_file, final=final)
        except ArgumentError as error:
            raise RefusedArguments(error.resource, error.problems) from None


def _passed(value: Any) -> Any:
    if isinstance(value, pulumi.Output):
        return Passed(value)
    if isinstance(value, dict):
        return {key: _passed(element) for key, element in value.items()}
    return Leaf(value)
