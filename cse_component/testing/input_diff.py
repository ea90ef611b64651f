"""Differences of two sets of inputs, as azure-native's Diff finds them."""

import re
from collections.abc import Mapping
from typing import Any, Literal

Change = Literal["add", "delete", "update"]

_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*\Z")


def differences(old: Mapping[str, Any], new: Mapping[str, Any], within: str = "") -> dict[str, Change]:
    """Find what changed, down to the leaf.

    Arrays are compared by position and keys that start with `__` are ignored, as azure-native does. An unknown value
    arrives as a reserved string, so it differs from whatever was there.

    Args:
        old: The inputs of the last deployment.
        new: The inputs of this one.
        within: Property path of both; the root by default.

    Returns:
        Property paths such as `settings.fileUris[1]`, in order, and how each one changed.
    """
    found: dict[str, Change] = {}
    for key in sorted({*old, *new}):
        if key.startswith("__"):
            continue
        path = _path(within, key)
        if key not in new:
            found[path] = "delete"
        elif key not in old:
            found[path] = "add"
        else:
            found.update(_value_differences(old[key], new[key], path))
    return found


def _value_differences(old: Any, new: Any, path: str) -> dict[str, Change]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return differences(old, new, path)
    if isinstance(old, list) and isinstance(new, list):
        found: dict[str, Change] = {}
        for index in range(max(len(old), len(new))):
            element = f"{path}[{index}]"
            if index >= len(new):
                found[element] = "delete"
            elif index >= len(old):
                found[element] = "add"
            else:
                found.update(_value_differences(old[index], new[index], element))
        return found
    # Python holds True == 1; JSON does not.
    if old == new and isinstance(old, bool) == isinstance(new, bool):
        return {}
    if path in _CASE_INSENSITIVE and isinstance(old, str) and isinstance(new, str) and _folded(old) == _folded(new):
        return {}
    return {path: "update"}


# "West Europe" and "westeurope" are one place, "RG" and "rg" one group.
_CASE_INSENSITIVE = ("location", "resourceGroupName")


def _folded(text: str) -> str:
    return text.replace(" ", "").lower()


def _path(within: str, key: str) -> str:
    if not _PLAIN_KEY.match(key):
        quoted = key.replace("\\", "\\\\").replace('"', '\\"')
        return f'{within}["{quoted}"]'
    return f"{within}.{key}" if within else key
