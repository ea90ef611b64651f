"""Azure's Resource Manager: virtual machines and their extensions; resources of other types are kept, no more."""

import copy
import re
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .handler import HANDLERS, Configuration, Failure, Fault, InstalledHandler, Run

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000000"

OsType = Literal["Windows", "Linux"]


@dataclass(frozen=True, eq=False)
class Resource:
    """A resource that ARM holds.

    Attributes:
        type: Its Pulumi type, such as `azure-native:network:VirtualNetwork`.
        id: Its ARM id.
        inputs: Everything received; left out of `repr`, it may hold secrets.
    """

    type: str
    id: str
    inputs: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Extension:
    """A virtual machine extension as ARM holds it.

    Attributes:
        id: Its ARM id.
        name: Its name.
        vm_name: The machine's name.
        resource_group: The machine's resource group.
        location: None when not sent.
        publisher: Such as `Microsoft.Compute`.
        type: Such as `CustomScriptExtension`.
        type_handler_version: Such as `1.10`.
        settings: The public settings; empty when not sent.
        protected_settings: What a real Azure never gives back; None when not sent, left out of `repr`.
        force_update_tag: None when not sent.
        provisioning_state: `Succeeded` or `Failed`.
        message: What the handler reported of a failure; empty otherwise.
        inputs: Everything received; left out of `repr`.
    """

    id: str
    name: str
    vm_name: str
    resource_group: str
    location: str | None
    publisher: str
    type: str
    type_handler_version: str
    settings: dict[str, Any]
    protected_settings: dict[str, Any] | None = field(repr=False)
    force_update_tag: str | None
    provisioning_state: Literal["Succeeded", "Failed"]
    message: str
    inputs: dict[str, Any] = field(repr=False)


class ArmError(Exception):
    """A request that ARM refuses; nothing was changed."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        super().__init__(f'Status={status} Code="{code}" Message="{message}"')


class AlreadyExistsError(Exception):
    """azure-native's own refusal: it looks before it creates."""

    def __init__(self, resource_id: str) -> None:
        super().__init__(f"cannot create already existing resource '{resource_id}'")


@dataclass(frozen=True)
class Held:
    """A resource in ARM's store. It is replaced as a whole, never changed."""

    token: str
    id: str
    name: str
    inputs: dict[str, Any]
    # What a GET answers beside the inputs.
    computed: dict[str, Any]
    failure: str | None = None

    @property
    def outputs(self) -> dict[str, Any]:
        """What a GET answers: `protectedSettings` is write-only."""
        return {**readable(self.token, self.inputs), "name": self.name, **self.computed}


@dataclass
class _Machine:
    name: str
    resource_group: str
    os: OsType | None
    handlers: dict[tuple[str, str], InstalledHandler] = field(default_factory=dict)


@dataclass
class _PlannedFault:
    vm: str
    resource_group: str | None
    fault: Fault
    left: int


def kind_of(token: str) -> str:
    """The last part of a type token, the same for every API version (`azure-native:compute/v20240701:…`)."""
    return token.rpartition(":")[2]


def is_compute(token: str, kind: str) -> bool:
    """Whether a token is that compute resource, of whatever API version."""
    return kind_of(token) == kind and token.split(":")[1].partition("/")[0] == "compute"


def is_extension(token: str) -> bool:
    """Whether a token is a virtual machine extension, of whatever API version."""
    return is_compute(token, "VirtualMachineExtension")


def is_machine(token: str) -> bool:
    """Whether a token is a virtual machine, of whatever API version."""
    return is_compute(token, "VirtualMachine")


