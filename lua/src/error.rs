//! Syntax errors.
//!
//! A [`SyntaxError`] carries the complete message as Lua words it,
//! `chunk:line: text near 'token'`, and beside it the place in the source
//! that a diagnostic should underline. The two may differ: Lua reports an
//! undefined label at the end of the function, the underlined place is the
//! `goto` itself.

/// Why a chunk does not compile, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The full message, with the `chunk:line:` prefix. Bytes, since it quotes
    /// the source.
    pub message: Vec<u8>,
    /// Line of the offending text, from 1.
    pub line: u32,
    /// Column of the offending text in bytes, from 1.
    pub column: u32,
    /// Byte offset of the offending text in the source.
    pub offset: usize,
    /// Length of the offending text in bytes; 0 at the end of the input.
    pub len: usize,
}

impl SyntaxError {
    /// Whether more input could make the chunk valid: the message ends in
    /// `near <eof>`, which is how an interactive prompt knows to go on reading.
    pub fn is_incomplete(&self) -> bool {
        self.message.ends_with(b"near <eof>")
    }
}

impl std::fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.message))
    }
}

impl std::error::Error for SyntaxError {}
