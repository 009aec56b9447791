//! The lexer: source bytes to tokens.
//!
//! Plain strings and identifiers are slices of the source; only a string with
//! escapes or line breaks is built in a buffer (`lexer/strings.rs`). All
//! byte-level questions go through one class table.
//!
//! Errors quote the text read so far as Lua does: for a string its opening
//! quote, the bytes it stands for, and the raw text of the escape that broke.

mod strings;

use crate::ast::Pos;
use crate::error::SyntaxError;
use crate::names::{KEYWORDS, Name, Names};
use crate::number::{Number, parse_numeral};
use crate::token::{KEYWORD_KINDS, T, Token};

/// A result whose error is one word wide.
pub(crate) type Res<V> = Result<V, Box<SyntaxError>>;

const ALPHA: u8 = 1;
const DIGIT: u8 = 2;
const HEX: u8 = 4;
const SPACE: u8 = 8;

/// What each byte may be.
static CLASS: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        let mut class = 0;
        if b.is_ascii_alphabetic() || b == b'_' {
            class |= ALPHA;
        }
        if b.is_ascii_digit() {
            class |= DIGIT;
        }
        if b.is_ascii_hexdigit() {
            class |= HEX;
        }
        if matches!(b, b' ' | b'\t' | b'\n' | b'\r' | 11 | 12) {
            class |= SPACE;
        }
        table[i] = class;
        i += 1;
    }
    table
};

/// Whether a byte, if there is one, is of one of these classes.
#[inline]
fn is(byte: Option<u8>, class: u8) -> bool {
    byte.is_some_and(|b| CLASS[b as usize] & class != 0)
}

/// The state of reading one chunk.
pub(crate) struct Lexer<'a> {
    src: &'a [u8],
    at: usize,
    /// The current line, from 1.
    pub line: u32,
    line_start: usize,
    /// All names of the chunk.
    pub names: Names<'a>,
    buffer: Vec<u8>,
    chunkname: &'a [u8],
}

impl<'a> Lexer<'a> {
    /// A lexer at the start of `src`.
    pub(crate) fn new(src: &'a [u8], chunkname: &'a [u8], names: Names<'a>) -> Lexer<'a> {
        Lexer {
            src,
            at: 0,
            line: 1,
            line_start: 0,
            names,
            buffer: Vec::new(),
            chunkname,
        }
    }

    /// Refuses a source whose offsets would not fit a token.
    pub(crate) fn check_size(&self) -> Res<()> {
        if self.src.len() < u32::MAX as usize {
            return Ok(());
        }
        Err(self.error_span(b"chunk is too long", None, 1, 0, 0))
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.src.get(self.at).copied()
    }

    #[inline]
    fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.src.get(self.at + ahead).copied()
    }

    /// Skips one line break: `\n`, `\r`, `\r\n` or `\n\r`.
    fn newline(&mut self) {
        let first = self.src[self.at];
        self.at += 1;
        if let Some(second @ (b'\n' | b'\r')) = self.peek()
            && second != first
        {
            self.at += 1;
        }
        self.line += 1;
        self.line_start = self.at;
    }

    /// An error at a span of the source, on the current line.
    pub(crate) fn error_span(
        &self,
        text: &[u8],
        near: Option<&[u8]>,
        line: u32,
        start: usize,
        end: usize,
    ) -> Box<SyntaxError> {
        let mut message = strata_spec::chunk_id(self.chunkname);
        message.extend_from_slice(format!(":{line}: ").as_bytes());
        message.extend_from_slice(text);
        if let Some(near) = near {
            message.extend_from_slice(b" near ");
            message.extend_from_slice(near);
        }
        let start = start.min(self.src.len());
        let (place_line, column) = self.place(start);
        Box::new(SyntaxError {
            message,
            line: place_line,
            column,
            offset: start,
            len: end.min(self.src.len()).saturating_sub(start),
        })
    }

