"""Finds or makes the Pulumi CLI that the project's commands run: `python -m tools.pulumi.install BIN`.

In this order: `pulumi` on PATH, what an earlier run left in the user's cache, the official installer, a build by Go of
the version that `go.mod` pins. Unless it is the one on PATH, a link to it is put into the directory BIN.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tools.progress import run, say

MODULE = Path(__file__).resolve().parent
INSTALLER = "https://get.pulumi.com/install.sh"
COMMAND = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
REACH_SECONDS = 10

Version = tuple[int, int, int]


class MissingError(Exception):
    """Something only the user can provide; the text is the sentence they read."""


def parsed(text: str) -> Version | None:
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def pinned(pattern: str) -> str:
    match = re.search(pattern, (MODULE / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    assert match is not None
    return match[1]


VERSION = pinned(r"github\.com/pulumi/pulumi/pkg/v3 v([\d.]+)\b")
GO_VERSION = pinned(r"^go ([\d.]+)$")


def answer(command: Path, env: dict[str, str] | None = None) -> str | None:
    """What `command version` prints, or None when it does not run."""
    try:
        done = subprocess.run(
            [command, "version"],
            env=(env or os.environ) | {"PULUMI_SKIP_UPDATE_CHECK": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 and parsed(done.stdout) else None


def fits(version: str | None) -> bool:
    """Whether the project runs with this CLI: the pinned version or newer; the next major needs another SDK."""
    found, needed = parsed(version or ""), parsed(VERSION)
    return found is not None and needed is not None and found >= needed and found[0] == needed[0]


def user_cache() -> Path:
    """`cse-component` in XDG_CACHE_HOME, which counts only when absolute, or in ~/.cache."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    base = named if named.is_absolute() else Path.home() / ".cache"
    return base / "cse-component"


def on_path(cache: Path) -> Path | None:
    """The `pulumi` of PATH. Links to the cache, which earlier runs left in BIN, are not the user's."""
    for directory in os.get_exec_path():
        found = shutil.which("pulumi", path=directory)
        if found and not Path(found).resolve().is_relative_to(cache.resolve()):
            return Path(found).absolute()
    return None


def unreachable() -> str | None:
    """Why the official installer cannot be had, within seconds also where packets are dropped silently."""
    failure: list[str] = ["no answer"]

    def reach() -> None:
        try:
            with urllib.request.urlopen(INSTALLER, timeout=REACH_SECONDS):
                failure.clear()
        except (OSError, ValueError) as error:
            failure[:] = [str(error.reason if type(error) is urllib.error.URLError else error)]

    attempt = threading.Thread(target=reach, daemon=True)
    attempt.start()
    attempt.join(REACH_SECONDS)
    return failure[0] if failure else None


def install(directory: Path) -> str | None:
    """Runs the official installer into `directory`; returns what went wrong."""
    reason = unreachable()
    if reason is not None:
        return f"{INSTALLER} cannot be reached ({reason})"
    say(f"Pulumi CLI: downloading v{VERSION} with the official installer")
    # In a process of its own, whose working directory is ours: installer scripts have unpacked there.
    program = """
import subprocess, sys
from pulumi.automation import PulumiCommand
from semver import VersionInfo
try:
    PulumiCommand.install(root=sys.argv[1], version=VersionInfo.parse(sys.argv[2]))
except subprocess.CalledProcessError as error:
    sys.exit(f"exit code {error.returncode}")
"""
    code, lines = run(
        [sys.executable, "-c", program, directory, VERSION], lambda _: "downloading and unpacking", cwd=directory
    )
    if code or not fits(answer(directory / "bin" / "pulumi")):
        return f"the official installer failed ({lines[-1] if code and lines else 'what it installed does not run'})"
    return None


