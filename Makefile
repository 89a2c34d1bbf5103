# Works with GNU make 3.81 and newer. Everything happens in .venv, which is made on the first call.

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet
PYTHON ?=
TORCH_INDEX ?=
SEED ?=
SEEDS ?=
NB ?=
JOBS ?= 2
WORKERS ?= 2
NO_OPEN ?=

.DEFAULT_GOAL := help
.PHONY: help run test gauntlet notebooks figures claims lab clean
.PHONY: gone
.DELETE_ON_ERROR:

help:
	@echo 'make run        execute every solution notebook; SEED=7 another seed, NB=1 one notebook'
	@echo 'make lab        open JupyterLab on your own copies of the exercise notebooks'
	@echo 'make test       run the whole test suite'
	@echo 'make gauntlet   prove the tests that learners call: every wrong answer caught, no right one refused, our own mutated'
	@echo 'make notebooks  build the notebooks from the sections'
	@echo 'make figures    draw the expected figures anew; NB=1 of one notebook'
	@echo 'make claims     repeat the claims over seeds 100 to 109; NB=1 of one notebook, SEEDS="3 4" other seeds, JOBS=2'
	@echo 'make clean      remove build/ and caches (neither .venv nor your copies in work/)'
	@echo
	@echo 'PYTHON=/path/to/python3.12 chooses the Python that .venv is made of.'
	@echo 'TORCH_INDEX=https://download.pytorch.org/whl/cpu takes torch from there: without CUDA, on Linux.'

# A .venv whose Python has gone (after an upgrade of the system) is made anew, and filled anew.
$(VENV)/pyvenv.cfg: $(shell test -x $(PY) || echo gone)
	@python=$$(sh tools/find_python.sh '$(PYTHON)') && \
	echo "making $(VENV) with $$("$$python" --version)" && \
	"$$python" -m venv --clear $(VENV)

$(VENV)/.installed: requirements.txt pyproject.toml $(VENV)/pyvenv.cfg
	@echo 'installing requirements.txt (minutes, the first time)'
	@$(PIP) 'pip>=22.3'
	@if [ -n '$(TORCH_INDEX)' ]; then $(PIP) "$$(grep '^torch==' requirements.txt)" --index-url '$(TORCH_INDEX)'; fi
	@$(PIP) -r requirements.txt
	@$(PIP) --no-deps -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	@echo 'installing the test extras'
	@$(PIP) -r requirements.txt -e '.[test]'
	@touch $@

run: $(VENV)/.installed
	@$(PY) -m tools.run --seed '$(SEED)' --notebook '$(NB)'

test: $(VENV)/.installed-test
	@OMP_NUM_THREADS=1 $(PY) -m pytest -rs -n $(WORKERS) --dist loadgroup

gauntlet: $(VENV)/.installed-test
	@OMP_NUM_THREADS=1 $(PY) -m tests.bank --processes '$(JOBS)' --page build/messages.md
	@OMP_NUM_THREADS=1 $(PY) -m tests.mutants --processes '$(JOBS)'

notebooks: $(VENV)/.installed
	@$(PY) -m tools.build

figures: $(VENV)/.installed
	@$(PY) -m tools.figures --notebook '$(NB)'

claims: $(VENV)/.installed
	@$(PY) -m tools.claims --notebook '$(NB)' --seeds '$(SEEDS)' --jobs '$(JOBS)' --readme

lab: $(VENV)/.installed
	@$(PY) -m tools.lab $(if $(NO_OPEN),--no-open)

clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -path './$(VENV)' -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
