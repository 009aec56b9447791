//! Words of rules and terms.
//!
//! Names are letters, digits, `_` and `'`, not beginning with a digit or `'`, or any
//! text between `'`; `?` and a name is a variable. Numbers are decimal: with a point
//! or an exponent they are floats. Strings stand between `"`. In both kinds of
//! quotes there may be `\n`, `\t`, `\r`, `\\`, `\"`, `\'` and `\u{HEX}`. From `#` to the
//! end of the line is comment.

use super::error::SyntaxError;

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name as it stands.
    Name(String),
    /// A name in quotes, which is no keyword.
    Quoted(String),
    /// `?name`
    Var(String),
    /// Without sign.
    Int(u64),
    /// Without sign.
    Float(f64),
    Str(String),
    /// Punctuation.
    Mark(&'static str),
    End,
}

impl Token {
    pub(super) fn describe(&self) -> String {
        match self {
            Token::Name(name) | Token::Quoted(name) => format!("'{name}'"),
            Token::Var(name) => format!("'?{name}'"),
            Token::Int(n) => format!("'{n}'"),
            Token::Float(n) => format!("'{n:?}'"),
            Token::Str(_) => "a string".into(),
            Token::Mark(mark) => format!("'{mark}'"),
            Token::End => "the end of the text".into(),
        }
    }
}

/// A piece of the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Span {
    pub offset: usize,
    pub len: usize,
}

/// Longest first.
const MARKS: [&str; 22] = [
    "=>", "==", "!=", "<=", ">=", "//", "(", ")", "{", "}", ",", ":", "+", "-", "*", "/", "%", "^",
    "<", ">", "=", ";",
];

/// Reads words, one ahead.
pub(super) struct Lexer<'t> {
    name: &'t str,
    text: &'t str,
    at: usize,
    /// The next word, and where it is.
    pub token: Token,
    pub span: Span,
}

/// The punctuation that a text begins with.
fn mark(text: &str) -> Option<&'static str> {
    let first = text.as_bytes().first()?;
    let mut begin = MARKS
        .into_iter()
        .filter(|mark| mark.as_bytes().first() == Some(first));
    begin.find(|mark| text.starts_with(mark))
}

pub(super) type Result<T> = std::result::Result<T, SyntaxError>;

/// Whether a text is a name as it stands.
pub(super) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_') && chars.all(in_name)
}

fn in_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '\''
}

