#!/usr/bin/env bash
# Gives this machine a Rust toolchain that builds for wasm32-unknown-unknown and
# thumbv7m-none-eabi with plain cargo (no nightly flags, no RUSTC_BOOTSTRAP).
#
#   wasm-toolchain.sh [--from-source]    install what is missing, then print how to call cargo
#   wasm-toolchain.sh --which            only print that; fails if nothing is installed
#   wasm-toolchain.sh --unwind [--which] the same for a toolchain whose panics unwind in wasm32
#
# 1. Tries `rustup target add` on the default toolchain; if that works it stops there.
# 2. Otherwise, with --from-source, or where TARGETS_FROM_SOURCE is set, it installs Debian's
#    rustc-web, cargo-web and rust-web-src, builds the standard library once for both targets, lays
#    it out as a sysroot that overlays Debian's, and links that as the rustup toolchain `web`.
#
# With --unwind it builds std once more, for wasm32 alone, with panic=unwind, as the rustup toolchain
# `web-unwind`. The compiler's own LLVM 19 knows only the legacy form of wasm exceptions, LLVM 20 and later
# the standard one. So its libraries are bitcode, of which rustup's rust-lld makes code when a module is
# linked; but for compiler_builtins, which cargo never leaves as bitcode, and which therefore aborts.
#
# Idempotent: with both targets there it only prints how to call cargo.
set -euo pipefail

name=web
dir="${XDG_DATA_HOME:-$HOME/.local/share}/wasm-toolchain"
from_source="${TARGETS_FROM_SOURCE:+1}"
which_only=""
unwind=""
wasm=wasm32-unknown-unknown
arm=thumbv7m-none-eabi
for argument in "$@"; do
  case "$argument" in
    --from-source) from_source=1 ;;
    --which) which_only=1 ;;
    --unwind) unwind=1; from_source=1; name=web-unwind ;;
    -h|--help) sed -n '2,20p' "$0"; exit 0 ;;
    *) echo "wasm-toolchain: unknown argument $argument; --help lists them" >&2; exit 2 ;;
  esac
done

say() { echo "wasm-toolchain: $*" >&2; }
root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
have() { command -v "$1" >/dev/null 2>&1; }

# ---- what is there -------------------------------------------------------------------
# has_targets SYSROOT: whether it holds a core library for both targets
has_targets() {
  local target
  for target in "$wasm" "$arm"; do
    compgen -G "$1/lib/rustlib/$target/lib/libcore-*.rlib" >/dev/null || return 1
  done
}

# The stamp of a toolchain built from source: the compiler, and the source it was built from.
stamp() {
  echo "v2 $(/usr/bin/rustc -vV | sha256sum | cut -c1-16) $(dpkg-query -W -f='${Version}' rust-web-src)"
}

# How to call a cargo that builds for both targets.
which_cargo() {
  if [ -z "$from_source" ] && have rustc && has_targets "$(rustc --print sysroot)"; then
    echo cargo
  elif [ -f "$dir/$name/stamp" ] && have dpkg-query && [ "$(cat "$dir/$name/stamp")" = "$(stamp 2>/dev/null)" ]; then
    if have rustup; then echo "cargo +$name"; else
      echo "env RUSTC=$dir/$name/bin/rustc RUSTDOC=$dir/$name/bin/rustdoc /usr/bin/cargo"
    fi
  else
    return 1
  fi
}

if found=$(which_cargo); then echo "$found"; exit 0; fi
if [ -n "$which_only" ]; then
  say "no toolchain here builds for $wasm$([ -n "$unwind" ] && echo " with panics that unwind" || echo " and $arm"); run \`cargo xtask setup\`"
  exit 1
fi

# ---- 1. rustup's own std, where its host can be reached --------------------------------
if [ -z "$from_source" ] && have rustup; then
  if timeout 180 rustup target add "$wasm" "$arm" >&2; then
    which_cargo
    exit 0
  fi
  say "rustup cannot add the targets; building std from Debian's source package"
fi

# ---- 2. Debian's compiler and std source -----------------------------------------------
have apt-get || { say "without rustup this needs Debian's packages rustc-web and rust-web-src"; exit 1; }

install_packages() {
  local want=() p
  for p in "$@"; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || want+=("$p")
  done
  if [ "${#want[@]}" -gt 0 ]; then
    root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive root apt-get install -y -qq --no-install-recommends "${want[@]}" >&2
  fi
}

