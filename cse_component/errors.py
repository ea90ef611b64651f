"""What can go wrong, as one tree::

    CseError
    └── ArgumentError            arguments that cannot be sent; holds every Problem of one component
        └── RefusedArguments     the same, as the Pulumi CLI prints it without a traceback (refusal.py)

Every error carries data (`resource`, `problems`) and composes its text from them. No text ever holds an argument's
value where that value may be a secret: messages are made of names, types, sizes and limits.
"""

from __future__ import annotations

from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Where an argument stands: `("scripts", 0, "path")`."""


def spell(path: Path) -> str:
    """`("scripts", 0, "path")` as a caller writes it: `scripts[0].path`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with one argument.

    field: where, as in `("scripts", 0, "path")`; empty when it is about the component as a whole.
    reason: what is wrong, without the value.
    mend: what to write instead.
    """

    field: Path
    reason: str
    mend: str

    def __str__(self) -> str:
        where = f"{spell(self.field)}: " if self.field else ""
        return f"{where}{self.reason}\n    {self.mend}"


class CseError(Exception):
    """Root of every error this package raises on purpose."""


class ArgumentError(CseError):
    """Arguments that would fail, or silently do nothing, on the machine.

    resource: how the component calls itself, as in `CustomScriptExtension 'web'`.
    problems: all that is wrong with it, in the order of its arguments.
    """

    def __init__(self, resource: str, problems: tuple[Problem, ...]) -> None:
        self.resource = resource
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{resource} cannot be deployed, {count}:\n{lines}")
