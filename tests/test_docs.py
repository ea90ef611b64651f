"""The pages of docs/ are run as they stand; `CSE_DOCS_UPDATE=1 pytest tests/test_docs.py` writes their output anew."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pages import Page

ROOT = Path(__file__).parents[1]
WRITTEN = [page for page in (*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md") if page.exists()]
RUN = [page for page in WRITTEN if re.search(r"^<!-- (run|output)", page.read_text(encoding="utf-8"), re.MULTILINE)]


@pytest.fixture(autouse=True)
def _leftovers() -> Iterator[None]:
    yield
    gc.collect()


# After a program that failed, the SDK's language server leaves a coroutine behind.
@pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("file", RUN, ids=lambda file: file.stem)
def test_a_page_runs_and_says_what_the_engine_says(file: Path, program_directory: Path) -> None:
    page = Page(file)
    page.run()
    if os.environ.get("CSE_DOCS_UPDATE"):
        file.write_text(page.updated(), encoding="utf-8")
    for block in () if os.environ.get("CSE_DOCS_UPDATE") else page.blocks:
        if block.answer is not None:
            assert block.text == block.answer, f"{file.name}: `{block.what}`; CSE_DOCS_UPDATE=1 writes it anew"
