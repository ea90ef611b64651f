"""The double that users and this project's own tests work with."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent import futures
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
import pulumi.automation as auto
from pulumi.runtime.proto import provider_pb2_grpc
from semver import VersionInfo
from typing_extensions import Self

from .handler import Fault, Run
from .provider import Call, Provider
from .resource_manager import Extension, OsType, Resource, ResourceManager


class LocalAzure:
    """A make-believe Azure subscription on loopback that a real Pulumi engine deploys to.

    The engine attaches to it in place of the azure-native plugin. It answers as azure-native, Azure's Resource Manager
    and the two Custom Script handlers do, and records what would have run. It never executes a script and never
    leaves the machine.

        with LocalAzure() as azure:
            azure.add_vm("rg", "vm1", os_type="Linux")
            azure.stack(program).up()
            assert [run.why for run in azure.runs("vm1")] == ["first run"]

    Everything Pulumi writes lies in a temporary directory that is removed at the end of the `with` block. What was
    recorded can still be read afterwards.
    """

    def __init__(self) -> None:
        self._manager = ResourceManager()
        self._provider = Provider(self._manager)
        self._server: grpc.Server | None = None
        self._port = 0
        self._directory: tempfile.TemporaryDirectory[str] | None = None
        self._pulumi: auto.PulumiCommand | None = None

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="local-azure-", ignore_cleanup_errors=True)
        for name in ("home", "state", "projects"):
            (Path(self._directory.name) / name).mkdir()
        self._server = grpc.server(
            futures.ThreadPoolExecutor(max_workers=16, thread_name_prefix="local-azure"),
            # An inline script may be larger than gRPC's default of 4 MiB for a message.
            options=[
                ("grpc.max_receive_message_length", -1),
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),
            ],
        )
        provider_pb2_grpc.add_ResourceProviderServicer_to_server(self._provider, self._server)
        self._port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.stop(grace=None).wait()
        if self._directory is not None:
            self._directory.cleanup()
        self._server = self._directory = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make any `pulumi` process deploy here instead of to Azure.

        They also move Pulumi's home, its state and its passphrase into the temporary directory, so that nothing of
        this reaches the state of a real stack.

        Raises:
            RuntimeError: Outside the `with` block.
        """
        home = self._path()
        return {
            "PULUMI_DEBUG_PROVIDERS": f"azure-native:{self._port}",
            "PULUMI_BACKEND_URL": (home / "state").as_uri(),
            "PULUMI_HOME": str(home / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "local-azure",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def stack(
        self,
        program: Callable[[], Any],
        *,
        project: str = "demo",
        stack: str = "dev",
        config: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        work_dir: str | Path | None = None,
    ) -> auto.Stack:
        """Make a stack of an inline program that deploys here, or come back to it with another program.

        Args:
            program: The Pulumi program.
            project: Name of the project.
            stack: Name of the stack. The same project and stack name is the same state.
            config: Plain configuration; keys without a namespace belong to the project.
            secrets: Secret configuration.
            work_dir: Where `Pulumi.yaml` and the stack's settings are read or, when missing, written. By default a
                directory of this LocalAzure.

        Returns:
            A stack of Pulumi's Automation API: `up`, `preview`, `refresh`, `destroy` and the rest.

        Raises:
            RuntimeError: Outside the `with` block.
            FileNotFoundError: There is no `pulumi` CLI.
        """
        directory = Path(work_dir) if work_dir is not None else self._path() / "projects" / project
        directory.mkdir(parents=True, exist_ok=True)
        self._pulumi = self._pulumi or _PulumiCommand(_pulumi_executable(), self.environment)
        made = auto.create_or_select_stack(
            stack_name=stack,
            project_name=project,
            program=program,
            opts=auto.LocalWorkspaceOptions(
                work_dir=str(directory), env_vars=self.environment, pulumi_command=self._pulumi
            ),
        )
        values = {key: auto.ConfigValue(value) for key, value in (config or {}).items()}
        values.update({key: auto.ConfigValue(value, secret=True) for key, value in (secrets or {}).items()})
        if values:
            made.set_all_config(values)
        return made

    def add_vm(
        self, resource_group: str, name: str, *, os_type: OsType | None = None, location: str = "westeurope"
    ) -> None:
        """Let a machine exist that no stack owns.

        Args:
            resource_group: Its resource group, which need not exist.
            name: Its name.
            os_type: `Windows` or `Linux`; None leaves it open, and nothing is refused for the wrong system.
            location: Its location.

        Raises:
            AlreadyExistsError: There is a machine of this name.
        """
        inputs: dict[str, Any] = {"resourceGroupName": resource_group, "vmName": name, "location": location}
        if os_type is not None:
            inputs["storageProfile"] = {"osDisk": {"osType": os_type}}
        self._manager.create("azure-native:compute:VirtualMachine", inputs, name)

    def fail(
        self,
        vm: str,
        *,
        exit_code: int = 1,
        stderr: str = "",
        stdout: str = "",
        times: int = 1,
        resource_group: str | None = None,
    ) -> None:
        """Let the next runs on a machine fail as the handler reports it.

        Args:
            vm: Name of the machine, which may not exist yet.
            exit_code: Of the command; not 0.
            stderr: What the command wrote there; the last 4 KiB are reported, as on a real machine.
            stdout: The same; the Linux handler reports it, the Windows one does not.
            times: How many runs. What runs nothing does not count.
            resource_group: The machine's, where the name alone is not enough.

        Raises:
            ValueError: The exit code is 0, so the run would not fail.
        """
        if exit_code == 0:
            raise ValueError("exit_code 0 is success: give the code that the run is to fail with")
        self._manager.fail(vm, resource_group, Fault(exit_code, stdout, stderr), times)

    def runs(self, vm: str, *, resource_group: str | None = None, extension: str | None = None) -> list[Run]:
        """The runs on a machine, oldest first.

        Args:
            vm: Name of the machine, as in all of ARM without regard to case.
            resource_group: Only in this group.
            extension: Only of this extension.
        """
        return self._manager.runs(vm, resource_group, extension)

    def extension(self, vm: str, *, name: str | None = None, resource_group: str | None = None) -> Extension:
        """The extension on a machine as ARM holds it.

        Args:
            vm: Name of the machine.
            name: Of the extension, where the machine has several.
            resource_group: The machine's, where the name alone is not enough.

        Raises:
            KeyError: There is none, or there are several.
        """
        found = self._manager.extensions(vm, name, resource_group)
        if len(found) == 1:
            return found[0]
        called = f" called '{name}'" if name else ""
        held = ", ".join(f"'{e.name}' on '{e.vm_name}' in '{e.resource_group}'" for e in self.extensions()) or "none"
        count = f"{len(found)} extensions" if found else "no extension"
        raise KeyError(f"{count}{called} on VM '{vm}'; LocalAzure holds {held}")

    def extensions(self) -> list[Extension]:
        """All virtual machine extensions, in order of creation."""
        return self._manager.extensions()

    def resources(self) -> list[Resource]:
        """All other resources, machines included, in order of creation."""
        return self._manager.resources()

    @property
    def calls(self) -> list[Call]:
        """What the engine asked of Azure, oldest first; previews ask nothing."""
        return self._provider.calls

    def _path(self) -> Path:
        if self._directory is None:
            raise RuntimeError("LocalAzure serves inside its `with` block only")
        return Path(self._directory.name)


class _PulumiCommand(auto.PulumiCommand):
    # Pulumi's own constructor asks for the version in the caller's environment, so the CLI writes a log to ~/.pulumi.
    def __init__(self, executable: str, environment: Mapping[str, str]) -> None:
        self.command = executable
        answer = subprocess.run(
            [executable, "version"], env={**os.environ, **environment}, check=True, capture_output=True, text=True
        )
        self.version = VersionInfo.parse(answer.stdout.strip().removeprefix("v"))


def _pulumi_executable() -> str:
    # The second place is a virtual environment that is used by path, without being activated.
    beside = Path(sys.executable).parent
    executable = shutil.which("pulumi") or shutil.which("pulumi", path=str(beside))
    if executable is None:
        raise FileNotFoundError(
            f"no pulumi CLI on PATH or in {beside}: run `make setup`, or see https://www.pulumi.com/docs/install/"
        )
    return executable
