//! Tokens of the assembly text.

use super::AsmError;

/// A token. Words are runs of anything that is neither blank nor special.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Token<'t> {
    Word(&'t str),
    Str(Vec<u8>),
    Punct(char),
    /// End of a line, and of the text.
    Line,
}

impl Token<'_> {
    pub(super) fn describe(&self) -> String {
        match self {
            Token::Word(word) => format!("`{word}`"),
            Token::Str(bytes) => crate::disasm::quoted(bytes),
            Token::Punct(c) => format!("`{c}`"),
            Token::Line => "the end of the line".into(),
        }
    }
}

/// Splits text into tokens with their places.
pub(super) struct Tokens<'t> {
    text: &'t str,
    at: usize,
    line: u32,
    line_start: usize,
}

/// Where a token starts; both count from 1, columns in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
}

fn is_special(c: char) -> bool {
    c.is_whitespace() || matches!(c, ';' | '"' | ':' | '{' | '}')
}

impl<'t> Tokens<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Tokens {
            text,
            at: 0,
            line: 1,
            line_start: 0,
        }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn place(&self) -> Place {
        Place {
            line: self.line,
            column: (self.at - self.line_start) as u32 + 1,
        }
    }

    /// Whether nothing is left but blanks and comments on the current line.
    pub(super) fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// The next token and its place.
    pub(super) fn next(&mut self) -> Result<(Token<'t>, Place), AsmError> {
        loop {
            let rest = self.rest();
            let Some(c) = rest.chars().next() else {
                return Ok((Token::Line, self.place()));
            };
            let place = self.place();
            match c {
                '\n' => {
                    self.at += 1;
                    self.line += 1;
                    self.line_start = self.at;
                    return Ok((Token::Line, place));
                }
                ';' => self.at += rest.find('\n').unwrap_or(rest.len()),
                '"' => {
                    let bytes = self.string()?;
                    return Ok((Token::Str(bytes), place));
                }
                ':' | '{' | '}' => {
                    self.at += 1;
                    return Ok((Token::Punct(c), place));
                }
                c if c.is_whitespace() => self.at += c.len_utf8(),
                _ => {
                    let end = rest.find(is_special).unwrap_or(rest.len());
                    self.at += end;
                    return Ok((Token::Word(&rest[..end]), place));
                }
            }
        }
    }

    /// A quoted string; the quote is next.
    fn string(&mut self) -> Result<Vec<u8>, AsmError> {
        let start = self.place();
        let mut bytes = Vec::new();
        self.at += 1;
        loop {
            let rest = self.rest();
            match rest.chars().next() {
                None | Some('\n') => {
                    return Err(AsmError::new(start, "a closing quote", "none"));
                }
                Some('"') => {
                    self.at += 1;
                    return Ok(bytes);
                }
                Some('\\') => {
                    let escaped = rest.as_bytes().get(1).copied();
                    let (byte, len) = match escaped {
                        Some(b'n') => (b'\n', 2),
                        Some(b'r') => (b'\r', 2),
                        Some(b't') => (b'\t', 2),
                        Some(b @ (b'"' | b'\\')) => (b, 2),
                        Some(b'x') => {
                            let digits = rest.get(2..4).filter(|d| !d.starts_with('+'));
                            let byte = digits.and_then(|d| u8::from_str_radix(d, 16).ok());
                            (byte.ok_or_else(|| self.bad_escape())?, 4)
                        }
                        _ => return Err(self.bad_escape()),
                    };
                    bytes.push(byte);
                    self.at += len;
                }
                Some(c) => {
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    self.at += c.len_utf8();
                }
            }
        }
    }

    #[cold]
    fn bad_escape(&self) -> AsmError {
        let found: String = self.rest().chars().take(2).collect();
        AsmError::new(
            self.place(),
            "an escape \\n \\r \\t \\\" \\\\ or \\x and two hexadecimal digits",
            &format!("`{found}`"),
        )
    }
}
