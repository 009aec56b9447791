//! What can go wrong when the host uses a VM.
//!
//! Errors cross between Rust and Lua in both directions. A script's error
//! becomes [`Error::Runtime`] with message, traceback and value. An `Err` of
//! a host function becomes a Lua error whose value is a userdata that
//! `tostring` shows as the message; if no script catches it, the host gets
//! the same `Error` back. An [`Error::Runtime`] that a host function passes
//! on is raised again with the value it came with.

use super::handle::Deferred;
use super::stack::Access;
use super::value::Value;
use std::sync::Arc;
use strata_runtime::Value as Raw;
use strata_runtime::error::{Cause, Limit};
use strata_runtime::native::{Cx, Ret};
use strata_runtime::value::tag;

/// Result of most operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

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
    /// A Rust value can't become a Lua value.
    #[error("can't convert {from} to Lua {to}{}", .message.as_ref().map(|m| format!(" ({m})")).unwrap_or_default())]
    IntoLua {
        /// The Rust type.
        from: &'static str,
        /// Type of the Lua value.
        to: &'static str,
        /// More.
        message: Option<String>,
    },
    /// An argument of a host function could not be converted.
    #[error("{}", bad_argument(.at.as_deref(), .function.as_deref(), *.position, .cause))]
    BadArgument {
        /// Where the function was called: `chunk:line: `, if from Lua code.
        at: Option<String>,
        /// Name of the function, as its caller knows it.
        function: Option<String>,
        /// From 1, not counting the object of a method call, which is 0.
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
    #[error(transparent)]
    External(Arc<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// An error of the host; scripts see its message.
    pub fn external(e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::External(e.into().into())
    }

    /// An error with a message of the host.
    pub fn runtime(message: impl std::fmt::Display) -> Error {
        Error::Runtime {
            message: message.to_string(),
            traceback: None,
            value: Box::new(Value::Nil),
        }
    }

    /// Where the error was raised, if known.
    pub fn traceback(&self) -> Option<&str> {
        match self {
            Error::Runtime { traceback, .. } => traceback.as_deref(),
            _ => None,
        }
    }

    /// Whether more input might complete the source that did not compile.
    pub fn is_incomplete_input(&self) -> bool {
        matches!(
            self,
            Error::Syntax {
                incomplete_input: true,
                ..
            }
        )
    }

    /// The error of the host in it, if it is one of type `T`.
    pub fn downcast_ref<T: std::error::Error + 'static>(&self) -> Option<&T> {
        match self {
            Error::External(e) => e.downcast_ref(),
            Error::BadArgument { cause, .. } => cause.downcast_ref(),
            _ => None,
        }
    }

    /// A failed conversion from a Lua value of type `from`.
    pub(crate) fn from_lua(
        from: &'static str,
        to: impl Into<String>,
        message: Option<&str>,
    ) -> Error {
        Error::FromLua {
            from,
            to: to.into(),
            message: message.map(str::to_string),
        }
    }

    /// What the runtime reported.
    ///
    /// # Panics
    /// A host function panicked: the panic is resumed.
    pub(crate) fn from_raw(cx: &mut Access<'_>, e: strata_runtime::Error) -> Error {
        match *e.0 {
            Cause::Lua(v) => {
                let traceback = cx
                    .vm()
                    .last_traceback
                    .take()
                    .map(|t| String::from_utf8_lossy(&t).into_owned());
                if let Some(mut host) = host_error(v) {
                    if let Error::Runtime {
                        traceback: missing @ None,
                        ..
                    } = &mut host
                    {
                        *missing = traceback;
                    }
                    return host;
                }
                // Held before `__tostring` may run.
                let value = Box::new(Value::from_raw(cx, v));
                let message =
                    String::from_utf8_lossy(&crate::engine::message_of(cx.vm(), v)).into_owned();
                Error::Runtime {
                    message,
                    traceback,
                    value,
                }
            }
            Cause::Memory if cx.vm().heap.limit != usize::MAX => Error::Limit(Limit::Memory),
            other => Error::from_cause(other),
        }
    }

    /// Like [`from_raw`](Self::from_raw) while there is no `Lua` yet.
    pub(crate) fn while_opening(vm: &mut strata_runtime::Vm, e: strata_runtime::Error) -> Error {
        match *e.0 {
            Cause::Lua(v) => {
                Error::runtime(String::from_utf8_lossy(&crate::engine::message_of(vm, v)))
            }
            Cause::Memory if vm.heap.limit != usize::MAX => Error::Limit(Limit::Memory),
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

    /// The Lua error that this error of a host function becomes.
    #[cold]
    pub(crate) fn into_raw(self, cx: &mut Access<'_>) -> strata_runtime::Error {
        let lua_error = strata_runtime::Error::lua;
        match &self {
            Error::Memory => return strata_runtime::error::OutOfMemory.into(),
            Error::Limit(l) => return strata_runtime::Error::limit(*l),
            Error::Exit(status) => return strata_runtime::Error(Box::new(Cause::Exit(*status))),
            Error::Runtime { value, .. } => match &**value {
                Value::Nil | Value::Error(_) => {}
                Value::Boolean(b) => return lua_error(Raw::bool(*b)),
                Value::Integer(i) => return lua_error(Raw::int(*i)),
                Value::Number(n) => return lua_error(Raw::float(*n)),
                Value::LightUserData(p) => return lua_error(Raw::light(p.0 as usize as u64)),
                other => {
                    if let Some(v) = other.handle().and_then(|h| cx.raw_of(h).ok()) {
                        return lua_error(v);
                    }
                }
            },
            _ => {}
        }
        lua_error(error_value(cx, self))
    }
}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Error {
        Error::external(e)
    }
}

impl From<std::str::Utf8Error> for Error {
    fn from(e: std::str::Utf8Error) -> Error {
        Error::external(e)
    }
}

/// Adds `into_lua_err` to results with other errors.
pub trait ExternalResult<T> {
    /// Turns the error into [`Error::External`].
    ///
    /// # Errors
    /// The same as before, wrapped.
    fn into_lua_err(self) -> Result<T>;
}

impl<T, E: Into<Box<dyn std::error::Error + Send + Sync>>> ExternalResult<T>
    for std::result::Result<T, E>
{
    fn into_lua_err(self) -> Result<T> {
        self.map_err(Error::external)
    }
}

fn bad_argument(
    at: Option<&str>,
    function: Option<&str>,
    position: usize,
    cause: &Error,
) -> String {
    let at = at.unwrap_or("");
    match (function, position) {
        (Some(f), 0) => format!("{at}calling '{f}' on bad self ({cause})"),
        (None, 0) => format!("{at}call on bad self ({cause})"),
        (Some(f), n) => format!("{at}bad argument #{n} to '{f}' ({cause})"),
        (None, n) => format!("{at}bad argument #{n} ({cause})"),
    }
}

/// The userdata that stands for `e` in Lua.
pub(crate) fn error_value(cx: &mut Access<'_>, e: Error) -> Raw {
    let meta = error_metatable(cx);
    let data = Deferred::new(cx.lua().bin(), e);
    let vm = cx.vm();
    let u = vm.heap.new_userdata(Box::new(data), 0, 0);
    // SAFETY: the userdata was just made; the metatable is held for ever.
    unsafe { strata_runtime::metatable::set_userdata_metatable(vm, u, meta.as_table()) };
    Raw::userdata(u)
}

/// The host's error that a Lua value stands for.
pub(crate) fn host_error(v: Raw) -> Option<Error> {
    host_error_ref(&v).cloned()
}

fn host_error_ref(v: &Raw) -> Option<&Error> {
    if v.tag != tag::USERDATA {
        return None;
    }
    // SAFETY: the tag says that the payload is a userdata, which the caller
    // has alive.
    let data = unsafe { (*v.as_userdata()).data.as_ref()? };
    data.downcast_ref::<Deferred<Error>>().map(|e| &**e)
}

/// The metatable of errors, made on first use.
fn error_metatable(cx: &mut Access<'_>) -> Raw {
    if let Some(id) = cx.lua().state(|s| s.error_meta) {
        return cx.vm().handles.get(id);
    }
    let vm = cx.vm();
    let root = vm.shapes.root();
    let meta = vm.heap.new_table(root, 4);
    let show = vm.heap.new_native(
        show_error,
        "tostring",
        strata_runtime::object::NativeKind::Plain,
        &[],
    );
    let name = vm.heap.str(b"error");
    for (key, v) in [
        (&b"__tostring"[..], Raw::native(show)),
        (b"__name", Raw::str(name)),
        (b"__metatable", Raw::bool(false)),
    ] {
        let key = vm.heap.str(key);
        // SAFETY: nothing collects between here and `hold`. A small table
        // does not fail to grow.
        let _ = unsafe { strata_runtime::table::set_str(vm, meta, key, v) };
    }
    let id = vm.handles.hold(Raw::table(meta));
    cx.lua().state(|s| s.error_meta = Some(id));
    Raw::table(meta)
}

fn show_error(cx: &mut Cx<'_>) -> strata_runtime::Result<Ret> {
    let v = cx.arg(0);
    let text = match host_error_ref(&v) {
        Some(e) => e.to_string(),
        None => return Err(cx.type_error(0, "error")),
    };
    cx.ret_bytes(text.as_bytes())
}
