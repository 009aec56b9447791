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
use crate::meter::{CHUNK, Meter};
use crate::names::{KEYWORDS, Name, Names};
use crate::number::{Number, parse_numeral};
use crate::token::{KEYWORD_KINDS, T, Token};
use strata_spec::module::Annotation;

/// Why a compilation ends without a module.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The source is wrong.
    Syntax(SyntaxError),
    /// The budget is used up.
    Stopped,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Syntax(error) => error.fmt(f),
            Fault::Stopped => strata_spec::Stopped.fmt(f),
        }
    }
}

/// A result whose error is one word wide.
pub(crate) type Res<V> = Result<V, Box<Fault>>;

/// Bytes of source between two looks at the budget.
const STRIDE: usize = 1 << 12;

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

/// What comments `--@jit WORD` have asked of compilers so far.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Annotations {
    /// Of the next function; whoever parses it takes it.
    pub function: Option<Annotation>,
    /// Of the chunk: `--@jit file WORD`, in front of all else.
    pub file: Option<Annotation>,
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
    /// What was asked of compilers.
    pub annotations: Annotations,
    /// Who pays.
    pub meter: &'a Meter<'a>,
    /// What was read up to here has been paid.
    paid: usize,
}

impl<'a> Lexer<'a> {
    /// A lexer at the start of `src`.
    pub(crate) fn new(
        src: &'a [u8],
        chunkname: &'a [u8],
        names: Names<'a>,
        meter: &'a Meter<'a>,
    ) -> Lexer<'a> {
        Lexer {
            src,
            at: 0,
            line: 1,
            line_start: 0,
            names,
            buffer: Vec::new(),
            chunkname,
            annotations: Annotations::default(),
            meter,
            paid: 0,
        }
    }

    /// Whether enough was read for a look at the budget: call
    /// [`pay`](Self::pay) then.
    #[inline]
    pub(crate) fn is_due(&self) -> bool {
        self.at - self.paid >= STRIDE
    }

    /// Charges what was read and parsed since the last time; the parser holds
    /// `held` bytes.
    #[cold]
    pub(crate) fn pay(&mut self, held: usize) -> Res<()> {
        let bytes = self.at - self.paid;
        self.paid = self.at;
        let held = held + self.names.bytes() + self.buffer.capacity();
        self.meter.parsed(bytes, held)
    }

    /// Charges what was skipped since the last time.
    #[cold]
    fn pay_skipped(&mut self) -> Res<()> {
        let bytes = self.at - self.paid;
        self.paid = self.at;
        self.meter.skimmed(bytes)
    }

    /// Moves on to the first byte for which `stop` holds, or to the end of
    /// the source.
    #[inline(always)]
    fn skip_until(&mut self, stop: impl Fn(u8) -> bool) -> Res<()> {
        let rest = &self.src[self.at..];
        let part = rest.get(..CHUNK).unwrap_or(rest);
        match part.iter().position(|&b| stop(b)) {
            Some(len) => {
                self.at += len;
                Ok(())
            }
            None => self.skip_far(stop),
        }
    }

    /// As [`skip_until`](Self::skip_until), a piece at a time.
    #[cold]
    #[inline(never)]
    fn skip_far(&mut self, stop: impl Fn(u8) -> bool) -> Res<()> {
        while self.at < self.src.len() {
            let rest = &self.src[self.at..];
            let part = rest.get(..CHUNK).unwrap_or(rest);
            if let Some(len) = part.iter().position(|&b| stop(b)) {
                self.at += len;
                break;
            }
            self.at += part.len();
            self.pay_skipped()?;
        }
        Ok(())
    }

    /// The name of a string that lives as long as the source.
    #[inline(always)]
    fn intern(&mut self, text: &'a [u8]) -> Res<Name> {
        if text.len() < CHUNK {
            return Ok(self.names.intern(text));
        }
        self.intern_far(text)
    }

    #[cold]
    #[inline(never)]
    fn intern_far(&mut self, text: &'a [u8]) -> Res<Name> {
        let meter = self.meter;
        self.names.intern_long(text, |bytes| meter.skimmed(bytes))
    }

    /// The name of what is in the buffer.
    #[inline]
    fn intern_buffer(&mut self) -> Res<Name> {
        if self.buffer.len() < CHUNK {
            return Ok(self.names.intern_copy(&self.buffer));
        }
        let meter = self.meter;
        let text = self
            .names
            .copy_long(&self.buffer, |bytes| meter.skimmed(bytes))?;
        self.intern(text)
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
    ) -> Box<Fault> {
        let mut message = strata_spec::chunk_id(self.chunkname);
        message.extend_from_slice(format!(":{line}: ").as_bytes());
        message.extend_from_slice(text);
        if let Some(near) = near {
            message.extend_from_slice(b" near ");
            message.extend_from_slice(near);
        }
        let start = start.min(self.src.len());
        let (place_line, column) = self.place(start);
        Box::new(Fault::Syntax(SyntaxError {
            message,
            line: place_line,
            column,
            offset: start,
            len: end.min(self.src.len()).saturating_sub(start),
        }))
    }

    /// An error that Lua reports at the token after the one at `pos`. Reads
    /// the source again, since tokens are not kept; for errors only.
    pub(crate) fn error_after(&self, text: &str, pos: Pos) -> Box<Fault> {
        let arena = bumpalo::Bump::new();
        let names = Names::new(&arena, 0);
        let chunkname = arena.alloc_slice_copy(self.chunkname);
        let src = arena.alloc_slice_copy(self.src);
        let mut budget = self.meter;
        let meter = Meter::new(&mut budget, &arena);
        let mut lexer = Lexer::new(src, chunkname, names, &meter);
        loop {
            match lexer.next_token() {
                Ok(token) => {
                    if lexer.is_due()
                        && let Err(stopped) = lexer.pay(0)
                    {
                        return stopped;
                    }
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
    fn error_text(&self, text: &str, raw: &[u8], start: usize) -> Box<Fault> {
        let near = quote(raw);
        self.error_span(text.as_bytes(), Some(&near), self.line, start, self.at)
    }

    /// A lexical error at the end of the input.
    fn error_eof(&self, text: &str) -> Box<Fault> {
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
                return self.identifier();
            }
            if class & DIGIT != 0 {
                return self.numeral();
            }
            match b {
                // Tokens are paid for by the parser, what lies between here.
                b'\n' | b'\r' => {
                    self.newline();
                    if self.is_due() {
                        self.pay_skipped()?;
                    }
                }
                b' ' | b'\t' | 11 | 12 => {
                    self.at += 1;
                    if let Some(b' ' | b'\t' | 11 | 12) = self.peek() {
                        self.skip_until(|b| !matches!(b, b' ' | b'\t' | 11 | 12))?;
                    }
                }
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

    fn identifier(&mut self) -> Res<Token> {
        let start = self.at;
        self.skip_until(|b| CLASS[b as usize] & (ALPHA | DIGIT) == 0)?;
        let name = self.intern(&self.src[start..self.at])?;
        let kind = if (name.0 as usize) < KEYWORDS.len() {
            KEYWORD_KINDS[name.0 as usize]
        } else {
            T::Name
        };
        Ok(self.token(kind, start, u64::from(name.0)))
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
            if self.at - start >= CHUNK && self.is_due() {
                self.pay_skipped()?;
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
        let start = self.at;
        self.skip_until(|b| b == b'\n' || b == b'\r')?;
        if self.src[start..].starts_with(b"@jit") {
            self.annotation(start + b"@jit".len());
        }
        Ok(())
    }

    /// A comment `--@jit`, read up to its end; `start`: what follows that. One
    /// that says something else is like any other comment.
    #[cold]
    fn annotation(&mut self, start: usize) {
        let text = &self.src[start..self.at];
        if !text.first().is_some_and(u8::is_ascii_whitespace) {
            return;
        }
        let mut words = text
            .split(u8::is_ascii_whitespace)
            .filter(|w| !w.is_empty());
        let mut word = words.next().unwrap_or_default();
        let file = word == b"file";
        if file {
            word = words.next().unwrap_or_default();
        }
        let Some(asked) = Annotation::from_name(word) else {
            return;
        };
        if file {
            self.annotations.file.get_or_insert(asked);
        } else {
            self.annotations.function = Some(asked);
        }
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
