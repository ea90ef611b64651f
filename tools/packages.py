"""Installs the project with its development dependencies into the environment that runs this: `python -m tools.packages`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tools.progress import run, say

ROOT = Path(__file__).resolve().parents[1]


def describe(lines: Sequence[str]) -> str:
    if any(line.startswith("Installing collected packages") for line in lines):
        return "unpacking"
    return f"{sum(line.startswith('Collecting') for line in lines)} packages collected"


def main() -> int:
    say("Python packages; pulumi-azure-native is 22 MB to download and 356 MB on disk: about a minute the first time")
    # Byte-compiling all of pulumi-azure-native takes longer than unpacking it, and a program imports little of it.
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-compile"]
    code, lines = run([*pip, "--editable", ".[dev]"], describe, cwd=ROOT)
    if code == 0:
        return 0
    log = Path(sys.prefix) / "pip.log"
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    reason = next((line.partition("ERROR: ")[2] for line in lines if "ERROR: " in line), f"exit code {code}")
    print(
        f"setup: pip could not install the packages ({reason}): look to the network or proxy settings, "
        f"or to pip's output in {log}, and run this again.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
