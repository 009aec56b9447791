#!/usr/bin/env bash
# Installs what the build, the tests and the benchmarks need and this machine
# lacks. Nothing is touched that is already there, and nothing is printed when
# there is nothing to do.
#
#   .ci/setup.sh [build|test|bench|llvm|have-llvm]...      (default: build)
#
#   build   checks for cargo and its version; a linker (cc) and make; llvm
#   test    build, and lua5.4 as the reference implementation
#   bench   test, and luajit to compare with
#   llvm    LLVM 22's and libffi's development files, for the optimizing tier and
#           for LLVM IR
#   have-llvm   installs nothing: exit status 0 if they are there, 1 if not
#
# Works on Debian and Ubuntu (apt-get), Fedora (dnf) and macOS (brew).
# Exit status: 0 ready (optional packages may be missing: a warning says so),
# 2 cargo or a linker is missing, cargo is too old, or a wrong argument.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target="${CARGO_TARGET_DIR:-target}"
tools="$target/tools"           # links to programs that carry another name here
log="$target/setup.log"

say()  { printf 'setup: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# `as_root COMMAND...`: run with root's rights, or fail without asking for a
# password where nobody can type one.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif have sudo; then
    if [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi
  else
    say "neither root nor sudo: cannot run: $*"
    return 1
  fi
}

# `older A B`: is version A older than version B?
older() {
  [ "$1" != "$2" ] &&
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -t. -k1,1n -k2,2n -k3,3n | head -n1)" = "$1" ]
}

need_cargo() {
  if ! have cargo && [ -x "$HOME/.cargo/bin/cargo" ]; then
    PATH="$HOME/.cargo/bin:$PATH"
  fi
  if ! have cargo; then
    say "cargo was not found. Install Rust's toolchain from https://rustup.rs :"
    say "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
    exit 2
  fi
  local want got
  want="$(sed -n 's/^rust-version *= *"\(.*\)"/\1/p' Cargo.toml | head -n1)"
  # From the repository's root, so that a toolchain override counts.
  got="$(cargo --version 2>/dev/null | sed -n 's/^cargo \([0-9][0-9.]*\).*/\1/p' || true)"
  if [ -z "$got" ]; then
    say "cargo does not run: $(cargo --version 2>&1 | head -n1)"
    exit 2
  fi
  if older "$got" "$want"; then
    say "cargo $got is older than $want, which this project needs: rustup update stable"
    exit 2
  fi
}

refreshed=no

# `install PACKAGE...`: through whichever package manager this system has; its
# chatter goes to the log. Fails when it can't.
install() {
  mkdir -p "$target"
  say "installing $* (log: $log)"
  if have apt-get; then
    if [ $refreshed = no ]; then
      as_root apt-get -qq update >>"$log" 2>&1 || say "apt-get update failed; using the lists there are"
      refreshed=yes
    fi
    as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get -qq -y --no-install-recommends install "$@" >>"$log" 2>&1
  elif have dnf; then
    as_root dnf -q -y install "$@" >>"$log" 2>&1
  elif have brew; then
    HOMEBREW_NO_AUTO_UPDATE=1 HOMEBREW_NO_INSTALL_CLEANUP=1 brew install -q "$@" >>"$log" 2>&1
  else
    say "no package manager that this script knows (apt-get, dnf, brew)"
    return 1
  fi
}

# `packages DEBIAN -- FEDORA -- BREW`: the list for this system.
packages() {
  local want=1 at=1 word
  if have apt-get; then want=1; elif have dnf; then want=2; else want=3; fi
  for word in "$@"; do
    if [ "$word" = -- ]; then at=$((at + 1)); elif [ $at = $want ]; then printf '%s\n' "$word"; fi
  done
}

# `optional WHAT PACKAGE...`: install, or warn and go on.
optional() {
  local what="$1"
  shift
  install "$@" || say "warning: $* could not be installed; $what"
}

# Rust's toolchain links through the system's C compiler driver.
need_linker() {
  have cc && have make && return 0
  if [ "$(uname -s)" = Darwin ]; then
    say "Apple's command line tools are missing: xcode-select --install"
    exit 2
  fi
  # shellcheck disable=SC2046 # one word per package is wanted
  install $(packages gcc libc6-dev make -- gcc glibc-devel make -- make) || true
  if ! have cc; then
    say "a linker (cc) is missing and could not be installed"
    exit 2
  fi
}

