//! `vm info`: what this build is and has.

use super::args::InfoArgs;
use super::jit::Trace;
use super::session::Session;
use super::{Outcome, SUCCESS, Status, put, run};
use strata::engine::{self, JitMode};
use strata::profiler::Thresholds;
use strata::runtime::state::MAX_HOST_DEPTH;
use strata::runtime::thread::{MAX_CATCHERS, MAX_STACK};
use strata::spec::container;
use strata::spec::module::{MAX_REGS, MAX_UPVALUES};
use strata::stress::StressModes;

/// Environment variables and the option that each stands for.
const VARIABLES: &[(&str, &str)] = &[
    ("STRATA_INSTRUCTION_LIMIT", "--instruction-limit"),
    ("STRATA_TIME_LIMIT", "--time-limit"),
    ("STRATA_MEMORY_LIMIT", "--memory-limit"),
    ("STRATA_ACTOR_THREADS", "--actor-threads"),
    ("STRATA_ALLOW_BYTECODE", "--allow-bytecode"),
    ("STRATA_JIT", "--jit"),
    ("STRATA_JIT_BACKEND", "--jit-backend"),
    ("STRATA_JIT_LEVEL", "--jit-level"),
    ("STRATA_TARGET_CPU", "--target-cpu"),
    ("STRATA_JIT_FUNCTION", "--jit-function"),
    ("STRATA_JIT_OPT", "--jit-opt"),
    ("STRATA_TRACE_JIT", "--trace-jit"),
    ("STRATA_PERF", "--perf"),
    ("STRATA_REPORT", "--report"),
    ("STRATA_STRESS", StressModes::NAMES),
    (
        "STRATA_HISTORY",
        "file of the prompt's history; empty: none",
    ),
];

/// Prints it, or the figures of a program.
pub(crate) fn info(args: &InfoArgs) -> Outcome<Status> {
    match &args.stats {
        Some(stats) => figures(args, stats),
        None => build(),
    }
}

/// Runs a program and prints the figures of its compilation.
fn figures(args: &InfoArgs, stats: &Trace) -> Outcome<Status> {
    let session = Session::counting(&args.vm)?;
    run::execute(session, &args.words, |session| {
        stats.write(&engine::jit_stats(&mut session.vm))
    })
}

/// Prints what this build has.
fn build() -> Outcome<Status> {
    let mut text = String::new();
    let mut section = |title: &str, rows: &[(&str, String)]| {
        text.push_str(title);
        text.push('\n');
        for (name, value) in rows {
            text.push_str(&format!("  {name:<26}{value}\n"));
        }
    };
    section(
        "Strata",
        &[
            ("version", env!("CARGO_PKG_VERSION").into()),
            ("language", "Lua 5.4 (as of release 5.4.8)".into()),
            (
                "platform",
                format!("{} {}", std::env::consts::ARCH, std::env::consts::OS),
            ),
            ("bytecode format", format!("version {}", container::VERSION)),
        ],
    );
    section(
        "tiers",
        &[
            ("0 interpreter", "present".into()),
            (
                "1 baseline (Cranelift)",
                engine::baseline().unwrap_or("present").into(),
            ),
            (
                "2 optimizing (Cranelift)",
                engine::optimizing().unwrap_or("present").into(),
            ),
            ("2 optimizing (LLVM)", engine::llvm().unwrap_or_else(|e| e)),
            ("default", format!("--jit={}", JitMode::DEFAULT)),
        ],
    );
    section(
        "limits",
        &[
            ("stack", format!("{MAX_STACK} slots per coroutine")),
            ("nested host calls", MAX_HOST_DEPTH.to_string()),
            ("nested protected calls", MAX_CATCHERS.to_string()),
            (
                "registers, upvalues",
                format!("{MAX_REGS}, {MAX_UPVALUES} per function"),
            ),
            ("instructions, time", "none unless set".into()),
            ("memory", "none unless set".into()),
            (
                "code memory",
                format!("{} MiB unless set", Thresholds::default().code_bytes >> 20),
            ),
        ],
    );
    let variables: Vec<(&str, String)> = VARIABLES
        .iter()
        .map(|&(name, what)| (name, what.to_string()))
        .collect();
    section("environment", &variables);
    put(text.as_bytes())?;
    Ok(SUCCESS)
}
