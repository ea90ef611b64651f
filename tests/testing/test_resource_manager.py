"""What ARM refuses, keeps and forgets, without an engine."""

from typing import Any

import pytest

from cse_component.testing.handler import Fault
from cse_component.testing.resource_manager import AlreadyExistsError, ArmError, Held, ResourceManager

VM = "azure-native:compute:VirtualMachine"
EXTENSION = "azure-native:compute:VirtualMachineExtension"
WINDOWS = {"publisher": "Microsoft.Compute", "type": "CustomScriptExtension", "typeHandlerVersion": "1.10"}
LINUX = {"publisher": "Microsoft.Azure.Extensions", "type": "CustomScript", "typeHandlerVersion": "2.1"}
GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg"


@pytest.fixture(name="arm")
def _arm() -> ResourceManager:
    arm = ResourceManager()
    machine(arm, "win", {"osProfile": {"windowsConfiguration": {}}})
    machine(arm, "lin", {"storageProfile": {"osDisk": {"osType": "Linux"}}})
    machine(arm, "any", {})
    return arm


def machine(arm: ResourceManager, name: str, inputs: dict[str, Any]) -> Held:
    return arm.create(VM, {"resourceGroupName": "rg", "vmName": name, **inputs}, name)


def extend(arm: ResourceManager, vm: str, name: str = "script", /, **inputs: Any) -> Held:
    """Create an extension with a command; keywords are inputs on top of it."""
    sent = {"resourceGroupName": "rg", "vmName": vm, "vmExtensionName": name, "settings": {"commandToExecute": "a"}}
    return arm.create(EXTENSION, {**sent, **inputs}, name)


@pytest.mark.parametrize(
    ("token", "inputs", "name", "expected"),
    [
        ("azure-native:resources:ResourceGroup", {"resourceGroupName": "rg"}, "rg", GROUP),
        (VM, {"resourceGroupName": "rg", "vmName": "v"}, "v", f"{GROUP}/providers/Microsoft.Compute/virtualMachines/v"),
        (
            "azure-native:compute:VirtualMachineScaleSetExtension",
            {"resourceGroupName": "rg", "vmScaleSetName": "s", "vmssExtensionName": "e"},
            "e",
            f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/s/extensions/e",
        ),
        (
            "azure-native:network:Subnet",
            {"resourceGroupName": "rg", "virtualNetworkName": "net", "subnetName": "default"},
            "default",
            f"{GROUP}/providers/network/Subnet/net/default",
        ),
        (
            "azure-native:storage/v20240101:BlobContainer",
            {"resourceGroupName": "rg", "accountName": "acct", "containerName": "c"},
            "c",
            f"{GROUP}/providers/storage/BlobContainer/acct/c",
        ),
        (
            "azure-native:authorization:RoleAssignment",
            {"scope": f"{GROUP}/providers/x", "roleAssignmentName": "r"},
            "r",
            f"{GROUP}/providers/x/providers/authorization/RoleAssignment/r",
        ),
    ],
)
def test_gives_ids_of_arms_shape(token: str, inputs: dict[str, Any], name: str, expected: str) -> None:
    """The parents are part of the id, so equal names under two parents are two resources."""
    assert ResourceManager().create(token, inputs, name).id == expected


def test_refuses_to_create_what_exists(arm: ResourceManager) -> None:
    """azure-native looks first, and ids have no case."""
    held = extend(arm, "win", **WINDOWS)
    with pytest.raises(AlreadyExistsError, match=r"^cannot create already existing resource '") as error:
        extend(arm, "WIN", "SCRIPT", **WINDOWS)
    assert str(error.value).endswith(f"'{held.id}'")


