//! Coroutines (and the main thread): a VM stack and where to go on.
//!
//! The main thread's stack is reserved address space, committed on touch,
//! and never moves. A coroutine's stack starts small on the heap and moves
//! when it grows; open upvalues and saved bases are relocated then. While a
//! thread runs, `stack`, `limit`, `base`, `pc` and `top` live in [`Vm`](crate::state::Vm) and
//! the copies here are stale.
//!
//! ```text
//!  stack            frames …            top      limit        end
//!  ├──────────────────────────────────────┼─ … ────┼── slack ──┤
//! ```
//!
//! `limit` is where a new frame's registers must end; the slack above it
//! ([`SLACK`]) gives host functions and metamethod calls room without a check.

use crate::object::{GcHeader, Upval};
use crate::value::Value;
use strata_spec::Insn;

/// Slots kept free above `limit` for host functions and metamethod calls.
pub const SLACK: usize = 48;
/// Most slots of a VM stack, as in PUC Lua.
pub const MAX_STACK: usize = 1_000_000;
/// Extra slots above [`MAX_STACK`] so that error handlers can run.
pub const ERROR_STACK: usize = 4_000;
/// Slots of a new coroutine's stack.
pub const INITIAL_CORO: usize = 56;

/// Protected calls may nest this deep on a thread ("C stack overflow"), as
/// in PUC Lua, where they take native stack.
pub const MAX_CATCHERS: u32 = 200;

/// What a thread is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ThreadStatus {
    /// Created or yielded.
    Suspended,
    /// Running.
    Running,
    /// Resumed another coroutine.
    Normal,
    /// Returned.
    Finished,
    /// Ended by an error; the stack is kept for tracebacks until it is closed.
    Failed,
}

/// What `debug.sethook` set on a thread.
#[derive(Clone, Copy, Debug)]
pub struct Hook {
    /// The function, or nil.
    pub func: Value,
    /// Events: 1 call, 2 return, 4 line, 8 count.
    pub mask: u8,
    /// Instructions per count event.
    pub count: u32,
    /// Instructions until the next count event.
    pub left: u32,
    /// While a call or return hook runs: first local passed on, and how many.
    pub transfer: (u32, u32),
    /// While a hook runs: slot of the base of the frame it runs for.
    pub at: usize,
    /// A hook is running: no hooks inside.
    pub inside: bool,
}

impl Default for Hook {
    fn default() -> Hook {
        Hook {
            func: crate::value::NIL,
            mask: 0,
            count: 0,
            left: 0,
            transfer: (0, 0),
            at: 0,
            inside: false,
        }
    }
}

/// A thread.
#[repr(C)]
pub struct Thread {
    /// The header.
    pub hdr: GcHeader,
    /// The stack's first slot.
    pub stack: *mut Value,
    /// Slots allocated.
    pub cap: usize,
    /// Soft limit while not running (see [`Vm::limit`](crate::state::Vm)).
    pub limit: *mut Value,
    /// Base of the innermost frame while not running.
    pub base: *mut Value,
    /// Where the innermost frame goes on.
    pub pc: *const Insn,
    /// End of the part in use.
    pub top: *mut Value,
    /// Open upvalues, highest address first.
    pub open: *mut Upval,
    /// To-be-closed variables: slot numbers, ascending.
    pub tbc: Vec<u32>,
    /// Who resumed it, or null.
    pub resumer: *mut Thread,
    /// What it is doing.
    pub status: ThreadStatus,
    /// Resumed through `coroutine.wrap`: its values and errors go on as they are.
    pub wrapped: bool,
    /// Host calls under way on this thread: it can't yield across them.
    pub host_calls: u32,
    /// Protected calls (`pcall`, `xpcall`) under way, one inside the other.
    pub catchers: u32,
    /// Message handlers running, one inside the other.
    pub handlers: u32,
    /// Its hook.
    pub hook: Hook,
}
