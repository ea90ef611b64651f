"""What other programs hold on to: public names, type token, names in state, and ARM's property names."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pulumi
from pulumi import ResourceOptions

import cse_component
from cse_component import CustomScriptExtensionArgs, ManagedIdentity, Script
from cse_component.extension import arguments
from cse_component.testing import LocalAzure
from tests.engine import VERSION, Engine, component

COMPONENT = "cse-component:index:CustomScriptExtension"
EXTENSION = "azure-native:compute:VirtualMachineExtension"


def test_every_public_name_is_there_and_no_other() -> None:
    assert sorted(cse_component.__all__) == list(cse_component.__all__)
    assert all(getattr(cse_component, name) is not None for name in cse_component.__all__)
    assert dir(cse_component) == list(cse_component.__all__)


def test_azure_native_is_not_imported() -> None:
    """Its compute module alone costs more than a second at every preview."""
    program = (
        "import sys, cse_component; cse_component.CustomScriptExtension; sys.exit('pulumi_azure_native' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_arguments_are_the_models_arguments() -> None:
    """Two lists of the same names: the TypedDicts that users see, and the model that is validated."""
    pairs = (
        (CustomScriptExtensionArgs, arguments.Arguments),
        (Script, arguments.Script),
        (ManagedIdentity, arguments.ManagedIdentity),
        (cse_component.SourceVault, arguments.SourceVault),
        (cse_component.KeyVaultSecretReference, arguments.KeyVaultSecret),
    )
    for public, model in pairs:
        assert list(public.__annotations__) == list(model.model_fields)
        required = {name for name, field in model.model_fields.items() if field.is_required()}
        assert set(public.__required_keys__) == required


def test_every_argument_says_whether_it_is_required() -> None:
    source = inspect.getsource(sys.modules[CustomScriptExtensionArgs.__module__])
    for public in (CustomScriptExtensionArgs, Script, ManagedIdentity):
        for name in public.__annotations__:
            after = source.partition(f"    {name}: ")[2].partition('"""')[2]
            assert after.startswith(("Required. ", "Optional. ", "Conditional. ")), name


def program(arguments: dict[str, Any]) -> Callable[[], object]:
    return lambda: component(**arguments)


EVERYTHING: dict[str, Any] = {
    "resource_group_name": "rg", "vm_name": "vm1", "command_to_execute": "x", "public_command": True, "location": "westeurope",
    "tags": {"a": "b"}, "type_handler_version": "1.10", "force_update_tag": "1", "suppress_failures": False,
    "provision_after_extensions": ["first"],
    "protected_settings_from_key_vault": {
        "secret_url": "https://v.vault.azure.net/secrets/s/1",
        "source_vault": {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v"},
    },
}  # fmt: skip


def test_the_extensions_properties_are_those_of_the_typed_class(engine: Engine) -> None:
    from pulumi_azure_native.compute import VirtualMachineExtension

    typed = {name.replace("_", "") for name in inspect.signature(VirtualMachineExtension._internal_init).parameters}
    sent = engine.preview(program(EVERYTHING)).inputs(EXTENSION)
    assert {name.lower() for name in sent} <= typed
    plain = engine.preview(program({**EVERYTHING, "protected_settings_from_key_vault": None, "public_command": False}))
    assert "protectedSettings" in plain.inputs(EXTENSION)


def test_names_in_state_do_not_change(engine: Engine, azure: LocalAzure) -> None:
    azure.add_vm("rg", "vm1")
    engine.up(program({"resource_group_name": "rg", "vm_name": "vm1", "command_to_execute": "x"}))
    (made,), (child,) = engine.resources(COMPONENT), engine.resources(EXTENSION)
    assert [resource["urn"].partition("demo::")[2] for resource in (made, child)] == [
        "cse-component:index:CustomScriptExtension::web",
        f"cse-component:index:CustomScriptExtension${EXTENSION}::web",
    ]
    assert set(made["outputs"]) == {
        "extensionId", "extensionName", "provisioningState", "timestamp", "contentSha256", "fileSha256", "commandLine",
        "downloadDirectory", "logDirectory",
    }  # fmt: skip


def test_the_typed_class_in_its_place_changes_nothing(engine: Engine, azure: LocalAzure) -> None:
    """The child carries no type aliases; a resource of the same token that does is the same resource."""
    azure.add_vm("rg", "vm1")
    aliases = [
        pulumi.Alias(type_=f"azure-native:compute/v{version}:VirtualMachineExtension")
        for version in (20230301, 20240701)
    ]

    def bare(with_aliases: bool) -> Callable[[], object]:
        inputs = {
            "resourceGroupName": "rg", "vmName": "vm1", "vmExtensionName": "CustomScriptExtension", "location": "westeurope",
            "publisher": "Microsoft.Compute", "type": "CustomScriptExtension", "typeHandlerVersion": "1.10",
            "protectedSettings": pulumi.Output.secret({"commandToExecute": "x"}), "settings": {"timestamp": 1},
        }  # fmt: skip
        opts = ResourceOptions.merge(VERSION, ResourceOptions(aliases=aliases if with_aliases else None))
        return lambda: pulumi.CustomResource(EXTENSION, "bare", inputs, opts)

    engine.up(lambda: bare(True)())
    assert engine.preview(lambda: bare(False)()).changes == {}
