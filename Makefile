# Needs Python 3.11, make and a package registry; everything else is fetched.
# `make run` starts the assistant on this machine; `make test` is what CI runs.

UV_VERSION := 0.13.9
BOOT_PYTHON := $(or $(shell command -v python3.11),$(shell command -v python3))
# A uv of the machine's own is used; without one it goes into .tools/.
UV := $(or $(shell command -v uv),.tools/uv/bin/uv)
BIN := .venv/bin
SYNCED := .venv/.synced
RESULTS := results

.DEFAULT_GOAL := help
.PHONY: help run test test-stacks test-parts lint format train check-assistant cross-validation \
	bench sync

help:
	@echo "make run      start everything here and text the assistant from this terminal"
	@echo "make test     lint, types, the model's tests, all tests"
	@echo "make lint     lint and types only"
	@echo "make format   format the code"
	@echo "make train    train the model, if its data changed"
	@echo "make bench    measure against stock Rasa: an hour, most of it stock training"
	@echo "Options of linnet up: make run UP='--port-base 6080'"

.tools/uv/bin/uv:
	$(BOOT_PYTHON) -m venv .tools/uv
	.tools/uv/bin/pip install --quiet uv==$(UV_VERSION)

# Where Python must not keep what it compiles, it is compiled once here instead of at each start:
# importing Rasa takes 3 instead of 15 CPU seconds.
$(SYNCED): pyproject.toml uv.lock | $(UV)
	$(UV) sync --frozen $(if $(PYTHONDONTWRITEBYTECODE),--compile-bytecode) $(EXTRAS)
	@touch $@

sync: $(SYNCED)

run: $(SYNCED)
	@$(BIN)/linnet up $(UP)

train: $(SYNCED)
	$(BIN)/linnet train

lint: $(SYNCED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(SYNCED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(SYNCED)
	$(BIN)/python -m bench.turns
	$(BIN)/python -m bench.delivery
	$(BIN)/python -m bench.chaos
	$(BIN)/python -m bench.campaign
	$(BIN)/python -m bench.nlu
	$(BIN)/python -m bench.entities
	$(BIN)/python -m bench.dates
	$(BIN)/python -m bench.stories

# `rasa test` ends with 0 whatever it finds; tests/check_results.py reads what it wrote.
check-assistant: export RASA_TELEMETRY_ENABLED := false
check-assistant: train
	$(BIN)/rasa data validate --fail-on-warnings
	rm -rf $(RESULTS)/nlu $(RESULTS)/core
	$(BIN)/rasa test nlu --nlu tests/test_nlu/nlu.yml --out $(RESULTS)/nlu --no-plot
	$(BIN)/rasa test core --e2e --stories tests/test_stories.yml --out $(RESULTS)/core
	$(BIN)/python tests/check_results.py $(RESULTS)

# How well texts are understood that were left out of the training, with 95 % intervals.
cross-validation: $(SYNCED)
	$(BIN)/python tests/cross_validation.py $(RESULTS)

# One whole stack at a time: what a test kills must start again as fast as on a machine of its own.
# What follows it is there only so that both halves take about as long.
test-stacks: $(SYNCED)
	$(BIN)/pytest tests/chaos tests/conversations tests/integration/test_[r-z]*.py

test-parts: $(SYNCED)
	$(BIN)/pytest tests/unit tests/gateways tests/integration/test_[a-q]*.py

# The tests come last, so that the last line is their count.
test: $(SYNCED)
	$(MAKE) -j2 lint check-assistant cross-validation
	$(MAKE) -j2 test-stacks test-parts
