# Two commands that set up everything themselves: make finetune, make test.
PYTHON ?= python3
BIN := .venv/bin

finetune: .venv/ready
	$(BIN)/python -m toolkit recipe finetune_two_layers

test: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

.venv/ready: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit("Python %d.%d is too old: 3.10 or newer is needed. Name one: make PYTHON=python3.12" % sys.version_info[:2] if sys.version_info < (3, 10) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -r requirements.txt
	touch $@

.venv/ready-dev: .venv/ready requirements-dev.txt
	$(BIN)/python -m pip install -r requirements-dev.txt
	touch $@

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache

.PHONY: finetune test clean
