# Every target sets up what it needs in $(VENV) first; the second time that takes no time.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CODE := $(wildcard amc envs agents scripts tests benchmarks)
CORES := $(or $(shell nproc 2>/dev/null),2)
# Where this is set, each of the processes that tests start compiles all modules anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: train test test-backward check format-check lint types format hooks

train: $(VENV)/runs
	$(BIN)/python -m scripts.train --budget params=0.055

# One process a core: more of them take each other's time.
test: $(VENV)/checks
	$(BIN)/python -m pytest -n $(CORES) --dist worksteal --durations 10

# As on a processor without AVX-512, under an allocator (of glibc) that aborts where memory was written past its end.
test-backward: $(VENV)/checks
	ONEDNN_MAX_CPU_ISA=AVX2 GLIBC_TUNABLES=glibc.malloc.check=3 LD_PRELOAD=libc_malloc_debug.so.0 \
		$(BIN)/python -m pytest -n 2 -m backward

check: format-check lint types test

format-check: $(VENV)/checks
	$(BIN)/ruff format --check $(CODE)

lint: $(VENV)/checks
	$(BIN)/ruff check $(CODE)

types: $(VENV)/checks
	$(BIN)/mypy

format: $(VENV)/checks
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

hooks: $(VENV)/checks
	$(BIN)/pre-commit install

# Stamps: what runs the tool, and what checks it.
$(VENV)/runs: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -r requirements.txt
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@

$(VENV)/checks: requirements-dev.txt $(VENV)/runs
	$(BIN)/pip install --quiet -r requirements-dev.txt
	touch $@