    /// An error that Lua reports at the token after the one at `pos`. Reads
    /// the source again, since tokens are not kept; for errors only.
    pub(crate) fn error_after(&self, text: &str, pos: Pos) -> Box<SyntaxError> {
        let arena = bumpalo::Bump::new();
        let names = Names::new(&arena, 0);
        let chunkname = arena.alloc_slice_copy(self.chunkname);
        let mut lexer = Lexer::new(arena.alloc_slice_copy(self.src), chunkname, names);
        loop {
            match lexer.next_token() {
                Ok(token) => {
                    let place = (token.line, token.column);
                    if token.kind != T::Eof && place <= (pos.line, pos.column) {
                        continue;
                    }
                    let near = lexer.quote_token(&token);
                    let (start, end) = (token.start as usize, token.end as usize);
                    return self.error_span(text.as_bytes(), Some(&near), token.line, start, end);
                }
                Err(error) => return error, // it was read without error before
            }
        }
    }

    /// Line and column of an offset. Linear in the source; for errors only.
    fn place(&self, offset: usize) -> (u32, u32) {
        let (mut line, mut start, mut at) = (1u32, 0, 0);
        while at < offset {
            let b = self.src[at];
            at += 1;
            if b == b'\n' || b == b'\r' {
                let second = self.src.get(at).copied();
                if at < offset && matches!(second, Some(b'\n' | b'\r')) && second != Some(b) {
                    at += 1;
                }
                line += 1;
                start = at;
            }
        }
        (line, (offset - start) as u32 + 1)
    }

    /// A lexical error whose offending text is `raw`, cut at the first NUL as
    /// a C string is.
    fn error_text(&self, text: &str, raw: &[u8], start: usize) -> Box<SyntaxError> {
        let near = quote(raw);
        self.error_span(text.as_bytes(), Some(&near), self.line, start, self.at)
    }

    /// A lexical error at the end of the input.
    fn error_eof(&self, text: &str) -> Box<SyntaxError> {
        let end = self.src.len();
        self.error_span(text.as_bytes(), Some(b"<eof>"), self.line, end, end)
    }

    /// A token as an error quotes it.
    pub(crate) fn quote_token(&self, token: &Token) -> Vec<u8> {
        let raw = &self.src[token.start as usize..token.end as usize];
        match token.kind {
            T::Name | T::Int | T::Float => quote(raw),
            T::Str => {
                let value = self.names.text(Name(token.value as u32));
                let mark = match raw {
                    [b'[', ..] => raw.iter().skip(1).take_while(|&&b| b == b'=').count() + 2,
                    _ => 1,
                };
                let (open, close) = (&raw[..mark], &raw[raw.len() - mark..]);
                quote(&[open, value, close].concat())
            }
            kind => kind.describe(),
        }
    }

    /// The next token.
    pub(crate) fn next_token(&mut self) -> Res<Token> {
        loop {
            let Some(b) = self.peek() else {
                return Ok(self.token(T::Eof, self.at, 0));
            };
            let start = self.at;
            let class = CLASS[b as usize];
            if class & ALPHA != 0 {
                return Ok(self.identifier());
            }
            if class & DIGIT != 0 {
                return self.numeral();
            }
            match b {
                b'\n' | b'\r' => self.newline(),
                b' ' | b'\t' | 11 | 12 => self.at += 1,
                b'-' if self.peek_at(1) == Some(b'-') => self.comment()?,
                b'[' => {
                    return match self.long_mark() {
                        Mark::Level(level) => self.long_string(level),
                        Mark::Single => Ok(self.take(T::Byte(b), 1)),
                        Mark::Broken(end) => {
                            let raw = &self.src[start..end];
                            self.at = end;
                            Err(self.error_text("invalid long string delimiter", raw, start))
                        }
                    };
                }
                b'"' | b'\'' => return self.string(b),
                b'.' => {
                    return match (self.peek_at(1), self.peek_at(2)) {
                        (Some(b'.'), Some(b'.')) => Ok(self.take(T::Dots, 3)),
                        (Some(b'.'), _) => Ok(self.take(T::Concat, 2)),
                        (next, _) if is(next, DIGIT) => self.numeral(),
                        _ => Ok(self.take(T::Byte(b), 1)),
                    };
                }
                _ => {
                    let kind = match (b, self.peek_at(1)) {
                        (b'=', Some(b'=')) => T::Eq,
                        (b'<', Some(b'=')) => T::Le,
                        (b'<', Some(b'<')) => T::Shl,
                        (b'>', Some(b'=')) => T::Ge,
                        (b'>', Some(b'>')) => T::Shr,
                        (b'/', Some(b'/')) => T::IDiv,
                        (b'~', Some(b'=')) => T::Ne,
                        (b':', Some(b':')) => T::DoubleColon,
                        _ => return Ok(self.take(T::Byte(b), 1)),
                    };
                    return Ok(self.take(kind, 2));
                }
            }
        }
    }

