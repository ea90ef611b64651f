"""The arguments as a strict model: which there are, at every depth, and of what type.

Values stay inside `Leaf`, so that the model, and whatever prints it, never holds a secret in the clear. What a value
must look like is in rules.py.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Tag, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from cse_component.errors import Path, Problem

from .handlers import OsType
from .leaf import Leaf

T = TypeVar("T")


def _plain(value: Any) -> Any:
    if not isinstance(value, Leaf):
        return value
    if value.sources or not value.known:
        raise PydanticCustomError("not_plain", "")
    return value.value


def _os_type(value: Any) -> Any:
    return next((member for member in OsType if member == value), value)


Plain = Annotated[T, BeforeValidator(_plain)]
"""Decides the shape of the resource, so it must be known when the component is constructed: no Output."""

_KNOWN, _LATER = "<known>", "<later>"

Shape = Annotated[
    Annotated[T, Tag(_KNOWN)] | Annotated[Leaf[Any], Tag(_LATER)],
    Discriminator(lambda value: _LATER if isinstance(value, Leaf) and not value.known else _KNOWN),
]
"""A list or a map that may itself be unknown for now; then it is a leaf without a value."""


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True
    )


def _without_none(data: Any) -> Any:
    """None for an optional argument is the same as leaving it out, whether given plainly or by an Output."""
    if not isinstance(data, Mapping):
        return data
    return {
        key: value
        for key, value in data.items()
        if not (isinstance(value, Leaf) and value.known and value.value is None)
    }


class _Optional(_Strict):
    _drop_none = model_validator(mode="before")(_without_none)


class Script(_Optional):
    """One entry of `scripts`."""

    path: Leaf[str] | None = None
    content: Leaf[str] | None = None
    uri: Leaf[str] | None = None
    name: Leaf[str] | None = None
    arguments: Shape[list[Leaf[str]]] | None = None
    sha256: Leaf[str] | None = None
    show_text: Leaf[bool] | None = None


class ManagedIdentity(_Strict):
    """`managed_identity`. None is refused here: `{"client_id": None}` is a mistake, not `{}`."""

    client_id: Leaf[str] | None = None
    object_id: Leaf[str] | None = None


class SourceVault(_Strict):
    id: Leaf[str]


class KeyVaultSecret(_Strict):
    """`protected_settings_from_key_vault`."""

    secret_url: Leaf[str]
    source_vault: Shape[SourceVault]


class Arguments(_Optional):
    """The arguments shared by every component, and those of a virtual machine."""

    resource_group_name: Leaf[str]
    vm_name: Leaf[str]
    os_type: Annotated[OsType, BeforeValidator(_os_type), BeforeValidator(_plain)] | None = None
    scripts: Shape[list[Shape[Script]]] | None = None
    command_to_execute: Leaf[str] | None = None
    public_command: Plain[bool] | None = None
    file_uris: Shape[list[Leaf[str]]] | None = None
    managed_identity: Shape[ManagedIdentity] | None = None
    storage_account_name: Leaf[str] | None = None
    storage_account_key: Leaf[str] | None = None
    triggers: Shape[dict[str, Leaf[object]]] | None = None
    timestamp: Leaf[int] | None = None
    force_update_tag: Leaf[str] | None = None
    skip_dos2unix: Leaf[bool] | None = None
    extension_name: Plain[str] | None = None
    location: Leaf[str] | None = None
    tags: Shape[dict[str, Leaf[str]]] | None = None
    type_handler_version: Leaf[str] | None = None
    auto_upgrade_minor_version: Leaf[bool] | None = None
    enable_automatic_upgrade: Leaf[bool] | None = None
    suppress_failures: Leaf[bool] | None = None
    provision_after_extensions: Shape[list[Leaf[str]]] | None = None
    protected_settings_from_key_vault: Shape[KeyVaultSecret] | None = None
    provisioning_timeout_minutes: Plain[int] | None = None

    @property
    def known_scripts(self) -> list[Shape[Script]]:
        return self.scripts if isinstance(self.scripts, list) else []

    @property
    def known_file_uris(self) -> list[Leaf[str]]:
        return self.file_uris if isinstance(self.file_uris, list) else []


def parse(tree: Mapping[str, Any]) -> tuple[Arguments | None, list[Problem]]:
    """The arguments as a model, and all that is wrong with their shape.

    tree: the arguments as given, each single value a `Leaf`.

    What is wrong is taken as not known yet, so that the rest can be looked at too: a caller hears of everything at once.
    None when nothing useful is left.
    """
    try:
        return Arguments.model_validate(tree), []
    except ValidationError as error:
        problems = list(_problems(error))
    try:
        return Arguments.model_validate(_without(tree, [problem.field for problem in problems])), problems
    except ValidationError:
        return None, problems


def _without(tree: Mapping[str, Any], fields: list[Path]) -> dict[str, Any]:
    left = {key: list(value) if isinstance(value, list) else value for key, value in tree.items()}
    for name, *rest in fields:
        if name not in Arguments.model_fields:
            left.pop(str(name), None)
        elif name == "scripts" and rest and isinstance(rest[0], int):
            left["scripts"][rest[0]] = _NOT_KNOWN
        else:
            left[str(name)] = _NOT_KNOWN
    return left


_NOT_KNOWN: Leaf[Any] = Leaf(None, known=False)


def _problems(error: ValidationError) -> Iterator[Problem]:
    # include_input stays off: .errors() would hold the values although hide_input_in_errors keeps them from the text.
    for details in error.errors(include_url=False, include_input=False):
        field: Path = tuple(part for part in details["loc"] if part not in (_KNOWN, _LATER, "[key]"))
        yield Problem(field, *_wording(field, details))


def _wording(field: Path, details: ErrorDetails) -> tuple[str, str]:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "extra_forbidden":
        return "there is no such argument", _nearest(field)
    if kind == "missing":
        return "is required", "Give it."
    if kind == "not_plain":
        return "must be a plain value, not an Output", "It decides the shape of the resource: write the value itself."
    if kind == "not_unicode":
        return "is not valid Unicode text", "Remove the lone surrogate characters."
    if kind == "not_a_json_number":
        return "is a number that JSON does not carry exactly", "Quote it, or give a smaller one."
    if kind == "leaf_type":
        mend = f"Write {context['wanted']}."
        if (context["wanted"], context["is_"]) == ("text", "a number"):
            mend = "Quote it: as a number it may lose zeros on the way."
        return f"must be {context['wanted']}, and is {context['is_']}", mend
    if kind == "is_instance_of":
        values = " or ".join(f"'{member.value}'" for member in OsType)
        return "is not an operating system this extension has a handler for", f"Write {values}."
    wanted = _SHAPES.get(kind)
    if wanted:
        return f"must be {wanted[0]}", wanted[1]
    return "cannot be read", "Write it as the documentation of this argument shows."


_SHAPES = {
    "list_type": ("a list", "Write it in square brackets, also when there is only one."),
    "dict_type": ("a map", "Write it in curly braces, as names with values."),
    "model_type": ("a map", "Write it in curly braces, as arguments with values."),
    "bool_type": ("True or False", "Write True or False."),
    "int_type": ("a whole number", "Write a whole number."),
    "string_type": ("text", "Write text, in quotes."),
    "invalid_key": ("named by text", "Write the names as text."),
}

_MODELS: Mapping[str, type[BaseModel]] = {
    "scripts": Script,
    "managed_identity": ManagedIdentity,
    "protected_settings_from_key_vault": KeyVaultSecret,
    "source_vault": SourceVault,
}


def _nearest(field: Path) -> str:
    names = [part for part in field if isinstance(part, str)]
    model = _MODELS.get(names[-2], Arguments) if len(names) > 1 else Arguments
    written = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", names[-1]).lower() if names else ""
    found = difflib.get_close_matches(written, model.model_fields, n=1)
    if found:
        return f"Did you mean {found[0]}?"
    return f"There are: {', '.join(model.model_fields)}."
