"""LocalAzure under the real Pulumi engine, through its public names only."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pulumi.automation as auto
import pytest

from cse_component.testing import LocalAzure

VM = "azure-native:compute:VirtualMachine"
EXTENSION = "azure-native:compute:VirtualMachineExtension"
WINDOWS = {"publisher": "Microsoft.Compute", "type": "CustomScriptExtension", "typeHandlerVersion": "1.10"}
EXTENSION_ID = (
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg"
    "/providers/Microsoft.Compute/virtualMachines/vm1/extensions/script"
)


class Declared(pulumi.CustomResource):
    """A resource of any type, with the outputs that the tests read."""

    name: pulumi.Output[str]

    def __init__(
        self, token: str, name: str, inputs: Mapping[str, Any], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(token, name, {"name": None, "provisioningState": None, **inputs}, opts)


def extension(name: str = "script", *, opts: pulumi.ResourceOptions | None = None, **inputs: Any) -> Declared:
    """Declare a Windows extension on vm1; keywords are inputs on top of it."""
    sent = {"resourceGroupName": "rg", "vmName": "vm1", "vmExtensionName": name, **WINDOWS}
    return Declared(EXTENSION, name, {**sent, "settings": {"commandToExecute": "a.cmd"}, **inputs}, opts)


def machine(**inputs: Any) -> Declared:
    """Declare vm1, a Windows machine."""
    sent = {"resourceGroupName": "rg", "vmName": "vm1", "osProfile": {"windowsConfiguration": {}}}
    return Declared(VM, "vm", {**sent, **inputs})


def error_of(action: Callable[[], object]) -> str:
    with pytest.raises(auto.CommandError) as error:
        action()
    return str(error.value)


def methods(azure: LocalAzure) -> list[tuple[str, str]]:
    return [(call.method, call.urn.rpartition("::")[2]) for call in azure.calls]


def test_a_script_runs_once_until_it_changes(azure: LocalAzure) -> None:
    """Preview asks nothing; up runs; no change, no run; a new timestamp runs once more."""
    azure.add_vm("rg", "vm1", os_type="Windows")
    settings = {"timestamp": 1, "fileUris": ["https://h/a.ps1", "https://h/b.ps1"]}

    def program() -> None:
        extension(settings=dict(settings), protectedSettings=pulumi.Output.secret({"commandToExecute": "a.ps1"}))

    stack = azure.stack(program)
    assert stack.preview().change_summary == {"create": 2}
    assert azure.calls == []
    stack.up()
    assert stack.preview().change_summary == {"same": 2}
    assert [(run.why, run.sequence, run.command) for run in azure.runs("VM1")] == [("first run", 0, "a.ps1")]
    settings["timestamp"] = 2
    diff = stack.preview(diff=True).stdout
    assert "~ timestamp: 1 => 2" in diff
    assert "fileUris" not in diff
    stack.up()
    assert [run.why for run in azure.runs("vm1")] == ["first run", "settings.timestamp changed"]
    held = azure.extension("vm1")
    assert (held.id, held.name, held.vm_name, held.resource_group) == (EXTENSION_ID, "script", "vm1", "rg")
    assert (held.publisher, held.type, held.type_handler_version) == tuple(WINDOWS.values())
    assert (held.settings, held.protected_settings) == (settings, {"commandToExecute": "a.ps1"})
    assert (held.provisioning_state, held.message) == ("Succeeded", "")
    assert methods(azure) == [("create", "script"), ("update", "script")]
    assert [call.type for call in azure.calls] == [EXTENSION, EXTENSION]


def test_an_identical_put_repeats_the_old_failure(azure: LocalAzure) -> None:
    """The engine keeps the failed extension and sends it again; only a change makes it run."""
    azure.add_vm("rg", "vm1")
    azure.fail("vm1", exit_code=5, stderr="boom")
    settings = {"commandToExecute": "a.cmd", "timestamp": 1}
    stack = azure.stack(lambda: extension(settings=dict(settings)))
    text = (
        "VM has reported a failure when processing extension 'script' (publisher 'Microsoft.Compute' and type "
        "'CustomScriptExtension'). Error message: 'Command execution finished, but failed because it returned a "
        "non-zero exit code of: '5'. The command had an error output of: 'boom''."
    )
    assert text in error_of(stack.up)
    assert azure.extension("vm1").provisioning_state == "Failed"
    assert text in error_of(stack.up)
    assert methods(azure) == [("create", "script"), ("update", "script")]
    assert [run.exit_code for run in azure.runs("vm1")] == [5]
    settings["timestamp"] = 2
    stack.up()
    assert [run.exit_code for run in azure.runs("vm1")] == [5, 0]
    assert azure.extension("vm1").provisioning_state == "Succeeded"


def test_a_second_handler_is_refused(azure: LocalAzure) -> None:
    """Two names, one handler: ARM refuses the second."""
    azure.add_vm("rg", "vm1", os_type="Windows")

    def program() -> None:
        first = extension("one")
        extension("two", opts=pulumi.ResourceOptions(depends_on=[first]))

    assert (
        'Status=400 Code="BadRequest" Message="Multiple VMExtensions per handler not supported for OS type \'Windows\'. '
        "VMExtension 'two' with handler 'Microsoft.Compute.CustomScriptExtension' already added or specified in input.\""
    ) in error_of(azure.stack(program).up)
    assert [held.name for held in azure.extensions()] == ["one"]
    with pytest.raises(
        KeyError, match=r"no extension called 'two' on VM 'vm1'; LocalAzure holds 'one' on 'vm1' in 'rg'"
    ):
        azure.extension("vm1", name="two")


def test_what_exists_is_not_created_again(azure: LocalAzure) -> None:
    """azure-native looks first, whoever made it."""
    azure.add_vm("rg", "vm1")

    def program() -> None:
        first = extension()
        extension("twin", vmExtensionName="script", opts=pulumi.ResourceOptions(depends_on=[first]))

    assert f"cannot create already existing resource '{EXTENSION_ID}'" in error_of(azure.stack(program).up)


def test_a_replaced_machine_loses_its_extension(azure: LocalAzure) -> None:
    """With a literal name the extension stays lost, until a refresh sees it."""
    place = {"location": "westeurope"}

    def program() -> None:
        vm = machine(**place)
        extension(opts=pulumi.ResourceOptions(depends_on=[vm]))

    stack = azure.stack(program)
    stack.up()
    place["location"] = "northeurope"
    stack.up()
    assert methods(azure)[2:] == [("delete", "vm"), ("create", "vm")]
    assert azure.extensions() == []
    assert stack.preview().change_summary == {"same": 3}
    stack.refresh()
    assert stack.preview().change_summary == {"same": 2, "create": 1}


def test_a_machine_by_reference_brings_its_extension_back(azure: LocalAzure) -> None:
    """The dependency makes the engine delete and create both, in order."""
    place = {"location": "westeurope"}
    stack = azure.stack(lambda: extension(vmName=machine(**place).name))
    stack.up()
    place["location"] = "northeurope"
    stack.up()
    assert methods(azure)[2:] == [("delete", "script"), ("delete", "vm"), ("create", "vm"), ("create", "script")]
    assert [(run.sequence, run.why) for run in azure.runs("vm1")] == [(0, "first run"), (0, "first run")]


def test_another_name_is_another_extension(azure: LocalAzure) -> None:
    """A part of the URL cannot change in place, and the old one goes first."""
    azure.add_vm("rg", "vm1")
    name = ["one"]
    stack = azure.stack(lambda: extension(vmExtensionName=name[0]))
    stack.up()
    name[0] = "two"
    stack.up()
    assert methods(azure)[1:] == [("delete", "script"), ("create", "script")]
    assert azure.extension("vm1", name="two").name == "two"


def test_publisher_changes_only_at_the_price_of_an_error(azure: LocalAzure) -> None:
    """The preview is green and promises an update; ARM refuses it."""
    azure.add_vm("rg", "vm1")
    publisher = ["Microsoft.Compute"]
    stack = azure.stack(lambda: extension(publisher=publisher[0]))
    stack.up()
    publisher[0] = "Contoso"
    assert stack.preview().change_summary == {"same": 1, "update": 1}
    assert "Changing property 'publisher' is not allowed." in error_of(stack.up)


def test_secrets_stay_where_they_belong(azure: LocalAzure) -> None:
    """Not in repr, not in outputs, not in an error about the very value."""
    azure.add_vm("rg", "vm1")
    protected: dict[str, Any] = {"commandToExecute": "echo hunter2"}

    def program() -> None:
        key = pulumi.Config().require_secret("apiKey")
        held = extension(settings={}, protectedSettings=key.apply(lambda value: {**protected, "unknown": value}))
        pulumi.export("state", held.provisioningState)  # type: ignore[attr-defined]

    stack = azure.stack(program, config={"plain": "seen"}, secrets={"apiKey": "hunter3"})
    shown = stack.preview(diff=True).stdout + stack.up(diff=True).stdout
    held = azure.extension("vm1")
    assert held.protected_settings == {"commandToExecute": "echo hunter2", "unknown": "hunter3"}
    deployment = stack.export_stack().deployment or {}
    (outputs,) = [resource["outputs"] for resource in deployment["resources"] if resource["type"] == EXTENSION]
    assert "protectedSettings" not in outputs
    protected["fileUris"] = ["hunter4"]
    protected["timestamp"] = "hunter5"
    shown += error_of(stack.up) + repr(azure.extensions()) + repr(azure.runs("vm1")) + repr(azure.calls) + str(outputs)
    assert "'timestamp' must be of type integer" in shown
    assert "hunter" not in shown


def test_an_untouched_stack_has_no_drift(azure: LocalAzure) -> None:
    """What is read back is what was sent, protected settings excepted."""
    azure.add_vm("rg", "other")

    def program() -> None:
        group = Declared("azure-native:resources:ResourceGroup", "rg", {"location": "westeurope"})
        vm = machine(resourceGroupName=group.name)
        extension(
            resourceGroupName=group.name,
            vmName=vm.name,
            settings={"timestamp": 2**31 - 1, "nested": [1, 1.5, True, {"a": []}]},
            protectedSettings=pulumi.Output.secret({"commandToExecute": "a", "managedIdentity": {}}),
        )

    stack = azure.stack(program)
    stack.up()
    assert stack.refresh().summary.resource_changes == {"same": 4}
    assert stack.preview().change_summary == {"same": 4}
    held = azure.extension("vm1")
    assert held.location == "westeurope"
    assert json.dumps(held.settings, sort_keys=True) == '{"nested": [1, 1.5, true, {"a": []}], "timestamp": 2147483647}'
    assert held.protected_settings == {"commandToExecute": "a", "managedIdentity": {}}


def test_an_adopted_extension_has_no_protected_settings(azure: LocalAzure) -> None:
    """ARM does not give them back, so the next up would add them and the script run again."""
    azure.add_vm("rg", "vm1")
    azure.stack(lambda: extension(settings={}, protectedSettings={"commandToExecute": "a"}), project="first").up()
    adopt = pulumi.ResourceOptions(import_=EXTENSION_ID)
    stack = azure.stack(lambda: extension(settings={}, opts=adopt), project="second")
    stack.up()
    assert len(azure.runs("vm1")) == 1
    stack = azure.stack(lambda: extension(settings={}, protectedSettings={"commandToExecute": "a"}), project="second")
    assert "[diff: +protectedSettings]" in stack.preview().stdout


def test_any_type_is_kept(azure: LocalAzure) -> None:
    """Other resources get an id, their name, and what only Azure can know; functions are refused."""

    def program() -> None:
        identity = Declared(
            "azure-native:managedidentity:UserAssignedIdentity",
            "id",
            {"resourceGroupName": "rg", "resourceName": "deployer", "clientId": None},
        )
        pulumi.export("name", identity.name)
        pulumi.export("client", identity.clientId)  # type: ignore[attr-defined]

    up = azure.stack(program).up()
    (held,) = azure.resources()
    assert held.type == "azure-native:managedidentity:UserAssignedIdentity"
    assert held.id.endswith("/resourceGroups/rg/providers/managedidentity/UserAssignedIdentity/deployer")
    assert held.inputs == {"resourceGroupName": "rg", "resourceName": "deployer"}
    assert up.outputs["name"].value == "deployer"
    assert len(up.outputs["client"].value) == 36

    def invoking() -> None:
        pulumi.runtime.invoke("azure-native:storage:listStorageAccountKeys", {"accountName": "a"})

    assert (
        "LocalAzure holds resources and answers no function calls: azure-native:storage:listStorageAccountKeys"
    ) in error_of(azure.stack(invoking).preview)


def test_the_typed_sdk_works_against_it(azure: LocalAzure) -> None:
    """The programs users have: typed classes, a version in the token, names left to Pulumi."""
    azure.add_vm("rg", "vm1")

    def program() -> None:
        from pulumi_azure_native import compute

        compute.VirtualMachineExtension(
            "typed",
            resource_group_name="rg",
            vm_name="vm1",
            publisher="Microsoft.Azure.Extensions",
            type="CustomScript",
            type_handler_version="2.1",
            settings={"commandToExecute": "./a.sh"},
        )

    stack = azure.stack(program, config={"azure-native:location": "westus"})
    stack.up()
    assert stack.preview().change_summary == {"same": 2}
    assert azure.extension("vm1").location == "westus"
    assert [(run.extension, run.os, run.command) for run in azure.runs("vm1")] == [("typed", "Linux", "./a.sh")]


def test_many_machines_at_once(azure: LocalAzure) -> None:
    """Parallel requests are kept apart."""
    names = [f"vm{number}" for number in range(40)]
    for name in names:
        azure.add_vm("rg", name)

    def program() -> None:
        for name in names:
            extension(f"on-{name}", vmName=name, settings={"commandToExecute": name})

    azure.stack(program).up()
    assert {name: [run.command for run in azure.runs(name)] for name in names} == {name: [name] for name in names}


def test_the_environment_attaches_any_process(
    azure: LocalAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain `pulumi` sees the stack, and nothing is written to the user's own directory."""
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    azure.stack(lambda: None, project="seen", stack="here").up()
    listed = subprocess.run(
        ["pulumi", "stack", "ls", "--all"],
        env={**os.environ, **azure.environment},
        check=True,
        capture_output=True,
        text=True,
    )
    assert "seen/here" in listed.stdout
    assert list(tmp_path.iterdir()) == []