    /// Ends a token that started at `start` on this line.
    #[inline]
    fn token(&self, kind: T, start: usize, value: u64) -> Token {
        Token {
            kind,
            line: self.line,
            column: (start.saturating_sub(self.line_start)) as u32 + 1,
            start: start as u32,
            end: self.at as u32,
            value,
        }
    }

    /// A token of `len` bytes.
    fn take(&mut self, kind: T, len: usize) -> Token {
        let start = self.at;
        self.at += len;
        self.token(kind, start, 0)
    }

    fn identifier(&mut self) -> Token {
        let start = self.at;
        let rest = &self.src[start..];
        let len = rest
            .iter()
            .position(|&b| CLASS[b as usize] & (ALPHA | DIGIT) == 0)
            .unwrap_or(rest.len());
        self.at += len;
        let name = self.names.intern(&rest[..len]);
        let kind = if (name.0 as usize) < KEYWORDS.len() {
            KEYWORD_KINDS[name.0 as usize]
        } else {
            T::Name
        };
        self.token(kind, start, u64::from(name.0))
    }

    /// Reads whatever looks like a numeral (digits, dots, and a sign after an
    /// exponent mark), then judges it.
    fn numeral(&mut self) -> Res<Token> {
        let start = self.at;
        let mut marks = (b'e', b'E');
        if self.peek() == Some(b'0') && matches!(self.peek_at(1), Some(b'x' | b'X')) {
            marks = (b'p', b'P');
            self.at += 1;
        }
        self.at += 1;
        while let Some(b) = self.peek() {
            if b == marks.0 || b == marks.1 {
                self.at += 1;
                if let Some(b'+' | b'-') = self.peek() {
                    self.at += 1;
                }
            } else if CLASS[b as usize] & HEX != 0 || b == b'.' {
                self.at += 1;
            } else {
                break;
            }
        }
        if is(self.peek(), ALPHA) {
            self.at += 1;
        }
        let raw = &self.src[start..self.at];
        match parse_numeral(raw) {
            Some(Number::Int(i)) => Ok(self.token(T::Int, start, i as u64)),
            Some(Number::Float(f)) => Ok(self.token(T::Float, start, f.to_bits())),
            None => Err(self.error_text("malformed number", raw, start)),
        }
    }

    /// Skips a comment, long or to the end of the line.
    fn comment(&mut self) -> Res<()> {
        self.at += 2;
        if self.peek() == Some(b'[')
            && let Mark::Level(level) = self.long_mark()
        {
            return self.long_comment(level);
        }
        let rest = &self.src[self.at..];
        self.at += rest
            .iter()
            .position(|&b| b == b'\n' || b == b'\r')
            .unwrap_or(rest.len());
        Ok(())
    }

    /// What the bracket at the current position opens.
    fn long_mark(&self) -> Mark {
        let level = self.src[self.at + 1..]
            .iter()
            .take_while(|&&b| b == b'=')
            .count();
        match self.peek_at(level + 1) {
            Some(b'[') => Mark::Level(level),
            _ if level == 0 => Mark::Single,
            _ => Mark::Broken(self.at + level + 1),
        }
    }
}

/// What `[` may begin.
enum Mark {
    /// A long string with this many `=`.
    Level(usize),
    /// An index or a key.
    Single,
    /// `[=` without a second bracket; ends here.
    Broken(usize),
}

/// Text in quotes, cut at the first NUL.
fn quote(raw: &[u8]) -> Vec<u8> {
    let end = raw.iter().position(|&b| b == 0).unwrap_or(raw.len());
    [b"'", &raw[..end], b"'"].concat()
}

#[cfg(test)]
mod tests;
