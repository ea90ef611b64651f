"""The examples of Azure's own page on the extension for Windows, on the real engine: what arrives, byte for byte."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cse_component.testing import LocalAzure
from tests.engine import Engine, component

STORAGE = "https://mystorage.blob.core.windows.net"
BUILD = "https://xxxxxxx.blob.core.windows.net/buildServer1"
KEY = "TmJK/1N3AbAZ3q/+hOXoi/l73zOqsaxXDhqa9Y83/v5UpXQp2DQIBuv2Tifp60cE/OaHsJZmQZ7teQfczQj8hg=="


def received(engine: Engine, azure: LocalAzure, **arguments: Any) -> tuple[str, str, list[str]]:
    """Public and protected settings as canonical JSON, and publisher, type and version."""
    azure.add_vm("rg", "vm1", os_type="Windows")
    result = engine.up(lambda: component("example", **arguments))
    assert not result.failed, result.text
    sent = azure.extension("vm1")
    assert [run.exit_code for run in azure.runs("vm1")] == [0]
    return (
        json.dumps(sent.settings, sort_keys=True),
        json.dumps(sent.protected_settings, sort_keys=True),
        [sent.publisher, sent.type, sent.type_handler_version],
    )


HANDLER = ["Microsoft.Compute", "CustomScriptExtension", "1.10"]


def test_the_schema_made_valid(engine: Engine, azure: LocalAzure) -> None:
    """The page's block holds a storage key and an identity at once, against its own note: here the identity is left out."""
    assert received(
        engine,
        azure,
        file_uris=["https://mystorageaccountname.blob.core.windows.net/c/script-location"],
        timestamp=123456789,
        command_to_execute="myExecutionCommand",
        storage_account_name="mystorageaccountname",
        storage_account_key=KEY,
        extension_name="config-app",
        tags={"displayName": "config-app"},
    ) == (
        '{"fileUris": ["https://mystorageaccountname.blob.core.windows.net/c/script-location"], "timestamp": 123456789}',
        '{"commandToExecute": "myExecutionCommand", "storageAccountKey": "' + KEY + '", '
        '"storageAccountName": "mystorageaccountname"}',
        HANDLER,
    )
    sent = azure.extension("vm1", name="config-app")
    assert sent.inputs["tags"] == {"displayName": "config-app"}
    assert sent.inputs["autoUpgradeMinorVersion"] is True


@pytest.mark.parametrize(
    ("identity", "sent"),
    [
        ({}, "{}"),
        ({"client_id": "31b403aa-c364-4240-a7ff-d85fb6cd7232"}, '{"clientId": "31b403aa-c364-4240-a7ff-d85fb6cd7232"}'),
        ({"object_id": "12dd289c-0583-46e5-b9b4-115d5c19ef4b"}, '{"objectId": "12dd289c-0583-46e5-b9b4-115d5c19ef4b"}'),
    ],
)
def test_the_three_forms_of_an_identity(engine: Engine, azure: LocalAzure, identity: dict[str, str], sent: str) -> None:
    public, protected, handler = received(
        engine,
        azure,
        file_uris=[f"{STORAGE}/privatecontainer/script1.ps1"],
        command_to_execute="powershell.exe script1.ps1",
        managed_identity=identity,
        timestamp=1,
    )
    assert public == '{"fileUris": ["' + STORAGE + '/privatecontainer/script1.ps1"], "timestamp": 1}'
    assert protected == '{"commandToExecute": "powershell.exe script1.ps1", "managedIdentity": ' + sent + "}"
    assert handler == HANDLER


def test_three_scripts_with_a_storage_key(engine: Engine, azure: LocalAzure) -> None:
    names = ["1_Add_Tools.ps1", "2_Add_Features.ps1", "3_CompleteInstall.ps1"]
    public, protected, handler = received(
        engine,
        azure,
        file_uris=[f"{BUILD}/{name}" for name in names],
        command_to_execute="powershell -ExecutionPolicy Unrestricted -File 1_Add_Tools.ps1",
        storage_account_name="xxxxxxx",
        storage_account_key="1234ABCD",
        extension_name="buildserver1",
        timestamp=1,
    )
    assert json.loads(public)["fileUris"] == [f"{BUILD}/{name}" for name in names]
    assert protected == (
        '{"commandToExecute": "powershell -ExecutionPolicy Unrestricted -File 1_Add_Tools.ps1", '
        '"storageAccountKey": "1234ABCD", "storageAccountName": "xxxxxxx"}'
    )
    assert handler == HANDLER
    assert azure.runs("vm1")[0].storage_account == "xxxxxxx"


def test_a_script_on_a_share(engine: Engine, azure: LocalAzure) -> None:
    command = r"powershell -ExecutionPolicy Unrestricted -File \\filesvr\build\serverUpdate1.ps1"
    public, protected, handler = received(
        engine, azure, command_to_execute=command, extension_name="serverUpdate", timestamp=1
    )
    assert (public, handler) == ('{"timestamp": 1}', HANDLER)
    assert protected == json.dumps({"commandToExecute": command})
    assert azure.runs("vm1")[0].command == command
