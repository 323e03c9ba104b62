# servetui: set up, run, test. `make help` lists the targets.
#
#   PYTHON=python3.13   the interpreter that .venv is made with (default python3; 3.11 or later)
#   JOBS=8              tests that run side by side: most of them wait
#   RERUNS=2            how often a test that failed is run again, and named: a crowded machine fails some
#   ARGS="..."          words passed on to servetui, pytest, the benchmarks, the fuzzer or the screenshots

PYTHON ?= python3
VENV   := .venv
ARGS   ?=
JOBS   ?= 8
RERUNS ?= 2

BIN   := $(VENV)/bin
MADE  := $(VENV)/.made-with
RUN   := $(VENV)/.installed
DEV   := $(VENV)/.installed-dev
BENCH := $(VENV)/.installed-bench
FUZZ  := $(VENV)/.installed-fuzz
PIP   := $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run test lint check bench fuzz screenshots clean FORCE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: $(RUN) ## start the dashboard; options in ARGS="-m thread -p 8080"
	@$(BIN)/servetui $(ARGS)

test: $(DEV) ## run the tests; pytest's options in ARGS="-k epoll"; all models: ARGS=--all-models
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --reruns $(RERUNS) $(ARGS)

lint: $(DEV) ## check format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test ## everything that must hold before a change goes in

bench: $(BENCH) ## measure the models beside other servers
	@$(BIN)/python -m tests.bench.throughput $(ARGS)

fuzz: $(FUZZ) ## feed the HTTP core with mutated requests; libFuzzer's options in ARGS="-runs=100000"
	@$(BIN)/python -m tests.fuzz.http_core $(ARGS)

screenshots: $(DEV) ## draw screenshots/ anew from recorded runs
	@$(BIN)/python -m tests.make_screenshots $(ARGS)

clean: ## remove what make, the tests and the tools have made
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis snapshot_report.html
	find engine tui tests -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# A .venv that works is kept, unless PYTHON names another interpreter than the one it was made with.
$(MADE): FORCE
	@if [ -x $(BIN)/python ] && [ -f $@ ] && \
	   { [ "$(origin PYTHON)" = file ] || [ "$$(cat $@)" = "$(PYTHON)" ]; }; then exit 0; fi; \
	command -v "$(PYTHON)" >/dev/null || { \
	  echo "servetui: $(PYTHON) was not found; install Python 3.11 or later, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }; \
	"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "servetui needs Python 3.11 or later, but $(PYTHON) is $$("$(PYTHON)" -c 'import platform; print(platform.python_version())'); name a later one: make PYTHON=python3.13" >&2; exit 1; }; \
	"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "servetui: $(PYTHON) cannot make a virtual environment (venv or ensurepip is missing); on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; \
	rm -rf $(VENV) && "$(PYTHON)" -m venv $(VENV) && echo "$(PYTHON)" > $@

# The tests bring what running needs, so that `make run` after `make test` installs nothing.
$(RUN): pyproject.toml $(MADE)
	@if [ ! -f $@ ]; then echo "servetui: installing into $(VENV)" >&2; fi
	@$(PIP) . && touch $@

$(DEV): pyproject.toml $(MADE)
	@if [ ! -f $@ ]; then echo "servetui: installing the development tools into $(VENV)" >&2; fi
	@$(PIP) '.[dev]' && touch $(RUN) $@

$(FUZZ): pyproject.toml $(MADE)
	@if [ ! -f $@ ]; then echo "servetui: installing the fuzzer into $(VENV)" >&2; fi
	@$(PIP) '.[dev,fuzz]' && touch $(RUN) $(DEV) $@

$(BENCH): pyproject.toml $(MADE)
	@if [ ! -f $@ ]; then echo "servetui: installing the servers to compare with into $(VENV)" >&2; fi
	@$(PIP) '.[dev,bench]' && touch $(RUN) $(DEV) $@
