"""What the component costs: N machines with one PowerShell script each, on the real engine against LocalAzure.

Three programs that send Azure the very same settings take turns, each with a LocalAzure, a stack and a state of its own:

    bare    azure-native's typed VirtualMachineExtension, as one would write it by hand
    ours    CustomScriptExtension
    floor   a plain CustomResource of the same type: no type aliases, no component

A time is the Pulumi CLI's, from its start to its last line. Targets, as ratios to bare: preview at most 0.5, up at most
1.0. Other work on the machine spoils the figures.
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi.automation as auto
from pulumi_azure_native import compute

from cse_component import CustomScriptExtension
from cse_component.testing import LocalAzure

GROUP = "bench"
STEPS = ("preview", "up", "unchanged preview")

Declare = Callable[[str, Any, Any], None]
"""Declares the extension of one machine: its logical name, and the names of its resource group and of its machine."""


def script(size: int) -> str:
    """A PowerShell script of `size` characters."""
    lines = ["[CmdletBinding()] param([string] $Site)", "$ErrorActionPreference = 'Stop'"]
    while len("\n".join(lines)) < size:
        lines.append(f"Set-Content -Path C:\\inetpub\\{len(lines)}.html -Value '<h1>Welcome</h1>'")
    return "\n".join(lines)[: size - 1] + "\n"


def ours(text: str) -> Declare:
    def declare(name: str, group: Any, machine: Any) -> None:
        CustomScriptExtension(
            name,
            {
                "resource_group_name": group,
                "vm_name": machine,
                "location": "westeurope",
                "scripts": [{"content": text, "name": "configure.ps1", "arguments": ["shop"]}],
            },
        )

    return declare


def bare(sent: Mapping[str, Any]) -> Declare:
    def declare(name: str, group: Any, machine: Any) -> None:
        compute.VirtualMachineExtension(
            name,
            resource_group_name=group,
            vm_name=machine,
            vm_extension_name=sent["vmExtensionName"],
            location=sent["location"],
            publisher=sent["publisher"],
            type=sent["type"],
            type_handler_version=sent["typeHandlerVersion"],
            auto_upgrade_minor_version=sent["autoUpgradeMinorVersion"],
            enable_automatic_upgrade=sent["enableAutomaticUpgrade"],
            settings=sent["settings"],
            protected_settings=pulumi.Output.secret(sent["protectedSettings"]),
        )

    return declare


def floor(sent: Mapping[str, Any]) -> Declare:
    version = importlib.metadata.version("pulumi-azure-native")

    def declare(name: str, group: Any, machine: Any) -> None:
        protected = pulumi.Output.secret(sent["protectedSettings"])
        pulumi.CustomResource(
            "azure-native:compute:VirtualMachineExtension",
            name,
            {**sent, "resourceGroupName": group, "vmName": machine, "protectedSettings": protected},
            pulumi.ResourceOptions(version=version),
        )

    return declare


def measure(declare: Declare, machines: int, *, outputs: bool) -> tuple[list[float], list[Mapping[str, Any]]]:
    """Seconds of each step, and what Azure received for each machine."""
    names = [f"vm-{number:03}" for number in range(machines)]
    given: Callable[[str], Any] = pulumi.Output.from_input if outputs else str

    def program() -> None:
        for name in names:
            declare(f"script-{name}", given(GROUP), given(name))

    with LocalAzure() as azure:
        for name in names:
            azure.add_vm(GROUP, name, os_type="Windows")
        stack = azure.stack(program, project="bench")
        steps: tuple[Callable[..., auto.PreviewResult | auto.UpResult], ...] = (stack.preview, stack.up, stack.preview)
        written: list[float] = []
        seconds = []

        def note(_: str) -> None:
            written.append(time.perf_counter())

        for step in steps:
            gc.collect()
            started = time.perf_counter()
            done = step(on_output=note, color="never")
            # Not until now: after `up` the Automation API has asked for outputs and history.
            seconds.append(written[-1] - started)
        assert isinstance(done, auto.PreviewResult)
        if [auto.OpType(kind).value for kind in done.change_summary] != ["same"]:
            raise RuntimeError("the second preview shows changes: the figures would mean nothing")
        received: list[Mapping[str, Any]] = [azure.extension(name).inputs for name in names]
    return seconds, received


def show(rows: Mapping[str, list[float]]) -> None:
    print(" " * 6 + "".join(f"{step:>20}" for step in STEPS))
    for name, row in rows.items():
        cells = [f"{took:.2f} s  {took / base:.2f}x" for took, base in zip(row, rows["bare"], strict=True)]
        print(f"{name:<6}" + "".join(f"{cell:>20}" for cell in cells))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=100, metavar="N", help="how many (default 100)")
    parser.add_argument("--repeat", type=int, default=3, metavar="R", help="repetitions; medians count (default 3)")
    parser.add_argument("--script-bytes", type=int, default=300, metavar="B", help="size of the script (default 300)")
    parser.add_argument("--outputs", action="store_true", help="names as Outputs, as those of resources are")
    options = parser.parse_args()

    variants = {"ours": ours(script(options.script_bytes))}
    try:
        _, [sent] = measure(variants["ours"], 1, outputs=options.outputs)
    except FileNotFoundError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    variants = {"bare": bare(sent), **variants, "floor": floor(sent)}

    taken: dict[str, list[list[float]]] = {name: [] for name in variants}
    for turn in range(options.repeat):
        received = {}
        for name, declare in variants.items():
            if sys.stderr.isatty():
                print(f"\rrepetition {turn + 1} of {options.repeat}: {name:<5}\r", end="", file=sys.stderr, flush=True)
            seconds, received[name] = measure(declare, options.machines, outputs=options.outputs)
            taken[name].append(seconds)
        if not received["bare"] == received["ours"] == received["floor"]:
            raise RuntimeError("the variants did not send the same: the figures would mean nothing")
    print(
        f"{options.machines} machines, a script of {options.script_bytes} bytes, medians of {options.repeat}; x: of bare"
    )
    show({name: [statistics.median(step) for step in zip(*rows, strict=True)] for name, rows in taken.items()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
