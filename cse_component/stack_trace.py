"""The stack trace that Pulumi's SDK stores with each resource, cut to the frames that say where it was declared."""

import contextlib
import sys
from collections.abc import Iterator

FRAMES = 8
"""Innermost frames that are kept. The SDK leaves out its own and the component's, up to six of them."""


@contextlib.contextmanager
def short_stack_trace() -> Iterator[None]:
    """Resources registered inside keep a short trace.

    The whole stack, down to the interpreter's event loop, is 2 KB in the state for each resource, and the engine
    rewrites its state at every step: on 100 machines the traces alone made `up` a third slower. The SDK has no option
    for it; it asks `traceback.extract_stack`, which honours this limit of Python's.
    """
    before = getattr(sys, "tracebacklimit", None)
    if before is None or before > FRAMES:
        sys.tracebacklimit = FRAMES
    try:
        yield
    finally:
        if before is None:
            del sys.tracebacklimit
        else:
            sys.tracebacklimit = before