REFUSED = [
    (
        {"vmName": "gone", **WINDOWS},
        (
            'Status=404 Code="ParentResourceNotFound" '
            "Message=\"Can not perform requested operation on nested resource. Parent resource 'gone' not found.\""
        ),
    ),
    (
        {**WINDOWS, "publisher": None},
        'Status=400 Code="InvalidParameter" Message="Required parameter \'publisher\' is missing (null)."',
    ),
    (
        {**WINDOWS, "typeHandlerVersion": "1.10.15"},
        'Status=400 Code="InvalidParameter" Message="The value of parameter typeHandlerVersion is invalid."',
    ),
    (
        {**WINDOWS, "settings": '{"commandToExecute": "a"}'},
        'Status=400 Code="InvalidParameter" Message="The value of parameter settings is invalid."',
    ),
    (
        {**WINDOWS, "protectedSettings": {"a": 1}, "protectedSettingsFromKeyVault": {"secretUrl": "u"}},
        (
            'Status=400 Code="BadRequest" '
            "Message=\"Only one of 'protectedSettings' and 'protectedSettingsFromKeyVault' may be specified.\""
        ),
    ),
]


@pytest.mark.parametrize(("inputs", "text"), REFUSED)
def test_refuses_a_malformed_extension(arm: ResourceManager, inputs: dict[str, Any], text: str) -> None:
    """A refused request leaves nothing behind."""
    with pytest.raises(ArmError) as error:
        extend(arm, "win", **inputs)
    assert str(error.value) == text
    assert arm.extensions() == []


@pytest.mark.parametrize(
    ("vm", "handler", "os", "name"),
    [
        ("win", WINDOWS, "Windows", "Microsoft.Compute.CustomScriptExtension"),
        ("lin", LINUX, "Linux", "Microsoft.Azure.Extensions.CustomScript"),
        ("any", LINUX, "Linux", "Microsoft.Azure.Extensions.CustomScript"),
    ],
)
def test_refuses_a_second_instance_of_a_handler(
    arm: ResourceManager, vm: str, handler: dict[str, str], os: str, name: str
) -> None:
    """Whatever its name and the case of the publisher."""
    extend(arm, vm, "one", **handler)
    with pytest.raises(ArmError) as error:
        extend(arm, vm, "two", **{**handler, "publisher": handler["publisher"].upper()})
    assert str(error.value) == (
        f'Status=400 Code="BadRequest" Message="Multiple VMExtensions per handler not supported for OS type \'{os}\'. '
        f"VMExtension 'two' with handler '{name.replace(handler['publisher'], handler['publisher'].upper())}' "
        'already added or specified in input."'
    )


def test_takes_other_handlers_beside_it_without_a_run(arm: ResourceManager) -> None:
    """Extensions that are no Custom Script are kept, no more."""
    extend(arm, "win", "one", **WINDOWS)
    extend(arm, "win", "two", publisher="Microsoft.Azure.Monitor", type="Agent", typeHandlerVersion="1.0")
    assert [extension.name for extension in arm.extensions()] == ["one", "two"]
    assert [run.extension for run in arm.runs("win", None, None)] == ["one"]


@pytest.mark.parametrize("key", ["publisher", "type"])
def test_publisher_and_type_cannot_change(arm: ResourceManager, key: str) -> None:
    """ARM refuses what azure-native would send in place."""
    held = extend(arm, "any", **WINDOWS)
    with pytest.raises(ArmError) as error:
        arm.update(EXTENSION, held.id, {**held.inputs, key: "Other"}, "script")
    assert (
        str(error.value)
        == f'Status=409 Code="PropertyChangeNotAllowed" Message="Changing property \'{key}\' is not allowed."'
    )


@pytest.mark.parametrize(("vm", "handler"), [("win", LINUX), ("lin", WINDOWS)])
def test_a_handler_for_the_other_system_fails(arm: ResourceManager, vm: str, handler: dict[str, str]) -> None:
    """ARM accepts it, the machine cannot start it, and nothing runs."""
    held = extend(arm, vm, **handler)
    assert held.failure == (
        'Code="VMExtensionHandlerNonTransientError" Message="The handler for VM extension type '
        f"'{handler['publisher']}.{handler['type']}' has reported terminal failure for VM extension 'script' with error message: "
        "'The specified executable is not a valid application for this OS platform.' and terminal error code: '1007'.\""
    )
    assert arm.runs(vm, None, None) == []


