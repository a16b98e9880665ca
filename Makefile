# Everything here needs python3 (3.11 or newer) and make; the rest comes into .venv.
# Another interpreter: make setup PYTHON=python3.12

PYTHON ?= python3
VENV   := .venv
BIN    := $(CURDIR)/$(VENV)/bin
PIP    := $(VENV)/bin/python -m pip --disable-pip-version-check
# Jobs that Snakemake starts must find the same tools as Snakemake itself.
IN_VENV := PATH="$(BIN):$$PATH"
SNAKEMAKE := $(IN_VENV) snakemake --cores all --resources gpu=1
# A process of tests for each core, the longest files first; tests of one file share what they set up.
PARALLEL := --numprocesses auto --no-loadscope-reorder --dist loadfile

# More for Snakemake or pytest: make run ARGS=-n, make test ARGS="-m 'not workflow'"
ARGS ?=
# A shorter selection: make reliability KILLS=8 FUZZ_SECONDS=15
KILLS ?= 100
FUZZ_SECONDS ?= 300
# Newer versions: make lock LOCK_ARGS=--upgrade
LOCK_ARGS ?=
UV ?= .tools/bin/uv
UV_COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(LOCK_ARGS)

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run figures report test browser-test cluster-test reliability lint format \
	picture docs lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/setup.stamp ## Make .venv from the hash-locked requirements

run: setup ## Run the workflow on the default config, to results/index.html
	$(SNAKEMAKE) $(ARGS)

figures: setup ## Rebuild the figures from the stored tables
	$(SNAKEMAKE) figures $(ARGS)

report: setup ## Write results/report.html again
	$(SNAKEMAKE) results/report.html --forcerun build_report $(ARGS)

test: setup-dev ## Run the unit and workflow tests, and those on real scans where these are at hand
	$(IN_VENV) pytest --ignore tests/browser $(PARALLEL) $(ARGS)

browser-test: setup-dev ## Run the report's and the reader's pages in Chromium and Firefox
	$(IN_VENV) pytest tests/browser $(PARALLEL) $(ARGS)

cluster-test: setup-dev ## Start a throw-away SLURM, run the workflow on it, stop it
	$(IN_VENV) pytest -m cluster tests/cluster $(ARGS)

reliability: setup-dev ## Kill, starve, fuzz and misfeed the workflow; one table
	$(IN_VENV) KILLS=$(KILLS) FUZZ_SECONDS=$(FUZZ_SECONDS) pytest tests/reliability --reliability $(PARALLEL) $(ARGS)

lint: setup-dev ## Check style, types and rules; change nothing
	$(IN_VENV) ruff check .
	$(IN_VENV) ruff format --check .
	$(IN_VENV) snakefmt --check Snakefile workflow/rules
	$(IN_VENV) mypy
	$(IN_VENV) snakemake --lint

format: setup-dev ## Rewrite the sources in the project's style
	$(IN_VENV) ruff check --fix .
	$(IN_VENV) ruff format .
	$(IN_VENV) snakefmt Snakefile workflow/rules

picture: setup ## Draw docs/rooms.svg, the library's rooms, from their imports
	$(IN_VENV) python docs/rooms.py

docs: setup-dev ## Build the docs as a website, to build/site/index.html
	$(IN_VENV) python docs/website.py

setup-dev: $(VENV)/setup-dev.stamp

# The stamps are written last, so that an interrupted installation is taken up again.
# --no-build-isolation: setuptools is in the lock, so building asks nothing of the network.
$(VENV)/setup.stamp: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(None if sys.version_info >= (3, 11) else \
	"luna16-nodules needs Python 3.11 or newer, but $(PYTHON) is " + v + ": make setup PYTHON=/path/to/python3.11")'
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make virtual environments;" \
	"install its venv module (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@echo "Installing into $(VENV): several GB to download, 8 GB on disk; some minutes"
	$(PIP) install --quiet --require-hashes --requirement requirements.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/setup-dev.stamp: $(VENV)/setup.stamp requirements-dev.txt
	$(PIP) install --quiet --require-hashes --requirement requirements-dev.txt
	@touch $@

lock: ## Compile the two lock files from pyproject.toml
	@test -x "$(UV)" || { $(PYTHON) -m venv .tools && .tools/bin/pip install --quiet uv; }
	$(UV_COMPILE) --group build --extra workflow pyproject.toml --output-file requirements.txt
	$(UV_COMPILE) --group build --extra workflow --extra test --extra lint --extra docs \
		--constraint requirements.txt pyproject.toml --output-file requirements-dev.txt

clean: ## Remove the environment and all caches, but no results
	rm -rf $(VENV) .tools build .mypy_cache .ruff_cache .pytest_cache .hypothesis workflow/*.egg-info
