//! What Strata code operates on: values, heap and collector, strings, tables
//! and shapes, closures, coroutines, errors, metatables, the semantics that
//! all tiers share, and Lua's standard library. It names no tier: whoever
//! executes code plugs in through [`state::Exec`].
//!
//! | module | what |
//! |---|---|
//! | [`value`], [`object`] | layouts |
//! | [`heap`] | allocation, strings, the collector |
//! | [`table`], [`metatable`], [`feedback`] | tables, shapes, inline caches |
//! | [`ops`] | arithmetic, comparison, conversion, concatenation |
//! | [`proto`], [`load`] | prototypes, loading modules |
//! | [`frame`], [`thread`], [`native`] | frames, stacks, host functions |
//! | [`debug`] | tracebacks, names, `debug.getinfo` |
//! | [`error`], [`limits`] | errors and budgets |
//! | [`stdlib`] | the standard library |
//! | [`text`], [`os`] | pure algorithms over bytes; the one module of system calls |

#![allow(
    clippy::not_unsafe_ptr_arg_deref,
    reason = "object pointers are live between safepoints by the crate's convention (module `native`)"
)]

pub mod audit;
pub mod debug;
pub mod error;
pub mod feedback;
pub mod frame;
pub mod heap;
pub mod limits;
pub mod load;
pub mod metatable;
pub mod native;
pub mod object;
pub mod ops;
pub mod os;
pub mod proto;
pub mod state;
pub mod stdlib;
pub mod table;
pub mod text;
pub mod thread;
pub mod value;

/// The version of this crate.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub use error::{Error, Result};
pub use native::{Cx, Ret};
pub use state::Vm;
pub use value::Value;
