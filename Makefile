# `make quickstart` and `make test` are all a newcomer needs. Every target makes the virtual
# environment by itself and is quick the second time.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: quickstart test test-slow check lint format types contracts bench bench-guard clean

quickstart: $(READY)
	$(BIN)/mixscope data prepare digits
	$(BIN)/mixscope study run quickstart --slots 2
	$(BIN)/mixscope report runs/quickstart

test: $(READY)
	$(BIN)/pytest

test-slow: $(READY)
	$(BIN)/pytest -m "slow and not gpu"

check: lint types contracts test

lint: $(READY)
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks

format: $(READY)
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/mixscope bench loader
	$(BIN)/python benchmarks/loader_limits.py
	$(BIN)/python benchmarks/peers.py
	$(BIN)/python benchmarks/mixing.py
	$(BIN)/python benchmarks/layout.py

# Outside the test suite: it takes valgrind, or a quiet machine.
bench-guard: $(READY)
	$(BIN)/python benchmarks/guard.py

# Installed again only when what is to be installed has changed.
$(READY): requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -r requirements.txt
	touch $(READY)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build src/*.egg-info
