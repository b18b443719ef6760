# Everything a newcomer needs: make demo, make test. Every target sets itself up.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.installed-test

.PHONY: setup demo test lint bench soak docs clean
.DEFAULT_GOAL := help

help:
	@echo "make demo   a small world with real firmware on virtual boards, moving in your browser"
	@echo "make test   everything: units, device code, boards, brokers, browser"
	@echo "make lint   style, types, directions of imports"
	@echo "make bench  the figures, with what is demanded beside them"
	@echo "make soak   the slow proofs"
	@echo "make docs   the pictures and the API description"

setup: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Milepost needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(TEST_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

demo: $(STAMP)
	$(BIN)/milepost demo

test: $(TEST_STAMP)
	bash tests/prepare.sh
	$(BIN)/python -m pytest -m "not slow" -n 3 --dist loadfile --no-loadscope-reorder --durations=10 # many wait

lint: $(TEST_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/basedpyright
	$(BIN)/basedpyright --project firmware/pyrightconfig.json

bench: $(TEST_STAMP)
	@missed=; for name in wire gnss fold clocks ingest query epc trips dock; do $(BIN)/milepost bench $$name || missed="$$missed $$name"; done; \
	test -z "$$missed" || { echo "not all demands are met:$$missed"; exit 1; }

soak: $(TEST_STAMP)
	bash tests/prepare.sh
	$(BIN)/python -m pytest -m slow --timeout 3600
	$(BIN)/milepost demo --check

docs: $(TEST_STAMP)
	bash tests/prepare.sh
	MILEPOST_PICTURES=1 $(BIN)/python -m pytest -q -m browser tests/browser

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
