//! What the crate gets to know of its build, and how LLVM is linked.
//!
//! - `STRATA_BUILD` tells builds apart whose compiled code may not be mixed: by
//!   sources, compiler, target, features and flags. The compile cache needs it.
//! - Where LLVM is, it is linked so that programs start as fast as without it. All
//!   of that is for Linux with GNU's C library; elsewhere programs with LLVM take a
//!   few milliseconds longer to start.

use std::env::{var, var_os, vars};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Libraries that LLVM needs besides C's, linked statically if they can be:
/// finding and relocating them takes longer than a small script.
const LIBRARIES: [&str; 4] = ["stdc++", "ffi", "z", "zstd"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=llvm.ld");
    println!("cargo::rustc-env=STRATA_BUILD={:016x}", build());
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

/// A hash of all that decides what machine code looks like, and what it may rely
/// on: the layout of objects, the helpers it calls.
fn build() -> u64 {
    let mut hash = DefaultHasher::new();
    let root = dir("CARGO_MANIFEST_DIR");
    // Where the crate is part of the workspace the others are there, too; else
    // their versions say what they are.
    for part in [
        "src",
        "../runtime",
        "../spec",
        "../profiler",
        "../Cargo.lock",
    ] {
        let path = root.join(part);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
            part.hash(&mut hash);
            hash_sources(&path, &mut hash);
        }
    }
    let mut about: Vec<(String, String)> = vars()
        .filter(|(name, _)| {
            let features = ["CARGO_FEATURE_LLVM", "CARGO_FEATURE_CRANELIFT"];
            let others = ["TARGET", "OPT_LEVEL", "CARGO_ENCODED_RUSTFLAGS"];
            features.contains(&&**name)
                || others.contains(&&**name)
                || name == "CARGO_CFG_DEBUG_ASSERTIONS"
                || name.starts_with("CARGO_CFG_TARGET_")
        })
        .collect();
    about.sort();
    about.hash(&mut hash);
    let compiler = var_os("RUSTC").map(|rustc| Command::new(rustc).arg("-vV").output());
    if let Some(Ok(output)) = compiler {
        output.stdout.hash(&mut hash);
    }
    hash.finish()
}

/// Adds the contents of a file, or of all files in a folder.
fn hash_sources(path: &Path, hash: &mut DefaultHasher) {
    if let Ok(entries) = std::fs::read_dir(path) {
        let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
        paths.sort();
        for path in paths {
            path.file_name().hash(hash);
            hash_sources(&path, hash);
        }
    } else if let Ok(bytes) = std::fs::read(path) {
        bytes.hash(hash);
    }
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
