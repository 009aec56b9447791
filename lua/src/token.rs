//! Tokens: what the lexer hands to the parser.

/// A kind of token. The keywords stand first, in the order of
/// [`crate::names::KEYWORDS`], so that a keyword's rank is its kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are the tokens")]
pub(crate) enum T {
    And,
    Break,
    Do,
    Else,
    ElseIf,
    End,
    False,
    For,
    Function,
    Goto,
    If,
    In,
    Local,
    Nil,
    Not,
    Or,
    Repeat,
    Return,
    Then,
    True,
    Until,
    While,
    IDiv,
    Concat,
    Dots,
    Eq,
    Ge,
    Le,
    Ne,
    Shl,
    Shr,
    DoubleColon,
    Eof,
    Float,
    Int,
    Name,
    Str,
    /// A single byte: an operator, a bracket, or something that is no token.
    Byte(u8),
}

/// Kinds of the keywords, by rank.
pub(crate) const KEYWORD_KINDS: [T; 22] = [
    T::And,
    T::Break,
    T::Do,
    T::Else,
    T::ElseIf,
    T::End,
    T::False,
    T::For,
    T::Function,
    T::Goto,
    T::If,
    T::In,
    T::Local,
    T::Nil,
    T::Not,
    T::Or,
    T::Repeat,
    T::Return,
    T::Then,
    T::True,
    T::Until,
    T::While,
];

impl T {
    /// The token as it stands in an "expected" message: quoted when it is a
    /// fixed text, in angle brackets when it is a class.
    pub(crate) fn describe(self) -> Vec<u8> {
        let fixed: &str = match self {
            T::Byte(b) if (b' '..=b'~').contains(&b) => {
                return vec![b'\'', b, b'\''];
            }
            T::Byte(b) => return format!("'<\\{b}>'").into_bytes(),
            T::IDiv => "//",
            T::Concat => "..",
            T::Dots => "...",
            T::Eq => "==",
            T::Ge => ">=",
            T::Le => "<=",
            T::Ne => "~=",
            T::Shl => "<<",
            T::Shr => ">>",
            T::DoubleColon => "::",
            T::Eof => return b"<eof>".to_vec(),
            T::Float => return b"<number>".to_vec(),
            T::Int => return b"<integer>".to_vec(),
            T::Name => return b"<name>".to_vec(),
            T::Str => return b"<string>".to_vec(),
            keyword => {
                let rank = KEYWORD_KINDS.iter().position(|&k| k == keyword);
                let word = rank.map_or(b"?".as_slice(), |r| crate::names::KEYWORDS[r]);
                return [b"'", word, b"'"].concat();
            }
        };
        format!("'{fixed}'").into_bytes()
    }
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    /// Its kind.
    pub kind: T,
    /// The line it ends on.
    pub line: u32,
    /// The column it starts at, in bytes from 1.
    pub column: u32,
    /// Where it starts in the source.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
    /// An integer's value, a float's bits, or the name of a string or identifier.
    pub value: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions() {
        for (rank, kind) in KEYWORD_KINDS.iter().enumerate() {
            let word = crate::names::KEYWORDS[rank];
            assert_eq!(kind.describe(), [b"'", word, b"'"].concat());
        }
        assert_eq!(T::Byte(b'(').describe(), b"'('");
        assert_eq!(T::Byte(200).describe(), b"'<\\200>'");
        assert_eq!(T::Byte(b'\n').describe(), b"'<\\10>'");
        assert_eq!(T::Eof.describe(), b"<eof>");
        assert_eq!(T::Shr.describe(), b"'>>'");
    }
}
