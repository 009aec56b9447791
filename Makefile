# Strata: every command a developer needs. `make` alone lists them.

CARGO     ?= cargo
TARGET    := $(or $(CARGO_TARGET_DIR),target)
VM        := $(TARGET)/release/vm
STAGE     := .ci/stage
# Options for what can be built here; asked for when it is used, since `setup`
# may install LLVM first.
FEATURES  := $$(.ci/features)
# The real program that `make run` compiles and runs, and its arguments.
PROGRAM   ?= examples/primes.lua
ARGS      ?=
# `make fuzz`: how long, the seed that replays a run (empty: a fresh one), and a
# file to which figures are appended, a line for each seed (empty: none).
FUZZ_SECONDS ?= 60
FUZZ_SEED    ?=
FUZZ_LOG     ?=
# `make fuzz-coverage`: one target (empty: all), and a file to replay with it.
FUZZ_TARGET  ?=
INPUT        ?=
# `make audit`: how long to look for each planted bug, and for which (empty: all).
AUDIT_SECONDS ?= 60
AUDIT_BUGS    ?=
# `make stress`, and its slice in `make test`: the seed that replays a run.
STRESS_SEED  ?=
# `make bench`: more arguments for the harness, such as `--filter strings`.
BENCH_ARGS ?=
# `make install`: where to; bin/ is appended.
PREFIX    ?=
# The folder of the official Lua 5.4.8 test suite (`testes/` of lua/lua).
LUA_TESTES ?=

# Programs that .ci/setup.sh found under another name are linked in tools/.
# Exported so that the tests find the same binary that was built here.
export PATH := $(abspath $(TARGET)/tools):$(PATH):$(HOME)/.cargo/bin
export STRATA_VM := $(abspath $(VM))

.PHONY: help setup build run test test-workspace test-conformance test-examples \
        test-bc test-bench test-features test-stress check bench fuzz fuzz-coverage audit guards stress official install clean
.DEFAULT_GOAL := help

help: ## this list
	@echo "usage: make TARGET   (PROGRAM=$(PROGRAM))"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'

setup: ## install what is missing on this machine
	@.ci/setup.sh bench

build: ## the release build of the vm program
	@.ci/setup.sh build
	$(CARGO) build --release --locked -p strata $(FEATURES)

run: build ## set up, build, compile PROGRAM to bytecode and run that
	@mkdir -p $(TARGET)/run
	$(VM) compile -o $(TARGET)/run/$(basename $(notdir $(PROGRAM))).bc $(PROGRAM)
	$(VM) run $(TARGET)/run/$(basename $(notdir $(PROGRAM))).bc $(ARGS)

test: ## set up and run all tests (what .ci/run does)
	@$(STAGE) "set-up" .ci/setup.sh bench
	@$(STAGE) "build" $(MAKE) --no-print-directory build
	@$(STAGE) "threading of the interpreter" .ci/check-threading $(VM)
	@$(STAGE) "memory at start-up" .ci/check-startup $(VM)
	@$(STAGE) "workspace tests" $(MAKE) --no-print-directory test-workspace
	@$(STAGE) "fewer features" $(MAKE) --no-print-directory test-features
	@$(STAGE) "conformance programs" $(MAKE) --no-print-directory test-conformance
	@$(STAGE) "examples" $(MAKE) --no-print-directory test-examples test-bc
	@$(STAGE) "benchmark programs" $(MAKE) --no-print-directory test-bench
	@$(STAGE) "stress modes" $(MAKE) --no-print-directory test-stress
	@if [ -n "$(LUA_TESTES)" ]; then $(STAGE) "official suite" $(MAKE) --no-print-directory official; fi

# The pieces of `make test`, to run alone. They use the vm program that
# `make build` left behind.
test-workspace:
	$(CARGO) test --locked --workspace $(FEATURES) -- --skip conformance_

test-conformance:
	$(CARGO) test --locked --workspace $(FEATURES) --test conformance

