//! Errors on their way through the runtime: a returned `Err`, never an unwind.
//!
//! An [`Error`] made from a message is complete: the position prefix is added
//! where it is raised ([`Vm::rt_error`](crate::state::Vm)), so catching and
//! passing it on never changes it. A value carried by an error is not a GC
//! root: between its raise and its catch nothing collects.

use crate::value::Value;

/// Why a call failed.
#[derive(Debug)]
pub struct Error(pub Box<Cause>);

/// The cause of an [`Error`].
#[derive(Debug)]
pub enum Cause {
    /// A Lua error: any value. `pcall` catches it.
    Lua(Value),
    /// An allocation failed. With a memory limit it is [`Limit::Memory`];
    /// without one Lua code can catch it ("not enough memory").
    Memory,
    /// A limit was reached. Not catchable by Lua code.
    Limit(Limit),
    /// `os.exit` asked the host to end with this status.
    Exit(i32),
    /// A host function panicked; the payload is resumed at the embedding entry.
    Panic(Box<dyn std::any::Any + Send>),
    /// A coroutine is being closed from outside (`coroutine.close` of a
    /// suspended one): unwinds it without an error value.
    Close,
}

/// Which limit was reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Limit {
    /// The instruction budget is used up.
    #[error("instruction limit reached")]
    Instructions,
    /// The deadline has passed.
    #[error("time limit reached")]
    Time,
    /// The heap is full.
    #[error("memory limit reached")]
    Memory,
    /// The host asked the VM to stop.
    #[error("interrupted by the host")]
    Interrupted,
}

impl Error {
    /// A Lua error with this value.
    #[cold]
    pub fn lua(v: Value) -> Error {
        Error(Box::new(Cause::Lua(v)))
    }

    /// A limit.
    #[cold]
    pub fn limit(l: Limit) -> Error {
        Error(Box::new(Cause::Limit(l)))
    }
}

/// A request for more memory than the limit or the system allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not enough memory")]
pub struct OutOfMemory;

impl From<OutOfMemory> for Error {
    fn from(_: OutOfMemory) -> Error {
        Error(Box::new(Cause::Memory))
    }
}

/// What most runtime functions return.
pub type Result<T> = std::result::Result<T, Error>;
