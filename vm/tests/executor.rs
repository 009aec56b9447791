//! LLVM IR, compiled and called. Needs the feature `llvm`.
#![cfg(feature = "llvm")]

#[path = "executor/calls.rs"]
mod calls;
#[path = "executor/errors.rs"]
mod errors;
#[path = "executor/libraries.rs"]
mod libraries;
#[path = "executor/programs.rs"]
mod programs;

use strata::executor::{Error, Executor, Level, Options, Program, Result, Source, Value};

/// Compiles some IR, without libraries.
fn try_load(text: &str) -> Result<Program> {
    // SAFETY: what tests compile does no harm.
    unsafe { Executor::default().load([Source::text("test.ll", text)]) }
}

fn load(text: &str) -> Program {
    try_load(text).unwrap()
}

/// An executor that compiles like this.
fn at(level: Level) -> Executor {
    Executor::new(Options {
        level,
        ..Options::default()
    })
}

/// All levels.
const LEVELS: [Level; 4] = [Level::O0, Level::O1, Level::O2, Level::O3];

/// Loads sources, named `0.ll`, `1.ll`, and so on.
fn load_all(executor: &Executor, texts: &[&str]) -> Result<Program> {
    let sources = texts.iter().enumerate();
    let sources = sources.map(|(n, text)| Source::text(format!("{n}.ll"), *text));
    // SAFETY: as above.
    unsafe { executor.load(sources) }
}

fn try_call(program: &Program, name: &str, args: &[Value]) -> Result<Value> {
    // SAFETY: as above.
    unsafe { program.call(name, args) }
}

#[track_caller]
fn call(program: &Program, name: &str, args: &[Value]) -> Value {
    try_call(program, name, args).unwrap()
}

/// A call that returns an integer.
#[track_caller]
fn int(program: &Program, name: &str, args: &[Value]) -> i64 {
    call(program, name, args).as_i64().unwrap()
}

/// The message of an error.
#[track_caller]
fn message<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().to_string()
}
