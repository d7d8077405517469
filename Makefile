# make repro   sets up, runs the whole pipeline, prints its table and the name of its page
# make push    sends features and results to the remote; REMOTE=URL sets it (docs/caching-and-remotes.md)
# make pull    fetches them on another machine, and reruns what changed; REMOTE=URL as well
# make test    lint, types and tests
# make calibrate   how often the verdicts are wrong, on simulated data; writes docs/calibration.md, some two hours on 2 cores
# make torture   kills, full disks, damage and more, at random; writes benchmarks/results/torture.md, 20 minutes on 2 cores
#                (KILLS=500 CASES=5000: some hours)
# make bench   speed and memory beside their peers and limits; writes benchmarks/results/cpu.md; SUBJECTS, an hour
# make lint    ruff and mypy alone
# make sbom    what is installed, with versions and licences, as CycloneDX: build/sbom.json
# make audit   known faults of these packages; asks pypi.org
# Another build of torch: make repro TORCH_INDEX=https://download.pytorch.org/whl/cu128

SHELL := /bin/bash
PYTHON ?= python3
TORCH_INDEX ?=
REMOTE ?=
KILLS ?= 20
CASES ?= 60
SUBJECTS ?=
STAMP := .venv/.installed

export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: repro push pull test torture calibrate bench lint sbom audit

repro: $(STAMP)
	@trajprobe doctor
	@trajprobe check
	@dvc repro
	@cat data/report/table.md
	@echo "data/report/report.html shows all of it: open it in a browser"

# $(PWD) is where the user stands, with `make -C` too.
SET_REMOTE = @$(if $(REMOTE),trajprobe remote add '$(REMOTE)' --from '$(PWD)')

push: $(STAMP)
	$(SET_REMOTE)
	@trajprobe push

pull: $(STAMP)
	$(SET_REMOTE)
	@trajprobe pull
	@cat data/report/table.md
	@echo "data/report/report.html shows all of it: open it in a browser"

# Four files of tests at a time, or one more than there are processors, since some tests wait. A process of pytest that
# dies ends the run: xdist would start another one and then wait forever for tests that it has lost.
test: lint .venv/.ray
	python -m pytest -n $$(($$(nproc) < 3 ? $$(nproc) + 1 : 4)) --dist loadfile --no-loadscope-reorder --max-worker-restart 0

lint: $(STAMP)
	ruff check .
	ruff format --check .
	mypy

torture: .venv/.ray
	KILLS=$(KILLS) TRAJPROBE_CASES=$(CASES) python -m pytest -n $$(($$(nproc) < 3 ? $$(nproc) + 1 : 4)) --timeout 0 \
		-o faulthandler_timeout=0 --max-worker-restart 0 --torture=benchmarks/results/torture.md
	@cat benchmarks/results/torture.md

bench: $(STAMP)
	python benchmarks/bench.py $(SUBJECTS)

calibrate: $(STAMP)
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/calibrate.py

# torch first, by itself: a plain CPU build where the index has one, another where TORCH_INDEX says so.
$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $$(grep '^torch==' requirements.lock)
	.venv/bin/python -m pip install --quiet --requirement requirements.lock
	.venv/bin/python -m pip install --quiet --no-deps --editable .
	@touch $@

# An extra, so it is no part of `make repro`; its tests are of `make test`.
.venv/.ray: requirements-ray.lock $(STAMP)
	.venv/bin/python -m pip install --quiet --requirement requirements-ray.lock
	@touch $@

# Programs of their own, so they have an environment of their own.
TOOLS := build/tools/.installed
$(TOOLS):
	$(PYTHON) -m venv build/tools
	build/tools/bin/python -m pip install --quiet cyclonedx-bom==7.5.0 pip-audit==2.10.1
	@touch $@

sbom: $(STAMP) $(TOOLS)
	build/tools/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file build/sbom.json \
		.venv/bin/python

# --strict, since a package that the index says nothing of would count as one without faults.
audit: $(TOOLS)
	@build/tools/bin/pip-audit --strict --no-deps --disable-pip --progress-spinner off --requirement requirements.lock \
		--requirement requirements-ray.lock \
		|| { echo "audit: a known fault, or pypi.org could not be asked: see above" >&2; exit 1; }