test-examples:
	$(CARGO) run --locked --profile test -p strata $(FEATURES) --example embed

test-bc:
	.ci/examples.sh $(VM)

# Without LLVM, and without any compiler.
test-features:
	$(CARGO) test --locked -p strata --features cli --test tier2
	$(CARGO) check --locked -p strata --no-default-features --features cli

test-bench:
	$(CARGO) run --locked --profile test -p strata-benches -- --vm $(VM) --check --without luajit
	$(CARGO) run --locked --profile test -p strata-benches -- --vm $(VM) --check --warm 3 --without luajit --without lua5.4

test-stress:
	STRESS_SEED="$(STRESS_SEED)" .ci/stress.sh $(VM) slice

check: ## formatting, lints and documentation, warnings forbidden
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets $$(.ci/features all) -- -D warnings
	$(CARGO) clippy --locked -p strata --features cli -- -D warnings
	$(CARGO) clippy --locked -p strata --no-default-features --features cli -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace $$(.ci/features all) --no-deps

bench: ## compare with lua5.4 and luajit; report in target/bench-report
	@.ci/setup.sh bench
	$(CARGO) build --release --locked -p strata $(FEATURES)
	$(CARGO) run --release --locked -p strata-benches -- --vm $(VM) --html $(TARGET)/bench-report $(BENCH_ARGS)

fuzz: ## random programs and damaged modules (FUZZ_SECONDS=60 FUZZ_SEED= FUZZ_LOG=)
	@.ci/setup.sh test
	FUZZ_SECONDS="$(FUZZ_SECONDS)" FUZZ_SEED="$(FUZZ_SEED)" FUZZ_LOG="$(abspath $(FUZZ_LOG))" \
	  $(CARGO) test --release --locked -p strata-tests --features long $(FEATURES) -- --nocapture fuzz

fuzz-coverage: ## libFuzzer looks for inputs that reach what none did (FUZZ_SECONDS=60 FUZZ_TARGET= INPUT=)
	@.ci/setup.sh test
	INPUT="$(INPUT)" .ci/fuzz-coverage.sh $(FUZZ_SECONDS) $(FUZZ_TARGET)

audit: ## how many bugs planted on purpose the fuzzer finds (AUDIT_SECONDS=60 AUDIT_BUGS= FUZZ_SEED=)
	@.ci/setup.sh test
	RUSTFLAGS="--cfg strata_audit" FUZZ_SEED="$(FUZZ_SEED)" AUDIT_SECONDS="$(AUDIT_SECONDS)" AUDIT_BUGS="$(AUDIT_BUGS)" \
	  $(CARGO) test --profile quick --locked --target-dir $(TARGET)/audit -p strata-tests --features long $(FEATURES) --test tiers -- --nocapture audit

guards: ## each guard of each benchmark program fails once (GUARDS_FILTER= GUARDS_MODE=full GUARDS_SHOW=)
	@.ci/setup.sh test
	$(CARGO) test --release --locked -p strata-tests --features long $(FEATURES) --test guards -- --nocapture guards_of

stress: build ## everything under every stress mode (STRESS_SEED= LUA_TESTES=)
	@.ci/setup.sh test
	STRESS_SEED="$(STRESS_SEED)" .ci/stress.sh $(VM) all $(LUA_TESTES)

official: build ## the official Lua test suite (LUA_TESTES=folder)
	@if [ -z "$(LUA_TESTES)" ]; then \
	  echo "make official: say where the suite is: LUA_TESTES=/path/to/lua/testes (repository lua/lua, tag v5.4.8)" >&2; exit 2; fi
	.ci/official-suite.sh "$(LUA_TESTES)" "$(VM)"

install: ## install the vm program with cargo (PREFIX=)
	@.ci/setup.sh build
	$(CARGO) install --locked --path vm $$(.ci/features | sed 's,strata/,,g') $(if $(PREFIX),--root "$(PREFIX)")

clean: ## remove everything that was built
	$(CARGO) clean
