# `make quickstart` and `make test` are all a newcomer needs. Every target makes the virtual
# environment by itself and is quick the second time.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN    := $(VENV)/$(SCRIPTS)
READY  := $(VENV)/.ready
# What is installed: "pinned" (requirements.txt) or "ranges" (the newest versions that pyproject.toml allows;
# what checks the code stays pinned).
VERSIONS ?= pinned
EXTRAS := test,tensorboard,slurm,explain,figures
CHECKERS = $(shell grep -E '^(ruff|mypy|import-linter|types-PyYAML|wcwidth)==' requirements.txt)
INSTALL = $(if $(filter ranges,$(VERSIONS)),-e '.[$(EXTRAS)]' $(CHECKERS),-r requirements.txt)
# Documentation and packages are built in an environment of their own, which needs no PyTorch.
DOCS   := $(VENV)-docs
CODE   := src tests benchmarks $(wildcard docs/*.py examples/*.py results/*.py)

.PHONY: quickstart test test-slow check lint format types contracts coverage examples notebooks docs package \
        installs bench bench-guard clean

quickstart: $(READY)
	$(BIN)/mixscope data prepare digits
	$(BIN)/mixscope study run quickstart --slots 2
	$(BIN)/mixscope report runs/quickstart

test: $(READY)
	$(BIN)/pytest

test-slow: $(READY)
	$(BIN)/pytest -m "slow and not gpu"

check: lint types contracts test
	@cat tests/coverage.txt

# What share of the statements of each package the tests run, written to tests/coverage.txt, which `make check`
# prints; takes 1.7 times as long as the tests. Kernels are compiled and not counted.
coverage: $(READY)
	$(BIN)/pytest --cov=mixscope --cov-report=
	$(BIN)/python tests/coverage_table.py | tee tests/coverage.txt

# The scripts and notebooks of examples/, each executed.
examples: $(READY)
	$(BIN)/pytest -m examples

# Makes the notebooks anew from the scripts.
notebooks: $(READY)
	$(BIN)/python examples/build.py

docs: $(DOCS)/.ready
	NO_MKDOCS_2_WARNING=1 $(DOCS)/$(SCRIPTS)/mkdocs build --strict --quiet
	@echo "open site/index.html; its search needs a server: python -m http.server --directory site"

# The source distribution and the wheel, built and checked.
package: $(DOCS)/.ready
	rm -rf dist
	$(DOCS)/$(SCRIPTS)/python -m build --outdir dist .
	$(DOCS)/$(SCRIPTS)/twine check --strict dist/*

# The ways to install, each in a fresh environment that has torch linked in.
installs: $(READY)
	$(BIN)/pytest -m slow tests/test_install.py

lint: $(READY)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)

format: $(READY)
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

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
	$(BIN)/python -m pip install -q $(INSTALL)
	touch $(READY)

$(DOCS)/.ready: docs/requirements.txt
	test -x $(DOCS)/$(SCRIPTS)/python || $(PYTHON) -m venv $(DOCS)
	$(DOCS)/$(SCRIPTS)/python -m pip install -q -r docs/requirements.txt
	touch $(DOCS)/.ready

clean:
	rm -rf $(VENV) $(DOCS) site dist .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis build src/*.egg-info
