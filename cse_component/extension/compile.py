"""Arguments in; `settings`, `protectedSettings` and the plan out, as leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cse_component.errors import ArgumentError, Problem

from . import digest
from .arguments import Arguments, ManagedIdentity, parse
from .command_line import invocation, linux_command, linux_script, windows_command
from .handlers import HANDLERS, SCRIPT_LIMIT, Block, Handler, OsType
from .leaf import Leaf, Made, Tree, join, make
from .plan import plan
from .rules import Facts, check
from .scripts import ReadFile, RunnableScript, downloads, runnable, spoken_os


@dataclass(frozen=True)
class Compiled:
    """Everything one extension is made of.

    settings, protected_settings: by the handler's keys; empty when there is nothing to send.
    plan: what a reviewer reads, by key.
    properties: the other ARM properties of the extension, by ARM's names.
    timestamp, content_sha256, command_line: outputs of the component.
    file_sha256: by the script's label, for each script whose bytes or pinned hash are given here.
    warnings: what may be meant and may be a mistake.
    """

    handler: Handler
    extension_name: str
    settings: Mapping[str, Tree]
    protected_settings: Mapping[str, Tree]
    plan: Mapping[str, Tree]
    properties: Mapping[str, Tree]
    timestamp: Made
    content_sha256: Made
    file_sha256: Mapping[str, Made]
    command_line: Made
    timeout_minutes: int
    warnings: tuple[Problem, ...]


TIMEOUT_MINUTES = 95
"""How long Pulumi waits by default: a little longer than the 90 minutes after which the platform ends a script."""


def compile_extension(resource: str, tree: Mapping[str, Any], read: ReadFile, *, final: bool = True) -> Compiled:
    """Compile the arguments of one extension.

    resource: how the component calls itself in messages.
    tree: the arguments as given, each single value a `Leaf`.
    read: reads a local file.
    final: False while Outputs are still to come; what depends on them is then left unchecked.

    Raises ArgumentError with all problems at once.
    """
    arguments, problems = parse(tree)
    if arguments is None:
        raise ArgumentError(resource, tuple(problems))
    handler = HANDLERS[_os_type(arguments)]
    scripts, unusable = runnable(arguments, handler, read)
    found, warnings = check(Facts(arguments, handler, scripts, final and not problems))
    problems += found + unusable
    if not problems:
        command = _command(arguments, handler, scripts)
        problems += _too_long(command, handler, scripts)
    if problems:
        raise ArgumentError(resource, tuple(sorted(problems, key=_order)))
    form = digest.content(arguments, scripts)
    timestamp = _timestamp(arguments, form)
    settings, protected = _placed(arguments, handler, command, scripts, timestamp)
    return Compiled(
        handler=handler,
        extension_name=arguments.extension_name or handler.type,
        settings=settings,
        protected_settings=protected,
        plan=plan(arguments, handler, scripts, warnings),
        properties=_properties(arguments, handler),
        timestamp=timestamp,
        content_sha256=digest.content_sha256(form),
        file_sha256=_file_sha256(scripts),
        command_line=_command_line(command, handler, scripts),
        timeout_minutes=arguments.provisioning_timeout_minutes or TIMEOUT_MINUTES,
        warnings=tuple(warnings),
    )


def _order(problem: Problem) -> int:
    """The place of the argument among all; what is about the component as a whole comes first, the unknown last."""
    names = list(Arguments.model_fields)
    if not problem.field:
        return -1
    return names.index(str(problem.field[0])) if problem.field[0] in names else len(names)


def _os_type(arguments: Arguments) -> OsType:
    if arguments.os_type is not None:
        return arguments.os_type
    spoken = spoken_os(arguments)
    return spoken.pop() if len(spoken) == 1 else OsType.WINDOWS


Command = tuple[str, Made]
"""The setting that says what runs, `commandToExecute` or `script`, and its value."""


def _command(arguments: Arguments, handler: Handler, scripts: list[RunnableScript]) -> Command:
    if arguments.command_to_execute is not None:
        return "commandToExecute", make(str, arguments.command_to_execute)
    if handler.os_type is OsType.WINDOWS:
        return "commandToExecute", windows_command(scripts, handler)
    if any(script.text is not None for script in scripts):
        return "script", linux_script(scripts, handler)
    return "commandToExecute", linux_command(scripts, handler)


def _command_line(command: Command, handler: Handler, scripts: list[RunnableScript]) -> Made:
    return join(" && ", [invocation(script, handler) for script in scripts]) if scripts else command[1]


def _too_long(command: Command, handler: Handler, scripts: list[RunnableScript]) -> list[Problem]:
    key, made = command
    if not made.known:
        return []
    text: str = made.value
    if key == "script":
        size, limit, unit = len(text), SCRIPT_LIMIT, "characters of base64"
    elif handler.os_type is OsType.WINDOWS:
        size, limit, unit = len(text), handler.command_limit, "characters of command line"
    else:
        size, limit, unit = len(text.encode()), handler.command_limit, "bytes of command line"
    if size <= limit:
        return []
    inline = [script for script in scripts if script.text is not None]
    if not inline:
        field = "scripts" if scripts else "command_to_execute"
        return [Problem((field,), f"makes {size:,} {unit}, and {limit:,} is the limit", "Shorten it, or use a script.")]
    largest = max(inline, key=lambda script: len(script.text.value.data) if script.text and script.text.known else 0)
    return [
        Problem(
            ("scripts", largest.index),
            f"is the largest script; together they make {size:,} {unit}, and {limit:,} is the limit",
            "Put it into blob storage and give its URL as uri, with managed_identity to read it.",
        )
    ]


def _timestamp(arguments: Arguments, form: digest.Form) -> Made:
    return make(int, arguments.timestamp) if arguments.timestamp is not None else digest.timestamp(form)


def _placed(
    arguments: Arguments, handler: Handler, command: Command, scripts: list[RunnableScript], timestamp: Made
) -> tuple[dict[str, Tree], dict[str, Tree]]:
    """Each setting in its block. A handler refuses one that stands in both, or in the wrong one."""
    files = _file_uris(arguments, scripts)
    values: dict[str, tuple[Tree | None, bool]] = {
        "fileUris": (files, _holds_secret(files)),
        "timestamp": (timestamp, False),
        "skipDos2Unix": (arguments.skip_dos2unix, False),
        command[0]: (command[1], not arguments.public_command),
        "storageAccountName": (arguments.storage_account_name, True),
        "storageAccountKey": (arguments.storage_account_key, True),
        "managedIdentity": (_managed_identity(arguments), True),
    }
    blocks: dict[Block, dict[str, Tree]] = {Block.PUBLIC: {}, Block.PROTECTED: {}}
    for setting in handler.settings:
        value, protected = values.get(setting.key, (None, False))
        if value is None or value == []:
            continue
        block = Block.PROTECTED if protected else Block.PUBLIC
        assert block in setting.blocks, setting.key
        assert block is Block.PROTECTED or not _holds_secret(value), setting.key
        blocks[block][setting.key] = value
    return blocks[Block.PUBLIC], blocks[Block.PROTECTED]


def _file_uris(arguments: Arguments, scripts: list[RunnableScript]) -> Tree:
    if isinstance(arguments.file_uris, Leaf):
        return arguments.file_uris
    return [make(str, leaf, by_rule=bool(url and url.has_token)) for leaf, url in downloads(arguments, scripts)]


def _managed_identity(arguments: Arguments) -> Tree | None:
    given = arguments.managed_identity
    if not isinstance(given, ManagedIdentity):
        return given
    ids: dict[str, Tree] = {}
    if given.client_id is not None:
        ids["clientId"] = given.client_id
    if given.object_id is not None:
        ids["objectId"] = given.object_id
    return ids


def _holds_secret(tree: Tree | None) -> bool:
    if isinstance(tree, (Leaf, Made)):
        return tree.secret
    if isinstance(tree, Mapping):
        return any(_holds_secret(value) for value in tree.values())
    return isinstance(tree, list) and any(_holds_secret(value) for value in tree)


def _properties(arguments: Arguments, handler: Handler) -> dict[str, Tree]:
    defaults: dict[str, Tree] = {
        "typeHandlerVersion": handler.version,
        "autoUpgradeMinorVersion": True,  # omitted means False: pinned to the very version asked for
        "enableAutomaticUpgrade": False,  # newer API versions default to True, which reinstalls and may run again
    }
    given: dict[str, Tree | None] = {
        "location": arguments.location,
        "tags": arguments.tags,
        "typeHandlerVersion": arguments.type_handler_version,
        "autoUpgradeMinorVersion": arguments.auto_upgrade_minor_version,
        "enableAutomaticUpgrade": arguments.enable_automatic_upgrade,
        "forceUpdateTag": arguments.force_update_tag,
        "suppressFailures": arguments.suppress_failures,
        "provisionAfterExtensions": arguments.provision_after_extensions,
        "protectedSettingsFromKeyVault": _key_vault(arguments),
    }
    return {
        "publisher": handler.publisher,
        "type": handler.type,
        **defaults,
        **{key: value for key, value in given.items() if value is not None and value not in ([], {})},
    }


def _key_vault(arguments: Arguments) -> Tree | None:
    given = arguments.protected_settings_from_key_vault
    if given is None or isinstance(given, Leaf):
        return given
    vault: Tree = given.source_vault if isinstance(given.source_vault, Leaf) else {"id": given.source_vault.id}
    return {"secretUrl": given.secret_url, "sourceVault": vault}


def _file_sha256(scripts: list[RunnableScript]) -> dict[str, Made]:
    hashes: dict[str, Made] = {}
    sha256: Callable[[Any], str] = lambda text: text.sha256  # noqa: E731
    for script in scripts:
        if script.text is not None:
            hashes[script.label] = make(sha256, script.text)
        elif script.entry.sha256 is not None:
            hashes[script.label] = make(str.lower, script.entry.sha256)
    return hashes


__all__ = ["Compiled", "compile_extension"]
