# Each target does one thing; `make help` lists them. Nothing is needed before the first but git, make and some python3.

VENV_PYTHON := .venv/bin/python
# Some machines forbid compiled modules for everybody; with them each start takes half as long.
export PYTHONDONTWRITEBYTECODE :=
export OPENCOM_STARTED := $(shell date +%s)

.DEFAULT_GOAL := help
.PHONY: help up test lint types docs bench evaluate chaos screenshots environment widget

help: ## List what can be done here
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | column -t -s '|' 2>/dev/null || sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1  \2/p' Makefile

up: environment widget ## Run everything until Ctrl-C (PORT=, STATE_DIR=; ONCE=1 sends one message and stops)
	@exec $(VENV_PYTHON) -m opencom_project.embedded up $(if $(ONCE),--once)

test: environment ## Run every test (T=tests/conversations runs some; PART=unit runs one part)
	@exec $(VENV_PYTHON) -m opencom_project.embedded run --throwaway -- $(VENV_PYTHON) -m tests.ops.suite $(if $(PART),--part $(PART)) $(T)

lint: environment ## Check style and which part may import which
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports

types: environment ## Check types, of the widget too
	@$(VENV_PYTHON) -m mypy
	@bin/widget --packages
	@bin/node npm --prefix widget --silent run typecheck

docs: environment ## Write the reference pages that are generated from the code
	@exec $(VENV_PYTHON) -m opencom_project.embedded run --throwaway -- $(VENV_PYTHON) manage.py reference

bench: environment widget ## Measure against the floors (ARGS="--quick --json report.json")
	@exec $(VENV_PYTHON) -m opencom_project.embedded run --throwaway -- $(VENV_PYTHON) manage.py bench $(ARGS)

evaluate: environment ## Measure search on real questions (ARGS="retrieval", ARGS="scale"); docs/ai-quality.md says how
	@exec $(VENV_PYTHON) -m opencom_project.embedded run --throwaway -- $(VENV_PYTHON) -m bench.ai $(ARGS)

chaos: environment ## Kill, cut and fill everything, and check that no message is lost, doubled or reordered
	@exec $(VENV_PYTHON) -m opencom_project.embedded run --throwaway -- $(VENV_PYTHON) -m tests.ops.suite --part chaos-full

screenshots: environment widget ## Take the contact sheet of both sides from the running product
	@exec $(VENV_PYTHON) -m docs.screenshots.take $(URL)

environment:
	@bin/bootstrap

widget:
	@bin/widget
