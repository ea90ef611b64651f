"""The values this half works with: what came in (`Leaf`) and what is made of it (`Made`).

A value's secretness, and whether it is known at all, belong to the single value and not to the argument that holds it:
one unknown URL must not turn the whole of `settings` unknown, nor one secret argument hide the rest of a command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

T = TypeVar("T")


class Leaf(Generic[T]):
    """One argument value.

    value: the value; None when it is not known (or is None itself).
    known: whether the value is known now. At preview, values of resources not yet created are not.
    secret: whether Pulumi knows it as a secret. Such a value enters `protectedSettings` and nothing else.
    sources: what it came from, opaque here; whoever emits a value made of this leaf makes it depend on them.
    """

    __slots__ = ("known", "secret", "sources", "value")

    # Not a dataclass: pydantic looks into generic dataclasses before it asks for their own schema.
    def __init__(
        self, value: T | None, *, known: bool = True, secret: bool = False, sources: tuple[object, ...] = ()
    ) -> None:
        self.value = value
        self.known = known
        self.secret = secret
        self.sources = sources

    def __repr__(self) -> str:
        return f"<Leaf {'secret ' if self.secret else ''}{type(self.value).__name__ if self.known else 'unknown'}>"

    @property
    def readable(self) -> bool:
        """Whether the value may be looked at and shown."""
        return self.known and not self.secret

    def of(self) -> T:
        """The value of a leaf that is known."""
        assert self.known
        assert self.value is not None
        return self.value

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import PydanticCustomError, core_schema

        (wanted,) = get_args(source)
        if wanted is Any:
            wanted = object

        def check(value: Any) -> Leaf[Any]:
            if not isinstance(value, Leaf):
                raise PydanticCustomError("leaf_type", "{is_}", {"wanted": TYPE_NAMES[wanted], "is_": type_name(value)})
            fits = isinstance(value.value, _SCALARS if wanted is object else wanted) and (
                wanted is not int or not isinstance(value.value, bool)
            )
            if value.known and not fits:
                raise PydanticCustomError(
                    "leaf_type", "{is_}", {"wanted": TYPE_NAMES[wanted], "is_": type_name(value.value)}
                )
            if value.known and isinstance(value.value, (int, float)) and not abs(value.value) <= LARGEST_NUMBER:
                raise PydanticCustomError("not_a_json_number", "")
            if value.known and isinstance(value.value, str) and not _is_unicode(value.value):
                raise PydanticCustomError("not_unicode", "")
            return value

        return core_schema.no_info_plain_validator_function(check)


LARGEST_NUMBER = 2**53
"""Largest number that JSON, and Pulumi's wire, carry exactly. Infinity and NaN are larger than it, or not comparable."""

_SCALARS = (str, int, float, bool, type(None))

TYPE_NAMES: Mapping[object, str] = {
    str: "text",
    int: "a whole number",
    bool: "True or False",
    object: "text, a number, True or False",
}


def type_name(value: object) -> str:
    """What a value is, in words and without the value itself."""
    if value is None:
        return "None"
    for kind, name in ((bool, "True or False"), (str, "text"), (int, "a number"), (float, "a number")):
        if isinstance(value, kind):
            return name
    if isinstance(value, Mapping):
        return "a map"
    return "a list" if isinstance(value, (list, tuple)) else f"a {type(value).__name__}"


def _is_unicode(text: str) -> bool:
    # A lone surrogate is legal in a Python str and in nothing this text is sent through.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, repr=False)
class Made:
    """A compiled value and the leaves it was made of: as unknown, as secret and as dependent as they are.

    value: None when one of the leaves is not known.
    secret: secret by a rule of ours although Pulumi does not know it as such (a storage key, the query of a SAS URL).
    """

    value: Any
    leaves: tuple[Leaf[Any], ...] = ()
    by_rule: bool = False

    def __repr__(self) -> str:
        return f"<Made {'secret ' if self.secret else ''}{'value' if self.known else 'unknown'}>"

    @property
    def known(self) -> bool:
        return all(leaf.known for leaf in self.leaves)

    @property
    def secret(self) -> bool:
        return self.by_rule or any(leaf.secret for leaf in self.leaves)


Tree = Made | Leaf[Any] | Mapping[str, "Tree"] | Sequence["Tree"] | str | int | bool
"""Compiled settings or plan: plain JSON, with `Made` and `Leaf` where a value came from an argument."""


def make(function: Callable[..., Any], *leaves: Leaf[Any] | Made, by_rule: bool = False) -> Made:
    """`function` of the leaves' values, called only when all of them are known."""
    flat: list[Leaf[Any]] = []
    for leaf in leaves:
        flat.extend(leaf.leaves if isinstance(leaf, Made) else (leaf,))
    by_rule = by_rule or any(isinstance(leaf, Made) and leaf.by_rule for leaf in leaves)
    known = all(leaf.known for leaf in flat)
    return Made(function(*(leaf.value for leaf in leaves)) if known else None, tuple(flat), by_rule)


def join(separator: str, parts: Iterable[str | Leaf[Any] | Made]) -> Made:
    """Texts and leaves as one text."""
    items = [Made(part) if isinstance(part, str) else part for part in parts]
    return make(lambda *texts: separator.join(texts), *items)
