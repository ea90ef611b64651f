"""Long commands with a line of progress."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


def say(text: str) -> None:
    print(f"setup: {text}", flush=True)


def run(
    command: Sequence[str | Path],
    describe: Callable[[Sequence[str]], str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> tuple[int, list[str]]:
    """Runs `command` and returns its exit code and output lines.

    While it runs, prints the elapsed seconds and what `describe` makes of the output so far: one line refreshed
    every second on a terminal, a line every 20 seconds elsewhere.
    """
    lines: list[str] = []
    terminal = sys.stdout.isatty()
    started = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        output = process.stdout
        assert output is not None

        def read() -> None:
            for line in output:
                lines.append(line.rstrip())  # noqa: PERF401  `describe` sees the list while it grows

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            while True:
                try:
                    process.wait(1 if terminal else 20)
                    break
                except subprocess.TimeoutExpired:
                    status = f"setup:   {time.monotonic() - started:.0f} s, {describe(lines)}"
                    print(f"\r\033[K{status}" if terminal else status, end="" if terminal else "\n", flush=True)
        except BaseException:
            process.terminate()
            raise
        finally:
            if terminal:
                print("\r\033[K", end="", flush=True)
        reader.join()
    return process.returncode, lines
