# Two commands: `make demo` runs the demo campaign, `make test` runs every test. Both set themselves up first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CORES  ?= 2
UV     := uv==0.13.8
# Wheels alone, the very ones of the lock file: nothing of a package runs while it is installed.
WHEELS := --require-hashes --no-deps --only-binary :all:

.DEFAULT_GOAL := help
.PHONY: help demo test cap view format bench update clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

# A lock file is installed by uv, which takes a third of the time of pip; by pip where there is no wheel of uv.
define install
	@if [ -x $(BIN)/uv ]; then $(BIN)/uv pip install --quiet --native-tls --compile-bytecode --python $(BIN)/python $(WHEELS) -r $(1); \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check $(WHEELS) -r $(1); fi
	@touch $@
endef

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Darkroom needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@[ ! -L $(VENV) ] || { echo "$(VENV) is a link, and what it points to is yours: remove the link first"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) \
	  || { echo "$(PYTHON) cannot make a virtual environment; on Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: $(UV) \
	  || echo "there is no wheel of uv: pip goes on, which takes longer"

$(VENV)/runs: requirements.lock | $(BIN)/python # what runs
	$(call install,requirements.lock)

$(VENV)/tests: requirements-test.lock $(VENV)/runs # and what judges
	$(call install,requirements-test.lock)

demo: $(VENV)/runs ## Run the demo campaign of config/ and say where its page is
	./darkroom run --cores $(CORES)
	@echo "The campaign page: file://$(CURDIR)/results/demo/index.html"
	@echo "To browse the volumes in Neuroglancer: make view"

# Two processes more than there are cores, as tests of servers wait for these.
test: $(VENV)/tests ## Check the style and run all tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/pytest --numprocesses $$(($(CORES) + 2)) --dist loadfile --no-loadscope-reorder

CAP := $(VENV)-cap
cap: ## Install SAP CAP, a whole OData service, for its tests (npm, and some minutes of a C compiler)
	@mkdir -p $(CAP) && cp tests/servers/cap/package.json tests/servers/cap/package-lock.json $(CAP)
	cd $(CAP) && npm ci --ignore-scripts --no-audit --no-fund
	gyp="$$(dirname "$$(readlink -f "$$(command -v npm)")")/../node_modules/node-gyp/bin/node-gyp.js"; \
	node="$$(dirname "$$(dirname "$$(readlink -f "$$(command -v node)")")")"; \
	cd $(CAP)/node_modules/better-sqlite3 && node "$$gyp" rebuild --release --nodedir="$$node"

view: $(VENV)/runs ## Serve results/ on this machine, as Neuroglancer wants it
	./darkroom view results

format: $(VENV)/tests ## Format Python and Snakemake code, list what is shipped, draw the rooms
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules
	$(BIN)/python tests/house.py

bench: $(VENV)/tests ## Measure against the peers, side by side (not part of the tests)
	$(BIN)/python tests/bench/atlas.py
	$(BIN)/python tests/bench/sections.py
	$(BIN)/python tests/bench/upload.py --more 32
	$(BIN)/python tests/bench/planetary.py
	$(BIN)/python tests/bench/memory.py
	$(BIN)/python tests/bench/memory_of_rules.py
	$(BIN)/python tests/bench/airborne.py
	$(BIN)/python tests/bench/copernicus.py
	$(BIN)/python tests/bench/copernicus_downloads.py
	$(BIN)/python tests/bench/copernicus_recipes.py
	$(BIN)/python tests/bench/files.py

LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --only-binary :all: \
        --no-header --no-annotate --quiet --native-tls
update: $(BIN)/python ## Refresh the lock files from pyproject.toml
	$(LOCK) --group test --upgrade --output-file requirements-test.lock
	$(LOCK) --constraint requirements-test.lock --output-file requirements.lock

clean: ## Remove the environment; results stay
	rm -rf $(VENV) .venv-*
