//! Lua 5.4 source text to a Strata bytecode module.
//!
//! ```text
//! bytes ─lexer─▶ tokens ─parser + scopes─▶ resolved tree ─emit─▶ Module
//! ```
//!
//! - `lexer`, `number`: bytes to tokens; `names`: interned strings.
//! - `parser`: tokens to the tree of `ast`, with names resolved (`scope`) and
//!   constants folded (`fold`) on the way.
//! - `emit`: the tree to bytecode.
//! - `meter`: what all of them cost, charged to a [`Budget`].
//!
//! All passes work in one arena that lives as long as the call. Input is
//! untrusted: nesting is limited while parsing, long chains are flat, and no
//! pass recurses over anything else.

mod ast;
mod emit;
mod error;
mod fold;
mod lexer;
mod meter;
mod names;
pub mod number;
mod parser;
mod scope;
mod token;

pub use error::SyntaxError;

use bumpalo::Bump;
use lexer::Fault;
use strata_spec::{Budget, Module, Stopped, Unlimited};

/// From this size on the tree is left to the budget's owner to be freed.
const LARGE_TREE: usize = 16 << 20;

/// Compiles a chunk. `chunkname` is its name as Lua has it: `@file`, `=name`,
/// or the source text itself.
///
/// # Errors
/// The first thing that is wrong with the source.
pub fn compile(source: &[u8], chunkname: &[u8]) -> Result<Module, SyntaxError> {
    match compile_within(source, chunkname, &mut Unlimited) {
        Ok(module) => Ok(module),
        Err(CompileError::Syntax(error)) => Err(error),
        Err(CompileError::Stopped) => unreachable!("`Unlimited` never stops"),
    }
}

/// Why there is no module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompileError {
    /// The source is wrong.
    Syntax(SyntaxError),
    /// The budget was used up.
    Stopped,
}

impl std::fmt::Display for CompileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CompileError::Syntax(error) => error.fmt(f),
            CompileError::Stopped => Stopped.fmt(f),
        }
    }
}

impl std::error::Error for CompileError {}

/// Compiles a chunk as [`compile`] does, within a budget. Both the time and
/// the memory that it takes are proportional to the source, with factors of
/// some hundred nanoseconds and some dozen bytes.
///
/// # Errors
/// The first thing that is wrong with the source, or the budget is used up.
pub fn compile_within(
    source: &[u8],
    chunkname: &[u8],
    budget: &mut dyn Budget,
) -> Result<Module, CompileError> {
    let arena = Bump::new();
    let result = {
        let meter = meter::Meter::new(budget, &arena);
        let names = names::Names::new(&arena, source.len());
        let lexer = lexer::Lexer::new(source, chunkname, names, &meter);
        lexer.check_size().and_then(|()| {
            let mut parsed = parser::parse(lexer, &arena)?;
            emit::emit(&mut parsed, chunkname)
        })
    };
    if arena.allocated_bytes() >= LARGE_TREE {
        budget.discard(Box::new(arena));
    }
    result.map_err(|fault| match *fault {
        Fault::Syntax(error) => CompileError::Syntax(error),
        Fault::Stopped => CompileError::Stopped,
    })
}

/// Compiles the contents of a file: as [`compile`], but a byte order mark and
/// a first line that starts with `#` are skipped. Positions count from the
/// start of the file.
pub fn compile_file(contents: &[u8], chunkname: &[u8]) -> Result<Module, SyntaxError> {
    let source = skip_first_line(contents);
    compile(source, chunkname).map_err(|mut error| {
        error.offset += contents.len() - source.len();
        error
    })
}

/// What is left of a file's contents without byte order mark and without a
/// first line that starts with `#`. The line break stays, so that lines count
/// right.
pub fn skip_first_line(contents: &[u8]) -> &[u8] {
    let text = contents.strip_prefix(b"\xef\xbb\xbf").unwrap_or(contents);
    if text.first() != Some(&b'#') {
        return text;
    }
    let end = text.iter().position(|&b| b == b'\n');
    &text[end.unwrap_or(text.len())..]
}
