"""Between Pulumi's Outputs and the pure half's leaves.

Arguments are resolved once, to leaves that remember where they came from; what is compiled from them is emitted as an
Output of exactly those sources. So a value made of an unknown is unknown, of a secret secret, and it keeps the
resources it depends on: a rebuilt machine gets its extension again only because of these dependencies.
"""

from collections.abc import Callable, Coroutine, Generator, Mapping
from inspect import isawaitable
from typing import Any

import pulumi

from .extension.leaf import Leaf, Made, Tree


class Later:
    """An awaitable input. Unlike a coroutine it may go unawaited, as when the program fails before it is needed."""

    def __init__(self, start: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._start = start

    def __await__(self) -> Generator[Any, None, Any]:
        return self._start().__await__()


class Passed(Leaf[Any]):
    """An argument that is sent as it came: the Output itself, never looked into."""

    def __init__(self, output: pulumi.Output[Any]) -> None:
        super().__init__(None, known=False, sources=(output,))
        self.output = output


def settled(value: Any) -> Any:
    """The same arguments with every awaitable as an Output: an awaitable can be awaited only once."""
    if isinstance(value, Mapping):
        return {key: settled(element) for key, element in value.items()}
    if isinstance(value, (list, tuple)):
        return [settled(element) for element in value]
    return pulumi.Output.from_input(value) if isawaitable(value) else value


def holds_output(value: Any) -> bool:
    """Whether a value is an Output, or has one at any depth."""
    if isinstance(value, Mapping):
        return any(holds_output(element) for element in value.values())
    if isinstance(value, list):
        return any(holds_output(element) for element in value)
    return isinstance(value, pulumi.Output)


def pending(value: Any) -> Any:
    """Arguments as leaves, now: what an Output holds is not known yet."""
    if isinstance(value, Mapping):
        return {key: pending(element) for key, element in value.items()}
    if isinstance(value, list):
        return [pending(element) for element in value]
    if isinstance(value, pulumi.Output):
        return Leaf(None, known=False, sources=(value,))
    return value if isinstance(value, Leaf) else Leaf(value)


async def resolved(value: Any, secret: bool = False, sources: tuple[object, ...] = ()) -> Any:
    """Arguments as leaves, with the values of their Outputs."""
    if isinstance(value, pulumi.Output):
        secret = secret or await value.is_secret()
        sources = (*sources, value)
        if not await value.is_known():
            return Leaf(None, known=False, secret=secret, sources=sources)
        return await resolved(await value.future(), secret, sources)
    if isinstance(value, Mapping):
        return {key: await resolved(element, secret, sources) for key, element in value.items()}
    if isinstance(value, (list, tuple)):
        return [await resolved(element, secret, sources) for element in value]
    return value if isinstance(value, Leaf) else Leaf(value, secret=secret, sources=sources)


def emit(tree: Tree | None) -> Any:
    """A compiled tree as inputs of a resource, leaf by leaf."""
    if isinstance(tree, Passed):
        return tree.output
    if isinstance(tree, (Leaf, Made)):
        leaves = tree.leaves if isinstance(tree, Made) else (tree,)
        # One source given twice is one dependency; Outputs have no equality of their own.
        sources = {id(source): source for leaf in leaves for source in leaf.sources}.values()
        value = tree.value
        emitted = pulumi.Output.all(*sources).apply(lambda _: value) if sources else value
        return pulumi.Output.secret(emitted) if tree.secret else emitted
    if isinstance(tree, Mapping):
        return {key: emit(element) for key, element in tree.items()}
    return [emit(element) for element in tree] if isinstance(tree, list) else tree


def emit_secret(tree: Tree) -> Any:
    """The same with every leaf secret. An empty map is a leaf: `managedIdentity: {}` means something."""
    if isinstance(tree, Mapping) and tree:
        return {key: emit_secret(element) for key, element in tree.items()}
    if isinstance(tree, list) and tree:
        return [emit_secret(element) for element in tree]
    return pulumi.Output.secret(emit(tree))
