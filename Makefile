# `make help` lists the targets. Needed on the machine: Python 3.11 or newer, git, make.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
# Another Python beside the first one wants a directory of its own: make VENV=.venv-3.13 PYTHON=python3.13 check
VENV ?= .venv
BIN := $(abspath $(VENV))/bin
BUNDLE := jobs_jupyter/notebook/static/panel.js
JS_SOURCES := $(shell find js -path js/node_modules -prune -o -type f -print)
# Tests and benchmarks start hundreds of interpreters, which should not compile each time.
unexport PYTHONDONTWRITEBYTECODE
# Node comes from a Python package in $(VENV).
NODE := PATH="$(BIN):$$PATH"
# Runs a command with a state directory of its own, and leaves no job or service behind.
SANDBOX := $(BIN)/python scripts/sandbox.py
PYTEST := $(BIN)/python -m pytest
# Most of a service test is the start of a service: they take turns on all processors.
WORKERS ?= 4

.PHONY: help setup browser programs demo lab test check test-service test-notebook test-browser test-js soak bench build record lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- set-up -----------------------------------------------------------------------------------

setup: $(VENV)/package ## everything but the browser and the programs: .venv, the panel's bundle, the package itself

browser: ## Chromium for the browser tests
	@scripts/setup-browser.sh

programs: ## what the service's tests use: Podman, a registry, bindfs
	@scripts/setup-programs.sh

$(VENV)/dependencies: requirements-dev.txt scripts/setup-venv.sh
	@echo "Setting up $(VENV)"
	@scripts/setup-venv.sh "$(PYTHON)" "$(VENV)"

# Made once for all virtual environments: any of them has the Node for it.
js/node_modules/.package-lock.json: js/package-lock.json | $(VENV)/dependencies
	@echo "Installing the JavaScript tools"
	@cd js && $(NODE) npm ci --ignore-scripts --silent
	@touch $@

$(BUNDLE): $(JS_SOURCES) js/node_modules/.package-lock.json
	@echo "Building the panel's bundle"
	@cd js && $(NODE) npm run --silent build
	@touch $@

$(VENV)/package: $(VENV)/dependencies pyproject.toml hatch_build.py $(BUNDLE)
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# --- use --------------------------------------------------------------------------------------

demo: setup ## run the quickstart notebook from beginning to end
	@mkdir -p build
	@$(SANDBOX) $(BIN)/python notebooks/run.py notebooks/quickstart.ipynb build/quickstart.ipynb

lab: setup ## open JupyterLab on the notebooks
	@scripts/lab.sh $(BIN)

# --- checks -----------------------------------------------------------------------------------

test: ## everything: check, test-service, test-notebook, test-browser, test-js
	@$(MAKE) check
	@$(MAKE) test-service
	@$(MAKE) test-notebook
	@$(MAKE) test-js
	@$(MAKE) test-browser
	@echo "All tests have passed."

check: setup ## lint, types, import contracts, unit tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(PYTEST) -m "not service and not notebook and not browser" --numprocesses 2

test-service: setup programs ## tests against a real service
	$(PYTEST) -m service --numprocesses $(WORKERS)

test-notebook: setup programs ## tests in a kernel, and the notebooks by nbval
	$(PYTEST) -m notebook --numprocesses 2
	$(SANDBOX) $(PYTEST) --nbval --nbval-sanitize-with notebooks/sanitize.cfg notebooks

test-browser: setup browser ## tests in a real browser
	$(PYTEST) -m browser

test-js: setup ## type check and tests of the panel's sources
	cd js && $(NODE) npm run --silent check && $(NODE) npm test --silent

soak: setup ## kill the service at work for an hour, or SOAK_S seconds
	@$(BIN)/python -m tests.service.crashes.soak

bench: setup browser programs ## print the figures of benchmarks/
	@for file in benchmarks/bench_*.py; do $(SANDBOX) $(BIN)/python $$file; done

# --- release ----------------------------------------------------------------------------------

build: setup ## sdist and wheel, the bundle inside, in dist/
	@rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist

record: demo ## renew the outputs that notebooks/ keeps
	@$(BIN)/python scripts/record_outputs.py notebooks/quickstart.ipynb build/quickstart.ipynb

lock: ## renew requirements-dev.txt from requirements-dev.in and pyproject.toml
	@UV_SYSTEM_CERTS=1 $(BIN)/uv --quiet pip compile --upgrade --universal --python-version 3.11 \
		--extra examples --extra https --extra keyring --extra s3 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
		--output-file requirements-dev.txt pyproject.toml requirements-dev.in
	@! grep -nE '://|--(index-url|find-links)' requirements-dev.txt

clean: ## remove everything that was built or set up
	@rm -rf .venv .venv-* build dist js/node_modules jobs_jupyter/notebook/static test-artifacts \
		.pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
