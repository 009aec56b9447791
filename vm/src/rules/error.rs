//! What can be wrong with rules, with terms, and with what rules do.

use super::terms::{Full, Term};

/// A text of rules or terms that can't be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}:{line}:{column}: {message}")]
pub struct SyntaxError {
    /// What the text is called.
    pub name: String,
    /// Line of what is wrong, from 1.
    pub line: u32,
    /// Its column in bytes, from 1.
    pub column: u32,
    /// Its offset in bytes.
    pub offset: usize,
    /// How many bytes it has; 0 at the end of the text.
    pub len: usize,
    /// What is wrong.
    pub message: String,
}

/// Why there is no rewriter, or no term.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text can't be read.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The terms don't fit into the memory they may have.
    #[error(transparent)]
    Full(#[from] Full),
    /// Native code was asked for, and there is none.
    #[error("no native matcher: {0}")]
    Native(String),
}

/// What came in the way of a normal form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// Rules were applied as often as they may be.
    Fuel,
    /// This term is rewritten to one that contains it: there is no normal form.
    Loop(Term),
    /// Terms took all memory that they may have.
    Memory,
}

/// Rewriting came to an end before there was a normal form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", match .reason {
    Reason::Fuel => "the rules were applied as often as allowed, and did not come to an end",
    Reason::Loop(_) => "the rules don't come to an end: a term is rewritten to one that contains it",
    Reason::Memory => "the terms take more memory than allowed",
})]
pub struct Stopped {
    /// What came in the way.
    pub reason: Reason,
    /// What the term had become until then.
    pub partial: Term,
}
