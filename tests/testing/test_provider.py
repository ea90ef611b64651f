"""The protocol's edges that a whole deployment shows poorly."""

from typing import Any, cast

import grpc
import pytest
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.rpc import UNKNOWN

from cse_component.testing.provider import Provider
from cse_component.testing.resource_manager import ResourceManager

VM = "azure-native:compute/v20240701:VirtualMachine"
EXTENSION = "azure-native:compute/v20240701:VirtualMachineExtension"
NO_CONTEXT = cast(grpc.ServicerContext, None)


def struct(value: dict[str, Any]) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(value)
    return made


@pytest.fixture(name="provider")
def _provider() -> Provider:
    return Provider(ResourceManager())


def diff(provider: Provider, token: str, old: dict[str, Any], new: dict[str, Any]) -> pb.DiffResponse:
    return provider.Diff(pb.DiffRequest(type=token, old_inputs=struct(old), news=struct(new)), NO_CONTEXT)


@pytest.mark.parametrize(
    ("token", "path", "replaces"),
    [
        (EXTENSION, "resourceGroupName", True),
        (EXTENSION, "vmName", True),
        (EXTENSION, "vmExtensionName", True),
        (EXTENSION, "location", False),
        (EXTENSION, "publisher", False),
        (EXTENSION, "protectedSettings.storageAccountName", False),
        (VM, "location", True),
        (VM, "osProfile.computerName", False),
        ("azure-native:authorization:RoleAssignment", "scope", True),
    ],
)
def test_replaces_what_is_part_of_the_url(provider: Provider, token: str, path: str, replaces: bool) -> None:
    """Whatever is replaced is deleted first; a name inside the settings is none of the resource's."""
    block, _, key = path.partition(".")
    old, new = ({block: {key: value} if key else value} for value in ("one", "two"))
    answer = diff(provider, token, old, new)
    assert list(answer.replaces) == ([path] if replaces else [])
    assert answer.deleteBeforeReplace == replaces
    kind = pb.PropertyDiff.UPDATE_REPLACE if replaces else pb.PropertyDiff.UPDATE
    assert dict(answer.detailedDiff) == {path: pb.PropertyDiff(kind=kind, inputDiff=True)}
    assert (list(answer.diffs), answer.changes) == ([block], pb.DiffResponse.DIFF_SOME)


def test_no_difference_is_none(provider: Provider) -> None:
    """Equal inputs are no change."""
    answer = diff(provider, VM, {"vmName": "a"}, {"vmName": "a"})
    assert (answer.changes, len(answer.detailedDiff)) == (pb.DiffResponse.DIFF_NONE, 0)


def test_an_unknown_value_differs(provider: Provider) -> None:
    """A preview cannot promise that it stays the same."""
    answer = diff(provider, EXTENSION, {"vmName": "a"}, {"vmName": UNKNOWN})
    assert list(answer.replaces) == ["vmName"]


def test_check_names_what_is_missing(provider: Provider) -> None:
    """Before anything is planned."""
    answer = provider.Check(pb.CheckRequest(type=EXTENSION, news=struct({"resourceGroupName": "rg"})), NO_CONTEXT)
    assert [(failure.property, failure.reason) for failure in answer.failures] == [
        ("vmName", "missing required property 'vmName'")
    ]


@pytest.mark.parametrize(
    ("olds", "news", "location"),
    [
        ({}, {"resourceGroupName": "RG"}, "westeurope"),
        ({}, {"resourceGroupName": "other"}, None),
        ({}, {"resourceGroupName": "rg", "location": "westus"}, "westus"),
        ({"location": "eastus"}, {"resourceGroupName": "rg"}, "eastus"),
        ({"tags": {}}, {"resourceGroupName": "rg"}, None),
    ],
)
def test_check_fills_in_the_location(olds: dict[str, Any], news: dict[str, Any], location: str | None) -> None:
    """The group's on creation; after that it stays what it was."""
    manager = ResourceManager()
    manager.create("azure-native:resources:ResourceGroup", {"resourceGroupName": "rg", "location": "westeurope"}, "rg")
    request = pb.CheckRequest(type=VM, olds=struct(olds), news=struct(news))
    checked = json_format.MessageToDict(Provider(manager).Check(request, NO_CONTEXT).inputs)
    assert checked.get("location") == location


def test_a_preview_knows_the_name_and_nothing_of_azures(provider: Provider) -> None:
    """What is left out, the engine takes for unknown."""
    inputs = {"vmName": "vm1", "vmExtensionName": "e", "protectedSettings": {"commandToExecute": "a"}}
    request = pb.CreateRequest(type=EXTENSION, name="logical", properties=struct(inputs), preview=True)
    answer = provider.Create(request, NO_CONTEXT)
    assert answer.id == ""
    assert json_format.MessageToDict(answer.properties) == {"vmName": "vm1", "vmExtensionName": "e", "name": "e"}


def test_what_is_gone_reads_as_nothing(provider: Provider) -> None:
    """The engine drops it from the state."""
    assert provider.Read(pb.ReadRequest(id="/gone", type=VM), NO_CONTEXT).id == ""
