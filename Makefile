# Everything starts here: `make demo` shows runs on made-up data with known truth, `make test` checks the code.
# Each command sets up what it needs in $(VENV); a second run starts at once.

VENV ?= .venv
BIN = $(VENV)/bin
DEMO_OUTPUT ?= demo-output
# variables for pytest: make test PYTEST_ARGS="-k klt -x"
PYTEST_ARGS ?=
# words for the benchmarks: make bench BENCH_ARGS="s2 --runs 3"
BENCH_ARGS ?=

.PHONY: help venv demo test lint bench clean

help:
	@echo "make demo    simulate a small archive, process it, compare the results with the truth"
	@echo "make test    style, types, import rules and all tests"
	@echo "make lint    the same without the tests"
	@echo "make bench   time and memory at true size, against the floor (one to two hours)"
	@echo "make venv    only the virtual environment ($(VENV))"
	@echo "make clean   remove what the commands above made"

venv: $(VENV)/.complete

$(VENV)/.complete: requirements.txt setup.cfg setup.py pyproject.toml .ci/make-venv
	@.ci/make-venv "$(VENV)"
	@echo "installing what sen2like needs into $(VENV) (first run: one or two minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(VENV)/.complete
	@$(BIN)/python tests/demo.py --out "$(DEMO_OUTPUT)"

lint: $(VENV)/.complete
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/pytest -n auto $(PYTEST_ARGS)

bench: $(VENV)/.complete
	$(BIN)/python -m benchmarks.accuracy --coarse 10
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

clean:
	rm -rf "$(VENV)" "$(DEMO_OUTPUT)" build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
