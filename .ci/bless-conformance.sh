#!/usr/bin/env bash
# Rewrites the expected outputs of tests/conformance from the reference
# implementation: .ci/bless-conformance.sh [LUA]   (default lua5.4)
#
# Read the difference before committing it: what the reference prints is only
# right if the manual agrees. Outputs must be the same for 5.4.4 and later.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
lua="${1:-lua5.4}"
root="$PWD"
unset LUA_INIT LUA_INIT_5_4 LUA_PATH LUA_PATH_5_4
export TZ=UTC LC_ALL=C

cd "$root/tests/conformance"
for program in *.lua; do
  "$lua" "$program" >"${program%.lua}.out" </dev/null ||
    { echo "bless: $program failed under $lua" >&2; exit 1; }
done

cd "$root/tests/conformance/errors"
for program in *.lua; do
  if "$lua" "$program" >/dev/null 2>"${program%.lua}.err" </dev/null; then
    echo "bless: $program should fail" >&2
    exit 1
  fi
  # Only the first line counts, without the program's name.
  first="$(head -n 1 "${program%.lua}.err")"
  printf '%s\n' "${first#*: }" >"${program%.lua}.err"
done

cd "$root/examples"
for program in *.lua; do
  input="${program%.lua}.txt"
  [ -e "$input" ] || input=/dev/null
  "$lua" "$program" <"$input" >"$root/tests/conformance/examples/${program%.lua}.out"
done