def readable(token: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs without the ones a GET never gives back."""
    return {k: v for k, v in inputs.items() if not (is_extension(token) and k == "protectedSettings")}


def is_replacing(token: str, path: str) -> bool:
    """Whether a change of this property path means another resource: it is part of the resource's URL.

    azure-native knows from the API's specification; here the spelling of a top-level input decides, and `location`,
    which the specification marks as create-only (for an extension it does not).
    """
    if "." in path or "[" in path:
        return False
    return path.endswith("Name") or path == "scope" or (path == "location" and not is_extension(token))


# Where the key is not made of the last words of the type, as `containerName` is for BlobContainer.
_NAME_KEYS = {
    "UserAssignedIdentity": "resourceName",
    "VirtualMachine": "vmName",
    "VirtualMachineExtension": "vmExtensionName",
    "VirtualMachineScaleSet": "vmScaleSetName",
    "VirtualMachineScaleSetExtension": "vmssExtensionName",
}


def own_name_key(token: str, inputs: Mapping[str, Any]) -> str | None:
    """The input that names the resource itself; None when the program leaves the name to Pulumi."""
    kind = kind_of(token)
    if kind in _NAME_KEYS:
        return _NAME_KEYS[kind] if _NAME_KEYS[kind] in inputs else None
    stems = [key for key in inputs if key.endswith("Name") and kind.lower().endswith(key[: -len("Name")].lower())]
    return max(stems, key=len, default=None)


_ARM_PATHS = {
    "VirtualMachine": "Microsoft.Compute/virtualMachines/{name}",
    "VirtualMachineExtension": "Microsoft.Compute/virtualMachines/{vmName}/extensions/{name}",
    "VirtualMachineScaleSet": "Microsoft.Compute/virtualMachineScaleSets/{name}",
    "VirtualMachineScaleSetExtension": "Microsoft.Compute/virtualMachineScaleSets/{vmScaleSetName}/extensions/{name}",
}


def arm_id(token: str, inputs: Mapping[str, Any], name: str) -> str:
    """The resource's id: as ARM spells it for compute and resource groups, of the same shape for anything else."""
    kind = kind_of(token)
    if kind == "ResourceGroup":
        return f"{SUBSCRIPTION}/resourceGroups/{name}"
    group = inputs.get("resourceGroupName")
    scope = inputs.get("scope") or (f"{SUBSCRIPTION}/resourceGroups/{group}" if group else SUBSCRIPTION)
    if is_compute(token, kind) and kind in _ARM_PATHS:
        return f"{scope}/providers/{_ARM_PATHS[kind].format_map({**inputs, 'name': name})}"
    module = token.split(":")[1].partition("/")[0]
    own = {own_name_key(token, inputs), "resourceGroupName"}
    parents = [str(inputs[key]) for key in sorted(inputs) if key.endswith("Name") and key not in own]
    return "/".join([scope, "providers", module, kind, *parents, name])


def _machine_os(inputs: Mapping[str, Any]) -> OsType | None:
    profile = inputs.get("osProfile") or {}
    if "windowsConfiguration" in profile:
        return "Windows"
    if "linuxConfiguration" in profile:
        return "Linux"
    os_type = ((inputs.get("storageProfile") or {}).get("osDisk") or {}).get("osType")
    return os_type if os_type in ("Windows", "Linux") else None


class ResourceManager:
    """The resources of one make-believe subscription. Safe to call from several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        # By lower-case id: ARM's ids are case-insensitive.
        self._held: dict[str, Held] = {}
        self._machines: dict[str, _Machine] = {}
        self._runs: list[Run] = []
        self._planned: list[_PlannedFault] = []

    def create(self, token: str, inputs: dict[str, Any], name: str) -> Held:
        """Create a resource.

        Args:
            token: The Pulumi type.
            inputs: As sent.
            name: The resource's own name.

        Returns:
            What ARM holds now; an extension whose handler failed is held as `Failed`.

        Raises:
            AlreadyExistsError: There is a resource of this id.
            ArmError: The request is refused.
        """
        with self._lock:
            resource_id = arm_id(token, inputs, name)
            if resource_id.lower() in self._held:
                raise AlreadyExistsError(self._held[resource_id.lower()].id)
            return self._put(token, resource_id, name, inputs)

    def update(self, token: str, resource_id: str, inputs: dict[str, Any], name: str) -> Held:
        """Send a resource again, changed or not; what is gone is created, as a PUT does.

        Raises:
            ArmError: The request is refused.
        """
        with self._lock:
            return self._put(token, resource_id, name, inputs)

    def get(self, resource_id: str) -> Held | None:
        """What ARM holds under an id."""
        with self._lock:
            return self._held.get(resource_id.lower())

    def delete(self, resource_id: str) -> None:
        """Delete a resource and what lies under it: a machine's extensions, a group's resources."""
        with self._lock:
            for held_id in [
                held for held in self._held if held == resource_id.lower() or held.startswith(f"{resource_id.lower()}/")
            ]:
                held = self._held.pop(held_id)
                self._machines.pop(held_id, None)
                if is_extension(held.token):
                    self._uninstall(held)

    def location_of_group(self, name: str) -> str | None:
        """The location of a resource group that exists."""
        held = self.get(f"{SUBSCRIPTION}/resourceGroups/{name}")
        return held.inputs.get("location") if held else None

    def runs(self, vm: str, resource_group: str | None, extension: str | None) -> list[Run]:
        """The runs on the machines of a name, oldest first."""
        with self._lock:
            return [
                copy.deepcopy(run)
                for run in self._runs
                if _same(run.vm, vm) and _same(run.resource_group, resource_group) and _same(run.extension, extension)
            ]

    def resources(self) -> list[Resource]:
        """What ARM holds, extensions left out, in order of creation."""
        with self._lock:
            return [
                Resource(held.token, held.id, copy.deepcopy(held.inputs))
                for held in self._held.values()
                if not is_extension(held.token)
            ]

    def extensions(
        self, vm: str | None = None, name: str | None = None, resource_group: str | None = None
    ) -> list[Extension]:
        """The extensions ARM holds, in order of creation."""
        with self._lock:
            return [
                _extension(held)
                for held in self._held.values()
                if is_extension(held.token)
                and _same(held.inputs["vmName"], vm)
                and _same(held.name, name)
                and _same(held.inputs["resourceGroupName"], resource_group)
            ]

    def fail(self, vm: str, resource_group: str | None, fault: Fault, times: int) -> None:
        """Let the next runs on the machines of a name fail."""
        with self._lock:
            self._planned.append(_PlannedFault(vm, resource_group, fault, times))

    def _put(self, token: str, resource_id: str, name: str, inputs: dict[str, Any]) -> Held:
        if is_extension(token):
            held = self._put_extension(token, resource_id, name, inputs)
        else:
            held = Held(token, resource_id, name, inputs, _computed(token, resource_id, name, inputs))
            if is_machine(token) and resource_id.lower() not in self._machines:
                self._machines[resource_id.lower()] = _Machine(
                    name, inputs.get("resourceGroupName", ""), _machine_os(inputs)
                )
        self._held[resource_id.lower()] = held
        return held

    def _put_extension(self, token: str, resource_id: str, name: str, inputs: dict[str, Any]) -> Held:
        machine = self._machines.get(resource_id.lower().rpartition("/extensions/")[0])
        if machine is None:
            parent = f"Parent resource '{inputs.get('vmName')}' not found."
            message = f"Can not perform requested operation on nested resource. {parent}"
            raise ArmError(404, "ParentResourceNotFound", message)
        for key in ("publisher", "type", "typeHandlerVersion"):
            if not inputs.get(key):
                raise ArmError(400, "InvalidParameter", f"Required parameter '{key}' is missing (null).")
        if not re.fullmatch(r"\d+\.\d+", str(inputs["typeHandlerVersion"])):
            raise ArmError(400, "InvalidParameter", "The value of parameter typeHandlerVersion is invalid.")
        for key in ("settings", "protectedSettings", "protectedSettingsFromKeyVault"):
            if not isinstance(inputs.get(key), dict | None):
                raise ArmError(400, "InvalidParameter", f"The value of parameter {key} is invalid.")
        if inputs.get("protectedSettings") and inputs.get("protectedSettingsFromKeyVault"):
            message = "Only one of 'protectedSettings' and 'protectedSettingsFromKeyVault' may be specified."
            raise ArmError(400, "BadRequest", message)
        before = self._held.get(resource_id.lower())
        for key in ("publisher", "type"):
            if before is not None and not _same(before.inputs[key], inputs[key]):
                raise ArmError(409, "PropertyChangeNotAllowed", f"Changing property '{key}' is not allowed.")
        if before is None:
            self._refuse_second_instance(machine, resource_id, name, inputs)
        failure = self._enable(machine, name, inputs)
        if failure is not None and inputs.get("suppressFailures"):
            failure = None
        computed = {"provisioningState": "Failed" if failure else "Succeeded"}
        return Held(token, resource_id, name, inputs, computed, failure)

    def _refuse_second_instance(self, machine: _Machine, resource_id: str, name: str, inputs: dict[str, Any]) -> None:
        key = _handler_key(inputs)
        siblings = f"{resource_id.lower().rpartition('/')[0]}/"
        if any(_handler_key(held.inputs) == key for other, held in self._held.items() if other.startswith(siblings)):
            os = machine.os or (HANDLERS[key].os if key in HANDLERS else "Windows")
            message = (
                f"Multiple VMExtensions per handler not supported for OS type '{os}'. VMExtension '{name}' "
                f"with handler '{inputs['publisher']}.{inputs['type']}' already added or specified in input."
            )
            raise ArmError(400, "BadRequest", message)

    def _enable(self, machine: _Machine, name: str, inputs: dict[str, Any]) -> str | None:
        handler = HANDLERS.get(_handler_key(inputs))
        if handler is None:
            return None
        if machine.os not in (None, handler.os):
            return _not_for_this_os(name, inputs)
        installed = machine.handlers.setdefault(
            _handler_key(inputs), InstalledHandler(handler, machine.name, machine.resource_group, name)
        )
        configuration = Configuration(
            inputs.get("settings") or {},
            inputs.get("protectedSettings"),
            inputs.get("protectedSettingsFromKeyVault"),
            inputs.get("forceUpdateTag"),
        )
        failure, run = installed.enable(configuration, lambda: self._next_fault(machine))
        if run is not None:
            self._runs.append(run)
        return _provisioning_error(name, inputs, failure, handler.help_url) if failure else None

    def _next_fault(self, machine: _Machine) -> Fault | None:
        for planned in self._planned:
            meant = _same(machine.name, planned.vm) and _same(machine.resource_group, planned.resource_group)
            if meant and planned.left:
                planned.left -= 1
                return planned.fault
        return None

    def _uninstall(self, held: Held) -> None:
        # The agent removes the handler's whole folder, its sequence number included.
        if machine := self._machines.get(held.id.lower().rpartition("/extensions/")[0]):
            machine.handlers.pop(_handler_key(held.inputs), None)


def _same(value: str, wanted: str | None) -> bool:
    return wanted is None or value.lower() == wanted.lower()


def _handler_key(inputs: Mapping[str, Any]) -> tuple[str, str]:
    return inputs["publisher"].lower(), inputs["type"].lower()


def _provisioning_error(name: str, inputs: Mapping[str, Any], failure: Failure, help_url: str) -> str:
    code = f"Error code: '{failure.code}'. " if failure.code is not None else ""
    return (
        'Code="VMExtensionProvisioningError" '
        f"Message=\"VM has reported a failure when processing extension '{name}' "
        f"(publisher '{inputs['publisher']}' and type '{inputs['type']}'). {code}Error message: '{failure.message}'. "
        f'More information on troubleshooting is available at {help_url}."'
    )


def _not_for_this_os(name: str, inputs: Mapping[str, Any]) -> str:
    handler = f"{inputs['publisher']}.{inputs['type']}"
    return (
        'Code="VMExtensionHandlerNonTransientError" '
        f"Message=\"The handler for VM extension type '{handler}' has reported terminal failure for VM extension "
        f"'{name}' with error message: 'The specified executable is not a valid application for this OS platform.' "
        "and terminal error code: '1007'.\""
    )


def _computed(token: str, resource_id: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    # What only Azure knows and programs that run scripts ask for.
    kind = kind_of(token)
    computed: dict[str, Any] = {}
    identity = inputs.get("identity")
    if isinstance(identity, Mapping) and "SystemAssigned" in str(identity.get("type")):
        computed["identity"] = {
            **identity,
            "principalId": _guid(resource_id, "principalId"),
            "tenantId": _guid("", "tenantId"),
        }
    if kind == "UserAssignedIdentity":
        computed["tenantId"] = _guid("", "tenantId")
        computed.update({key: _guid(resource_id, key) for key in ("clientId", "principalId")})
    if kind == "StorageAccount":
        computed["primaryEndpoints"] = {"blob": f"https://{name}.blob.core.windows.net/"}
    if kind == "Blob":
        account, container = inputs.get("accountName"), inputs.get("containerName")
        computed["url"] = f"https://{account}.blob.core.windows.net/{container}/{name}"
    return computed


def _guid(resource_id: str, key: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{resource_id.lower()}#{key}"))


def _extension(held: Held) -> Extension:
    inputs = copy.deepcopy(held.inputs)
    return Extension(
        id=held.id,
        name=held.name,
        vm_name=inputs["vmName"],
        resource_group=inputs["resourceGroupName"],
        location=inputs.get("location"),
        publisher=inputs["publisher"],
        type=inputs["type"],
        type_handler_version=inputs["typeHandlerVersion"],
        settings=inputs.get("settings") or {},
        protected_settings=inputs.get("protectedSettings"),
        force_update_tag=inputs.get("forceUpdateTag"),
        provisioning_state=held.computed["provisioningState"],
        message=held.failure or "",
        inputs=inputs,
    )