def go_environment(cache: Path) -> dict[str, str]:
    env = {"HOME": str(Path.home())} | os.environ | {"GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}
    if sys.platform != "darwin":
        # Go counts its own use in the user's configuration directory; `go env -w` settings there still hold.
        settings = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        env = {"GOENV": str(settings / "go" / "env")} | env | {"XDG_CONFIG_HOME": str(cache / "go-config")}
    return env


def build(directory: Path, cache: Path, otherwise: str) -> None:
    """Builds the pinned CLI into `directory` with Go."""
    mend = "install the Pulumi CLI (https://www.pulumi.com/docs/install/)"
    go = shutil.which("go")
    env = go_environment(cache)
    version = answer(Path(go), env) if go else None
    if go is None or (parsed(version or "") or (0, 0, 0)) < (parsed(GO_VERSION) or (0, 0, 0)):
        state = "there is none on PATH" if go is None else f"{go} says {version or 'nothing'}"
        raise MissingError(
            f"the Pulumi CLI is missing: {otherwise}, and building it takes Go {GO_VERSION}, but {state}: "
            f"{mend} or Go (https://go.dev/dl/), and run this again."
        )
    flags: list[str] = []
    modules = subprocess.run([go, "env", "GOMODCACHE"], env=env, capture_output=True, encoding="utf-8").stdout.strip()
    if not ({"GOMODCACHE", "GOPATH"} & os.environ.keys() or Path(modules).is_dir()):
        # Go would start one in the home directory. Writable, so that the user can remove it.
        env["GOMODCACHE"], flags = str(cache / "go-mod"), ["-modcacherw"]
    say(f"Pulumi CLI: {otherwise}; building v{VERSION} with Go: about 4 minutes on 2 cores, once")
    flags = ["-mod=readonly", "-tags=osusergo,grpcnotrace", *flags]
    code, lines = run([go, "list", "-deps", *flags, COMMAND], downloaded, cwd=MODULE, env=env)
    if code == 0:
        total = sum(map(is_package, lines))
        (directory / "bin").mkdir(exist_ok=True)
        # Without the version the CLI calls itself v0.0.0, which the Automation API refuses.
        flags += ["-trimpath", f"-ldflags=-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{VERSION}"]
        code, lines = run(
            [go, "build", "-v", *flags, "-o", directory / "bin" / "pulumi", COMMAND],
            lambda lines: f"{sum(map(is_package, lines))} of {total} packages compiled",
            cwd=MODULE,
            env=env,
        )
    if code or not fits(answer(directory / "bin" / "pulumi")):
        reason = lines[-1] if code and lines else "the result does not run"
        raise MissingError(
            f"the Pulumi CLI is missing: {otherwise}, and Go could not build it ({reason}): "
            f"look to the network or proxy settings, or {mend}, and run this again."
        )


def is_package(line: str) -> bool:
    return line != "" and " " not in line


def downloaded(lines: Sequence[str]) -> str:
    return f"{sum(line.startswith('go: downloading') for line in lines)} modules downloaded"


def make(cache: Path) -> str:
    """Puts a CLI into the cache, from the installer or by Go, whole or not at all; returns how."""
    cache.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=".making-", dir=cache))
    try:
        failure = install(directory)
        if failure is not None:
            build(directory, cache, failure)
        home = cache / f"pulumi-v{VERSION}" / "bin"
        home.mkdir(parents=True, exist_ok=True)
        # One rename per file, the one that later runs look for last: runs at the same time end with either's files.
        for file in sorted((directory / "bin").iterdir(), key=lambda file: file.name == "pulumi"):
            file.replace(home / file.name)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return "just installed" if failure is None else "just built by Go"


def find(cache: Path) -> tuple[Path, str]:
    """The CLI to use, and why this one."""
    offered = on_path(cache)
    why = "none on PATH"
    if offered is not None:
        version = answer(offered)
        if fits(version):
            return offered, f"{version}, found on PATH"
        state = f"is {version}" if version else "does not run"
        say(f"Pulumi CLI: passing over {offered}, which {state}; v{VERSION} or newer is needed")
        why = "none new enough on PATH"
    kept = cache / f"pulumi-v{VERSION}" / "bin" / "pulumi"
    how = "kept by an earlier run" if fits(answer(kept)) else make(cache)
    return kept, f"{answer(kept)}, {how}, {why}"


def link(directory: Path, cli: Path, cache: Path) -> None:
    """Makes `directory/pulumi` a link to `cli`, or removes an earlier link to the cache that would hide it on PATH."""
    place = directory / "pulumi"
    if not cli.is_relative_to(cache):
        if place.is_symlink() and place.resolve().is_relative_to(cache.resolve()):
            place.unlink()
        return
    fresh = directory / f".pulumi-{os.getpid()}"
    fresh.symlink_to(cli)
    fresh.replace(place)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=Path, help="directory for the link to the CLI")
    directory: Path = parser.parse_args().bin
    if not os.environ.get("HOME"):
        os.environ.pop("HOME", None)  # empty, it would stand for the root directory
    try:
        cache = user_cache()
        cli, why = find(cache)
        link(directory, cli, cache)
    except MissingError as missing:
        print(f"setup: {missing}", file=sys.stderr)
        return 1
    except (OSError, RuntimeError) as error:  # RuntimeError: no home directory can be determined
        print(
            f"setup: the Pulumi CLI could not be put in place ({error}): mend that and run this again.", file=sys.stderr
        )
        return 1
    except KeyboardInterrupt:
        return 130
    say(f"Pulumi CLI {cli}: {why}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
