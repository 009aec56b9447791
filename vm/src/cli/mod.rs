//! The command line of Strata.
//!
//! ```text
//!  args ──▶ run, repl ──▶ session (a VM with its limits) ──▶ report
//!     │                      ▲
//!     ├──▶ explain, info: likewise, and what became of the functions
//!     ├──▶ compile, asm, ────┴── input (files to verified modules)
//!     │    disasm, info
//!     ├──▶ ir (LLVM IR, by the executor)
//!     ├──▶ build (collect, training) ──▶ a standalone program
//!     ├──▶ rewrite (terms, by rules)
//!     └──▶ cache (compiled code that is kept)
//!  standalone program ──▶ program ──▶ session
//! ```
//!
//! Each command returns a [`Status`]. What went wrong travels up as a
//! [`Problem`] and is printed once, here. The process ends by
//! [`strata::engine::exit`], without taking the heap apart first: the system
//! frees it faster.
//!
//! | status | meaning |
//! |---|---|
//! | 0 | success, or what the script gave `os.exit` |
//! | 1 | the script failed: an uncaught error, or a limit was reached |
//! | 2 | bad usage, or bad input: missing file, syntax error, unsafe bytecode |

mod args;
#[cfg(feature = "cranelift")]
mod build;
#[cfg(feature = "cranelift")]
mod cache;
#[cfg(feature = "cranelift")]
mod collect;
mod explain;
mod info;
mod input;
mod ir;
mod jit;
mod modules;
#[cfg(feature = "cranelift")]
mod program;
mod repl;
mod report;
mod rewrite;
mod run;
mod session;
mod signals;
mod stress;
mod units;

use args::{Cli, Command};
use clap::Parser;
use std::io::Write;

/// What the process returns to the system.
pub(crate) type Status = i32;

/// All went well.
pub(crate) const SUCCESS: Status = 0;
/// The script failed.
pub(crate) const SCRIPT_FAILED: Status = 1;
/// The command line or a file is not what it should be.
pub(crate) const BAD_INPUT: Status = 2;

/// Why a command could not do what it was asked to.
#[derive(Debug)]
pub(crate) struct Problem {
    status: Status,
    /// Without the name of the program; bytes, since it may quote a script.
    message: Vec<u8>,
}

impl Problem {
    /// Bad usage or bad input.
    pub(crate) fn input(message: impl Into<Vec<u8>>) -> Problem {
        Problem {
            status: BAD_INPUT,
            message: message.into(),
        }
    }

    /// A failed script.
    pub(crate) fn script(message: impl Into<Vec<u8>>) -> Problem {
        Problem {
            status: SCRIPT_FAILED,
            message: message.into(),
        }
    }
}

/// What commands return.
pub(crate) type Outcome<T = Status> = Result<T, Problem>;

/// Runs the command that the arguments name and ends the process.
pub(crate) fn main() -> ! {
    signals::end_quietly_on_closed_output();
    #[cfg(feature = "cranelift")]
    if let Some(program) = program::of_this_process().transpose() {
        strata::engine::exit(program::main(program));
    }
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Compile(args) => modules::compile(&args),
        #[cfg(feature = "cranelift")]
        Command::Build(args) => build::build(&args),
        Command::Asm(args) => modules::asm(&args),
        Command::Disasm(args) => modules::disasm(&args),
        Command::Repl(args) => repl::repl(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Info(args) => info::info(&args),
        Command::Rewrite(args) => rewrite::rewrite(&args),
        #[cfg(feature = "cranelift")]
        Command::Cache(args) => cache::command(&args),
    };
    let status = outcome.unwrap_or_else(|problem| {
        report::problem(&problem.message);
        problem.status
    });
    strata::engine::exit(status)
}

/// Writes a command's output to standard output.
pub(crate) fn put(bytes: &[u8]) -> Outcome<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Problem::input(format!(
            "cannot write standard output: {}",
            input::reason(&e)
        ))),
        // Whoever reads has seen enough.
        _ => Ok(()),
    }
}
