"""Azure's Custom Script Extension as a Pulumi component.

The public names are loaded when they are first used: `cse_component.extension`, which knows nothing of Pulumi, can be
imported without it.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .args import (
        CustomScriptExtensionArgs,
        KeyVaultSecretReference,
        ManagedIdentity,
        OsType,
        Script,
        SourceVault,
    )
    from .errors import ArgumentError, CseError, Problem
    from .refusal import RefusedArguments
    from .virtual_machine import CustomScriptExtension

__all__ = [
    "ArgumentError",
    "CseError",
    "CustomScriptExtension",
    "CustomScriptExtensionArgs",
    "KeyVaultSecretReference",
    "ManagedIdentity",
    "OsType",
    "Problem",
    "RefusedArguments",
    "Script",
    "SourceVault",
]

_MODULES = {
    "args": (
        "CustomScriptExtensionArgs",
        "KeyVaultSecretReference",
        "ManagedIdentity",
        "OsType",
        "Script",
        "SourceVault",
    ),
    "errors": ("ArgumentError", "CseError", "Problem"),
    "refusal": ("RefusedArguments",),
    "virtual_machine": ("CustomScriptExtension",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
