# Everything that a person or CI does here. Start with `make demo`.

# The first Python that runs and is new enough. A name alone is not enough: some are shims that fail.
CANDIDATES := python3.13 python3.14 python3.12 python3
PYTHON := $(shell for name in $(CANDIDATES); do \
	$$name -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1 && echo $$name && break; done)

VENV := .venv
BIN := $(VENV)/bin
DEMO := runs/demo
JAVASCRIPT := scripts/javascript
SITE := src/nextword/display/page/site tests/support docs/javascripts

# `make demo` needs the extra `train`, `make setup` installs `dev`, which contains it. The second tops up the first.
DEMO_NEEDS := $(if $(wildcard $(VENV)/with-dev),$(VENV)/with-dev,$(VENV)/with-train)

# One test process for each core, at most four: a process takes about a gigabyte.
WORKERS := $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$((n > 4 ? 4 : n)))
TESTS := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal tests src benchmarks/harness

.PHONY: help setup demo test test-slow test-all trust check lint types javascript imports limits docs commands format peers constraints dist sample-model base-model screenshots pictures notebooks clean

help:  ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*##/\1:/p' $(MAKEFILE_LIST)

setup: $(VENV)/with-dev  ## Create .venv with everything that work on nextword needs.

demo: $(DEMO_NEEDS)  ## Train on the sample text for some minutes, and show the results.
	@sh scripts/demo.sh $(BIN)/nextword $(DEMO)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "nextword needs Python 3.12 or newer with venv, but none of $(CANDIDATES) is; install one, or: make setup PYTHON=/path/to/python" >&2; exit 1; }
	@echo "using $$($(PYTHON) --version) ($(PYTHON))"
	$(PYTHON) -m venv $(VENV)

# Without bytecode, which would double the time: Python compiles the modules that it imports, when it imports them.
$(VENV)/with-%: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt --editable '.[$*]'
	@touch $@

test: setup  ## Test every feature, in minutes.
	$(TESTS) -m "not slow"
	@echo "The slow tests were left out; make test-slow runs them, make test-all runs all."

test-slow: setup  ## Run the tests that take long, those of the nightly run too.
	$(filter-out src benchmarks/harness,$(TESTS)) -m "$(or $(SLOW),slow)"

test-all: setup  ## Run all tests.
	$(TESTS)

trust: setup  ## Cause every fault that nextword promises to survive, and print the scorecard, in 40 minutes.
	PYTHONPATH=tests $(BIN)/python -m trust $(if $(ROWS),--rows "$(ROWS)")

check: lint types javascript imports limits docs  ## All checks except the tests.

lint: setup  ## Check style, format and words.
	$(BIN)/ruff format --check src tests benchmarks examples scripts
	$(BIN)/ruff check src tests benchmarks examples scripts
	$(BIN)/python scripts/check_words.py

types: setup  ## Check types, those of Windows too.
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 src

javascript: $(JAVASCRIPT)/node_modules/installed  ## Check format, style and types of the page's JavaScript.
	$(JAVASCRIPT)/node_modules/.bin/biome check --error-on-warnings --config-path=$(JAVASCRIPT) $(SITE)
	$(JAVASCRIPT)/node_modules/.bin/tsc --project $(JAVASCRIPT)

$(JAVASCRIPT)/node_modules/installed: $(JAVASCRIPT)/package.json $(JAVASCRIPT)/package-lock.json
	@command -v npm >/dev/null && command -v node >/dev/null || { echo "the checks of the page's JavaScript need Node 20 or newer with npm, but there is none; install Node" >&2; exit 1; }
	npm ci --silent --prefix $(JAVASCRIPT)
	@touch $@

imports: setup  ## Check which part imports which.
	$(BIN)/lint-imports

limits: setup  ## Print how large the project is; fail if a number is above its limit.
	$(BIN)/python scripts/limits.py

commands: setup  ## Write the pages of the commands again, with the outputs of their examples.
	$(BIN)/python scripts/command_pages.py
	$(BIN)/python scripts/outputs.py docs/commands/*.md

# Not with --quiet: it also silences the warnings, and then --strict finds none.
docs: setup  ## Build the documentation into site/; fail if a link or an anchor leads nowhere.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: setup $(JAVASCRIPT)/node_modules/installed  ## Format the code.
	$(JAVASCRIPT)/node_modules/.bin/biome check --write --config-path=$(JAVASCRIPT) $(SITE)
	$(BIN)/ruff format src tests benchmarks examples scripts
	$(BIN)/ruff check --fix src tests benchmarks examples scripts

peers:  ## Create the environments with PyTorch for the benchmarks.
	sh benchmarks/environments.sh

constraints: setup  ## Pin the installed versions in constraints.txt.
	@sh scripts/constraints.sh $(BIN)/python > constraints.new && mv constraints.new constraints.txt

sample-model: setup  ## Train the sample model again and put it into the package, in about 100 minutes.
	$(BIN)/python scripts/sample_model.py

base-model: setup  ## Train a base of general English from free texts that it fetches; takes an hour or more.
	$(BIN)/python scripts/base_model.py

pictures: setup  ## Draw the pictures of the documentation again.
	PYTHONPATH=benchmarks:scripts $(BIN)/python -m pictures
	PYTHONPATH=benchmarks $(BIN)/python scripts/readme_animation.py

screenshots: setup  ## Take the screenshots of the page again, in headless Chromium.
	PYTHONPATH=tests $(BIN)/python scripts/page_screenshots.py

notebooks: setup  ## Write the notebooks of the course again, from its chapters.
	$(BIN)/python scripts/notebooks.py

# The wheel is built from the sdist. Both are the same bytes for the same commit.
dist: setup  ## Build sdist and wheel into dist/.
	rm -rf dist
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} $(BIN)/python -m build --no-isolation

clean:  ## Remove all build results except .venv and runs/.
	rm -rf site dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
