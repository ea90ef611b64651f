"""An Azure without Azure: the real Pulumi engine, a double of azure-native, nothing executed."""

from .handler import Run
from .local_azure import LocalAzure
from .provider import Call
from .resource_manager import Extension, Resource

__all__ = ["Call", "Extension", "LocalAzure", "Resource", "Run"]
