#!/usr/bin/env bash
# .ci/stress.sh VM slice|all [TESTES]
#
# Runs programs under the stress modes of spec/tiers.md, compiled: the
# conformance programs, and with `all` also the benchmark programs and, if its
# folder is given, the official suite, each under every mode, once with
# baseline code alone and once with optimized code too. STRESS_SEED replays a
# run (empty: a fresh seed, which is printed); STRESS_MODES and STRESS_TIERS,
# lists separated by spaces, replace the modes and "baseline full".
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ $# -lt 2 ] || [ ! -x "$1" ]; then
  echo "usage: .ci/stress.sh VM slice|all [TESTES]" >&2
  exit 2
fi
case "$1" in /*) vm="$1" ;; *) vm="$PWD/$1" ;; esac
what="$2"
testes="${3:-}"
seed="${STRESS_SEED:-$((SECONDS + $(date +%s) % 1000000))}"
export STRATA_VM="$vm"

slice="deopt=every,poison osr=every,poison resume=every,poison invalidate=safepoint gc=101 queue=reorder,poison"
all="$slice deopt=3,poison deopt=guard:0 deopt=guard:2 gc=safepoint gc=11,stack=1
  interrupt=every bailout=2 stack=1 osr=every,invalidate=safepoint,stack=3
  deopt=7,osr=every,poison,gc=151 queue=drop,deopt=every
  queue=delay:9,invalidate=safepoint queue=sync,stack=3 queue=reorder,gc=31"
case "$what" in
  slice) modes="$slice" ;;
  all) modes="$all" ;;
  *) echo "stress: '$what' is neither slice nor all" >&2; exit 2 ;;
esac
modes="${STRESS_MODES:-$modes}"
tiers="${STRESS_TIERS:-baseline full}"

failed=()
# `try NAME COMMAND...`: one kind of programs under the current modes.
try() {
  local name="$1" start=$SECONDS log
  shift
  log="$(mktemp)"
  if "$@" >"$log" 2>&1; then
    printf 'ok      %-16s %-8s %-58s %4d s\n' "$name" "$STRATA_JIT" "$STRATA_STRESS" $((SECONDS - start))
  else
    printf 'FAILED  %-16s %-8s %-58s %4d s\n' "$name" "$STRATA_JIT" "$STRATA_STRESS" $((SECONDS - start))
    tail -n 40 "$log" | sed 's/^/        | /'
    failed+=("$name: STRATA_JIT=$STRATA_JIT STRATA_STRESS=$STRATA_STRESS")
  fi
  rm -f "$log"
}

# `under MODE`: all kinds of programs that were asked for.
under() {
  export STRATA_STRESS="threshold=1,$1,seed=$seed"
  # The same line as in `make test`: nothing is built twice.
  # shellcheck disable=SC2046 # options are words
  try "conformance" cargo test --locked --workspace $(.ci/features) --test conformance
  [ "$what" = all ] || return
  # Collections every few polls take too long with the benchmarks' heaps, and
  # asking at every guard with their loops.
  case "$1" in
    *gc=*|deopt=[0-9]*|deopt=guard*) ;;
    *) try "benchmarks" cargo run --locked --profile test -p strata-benches -- --vm "$vm" --check --without luajit ;;
  esac
  if [ -n "$testes" ]; then
    try "official suite" .ci/official-suite.sh "$testes" "$vm"
  fi
}

for tier in $tiers; do
  export STRATA_JIT="$tier"
  for mode in $modes; do
    # Short programs end before a background compile does: they wait for it.
    case "$tier $mode" in
      full*queue=*|baseline*) under "$mode" ;;
      *) under "$mode,queue=sync" ;;
    esac
  done
done

if [ ${#failed[@]} -gt 0 ]; then
  printf '\nstress: failed:\n'
  printf '  %s\n' "${failed[@]}"
  exit 1
fi
