.DEFAULT_GOAL := help
SHELL := /bin/sh
PORT ?= 8000
export PORT
BIN := .local/venv/bin
PYTHON := $(BIN)/python

.PHONY: help setup run images up down demo demo-import test bench train-scorer eval-scorer screenshots lint lint-types lint-rest format logs memory backup restore replay-dead docs lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install everything for development and the embedded run under .local/
	@deploy/local/bootstrap.sh

run: setup ## Start the whole system on PORT (default 8000); Ctrl-C stops it
	@exec $(PYTHON) -m deploy.local run

images: ## Build the container images (select with SERVICES="game gateway")
	@deploy/compose/images.sh $(SERVICES)

up: images ## Start the whole system in containers on PORT (needs Docker with Compose)
	@deploy/compose/up.sh

down: ## Stop the containers and keep their data (OPTIONS=--volumes removes it)
	@deploy/compose/compose.sh down $(OPTIONS)

demo: setup ## Play a learner's journey against the running system, step by step
	@$(PYTHON) -m deploy.local demo

demo-import: setup ## Import the example of docs/import-example into the running system, and undo it
	@$(PYTHON) -m deploy.local demo-import

test: setup ## Run all tests on their own servers (select with TESTS="-k name")
	@$(PYTHON) -m deploy.local.testrun $(TESTS)

bench: setup ## Benchmark a component against its reference (WHAT=draw; see bench/README.md)
	@[ -n "$(WHAT)" ] || { echo "Name a benchmark: make bench WHAT=auth, draw, search, panel, analytics, invalidation, overload, throughput, import, scoring or hostile"; exit 2; }
	@$(PYTHON) -m bench.$(WHAT)

train-scorer: setup ## Train the offline scorer's weights (DATA=folder of a corpus; see training/README.md)
	@deploy/local/training.sh
	@OMP_NUM_THREADS=1 exec nice .local/training/bin/python -m training.train "$(DATA)"

eval-scorer: setup ## Compare the offline scorer with human raters (DATA=folder SPLIT=test)
	@deploy/local/training.sh
	@OMP_NUM_THREADS=1 exec nice .local/training/bin/python -m training.evaluate "$(DATA)" "$(SPLIT)"

screenshots: setup ## Take the screenshots of docs/admin-panel.md, on a separate system
	@$(PYTHON) -m tests.browser.screenshots

lint: setup ## Check style, types, layers and the Kubernetes manifests
	@$(MAKE) --no-print-directory -j2 lint-types lint-rest

lint-types:
	@$(BIN)/mypy bench conftest.py deploy docs gateway shared tests training
	@for service in services/*/; do $(BIN)/mypy $$service || exit 1; done

lint-rest:
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports
	@$(PYTHON) -m deploy.k8s.check

format: setup ## Format the code and fix what ruff can fix
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

logs: ## Follow the logs of the running system
	@ls .local/logs/*.log >/dev/null 2>&1 || { echo "No logs yet. Start the system with make run."; exit 1; }
	@exec tail -n 20 -F .local/logs/*.log

memory: setup ## Show the memory use (PSS) of the running system
	@$(PYTHON) -m deploy.local memory

replay-dead: setup ## Replay dead letters: return them to their queues
	@$(PYTHON) -m deploy.local replay-dead

backup: setup ## Back up the running system into a new folder in TO (default backups)
	@$(PYTHON) -m deploy.local.backup create "$(or $(TO),backups)"

restore: setup ## Restore a backup into a clone without data (FROM=folder of the backup)
	@[ -n "$(FROM)" ] || { echo "Name a backup: make restore FROM=backups/2026-01-31T03-00-00Z"; exit 2; }
	@$(PYTHON) -m deploy.local.backup restore "$(FROM)"

docs: setup ## Generate the event and API documents
	@$(PYTHON) docs/make_events.py
	@$(PYTHON) -m gateway.openapi

lock: setup ## Write the lock files from the pyproject files
	@deploy/local/requirements.sh

clean: ## Stop this clone's system and remove all its data
	@[ ! -x $(PYTHON) ] || $(PYTHON) -m deploy.local stop
	@rm -rf .local .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . \( -name __pycache__ -o -name '*.egg-info' \) -prune -exec rm -rf {} +
