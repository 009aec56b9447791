//! A standalone program as it runs: what it was built with, and from beginning to end.
//!
//! All words of its command line are the program's. No variable named `STRATA_` is
//! looked at, unless it was built with `--allow-options`.

use super::args::{Jit, JitBackend, VmArgs};
use super::session::Session;
use super::{BAD_INPUT, Outcome, Problem, Status, report, run, stress};
use clap::Parser;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use strata::cache::{Cache, Config};
use strata::engine::{self, FunctionRule, Level, TargetCpu};
use strata::runtime::os;
use strata::standalone::{Damaged, Program};

/// What is decided when a program is built.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) fixed: Fixed,
    /// The environment may say something else.
    pub(crate) environment: bool,
    /// It runs for training: code is kept there.
    pub(crate) training: Option<PathBuf>,
}

impl Settings {
    /// As a payload has them.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        // Writing to memory can't fail.
        postcard::to_stdvec(self).unwrap_or_default()
    }
}

/// Options of `vm run` that a program was built with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Fixed {
    instruction_limit: Option<u64>,
    time_limit: Option<Duration>,
    memory_limit: Option<usize>,
    actor_threads: Option<u16>,
    allow_bytecode: bool,
    jit: Jit,
    backend: JitBackend,
    level: Option<Level>,
    cpu: TargetCpu,
    functions: Vec<FunctionRule>,
    thresholds: Vec<(String, u64)>,
    warnings: bool,
}

impl Fixed {
    /// Those of a command line.
    pub(crate) fn of(args: &VmArgs) -> Fixed {
        Fixed {
            instruction_limit: args.instruction_limit,
            time_limit: args.time_limit,
            memory_limit: args.memory_limit,
            actor_threads: args.actor_threads,
            allow_bytecode: args.allow_bytecode,
            jit: args.jit,
            backend: args.jit_backend,
            level: args.jit_level,
            cpu: args.target_cpu,
            functions: args.jit_function.clone(),
            thresholds: args.jit_opt.clone(),
            warnings: args.warnings,
        }
    }

    fn args(self) -> VmArgs {
        VmArgs {
            instruction_limit: self.instruction_limit,
            time_limit: self.time_limit,
            memory_limit: self.memory_limit,
            actor_threads: self.actor_threads,
            allow_bytecode: self.allow_bytecode,
            jit: self.jit,
            jit_backend: self.backend,
            jit_level: self.level,
            target_cpu: self.cpu,
            jit_function: self.functions,
            jit_opt: self.thresholds,
            warnings: self.warnings,
            ..VmArgs::default()
        }
    }
}

/// What the environment says.
#[derive(Parser)]
#[command(name = "vm")]
struct Environment {
    #[command(flatten)]
    vm: VmArgs,
}

/// The program that this process is, if it is one.
///
/// # Errors
/// It is damaged.
pub(crate) fn of_this_process() -> Result<Option<Program>, Damaged> {
    Program::of_this_process()
}

/// Runs it: its status. Says what went wrong.
pub(crate) fn main(program: Result<Program, Damaged>) -> Status {
    let outcome = match program {
        Ok(program) => execute(Arc::new(program)),
        Err(e) => Err(Problem::input(e.to_string())),
    };
    outcome.unwrap_or_else(|problem| {
        report::problem_of(&name(), &problem.message);
        problem.status
    })
}

/// What the user has called the program.
fn name() -> Vec<u8> {
    let name = std::env::args_os().next().unwrap_or_default();
    let file = Path::new(&name).file_name().unwrap_or(&name);
    os::bytes(file)
}

fn execute(program: Arc<Program>) -> Outcome<Status> {
    let damaged = |what: String| {
        Problem::input(format!(
            "{}: the program is damaged ({what}): copy it or build it again",
            program.path().display()
        ))
    };
    let settings = postcard::from_bytes::<Settings>(program.settings());
    let settings = settings.map_err(|_| damaged("its settings can't be read".into()))?;
    let mut args = settings.fixed.args();
    let mut stress = stress::Stress::default();
    if settings.environment {
        let words = [std::env::args_os().next().unwrap_or_default()];
        let asked = Environment::try_parse_from(words);
        let asked = asked.map_err(|e| Problem::input(e.to_string()))?.vm;
        args.follow(asked);
        stress = stress::from_env()?;
    }
    let module = program.main().map_err(|e| Problem::input(e.to_string()))?;
    let module = strata::spec::load(&module).map_err(|e| damaged(e.to_string()))?;
    let cache = cache(&program, &args, settings.training.as_deref())?;
    let session = Session::of_program(&args, stress, (&program, cache))?;
    let words: Vec<_> = std::env::args_os().collect();
    let training = settings.training.is_some();
    run::execute_module(session, module, &words, |session| {
        if training {
            engine::finish_compiles(&mut session.vm, TRAINED);
        }
        Ok(())
    })
}

/// How long training waits for what is compiled when the program is over.
const TRAINED: Duration = Duration::from_secs(60);

/// Where code is found: in the program, or, for training, in a folder, where it is
/// kept, too.
fn cache(program: &Arc<Program>, args: &VmArgs, training: Option<&Path>) -> Outcome<Cache> {
    let warn = |what: &str| report::problem_of(&name(), what.as_bytes());
    let config = Config {
        on_warning: Some(Arc::new(warn)),
        ..Config::default()
    };
    let opened = match training {
        Some(directory) => Cache::new(Config {
            directory: Some(directory.into()),
            ..config
        }),
        None => program.cache(Config {
            directory: super::cache::directory(&args.cache),
            max_functions: args.cache.functions.unwrap_or(config.max_functions),
            ..config
        }),
    };
    opened.map_err(|e| Problem {
        status: BAD_INPUT,
        message: e.to_string().into(),
    })
}
