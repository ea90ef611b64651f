"""Writes the reference pages of docs/ from the code: `python -m tools.arguments`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from cse_component.extension.rules import RULES
from cse_component.extension.values import VALUES

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "cse_component"
MADE = "<!-- Written by `python -m tools.arguments` from {}. -->\n"

SOURCES = """Sources: W is the [Windows page](https://learn.microsoft.com/en-us/azure/virtual-machines/extensions/custom-script-windows)
of Azure's documentation, L the [Linux page](https://learn.microsoft.com/en-us/azure/virtual-machines/extensions/custom-script-linux), FW its
[page on Windows extensions](https://learn.microsoft.com/en-us/azure/virtual-machines/extensions/features-windows), CSL the
[Linux handler's code](https://github.com/Azure/custom-script-extension-linux), ARM Azure's Resource Manager; "ours" is what this package
promises. `name#123` is an issue on GitHub."""


def fields(module: Path) -> dict[str, list[tuple[str, str, str]]]:
    """The annotated names of each class that have a description: name, type, description."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = list(_described(node))
    return found


def _described(node: ast.ClassDef) -> Iterator[tuple[str, str, str]]:
    for statement, following in zip(node.body, node.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(following, ast.Expr):
            described = ast.literal_eval(following.value)
            yield ast.unparse(statement.target), _type(ast.unparse(statement.annotation)), " ".join(described.split())


_PLAIN_TYPES = {"str": "text", "int": "whole number", "bool": "True or False", "Any": "value"}


def _type(annotation: str) -> str:
    annotation = annotation.strip("'\"")
    found = re.fullmatch(r"(NotRequired|pulumi\.Input|pulumi\.Output|Sequence|Mapping)\[(.*)\]", annotation)
    if found is None:
        return _PLAIN_TYPES.get(annotation, annotation)
    outer, inner = found.groups()
    if outer == "Mapping":
        return f"map of {_type(inner.partition(', ')[2])}"
    return f"list of {_type(inner)}" if outer == "Sequence" else _type(inner)


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    # Between backticks Markdown escapes by itself, but for the bar.
    parts = text.replace("|", r"\|").split("`")
    return "`".join(part if index % 2 else part.replace("<", "&lt;") for index, part in enumerate(parts))


def arguments() -> str:
    """docs/arguments.md"""
    given = fields(PACKAGE / "args.py")
    outputs = fields(PACKAGE / "virtual_machine.py")["CustomScriptExtension"]

    def section(name: str) -> str:
        rows = []
        for field, kind, described in given[name]:
            need, _, rest = described.partition(". ")
            rows.append([f"`{field}`", kind, need.lower(), rest])
        return table(["argument", "type", "", "meaning"], rows)

    nested = {
        "Script": "One entry of `scripts`. Exactly one of `path`, `content` and `uri`.",
        "ManagedIdentity": "`managed_identity`. Empty, `{}`, it is the machine's own: system-assigned, or the only one it has.",
        "KeyVaultSecretReference": "`protected_settings_from_key_vault`.",
        "SourceVault": "`source_vault` of it.",
    }
    parts = [
        MADE.format("cse_component/args.py"),
        "# Arguments and outputs\n",
        (
            "`CustomScriptExtension(name, args, opts)`. The arguments are a `TypedDict`: a plain dict works, and a type checker helps. "
            "Every value may be an Output, unless its meaning begins with *Plain*; where a secret goes is in [secrets.md](secrets.md).\n"
        ),
        section("CustomScriptExtensionArgs"),
        *(f"\n## {name}\n\n{said}\n\n{section(name)}" for name, said in nested.items()),
        "\n## Outputs\n",
        table(["output", "type", "meaning"], ([f"`{field}`", kind, said] for field, kind, said in outputs)),
        "\n## Options\n",
        (
            "`protect`, `retain_on_delete`, `deleted_with`, `replace_with`, `depends_on`, `ignore_changes`, `custom_timeouts`, `import_`, "
            "`additional_secret_outputs`, `aliases` and providers reach the extension. `delete_before_replace`, `replace_on_changes` "
            "and `version` have no effect on a component in Pulumi, and are warned about."
        ),
    ]
    return "\n".join(parts).replace("Plain. ", "*Plain.* ") + "\n"


def refusals() -> str:
    """docs/refusals.md"""

    def rules(refuses: bool) -> str:
        rows = ([rule.name.replace("_", " ").capitalize(), rule.source] for rule in RULES if rule.refuses is refuses)
        return table(["rule", "source"], rows)

    parts = [
        MADE.format("cse_component/extension/rules.py and values.py"),
        "# What is refused, and what is warned about\n",
        (
            "What would fail on the machine, or silently do nothing there, is refused at preview: all problems of a component in one message, "
            "each with the argument, what is wrong, and what to write instead. No message holds a value. What depends on a resource that does "
            "not exist yet is refused at `up`, before the extension is registered.\n"
        ),
        "Arguments that do not exist, and values of another type, are refused too, at every depth, with the nearest name.\n",
        SOURCES,
        "\n## Values\n",
        table(
            ["argument", "is refused when it", "instead", "source"],
            ([f"`{row.field}`", row.reason, row.mend, row.source] for row in VALUES),
        ),
        "\n## Rules between arguments\n",
        "What is not so is refused:\n",
        rules(True),
        "\n## Warnings\n",
        "What is not so may be meant. It is printed as a warning and is a line of the plan:\n",
        rules(False),
    ]
    return "\n".join(parts) + "\n"


PAGES = {ROOT / "docs" / "arguments.md": arguments, ROOT / "docs" / "refusals.md": refusals}


if __name__ == "__main__":
    for page, write in PAGES.items():
        page.write_text(write(), encoding="utf-8")