def test_leaves_nothing_behind() -> None:
    """The directory goes with the block, the records stay, and serving is over."""
    with LocalAzure() as azure:
        azure.add_vm("rg", "vm1")
        home = Path(azure.environment["PULUMI_HOME"])
        azure.stack(extension).up()
    assert not home.parent.exists()
    assert [run.command for run in azure.runs("vm1")] == ["a.cmd"]
    with pytest.raises(RuntimeError, match=r"^LocalAzure serves inside its `with` block only$"):
        _ = azure.environment


def test_says_where_a_cli_comes_from(azure: LocalAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, and the command that mends it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(FileNotFoundError) as error:
        azure.stack(extension)
    assert str(error.value) == (
        f"no pulumi CLI on PATH or in {tmp_path}: run `make setup`, or see https://www.pulumi.com/docs/install/"
    )


def test_says_that_it_holds_nothing(azure: LocalAzure) -> None:
    """A machine that nobody made is answered in words."""
    with pytest.raises(KeyError, match=r"no extension on VM 'vm2'; LocalAzure holds none"):
        azure.extension("vm2")


def test_exit_code_0_is_no_failure(azure: LocalAzure) -> None:
    """A fault that would not fail is a mistake of the test."""
    with pytest.raises(ValueError, match=r"^exit_code 0 is success: give the code that the run is to fail with$"):
        azure.fail("vm1", exit_code=0)
