"""A stack on the real engine against LocalAzure, and everything it prints, sends and stores."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

import grpc
import pulumi
import pulumi.automation as auto
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2_grpc

from cse_component import CustomScriptExtension, CustomScriptExtensionArgs
from cse_component.testing import LocalAzure

VM = "azure-native:compute:VirtualMachine"
VERSION = pulumi.ResourceOptions(version="3.29.0")


@dataclass
class Result:
    """One operation: what it printed on both streams, and how the engine described it."""

    text: str
    errors: str
    events: list[Any] = field(repr=False)
    failed: bool
    operations: dict[str, int]

    @property
    def changes(self) -> dict[str, int]:
        """How many resources were created, updated and so on; empty when all are the same."""
        return {operation: count for operation, count in self.operations.items() if operation != "same"}

    def inputs(self, kind: str) -> dict[str, Any]:
        """The inputs of the one resource of a type, as planned or made."""
        found = {
            event.resource_pre_event.metadata.urn: event.resource_pre_event.metadata.new.inputs
            for event in self.events
            if event.resource_pre_event
            and event.resource_pre_event.metadata.type == kind
            and event.resource_pre_event.metadata.new
        }
        (inputs,) = found.values()
        return dict(inputs)

    @property
    def types(self) -> set[str]:
        """The types of all resources that were planned or made."""
        return {event.resource_pre_event.metadata.type for event in self.events if event.resource_pre_event}


class Engine:
    """One stack. Its program may be another one at each operation."""

    def __init__(self, azure: LocalAzure, **stack: Any) -> None:
        self.azure = azure
        self._arguments = stack
        self._stack: auto.Stack | None = None
        self.said: list[str] = []

    def preview(self, program: Callable[[], object], *, diff: bool = True) -> Result:
        return self._run(program, "preview", diff=diff)

    def up(self, program: Callable[[], object]) -> Result:
        return self._run(program, "up")

    def stack(self, program: Callable[[], object]) -> auto.Stack:
        if self._stack is None:
            self._stack = self.azure.stack(program, **self._arguments)
        self._stack.workspace.program = _without_result(program)
        return self._stack

    def resources(self, kind: str) -> list[dict[str, Any]]:
        """What the state holds of a type, secrets in the clear."""
        deployment = self.stack(lambda: None).export_stack().deployment or {}
        return [resource for resource in deployment["resources"] if resource["type"] == kind]

    def state(self) -> str:
        """All that the backend wrote to the disk: the state, its history and its backups."""
        directory = Path(url2pathname(urlsplit(self.azure.environment["PULUMI_BACKEND_URL"]).path))
        files = [file for file in sorted(directory.rglob("*")) if file.is_file()]
        return "".join(file.read_text(errors="replace") for file in files)

    def preview_json(self, program: Callable[[], object], *, streaming: bool = False) -> str:
        """`pulumi preview --json`, both streams."""
        stack = self.stack(program)
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
        language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageServer(_without_result(program)), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            arguments = [
                "preview",
                "--json",
                "--stack",
                stack.name,
                f"--client=127.0.0.1:{port}",
                "--exec-kind",
                "auto.inline",
            ]
            extra = {"PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true"} if streaming else {}
            done = subprocess.run(
                [shutil.which("pulumi") or "pulumi", *arguments, "--non-interactive"],
                cwd=stack.workspace.work_dir, env={**os.environ, **self.azure.environment, **extra},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        finally:
            server.stop(None).wait()
        if done.returncode == 0 and not streaming:
            json.loads(done.stdout)
        self.said += [done.stdout, done.stderr]
        return done.stdout + done.stderr

    def _run(self, program: Callable[[], object], operation: str, **options: Any) -> Result:
        out: list[str] = []
        err: list[str] = []
        events: list[Any] = []
        failed = False
        stack = self.stack(program)
        try:
            getattr(stack, operation)(
                on_output=out.append, on_error=err.append, on_event=events.append, color="never", **options
            )
        except auto.CommandError as error:
            failed = True
            self.said.append(str(error))
        summary = [event.summary_event for event in events if event.summary_event]
        operations = (
            {str(getattr(kind, "value", kind)): count for kind, count in summary[-1].resource_changes.items()}
            if summary
            else {}
        )
        result = Result("\n".join(out), "\n".join(err), events, failed, operations)
        self.said += [result.text, result.errors, repr(events)]
        return result


def _without_result(program: Callable[[], object]) -> Callable[[], None]:
    # Pulumi exports what a program returns.
    def run() -> None:
        program()

    return run


def component(name: str = "web", opts: pulumi.ResourceOptions | None = None, **arguments: Any) -> CustomScriptExtension:
    """A component on `vm1` in `rg`, where nothing else is said; arguments may be as wrong as a test wants."""
    given = {"resource_group_name": "rg", "vm_name": "vm1", **arguments}
    return CustomScriptExtension(name, cast(CustomScriptExtensionArgs, given), opts)


def resource(name: str, **inputs: Any) -> Any:
    """A resource of a type LocalAzure knows nothing of; an input that is None is an output, unknown until it is made."""
    return pulumi.CustomResource("azure-native:cdn:Page", name, {"resourceGroupName": "rg", **inputs}, VERSION)


def resource_group(name: str = "rg") -> Any:
    return pulumi.CustomResource(
        "azure-native:resources:ResourceGroup",
        name,
        {"resourceGroupName": name, "location": "westeurope", "name": None},
        VERSION,
    )


def machine(
    name: str = "vm1", group: Any = "rg", location: str = "westeurope", system: str = "windows", **options: Any
) -> Any:
    """A virtual machine, as much of it as LocalAzure asks for. Its outputs are `name` and `location`."""
    inputs = {
        "resourceGroupName": group, "vmName": name, "location": location, "name": None,
        "osProfile": {f"{system}Configuration": {}},
    }  # fmt: skip
    return pulumi.CustomResource(
        VM,
        name,
        inputs,
        pulumi.ResourceOptions.merge(VERSION, pulumi.ResourceOptions(delete_before_replace=True, **options)),
    )
