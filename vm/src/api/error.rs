//! What can go wrong when the host uses a VM.

use super::lua::Lua;
use super::value::Value;
use std::sync::Arc;
use strata_runtime::Vm;
use strata_runtime::error::{Cause, Limit};

/// Result of most operations.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of a script, of a conversion or of the host.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source could not be compiled, or the bytecode was rejected.
    #[error("{message}")]
    Syntax {
        /// Message with chunk name and line.
        message: String,
        /// More input might complete it (a REPL asks for another line).
        incomplete_input: bool,
    },
    /// A script raised an error.
    #[error("{message}")]
    Runtime {
        /// The error value as `tostring` shows it.
        message: String,
        /// Where it was raised, if known.
        traceback: Option<String>,
        /// The error value.
        value: Box<Value>,
    },
    /// An allocation failed.
    #[error("not enough memory")]
    Memory,
    /// A limit that the host set was reached.
    #[error("{0}")]
    Limit(Limit),
    /// The script called `os.exit` with this status.
    #[error("the script asked to exit with status {0}")]
    Exit(i32),
    /// A Lua value can't become the Rust type that was asked for.
    #[error("can't convert Lua {from} to {to}{}", .message.as_ref().map(|m| format!(" ({m})")).unwrap_or_default())]
    FromLua {
        /// Type of the Lua value.
        from: &'static str,
        /// The Rust type.
        to: String,
        /// More.
        message: Option<String>,
    },
    /// An argument of a host function could not be converted.
    #[error("bad argument #{position}: {cause}")]
    BadArgument {
        /// From 1.
        position: usize,
        /// Why.
        cause: Arc<Error>,
    },
    /// A mutable host function was called while it runs.
    #[error("mutable host function called recursively")]
    RecursiveMutCallback,
    /// A userdata is in use, of another type, or was taken.
    #[error("userdata {0}")]
    UserData(&'static str),
    /// A coroutine can't be resumed.
    #[error("cannot resume {0} coroutine")]
    CoroutineUnresumable(&'static str),
    /// The VM of a handle is gone.
    #[error("the Lua VM has been closed")]
    Closed,
    /// A handle was used with another VM than its own.
    #[error("the value belongs to another Lua VM")]
    OtherVm,
    /// An error of the host.
    #[error("{0}")]
    External(Arc<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// An error of the host; scripts see its message.
    pub fn external(e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::External(e.into().into())
    }

    /// An error with a message of the host.
    pub fn runtime(message: impl std::fmt::Display) -> Error {
        Error::Runtime { message: message.to_string(), traceback: None, value: Box::new(Value::Nil) }
    }

    /// Where the error was raised, if known.
    pub fn traceback(&self) -> Option<&str> {
        match self {
            Error::Runtime { traceback, .. } => traceback.as_deref(),
            _ => None,
        }
    }

    /// What the runtime reported.
    ///
    /// # Panics
    /// A host function panicked: the panic is resumed.
    pub(crate) fn from_raw(lua: &Lua, vm: &mut Vm, e: strata_runtime::Error) -> Error {
        match *e.0 {
            Cause::Lua(v) => {
                if let Some(host) = super::userdata::host_error(v) {
                    return host;
                }
                let message = String::from_utf8_lossy(&crate::engine::message_of(vm, v)).into_owned();
                let traceback = vm.last_traceback.take().map(|t| String::from_utf8_lossy(&t).into_owned());
                Error::Runtime { message, traceback, value: Box::new(Value::from_raw(lua, vm, v)) }
            }
            other => Error::from_cause(other),
        }
    }

    /// Like [`from_raw`](Self::from_raw) while there is no `Lua` yet.
    pub(crate) fn from_raw_parts(vm: &mut Vm, e: strata_runtime::Error) -> Error {
        match *e.0 {
            Cause::Lua(v) => {
                let message = String::from_utf8_lossy(&crate::engine::message_of(vm, v)).into_owned();
                Error::Runtime { message, traceback: None, value: Box::new(Value::Nil) }
            }
            other => Error::from_cause(other),
        }
    }

    fn from_cause(cause: Cause) -> Error {
        match cause {
            Cause::Memory => Error::Memory,
            Cause::Limit(l) => Error::Limit(l),
            Cause::Exit(status) => Error::Exit(status),
            Cause::Panic(payload) => std::panic::resume_unwind(payload),
            Cause::Close | Cause::Lua(_) => Error::runtime("coroutine closed"),
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Error {
        Error::external(e)
    }
}
