//! The reader of terms, for texts of terms and for the terms in rules. It does
//! without recursion: terms may be as deep as they like.

use super::error::{Error, SyntaxError};
use super::lexer::{Lexer, Result, Span, Token};
use super::terms::{Full, MAX_ARITY, Term, Terms};

/// What makes something of the terms that are read.
pub(super) trait Builder {
    type Out: Copy;

    fn int(&mut self, value: i64) -> std::result::Result<Self::Out, Full>;
    fn float(&mut self, value: f64) -> std::result::Result<Self::Out, Full>;
    fn string(&mut self, text: &str) -> std::result::Result<Self::Out, Full>;
    fn apply(&mut self, name: &str, args: &[Self::Out]) -> std::result::Result<Self::Out, Full>;

    /// What begins with this word, which begins no term: a variable, for example.
    fn special(&mut self, lexer: &mut Lexer<'_>) -> Result<Self::Out> {
        Err(lexer.unexpected("a term"))
    }
}

impl Builder for Terms {
    type Out = Term;

    fn int(&mut self, value: i64) -> std::result::Result<Term, Full> {
        Terms::int(self, value)
    }

    fn float(&mut self, value: f64) -> std::result::Result<Term, Full> {
        Terms::float(self, value)
    }

    fn string(&mut self, text: &str) -> std::result::Result<Term, Full> {
        Terms::string(self, text)
    }

    fn apply(&mut self, name: &str, args: &[Term]) -> std::result::Result<Term, Full> {
        Terms::apply(self, name, args)
    }

    fn special(&mut self, lexer: &mut Lexer<'_>) -> Result<Term> {
        Err(match &lexer.token {
            Token::Var(_) => lexer.error(lexer.span, "variables are for rules; a term has none"),
            Token::Name(_) => lexer.error(lexer.span, "'_' is for rules; a term has no such thing"),
            _ => lexer.unexpected("a term"),
        })
    }
}

/// The number that an integer without sign and a sign make.
pub(super) fn signed(lexer: &Lexer<'_>, span: Span, value: u64, minus: bool) -> Result<i64> {
    let number = if minus {
        -i128::from(value)
    } else {
        value.into()
    };
    i64::try_from(number).map_err(|_| {
        let message = format!("{number} takes more than 64 bits; as a float it is {number}.0");
        lexer.error(span, message)
    })
}

/// The float that a word is.
pub(super) fn float_word(word: &str) -> Option<f64> {
    match word {
        "inf" => Some(f64::INFINITY),
        "nan" => Some(f64::NAN),
        _ => None,
    }
}

fn room<T>(lexer: &Lexer<'_>, span: Span, made: std::result::Result<T, Full>) -> Result<T> {
    made.map_err(|full| lexer.error(span, full.to_string()))
}

/// Reads one term.
pub(super) fn term<B: Builder>(lexer: &mut Lexer<'_>, to: &mut B) -> Result<B::Out> {
    // Names whose arguments are being read, where they are, and how many values
    // were there before their arguments.
    let mut open: Vec<(String, Span, usize)> = Vec::new();
    let mut values: Vec<B::Out> = Vec::new();
    loop {
        let span = lexer.span;
        let value = match &lexer.token {
            Token::Name(word) if word == "_" => to.special(lexer)?,
            Token::Name(word) if let Some(value) = float_word(word) => {
                lexer.take()?;
                let made = to.float(value);
                room(lexer, span, made)?
            }
            Token::Name(_) | Token::Quoted(_) => {
                let (Token::Name(name) | Token::Quoted(name), _) = lexer.take()? else {
                    continue;
                };
                if lexer.accept("(")? {
                    if lexer.is(")") {
                        let message = format!("no arguments: write '{name}' without parentheses");
                        return Err(lexer.error(lexer.span, message));
                    }
                    open.push((name, span, values.len()));
                    continue;
                }
                let made = to.apply(&name, &[]);
                room(lexer, span, made)?
            }
            Token::Str(_) => {
                let (Token::Str(text), _) = lexer.take()? else {
                    continue;
                };
                let made = to.string(&text);
                room(lexer, span, made)?
            }
            Token::Int(_) | Token::Float(_) | Token::Mark("-") => {
                let minus = lexer.accept("-")?;
                let sign = if minus { -1.0 } else { 1.0 };
                let made = match &lexer.token {
                    &Token::Int(value) => to.int(signed(lexer, lexer.span, value, minus)?),
                    &Token::Float(value) => to.float(sign * value),
                    Token::Name(word) if let Some(value) = float_word(word) => {
                        to.float(sign * value)
                    }
                    _ => return Err(lexer.unexpected("a number")),
                };
                lexer.take()?;
                room(lexer, span, made)?
            }
            _ => to.special(lexer)?,
        };
        values.push(value);
        loop {
            let Some((name, span, before)) = open.last() else {
                return Ok(value_of(&values));
            };
            if lexer.accept(",")? {
                break;
            }
            if !lexer.is(")") {
                let mut e = lexer.unexpected("',' or ')'");
                e.message += &format!(
                    " (the arguments of '{name}' begin in line {})",
                    lexer.line(*span)
                );
                return Err(e);
            }
            let args = &values[*before..];
            if args.len() > MAX_ARITY {
                let message = format!("'{name}' has more than {MAX_ARITY} arguments");
                return Err(lexer.error(*span, message));
            }
            let made = to.apply(name, args);
            let value = room(lexer, *span, made)?;
            values.truncate(*before);
            values.push(value);
            open.pop();
            lexer.take()?;
        }
    }
}

/// The one value that is left.
fn value_of<T: Copy>(values: &[T]) -> T {
    values[values.len() - 1]
}

impl Terms {
    /// Reads all terms of a text, which errors call `name`. Between them may be `;`.
    ///
    /// # Errors
    /// What can't be read, or there is no room.
    pub fn read(&mut self, name: &str, text: &str) -> std::result::Result<Vec<Term>, SyntaxError> {
        let mut lexer = Lexer::new(name, text)?;
        let mut terms = Vec::new();
        loop {
            while lexer.accept(";")? {}
            if lexer.token == Token::End {
                return Ok(terms);
            }
            terms.push(term(&mut lexer, self)?);
        }
    }

    /// Reads one term, and nothing else.
    ///
    /// # Errors
    /// As for [`read`](Terms::read), or the text is not one term.
    pub fn read_one(&mut self, text: &str) -> std::result::Result<Term, Error> {
        let mut lexer = Lexer::new("term", text)?;
        let read = term(&mut lexer, self)?;
        if lexer.token != Token::End {
            return Err(lexer.unexpected("the end of the term").into());
        }
        Ok(read)
    }
}
