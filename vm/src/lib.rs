//! Strata: a tiered adaptive virtual machine for Lua 5.4.

#[cfg(feature = "actors")]
pub mod actors;
pub mod api;
#[cfg(feature = "cranelift")]
pub mod cache;
#[cfg(feature = "cranelift")]
mod deopt;
#[doc(hidden)]
pub mod engine;
#[cfg(feature = "llvm")]
pub mod executor;
mod interp;
#[cfg(feature = "cranelift")]
mod ir;
#[cfg_attr(
    not(feature = "cranelift"),
    allow(dead_code, reason = "what compiled code calls")
)]
mod jit;
pub mod rules;
#[cfg(feature = "cranelift")]
pub mod standalone;
#[cfg_attr(
    not(feature = "cranelift"),
    allow(dead_code, reason = "what compiled code asks")
)]
#[doc(hidden)]
pub mod stress;
#[cfg(feature = "cranelift")]
mod tier1;
#[cfg(feature = "cranelift")]
mod tier2;

pub use api::*;

pub use strata_lua as lua;
pub use strata_profiler as profiler;
pub use strata_runtime as runtime;
pub use strata_spec as spec;

/// What a panic said.
#[cfg(any(feature = "actors", feature = "cranelift"))]
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("unknown").to_string()
}
