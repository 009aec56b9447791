#!/usr/bin/env bash
# Runs the official Lua test suite, file by file, under our vm.
#
#   .ci/official-suite.sh TESTES [VM] [FILE...]
#
# TESTES is the folder `testes/` of the repository lua/lua at tag v5.4.8. It is
# only read: the run happens in a copy under target/official, where one patch is
# applied (see `patch_suite`). With DUMP=1 a second pass runs each file through
# string.dump and load, stripped where the suite's all.lua strips.
#
# The configuration is `_port=true` and `_soft=true`, with loading of bytecode
# allowed. STRATA_JIT and STRATA_STRESS say how it is executed, as always.
# What a file skips by itself it reports in lines that start with
# ">>>"; the summary at the end lists them.
set -uo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cd "$here/.."

if [ $# -lt 1 ] || [ ! -f "$1/all.lua" ]; then
  echo "usage: .ci/official-suite.sh TESTES [VM] [FILE...]   (TESTES: folder testes/ of lua/lua, tag v5.4.8)" >&2
  exit 2
fi
testes="$(cd "$1" && pwd)"
target="${CARGO_TARGET_DIR:-target}"
vm="${2:-$target/release/vm}"
case "$vm" in /*) ;; *) vm="$PWD/$vm" ;; esac
if [ ! -x "$vm" ]; then
  echo "official suite: $vm is missing: make build" >&2
  exit 2
fi
shift
[ $# = 0 ] || shift

# Files that are not run, with the reason.
exclusion() {
  case "$1" in
    all.lua)     echo "runs the other files, which are run one by one here" ;;
    heavy.lua)   echo "needs all of the machine's memory on purpose" ;;
    main.lua)    echo "tests the command line of the program 'lua'; it returns at once under _port" ;;
    tracegc.lua) echo "a module that other files load, not a test" ;;
    *) return 1 ;;
  esac
}

# How all.lua runs each file in its pass through string.dump.
dump_mode() {
  case "$1" in
    gc.lua|strings.lua|literals.lua|big.lua) echo none ;;   # loaded from source there too
    code.lua|goto.lua|sort.lua|verybig.lua) echo strip ;;
    *) echo dump ;;
  esac
}

# The only change to the suite: calls.lua asserts that a dump starts with PUC
# Lua's own header and check values. Ours is another format. The three lines
# become empty ones, so that line numbers stay; anything but exactly three
# matches means that this is not the suite of 5.4.8.
patch_suite() {
  awk -v counter="$1/patched" '
    /^ *assert\(string\.sub\(c, 1, #header\) == header\)$/ ||
    /^ *local ci, cn = string\.unpack\("jn", c, #header \+ 1\)$/ ||
    /^ *assert\(ci == 0x5678 and cn == 370\.5\)$/ { n++; print ""; next }
    { print }
    END { print n + 0 > counter }' "$testes/calls.lua" >"$1/calls.lua"
  if [ "$(cat "$1/patched")" != 3 ]; then
    echo "official suite: calls.lua is not the one of Lua 5.4.8 (patched $(cat "$1/patched") lines, not 3)" >&2
    exit 2
  fi
}

mkdir -p "$target/official"
work="$(cd "$target/official" && pwd)"
rm -rf "${work:?}"/suite "$work"/log
mkdir -p "$work/log"
cp -R "$testes" "$work/suite"
chmod -R u+w "$work/suite"
patch_suite "$work/suite"
cd "$work/suite" || exit 2
unset LUA_PATH LUA_CPATH LUA_INIT LUA_PATH_5_4 LUA_CPATH_5_4 LUA_INIT_5_4

limit=()
if command -v timeout >/dev/null 2>&1; then limit=(timeout "${OFFICIAL_TIMEOUT:-900}"); fi

passed=0
failed=()

# `run_file FILE MODE LABEL`
run_file() {
  local log="$work/log/$3.txt" start=$SECONDS status mode=()
  [ "$2" = none ] || mode=("$2")
  "${limit[@]+"${limit[@]}"}" "$vm" run --allow-bytecode "$here/official-driver.lua" "$1" \
    "${mode[@]+"${mode[@]}"}" >"$log" 2>&1 </dev/null
  status=$?
  if [ $status = 0 ]; then
    passed=$((passed + 1))
    printf 'ok      %-24s %4d s\n' "$3" $((SECONDS - start))
  else
    failed+=("$3")
    printf 'FAILED  %-24s %4d s  (exit status %s%s)\n' "$3" $((SECONDS - start)) "$status" \
      "$([ $status = 124 ] && echo ', timed out')"
    tail -n 6 "$log" | sed 's/^/        | /'
  fi
}

if [ $# -gt 0 ]; then files=("$@"); else files=(*.lua); fi
for file in "${files[@]}"; do
  if reason="$(exclusion "$file")"; then
    printf 'left    %-24s %s\n' "$file" "$reason"
    continue
  fi
  run_file "$file" none "$file"
  if [ "${DUMP:-0}" = 1 ]; then
    mode="$(dump_mode "$file")"
    [ "$mode" = none ] || run_file "$file" "$mode" "$file-$mode"
  fi
done

echo
echo "Skipped inside files (as reported by them):"
(cd "$work/log" && grep -H '>>> .*skipping' ./*.txt | sed 's/^\.\//  /; s/\.txt:[[:space:]]*/: /' | sort -u)
echo
echo "passed: $passed, failed: ${#failed[@]}${failed[*]+ (${failed[*]})}"
echo "logs: $work/log"
[ ${#failed[@]} = 0 ]
