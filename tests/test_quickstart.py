"""The program of the quickstart, as it is, on the real engine."""

import runpy
from pathlib import Path

import pulumi.automation as auto
import pytest

from cse_component.testing import LocalAzure

QUICKSTART = Path(__file__).resolve().parents[1] / "examples" / "quickstart"
SECRETS = {"adminPassword": "S3cret-of-admin", "registrationKey": "reg-41c7"}


def program() -> None:
    runpy.run_path("__main__.py", run_name="__main__")


@pytest.fixture(autouse=True)
def _in_the_programs_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Pulumi runs it: paths of scripts are relative to the program."""
    monkeypatch.chdir(QUICKSTART)


def test_it_needs_two_secrets_and_no_other_configuration(azure: LocalAzure) -> None:
    """The whole of what Azure receives: a Windows machine without a public address, and its script."""
    outputs = azure.stack(program, secrets=SECRETS).up().outputs

    kinds = sorted(resource.type.rpartition(":")[2] for resource in azure.resources())
    assert kinds == ["NetworkInterface", "ResourceGroup", "Subnet", "VirtualMachine", "VirtualNetwork"]
    machine = next(resource for resource in azure.resources() if resource.type.endswith(":VirtualMachine"))
    assert machine.inputs["osProfile"] == {
        "computerName": "web",
        "adminUsername": "azureadmin",
        "adminPassword": SECRETS["adminPassword"],
        "windowsConfiguration": {"provisionVMAgent": True},
    }
    assert machine.inputs["storageProfile"]["imageReference"]["sku"] == "2022-datacenter-azure-edition"

    extension = azure.extension("web")
    assert (extension.publisher, extension.type) == ("Microsoft.Compute", "CustomScriptExtension")
    assert extension.location == machine.inputs["location"]
    assert extension.settings == {"timestamp": outputs["timestamp"].value}
    assert set(extension.protected_settings or {}) == {"commandToExecute"}
    assert [(run.os, run.exit_code, run.why) for run in azure.runs("web")] == [("Windows", 0, "first run")]
    command = azure.runs("web")[0].command or ""
    assert command.endswith(rf"-File .\install-iis.ps1 shop {SECRETS['registrationKey']}")
    assert {name: (output.value, output.secret) for name, output in outputs.items()} == {
        "site": ("shop", False),
        "timestamp": (extension.settings["timestamp"], False),
    }


def test_settings_change_what_it_deploys(azure: LocalAzure) -> None:
    """Every key that the program reads, with values that no two share."""
    config = {
        "site": "books",
        "vmSize": "Standard_D4s_v5",
        "adminUsername": "keeper",
        "azure-native:location": "uksouth",
    }
    azure.stack(program, config=config, secrets=SECRETS).up()

    machine = next(resource for resource in azure.resources() if resource.type.endswith(":VirtualMachine"))
    assert machine.inputs["hardwareProfile"] == {"vmSize": "Standard_D4s_v5"}
    assert machine.inputs["osProfile"]["adminUsername"] == "keeper"
    assert machine.inputs["location"] == azure.extension("web").location == "uksouth"
    assert " books " in (azure.runs("web")[0].command or "")


def test_a_secret_that_is_missing_is_named(azure: LocalAzure) -> None:
    """The first thing a new user forgets."""
    stack = azure.stack(program, secrets={"adminPassword": SECRETS["adminPassword"]})
    with pytest.raises(auto.CommandError, match="registrationKey"):
        stack.preview()
    assert azure.calls == []


def test_a_rebuilt_machine_gets_its_script_again(azure: LocalAzure) -> None:
    """Deleted before it is replaced, its network interface being its own; nothing else is touched."""
    stack = azure.stack(program, secrets=SECRETS)
    stack.up()
    made = len(azure.calls)
    machine = next(call.urn for call in azure.calls if call.type.endswith(":VirtualMachine"))

    stack.up(replace=[machine])

    calls = [(call.method, call.type.rpartition(":")[2]) for call in azure.calls[made:]]
    assert [call for call in calls if call != ("delete", "VirtualMachineExtension")] == [
        ("delete", "VirtualMachine"),
        ("create", "VirtualMachine"),
        ("create", "VirtualMachineExtension"),
    ]
    assert [(run.sequence, run.why) for run in azure.runs("web")] == [(0, "first run"), (0, "first run")]
    assert [auto.OpType(kind).value for kind in stack.preview().change_summary] == ["same"]
