"""The example of docs/local-azure.md is run as it stands."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "local-azure.md"


def examples() -> dict[str, Callable[[], None]]:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, str(PAGE), "exec"), names)
    return {name: value for name, value in names.items() if name.startswith("test_")}


def test_the_example_passes(program_directory: Path) -> None:
    """Both tests of the page."""
    found = examples()
    assert len(found) == 2
    for test in found.values():
        test()
