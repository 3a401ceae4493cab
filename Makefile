# Two commands: `make demo` runs the demo campaign, `make test` runs every test. Both set themselves up first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/ready
CORES  ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test view format bench update clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Darkroom needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) \
	  || { echo "$(PYTHON) cannot make a virtual environment; on Debian or Ubuntu: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@touch $@

demo: $(READY) ## Run the demo campaign of config/ and say where its page is
	$(BIN)/snakemake --cores $(CORES)
	@echo "The campaign page: file://$(CURDIR)/results/demo/index.html"
	@echo "To browse the volumes in Neuroglancer: make view"

test: $(READY) ## Check the style and run all tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/pytest --numprocesses $(CORES) --dist loadfile --no-loadscope-reorder

view: $(READY) ## Serve results/ on this machine, as Neuroglancer wants it
	./darkroom view results

format: $(READY) ## Format Python and Snakemake code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

bench: $(READY) ## Measure against the peers, side by side (not part of the tests)
	$(BIN)/python tests/bench/atlas.py
	$(BIN)/python tests/bench/upload.py --more 32
	$(BIN)/python tests/bench/planetary.py
	$(BIN)/python tests/bench/airborne.py

update: $(READY) ## Refresh requirements.lock from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --group test --universal --python-version 3.11 \
	  --no-header --no-annotate --upgrade --quiet --native-tls --output-file requirements.lock

clean: ## Remove the environment; results stay
	rm -rf $(VENV) .venv-*