impl<'t> Lexer<'t> {
    /// `name` is what errors call the text.
    pub(super) fn new(name: &'t str, text: &'t str) -> Result<Lexer<'t>> {
        let mut lexer = Lexer {
            name,
            text,
            at: 0,
            token: Token::End,
            span: Span::default(),
        };
        lexer.advance()?;
        Ok(lexer)
    }

    /// An error about a piece of the text.
    pub(super) fn error(&self, span: Span, message: impl Into<String>) -> SyntaxError {
        let before = &self.text.as_bytes()[..span.offset];
        let line = before.iter().filter(|&&b| b == b'\n').count() as u32 + 1;
        let start = before
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |n| n + 1);
        SyntaxError {
            name: self.name.into(),
            line,
            column: (span.offset - start) as u32 + 1,
            offset: span.offset,
            len: span.len,
            message: message.into(),
        }
    }

    /// The number of a line.
    pub(super) fn line(&self, span: Span) -> u32 {
        self.error(span, "").line
    }

    /// An error: something else was expected here.
    pub(super) fn unexpected(&self, wanted: &str) -> SyntaxError {
        let message = format!("{wanted} expected, not {}", self.token.describe());
        self.error(self.span, message)
    }

    /// Takes the next word, and reads the one after it.
    pub(super) fn take(&mut self) -> Result<(Token, Span)> {
        let token = std::mem::replace(&mut self.token, Token::End);
        let span = self.span;
        self.advance()?;
        Ok((token, span))
    }

    /// Whether the next word is this punctuation.
    pub(super) fn is(&self, mark: &str) -> bool {
        matches!(self.token, Token::Mark(found) if found == mark)
    }

    /// Whether the next word is this keyword.
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(&self.token, Token::Name(name) if name == word)
    }

    /// Takes the next word if it is this punctuation.
    pub(super) fn accept(&mut self, mark: &str) -> Result<bool> {
        let is = self.is(mark);
        if is {
            self.advance()?;
        }
        Ok(is)
    }

    pub(super) fn expect(&mut self, mark: &str) -> Result<()> {
        if !self.accept(mark)? {
            return Err(self.unexpected(&format!("'{mark}'")));
        }
        Ok(())
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn advance(&mut self) -> Result<()> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if !trimmed.starts_with('#') {
                break;
            }
            self.at += trimmed.find('\n').unwrap_or(trimmed.len());
        }
        let start = self.at;
        let rest = self.rest();
        self.token = match rest.chars().next() {
            None => Token::End,
            Some('?') => {
                let name = self.name_at(start + 1);
                if !is_name(name) {
                    let span = Span {
                        offset: start,
                        len: 1 + name.len(),
                    };
                    return Err(self.error(span, "a variable is '?' and a name"));
                }
                self.at += 1 + name.len();
                Token::Var(name.into())
            }
            Some('"') => Token::Str(self.quoted('"')?),
            Some('\'') => Token::Quoted(self.quoted('\'')?),
            Some(c) if c.is_ascii_digit() => self.number()?,
            Some(c) if c.is_alphabetic() || c == '_' => {
                let name = self.name_at(start);
                self.at += name.len();
                Token::Name(name.into())
            }
            Some(c) => match mark(rest) {
                Some(mark) => {
                    self.at += mark.len();
                    Token::Mark(mark)
                }
                None => {
                    let span = Span {
                        offset: start,
                        len: c.len_utf8(),
                    };
                    return Err(self.error(span, format!("unexpected character {c:?}")));
                }
            },
        };
        self.span = Span {
            offset: start,
            len: self.at - start,
        };
        Ok(())
    }

    /// The letters from there on that may be in a name.
    fn name_at(&self, start: usize) -> &'t str {
        let rest = &self.text[start..];
        let end = rest.find(|c| !in_name(c)).unwrap_or(rest.len());
        &rest[..end]
    }

    fn number(&mut self) -> Result<Token> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut at = start;
        let digits = |at: &mut usize| {
            let from = *at;
            while bytes.get(*at).is_some_and(u8::is_ascii_digit) {
                *at += 1;
            }
            *at > from
        };
        digits(&mut at);
        let mut float = false;
        if bytes.get(at) == Some(&b'.') {
            at += 1;
            float = true;
            digits(&mut at);
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            let mut exponent = at + 1;
            if matches!(bytes.get(exponent), Some(b'+' | b'-')) {
                exponent += 1;
            }
            if digits(&mut exponent) {
                at = exponent;
                float = true;
            }
        }
        let follows = self.name_at(at);
        let span = Span {
            offset: start,
            len: at + follows.len() - start,
        };
        if !follows.is_empty() {
            let word = &self.text[start..at + follows.len()];
            return Err(self.error(span, format!("'{word}' is no number")));
        }
        self.at = at;
        let text = &self.text[start..at];
        if float {
            let value = text.parse();
            return value
                .map(Token::Float)
                .map_err(|_| self.error(span, format!("'{text}' is no number")));
        }
        text.parse().map(Token::Int).map_err(|_| {
            self.error(
                span,
                format!("{text} takes more than 64 bits; as a float it is {text}.0"),
            )
        })
    }

    fn quoted(&mut self, quote: char) -> Result<String> {
        let start = self.at;
        let open = Span {
            offset: start,
            len: 1,
        };
        let mut text = String::new();
        let mut chars = self.text[start + 1..].char_indices();
        loop {
            let Some((n, c)) = chars.next() else {
                return Err(self.error(open, "this quote is not closed"));
            };
            match c {
                _ if c == quote => {
                    self.at = start + 1 + n + 1;
                    return Ok(text);
                }
                '\\' => {
                    let at = Span {
                        offset: start + 1 + n,
                        len: 2.min(self.text.len() - start - 1 - n),
                    };
                    match chars.next().map(|(_, c)| c) {
                        Some('n') => text.push('\n'),
                        Some('t') => text.push('\t'),
                        Some('r') => text.push('\r'),
                        Some(c @ ('\\' | '"' | '\'')) => text.push(c),
                        Some('u') => {
                            let rest = chars.as_str();
                            let code = rest.strip_prefix('{').and_then(|r| r.split_once('}'));
                            let c = code.and_then(|(hex, _)| {
                                let plain =
                                    hex.len() <= 6 && hex.bytes().all(|b| b.is_ascii_hexdigit());
                                let code = u32::from_str_radix(hex, 16).ok().filter(|_| plain);
                                code.and_then(char::from_u32)
                            });
                            let (Some(c), Some((hex, _))) = (c, code) else {
                                return Err(self.error(
                                    at,
                                    "'\\u' is followed by the number of a character, as in \\u{e9}",
                                ));
                            };
                            text.push(c);
                            for _ in 0..hex.len() + 2 {
                                chars.next();
                            }
                        }
                        Some(c) => {
                            let span = Span {
                                len: 1 + c.len_utf8(),
                                ..at
                            };
                            return Err(
                                self.error(span, format!("'\\{c}' means nothing in quotes"))
                            );
                        }
                        None => return Err(self.error(open, "this quote is not closed")),
                    }
                }
                c => text.push(c),
            }
        }
    }
}
