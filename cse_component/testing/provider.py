"""The azure-native plugin's side of Pulumi's protocol, in front of a `ResourceManager`."""

# ruff: noqa: N802 (the names of the methods are the protocol's)

import importlib.metadata
import json
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import grpc
from google.protobuf import any_pb2, empty_pb2, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from .input_diff import Change, differences
from .resource_manager import (
    AlreadyExistsError,
    ArmError,
    Held,
    ResourceManager,
    is_extension,
    is_machine,
    is_replacing,
    own_name_key,
    readable,
)


@dataclass(frozen=True)
class Call:
    """A call of the engine that reached Azure; what a preview asks is left out.

    Attributes:
        method: `create`, `update` or `delete`.
        type: The Pulumi type, such as `azure-native:compute:VirtualMachineExtension`.
        urn: The resource's URN.
    """

    method: Literal["create", "update", "delete"]
    type: str
    urn: str


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine as azure-native does."""

    def __init__(self, manager: ResourceManager) -> None:
        self._manager = manager
        self._location: str | None = None
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        # The engine compares it with the version that the program's SDK asks for.
        self._version = importlib.metadata.version("pulumi-azure-native")

    @property
    def calls(self) -> list[Call]:
        """The calls so far, oldest first."""
        with self._lock:
            return list(self._calls)

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self._version)

    def GetSchema(
        self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetSchemaResponse:
        return provider_pb2.GetSchemaResponse(schema=json.dumps({"name": "azure-native", "version": self._version}))

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        self._location = request.variables.get("azure-native:config:location")
        # azure-native does not accept secrets: the engine takes the marks off and puts them back on the outputs.
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def Invoke(self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"LocalAzure holds resources and answers no function calls: {request.tok}",
        )
        raise AssertionError

    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        token, olds, news = request.type, _from_struct(request.olds), _from_struct(request.news)
        takes_location = is_extension(token) or is_machine(token)
        if takes_location and "location" not in news and (location := self._default_location(olds, news)):
            news["location"] = location
        required = ("resourceGroupName", "vmName") if is_extension(token) else ()
        failures = [
            provider_pb2.CheckFailure(property=key, reason=f"missing required property '{key}'")
            for key in required
            if not news.get(key)
        ]
        return provider_pb2.CheckResponse(inputs=_to_struct(news), failures=failures)

    def _default_location(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> str | None:
        if olds:
            return olds.get("location")
        return self._location or self._manager.location_of_group(news.get("resourceGroupName", ""))

    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        changes = differences(_from_struct(request.old_inputs), _from_struct(request.news))
        replaces = [path for path in changes if is_replacing(request.type, path)]
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=sorted({path.partition(".")[0].partition("[")[0] for path in changes}),
            replaces=replaces,
            deleteBeforeReplace=bool(replaces),
            hasDetailedDiff=True,
            detailedDiff={
                path: provider_pb2.PropertyDiff(kind=_kind(change, path in replaces), inputDiff=True)
                for path, change in changes.items()
            },
        )

    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        inputs = _from_struct(request.properties)
        name = _name(request.type, inputs, request.name)
        if request.preview:
            return provider_pb2.CreateResponse(properties=_preview(request.type, inputs, name))
        self._record("create", request.type, request.urn)
        try:
            held = self._manager.create(request.type, inputs, name)
        except (AlreadyExistsError, ArmError) as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        if held.failure:
            _abort_with_state(context, held)
        return provider_pb2.CreateResponse(id=held.id, properties=_to_struct(held.outputs))

    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        inputs = _from_struct(request.news)
        name = _name(request.type, inputs, request.name)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=_preview(request.type, inputs, name))
        self._record("update", request.type, request.urn)
        try:
            held = self._manager.update(request.type, request.id, inputs, name)
        except ArmError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        if held.failure:
            _abort_with_state(context, held)
        return provider_pb2.UpdateResponse(properties=_to_struct(held.outputs))

    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        held = self._manager.get(request.id)
        if held is None:
            return provider_pb2.ReadResponse()
        known = _from_struct(request.inputs)
        # Drift shows in what a GET gives back; what is write-only stays as the state has it.
        write_only = {key: value for key, value in known.items() if key not in readable(request.type, known)}
        inputs = {**readable(held.token, held.inputs), **write_only}
        return provider_pb2.ReadResponse(id=held.id, properties=_to_struct(held.outputs), inputs=_to_struct(inputs))

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        self._record("delete", request.type, request.urn)
        self._manager.delete(request.id)
        return empty_pb2.Empty()

    def _record(self, method: Literal["create", "update", "delete"], token: str, urn: str) -> None:
        with self._lock:
            self._calls.append(Call(method, token, urn))


def _name(token: str, inputs: Mapping[str, Any], logical_name: str) -> str:
    key = own_name_key(token, inputs)
    return str(inputs[key]) if key else logical_name


def _preview(token: str, inputs: Mapping[str, Any], name: str) -> struct_pb2.Struct:
    # What only Azure knows is left out: the engine takes it for unknown.
    return _to_struct({**readable(token, inputs), "name": name})


_KINDS = {
    ("add", False): provider_pb2.PropertyDiff.ADD,
    ("add", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


def _kind(change: Change, replaces: bool) -> provider_pb2.PropertyDiff.Kind.ValueType:
    return _KINDS[change, replaces]


def _abort_with_state(context: grpc.ServicerContext, held: Held) -> NoReturn:
    # ARM accepted the request, so the resource exists: with this detail the engine keeps it, marked as failed.
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=held.id,
            properties=_to_struct(held.outputs),
            inputs=_to_struct(held.inputs),
            reasons=[held.failure or ""],
        )
    )
    code = grpc.StatusCode.UNKNOWN
    status = status_pb2.Status(code=code.value[0], message=held.failure or "", details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, held.failure or "")
    raise AssertionError


def _to_struct(value: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(value)
    return struct


def _from_struct(struct: struct_pb2.Struct) -> dict[str, Any]:
    # A protobuf map has no order of its own: without one of ours, what was received would read differently each time.
    return {key: _from_value(struct.fields[key]) for key in sorted(struct.fields)}


def _from_value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _from_struct(value.struct_value)
    if kind == "list_value":
        return [_from_value(element) for element in value.list_value.values]
    if kind == "number_value":
        # The wire has doubles only; JSON, which the handlers read, has integers.
        number = value.number_value
        return int(number) if math.isfinite(number) and number.is_integer() else number
    return None if kind in (None, "null_value") else getattr(value, kind)
