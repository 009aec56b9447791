//! Tier 2: the optimizing compiler.

#[allow(dead_code, reason = "the compiler that uses all of it follows")]
pub(crate) mod llvm;
