//! The embedding API, in mlua's shape: a [`Lua`] owns one VM; [`Table`],
//! [`Function`], [`Thread`], [`AnyUserData`] and [`LuaString`] are handles to
//! values in it; conversions between Rust and Lua go through [`IntoLua`] and
//! [`FromLua`] and their *multi* forms for argument and result lists.
//!
//! ```
//! use strata::{Lua, Result};
//!
//! fn main() -> Result<()> {
//!     let lua = Lua::new();
//!     let add = lua.create_function(|_, (a, b): (i64, i64)| Ok(a + b))?;
//!     lua.globals().set("add", add)?;
//!     let sum: i64 = lua.load("return add(2, 3)").eval()?;
//!     assert_eq!(sum, 5);
//!     Ok(())
//! }
//! ```
//!
//! ## Threads
//! A `Lua` may be sent to and shared with other threads; a lock makes one
//! thread at a time run in it. Handles may be dropped anywhere.
//!
//! ## Who keeps what alive
//! A handle keeps its value alive in the VM, but not the VM: when the last
//! `Lua` is dropped the VM is closed, and using a handle afterwards gives
//! [`Error::Closed`]. So a host function may keep handles to its own VM
//! without keeping it for ever.

mod chunk;
mod convert;
mod error;
mod function;
mod handle;
mod lua;
mod manager;
mod multi;
mod stack;
mod string;
mod table;
mod thread;
mod userdata;
mod value;

#[cfg(feature = "cranelift")]
pub use crate::jit::CompileThreads;
pub use crate::jit::status::FunctionStatus;
pub use crate::jit::{
    Backend, Choice, ChosenBy, FunctionRule, JitMode, JitOptions, Level, TargetCpu, Wish,
};
pub use chunk::{Chunk, ChunkMode};
pub use convert::{Bytes, FromLua, IntoLua};
pub use error::{Error, ExternalResult, Result};
pub use function::{Function, FunctionInfo};
pub use lua::{Lua, LuaOptions, StdLib};
pub use manager::{ExecutionBackend, ExecutionManager};
pub use multi::{FromLuaMulti, IntoLuaMulti, MultiValue, Variadic};
#[doc(hidden)]
pub use stack::{Access, Slots};
pub use strata_runtime::error::Limit;
pub use strata_runtime::limits::Interrupter;
pub use string::{BorrowedBytes, BorrowedStr, LuaString};
pub use table::{Table, TablePairs, TableSequence};
pub use thread::{Thread, ThreadStatus};
pub use userdata::{
    AnyUserData, MetaMethod, UserData, UserDataFields, UserDataMethods, UserDataRef, UserDataRefMut,
};
pub use value::{LightUserData, Nil, Value};
