VENV := .venv
IN_VENV := $(VENV)/bin/python
export PYTHONUNBUFFERED := 1
unexport PYTHONDONTWRITEBYTECODE # Each of a hundred processes would compile the shop anew.

.PHONY: help run test check bench chaos audit clean
.DEFAULT_GOAL := help

help: ## list what make can do
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/make \1	\2/p' Makefile

run: $(VENV)/runtime-installed ## start the shop here: sandbox, web and worker, until Ctrl-C
	@$(IN_VENV) -m bin.run

test: $(VENV)/dev-installed ## run everything that CI runs: lint, types, all tests, browser included
	@$(IN_VENV) -m bin.test

check: $(VENV)/dev-installed ## run lint, types and the fast tests
	@$(IN_VENV) -m ruff check .
	@$(IN_VENV) -m ruff format --check .
	@$(IN_VENV) -m mypy
	@$(IN_VENV) -m pytest -q -n 2 -m "not e2e and not postgres and not slow"

bench: $(VENV)/dev-installed ## measure what the documents promise; one JSON object a line
	@$(IN_VENV) -m benchmarks

chaos: $(VENV)/dev-installed ## kill the workers for a simulated year while Toss misbehaves, a quarter of an hour
	@$(IN_VENV) -m chaos

audit: $(VENV)/dev-installed ## look at every page in every state with every tool (needs Node.js and Java)
	@$(IN_VENV) -m audits

clean: ## remove what was installed or built; the shop's database under instance/ stays
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/runtime-installed: requirements.txt bin/install
	@bin/install $(VENV) requirements.txt
	@touch $@

$(VENV)/dev-installed: requirements.txt requirements-dev.txt bin/install
	@bin/install $(VENV) requirements-dev.txt
	@touch $@ $(VENV)/runtime-installed
