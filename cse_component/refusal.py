"""The refusal as the Pulumi CLI prints it: its message alone, without a traceback."""

import pulumi

from .errors import ArgumentError


class RefusedArguments(ArgumentError, pulumi.RunError):
    """Arguments of a component that would fail, or silently do nothing, on the machine. Nothing was registered."""
