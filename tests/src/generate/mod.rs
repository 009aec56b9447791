//! Lua programs that end, as proptest strategies.
//!
//! - [`portable`]: programs that print the same everywhere, to compare with the
//!   reference implementation. They keep away from what the manual leaves open.
//! - [`tiers`]: programs full of what compilers speculate on, and of what
//!   breaks it, to compare tiers with each other.
//! - [`small`]: the same in little, in great numbers.
//! - [`modules`]: valid bytecode that no compiler would make.
//! - [`tree`]: texts of a grammar as trees that shrink; what both are made with.

pub mod modules;
pub mod portable;
pub mod small;
pub mod tiers;
pub mod tree;

pub use portable::program;
