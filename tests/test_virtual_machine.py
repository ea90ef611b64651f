"""`CustomScriptExtension` on the real engine: when it runs again, what it sends, what a reviewer sees."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from cse_component import CustomScriptExtension, CustomScriptExtensionArgs, OsType, Script
from cse_component.testing import LocalAzure
from tests.engine import VM, Engine, component, machine, resource, resource_group

COMPONENT = "cse-component:index:CustomScriptExtension"
EXTENSION = "azure-native:compute:VirtualMachineExtension"
SCRIPT = "param($Site)\nInstall-WindowsFeature Web-Server\nWrite-Host $Site\n"


def on_vm1(system: str = "windows", **arguments: Any) -> Callable[[], object]:
    """A program with one machine and one component."""

    def program() -> None:
        vm = machine(system=system)
        component(vm_name=vm.name, location=vm.location, **arguments)

    return program


@pytest.fixture
def script(program_directory: Path) -> Path:
    file = program_directory / "scripts" / "install-iis.ps1"
    file.parent.mkdir()
    file.write_text(SCRIPT)
    return file


FROM_FILE: dict[str, Any] = {"scripts": [{"path": "scripts/install-iis.ps1", "arguments": ["shop"]}]}


def test_a_script_runs_once_and_again_exactly_when_it_changes(engine: Engine, azure: LocalAzure, script: Path) -> None:
    program = on_vm1(**FROM_FILE)
    engine.up(program)
    assert [run.why for run in azure.runs("vm1")] == ["first run"]

    assert engine.preview(program).changes == {}
    assert engine.up(program).changes == {}

    script.write_text(SCRIPT.replace("\n", "\r\n"))
    assert engine.preview(program).changes == {}

    script.write_text(SCRIPT + "Write-Host done\n")
    assert engine.preview(program).changes == {"update": 2}
    engine.up(program)
    assert [run.why for run in azure.runs("vm1")][1:] == [
        "settings.timestamp, protectedSettings.commandToExecute changed"
    ]
    assert engine.preview(program).changes == {}


def test_a_reviewer_sees_the_changed_line_and_the_reason(engine: Engine, script: Path) -> None:
    program = on_vm1(**FROM_FILE)
    engine.up(program)
    script.write_text(SCRIPT.replace("Write-Host $Site", 'Write-Host "serving $Site"'))
    text = engine.preview(program).text
    assert '              - Write-Host $Site\n              + Write-Host "serving $Site"' in text
    assert "[diff: ~script install-iis.ps1]" in engine.preview(program, diff=False).text


def test_yaml_like_text_is_compared_line_by_line(engine: Engine) -> None:
    def program(value: str) -> Callable[[], object]:
        content = f"zebra: {value}\napple: 1\nlist:\n  - b\n  - a\n"
        return on_vm1(scripts=[{"content": content, "name": "answers.sh"}], system="linux")

    for before, after in (("1", "2"), ("{a: 1}", "[1, 2]")):
        first, second = program(before), program(after)
        engine.up(first)
        assert f"- zebra: {before}\n              + zebra: {after}\n" in engine.preview(second).text


def test_the_plan_says_what_will_run(engine: Engine, script: Path) -> None:
    assert engine.preview(on_vm1(**FROM_FILE)).inputs(COMPONENT) == {
        "runsOn": {"machine": "vm1", "resourceGroup": "rg", "os": "Windows", "account": "LocalSystem"},
        "command": [
            r"powershell -NoProfile -NonInteractive -ExecutionPolicy Unrestricted -File .\install-iis.ps1",
            "shop",
        ],
        "script install-iis.ps1": {
            "from": "scripts/install-iis.ps1",
            "sha256": hashlib.sha256(SCRIPT.encode()).hexdigest(),
            "text": SCRIPT,
        },
    }


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ({"triggers": {"release": 1}}, {"triggers": {"release": 2}}, "triggers"),
        ({}, {"file_uris": ["https://h/x.json"]}, "files"),
        ({}, {"force_update_tag": "2"}, "rerun"),
        ({"scripts": [{"content": "exit", "name": "a.ps1", "arguments": ["x"]}]},
         {"scripts": [{"content": "exit", "name": "a.ps1", "arguments": ["y"]}]}, "command"),
        ({"managed_identity": {}, "file_uris": ["https://acct.blob.core.windows.net/c/x"]},
         {"managed_identity": {"client_id": "31b403aa-c364-4240-a7ff-d85fb6cd7232"},
          "file_uris": ["https://acct.blob.core.windows.net/c/x"]}, "identity"),
    ],
)  # fmt: skip
def test_the_key_that_changes_is_the_reason(
    engine: Engine, before: dict[str, Any], after: dict[str, Any], key: str
) -> None:
    base = {"scripts": [{"content": "exit", "name": "a.ps1"}]}
    engine.up(on_vm1(**{**base, **before}))
    text = engine.preview(on_vm1(**{**base, **after}), diff=False).text
    assert f"{COMPONENT} web update [diff: ~{key}]" in text or f"{COMPONENT} web update [diff: +{key}]" in text
    engine.up(on_vm1(**{**base, **after}))
    assert len(engine.azure.runs("vm1")) == 2


def test_settings_are_public_only_where_they_are_meant_to_be(engine: Engine, azure: LocalAzure) -> None:
    engine.up(on_vm1(command_to_execute="powershell x", file_uris=["https://h/a", "https://h/b?sig=1"], timestamp=5))
    sent = azure.extension("vm1")
    assert sent.settings == {"timestamp": 5}
    assert sent.protected_settings == {
        "commandToExecute": "powershell x",
        "fileUris": ["https://h/a", "https://h/b?sig=1"],
    }
    assert (sent.publisher, sent.type, sent.type_handler_version) == (
        "Microsoft.Compute",
        "CustomScriptExtension",
        "1.10",
    )
    assert sent.name == "CustomScriptExtension"


def test_linux_scripts_are_sent_as_script(engine: Engine, azure: LocalAzure) -> None:
    engine.up(on_vm1("linux", scripts=[{"content": "echo hi", "name": "join.sh", "arguments": ["a b"]}]))
    (run,) = azure.runs("vm1")
    assert run.os == "Linux"
    assert run.script is not None
    assert run.script.endswith(b"chmod 0700 ./join.sh\n./join.sh 'a b'\n")


def test_an_unknown_value_stays_in_its_leaf(engine: Engine) -> None:
    def program() -> None:
        account = resource("blob", url=None)
        url: Any = account.url
        CustomScriptExtension(
            "web",
            {
                "resource_group_name": "rg", "vm_name": "vm1", "location": "westeurope", "triggers": {"a": url},
                "scripts": [{"content": "echo", "name": "a.ps1", "arguments": ["known", url]}],
                "file_uris": ["https://h/known", url], "managed_identity": {},
            },
        )  # fmt: skip

    result = engine.preview(program)
    plan, sent = result.inputs(COMPONENT), result.inputs(EXTENSION)
    unknown = plan["triggers"]["a"]
    assert plan["command"][1:] == ["known", unknown]
    assert plan["script a.ps1"]["text"] == "echo\n"
    assert sent["settings"]["fileUris"] == ["https://h/known", unknown]
    assert set(sent["protectedSettings"]) == {"commandToExecute", "managedIdentity"}


@pytest.mark.parametrize("secret", [True, False])
def test_a_secret_that_is_not_known_yet_leaves_the_timestamp_known(engine: Engine, secret: bool) -> None:
    def program() -> None:
        made = resource("blob", url=None)
        value: Any = made.url
        CustomScriptExtension(
            "web",
            {
                "resource_group_name": "rg", "vm_name": "vm1",
                "scripts": [{"content": "echo", "name": "a.ps1", "arguments": [pulumi.Output.secret(value) if secret else value]}],
            },
        )  # fmt: skip

    timestamp = engine.preview(program).inputs(EXTENSION)["settings"]["timestamp"]
    assert isinstance(timestamp, (int, float)) is secret


def test_dependencies_of_every_argument_are_kept(engine: Engine, azure: LocalAzure) -> None:
    def program() -> None:
        vm = machine()
        blob = resource("blob", url="https://h/x.ps1")
        component(vm_name=vm.name, scripts=[{"uri": blob.url}])

    engine.up(program)
    made = [call.urn.rpartition("::")[2] for call in azure.calls if call.method == "create"]
    assert made[-1] == "web"
    (extension,) = engine.resources(EXTENSION)
    assert {urn.rpartition("::")[2] for urn in extension["dependencies"]} == {"vm1", "blob"}


def test_outputs(engine: Engine) -> None:
    def program() -> None:
        web = CustomScriptExtension(
            "web",
            {
                "resource_group_name": "rg", "vm_name": machine().name,
                "scripts": [{"content": "echo", "name": "a.ps1", "arguments": ["x"]},
                            {"content": pulumi.Output.secret("echo 2"), "name": "b.ps1"}],
            },
        )  # fmt: skip
        names = ("extension_id", "extension_name", "provisioning_state", "timestamp", "content_sha256", "file_sha256",
                 "command_line", "download_directory", "log_directory")  # fmt: skip
        for name in names:
            pulumi.export(name, getattr(web, name))

    outputs = engine.stack(program).up(color="never").outputs
    assert outputs["extension_id"].value.endswith("/virtualMachines/vm1/extensions/CustomScriptExtension")
    assert outputs["extension_name"].value == "CustomScriptExtension"
    assert outputs["provisioning_state"].value == "Succeeded"
    assert outputs["timestamp"].value == engine.azure.extension("vm1").settings["timestamp"]
    assert {name for name, output in outputs.items() if output.secret} == {"content_sha256", "file_sha256"}
    assert set(outputs["file_sha256"].value) == {"a.ps1", "b.ps1"}
    assert outputs["command_line"].value.endswith(r"-File .\b.ps1")
    assert outputs["download_directory"].value.startswith("C:\\Packages\\Plugins\\")
    assert outputs["log_directory"].value.startswith("C:\\WindowsAzure\\Logs\\")


def test_shapes_may_come_from_outputs(engine: Engine, azure: LocalAzure) -> None:
    """A whole secret list, a whole script, a list of URLs, a map: each as an Output of its own."""

    def program() -> None:
        CustomScriptExtension(
            "web",
            {
                "resource_group_name": "rg", "vm_name": machine(system="linux").name, "os_type": OsType.LINUX,
                "scripts": pulumi.Output.secret([{"content": "echo s3cr3t", "name": "a.sh", "arguments": ["s3cr3t too"]}]),
                "file_uris": pulumi.Output.from_input(["https://acct.blob.core.windows.net/c/x"]),
                "managed_identity": pulumi.Output.secret({}),
                "triggers": pulumi.Output.from_input({"a": 1}),
            },
        )  # fmt: skip

    assert not engine.up(program).failed
    sent = azure.extension("vm1")
    assert set(sent.settings) == {"timestamp", "fileUris"}
    assert sent.protected_settings is not None
    assert sent.protected_settings["managedIdentity"] == {}
    assert "s3cr3t" not in "".join(engine.said) + engine.state()
    assert engine.preview(program).changes == {}


def test_awaitables_are_arguments_like_others(engine: Engine, azure: LocalAzure) -> None:
    async def command() -> str:
        return "powershell later"

    engine.up(lambda: on_vm1(command_to_execute=command())())
    assert azure.runs("vm1")[0].command == "powershell later"


# Life of the machine -----------------------------------------------------------------------------------------------


def rebuilt(vm_name: str, **options: Any) -> Callable[[str], Callable[[], object]]:
    """A program whose machine is replaced, under its own name, when the location changes."""

    def at(location: str) -> Callable[[], object]:
        def program() -> None:
            vm = machine(location=location)
            given: dict[str, Any] = {name: vm if value == "vm" else [vm] for name, value in options.items()}
            opts = pulumi.ResourceOptions(**given)
            CustomScriptExtension(
                "web",
                {
                    "resource_group_name": "rg",
                    "vm_name": vm.name if vm_name == "output" else "vm1",
                    "command_to_execute": "x",
                },
                opts,
            )

        return program

    return at


@pytest.mark.parametrize(
    ("vm_name", "options"),
    [
        ("output", {}),
        ("text", {"deleted_with": "vm"}),
        ("text", {"replace_with": "list", "depends_on": "list"}),
        ("output", {"deleted_with": "vm"}),
    ],
)
def test_a_rebuilt_machine_gets_its_extension_again(
    engine: Engine, azure: LocalAzure, vm_name: str, options: dict[str, str]
) -> None:
    at = rebuilt(vm_name, **options)
    engine.up(at("westeurope"))
    engine.up(at("northeurope"))
    assert [run.why for run in azure.runs("vm1")] == ["first run", "first run"]
    assert azure.extension("vm1").provisioning_state == "Succeeded"
    assert engine.preview(at("northeurope")).changes == {}


def test_a_machine_named_by_text_alone_is_not_seen_and_the_plan_says_so(engine: Engine, azure: LocalAzure) -> None:
    at = rebuilt("text", depends_on="list")
    plan = engine.preview(at("westeurope")).inputs(COMPONENT)
    assert plan["runsOn"]["ifRebuilt"].startswith("nothing runs: vm_name is text; give vm.name")
    engine.up(at("westeurope"))
    engine.up(at("northeurope"))
    assert len(azure.runs("vm1")) == 1
    assert "ifRebuilt" not in engine.preview(rebuilt("output")("westeurope")).inputs(COMPONENT)["runsOn"]


def test_destroy_does_not_ask_a_machine_that_goes_too(engine: Engine, azure: LocalAzure) -> None:
    program = on_vm1(command_to_execute="x")
    engine.up(program)
    engine.stack(program).destroy(color="never")
    assert [call.urn.rpartition("::")[2] for call in azure.calls if call.method == "delete"] == ["vm1"]


def test_a_failed_run_runs_again_with_unchanged_arguments(engine: Engine, azure: LocalAzure) -> None:
    program = on_vm1(command_to_execute="powershell x")
    azure.fail("vm1", exit_code=5, stderr="no such feature")
    failed = engine.up(program)
    assert failed.failed
    assert "non-zero exit code of: '5'" in failed.text + failed.errors
    assert not engine.up(program).failed
    assert [run.exit_code for run in azure.runs("vm1")] == [5, 0]
    assert engine.preview(program).changes == {}


def test_a_failed_update_runs_again_with_unchanged_arguments(engine: Engine, azure: LocalAzure) -> None:
    engine.up(on_vm1(command_to_execute="powershell x"))
    azure.fail("vm1")
    assert engine.up(on_vm1(command_to_execute="powershell y")).failed
    assert not engine.up(on_vm1(command_to_execute="powershell y")).failed
    assert [run.exit_code for run in azure.runs("vm1")] == [0, 1, 0]


def test_another_operating_system_replaces_the_handler(engine: Engine, azure: LocalAzure) -> None:
    azure.add_vm("rg", "vm2")

    def program(system: OsType) -> Callable[[], object]:
        return lambda: CustomScriptExtension(
            "web", {"resource_group_name": "rg", "vm_name": "vm2", "command_to_execute": "x", "os_type": system}
        )

    engine.up(program(OsType.WINDOWS))
    assert not engine.up(program(OsType.LINUX)).failed
    assert [extension.type for extension in azure.extensions()] == ["CustomScript"]


def test_another_name_of_the_extension_deletes_before_it_creates(engine: Engine, azure: LocalAzure) -> None:
    engine.up(on_vm1(command_to_execute="x"))
    assert not engine.up(on_vm1(command_to_execute="x", extension_name="setup")).failed
    assert [extension.name for extension in azure.extensions()] == ["setup"]


# One extension for one machine -------------------------------------------------------------------------------------


def two(first: Any, second: Any, **options: Any) -> Callable[[], object]:
    def program() -> None:
        vm = machine()
        names = {"output": vm.name, "group": resource_group().name}
        for logical_name, (group, name) in {"first": first, "second": second}.items():
            CustomScriptExtension(
                logical_name,
                {
                    "resource_group_name": names.get(group, group),
                    "vm_name": names.get(name, name),
                    "command_to_execute": "x",
                },
            )

    return program


@pytest.mark.parametrize(
    ("first", "second"),
    [(("rg", "vm1"), ("RG", "VM1")), (("rg", "output"), ("rg", "vm1")), (("group", "output"), ("rg", "output"))],
)
def test_two_components_on_one_machine_are_refused_by_name(engine: Engine, first: Any, second: Any) -> None:
    result = engine.preview(two(first, second))
    assert result.failed
    said = result.text + result.errors
    assert "CustomScriptExtension 'second' cannot be deployed" in said or "CustomScriptExtension 'first' cannot" in said
    assert "already runs scripts on" in said
    assert "Put all scripts of a machine, in their order, into one component." in said


def test_two_machines_are_two_machines(engine: Engine) -> None:
    assert not engine.preview(two(("rg", "vm1"), ("rg", "vm2"))).failed
    assert not engine.preview(two(("rg", "vm1"), ("other", "vm1"))).failed


def test_another_provider_may_be_another_subscription(engine: Engine) -> None:
    def program() -> None:
        for name in ("first", "second"):
            provider = pulumi.ProviderResource("azure-native", name, {}, pulumi.ResourceOptions(version="3.29.0"))
            CustomScriptExtension(
                name,
                {"resource_group_name": "rg", "vm_name": "vm1", "command_to_execute": "x"},
                pulumi.ResourceOptions(providers=[provider] if name == "first" else {"azure-native": provider}),
            )

    assert not engine.preview(program).failed


# Options -----------------------------------------------------------------------------------------------------------


def with_options(command: str = "x", **options: Any) -> Callable[[], object]:
    def program() -> None:
        CustomScriptExtension(
            "web", {"resource_group_name": "rg", "vm_name": machine().name, "command_to_execute": command},
            pulumi.ResourceOptions(**options),
        )  # fmt: skip

    return program


def test_options_reach_the_extension(engine: Engine) -> None:
    program = with_options(
        protect=True, retain_on_delete=True, ignore_changes=["tags"], additional_secret_outputs=["tags"],
        custom_timeouts=pulumi.CustomTimeouts(create="5m"),
    )  # fmt: skip
    engine.up(program)
    (stored,) = engine.resources(EXTENSION)
    assert stored["protect"]
    assert stored["retainOnDelete"]
    assert stored["customTimeouts"]["create"] == 300
    assert stored["additionalSecretOutputs"] == ["tags"]
    assert stored["ignoreChanges"] == ["tags"]


def test_pulumi_waits_a_little_longer_than_the_platform(engine: Engine) -> None:
    program = with_options()
    engine.up(program)
    (stored,) = engine.resources(EXTENSION)
    assert (stored["customTimeouts"]["create"], stored["customTimeouts"]["update"]) == (95 * 60, 95 * 60)
    engine.up(on_vm1(command_to_execute="x", provisioning_timeout_minutes=10))
    (stored,) = engine.resources(EXTENSION)
    assert stored["customTimeouts"]["create"] == 600


def test_ignored_settings_are_said_to_run_nothing(engine: Engine, azure: LocalAzure) -> None:
    options: dict[str, Any] = {"ignore_changes": ["settings", "protected_settings"]}
    assert engine.preview(with_options(**options)).inputs(COMPONENT)["rerun"]["never"]
    engine.up(with_options(**options))
    program = on_vm1(command_to_execute="another")
    assert engine.preview(program).changes == {"update": 2}
    ignored = with_options(**options, command="another")
    engine.up(ignored)
    assert len(azure.runs("vm1")) == 1


@pytest.mark.parametrize(
    "options", [{"delete_before_replace": True}, {"replace_on_changes": ["x"]}, {"version": "3.1.0"}]
)
def test_an_option_without_effect_is_warned_about(engine: Engine, options: dict[str, Any]) -> None:
    result = engine.preview(with_options(**options), diff=False)
    assert f"CustomScriptExtension 'web': the option {next(iter(options))} has no effect on a component" in result.text


def test_a_warning_is_a_line_of_the_plan_too(engine: Engine) -> None:
    program = on_vm1(command_to_execute="x", file_uris=["http://h/x.ps1"])
    line = "file_uris[0] is read over plain http: anyone on the way can change it"
    assert f"warning: {line}. Write https." in engine.preview(program, diff=False).text
    assert engine.preview(program).inputs(COMPONENT)["warnings"] == [line]


def test_an_extension_that_exists_is_imported(engine: Engine, azure: LocalAzure) -> None:
    program = on_vm1(command_to_execute="x")
    engine.up(program)
    sent = azure.extension("vm1")
    other = Engine(azure, project="other")
    imported = with_import(sent.id)
    assert not other.up(imported).failed
    assert [call.method for call in azure.calls if call.urn.endswith("::web")].count("create") == 1


def with_import(resource_id: str) -> Callable[[], object]:
    def program() -> None:
        CustomScriptExtension(
            "web", {"resource_group_name": "rg", "vm_name": "vm1", "command_to_execute": "x", "location": "westeurope"},
            pulumi.ResourceOptions(import_=resource_id),
        )  # fmt: skip

    return program


def test_a_user_can_test_the_machine_type(engine: Engine) -> None:
    assert VM in engine.preview(on_vm1(command_to_execute="x")).types


BLOB = "https://acct.blob.core.windows.net/c/x.ps1"
MAY_BE_UNKNOWN: dict[str, dict[str, Any]] = {
    "resource_group_name": {}, "vm_name": {}, "command_to_execute": {}, "location": {}, "tags": {}, "type_handler_version": {},
    "timestamp": {}, "force_update_tag": {}, "auto_upgrade_minor_version": {}, "enable_automatic_upgrade": {},
    "suppress_failures": {}, "provision_after_extensions": {}, "triggers": {}, "file_uris": {},
    "managed_identity": {"file_uris": [BLOB]}, "skip_dos2unix": {"os_type": OsType.LINUX},
    "storage_account_name": {"storage_account_key": "a2V5", "file_uris": [BLOB]},
    "storage_account_key": {"storage_account_name": "acct", "file_uris": [BLOB]},
    "protected_settings_from_key_vault": {"public_command": True},
}  # fmt: skip
IN_A_SCRIPT: dict[str, dict[str, Any]] = {
    "path": {}, "content": {}, "uri": {}, "name": {"content": "exit"}, "arguments": {"content": "exit"}, "sha256": {"uri": BLOB},
    "show_text": {"content": "exit"},
}  # fmt: skip


def test_every_argument_that_may_be_an_output_may_be_unknown_at_preview(engine: Engine) -> None:
    """Alone, in its list or map, and inside an Output of the whole entry: nothing fails, and nothing is guessed."""

    def program() -> None:
        unknown = resource("unknown", value=None).value
        given = {
            name: {"command_to_execute": "run x", **beside, name: unknown} for name, beside in MAY_BE_UNKNOWN.items()
        }
        given |= {f"script {name}": {"scripts": [{**beside, name: unknown}]} for name, beside in IN_A_SCRIPT.items()}
        given["in a list"] = {"command_to_execute": "x", "file_uris": [BLOB, unknown], "triggers": {"a": unknown}}
        given["in a map"] = {
            "command_to_execute": "x", "file_uris": [BLOB], "managed_identity": {"client_id": unknown}, "tags": {"a": unknown},
        }  # fmt: skip
        for number, (name, arguments) in enumerate(given.items()):
            component(name, **{"vm_name": f"vm{number}", **arguments})

    assert set(MAY_BE_UNKNOWN) | {"scripts"} == set(CustomScriptExtensionArgs.__annotations__) - {
        "os_type", "public_command", "extension_name", "provisioning_timeout_minutes",
    }  # fmt: skip
    assert set(IN_A_SCRIPT) == set(Script.__annotations__)
    result = engine.preview(program)
    assert not result.failed, result.text + result.errors
    assert result.operations["create"] == 2 + 2 * (len(MAY_BE_UNKNOWN) + len(IN_A_SCRIPT) + 2)
