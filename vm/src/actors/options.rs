//! What the host chooses, and why an actor ended.

use super::Message;
use super::supervise::Supervisor;
use crate::api::{Error, JitOptions, Lua, StdLib};
use std::sync::Arc;
use std::time::Duration;
use strata_runtime::error::Limit;

/// Prepares the VM of an actor before its program is loaded.
pub type Setup = Arc<dyn Fn(&Lua) -> crate::api::Result<()> + Send + Sync>;

/// How to build a [`System`](super::System).
#[derive(Clone)]
pub struct Config {
    /// Threads that run actors; 0: as many as there are processors.
    pub threads: usize,
    /// Messages that an actor may handle until others have their turn.
    pub batch: u32,
    /// How long an actor may run, about, while others wait for a thread: then it goes
    /// on behind them, if it can be suspended where it is. It is looked at about each
    /// 5 ms. `None`: until it waits, or has handled its messages.
    pub quantum: Option<Duration>,
    /// Most actors that may be there at a time.
    pub actors: usize,
    /// Limits of actors that are given no others.
    pub limits: Limits,
    /// Most memory that all actors together may be allowed; then each of them
    /// must have a limit. `None`: no limit.
    pub memory: Option<usize>,
    /// Which libraries actors have.
    pub stdlib: StdLib,
    /// `load` in actors accepts bytecode.
    pub allow_bytecode: bool,
    /// How functions of actors are compiled that run often. All of them share the
    /// threads that compile.
    pub jit: JitOptions,
    /// Where optimized code is kept: what one actor has compiled others find
    /// there. `None`: in memory, as long as the system is there.
    #[cfg(feature = "cranelift")]
    pub cache: Option<crate::cache::Cache>,
    /// Called with the VM of each actor before its program is loaded, to give it
    /// functions of the host.
    pub setup: Option<Setup>,
    /// Rare events that are to be frequent.
    #[doc(hidden)]
    pub stress: crate::stress::StressModes,
    /// Turns warnings of actors on, on standard error.
    pub warnings: bool,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            threads: 0,
            batch: 100,
            quantum: Some(Duration::from_millis(10)),
            actors: 1 << 20,
            limits: Limits::default(),
            memory: None,
            stdlib: StdLib::Safe,
            allow_bytecode: false,
            jit: JitOptions::default(),
            #[cfg(feature = "cranelift")]
            cache: None,
            setup: None,
            stress: crate::stress::StressModes::default(),
            warnings: false,
        }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Config({} threads, {:?})", self.threads, self.limits)
    }
}

/// What an actor may use. One that uses more ends, and no code of it can prevent
/// that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Most bytes of heap.
    pub memory: Option<usize>,
    /// Instructions for each message. Code of actors that have this limit counts
    /// them, and is slower.
    pub instructions: Option<u64>,
    /// Time for each message, without what it spends waiting. It is looked at
    /// about each 5 ms.
    pub time: Option<Duration>,
    /// Messages that may wait.
    pub mailbox: usize,
    /// Bytes of messages that may wait; also of a single message.
    pub mailbox_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            memory: None,
            instructions: None,
            time: None,
            mailbox: 10_000,
            mailbox_bytes: 64 << 20,
        }
    }
}

/// How one actor is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// By which [`System::find`](super::System::find) finds it. No other that is
    /// there may have it.
    pub name: Option<String>,
    /// What its program gets as `...`.
    pub args: Message,
    /// `None`: those of the system.
    pub limits: Option<Limits>,
    /// Who decides what happens if it fails. `None`: it ends.
    pub supervisor: Option<Supervisor>,
}

/// Why an actor ended.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// Its program has returned, and no handler.
    #[error("it has returned")]
    Returned,
    /// It was asked to stop.
    #[error("it was stopped")]
    Stopped,
    /// It was killed.
    #[error("it was killed")]
    Killed,
    /// An error that nothing caught: message and traceback.
    #[error("{0}")]
    Failed(String, Option<String>),
    /// A limit was reached.
    #[error("{0}")]
    Limit(Limit),
    /// It called `os.exit` with this status.
    #[error("it called os.exit with status {0}")]
    Exit(i32),
    /// A function of the host panicked.
    #[error("a function of the host panicked: {0}")]
    Panicked(String),
    /// It could not be started.
    #[error("it could not be started: {0}")]
    Unstartable(String),
    /// Another actor of its supervisor failed, or its supervisor gave up.
    #[error("its supervisor ended it: {0}")]
    Supervisor(Arc<Reason>),
    /// A supervisor that it owned gave up.
    #[error("a supervisor of its own gave up: {0}")]
    GaveUp(Arc<Reason>),
    /// The system was shut down.
    #[error("the system was shut down")]
    Shutdown,
}

impl Reason {
    /// One word or two for it: what programs are told.
    pub fn name(&self) -> &'static str {
        match self {
            Reason::Returned => "returned",
            Reason::Stopped => "stopped",
            Reason::Killed => "killed",
            Reason::Failed(..) => "error",
            Reason::Limit(Limit::Instructions) => "instruction limit",
            Reason::Limit(Limit::Time) => "time limit",
            Reason::Limit(Limit::Memory) => "memory limit",
            Reason::Limit(Limit::Interrupted) => "interrupted",
            Reason::Exit(_) => "exit",
            Reason::Panicked(_) => "panic",
            Reason::Unstartable(_) => "not started",
            Reason::Supervisor(_) => "supervisor",
            Reason::GaveUp(_) => "gave up",
            Reason::Shutdown => "shutdown",
        }
    }

    /// Whether it did not end as planned.
    pub fn is_failure(&self) -> bool {
        !matches!(
            self,
            Reason::Returned | Reason::Stopped | Reason::Killed | Reason::Shutdown
        )
    }
}

impl From<Error> for Reason {
    fn from(e: Error) -> Reason {
        match e {
            Error::Limit(limit) => Reason::Limit(limit),
            Error::Memory => Reason::Limit(Limit::Memory),
            Error::Exit(status) => Reason::Exit(status),
            Error::Runtime {
                message, traceback, ..
            } => Reason::Failed(message, traceback),
            other => Reason::Failed(other.to_string(), None),
        }
    }
}