# The reference implementation is called lua5.4 on Debian and in our scripts,
# `lua` or `lua-5.4` elsewhere: then a link in target/tools gives it our name.
link_lua() {
  local name path
  have lua5.4 && return 0
  [ -x "$tools/lua5.4" ] && return 0
  for name in lua-5.4 lua54 lua; do
    path="$(command -v "$name" 2>/dev/null)" || continue
    case "$("$path" -v 2>&1)" in
      "Lua 5.4"*) mkdir -p "$tools"; ln -sf "$path" "$tools/lua5.4"; return 0 ;;
    esac
  done
  # Homebrew keeps older versions off the PATH.
  have brew && path="$(brew --prefix lua@5.4 2>/dev/null)" || return 1
  [ -x "$path/bin/lua" ] && mkdir -p "$tools" && ln -sf "$path/bin/lua" "$tools/lua5.4"
}

need_lua() {
  link_lua && return 0
  # shellcheck disable=SC2046 # one word per package is wanted
  optional "comparisons with lua5.4 are left out" $(packages lua5.4 -- lua -- lua@5.4)
  link_lua || say "warning: there is no lua5.4 here"
}

# The check that the interpreter's handlers end in jumps reads machine code.
need_inspector() {
  have objdump && have python3 && return 0
  # shellcheck disable=SC2046 # one word per package is wanted
  optional "the threading check can't run" $(packages binutils python3 -- binutils python3 -- binutils python3)
}

need_luajit() {
  have luajit && return 0
  optional "the benchmarks leave its column out" luajit
}

# The names under which the crate llvm-sys looks for it, in this order. Having
# it isn't enough: the static libraries must be there too, or a shared one of
# the same version, and the C++ library and libffi to link.
have_llvm() {
  local config prefix="${LLVM_SYS_221_PREFIX:+$LLVM_SYS_221_PREFIX/bin/}"
  have_library stdc++ && have_library ffi || return 1
  for config in llvm-config-22 llvm-config22 llvm22-config llvm-config-22.1 llvm-config221 llvm-config \
    /opt/homebrew/opt/llvm@22/bin/llvm-config /usr/local/opt/llvm@22/bin/llvm-config; do
    case "$config" in /*) ;; *) config="$prefix$config" ;; esac
    case "$("$config" --version 2>/dev/null)" in
      22.*) "$config" --link-static --libnames >/dev/null 2>&1 && return 0
            "$config" --link-shared --libnames >/dev/null 2>&1 && return 0 ;;
    esac
  done
  return 1
}

# `have_library NAME`: can the compiler link it?
have_library() {
  [ "$(uname -s)" = Darwin ] && return 0
  local file
  for file in "lib$1.so" "lib$1.a"; do
    case "$(cc -print-file-name="$file" 2>/dev/null)" in /*) return 0 ;; esac
  done
  return 1
}

need_llvm() {
  have_llvm && return 0
  # Fedora keeps it where nobody looks.
  if [ -z "${LLVM_SYS_221_PREFIX:-}" ] && [ -x /usr/lib64/llvm22/bin/llvm-config ]; then
    say "LLVM 22 is in /usr/lib64/llvm22: export LLVM_SYS_221_PREFIX=/usr/lib64/llvm22"
  fi
  # shellcheck disable=SC2046 # one word per package is wanted
  optional "the build leaves the optimizing tier out" \
    $(packages llvm-22-dev libpolly-22-dev libzstd-dev libffi-dev g++ -- llvm-devel llvm-static polly-devel libzstd-devel libffi-devel gcc-c++ -- llvm@22 zstd)
}

[ $# -gt 0 ] || set -- build
for part in "$@"; do
  case "$part" in
    build) need_cargo; need_linker; need_llvm ;;
    test)  need_cargo; need_linker; need_llvm; need_lua; need_inspector ;;
    bench) need_cargo; need_linker; need_llvm; need_lua; need_inspector; need_luajit ;;
    llvm)  need_llvm ;;
    have-llvm) have_llvm || exit 1 ;;
    *) say "usage: .ci/setup.sh [build|test|bench|llvm|have-llvm]..."; exit 2 ;;
  esac
done
