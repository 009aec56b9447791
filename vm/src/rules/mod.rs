//! Terms rewritten by rules: simplification, symbolic computation, normal forms.
//!
//! ```text
//!  rules (text) ── RuleSet::parse ──▶ RuleSet ──┬── interpreted, rule by rule
//!                                               └── one tree of decisions ── LLVM IR ──▶ code
//!                                                                               │
//!  terms (text) ── Terms::read ──▶ Terms ──────────── Rewriter::normalize ◀─────┘
//! ```
//!
//! - [`Terms`] holds terms, each once.
//! - A [`RuleSet`] is what a text of rules says; `spec/rules.md` has the language.
//! - A [`Rewriter`] has both, and brings terms to their normal forms.
//! - Its [`Backend`] is compiled code, which the feature `llvm` is needed for, or an
//!   interpreter. They differ in nothing but time.
//!
//! A text of rules may be hostile: reading is bounded by its length, and rewriting
//! by [`Options`]. What compiled rules do is what their rules say, so that nothing
//! here is `unsafe` to use.

mod condition;
mod error;
mod expr;
mod interpret;
mod lexer;
#[cfg(feature = "llvm")]
mod native;
mod order;
mod parse;
mod print;
mod read;
mod rewriter;
mod rule;
mod terms;
#[cfg(feature = "llvm")]
mod tree;

pub use error::{Error, Reason, Stopped, SyntaxError};
pub use expr::Sort;
pub use rewriter::{Backend, Options, Rewriter, Stats};
pub use rule::{Rule, RuleSet};
pub use terms::{Full, MAX_ARITY, Term, Terms, View};
