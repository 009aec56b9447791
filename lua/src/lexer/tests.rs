//! Lexer tests: values of every literal form, line counting, messages.

use super::*;
use bumpalo::Bump;

fn lex(source: &[u8]) -> Result<Vec<(T, u32)>, String> {
    let arena = Bump::new();
    let names = Names::new(&arena, source.len());
    let mut budget = strata_spec::Unlimited;
    let meter = Meter::new(&mut budget, &arena);
    let mut lexer = Lexer::new(source, b"=t", names, &meter);
    let mut out = Vec::new();
    loop {
        match lexer.next_token() {
            Ok(token) if token.kind == T::Eof => return Ok(out),
            Ok(token) => out.push((token.kind, token.line)),
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn kinds(source: &str) -> Vec<T> {
    lex(source.as_bytes())
        .unwrap()
        .into_iter()
        .map(|(kind, _)| kind)
        .collect()
}

fn string(source: impl AsRef<[u8]>) -> Vec<u8> {
    let arena = Bump::new();
    let names = Names::new(&arena, 0);
    let mut budget = strata_spec::Unlimited;
    let meter = Meter::new(&mut budget, &arena);
    let mut lexer = Lexer::new(source.as_ref(), b"=t", names, &meter);
    let token = lexer.next_token().unwrap();
    assert_eq!(token.kind, T::Str);
    lexer.names.text(Name(token.value as u32)).to_vec()
}

#[test]
fn operators() {
    let b = T::Byte;
    assert_eq!(
        kinds("=== <= << < >= >> > // / ~= ~ :: : ... .. ."),
        [
            T::Eq,
            b(b'='),
            T::Le,
            T::Shl,
            b(b'<'),
            T::Ge,
            T::Shr,
            b(b'>'),
            T::IDiv,
            b(b'/'),
            T::Ne,
            b(b'~'),
            T::DoubleColon,
            b(b':'),
            T::Dots,
            T::Concat,
            b(b'.'),
        ]
    );
    assert_eq!(kinds("a--b\nc"), [T::Name, T::Name]);
    assert_eq!(kinds("--[==[ ]] \n ]=] ]==] x"), [T::Name]);
    assert_eq!(kinds("--[=x\ny"), [T::Name]);
    assert_eq!(
        kinds("and While while _1"),
        [T::And, T::Name, T::While, T::Name]
    );
    assert_eq!(
        kinds("[ [=[]=] 1 .5 3.e2 0xA.p1"),
        [b(b'['), T::Str, T::Int, T::Float, T::Float, T::Float]
    );
}

#[test]
fn strings() {
    assert_eq!(
        string(r#""a\n\t\\\"\'\a\b\f\r\v""#),
        b"a\n\t\\\"'\x07\x08\x0c\r\x0b"
    );
    assert_eq!(string(r"'\65\066\x43\u{44}\z    E\0'"), b"ABCDE\0");
    assert_eq!(string("'a\\\nb\\\r\nc'"), b"a\nb\nc");
    assert_eq!(string("'a\\z \n\r\n  b'"), b"ab");
    assert_eq!(
        string(r"'\u{7FF}\u{20AC}\u{10FFFF}\u{7FFFFFFF}'"),
        b"\xdf\xbf\xe2\x82\xac\xf4\x8f\xbf\xbf\xfd\xbf\xbf\xbf\xbf\xbf"
    );
    assert_eq!(string(b"'\xff\xfe'"), b"\xff\xfe");
    assert_eq!(string("[[a\nb]]"), b"a\nb");
    assert_eq!(string("[[\na\r\nb\n\rc\r\rd]]"), b"a\nb\nc\n\nd");
    assert_eq!(string("[==[a]]b]=]c]==]"), b"a]]b]=]c");
    assert_eq!(string("[=[]]=]"), b"]");
    assert_eq!(string("[[\r\n]]"), b"");
    assert_eq!(string("''"), b"");
}

#[test]
fn lines() {
    let lines: Vec<u32> = lex(b"a\nb\r\nc\n\rd\r\re 'x\\\ny' [[\n\n]] f")
        .unwrap()
        .into_iter()
        .map(|(_, line)| line)
        .collect();
    assert_eq!(lines, [1, 2, 3, 4, 6, 7, 9, 9]);
}

#[test]
fn messages() {
    for (source, expected) in [
        (
            "x = 'abc\\q'",
            "t:1: invalid escape sequence near ''abc\\q'",
        ),
        (
            "x = 'abc\\300'",
            "t:1: decimal escape too large near ''abc\\300''",
        ),
        (
            "x = '\\u{110000000}'",
            "t:1: UTF-8 value too large near ''\\u{110000000'",
        ),
        (
            "x = '\\xag'",
            "t:1: hexadecimal digit expected near ''\\xag'",
        ),
        (
            "x = 'a\\u{zz}'",
            "t:1: hexadecimal digit expected near ''a\\u{z'",
        ),
        ("x = 'a\\u12'", "t:1: missing '{' near ''a\\u1'"),
        ("x = 'a\\u{12'", "t:1: missing '}' near ''a\\u{12''"),
        ("x = 'abc\ndef'", "t:1: unfinished string near ''abc'"),
        ("x = 'a\\65\ndef'", "t:1: unfinished string near ''aA'"),
        ("x = 'abc", "t:1: unfinished string near <eof>"),
        ("x = 'abc\\", "t:1: unfinished string near <eof>"),
        ("x = '\\\n\\z  \n  \\", "t:3: unfinished string near <eof>"),
        (
            "x = [[abc\n\n",
            "t:3: unfinished long string (starting at line 1) near <eof>",
        ),
        (
            "\n--[=[abc\n\n",
            "t:4: unfinished long comment (starting at line 2) near <eof>",
        ),
        (
            "x = [==abc",
            "t:1: invalid long string delimiter near '[=='",
        ),
        ("x = 3x", "t:1: malformed number near '3x'"),
        ("x = 0x", "t:1: malformed number near '0x'"),
        ("x = 3..2", "t:1: malformed number near '3..2'"),
        ("x = 2.5e", "t:1: malformed number near '2.5e'"),
        ("x = 0x1p", "t:1: malformed number near '0x1p'"),
        ("x = .5.", "t:1: malformed number near '.5.'"),
        ("x = 1e+", "t:1: malformed number near '1e+'"),
    ] {
        assert_eq!(
            lex(source.as_bytes()),
            Err(expected.to_string()),
            "{source}"
        );
    }
}
