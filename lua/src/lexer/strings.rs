//! String literals and long comments.

use super::{DIGIT, Fault, HEX, Lexer, Res, SPACE, is};
use crate::number::hex_value;
use crate::token::{T, Token};

impl Lexer<'_> {
    /// A string in quotes. The common string, without escapes, is a slice of
    /// the source.
    pub(super) fn string(&mut self, quote: u8) -> Res<Token> {
        let start = self.at;
        self.at += 1;
        let text = self.at;
        self.skip_until(|b| b == quote || matches!(b, b'\\' | b'\n' | b'\r'))?;
        let name = if self.peek() == Some(quote) {
            self.at += 1;
            self.intern(&self.src[text..self.at - 1])?
        } else {
            self.at = text;
            self.paid = self.paid.min(text);
            self.escaped_string(quote, start)?;
            self.intern_buffer()?
        };
        Ok(self.token(T::Str, start, u64::from(name.0)))
    }

    /// Reads the rest of a string into the buffer.
    fn escaped_string(&mut self, quote: u8, start: usize) -> Res<()> {
        self.buffer.clear();
        loop {
            if self.is_due() {
                self.pay(0)?;
            }
            let Some(b) = self.peek() else {
                return Err(self.error_eof("unfinished string"));
            };
            match b {
                _ if b == quote => {
                    self.at += 1;
                    return Ok(());
                }
                b'\n' | b'\r' => {
                    return Err(self.string_error("unfinished string", start, self.at));
                }
                b'\\' => self.escape(start)?,
                _ => {
                    self.buffer.push(b);
                    self.at += 1;
                }
            }
        }
    }

    /// One escape sequence, the backslash included.
    fn escape(&mut self, start: usize) -> Res<()> {
        let escape = self.at;
        self.at += 1;
        let Some(b) = self.peek() else {
            return Ok(()); // the caller reports the unfinished string
        };
        let byte = match b {
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'\\' | b'"' | b'\'' => b,
            b'\n' | b'\r' => {
                self.newline();
                self.buffer.push(b'\n');
                return Ok(());
            }
            b'x' => {
                self.at += 1;
                let high = self.hex_digit(start, escape)?;
                let low = self.hex_digit(start, escape)?;
                self.buffer.push(high << 4 | low);
                return Ok(());
            }
            b'u' => {
                self.at += 1;
                let code = self.braced_code(start, escape)?;
                encode_utf8(code, &mut self.buffer);
                return Ok(());
            }
            b'z' => {
                self.at += 1;
                while is(self.peek(), SPACE) {
                    if self.is_due() {
                        self.pay_skipped()?;
                    }
                    match self.peek() {
                        Some(b'\n' | b'\r') => self.newline(),
                        _ => self.at += 1,
                    }
                }
                return Ok(());
            }
            b'0'..=b'9' => {
                let mut value = 0u32;
                let mut digits = 0;
                while let Some(d) = self.peek()
                    && is(Some(d), DIGIT)
                    && digits < 3
                {
                    value = value * 10 + u32::from(d - b'0');
                    digits += 1;
                    self.at += 1;
                }
                let Ok(byte) = u8::try_from(value) else {
                    return Err(self.escape_error("decimal escape too large", start, escape));
                };
                self.buffer.push(byte);
                return Ok(());
            }
            _ => return Err(self.escape_error("invalid escape sequence", start, escape)),
        };
        self.buffer.push(byte);
        self.at += 1;
        Ok(())
    }

    fn hex_digit(&mut self, start: usize, escape: usize) -> Res<u8> {
        match self.peek() {
            Some(b) if is(Some(b), HEX) => {
                self.at += 1;
                Ok(hex_value(b))
            }
            _ => Err(self.escape_error("hexadecimal digit expected", start, escape)),
        }
    }

    /// The `{XXX}` of a `\u` escape; codes go up to 2^31.
    fn braced_code(&mut self, start: usize, escape: usize) -> Res<u32> {
        if self.peek() != Some(b'{') {
            return Err(self.escape_error("missing '{'", start, escape));
        }
        self.at += 1;
        let mut code = u32::from(self.hex_digit(start, escape)?);
        while let Some(b) = self.peek()
            && is(Some(b), HEX)
        {
            if code > 0x7fff_ffff >> 4 {
                return Err(self.escape_error("UTF-8 value too large", start, escape));
            }
            code = code << 4 | u32::from(hex_value(b));
            self.at += 1;
        }
        if self.peek() != Some(b'}') {
            return Err(self.escape_error("missing '}'", start, escape));
        }
        self.at += 1;
        Ok(code)
    }

    /// An error inside an escape; quotes it up to and with the current byte.
    fn escape_error(&mut self, text: &str, start: usize, escape: usize) -> Box<Fault> {
        if self.at < self.src.len() {
            self.at += 1;
        }
        self.string_error(text, start, escape)
    }

    /// An error in a string: quotes what the string stands for so far, and
    /// the source as it is from `raw` on.
    fn string_error(&self, text: &str, start: usize, raw: usize) -> Box<Fault> {
        let quoted = [
            &self.src[start..start + 1],
            &self.buffer,
            &self.src[raw..self.at],
        ]
        .concat();
        self.error_text(text, &quoted, start)
    }

    /// A long string with `level` equals signs; a first line break is dropped
    /// and every other becomes `\n`.
    pub(super) fn long_string(&mut self, level: usize) -> Res<Token> {
        let start = self.at;
        let first_line = self.line;
        self.at += level + 2;
        if matches!(self.peek(), Some(b'\n' | b'\r')) {
            self.newline();
        }
        let text = self.at;
        let mut copied = false; // the buffer holds what was read, not the source
        let mut from = text; // what is not yet in the buffer
        loop {
            match self.next_of_long(level)? {
                LongStop::Eof => return Err(self.unfinished_long("string", first_line)),
                LongStop::Newline => {
                    // Only a lone '\n' is what the string holds.
                    let end = self.at;
                    let b = self.src[end];
                    self.newline();
                    if b != b'\n' || self.at != end + 1 {
                        if !copied {
                            self.buffer.clear();
                            copied = true;
                        }
                        self.buffer.extend_from_slice(&self.src[from..end]);
                        self.buffer.push(b'\n');
                        from = self.at;
                    }
                }
                LongStop::Close => break,
            }
        }
        let end = self.at;
        self.at += level + 2;
        let name = if copied {
            self.buffer.extend_from_slice(&self.src[from..end]);
            self.intern_buffer()?
        } else {
            self.intern(&self.src[text..end])?
        };
        Ok(self.token(T::Str, start, u64::from(name.0)))
    }

    /// Skips a long comment; the current position is its first bracket.
    pub(super) fn long_comment(&mut self, level: usize) -> Res<()> {
        let first_line = self.line;
        self.at += level + 2;
        loop {
            match self.next_of_long(level)? {
                LongStop::Eof => return Err(self.unfinished_long("comment", first_line)),
                LongStop::Newline => self.newline(),
                LongStop::Close => {
                    self.at += level + 2;
                    return Ok(());
                }
            }
        }
    }

    /// Moves to the next line break or to the closing bracket of this level.
    fn next_of_long(&mut self, level: usize) -> Res<LongStop> {
        loop {
            if self.is_due() {
                self.pay_skipped()?;
            }
            self.skip_until(|b| matches!(b, b']' | b'\n' | b'\r'))?;
            match self.peek() {
                None => return Ok(LongStop::Eof),
                Some(b']') => {}
                Some(_) => return Ok(LongStop::Newline),
            }
            let rest = &self.src[self.at + 1..];
            let equals = rest.iter().take_while(|&&b| b == b'=').count();
            if equals == level && rest.get(equals) == Some(&b']') {
                return Ok(LongStop::Close);
            }
            self.at += 1 + equals;
        }
    }

    fn unfinished_long(&self, what: &str, first_line: u32) -> Box<Fault> {
        self.error_eof(&format!(
            "unfinished long {what} (starting at line {first_line})"
        ))
    }
}

/// Where reading a long bracket stopped.
enum LongStop {
    Eof,
    Newline,
    Close,
}

/// Appends the UTF-8 form of a code up to 2^31, as the original UTF-8 had it.
fn encode_utf8(code: u32, out: &mut Vec<u8>) {
    if code < 0x80 {
        out.push(code as u8);
        return;
    }
    let mut tail = [0u8; 6];
    let (mut count, mut rest, mut first_max) = (0, code, 0x3fu32);
    while rest > first_max {
        tail[count] = 0x80 | (rest & 0x3f) as u8;
        count += 1;
        rest >>= 6;
        first_max >>= 1;
    }
    out.push((!first_max << 1) as u8 | rest as u8);
    out.extend(tail[..count].iter().rev());
}
