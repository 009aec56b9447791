//! How LLVM is linked, where it is: so that programs start as fast as without
//! it. All of it is for Linux with GNU's C library; elsewhere programs with
//! LLVM take a few milliseconds longer to start.

use std::env::{var, var_os};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Libraries that LLVM needs besides C's, linked statically if they can be:
/// finding and relocating them takes longer than a small script.
const LIBRARIES: [&str; 4] = ["stdc++", "ffi", "z", "zstd"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=llvm.ld");
    let is = |name, value| var(name).is_ok_and(|v| v == value);
    let gnu = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    if !gnu || var_os("CARGO_FEATURE_LLVM").is_none() {
        return;
    }
    let script = dir("CARGO_MANIFEST_DIR").join("llvm.ld");
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
    // A folder that has the static ones only: it is searched first.
    let folder = dir("OUT_DIR");
    for name in LIBRARIES {
        if let Some(library) = static_library(name) {
            let link = folder.join(format!("lib{name}.a"));
            let _ = std::fs::remove_file(&link);
            if let Err(e) = std::os::unix::fs::symlink(&library, &link) {
                println!("cargo::warning={}: {e}", link.display());
            }
        }
    }
    println!("cargo::rustc-link-search=native={}", folder.display());
}

/// A folder that Cargo names.
fn dir(variable: &str) -> PathBuf {
    PathBuf::from(var_os(variable).expect("Cargo sets it"))
}

/// Where the compiler finds a static library, if it does. Not asked when
/// building for another machine, whose compiler Cargo doesn't name.
fn static_library(name: &str) -> Option<PathBuf> {
    if var("HOST") != var("TARGET") {
        return None;
    }
    let ask = format!("-print-file-name=lib{name}.a");
    let answer = Command::new("cc").arg(ask).output().ok()?;
    let path = String::from_utf8(answer.stdout).ok()?;
    let path = Path::new(path.trim());
    // The bare name means that there is none.
    path.is_absolute().then(|| path.to_path_buf())
}
