# Two commands matter: `make reproduce` and `make test`. Both install what they need by themselves.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# the first Python 3.11 on the PATH that can make a virtual environment
PYTHON  ?= $(shell for p in python3.11 python3 python /usr/bin/python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$p && break; done)
# relative, as every path here: make and the shell would take a folder's name with a space in it for two
BIN     := .venv/bin
# LIGHT=1: without torch and what reads clips, which recomputing does without; a whole environment serves as well
LIGHT   ?= $(filter recompute,$(MAKECMDGOALS))
WHOLE   := .venv/.installed
STAMP   := $(if $(and $(LIGHT),$(if $(wildcard $(WHOLE)),,1)),.venv/.light,$(WHOLE))
PROFILE ?=
COVER   ?=
FULL    ?=
JOBS    ?= 0
# of 17,000 files pip compiles none: most are never imported, and what every command does import is compiled at the end
PIP     := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
# per cent of thb/ that the tests have to visit
FLOOR   := 95

# one thread a process (two processes of one thread beat one of two), and huge pages for torch's allocator
export OMP_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1
export THP_MEM_ALLOC_ENABLE ?= 1
export DVC_NO_ANALYTICS := 1
# the project's own environment, whatever else is active; and what Python has compiled is kept, or every process would
# compile its imports anew
export PATH := $(CURDIR)/$(BIN):$(PATH)
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONDONTWRITEBYTECODE

.PHONY: help install reproduce recompute rehearse test check hooks book open lock clean

help:  ## what can be made
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

install: $(STAMP)  ## the environment in .venv, exactly as requirements.lock says  (LIGHT=1: without torch, 500 MB)

.venv/.installed .venv/.light: requirements.lock pyproject.toml tools/validators.txt
	@echo "installing into .venv (about $(if $(LIGHT),500 MB,2 GB); a minute or two)"
	@test -n "$(PYTHON)" || { echo "thb needs Python 3.11 with venv, and found none; set PYTHON=/path/to/python3.11" >&2; exit 2; }
	"$(PYTHON)" -m venv --clear .venv
	$(if $(filter %.light,$@),$(PIP) -c requirements.lock -e .,$(PIP) -r requirements.lock)
	$(if $(filter %.light,$@),,$(PIP) --no-deps -e . -r tools/validators.txt)
	@$(BIN)/python -c "import thb.cli.preload"
	@touch $@

reproduce: install  ## everything, from nothing to the book  (PROFILE=smoke for a quick one)
	@$(if $(PROFILE),thb profile "$(PROFILE)")
	@thb reproduce --jobs "$(JOBS)"

recompute: install  ## every number, table, claim and the book from the committed score files: minutes, no torch, no clip
	@thb verify --recompute

rehearse: install  ## the road of the published data, fetch to book, on a small release made here  (WITHOUT_REALS=1; RENDERED=a clone's data/raw; FULL=1: at full size, on a GPU)
	@python tests/published_made.py $(if $(WITHOUT_REALS),--without-reals) $(if $(RENDERED),--rendered "$(RENDERED)") $(if $(FULL),--full)

test: install  ## the test suite  (COVER=1: counting the lines of thb/ that it visits, which takes half as long again)
	@rm -f .coverage .coverage.*
	@python -m pytest -n auto --durations 30 --durations-min 10 $(if $(COVER),--cov --cov-report=)

check: install  ## format, lint, types, params.yaml and dvc.yaml; then the share of thb/ that tests visit (run first, if need be)
	@ruff format --check .
	@ruff check .
	@basedpyright
	@thb profile
	@dvc stage list --name-only | wc -l | xargs printf '%s stages\n'
	@test -s .coverage || $(MAKE) --no-print-directory test COVER=1
	@coverage report --format=total --fail-under=$(FLOOR) | xargs -I{} echo "coverage: {} % of thb/ (at least $(FLOOR))"

book: install  ## the book alone, from the results at hand
	@dvc repro --quiet book
	@echo "$$PWD/book/_build/html/index.html"

open: book  ## the book in a browser
	@python -c 'import pathlib, webbrowser; webbrowser.open_new_tab(pathlib.Path("book/_build/html/index.html").resolve().as_uri())'

hooks: install  ## the same checks before every commit of yours
	@pre-commit install

lock:  ## requirements.lock and environment.yml anew, from pyproject.toml's ranges
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	"$(PYTHON)" -m venv "$$tmp"; \
	"$$tmp/bin/python" -m pip install --quiet --disable-pip-version-check '.[dev]'; \
	"$$tmp/bin/python" tools/lock.py

clean:  ## what was made here: clips, fits, book (not the committed results)
	rm -rf data runs verify.json verify.md review.json review.md book/_build book/_executed .pytest_cache .ruff_cache .coverage build *.egg-info
