# Wiko inspection station. `make` lists the targets; each does its own set-up.
# ui/ is built by the file rules below; everything Rust is left to cargo.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-builtin-rules --no-print-directory

ENV := . scripts/env;
NODE_MODULES := ui/node_modules/.package-lock.json
UI := ui/dist/index.html
# Directories count too: a deleted file changes nothing but its folder's time.
UI_SOURCES := ui/package.json $(wildcard ui/*.html ui/*.ts ui/*.js) $(shell find \
  $(wildcard ui/src ui/public ui/messages ui/project.inlang) \
  -path ui/src/paraglide -prune -o -path '*/cache' -prune -o -print 2>/dev/null)

.PHONY: help run test test-live test-faults fuzz bench soak package lint bindings icons clean setup-run setup-test setup-bench ui

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand -t 20

run: setup-run $(UI) ## Build the station and open it on the demo profile (headless without a display)
	@$(ENV) cargo build --locked && exec "$$CARGO_TARGET_DIR/debug/wiko-station" --demo

test: ## Every check and every test, the real window included
	@scripts/test

bench: setup-bench $(UI) ## Each figure beside its yardstick; writes bench.json
	@$(ENV) python3 bench/run.py

soak: setup-bench $(UI) ## Eight hours of the live picture as fast as they go: what memory grew; writes soak.json
	@$(ENV) python3 bench/soak.py

package: setup-run $(UI) ## A Debian package, in the target folder under release/bundle/deb
	@scripts/package

lint: setup-test $(UI) ## Formatting, clippy, layers, scripts and the UI's types
	@scripts/test --lint

bindings: setup-run $(UI) ## Generate ui/src/bindings.gen.ts from the Rust types
	@$(ENV) cargo run --quiet --locked -- bindings

test-faults: $(UI) ## Power cuts, kills, broken disks and networks: what is lost, what comes twice (root)
	@scripts/test-faults

test-live: ## The models themselves, on the account of the environment; says what it will cost first
	@scripts/test-live

fuzz: ## Ten million made-up answers of a model: none may give a false pass (needs a nightly compiler)
	@scripts/fuzz

icons: ## Render icons/ from icons/icon.svg
	@scripts/icons

ui: setup-run $(UI)

clean: ## Remove what was built (the target folder, ui/dist, ui/node_modules)
	@$(ENV) rm -rf ui/dist ui/node_modules ui/src/paraglide bench.json faults.json soak.json; cargo clean

setup-run setup-test setup-bench:
	@scripts/setup $(@:setup-%=%)

# Versions are those of the lock file, which --no-save leaves alone. `npm ci` would refuse it wherever a
# registry lacks an optional package's build for some other system.
$(NODE_MODULES): ui/package-lock.json
	@$(ENV) cd ui && npm install --no-save --no-audit --no-fund
	@touch $@

$(UI): $(NODE_MODULES) $(UI_SOURCES)
	@$(ENV) cd ui && npm run --silent build
	@touch $@
