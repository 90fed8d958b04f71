PYTHON ?= python3.11
BIN := .venv/bin
PACKAGES := schemas processors infra streams scorer_service gateway lab

.DEFAULT_GOAL := help
.PHONY: help setup run test test-fast bench stats chaos check debian lock clean

help: ## print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.installed infra/kafka/target/.fetched ## build .venv from the lock and fetch the broker's jars

.venv/.installed: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is missing: install it, or name it with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

infra/kafka/target/.fetched: infra/kafka/pom.xml .venv/.installed
	$(BIN)/python -m infra.stack.setup
	@touch $@

run: setup ## start the line, submit a first batch, report, stay up until Ctrl-C
	$(BIN)/headway demo

test: debian setup ## every test, on a real broker
	$(BIN)/pytest -n 2 --no-loadscope-reorder

test-fast: setup ## the tests that need no broker
	$(BIN)/pytest -m "not e2e"

bench: setup ## measure throughput and latency
	$(BIN)/python -m lab.bench

stats: setup ## simulate experiments, and hold their statistics to what they promise
	$(BIN)/python -m lab.stats

chaos: setup ## kill processes under load and prove that nothing is lost or done twice
	$(BIN)/python -m lab.chaos

check: debian setup ## lint, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict $(PACKAGES)
	$(BIN)/pytest tests/test_imports.py

debian: ## install the Debian packages that are missing (root)
	@infra/debian-packages.sh

lock: ## resolve the dependencies of pyproject.toml anew (needs uv)
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 --extra dev --extra scorer pyproject.toml -o requirements.lock

clean: ## remove what make built; local state (.headway) stays
	rm -rf .venv infra/kafka/target build *.egg-info .mypy_cache .ruff_cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
