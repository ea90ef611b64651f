"""The arguments users write. `TypedDict`s: a plain dict works, and a type checker helps.

Every description begins with Required., Optional. or Conditional., and tells the default and what happens without it.
"Plain" means that no Output is taken: the value decides the shape of the resource.
"""

# No `from __future__ import annotations`: Pulumi's analyser reads these annotations as objects.

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from typing_extensions import NotRequired, TypedDict

from .extension.handlers import OsType


class Script(TypedDict):
    """One script of `scripts`. It has exactly one source: `path`, `content` or `uri`."""

    path: NotRequired[pulumi.Input[str]]
    """Conditional. A local file, relative to the program's directory. Its text travels inside the extension's settings;
    the machine needs no access to anything."""

    content: NotRequired[pulumi.Input[str]]
    """Conditional. The script's text. Secret text stays secret: it is sent protected, and the plan does not show it."""

    uri: NotRequired[pulumi.Input[str]]
    """Conditional. An http or https URL that the machine downloads. Its query, as of a SAS URL, is kept secret."""

    name: NotRequired[pulumi.Input[str]]
    """Optional. The file's name on the machine; its suffix decides what runs it. Default: the last part of `path` or
    `uri`; for `content`, `script.ps1` on Windows and `script.sh` on Linux."""

    arguments: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Optional. Values given to the script, in order. One that would not arrive exactly is refused."""

    sha256: NotRequired[pulumi.Input[str]]
    """Optional. For `uri`: the SHA-256 of what the URL holds, 64 hexadecimal digits. A change of it runs the script
    again, which is how new content behind the same URL is deployed."""

    show_text: NotRequired[pulumi.Input[bool]]
    """Optional. Default True. False keeps the text out of preview and state; only its hash is shown."""


class ManagedIdentity(TypedDict):
    """Which identity of the machine reads private blobs. Empty: its own (system-assigned, or the only one it has)."""

    client_id: NotRequired[pulumi.Input[str]]
    """Optional. Client id of a user-assigned identity, a GUID. Never beside `object_id`."""

    object_id: NotRequired[pulumi.Input[str]]
    """Optional. Object id (principal id) of a user-assigned identity, a GUID. Never beside `client_id`."""


class SourceVault(TypedDict):
    """A Key Vault."""

    id: pulumi.Input[str]
    """Required. Its resource id."""


class KeyVaultSecretReference(TypedDict):
    """A Key Vault secret that holds the whole of protectedSettings, as JSON."""

    secret_url: pulumi.Input[str]
    """Required. The secret's URL, with its version."""

    source_vault: pulumi.Input[SourceVault]
    """Required. The vault it is in; it must be enabled for deployment."""


class CustomScriptExtensionArgs(TypedDict):
    """Arguments of `CustomScriptExtension`."""

    resource_group_name: pulumi.Input[str]
    """Required. The resource group of the virtual machine."""

    vm_name: pulumi.Input[str]
    """Required. The name of the virtual machine. Give the Output (`vm.name`): when the machine is rebuilt under the same
    name, its script then runs on the new one."""

    os_type: NotRequired[OsType]
    """Optional. Plain. `Windows` or `Linux`. Default: what the names of scripts and URLs agree on, else Windows."""

    scripts: NotRequired[pulumi.Input[Sequence[pulumi.Input[Script]]]]
    """Conditional. What runs, in order. The first script that fails ends the run, and its exit code is the result.
    Exactly one of `scripts` and `command_to_execute`."""

    command_to_execute: NotRequired[pulumi.Input[str]]
    """Conditional. A raw command in place of `scripts`, sent as it is: through cmd.exe on Windows, /bin/sh on Linux."""

    public_command: NotRequired[bool]
    """Optional. Plain. Default False: what runs is sent in protectedSettings. True sends it in settings, where everybody
    who may read the machine can read it; a secret in it is then refused."""

    file_uris: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Optional. Further files the machine downloads before anything runs: http and https URLs. Default: none."""

    managed_identity: NotRequired[pulumi.Input[ManagedIdentity]]
    """Optional. The identity that reads private blobs. Default: none, URLs are read without one. Never beside a storage
    account key."""

    storage_account_name: NotRequired[pulumi.Input[str]]
    """Conditional. Required with `storage_account_key`. The account of every URL."""

    storage_account_key: NotRequired[pulumi.Input[str]]
    """Conditional. Required with `storage_account_name`. Its access key; secret also when given as plain text. Every URL
    must then be a blob of that account."""

    triggers: NotRequired[pulumi.Input[Mapping[str, pulumi.Input[Any]]]]
    """Optional. Further values whose change runs the scripts again, by name: text, numbers, True or False. They are
    public; a secret is refused. Default: none."""

    timestamp: NotRequired[pulumi.Input[int]]
    """Optional. A signed 32-bit integer in place of the one that follows the content. Default: 31 bits of a SHA-256 of
    everything that runs and is no secret."""

    force_update_tag: NotRequired[pulumi.Input[str]]
    """Optional. ARM's own lever: a tag that differs from the last one runs the scripts again. Default: none."""

    skip_dos2unix: NotRequired[pulumi.Input[bool]]
    """Optional. Linux only. True keeps the handler from changing CRLF to LF in downloaded text files. Default: False."""

    extension_name: NotRequired[str]
    """Optional. Plain. The extension's name in Azure. Default: the handler's type, `CustomScriptExtension` or
    `CustomScript`, as the az CLI names it. A machine takes one such extension, whatever its name."""

    location: NotRequired[pulumi.Input[str]]
    """Optional. The machine's location. Default: azure-native takes it from the resource group, which costs a call and
    leaves it unknown at preview."""

    tags: NotRequired[pulumi.Input[Mapping[str, pulumi.Input[str]]]]
    """Optional. Tags of the extension. Default: none."""

    type_handler_version: NotRequired[pulumi.Input[str]]
    """Optional. Major.Minor, as text. Default: `1.10` on Windows, `2.1` on Linux."""

    auto_upgrade_minor_version: NotRequired[pulumi.Input[bool]]
    """Optional. Default True: the newest minor version at the time of deployment. ARM's own default pins the version."""

    enable_automatic_upgrade: NotRequired[pulumi.Input[bool]]
    """Optional. Default False. True lets the platform reinstall the handler at any time, which may run scripts again."""

    suppress_failures: NotRequired[pulumi.Input[bool]]
    """Optional. Default: not sent, a failed script fails the deployment."""

    provision_after_extensions: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Optional. Names of extensions of the machine that come first. Default: none."""

    protected_settings_from_key_vault: NotRequired[pulumi.Input[KeyVaultSecretReference]]
    """Optional. A Key Vault secret in place of protectedSettings. Nothing else may then be protected: the command must be
    public (`public_command`). Default: none."""

    provisioning_timeout_minutes: NotRequired[int]
    """Optional. Plain. How long Pulumi waits for the script, 1 to 120. Default 95: the platform ends it after 90."""


__all__ = [
    "CustomScriptExtensionArgs",
    "KeyVaultSecretReference",
    "ManagedIdentity",
    "OsType",
    "Script",
    "SourceVault",
]
