"""What a reviewer reads: the plan that the component passes as its own inputs, so that the engine diffs it.

The component cannot know what was deployed before, so the key that changed is the reason: a plain preview prints the
top-level keys that differ, as in `[diff: ~script install-iis.ps1]`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from cse_component.errors import Problem, spell

from .arguments import Arguments, ManagedIdentity
from .command_line import words
from .handlers import Handler
from .leaf import Leaf, Tree, make
from .scripts import RunnableScript, last_part
from .text import ScriptText
from .urls import parse

TEXT_LIMIT = 4096
"""Longest script text kept in the plan, in characters. The engine rewrites its whole state at every step of an update:
16 KiB on each of 100 machines made `up` 2.7 times slower, 4 KiB 1.4 times."""

LINES_PER_HASH = 50
"""How many lines of a longer text share a hash, so that a preview tells where it changed."""

_LOOKS_STRUCTURED = re.compile(r"-(\s|$)|---|\?\s|[^#\n]*:(\s|$)")
"""A first line that may begin a YAML document of lists and maps. The engine shows such a text as re-sorted structure."""

_MARK = "@ script\n"
"""A first line that no YAML parser takes, so that the rest is compared line by line."""


def plan(
    arguments: Arguments,
    handler: Handler,
    scripts: Sequence[RunnableScript],
    warnings: Sequence[Problem],
) -> dict[str, Tree]:
    """The plan by its keys. Their order here means nothing: the engine prints them by name."""
    lines: dict[str, Tree] = {
        "runsOn": {
            "machine": arguments.vm_name,
            "resourceGroup": arguments.resource_group_name,
            "os": handler.os_type.value,
            "account": handler.account,
        },
        "command": _command(arguments, handler, scripts),
    }
    if isinstance(arguments.scripts, Leaf):
        lines["scripts"] = arguments.scripts
    for index, entry in enumerate(arguments.known_scripts):
        if isinstance(entry, Leaf):
            lines[f"script scripts[{index}]"] = entry
    lines.update((f"script {script.label}", _script(script)) for script in scripts)
    lines["files"] = _files(arguments, handler)
    lines["identity"] = _identity(arguments)
    lines["triggers"] = _triggers(arguments)
    levers = {"timestamp": arguments.timestamp, "forceUpdateTag": arguments.force_update_tag}
    lines["rerun"] = {key: leaf for key, leaf in levers.items() if leaf is not None}
    lines["warnings"] = [f"{spell(warning.field)} {warning.reason}" for warning in warnings]
    return {key: value for key, value in lines.items() if value not in ([], {}, "")}


def _command(arguments: Arguments, handler: Handler, scripts: Sequence[RunnableScript]) -> Tree:
    # A list, so that a secret argument is masked alone and the rest of the command stays readable.
    if arguments.command_to_execute is not None:
        return [arguments.command_to_execute]
    command: list[Tree] = []
    for script in scripts:
        start, *rest = words(script, handler)
        command += [start if not command else make(lambda text: f"&& {text}", start), *rest]
    return command


def _script(script: RunnableScript) -> Tree:
    entry = script.entry
    if script.url is not None:
        shown: dict[str, Tree] = {"from": make(lambda url: _shown(url.shown, url.has_token), script.url)}
        if entry.sha256 is not None:
            shown["sha256"] = make(str.lower, entry.sha256)
        return shown
    assert script.text is not None
    shown = {"from": "inline content" if entry.path is None else make(_relative, entry.path)}
    shown["sha256"] = make(lambda text: text.sha256, script.text)
    hidden = entry.show_text is not None and entry.show_text.value is not True
    if script.text.secret or hidden:
        return shown
    shown["text"] = make(_shown_text, script.text)
    if script.text.known and len(script.text.value.text) > TEXT_LIMIT:
        shown["lines"] = make(_line_hashes, script.text)
    return shown


def _relative(path: str) -> str:
    """A path without what differs between two checkouts: an absolute one keeps its last part."""
    plain = path.replace("\\", "/")
    return last_part(plain) if plain.startswith("/") or plain[1:3] == ":/" else plain


def _shown(url: str, has_token: bool) -> str:
    return f"{url}?[token]" if has_token else url


def _shown_text(script: ScriptText) -> str:
    if len(script.text) > TEXT_LIMIT:
        return f"{len(script.text)} characters in {script.text.count(chr(10))} lines: too long to show here"
    return _MARK + script.text if _may_be_structured(script.text) else script.text


def _may_be_structured(text: str) -> bool:
    lines = (line.strip() for line in text.split("\n"))
    first = next((line for line in lines if line and not line.startswith("#")), "")
    enclosed = (first[:1], text.rstrip()[-1:]) in (("{", "}"), ("[", "]"))
    return enclosed or _LOOKS_STRUCTURED.match(first) is not None


def _line_hashes(script: ScriptText) -> dict[str, str]:
    lines = script.text.splitlines(keepends=True)
    blocks = range(0, len(lines), LINES_PER_HASH)
    return {
        f"from {start + 1:05}": hashlib.sha256("".join(lines[start : start + LINES_PER_HASH]).encode()).hexdigest()[:12]
        for start in blocks
    }


def _files(arguments: Arguments, handler: Handler) -> Tree:
    if isinstance(arguments.file_uris, Leaf):
        return arguments.file_uris

    def shown(text: str) -> str:
        url = parse(text)
        if url is None:
            return ""
        return f"{_shown(url.shown, url.has_token)} as {url.local_path(handler.os_type)}"

    return [make(shown, leaf) for leaf in arguments.file_uris or ()]


def _identity(arguments: Arguments) -> Tree:
    given = arguments.managed_identity
    if isinstance(given, Leaf):
        return given
    if isinstance(given, ManagedIdentity):
        if given.client_id is not None:
            return make(lambda guid: f"user-assigned, client id {guid}", given.client_id)
        if given.object_id is not None:
            return make(lambda guid: f"user-assigned, object id {guid}", given.object_id)
        return "the machine's own: system-assigned, or its only user-assigned one"
    if arguments.storage_account_name is not None:
        return make(lambda name: f"key of storage account {name}", arguments.storage_account_name)
    return ""


def _triggers(arguments: Arguments) -> Tree:
    given = arguments.triggers
    return given if isinstance(given, Leaf) else dict(given or {})
