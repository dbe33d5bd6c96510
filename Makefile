# Every target makes what it needs from nothing and is quick the second time.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory
# Where it is set, each of the thousands of processes that tests start compiles all it imports.
unexport PYTHONDONTWRITEBYTECODE
.DELETE_ON_ERROR:

PORT ?= 8460
DATA ?= ./data

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -q
# A file's tests share servers and stay together, in the order of tests/conftest.py: most slow tests first.
# More than four processes start more than they run.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# Two that wait for servers to start and stop leave half of two cores idle.
THAT_WAIT := -n 3
RESULTS := build/junit
TEST_RESULTS := $(patsubst %,$(RESULTS)/%.xml,test web-unit web-server)
REST_RESULTS := $(patsubst %,$(RESULTS)/%.xml,interop web-e2e web-screens web-servers servers containers)
SUMMARY := $(BIN)/python scripts/summary.py
# Folders of Node programs that tests compare us with.
NODE := $(patsubst %/package-lock.json,%/node_modules/.ready,$(wildcard tests/node/package-lock.json tests/*/node/package-lock.json web/package-lock.json))
# The web app's bundle is data of the Python package: the server needs no Node.
BUNDLE := hygieia/web_dist/index.html
WEB := $(shell find web/src web/public web/index.html web/vite.config.ts web/package-lock.json hygieia/limits.json -type f)
VITEST := NO_COLOR=1 node_modules/.bin/vitest run --reporter=dot --reporter=junit

.PHONY: help run web test test-web test-servers test-containers test-interop test-browser test-all test-rest \
        demo lint bench bench-web screens attack conformance format lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- environment -------------------------------------------------------------------------

.venv/.run: requirements.lock requirements-build.lock pyproject.toml
	@scripts/environment run
	@touch $@

.venv/.dev: requirements-dev.lock requirements-build.lock pyproject.toml
	@scripts/environment dev
	@touch $@ .venv/.run

%/node_modules/.ready: %/package.json %/package-lock.json
	@scripts/node-packages $*
	@touch $@

# ---- the vault ---------------------------------------------------------------------------

run: .venv/.run ## start the server: PORT=8460 DATA=./data unless you say others
	@if scripts/has-node; then $(MAKE) --silent web; elif [ ! -e $(BUNDLE) ]; then \
	  echo "Without Node.js 20.19 or newer the web app is not built; the command line has everything." >&2; fi
	@exec $(BIN)/hygieia serve --port "$(PORT)" --data "$(DATA)"

web: $(BUNDLE) ## build the web app, which the server then serves (Node)

$(BUNDLE): $(WEB) web/node_modules/.ready
	@cd web && node_modules/.bin/vite build --logLevel error
	@touch $@

demo: .venv/.run ## play the whole story on real files, in a temporary folder
	@exec $(BIN)/python scripts/demo

# ---- tests -------------------------------------------------------------------------------

test: .venv/.dev $(NODE) ## every test that needs only Python and Node, and no root
	@mkdir -p $(RESULTS)
	@rm -f $(TEST_RESULTS)
	@set -m; $(MAKE) --no-print-directory test-web >$(RESULTS)/web.log 2>&1 & web=$$!; set +m; \
	trap 'kill -- -$$web 2>/dev/null' INT TERM; failed=0; \
	echo "The web app's tests run beside these; what they say comes last."; \
	$(PYTEST) $(SIDE_BY_SIDE) --junit-xml=$(RESULTS)/test.xml || failed=1; \
	wait $$web || failed=1; cat $(RESULTS)/web.log; \
	line=$$($(SUMMARY) $(TEST_RESULTS)) || failed=2; \
	if [ $$failed = 1 ]; then line=$$($(SUMMARY) --also-failed 1 $(TEST_RESULTS)) || true; fi; \
	echo "$$line"; [ $$failed = 0 ]

test-web: .venv/.dev $(NODE) # the part of `test` that Node runs
	@mkdir -p $(RESULTS)
	@failed=0; \
	(cd web && $(VITEST) --outputFile.junit=../$(RESULTS)/web-unit.xml) || failed=1; \
	(cd web && $(VITEST) -c vitest.server.config.ts --outputFile.junit=../$(RESULTS)/web-server.xml) \
	  || failed=1; exit $$failed

test-interop: .venv/.dev $(NODE) ## tests against sq, gpg and shells (Debian, root; installs them)
	@mkdir -p $(RESULTS)
	@scripts/debian-packages gpg zsh fish
	@HYGIEIA_TEST_CHROOT="$$(scripts/debian-chroot | tail -n 1)" HYGIEIA_TEST_NO_SKIP=1 \
	  $(PYTEST) -m "interop and not servers" --junit-xml=$(RESULTS)/interop.xml

test-servers: .venv/.dev $(NODE) $(BUNDLE) ## tests against real servers (Debian, root, Go; builds them, installs Chromium)
	@mkdir -p $(RESULTS)
	@scripts/debian-packages chromium
	@chroot="$$(scripts/debian-chroot | tail -n 1)"; kubo="$$(scripts/kubo | tail -n 1)"; \
	  cluster="$$(scripts/cluster | tail -n 1)"; ferretdb="$$(scripts/ferretdb | tail -n 1)"; \
	  mongod="$$(scripts/mongod | tail -n 1)"; \
	  export HYGIEIA_TEST_CHROOT="$$chroot" HYGIEIA_TEST_KUBO="$$kubo" HYGIEIA_TEST_CLUSTER="$$cluster" \
	    HYGIEIA_TEST_FERRETDB="$$ferretdb" HYGIEIA_TEST_MONGOD="$$mongod" HYGIEIA_TEST_NO_SKIP=1; \
	  failed=0; \
	  (cd web && $(VITEST) -c vitest.servers.config.ts --outputFile.junit=../$(RESULTS)/web-servers.xml) \
	    || failed=1; \
	  $(PYTEST) $(SIDE_BY_SIDE) $(THAT_WAIT) -m servers --junit-xml=$(RESULTS)/servers.xml || failed=1; exit $$failed

test-containers: .venv/.dev ## tests of docker/ in real containers (Debian, root, Go; installs podman)
	@mkdir -p $(RESULTS)
	@containers="$$(scripts/container-engine | tail -n 1)"; \
	  HYGIEIA_TEST_CONTAINERS="$$containers" HYGIEIA_TEST_NO_SKIP=1 \
	  $(PYTEST) -m containers --junit-xml=$(RESULTS)/containers.xml

test-browser: .venv/.dev $(BUNDLE) ## tests in a real browser (Debian, root; installs Chromium)
	@mkdir -p $(RESULTS)
	@scripts/debian-packages chromium
	@failed=0; \
	for suite in e2e screens; do \
	  (cd web && $(VITEST) -c vitest.$$suite.config.ts \
	    --outputFile.junit=../$(RESULTS)/web-$$suite.xml) || failed=1; \
	done; exit $$failed

test-all: test test-rest ## lint and every suite
	@$(SUMMARY) $(TEST_RESULTS) $(REST_RESULTS)

test-rest: lint test-interop test-servers test-containers test-browser # all of test-all but test

attack: .venv/.dev $(NODE) ## play every known attack and say how each ended
	@mkdir -p $(RESULTS)
	@$(PYTEST) tests/security -p tests.security.saying --junit-xml=$(RESULTS)/attack.xml

conformance: .venv/.run ## the official gateway suite: GATEWAY_CONFORMANCE=path of its repository
	@exec scripts/conformance "$(GATEWAY_CONFORMANCE)"

# ---- quality -----------------------------------------------------------------------------

lint: .venv/.dev web/node_modules/.ready ## every check that runs nothing
	@scripts/lint

format: .venv/.dev ## let the formatter have its way
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

bench: .venv/.dev ## measure speed and memory against the floor
	@$(BIN)/python -m bench
	@if [ -x "$${HYGIEIA_TEST_CHROMIUM:-/usr/bin/chromium}" ] && scripts/has-node; then \
	  $(MAKE) --no-print-directory bench-web; \
	else echo "Without Chromium and Node.js 20.19 the web app is not measured." >&2; fi

bench-web: web .venv/.run ## measure the web app: a large file up and down, and the search (Chromium; MIB=512)
	@node web/bench/transfers.mjs $(MIB)
	@cd web && node_modules/.bin/vitest run -c vitest.bench.config.ts --reporter=dot

screens: .venv/.run web/node_modules/.ready ## pictures of every screen of the web app, into build/screens (Debian)
	@scripts/screens

lock: .venv/.dev ## write the locks anew (scripts/lock --upgrade for newest versions)
	@scripts/lock

clean: ## remove what make made; data stays
	@rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find hygieia tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
	@rm -rf tests/node/node_modules tests/*/node/node_modules web/node_modules hygieia/web_dist
