"""The pages of docs/ are run as they stand; `CSE_DOCS_UPDATE=1 pytest tests/test_docs.py` writes their output anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from cse_component.extension.handlers import OsType
from cse_component.extension.urls import parse
from tests.pages import Page
from tools.arguments import PAGES

ROOT = Path(__file__).parents[1]
WRITTEN = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")])
RUN = [page for page in WRITTEN if re.search(r"^<!-- (run|output)", page.read_text(encoding="utf-8"), re.MULTILINE)]


@pytest.mark.parametrize("file", RUN, ids=lambda file: file.stem)
def test_a_page_runs_and_says_what_the_engine_says(file: Path, program_directory: Path) -> None:
    page = Page(file)
    page.run()
    if os.environ.get("CSE_DOCS_UPDATE"):
        file.write_text(page.updated(), encoding="utf-8")
        return
    for block in page.blocks:
        if block.answer is not None:
            assert block.text == block.answer, f"{file.name}: `{block.what}`; CSE_DOCS_UPDATE=1 writes it anew"


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.stem)
def test_a_reference_page_is_what_the_code_says(file: Path) -> None:
    assert file.read_text(encoding="utf-8") == PAGES[file](), "`python -m tools.arguments` writes it anew"


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: file.stem)
def test_links_between_pages_lead_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]*)\)", file.read_text(encoding="utf-8")):
        path, _, anchor = target.partition("#")
        other = file.parent / path if path else file
        assert other.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", other.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads], target


def test_files_land_where_the_page_says() -> None:
    page = (ROOT / "docs" / "private-files.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(https:.*)` \| `(.*)` \| `(.*)` \|$", page, re.MULTILINE)
    assert len(rows) == 5
    for text, windows, linux in rows:
        url = parse(text)
        assert url is not None
        assert (url.local_path(OsType.WINDOWS), url.local_path(OsType.LINUX)) == (windows, linux)
