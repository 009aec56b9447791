//! Terms as text, which the reader reads back as the same terms. Without recursion.

use super::lexer::is_name;
use super::read::float_word;
use super::terms::{Term, Terms, View};
use std::fmt::{self, Write};

/// A text between quotes.
fn quoted(out: &mut impl Write, quote: char, text: &str) -> fmt::Result {
    out.write_char(quote)?;
    for c in text.chars() {
        match c {
            '\n' => out.write_str("\\n")?,
            '\t' => out.write_str("\\t")?,
            '\r' => out.write_str("\\r")?,
            '\\' => out.write_str("\\\\")?,
            c if c == quote => write!(out, "\\{c}")?,
            c if c.is_control() => write!(out, "\\u{{{:x}}}", u32::from(c))?,
            c => out.write_char(c)?,
        }
    }
    out.write_char(quote)
}

/// A name, in quotes if it needs them.
pub(super) fn name(out: &mut impl Write, text: &str) -> fmt::Result {
    if is_name(text) && text != "_" && float_word(text).is_none() {
        out.write_str(text)
    } else {
        quoted(out, '\'', text)
    }
}

/// A float so that it is read as one.
pub(super) fn float(out: &mut impl Write, value: f64) -> fmt::Result {
    if value.is_nan() {
        out.write_str("nan")
    } else {
        write!(out, "{value:?}")
    }
}

impl Terms {
    /// Writes a term, at most `nodes` nodes of it; what is left out is `...`.
    ///
    /// # Errors
    /// As `out` has them.
    pub fn write(&self, out: &mut impl Write, term: Term, mut nodes: u64) -> fmt::Result {
        /// What is left to write.
        enum Left<'t> {
            Args(std::slice::Iter<'t, Term>),
            Term(Term),
        }
        let mut left = vec![Left::Term(term)];
        while let Some(next) = left.pop() {
            match next {
                Left::Term(_) if nodes == 0 => out.write_str("...")?,
                Left::Term(term) => {
                    nodes -= 1;
                    match self.view(term) {
                        View::Int(value) => write!(out, "{value}")?,
                        View::Float(value) => float(out, value)?,
                        View::Str(text) => quoted(out, '"', text)?,
                        View::Apply(head, args) => {
                            name(out, head)?;
                            let mut args = args.iter();
                            if let Some(&first) = args.next() {
                                out.write_char('(')?;
                                left.push(Left::Args(args));
                                left.push(Left::Term(first));
                            }
                        }
                    }
                }
                Left::Args(mut args) => match args.next() {
                    None => out.write_char(')')?,
                    Some(_) if nodes == 0 => out.write_str(", ...)")?,
                    Some(&arg) => {
                        out.write_str(", ")?;
                        left.push(Left::Args(args));
                        left.push(Left::Term(arg));
                    }
                },
            }
        }
        Ok(())
    }

    /// A term as text: all of it, which may be much more than the memory that the
    /// term takes ([`tree_size`](Terms::tree_size)).
    pub fn show(&self, term: Term) -> String {
        self.show_some(term, u64::MAX)
    }

    /// At most `nodes` nodes of a term as text.
    pub fn show_some(&self, term: Term, nodes: u64) -> String {
        let mut text = String::new();
        // Strings take what is written.
        let _ = self.write(&mut text, term, nodes);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        let mut terms = Terms::new();
        for text in [
            "x",
            "-1",
            "-9223372036854775808",
            "1.0",
            "-0.0",
            "1e300",
            "5e-324",
            "inf",
            "-inf",
            "nan",
            "'inf'",
            "'_'",
            "'two words'(1, 2)",
            r#""a\"b\\\n\u{1}é'""#,
            "it's",
            r"'no \'name\''",
            "f(g(x, y'), \"\", h(1), '')",
        ] {
            let term = terms.read_one(text).unwrap();
            assert_eq!(terms.show(term), text);
        }
        let term = terms.read_one(" f ( - 1 , 2.5E1 ) # comment").unwrap();
        assert_eq!(terms.show(term), "f(-1, 25.0)");
    }

    #[test]
    fn deep_and_huge_terms() {
        let mut terms = Terms::new();
        let deep = format!("{}x{}", "f(".repeat(1_000_000), ")".repeat(1_000_000));
        let term = terms.read_one(&deep).unwrap();
        assert!(terms.show(term) == deep);
        let mut wide = terms.read_one("x").unwrap();
        for _ in 0..200 {
            wide = terms.apply("f", &[wide, wide]).unwrap();
        }
        assert_eq!(terms.show_some(wide, 3), "f(f(f(..., ...), ...), ...)");
    }

    #[test]
    fn errors_name_the_place() {
        let mut terms = Terms::new();
        for (text, message) in [
            ("", "term:1:1: a term expected, not the end of the text"),
            (
                "f(x",
                "term:1:4: ',' or ')' expected, not the end of the text (the arguments of 'f' begin in line 1)",
            ),
            (
                "f(\n x y)",
                "term:2:4: ',' or ')' expected, not 'y' (the arguments of 'f' begin in line 1)",
            ),
            (
                "f()",
                "term:1:3: no arguments: write 'f' without parentheses",
            ),
            ("x y", "term:1:3: the end of the term expected, not 'y'"),
            ("?x", "term:1:1: variables are for rules; a term has none"),
            (
                "f(_)",
                "term:1:3: '_' is for rules; a term has no such thing",
            ),
            (
                "9223372036854775808",
                "term:1:1: 9223372036854775808 takes more than 64 bits; as a float it is 9223372036854775808.0",
            ),
            (
                "99999999999999999999",
                "term:1:1: 99999999999999999999 takes more than 64 bits; as a float it is 99999999999999999999.0",
            ),
            ("12x", "term:1:1: '12x' is no number"),
            ("\"abc", "term:1:1: this quote is not closed"),
            ("'\\q'", "term:1:2: '\\q' means nothing in quotes"),
            (
                "'\\u{d800}'",
                "term:1:2: '\\u' is followed by the number of a character, as in \\u{e9}",
            ),
            ("- x", "term:1:3: a number expected, not 'x'"),
            ("a $", "term:1:3: unexpected character '$'"),
            ("? x", "term:1:1: a variable is '?' and a name"),
        ] {
            let error = terms.read_one(text).unwrap_err();
            assert_eq!(error.to_string(), message, "{text}");
        }
    }
}
