"""What decides whether a script runs again: one canonical form of all that is run, hashed.

Two hashes are taken of the same form. The `timestamp` is public and holds no secret: a 31-bit hash of a password would
help to guess it, and a changed secret re-runs through protectedSettings anyway. `content_sha256` holds everything, and
is as secret as the most secret part.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from .arguments import Arguments
from .leaf import Leaf, Made, make
from .scripts import RunnableScript
from .urls import parse

_FORM = "cse-component/1"
"""Names the canonical form. Another name re-runs every script once, everywhere."""

_SECRET = {"secret": True}
"""Stands for a secret in the public form: that there is one is public, and a change of it re-runs by itself."""

Form = list[tuple[str, "Leaf[Any] | Made"]]


def content(arguments: Arguments, scripts: Sequence[RunnableScript]) -> Form:
    """What is run, as names and values in a fixed order."""
    form: Form = []
    if arguments.command_to_execute is not None:
        form.append(("command", arguments.command_to_execute))
    for script in scripts:
        entry = script.entry
        form.append(("script", script.name))
        form.append(("source", _sha256(script.text) if script.text is not None else _url(entry.uri)))
        if entry.sha256 is not None:
            form.append(("sha256", make(str.lower, entry.sha256)))
        if isinstance(entry.arguments, Leaf):
            form.append(("arguments", entry.arguments))
        else:
            form.extend(("argument", argument) for argument in entry.arguments or ())
    if isinstance(arguments.file_uris, Leaf):
        form.append(("files", arguments.file_uris))
    else:
        form.extend(("file", _url(leaf)) for leaf in arguments.file_uris or ())
    if isinstance(arguments.triggers, Leaf):
        form.append(("triggers", arguments.triggers))
    else:
        form.extend((f"trigger {key}", leaf) for key, leaf in sorted((arguments.triggers or {}).items()))
    return form


def _sha256(text: Made) -> Made:
    return make(lambda script: script.sha256, text)


def _url(leaf: Leaf[str] | None) -> Made:
    """A URL without what may be a token in it."""
    assert leaf is not None

    def shown(text: str) -> str:
        url = parse(text)
        return url.shown if url else text

    return make(shown, leaf)


def timestamp(form: Form) -> Made:
    """A positive 32-bit integer that changes with everything in the form that is no secret."""

    def number(*values: object) -> int:
        return int.from_bytes(_hash(values)[:4], "big") & 0x7FFF_FFFF

    return make(number, *(Made((name, _SECRET)) if value.secret else _pair(name, value) for name, value in form))


def content_sha256(form: Form) -> Made:
    """SHA-256 of the whole form, secrets included, in hexadecimal."""
    return make(lambda *values: _hash(values).hex(), *(_pair(name, value) for name, value in form))


def _pair(name: str, value: Leaf[Any] | Made) -> Made:
    return make(lambda known: (name, known), value)


def _hash(values: Sequence[object]) -> bytes:
    text = json.dumps([_FORM, *values], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).digest()
