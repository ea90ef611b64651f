"""Canaries: secret values given in every place, looked for in everything that is printed, stored or sent in the clear."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pulumi
import pytest

from cse_component import CustomScriptExtension, OsType
from cse_component.testing import LocalAzure
from tests.engine import Engine, component, machine

CANARIES = {
    "argument": "c4n4ry-Argument-9f8e7d",
    "content": "c4n4ry Content/1a2b3c",
    "command": "c4n4ry-Command=4d5e6f",
    "token": "c4n4rySas7a8b9c",
    "key": base64.b64encode(b"c4n4ry storage account key!!").decode(),
    "client": "c4a4a4a4-c364-4240-a7ff-d85fb6cd7232",
    "plainToken": "c4n4ryPlainSas0d1e2f",
}
# The last one is given as plain text, as are token and key once more: secret by what they are.


def spellings(secret: str) -> set[str]:
    """A secret raw, in base64 at its three alignments, percent-encoded, as UTF-16, in upper and lower hexadecimal."""
    forms = {secret, quote(secret, safe=""), secret.encode().hex(), secret.encode("utf-16-le").hex()}
    for raw in (secret.encode(), secret.encode("utf-16-le")):
        for shift in range(3):
            encoded = base64.b64encode(b"x" * shift + raw).decode()
            # The first and last characters also hold bits of their neighbours.
            forms.add(encoded[-(-shift * 8 // 6) : len(raw) * 8 // 6])
    return forms | {secret.encode("utf-16-le").decode("latin-1")}


def found(text: str) -> dict[str, int]:
    """How often each canary stands in a text, in any spelling."""
    counts = {
        name: sum(len(re.findall(re.escape(form), text, re.IGNORECASE)) for form in spellings(secret))
        for name, secret in CANARIES.items()
    }
    return {name: count for name, count in counts.items() if count}


def url(token: str) -> str:
    return f"https://acct.blob.core.windows.net/c/data.json?sv=2022&sig={token}"


def scripts(system: OsType, changed: str = "") -> Callable[[], object]:
    suffix = "ps1" if system is OsType.WINDOWS else "sh"

    def program() -> None:
        config = pulumi.Config()
        web = CustomScriptExtension(
            "web",
            {
                "resource_group_name": "rg",
                "vm_name": machine(system=system.value.lower()).name,
                "os_type": system,
                "scripts": [
                    {
                        "content": "echo hi",
                        "name": f"a.{suffix}",
                        "arguments": ["x", config.require_secret("argument")],
                    },
                    {
                        "content": config.require_secret("content").apply(lambda text: f"echo '{text}'{changed}"),
                        "name": f"b.{suffix}",
                    },
                ],
                "file_uris": [
                    config.require_secret("token").apply(url),
                    url(CANARIES["plainToken"]).replace("data", "other"),
                ],
                "managed_identity": {"client_id": config.require_secret("client")},
            },
        )
        for output in ("command_line", "content_sha256", "file_sha256", "timestamp"):
            pulumi.export(output, getattr(web, output))

    return program


def command(system: OsType, changed: str = "") -> Callable[[], object]:
    def program() -> None:
        config = pulumi.Config()
        CustomScriptExtension(
            "web",
            {
                "resource_group_name": "rg",
                "vm_name": machine(system=system.value.lower()).name,
                "os_type": system,
                "command_to_execute": pulumi.Output.concat("run --with ", config.require_secret("command"), changed),
                "storage_account_name": "acct",
                "storage_account_key": CANARIES["key"],
                "file_uris": ["https://acct.blob.core.windows.net/c/data.json"],
            },
        )

    return program


@pytest.fixture
def engine(azure: LocalAzure) -> Engine:
    return Engine(azure, secrets={name: value for name, value in CANARIES.items() if name != "plainToken"})


@pytest.mark.parametrize("system", list(OsType))
@pytest.mark.parametrize("program", [scripts, command])
def test_no_secret_is_printed_stored_or_sent_in_the_clear(
    engine: Engine, azure: LocalAzure, program: Callable[..., Callable[[], object]], system: OsType
) -> None:
    first, second = program(system), program(system, "; echo more")
    engine.preview(first)
    engine.preview_json(first)
    assert not engine.up(first).failed
    engine.preview(second)
    engine.preview(second, diff=False)
    engine.preview_json(second)
    engine.preview_json(second, streaming=True)
    azure.fail("vm1", exit_code=3, stderr="it failed")
    assert engine.up(second).failed
    assert not engine.up(second).failed
    assert len(azure.runs("vm1")) == 3

    sent = azure.extension("vm1")
    assert found(str(sent.protected_settings))  # the canaries did arrive, and the search finds them
    assert found("".join(engine.said)) == {}
    assert found(engine.state()) == {}
    assert found(str(sent.settings) + repr(sent) + repr(azure.runs("vm1"))) == {}


def test_a_rotated_secret_runs_again_and_is_shown_nowhere(engine: Engine, azure: LocalAzure) -> None:
    def program(value: str) -> Callable[[], object]:
        return lambda: CustomScriptExtension(
            "web",
            {
                "resource_group_name": "rg", "vm_name": machine().name,
                "scripts": [{"content": "echo", "name": "a.ps1", "arguments": [pulumi.Output.secret(value)]}],
            },
        )  # fmt: skip

    engine.up(program(CANARIES["argument"]))
    preview = engine.preview(program(CANARIES["command"]))
    assert "commandToExecute: [secret] => [secret]" in preview.text
    assert preview.changes == {"update": 2}  # the component too, though the engine prints no line for a masked change
    engine.up(program(CANARIES["command"]))
    assert [run.why for run in azure.runs("vm1")] == ["first run", "protectedSettings.commandToExecute changed"]
    assert found("".join(engine.said) + engine.state()) == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"command_to_execute": "{}\x00"}, "holds a NUL character"),
        ({"command_to_execute": "x", "storage_account_name": "acct", "storage_account_key": "{} "}, "is not a storage account key"),
        ({"command_to_execute": "x", "managed_identity": {"client_id": "{}"}, "file_uris": ["https://h/x"]}, "is not a GUID"),
        ({"command_to_execute": "x", "file_uris": ["{} {}"]}, "holds a space"),
        ({"command_to_execute": "x", "triggers": {"a": "{}"}}, "enter a public hash"),
        ({"command_to_execute": "{}", "public_command": True}, "public_command is True"),
        ({"scripts": [{"uri": "https://h/x.ps1", "sha256": "{}"}]}, "is not a SHA-256"),
        ({"scripts": [{"content": "echo", "name": "{}?.ps1"}]}, "does not allow in a file name"),
        ({"scripts": [{"path": "{}.ps1"}]}, "does not exist"),
        ({"scripts": [{"content": "echo", "name": "a.ps1", "arguments": ["-{}"]}]}, "starts with a dash"),
        ({"scripts": [{"content": "{}" + "x" * 9000, "name": "a.ps1"}]}, "is the limit"),
        ({"command_to_execute": "x", "timestamp": "{}"}, "must be a whole number"),
        ({"command_to_execute": "x", "type_handler_version": "{}"}, "is not a version"),
        ({"command_to_execute": "x", "nonsense": "{}"}, "there is no such argument"),
    ],
)  # fmt: skip
def test_no_refusal_holds_the_value(engine: Engine, arguments: dict[str, Any], said: str) -> None:
    """Each value comes as a secret Output, so it is known, and refused, only while the component is registered."""

    def with_canary(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: with_canary(element) for key, element in value.items()}
        if isinstance(value, list):
            return [with_canary(element) for element in value]
        secret = isinstance(value, str) and "{}" in value
        return pulumi.Output.secret(value.replace("{}", CANARIES["argument"])) if secret else value

    def program() -> None:
        component(vm_name=machine().name, **with_canary(arguments))

    result = engine.preview(program)
    engine.preview_json(program)
    assert said in result.text + result.errors
    assert "Traceback" not in result.text + result.errors
    assert found("".join(engine.said)) == {}
