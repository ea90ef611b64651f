"""Where each value ends up: settings, protectedSettings, or a property of the extension."""

from __future__ import annotations

from typing import Any

import pytest

from cse_component.extension.leaf import Leaf, Made
from tests.extension.given import UNKNOWN, compiled, secret, values

BLOB = "https://acct.blob.core.windows.net/c/x.ps1"
RUNS: dict[str, Any] = {"command_to_execute": "powershell x"}


def blocks(**arguments: Any) -> tuple[set[str], set[str]]:
    result = compiled(**arguments)
    return set(result.settings), set(result.protected_settings)


@pytest.mark.parametrize(
    ("arguments", "public", "protected"),
    [
        (RUNS, {"timestamp"}, {"commandToExecute"}),
        ({**RUNS, "public_command": True}, {"timestamp", "commandToExecute"}, set()),
        ({**RUNS, "public_command": False}, {"timestamp"}, {"commandToExecute"}),
        ({**RUNS, "file_uris": [BLOB]}, {"timestamp", "fileUris"}, {"commandToExecute"}),
        ({**RUNS, "file_uris": ["https://h/y", secret(BLOB)]}, {"timestamp"}, {"commandToExecute", "fileUris"}),
        (
            {**RUNS, "file_uris": [BLOB, BLOB.replace("x", "y") + "?sig=1"]},
            {"timestamp"},
            {"commandToExecute", "fileUris"},
        ),
        ({**RUNS, "file_uris": []}, {"timestamp"}, {"commandToExecute"}),
        ({**RUNS, "managed_identity": {}}, {"timestamp"}, {"commandToExecute", "managedIdentity"}),
        (
            {**RUNS, "storage_account_name": "acct", "storage_account_key": "a2V5"},
            {"timestamp"},
            {"commandToExecute", "storageAccountName", "storageAccountKey"},
        ),
        ({"scripts": [{"path": "join.sh"}]}, {"timestamp"}, {"script"}),
        ({"scripts": [{"path": "join.sh"}], "public_command": True}, {"timestamp", "script"}, set()),
        ({"scripts": [{"uri": "https://h/join.sh"}]}, {"timestamp", "fileUris"}, {"commandToExecute"}),
        ({"scripts": [{"path": "join.sh"}], "skip_dos2unix": True}, {"timestamp", "skipDos2Unix"}, {"script"}),
    ],
)
def test_each_value_stands_in_its_block(arguments: dict[str, Any], public: set[str], protected: set[str]) -> None:
    assert blocks(**arguments) == (public, protected)


def test_an_empty_identity_survives() -> None:
    assert values(compiled(**RUNS, managed_identity={}).protected_settings)["managedIdentity"] == {}


@pytest.mark.parametrize(("argument", "key"), [("client_id", "clientId"), ("object_id", "objectId")])
def test_an_identity_is_sent_by_its_own_name(argument: str, key: str) -> None:
    identity = {argument: "31b403aa-c364-4240-a7ff-d85fb6cd7232"}
    sent = values(compiled(**RUNS, file_uris=[BLOB], managed_identity=identity).protected_settings)["managedIdentity"]
    assert sent == {key: identity[argument]}


def test_a_token_in_a_url_is_secret_although_pulumi_does_not_know_it() -> None:
    uris = compiled(**RUNS, file_uris=[BLOB + "?sig=1"]).protected_settings["fileUris"]
    assert isinstance(uris, list)
    assert [isinstance(uri, Made) and uri.secret for uri in uris] == [True]


def test_one_unknown_url_leaves_the_others_known() -> None:
    assert values(compiled(**RUNS, file_uris=[BLOB, UNKNOWN], timestamp=1).settings) == {
        "fileUris": [BLOB, ...],
        "timestamp": 1,
    }


def test_downloads_keep_their_order_scripts_first() -> None:
    result = compiled(
        scripts=[{"uri": "https://h/b.ps1"}, {"path": "install.ps1"}, {"uri": "https://h/a.ps1"}],
        file_uris=["https://h/0"],
    )
    assert values(result.settings)["fileUris"] == ["https://h/b.ps1", "https://h/a.ps1", "https://h/0"]


