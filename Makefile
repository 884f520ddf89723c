# Two commands on a fresh machine: `make run` (the demo, no root) and `make test` (everything; as root on Debian also the lab).
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: run test bench soak lint clean lab-tools

$(STAMP): pyproject.toml
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@echo "installing Anemone and what it needs into $(VENV) (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[gateway]'
	@touch $@

$(STAMP)-dev: $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

run: $(STAMP)
	@$(BIN)/anemone demo

lab-tools:
	@tests/lab/install-tools

test: $(STAMP)-dev lab-tools
	$(BIN)/python -m pytest

bench: $(STAMP)-dev lab-tools
	$(BIN)/python -m tests.bench

soak: $(STAMP)-dev
	$(BIN)/python -m pytest tests/properties --hypothesis-profile=soak --timeout=0

lint: $(STAMP)-dev
	$(BIN)/ruff check .
	$(BIN)/python -m mypy gateway agents exporters ospf mibs

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
