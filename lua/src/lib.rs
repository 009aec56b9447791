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
//!
//! All passes work in one arena that lives as long as the call. Input is
//! untrusted: nesting is limited while parsing, long chains are flat, and no
//! pass recurses over anything else.

mod ast;
mod emit;
mod error;
mod fold;
mod lexer;
mod names;
pub mod number;
mod parser;
mod scope;
mod token;

pub use error::SyntaxError;

use bumpalo::Bump;
use strata_spec::Module;

/// Compiles a chunk. `chunkname` is its name as Lua has it: `@file`, `=name`,
/// or the source text itself.
pub fn compile(source: &[u8], chunkname: &[u8]) -> Result<Module, SyntaxError> {
    let arena = Bump::new();
    let names = names::Names::new(&arena, source.len());
    let lexer = lexer::Lexer::new(source, chunkname, names);
    let result = lexer.check_size().and_then(|()| {
        let mut parsed = parser::parse(lexer, &arena)?;
        emit::emit(&mut parsed, chunkname)
    });
    result.map_err(|error| *error)
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