def test_the_defaults_differ_from_arms_where_arms_hurt() -> None:
    assert values(compiled(**RUNS).properties) == {
        "publisher": "Microsoft.Compute",
        "type": "CustomScriptExtension",
        "typeHandlerVersion": "1.10",
        "autoUpgradeMinorVersion": True,
        "enableAutomaticUpgrade": False,
    }
    assert values(compiled(scripts=[{"path": "join.sh"}]).properties) == {
        "publisher": "Microsoft.Azure.Extensions",
        "type": "CustomScript",
        "typeHandlerVersion": "2.1",
        "autoUpgradeMinorVersion": True,
        "enableAutomaticUpgrade": False,
    }


def test_the_other_properties_go_by_arms_names() -> None:
    vault = {
        "secret_url": "https://v.vault.azure.net/secrets/s/1",
        "source_vault": {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v"},
    }
    result = compiled(
        **RUNS,
        public_command=True,
        location="westeurope",
        tags={"team": "web"},
        type_handler_version="1.9",
        auto_upgrade_minor_version=False,
        enable_automatic_upgrade=False,
        force_update_tag="2",
        suppress_failures=False,
        provision_after_extensions=["first"],
        protected_settings_from_key_vault=vault,
    )
    assert values(result.properties) == {
        "publisher": "Microsoft.Compute",
        "type": "CustomScriptExtension",
        "location": "westeurope",
        "tags": {"team": "web"},
        "typeHandlerVersion": "1.9",
        "autoUpgradeMinorVersion": False,
        "enableAutomaticUpgrade": False,
        "forceUpdateTag": "2",
        "suppressFailures": False,
        "provisionAfterExtensions": ["first"],
        "protectedSettingsFromKeyVault": {"secretUrl": vault["secret_url"], "sourceVault": vault["source_vault"]},
    }
    assert result.protected_settings == {}


@pytest.mark.parametrize(
    ("arguments", "os_type"),
    [
        ({"scripts": [{"path": "install.ps1"}]}, "Windows"),
        ({"scripts": [{"path": "join.sh"}]}, "Linux"),
        ({"scripts": [{"path": "report.py"}, {"path": "join.sh"}]}, "Linux"),
        ({"scripts": [{"content": "x", "name": "a.sh"}]}, "Linux"),
        ({"scripts": [{"content": "x"}]}, "Windows"),
        ({"scripts": [{"content": "#!/bin/sh\necho"}]}, "Linux"),
        ({"scripts": [{"content": "#!/usr/bin/env pwsh\n", "name": "a.ps1"}]}, "Windows"),
        ({"command_to_execute": "python3 a.py", "file_uris": ["https://h/a.sh?x=1"]}, "Linux"),
        ({"command_to_execute": "x", "file_uris": ["https://h/a.sh", "https://h/a.ps1"]}, "Windows"),
        ({"command_to_execute": "x"}, "Windows"),
        ({"command_to_execute": "x", "os_type": "Linux"}, "Linux"),
        ({"scripts": [{"path": "install.ps1"}], "os_type": "Linux"}, "Linux"),
    ],
)
def test_the_operating_system_follows_from_the_names(arguments: dict[str, Any], os_type: str) -> None:
    assert compiled(**arguments).handler.os_type == os_type


def test_none_is_the_same_as_nothing() -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        ("scripts", "file_uris", "managed_identity", "triggers", "timestamp", "os_type", "location")
    )
    assert values(compiled(**RUNS, **nothing).settings) == values(compiled(**RUNS).settings)


def test_the_extension_is_named_as_the_az_cli_names_it() -> None:
    assert compiled(**RUNS).extension_name == "CustomScriptExtension"
    assert compiled(scripts=[{"path": "join.sh"}]).extension_name == "CustomScript"
    assert compiled(**RUNS, extension_name="setup").extension_name == "setup"


def test_values_do_not_show_in_a_traceback() -> None:
    result = compiled(command_to_execute=secret("s3cr3t"), storage_account_name="acct", storage_account_key="c2VjcmV0")
    assert "s3cr3t" not in repr(result)
    assert "c2VjcmV0" not in repr(result)
    assert "s3cr3t" not in repr(Leaf("s3cr3t"))
