# Every target sets up what it needs; `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Each process of the tests holds more than a gigabyte.
SPREAD := --numprocesses auto --maxprocesses 4 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run demo builtin benchmark samples screenshot test test-all check format clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.created:
	@PYTHON=$(PYTHON) packaging/system_libraries.sh python
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it with: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: pyproject.toml $(VENV)/.created
	@echo "Installing into $(VENV); the first time takes minutes and some gigabytes."
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.created
	@echo "Installing into $(VENV); the first time takes minutes and some gigabytes."
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.runtime

setup: $(VENV)/.runtime  ## make .venv with what the application needs

setup-dev: $(VENV)/.dev  ## ... and what developing it needs

run: setup  ## open the window; CLIP=path opens a clip
	@packaging/system_libraries.sh window
	$(BIN)/synchformer-gui $(CLIP)

demo: setup  ## detect on the sample clip, draw the posterior, write the corrected file
	@mkdir -p demo
	@# Exit code 1 says "out of sync", which is what this clip is.
	$(BIN)/synchformer-gui detect resources/sample.mp4 --no-cache --plot demo/posterior.png || test $$? -eq 1
	$(BIN)/synchformer-gui correct resources/sample.mp4 --detect --no-cache --overwrite -o demo/sample.synced.mp4
	$(BIN)/synchformer-gui detect demo/sample.synced.mp4 --no-cache
	@echo "See demo/posterior.png and demo/sample.synced.mp4"

builtin: setup-dev  ## train the built-in model into runs/builtin, going on where it was stopped
	@packaging/system_libraries.sh training
	$(BIN)/python -m training builtin runs/builtin

benchmark: setup-dev  ## measure the built-in model, tables in runs/benchmark.md
	@packaging/system_libraries.sh training
	@mkdir -p runs
	$(BIN)/python -m training benchmark --cache runs/benchmark --markdown runs/benchmark.md

samples: setup-dev  ## write generated clips and a contact sheet into runs/samples
	@packaging/system_libraries.sh training
	$(BIN)/python -m training samples runs/samples

screenshot: setup  ## take the screenshots of README and user guide
	@packaging/system_libraries.sh window
	$(BIN)/python packaging/screenshot.py

test: setup-dev  ## run the tests
	@packaging/system_libraries.sh tests
	$(BIN)/python -m pytest $(SPREAD)

test-all: setup-dev  ## ... and the slow ones
	@packaging/system_libraries.sh tests
	$(BIN)/python -m pytest $(SPREAD) -m "not gpu and not weights"

check: setup-dev  ## format, lint, types, import directions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pyright

format: setup-dev  ## bring the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove what the other targets made, but for runs/
	rm -rf $(VENV) demo build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