def test_a_failure_names_the_extension_and_no_value(arm: ResourceManager) -> None:
    """The text is ARM's newer form; a Linux handler adds its code."""
    arm.fail("lin", None, Fault(5, stderr="boom"), 1)
    held = extend(arm, "lin", **LINUX, settings={}, protectedSettings={"commandToExecute": "hunter2"})
    assert held.failure == (
        'Code="VMExtensionProvisioningError" Message="VM has reported a failure when processing extension \'script\' '
        "(publisher 'Microsoft.Azure.Extensions' and type 'CustomScript'). Error code: '2'. Error message: "
        "'Enable failed: failed to execute command: command terminated with exit status=5\n[stdout]\n\n[stderr]\nboom'. "
        'More information on troubleshooting is available at https://aka.ms/VMExtensionCSELinuxTroubleshoot."'
    )
    assert held.outputs["provisioningState"] == "Failed"


def test_suppressed_failures_are_none(arm: ResourceManager) -> None:
    """ARM reports success; the run is known to have failed."""
    arm.fail("win", None, Fault(5), 1)
    held = extend(arm, "win", **WINDOWS, suppressFailures=True)
    assert held.failure is None
    assert [run.exit_code for run in arm.runs("win", None, None)] == [5]


def test_faults_are_used_up_by_runs_only(arm: ResourceManager) -> None:
    """One fault, on this machine, for the next thing that runs."""
    arm.fail("win", None, Fault(3), 1)
    extend(arm, "any", **WINDOWS)
    refused = extend(arm, "win", **WINDOWS, settings={})
    for timestamp in (1, 2):
        settings = {"commandToExecute": "a", "timestamp": timestamp}
        arm.update(EXTENSION, refused.id, {**refused.inputs, "settings": settings}, "script")
    assert [run.exit_code for run in arm.runs("any", None, None)] == [0]
    assert [run.exit_code for run in arm.runs("win", None, None)] == [3, 0]


def test_a_new_extension_starts_anew(arm: ResourceManager) -> None:
    """Deleting it uninstalls the handler, sequence number included."""
    held = extend(arm, "win", **WINDOWS)
    arm.delete(held.id)
    extend(arm, "win", **WINDOWS)
    assert [(run.sequence, run.why) for run in arm.runs("win", None, None)] == [(0, "first run"), (0, "first run")]


def test_a_machine_takes_its_extensions_with_it(arm: ResourceManager) -> None:
    """A group takes all; a neighbour whose name begins alike stays."""
    machine(arm, "win-2", {})
    extend(arm, "win", **WINDOWS)
    extend(arm, "win-2", **WINDOWS)
    arm.delete(f"{GROUP}/providers/Microsoft.Compute/virtualMachines/WIN")
    assert [extension.vm_name for extension in arm.extensions()] == ["win-2"]
    arm.delete(GROUP)
    assert (arm.extensions(), arm.resources()) == ([], [])


def test_a_rebuilt_machine_is_another_one(arm: ResourceManager) -> None:
    """Nothing can be put on it while it is gone, and its system may be another."""
    arm.delete(f"{GROUP}/providers/Microsoft.Compute/virtualMachines/win")
    with pytest.raises(ArmError, match="Parent resource 'win' not found"):
        extend(arm, "win", **LINUX)
    machine(arm, "win", {"osProfile": {"linuxConfiguration": {}}})
    assert extend(arm, "win", **LINUX).failure is None


def test_only_the_configuration_makes_it_run(arm: ResourceManager) -> None:
    """Tags, versions and upgrade flags are stored and run nothing."""
    held = extend(arm, "win", **WINDOWS)
    arm.update(EXTENSION, held.id, {**held.inputs, "typeHandlerVersion": "1.9", "tags": {"a": "b"}}, "script")
    assert len(arm.runs("win", None, None)) == 1
    assert arm.extensions()[0].type_handler_version == "1.9"
