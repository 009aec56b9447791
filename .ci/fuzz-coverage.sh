#!/usr/bin/env bash
# .ci/fuzz-coverage.sh SECONDS [TARGET]: runs the targets of tests/tests/coverage.rs and
# vm/src/ir/passes/random.rs under libFuzzer, each for so long, or one of them. Inputs
# that reach something new are kept in target/coverage/corpus/TARGET and used by the
# next run; one that fails is written to target/coverage/failed/TARGET-... and its
# target named. It needs a C++ compiler, for libFuzzer, and nothing beyond the stable
# Rust that builds all else. TARGET=... INPUT=file replays one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds="${1:-60}"
only="${2:-}"
folder="${CARGO_TARGET_DIR:-target}/coverage"
host="$(rustc -vV | sed -n 's/^host: //p')"

# What `cargo bolero test --engine libfuzzer --sanitizer NONE` passes, too. With
# --target, so that what runs while building has no counters.
counters="-Cpasses=sancov-module"
for flag in -sanitizer-coverage-level=4 -sanitizer-coverage-inline-8bit-counters \
            -sanitizer-coverage-pc-table -sanitizer-coverage-trace-compares; do
  counters="$counters -Cllvm-args=$flag"
done
export RUSTFLAGS="--cfg fuzzing --cfg fuzzing_libfuzzer -Cdebug-assertions $counters"

# `binary PACKAGE ARGS`: builds tests, and prints where they are.
binary() {
  cargo test --profile quick --locked --target "$host" --target-dir "$folder" --no-run \
    --message-format=json-render-diagnostics -p "$@" |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1
}

failed=0
# `fuzz PROGRAM TEST`
fuzz() {
  local target="${2##*::}"
  if [ -n "$only" ] && [ "$only" != "$target" ]; then return; fi
  mkdir -p "$folder/corpus/$target" "$folder/failed"
  echo "fuzz-coverage: $target, $seconds s"
  local inputs="$folder/corpus/$target"
  local args="-max_total_time=$seconds -timeout=60 -rss_limit_mb=4096 -print_final_stats=1"
  if [ -n "${INPUT:-}" ]; then inputs="$INPUT"; fi
  if ! BOLERO_LIBTEST_HARNESS=1 BOLERO_TEST_NAME="$2" \
       BOLERO_LIBFUZZER_ARGS="$inputs $args -artifact_prefix=$folder/failed/$target-" \
       "$1" "$2" --exact --nocapture --quiet --test-threads 1 >"$folder/$target.log" 2>&1; then
    echo "fuzz-coverage: $target FAILED, see $folder/$target.log and $folder/failed" >&2
    failed=1
  fi
  grep -E 'cov: [0-9]+' "$folder/$target.log" | tail -n 1 || true
}

program="$(binary strata-tests --test coverage)"
for target in covered_modules covered_sources covered_patterns covered_formats covered_packs; do
  fuzz "$program" "$target"
done
program="$(binary strata --lib)"
for target in covered_passes covered_texts; do
  fuzz "$program" "ir::passes::random::$target"
done
exit $failed
