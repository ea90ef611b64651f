"""`CustomScriptExtension`: scripts on one virtual machine."""

# No `from __future__ import annotations`: Pulumi's analyser reads these annotations as objects.

import importlib.metadata
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import pulumi

from .args import CustomScriptExtensionArgs
from .compilation import Compilation
from .errors import spell
from .extension.compile import Compiled
from .leaves import emit, emit_secret
from .machine import Machine
from .stack_trace import short_stack_trace

_EXTENSION = "azure-native:compute:VirtualMachineExtension"

_AZURE_NATIVE = importlib.metadata.version("pulumi-azure-native")
"""The provider's version, as the installed SDK would ask for it."""

_REPLACED_BY = ["publisher", "type", "#initerror"]
"""ARM refuses a change of publisher or type (PropertyChangeNotAllowed). After a failed run an identical update would be
answered with the old failure and run nothing; a replacement runs it again."""

_WITHOUT_EFFECT = ("delete_before_replace", "replace_on_changes", "version")
"""Options that Pulumi ignores on a component without a word."""


class CustomScriptExtension(pulumi.ComponentResource):
    """Runs scripts, or a command, on one virtual machine through Azure's Custom Script Extension.

    They run again when, and only when, what runs has changed: the text of a script, an argument, the command, a URL, a
    trigger, a pinned hash, or a secret among them. What would fail on the machine, or silently do nothing there, is
    refused at preview.
    """

    extension_id: pulumi.Output[str]
    """Resource id of the extension."""

    extension_name: pulumi.Output[str]
    """The extension's name in Azure."""

    provisioning_state: pulumi.Output[str]
    """`Succeeded` when the last run did."""

    timestamp: pulumi.Output[int]
    """The 32-bit integer that changes when the scripts are to run again."""

    content_sha256: pulumi.Output[str]
    """SHA-256 of everything that runs, secrets included; secret when one of them is."""

    file_sha256: pulumi.Output[Mapping[str, str]]
    """SHA-256 of each script as it lands on the machine, by its name. Secret when the text of one is."""

    command_line: pulumi.Output[str]
    """What runs, without the part that writes inline scripts to the machine. Secret when it holds a secret."""

    download_directory: pulumi.Output[str]
    """Where scripts and files lie on the machine; `<n>` grows with every run."""

    log_directory: pulumi.Output[str]
    """Where the handler logs on the machine."""

    def __init__(self, name: str, args: CustomScriptExtensionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """
        Raises RefusedArguments, before anything is registered, when the arguments are known to be wrong. What is known
        only later is refused in the same words, and then neither the component nor the extension is registered.
        """
        opts = opts or pulumi.ResourceOptions()
        resource = f"CustomScriptExtension '{name}'"
        compilation = Compilation(resource, args)
        machine = Machine(name, resource, compilation.arguments, opts)
        plan = self._plan(compilation, machine, opts)
        with short_stack_trace():
            super().__init__("cse-component:index:CustomScriptExtension", name, plan, opts)
        for option in _WITHOUT_EFFECT:
            if getattr(opts, option) is not None:
                pulumi.log.warn(f"{resource}: the option {option} has no effect on a component", self)

        with short_stack_trace():
            extension = self._extension(name, compilation, machine, opts)
        handler = compilation.first.handler
        self.extension_id = extension.id
        self.extension_name = pulumi.Output.from_input(compilation.first.extension_name)
        self.provisioning_state = extension.provisioningState  # type: ignore[attr-defined]
        self.timestamp = _output(compilation.part(lambda compiled: emit(compiled.timestamp)))
        self.content_sha256 = _output(compilation.part(lambda compiled: emit(compiled.content_sha256)))
        self.file_sha256 = _output(compilation.part(lambda compiled: emit(compiled.file_sha256)))
        self.command_line = _output(compilation.part(lambda compiled: emit(compiled.command_line)))
        self.download_directory = pulumi.Output.from_input(handler.download_directory)
        self.log_directory = pulumi.Output.from_input(handler.log_directory)
        self.register_outputs(
            {
                "extensionId": self.extension_id,
                "extensionName": self.extension_name,
                "provisioningState": self.provisioning_state,
                "timestamp": self.timestamp,
                "contentSha256": self.content_sha256,
                "fileSha256": self.file_sha256,
                "commandLine": self.command_line,
                "downloadDirectory": self.download_directory,
                "logDirectory": self.log_directory,
            }
        )

    def _plan(self, compilation: Compilation, machine: Machine, opts: pulumi.ResourceOptions) -> dict[str, Any]:
        """The plan as the component's own inputs: the engine stores it, compares it and prints what changed."""
        first = compilation.first.plan
        plan = {key: compilation.part(partial(_plan_part, key)) for key in first if key not in ("runsOn", "warnings")}
        plan["runsOn"] = {**emit(first["runsOn"]), **machine.plan}
        plan["warnings"] = compilation.later(self._warned)
        if {"settings", "protectedSettings"} <= set(_ignored(opts)):
            plan["rerun"] = {"never": "ignore_changes holds settings and protectedSettings"}
        return plan

    def _warned(self, compiled: Compiled) -> Any:
        # While the inputs are being awaited: by then the component has a URN, under which the warning is shown.
        for warning in compiled.warnings:
            pulumi.log.warn(f"{spell(warning.field)} {warning.reason}. {warning.mend}", self)
        return emit(compiled.plan.get("warnings"))

    def _extension(
        self, name: str, compilation: Compilation, machine: Machine, opts: pulumi.ResourceOptions
    ) -> pulumi.CustomResource:
        # Not the SDK's typed class: its 29 type aliases cost more than everything else at preview.
        minutes = f"{compilation.first.timeout_minutes}m"
        return pulumi.CustomResource(
            _EXTENSION,
            name,
            {
                "resourceGroupName": compilation.arguments["resource_group_name"],
                "vmName": compilation.arguments["vm_name"],
                "vmExtensionName": compilation.first.extension_name,
                **{key: compilation.part(partial(_property, key)) for key in compilation.first.properties},
                "settings": compilation.part(lambda compiled: emit(compiled.settings)),
                "protectedSettings": compilation.part(_protected_settings),
                "provisioningState": None,
            },
            pulumi.ResourceOptions(
                parent=self,
                version=_AZURE_NATIVE,
                delete_before_replace=True,  # a second handler cannot stand beside the first
                replace_on_changes=_REPLACED_BY,
                custom_timeouts=opts.custom_timeouts or pulumi.CustomTimeouts(create=minutes, update=minutes),
                deleted_with=machine.deleted_with,
                replace_with=machine.replace_with,
                ignore_changes=_ignored(opts),
                import_=opts.import_,
                additional_secret_outputs=opts.additional_secret_outputs,
            ),
        )


def _plan_part(key: str, compiled: Compiled) -> Any:
    if key == "scripts":
        # The whole list came from an Output: which keys it has was not known when the component was constructed.
        return {name: emit(value) for name, value in compiled.plan.items() if name.startswith("script ")}
    return emit(compiled.plan.get(key))


def _property(key: str, compiled: Compiled) -> Any:
    return emit(compiled.properties.get(key))


def _ignored(opts: pulumi.ResourceOptions) -> list[str]:
    """Paths to ignore by ARM's names. The typed class takes Python's names as well, and so do we."""
    return [re.sub(r"_([a-z])", lambda match: match[1].upper(), path) for path in opts.ignore_changes or ()]


def _protected_settings(compiled: Compiled) -> Any:
    return emit_secret(compiled.protected_settings) if compiled.protected_settings else None


def _output(value: Any) -> "pulumi.Output[Any]":
    return pulumi.Output.from_input(value)
