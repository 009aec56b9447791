//! What the tests of the whole system share.
//!
//! - [`contained`]: modules that nobody trusts, run for a moment.
//! - [`session`]: a VM with captured output and limits, and what a run gave.
//! - [`rng`]: a small generator of reproducible numbers.
//! - [`mutate`]: damages modules, as bytes and as structures.
//! - [`generate`]: proptest strategies for Lua programs that terminate.
//! - [`differential`]: one program in many ways, which must not differ.
//! - [`fuzz`]: generated programs, compared that way, and made smaller if they differ.
//! - [`oracle`]: the reference implementation as a process, if installed.
//! - [`corpus`]: the programs under `golden/`.
//!
//! The tests themselves are in `tests/`; those of feature `long` measure or
//! run long, and say in their first line how they are started.

pub mod contained;
pub mod corpus;
pub mod differential;
pub mod fuzz;
pub mod generate;
pub mod mutate;
pub mod oracle;
pub mod rng;
pub mod session;
