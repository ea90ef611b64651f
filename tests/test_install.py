"""`tools.pulumi.install`, run as `make setup` runs it, on machines made of a few tiny executables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CACHED = "pulumi-v3.250.0/bin/pulumi"

# Builds, instead of the real CLI, a script that answers `pulumi version`; keeps its arguments and environment.
GO = """#!/bin/sh
case $1 in
version) echo "go version {version} linux/amd64" ;;
env) echo "$HOME/go/pkg/mod" ;;
list) echo example.org/a ;;
build)
  echo "go: downloading example.org/a v1.0.0"
  {build}
  while [ $# -gt 1 ]; do [ "$1" = -o ] && output=$2; shift; done
  echo "$GOTOOLCHAIN $GOMODCACHE" > "$XDG_CACHE_HOME/go-was-here"
  printf '#!/bin/sh\\necho v3.250.0\\n' > "$output"
  /bin/chmod +x "$output" ;;
esac
"""


@dataclass
class Machine:
    """A machine without network whose PATH is `path`; `bin` is the project's own."""

    root: Path

    def __post_init__(self) -> None:
        self.root.mkdir()
        for directory in (self.path, self.bin, self.home, self.cache):
            directory.mkdir()

    @property
    def path(self) -> Path:
        return self.root / "path"

    @property
    def bin(self) -> Path:
        return self.root / "venv-bin"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def kept(self) -> Path:
        return self.cache / "cse-component" / CACHED

    def run(self, **env: str) -> subprocess.CompletedProcess[str]:
        """Runs the script; whatever it says, it must not be a traceback, nor may it write outside the cache and `bin`."""
        before = set(self.path.iterdir())
        done = subprocess.run(
            [sys.executable, "-m", "tools.pulumi.install", self.bin],
            cwd=ROOT,
            env={
                "PATH": f"{self.bin}{os.pathsep}{self.path}",
                "HOME": str(self.home),
                "XDG_CACHE_HOME": str(self.cache),
                "https_proxy": "http://127.0.0.1:9",  # nobody listens there
                "PYTHONDONTWRITEBYTECODE": "1",
                **env,
            },
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )
        assert "Traceback" not in done.stderr
        assert not list(self.home.iterdir())
        assert set(self.path.iterdir()) == before
        assert sorted(entry.name for entry in self.root.iterdir()) == ["cache", "home", "path", "venv-bin"]
        return done

    def refused(self, **env: str) -> str:
        """Runs the script, which must refuse in one sentence and leave nothing behind but empty directories."""
        done = self.run(**env)
        assert done.returncode == 1
        assert done.stderr.startswith("setup: ")
        assert done.stderr.count("\n") == 1
        assert done.stderr.endswith(".\n")
        assert not [entry for entry in self.cache.rglob("*") if not entry.is_dir()]
        assert not list(self.bin.iterdir())
        return done.stderr

    def used(self) -> str:
        """What `pulumi version` says for the project: its own directory comes first on PATH."""
        command = shutil.which("pulumi", path=f"{self.bin}{os.pathsep}{self.path}")
        assert command is not None
        return subprocess.run([command, "version"], capture_output=True, encoding="utf-8", check=True).stdout.strip()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine")


def executable(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(0o755)
    return file


def cli(file: Path, version: str) -> Path:
    return executable(file, f"#!/bin/sh\necho {version}\n")


def go(directory: Path, version: str = "go1.26.1", build: str = ":") -> Path:
    return executable(directory / "go", GO.format(version=version, build=build))


@pytest.mark.parametrize("version", ["v3.250.0", "v3.300.1", "3.251.0", "v3.400.0-alpha.1"])
def test_takes_the_cli_on_path(machine: Machine, version: str) -> None:
    offered = cli(machine.path / "pulumi", version)
    cli(machine.kept, "v3.250.0")
    done = machine.run()
    assert done.returncode == 0
    assert done.stdout == f"setup: Pulumi CLI {offered}: {version}, found on PATH\n"
    assert not list(machine.bin.iterdir())


@pytest.mark.parametrize(
    ("offer", "said"),
    [
        ("echo v3.100.0", "is v3.100.0"),
        ("echo v3.249.9", "is v3.249.9"),
        ("echo v4.0.0", "is v4.0.0"),
        ("echo no version set >&2; exit 126", "does not run"),
        ("echo dev", "does not run"),
    ],
)
def test_passes_over_an_unfit_cli_on_path(machine: Machine, offer: str, said: str) -> None:
    offered = executable(machine.path / "pulumi", f"#!/bin/sh\n{offer}\n")
    cli(machine.kept, "v3.250.0")
    done = machine.run()
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        f"setup: Pulumi CLI: passing over {offered}, which {said}; v3.250.0 or newer is needed",
        f"setup: Pulumi CLI {machine.kept}: v3.250.0, kept by an earlier run, none new enough on PATH",
    ]
    assert machine.used() == "v3.250.0"


def test_takes_what_an_earlier_run_kept(machine: Machine) -> None:
    cli(machine.kept, "v3.250.0")
    for _ in range(2):  # the second time, the link of the first is what PATH offers
        done = machine.run()
        assert done.stdout == f"setup: Pulumi CLI {machine.kept}: v3.250.0, kept by an earlier run, none on PATH\n"
        assert (machine.bin / "pulumi").readlink() == machine.kept


def test_cache_without_xdg_cache_home(machine: Machine, tmp_path: Path) -> None:
    home = tmp_path / "other-home"
    kept = cli(home / ".cache" / "cse-component" / CACHED, "v3.250.0")
    for value in ("", "relative"):  # the XDG rules: a relative one is to be ignored
        assert str(kept) in machine.run(HOME=str(home), XDG_CACHE_HOME=value).stdout


def test_a_new_cli_on_path_is_not_hidden_by_an_earlier_link(machine: Machine) -> None:
    cli(machine.kept, "v3.250.0")
    machine.run()
    offered = cli(machine.path / "pulumi", "v3.300.0")
    assert str(offered) in machine.run().stdout
    assert machine.used() == "v3.300.0"


def test_leaves_a_link_to_the_users_cli_in_the_environment_alone(machine: Machine) -> None:
    theirs = cli(machine.path / "pulumi-latest", "v3.300.0")
    (machine.bin / "pulumi").symlink_to(theirs)
    assert "v3.300.0, found on PATH" in machine.run().stdout
    assert (machine.bin / "pulumi").readlink() == theirs


def test_heals_a_link_to_what_is_gone(machine: Machine) -> None:
    (machine.bin / "pulumi").symlink_to(machine.root / "gone")
    cli(machine.kept, "v3.250.0")
    assert machine.run().returncode == 0
    assert machine.used() == "v3.250.0"


def test_builds_with_go(machine: Machine) -> None:
    go(machine.path)
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert "https://get.pulumi.com/install.sh cannot be reached" in done.stdout
    assert "building v3.250.0 with Go: about 4 minutes" in done.stdout
    assert done.stdout.endswith(f"setup: Pulumi CLI {machine.kept}: v3.250.0, just built by Go, none on PATH\n")
    assert machine.used() == "v3.250.0"
    assert [entry.name for entry in (machine.cache / "cse-component").iterdir()] == ["pulumi-v3.250.0"]
    # No silent download of a toolchain, no module cache in the home directory.
    assert (machine.cache / "go-was-here").read_text().split() == [
        "local",
        str(machine.cache / "cse-component" / "go-mod"),
    ]
    assert "kept by an earlier run" in machine.run().stdout


def test_replaces_a_broken_cli_in_the_cache(machine: Machine) -> None:
    go(machine.path)
    executable(machine.kept, "#!/bin/sh\nexit 1\n")
    assert "just built by Go" in machine.run().stdout
    assert machine.used() == "v3.250.0"


def test_two_runs_at_once(machine: Machine) -> None:
    """A run that finishes during this one's build has put its CLI in place already; this one must not mind."""
    go(machine.path, build=f"/bin/mkdir -p {machine.kept.parent}; echo > {machine.kept}")
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert machine.used() == "v3.250.0"


def test_no_network_and_no_go(machine: Machine) -> None:
    said = machine.refused()
    assert "https://get.pulumi.com/install.sh cannot be reached (" in said
    assert "building it takes Go 1.25.11, but there is none on PATH" in said
    assert "install the Pulumi CLI (https://www.pulumi.com/docs/install/) or Go (https://go.dev/dl/)" in said


@pytest.mark.parametrize("version", ["go1.20", "go1.25.10"])
def test_go_too_old(machine: Machine, version: str) -> None:
    command = go(machine.path, version)
    assert f"{command} says go version {version} linux/amd64: install" in machine.refused()


def test_go_fails(machine: Machine) -> None:
    go(machine.path, build="echo 'example.org/a@v1.0.0: connection refused'; exit 1")
    said = machine.refused()
    assert "Go could not build it (example.org/a@v1.0.0: connection refused): look to the network" in said


def test_go_builds_what_does_not_run(machine: Machine) -> None:
    go(machine.path, build="exit 0")
    assert "Go could not build it (the result does not run)" in machine.refused()


def test_cache_that_cannot_be_written(machine: Machine) -> None:
    file = machine.cache / "file"
    file.touch()
    done = machine.run(XDG_CACHE_HOME=str(file))
    assert done.returncode == 1
    assert done.stderr.startswith("setup: the Pulumi CLI could not be put in place (")
    assert done.stderr.count("\n") == 1
