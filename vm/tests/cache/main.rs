//! The compile cache: its entries by way of the executor, and code of tier 2 in it.
#![cfg(all(feature = "cli", feature = "cranelift", unix))]

#[path = "../common/mod.rs"]
mod common;
#[path = "../optimized/mod.rs"]
mod optimized;

#[cfg(feature = "llvm")]
mod entries;
mod tier2;
