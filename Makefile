.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Our own processes: one thread a process, so that parallel buildings do not fight over two cores.
export OMP_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo demo-clean test prepare check format unit integration e2e browser chart go-tools crd chart-docs cluster cluster-down cluster-test chaos gitops-test bench tools lock sbom wheel clean

help: ## Show this list
	@grep -hE '^[a-z][a-z0-9-]*:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: $(VENV)/.demo ## A whole month on this machine: tag, review, refresh, train, tag again
	@$(BIN)/voc demo

demo-clean: ## Remove what the demo made (./var/demo), the environment stays
	@if [ -x $(BIN)/voc ]; then $(BIN)/voc demo --remove; else rm -rf var/demo; fi

test: tools $(VENV)/.dev prepare check go-tools ## Every check and every test
	@echo "== tests"
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: $(VENV)/.dev ## ruff, the formatter, mypy, import-linter
	@echo "== ruff";         $(BIN)/ruff check .
	@echo "== ruff format";  $(BIN)/ruff format --check .
	@echo "== mypy";         $(BIN)/mypy
	@echo "== imports";      $(BIN)/lint-imports

format: $(VENV)/.dev ## Format and mend what can be mended
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

unit: $(VENV)/.dev ## The fast ring alone: pure functions
	@$(BIN)/python -m pytest -n 2 tests/unit

integration: $(VENV)/.dev ## Real PostgreSQL, real S3, real workbooks
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder tests/integration

e2e: $(VENV)/.dev ## `voc` as a person types it
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder tests/e2e

browser: tools $(VENV)/.dev ## Dashboards in a real browser
	@$(BIN)/python -m pytest tests/browser

chart: go-tools ## The Helm chart, rendered by Helm 4 and 3 and checked
	@$(BIN)/python -m pytest -n 2 tests/chart

go-tools: $(VENV)/.dev ## Build the Go programs that tests drive (the first time takes minutes)
	@$(BIN)/python -m tests.tools_go

crd: $(VENV)/.dev ## Write the chart's CustomResourceDefinition from the models
	@$(BIN)/python -m voc_operator.crd > charts/voc-nlp/files/crd.yaml

chart-docs: $(VENV)/.dev ## Write the chart's README from its values
	@$$($(BIN)/python -m tests.tools_go helm-docs) --sort-values-order=file --chart-search-root=charts

cluster: tools $(VENV)/.dev ## A real one-node Kubernetes cluster with the operator and the sample (root on Linux)
	@$(BIN)/python -m tests.cluster up

cluster-down: $(VENV)/.dev ## Remove that cluster without a trace
	@$(BIN)/python -m tests.cluster down

cluster-test: tools $(VENV)/.dev ## The tests that run on a real cluster of their own
	@$(BIN)/python -m pytest tests/cluster

chaos: tools $(VENV)/.dev ## Runs in trouble on that cluster: operator, API server, pods and kubelet are killed (VOC_CHAOS_SEED, VOC_CHAOS_RUNS)
	@VOC_CHAOS_SEED=$${VOC_CHAOS_SEED:-$$(date +%s)} VOC_CHAOS_RUNS=$${VOC_CHAOS_RUNS:-30} $(BIN)/python -m pytest -s tests/cluster/test_chaos.py

gitops-test: tools $(VENV)/.dev ## Argo CD promotes dev to stage on a real cluster of its own (not part of `make test`)
	@$(BIN)/python -m pytest tests/gitops

prepare: $(VENV)/.dev # Build what the cluster's tests need beside the checks; the tests wait for a build that is not done yet
	@mkdir -p var && (nohup nice $(BIN)/python -m tests.cluster prepare > var/prepare.log 2>&1 &)

bench: $(VENV)/.dev ## Measure the numbers that the issues name
	@$(BIN)/python -m bench

tools: ## Install Debian packages that tests need (root on Debian with CI=true; elsewhere it says what is missing)
	@bash .ci/tools

lock: $(VENV)/.dev ## Pin and hash every requirement again
	@$(BIN)/python -m pip install -q uv
	@pin() { $(BIN)/uv pip compile "$${@:2}" --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header -q -o requirements/$$1.txt; }; \
	pin demo pyproject.toml --extra local --extra train; \
	pin dev pyproject.toml --extra dev; \
	pin build requirements/build.in -c requirements/dev.txt; \
	pin sbom requirements/sbom.in; \
	for image in operator:operator worker:worker worker-gpu:worker-gpu trainer:train; do \
	  pin $${image%:*} pyproject.toml --extra $${image#*:} -c requirements/dev.txt; \
	done

sbom: $(VENV)/.dev ## A bill of materials for each image and what is known of vulnerabilities (./var/sbom)
	@$(BIN)/python -m tests.sbom

wheel: $(VENV)/.dev ## Build the wheel that the images install
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist

clean: demo-clean ## Remove the environment and every cache
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "voc-nlp needs Python 3.11 or later; this is $$($(PYTHON) --version). Set PYTHON=…"; exit 1; }
	@echo "== making $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: requirements/demo.txt pyproject.toml | $(BIN)/python
	@if [ -e $(VENV)/.dev ] && [ $(VENV)/.dev -nt pyproject.toml ]; then touch $@; else $(MAKE) --no-print-directory install NAME=demo; fi

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	@$(MAKE) --no-print-directory install NAME=dev

.PHONY: install
install:
	@echo "== installing requirements/$(NAME).txt (the first time takes minutes: torch alone is 3 GB)"
	@$(BIN)/python -m pip install -q --require-hashes -r requirements/$(NAME).txt
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $(VENV)/.$(NAME)