# rustup's rust-lld.
rustup_lld() {
  have rustup || return 1
  ls "$(rustup run stable rustc --print sysroot 2>/dev/null)"/lib/rustlib/*/bin/rust-lld 2>/dev/null | head -n1 | grep .
}

# An lld at least as new as the compiler's LLVM: Debian's lld-NN, else rustup's rust-lld. For panics that unwind at least
# LLVM 20, which only rustup has.
find_lld() {
  local major
  if [ -n "$unwind" ]; then
    rustup_lld || { say "standard wasm exceptions need a linker of LLVM 20 or later; rustup's stable toolchain has one"; return 1; }
    return
  fi
  major=$(/usr/bin/rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
  install_packages "lld-$major" || true
  if [ -x "/usr/lib/llvm-$major/bin/lld" ]; then echo "/usr/lib/llvm-$major/bin/lld"; return; fi
  rustup_lld
}

# build_std TARGET CRATES FEATURES OUT FLAGS: compiles std with the Debian compiler into OUT
build_std() {
  local target="$1" crates="$2" features="$3" out="$4" flags="$5" tmp vendor source=()
  tmp=$(mktemp -d)
  mkdir -p "$tmp/src"
  printf '#![no_std]\n' >"$tmp/src/lib.rs"
  cat >"$tmp/Cargo.toml" <<TOML
[package]
name = "sysroot_seed"
version = "0.0.0"
edition = "2021"
[workspace]
[profile.release]
debug = false
TOML
  # std's own dependencies: vendored with its source where Debian ships them, else from the crate
  # registry, as std's lock file pins them
  vendor=/usr/lib/rustlib/src/rust/library/vendor
  if [ -d "$vendor" ]; then
    source=(--offline --config 'source.crates-io.replace-with="std-vendored"'
      --config "source.std-vendored.directory=\"$vendor\"")
  fi
  # of compiler_builtins the landing pads would be of the legacy form, and engines take no mix
  printf '#!/bin/sh\ncase " $* " in *" --crate-name compiler_builtins "*) set -- "$@" -Cpanic=abort ;; esac\nexec "$@"\n' >"$tmp/rustc"
  chmod +x "$tmp/rustc"
  env -u RUSTUP_TOOLCHAIN -u CARGO_ENCODED_RUSTFLAGS -u CARGO_BUILD_TARGET \
    RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc RUSTC_WRAPPER="$tmp/rustc" RUSTFLAGS="$flags" \
    CARGO_TARGET_DIR="$tmp/target" \
    /usr/bin/cargo build "${source[@]}" -q --release --manifest-path "$tmp/Cargo.toml" --target "$target" \
    -Zbuild-std="$crates" -Zbuild-std-features="$features" >&2
  rm -rf "$out"; mkdir -p "$out"
  cp "$tmp/target/$target/release/deps/"lib*.rlib "$out/"
  rm -f "$out"/libsysroot_seed-*.rlib "$out"/libsysroot-*.rlib
  rm -rf "$tmp"
}

make_toolchain() {
  local t="$dir/$name" host lld f
  host=$(/usr/bin/rustc -vV | sed -n 's/^host: //p')
  say "building std into $t (about a minute a target on two cores)"
  rm -rf "$t"; mkdir -p "$t/bin" "$t/lib/rustlib/$host"
  # overlay: host std and std source stay Debian's, by link
  for f in /usr/lib/rustlib/etc /usr/lib/rustlib/src; do ln -s "$f" "$t/lib/rustlib/"; done
  ln -s "/usr/lib/rustlib/$host/lib" "$t/lib/rustlib/$host/lib"
  lld=$(find_lld) || { say "no lld found"; exit 1; }
  mkdir -p "$t/lib/rustlib/$host/bin/gcc-ld"
  # rustc puts this folder on PATH when it links, whichever of these names the target asks for
  for f in rust-lld lld wasm-ld ld.lld; do ln -s "$lld" "$t/lib/rustlib/$host/bin/$f"; done
  for f in rustc rustdoc; do
    printf '#!/bin/sh\nSYSROOT="%s" exec /usr/bin/%s --sysroot "%s" "$@"\n' "$t" "$f" "$t" >"$t/bin/$f"
    chmod +x "$t/bin/$f"
  done
  ln -s /usr/bin/cargo "$t/bin/cargo"
  if [ -n "$unwind" ]; then
    build_std "$wasm" core,alloc,std,panic_unwind panic-unwind "$t/lib/rustlib/$wasm/lib" \
      "-Cpanic=unwind -Ctarget-feature=+exception-handling -Clinker-plugin-lto"
  else
    # embed-bitcode: without it a later `lto = true` could not reach into std
    build_std "$wasm" core,alloc,std,proc_macro,panic_abort,panic_unwind,test \
      panic-unwind,backtrace "$t/lib/rustlib/$wasm/lib" -Cembed-bitcode=yes
    build_std "$arm" core,alloc compiler-builtins-mem "$t/lib/rustlib/$arm/lib" -Cembed-bitcode=yes
  fi
  stamp >"$t/stamp"
  if have rustup; then rustup toolchain link "$name" "$t" >&2; fi
}

install_packages rustc-web cargo-web rust-web-src
make_toolchain
which_cargo
