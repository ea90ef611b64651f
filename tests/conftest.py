"""Fixtures of the tests on the real engine."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cse_component.testing import LocalAzure
from tests.engine import Engine

# `make setup` links the CLI beside the interpreter: then pytest also works without `make`.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def pytest_runtest_logfinish(nodeid: str) -> None:
    """After a program that failed, Pulumi's inline language host leaves a coroutine and an event loop to the garbage
    collector, which complain when they are collected: here, and not in the middle of another test or of pytest itself.
    """
    if "/extension/" not in nodeid:
        gc.collect()


@pytest.fixture
def azure() -> Iterator[LocalAzure]:
    with LocalAzure() as azure:
        yield azure


@pytest.fixture
def engine(azure: LocalAzure) -> Engine:
    return Engine(azure)


@pytest.fixture
def program_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory that relative paths of scripts start from."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
