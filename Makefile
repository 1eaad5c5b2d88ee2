# `make` alone lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Hundreds of processes are started by the tests: what they import is compiled once.
unexport PYTHONDONTWRITEBYTECODE

PORT ?= 8080
ARGS ?=
JOBS ?= 4
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# Commands that the tests and the bench start, and Debian's packages that hold them.
TEST_SERVICES := curl=curl openssl=openssl node=nodejs npm=npm nginx=nginx haproxy=haproxy caddy=caddy \
  chromium=chromium firefox-esr=firefox-esr WebKitWebDriver=webkit2gtk-driver Xvfb=xvfb
BENCH_SERVICES := nginx=nginx gcc=gcc
BENCH_PACKAGES := libnginx-mod-nchan libc6-dev

##@ Every day
.PHONY: help
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/.test ## .venv with tricast (editable) and everything that the tests need

.PHONY: run
run: $(VENV)/.run ## a server at http://127.0.0.1:8080, open, on loopback (PORT=9000 ARGS='--data /tmp/x')
	@exec $(BIN)/python -m tricast serve --dev --port $(PORT) $(ARGS)

.PHONY: test
test: $(VENV)/.test services lint ## lint, types, import rules and the whole test suite (ARGS='-k cursor')
	@$(call pytest,-n $(JOBS) --dist worksteal -m 'not alone and not dashboard')
	@$(call pytest,-n 2 --dist worksteal -m dashboard)
	@$(call pytest,-m alone)

.PHONY: test-long
test-long: $(VENV)/.test services ## the repeated tests (kills, cuts, disconnects, restarts, noise) at full length
	@LONG=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m repeated $(ARGS)

# $(call pytest,OPTIONS): run the tests; that ARGS selects none of this half (exit code 5) is no failure.
define pytest
$(BIN)/python -m pytest $(1) $(ARGS) || [ $$? = 5 ]
endef

.PHONY: lint
lint: $(VENV)/.test ## ruff, mypy --strict, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: bench
bench: $(VENV)/.test bench-services ## measure against nchan and a floor (a table and a JSON file; ARGS='--help')
	$(BIN)/python -m bench $(ARGS)

##@ Sometimes
.PHONY: format
format: $(VENV)/.test ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: runtimes
runtimes: $(VENV)/.test services ## the client in all runtimes and browsers; the table in docs/runtimes.md
	$(BIN)/python -m tests.runtimes.table $(ARGS)

.PHONY: soak
soak: $(VENV)/.test services ## an hour at the dashboard with 50 events a second: does it hold on to anything?
	$(BIN)/python -m tests.dashboard.soak --minutes 60 --rate 50 $(ARGS)

.PHONY: screenshots
screenshots: $(VENV)/.test services ## write docs/screenshots anew
	$(call need,pngquant=pngquant,,exit 1)
	$(BIN)/python -m tests.dashboard.screenshots $(ARGS)

.PHONY: docs
docs: $(VENV)/.run ## write the settings table into docs/configuration.md
	@$(BIN)/python -c 'import pathlib, re; from tricast.settings import settings_table; \
	  file = pathlib.Path("docs/configuration.md"); \
	  file.write_text(re.sub(r"(?s)(<!-- settings: .*? -->\n).*?(?=<!-- /settings)", \
	    lambda found: found[1] + settings_table(), file.read_text()))'

.PHONY: wheel
wheel: $(VENV)/.run ## dist/tricast-….whl
	$(PIP) wheel --quiet --no-deps --wheel-dir dist .
	@ls dist/*.whl

.PHONY: docker
docker: ## the image tricast:latest
	docker build -t tricast:latest .

.PHONY: lock
lock: ## write constraints.txt anew: the newest versions that pyproject.toml allows
	rm -rf build/lock
	@$(call python) -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check '.[test]'
	{ echo '# The versions that are tested and shipped. Written by `make lock`.'; \
	  build/lock/bin/python -m pip freeze --disable-pip-version-check --exclude tricast | grep == ; } > constraints.txt
	rm -rf build/lock

.PHONY: clean
clean: ## remove .venv, builds and caches (never data/)
	rm -rf $(VENV) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis
	find app tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

# A Python that can make a virtual environment: $(PYTHON) if it is set, else the first that is ≥ 3.11 and has ensurepip.
define python
$$(for p in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
  "$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; exit; }; done; \
  echo 'tricast needs Python 3.11 or newer with venv and ensurepip (Debian, Ubuntu: apt-get install python3-venv).' >&2; \
  echo 'If it has another name or place: make setup PYTHON=/path/to/python3' >&2; echo false)
endef

$(BIN)/python:
	@$(call python) -m venv $(VENV)

# Stamps: the second `make run` installs nothing.
$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@ $(VENV)/.run

# $(call need,COMMAND=PACKAGE…,PACKAGE…): install what is missing where we may, else say what to install.
define need
@missing=; for s in $(1); do PATH="$$PATH:/usr/sbin:/sbin" command -v "$${s%%=*}" >/dev/null || missing+=" $${s#*=}"; done; \
for p in $(2); do dpkg -s "$$p" >/dev/null 2>&1 || missing+=" $$p"; done; \
[ -n "$$missing" ] || exit 0; \
if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
  echo "installing$$missing"; export DEBIAN_FRONTEND=noninteractive; \
  apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
else echo "missing: install$$missing (Debian, Ubuntu: apt-get install$$missing)" >&2; $(3); fi
endef

.PHONY: services bench-services
services:
	$(call need,$(TEST_SERVICES),,[ -z "$${CI:-}" ])

bench-services:
	$(call need,$(BENCH_SERVICES),$(BENCH_PACKAGES),exit 1)
