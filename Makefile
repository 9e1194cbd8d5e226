# Everything a person or CI does here. `make demo` is the place to begin.

# The first Python that runs and is new enough; a name alone is not enough, since some are shims that refuse.
CANDIDATES := python3.13 python3.14 python3.12 python3
PYTHON := $(shell for name in $(CANDIDATES); do \
	$$name -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1 && echo $$name && break; done)

VENV := .venv
BIN := $(VENV)/bin
DEMO := runs/demo

.PHONY: help setup demo test check lint types imports docs format peers constraints sample-model clean

help:  ## What there is to make.
	@sed -n 's/^\([a-z-]*\):.*##/\1:/p' $(MAKEFILE_LIST)

setup: $(VENV)/installed  ## The environment .venv, with .venv/bin/nextword.

$(VENV)/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "nextword needs Python 3.12 or newer with venv; none of $(CANDIDATES) is. Install one, or: make setup PYTHON=/path/to/python" >&2; exit 1; }
	@echo "using $$($(PYTHON) --version) ($(PYTHON))"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: setup  ## Train on the sample text for about three minutes, and see what was learned.
	@sh scripts/demo.sh $(BIN)/nextword $(DEMO)

test: setup  ## All tests.
	$(BIN)/python -m pytest tests src benchmarks/harness

check: lint types imports docs  ## Everything CI checks besides the tests.

lint: setup  ## Style and format.
	$(BIN)/ruff format --check src tests benchmarks examples scripts
	$(BIN)/ruff check src tests benchmarks examples scripts

types: setup  ## Strict types.
	$(BIN)/mypy

imports: setup  ## Which part may import which.
	$(BIN)/lint-imports

docs: setup  ## The documentation, into site/.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: setup  ## Put the code in shape.
	$(BIN)/ruff format src tests benchmarks examples scripts
	$(BIN)/ruff check --fix src tests benchmarks examples scripts

peers:  ## PyTorch, in an environment of its own, for the benchmarks.
	sh benchmarks/environments.sh

constraints: setup  ## Pin what is installed now.
	@sh scripts/constraints.sh $(BIN)/python > constraints.new && mv constraints.new constraints.txt

sample-model: setup  ## Train the sample model again and put it into the package, in about 15 minutes.
	$(BIN)/python scripts/sample_model.py

clean:  ## Remove what was made, the environment and the runs aside.
	rm -rf site dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
