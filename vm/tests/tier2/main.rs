//! Tier 2 from outside: optimized code does what the interpreter does. Each program
//! runs in the ways that [`optimized`] knows. One binary, since each has all of LLVM
//! in it.
#![cfg(feature = "cranelift")]

#[path = "../optimized/mod.rs"]
mod optimized;

mod arithmetic;
mod arrays;
mod branches;
mod calls;
mod classes;
mod closures;
mod exits;
mod iterators;
mod objects;
mod phases;
mod upvalues;
mod varargs;

use optimized::{Run, code_of};

/// The intermediate code of the functions that running `source` optimized.
fn ir(source: &str) -> String {
    let listings = code_of(source).into_iter();
    let last = listings.filter_map(|l| l.passes.into_iter().next_back());
    last.map(|(_, text)| text).collect()
}

/// How often guesses turned out to be wrong.
fn failed(run: &Run) -> u64 {
    let by_reason = &run.stats.exits_by_reason;
    let not = ["done", "unreached"].map(|r| by_reason.get(r).copied().unwrap_or(0));
    run.stats.exits - not.iter().sum::<u64>()
}
