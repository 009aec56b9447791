//! The semantics of Lua's operators, shared by all tiers and the library.
//!
//! Three layers: *raw* functions on values that need no metamethod
//! ([`mod@arith`], [`mod@compare`]); *resolvers* that say which metamethod to call,
//! for executors that then push a frame; and functions over a [`Cx`] that do
//! all of it from Rust, recursing natively ([`mod@meta`]), for the library.
//!
//! [`Cx`]: crate::native::Cx

pub mod arith;
pub mod compare;
pub mod concat;
pub mod meta;
pub mod modulo;
pub mod reciprocal;

pub use arith::ArithOp;
pub use compare::compare_str;
pub use meta::{arith, concat2, equals, index, len, less_equal, less_than, set_index, tostring};
