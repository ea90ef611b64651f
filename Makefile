# Everything runs in .venv, made on first use. PYTHON names the interpreter it is made with.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup
CHECKED := $(wildcard benchmarks cse_component examples plugin tests tools)

# With .venv/bin first on PATH, where the Automation API finds the CLI.
RUN := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python

.PHONY: help setup demo test lint bench clean

help:
	@echo "make setup   a virtual environment with all dependencies, and a Pulumi CLI"
	@echo "make demo    the quickstart on the real Pulumi engine, without Azure"
	@echo "make test    lint, then all tests"
	@echo "make lint    ruff and mypy"
	@echo "make bench   the benchmarks"
	@echo "make clean   remove the virtual environment and caches of this directory"

# The CLI is looked up each time: PATH and the user's cache change without the stamp knowing.
setup: $(STAMP)
	@$(BIN)/python -m tools.pulumi.install $(BIN)

$(STAMP): pyproject.toml tools/packages.py $(BIN)/python
	@$(BIN)/python -m tools.packages
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
	  echo "setup: '$(PYTHON)' is not Python 3.10 or newer: install one, or name one with PYTHON=/path/to/python3." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "setup: '$(PYTHON)' has no venv module: install it (Debian, Ubuntu: apt install python3-venv), or name another Python with PYTHON=/path/to/python3." >&2; exit 1; }
	@echo "setup: virtual environment in $(VENV), $$($(PYTHON) -V)"
	@$(PYTHON) -m venv --clear $(VENV)

demo: setup
	@$(RUN) examples/quickstart/demo.py

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy $(CHECKED)

test: lint
	@$(RUN) -m pytest -n auto --dist loadgroup

bench: setup
	@$(RUN) benchmarks/bench.py

clean:
	@rm -rf $(VENV) .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
