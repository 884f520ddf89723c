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

# New random examples of every property, SOAK_ROUNDS times (a round takes half a minute); then mutated packets for every
# OSPF decoder, going on where the last run stopped (ten million take about three minutes).
SOAK_ROUNDS ?= 10
FUZZ_CASES ?= 10000000
FUZZ_STATE ?= .fuzz-state.json
soak: $(STAMP)-dev
	@for round in $$(seq $(SOAK_ROUNDS)); do \
	    echo "round $$round of $(SOAK_ROUNDS)"; \
	    SOAK=1 $(BIN)/python -m pytest -q --timeout=0 tests/properties tests/model tests/gateway/test_bins.py \
	        tests/gateway/test_attachment.py tests/gateway/test_route.py || exit 1; \
	done
	$(BIN)/python -m tests.fuzz --count $(FUZZ_CASES) --state $(FUZZ_STATE)

lint: $(STAMP)-dev
	$(BIN)/ruff check .
	$(BIN)/python -m mypy gateway agents exporters ospf mibs

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .fuzz-state.json
