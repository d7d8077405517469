# make repro   sets up, runs the whole pipeline, prints its table
# make test    lint, types and tests
# make bench   speed and memory, as ratios
# make lint    ruff and mypy alone
# Another build of torch: make repro TORCH_INDEX=https://download.pytorch.org/whl/cu128

SHELL := /bin/bash
PYTHON ?= python3
TORCH_INDEX ?=
STAMP := .venv/.installed

export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: repro test bench lint

repro: $(STAMP)
	@trajprobe check
	dvc repro
	@cat data/report/table.md

test: lint
	python -m pytest

lint: $(STAMP)
	ruff check .
	ruff format --check .
	mypy

bench: $(STAMP)
	@for benchmark in benchmarks/bench_*.py; do OPENBLAS_NUM_THREADS=1 python $$benchmark || exit 1; done

# torch first, by itself: a plain CPU build where the index has one, another where TORCH_INDEX says so.
$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $$(grep '^torch==' requirements.lock)
	.venv/bin/python -m pip install --quiet --requirement requirements.lock
	.venv/bin/python -m pip install --quiet --no-deps --editable .
	@touch $@
