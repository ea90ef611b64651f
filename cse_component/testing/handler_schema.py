"""What the Custom Script handlers accept in each block of settings, as JSON Schema (draft 4).

Linux: the handler's own schema as of v2.1.19. Both blocks are closed, so a key in the wrong block is fatal.
Windows: the handler is closed source; names and types are those of Microsoft's property table, unknown keys pass.
"""

from typing import Any

_GUID = "^(?:[0-9A-Fa-f]{8}[-][0-9A-Fa-f]{4}[-][0-9A-Fa-f]{4}[-][0-9A-Fa-f]{4}[-][0-9A-Fa-f]{12})$"
_BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$"

_STRING: dict[str, Any] = {"type": "string"}
_URIS: dict[str, Any] = {"type": "array", "items": {"type": "string", "format": "uri"}}
_IDENTITY: dict[str, Any] = {
    "type": "object",
    "properties": {"clientId": {"type": "string", "pattern": _GUID}, "objectId": {"type": "string", "pattern": _GUID}},
}

# `additionalProperties` comes first because the Linux handler reports the first error only, and finds this one first.
LINUX: dict[str, dict[str, Any]] = {
    "settings": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "commandToExecute": _STRING,
            "script": _STRING,
            "fileUris": _URIS,
            "skipDos2Unix": {"type": "boolean"},
            "timestamp": {"type": "integer"},
        },
    },
    "protectedSettings": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "commandToExecute": _STRING,
            "script": _STRING,
            "fileUris": _URIS,
            "storageAccountName": {"type": "string", "pattern": "^[a-z0-9]{3,24}$"},
            "storageAccountKey": {"type": "string", "pattern": _BASE64},
            "managedIdentity": _IDENTITY,
        },
    },
}

_WINDOWS_COMMON: dict[str, Any] = {
    "commandToExecute": _STRING,
    "fileUris": {"type": "array", "items": _STRING},
    # "32-bit integer" in Microsoft's table.
    "timestamp": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
}

WINDOWS: dict[str, dict[str, Any]] = {
    "settings": {"type": "object", "properties": _WINDOWS_COMMON},
    "protectedSettings": {
        "type": "object",
        "properties": {
            **_WINDOWS_COMMON,
            "storageAccountName": _STRING,
            "storageAccountKey": _STRING,
            "managedIdentity": _IDENTITY,
        },
    },
}
