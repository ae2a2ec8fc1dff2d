# Everything from a clone: `make demo` to see it, `make test` to prove it. Needs Python 3.11 or newer and make;
# on Debian as root the rest is installed with apt-get, elsewhere it says what is missing.

PYTHON ?= python3
# uv is used where it is installed; `make UV= …` keeps to venv and pip.
UV ?= $(shell command -v uv 2>/dev/null)
APT := $(shell test "$$(id -u)" = 0 && command -v apt-get 2>/dev/null)

VENV := .venv
BIN := $(VENV)/bin
JAVASCRIPT := tests/javascript/node_modules

apt_install = apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(1)
pip_install = $(if $(UV),$(UV) pip install --quiet --python $(BIN)/python,$(BIN)/python -m pip install --quiet) -e $(1)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test check faults bench clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/all ## the sample applications, the server and JupyterLab on the first notebook
	$(BIN)/appsentry demo

test: $(VENV)/dev $(VENV)/chromium $(JAVASCRIPT)/installed ## the whole test suite
	$(BIN)/python -m pytest

check: $(VENV)/dev ## style, types, directions of imports, and the documentation against the code
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -m documentation

faults: $(VENV)/dev ## kills, cuts and full disks
	APPSENTRY_FAULTS=long $(BIN)/python -m pytest tests/faults tests/ground_truth

bench: $(VENV)/dev $(VENV)/chromium ## checks a CPU-second, event latency, and what the dashboard costs a browser
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.dashboard
	$(BIN)/python -m benchmarks.history --quick

clean: ## remove what was installed and built here
	rm -rf $(VENV) $(JAVASCRIPT) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# The environment, in steps that are stamped: `python` made, `all` to run, `dev` to run and test.

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "AppSentry needs Python 3.11 or newer: make PYTHON=…")'
ifeq ($(UV),)
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(if $(APT),{ $(call apt_install,python3-venv); }, \
		{ echo 'Python has no venv here: install it (Debian: python3-venv), or uv, and make again.' >&2; exit 1; })
	$(PYTHON) -m venv $(VENV)
else
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
endif
	@touch $@

$(VENV)/all: pyproject.toml | $(VENV)/python
	$(call pip_install,'.[all]')
	@touch $@

$(VENV)/dev: pyproject.toml | $(VENV)/python
	$(call pip_install,'.[dev]')
	@touch $@ $(VENV)/all

# What the tests drive from outside. Where it cannot be had, the tests that need it say so and are listed at the end.

$(VENV)/chromium: | $(VENV)/dev
	command -v chromium >/dev/null || $(if $(APT),{ $(call apt_install,chromium); },$(BIN)/playwright install chromium) \
		|| echo 'No Chromium: the tests in a browser will be listed as not run.' >&2
	@touch $@

$(JAVASCRIPT)/installed: tests/javascript/package.json tests/javascript/package-lock.json
	command -v npm >/dev/null $(if $(APT),|| { $(call apt_install,nodejs npm); }) \
		|| echo 'No npm: the tests with the JavaScript client will be listed as not run.' >&2
	! command -v npm >/dev/null || npm ci --prefix tests/javascript --no-audit --no-fund
	@mkdir -p $(@D) && touch $@
