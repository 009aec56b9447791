#!/usr/bin/env bash
# .ci/examples.sh VM: runs each example program three times, from its source, from
# the bytecode compiled from it, and as a standalone program, and compares all
# outputs with the saved one
# (tests/conformance/examples/NAME.out). An example that reads standard input
# finds NAME.txt there. Then it rewrites the terms of the example of rules.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
vm="${1:-${CARGO_TARGET_DIR:-target}/release/vm}"
if [ ! -x "$vm" ]; then
  echo "examples: $vm is missing: make build" >&2
  exit 2
fi

case "$vm" in /*) ;; *) vm="$PWD/$vm" ;; esac
expected="$PWD/tests/conformance/examples"
cd examples || exit 2              # so that messages name bare files

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
failed=0

# `compare NAME WAY STATUS`: judges the output in $work/out.
compare() {
  if [ "$3" = 0 ] && cmp -s "$work/out" "$expected/$1.out"; then
    printf 'ok      %s (%s)\n' "$1" "$2"
  else
    printf 'FAILED  %s (%s), exit status %s\n' "$1" "$2" "$3"
    diff "$expected/$1.out" "$work/out" | head -n 10
    head -n 5 "$work/err"
    failed=1
  fi
}

for source in *.lua; do
  name="$(basename "$source" .lua)"
  input="$name.txt"
  [ -e "$input" ] || input=/dev/null
  "$vm" run "$source" <"$input" >"$work/out" 2>"$work/err"
  compare "$name" source $?
  : >"$work/out"
  "$vm" compile -o "$work/$name.bc" "$source" 2>"$work/err" &&
    "$vm" run "$work/$name.bc" <"$input" >"$work/out" 2>"$work/err"
  compare "$name" bytecode $?
  : >"$work/out"
  # In another folder, with nothing around it.
  "$vm" build -o "$work/$name" "$source" >"$work/err" 2>&1 &&
    (cd / && env -i "$work/$name" >"$work/out" 2>"$work/err") <"$input"
  compare "$name" standalone $?
  rm -f "$work/$name"
done
# Rules, by all that looks for the one that fits.
for backend in interpret native auto; do
  if [ "$backend" = native ] && ! "$vm" rewrite --llvm algebra.rules >/dev/null 2>&1; then
    continue                       # a build without LLVM
  fi
  "$vm" rewrite --backend "$backend" algebra.rules algebra.terms >"$work/out" 2>"$work/err"
  compare algebra "$backend" $?
done
exit $failed
