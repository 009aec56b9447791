use super::*;
use crate::text::budget::Unlimited;
use std::convert::Infallible;

/// The spans and captures of the first match, written out.
fn show(src: &[u8], pat: &[u8]) -> Result<String, String> {
    let mut matcher = Matcher::new(src, pat, Unlimited);
    let whole = match matcher.next_match(0, None) {
        Ok(Some(span)) => span,
        Ok(None) => return Ok("nil".into()),
        Err(MatchError::Pattern(error)) => return Err(error.to_string()),
        Err(MatchError::Stopped(never)) => match never {},
    };
    let mut out = format!("{}-{}", whole.start + 1, whole.end);
    for i in 0..matcher.capture_count() {
        match matcher
            .capture(i, whole)
            .map_err(|error| error.to_string())?
        {
            Capture::Span(Span { start, end }) => {
                out += &format!(" {}", String::from_utf8_lossy(&src[start..end]));
            }
            Capture::Position(n) => out += &format!(" @{n}"),
        }
    }
    Ok(out)
}

fn found(src: &str, pat: &str) -> String {
    show(src.as_bytes(), pat.as_bytes()).unwrap()
}

fn error(src: &str, pat: &str) -> String {
    show(src.as_bytes(), pat.as_bytes()).unwrap_err()
}

fn gsub(src: &[u8], pat: &[u8], replacement: &[u8]) -> Result<(String, usize), String> {
    let mut matcher = Matcher::new(src, pat, Unlimited);
    let (mut out, mut at, mut last, mut count) = (Vec::new(), 0, None, 0);
    loop {
        match matcher.next_match(at, last) {
            Ok(Some(span)) => {
                out.extend_from_slice(&src[at..span.start]);
                append_replacement(&matcher, span, replacement, &mut out)
                    .map_err(|error| error.to_string())?;
                at = span.end;
                last = Some(at);
                count += 1;
                if matcher.is_anchored() {
                    break;
                }
            }
            Ok(None) => break,
            Err(MatchError::Pattern(error)) => return Err(error.to_string()),
            Err(MatchError::Stopped(never)) => match never {},
        }
    }
    out.extend_from_slice(&src[at..]);
    Ok((String::from_utf8_lossy(&out).into_owned(), count))
}

#[test]
fn literals_and_anchors() {
    assert_eq!(found("hello world", "wor"), "7-9");
    assert_eq!(found("hello", "^h"), "1-1");
    assert_eq!(found("hello", "^e"), "nil");
    assert_eq!(found("hello", "o$"), "5-5");
    assert_eq!(found("hello", "l$"), "nil");
    assert_eq!(found("a$b", "a$b"), "1-3");
    assert_eq!(found("", ""), "1-0");
    assert_eq!(found("", "^$"), "1-0");
    assert_eq!(found("abc", "$"), "4-3");
    assert_eq!(found("a.b", "%."), "2-2");
    assert_eq!(found("a^b", "a^b"), "1-3");
}

#[test]
fn repetitions() {
    assert_eq!(found("aaab", ".*b"), "1-4");
    assert_eq!(found("aaa", ".-b"), "nil");
    assert_eq!(found("aaab", ".-b"), "1-4");
    assert_eq!(found("aab", "a-b"), "1-3");
    assert_eq!(found("xaab", "a*"), "1-0");
    assert_eq!(found("xaab", "a+"), "2-3");
    assert_eq!(found("xaab", "xa?a?a?b"), "1-4");
    assert_eq!(found("key = value", "(%w+)%s*=%s*(%w+)"), "1-11 key value");
    assert_eq!(found("[[x]]y]]", "%[%[(.-)%]%]"), "1-5 x");
    assert_eq!(found("[[x]]y]]", "%[%[(.*)%]%]"), "1-8 x]]y");
    assert_eq!(found("0123456789", "(%d+)9"), "1-10 012345678");
    assert_eq!(found("  x  ", "^%s*(.-)%s*$"), "1-5 x");
}

#[test]
fn classes_and_sets() {
    assert_eq!(found("ab12", "%d+"), "3-4");
    assert_eq!(found("ab12", "%D+"), "1-2");
    assert_eq!(found("foo_bar9", "[%w_]+"), "1-8");
    assert_eq!(found("x-y", "[a-]+"), "2-2");
    assert_eq!(found("a]b", "[]]"), "2-2");
    assert_eq!(found("a]b", "[^]]+"), "1-1");
    assert_eq!(found("a%]", "[%]%%]+"), "2-3");
    assert_eq!(found("é", "[\u{80}-\u{ff}]+"), "1-2");
    assert_eq!(found("zZ", "[^%l]"), "2-2");
    assert_eq!(found("a-z", "[%a-z]+"), "1-3");
    assert_eq!(found("0-5", "[+--]+"), "2-2");
    assert_eq!(found("a]", "[x-%%]"), "2-2");
    assert_eq!(show(b"a\0b", b"%z").unwrap(), "2-2");
    assert_eq!(show(b"a\0b", b"[\0]").unwrap(), "2-2");
}

#[test]
fn captures() {
    assert_eq!(found("hello", "()ll()"), "3-4 @3 @5");
    assert_eq!(found("abab", "(ab)%1"), "1-4 ab");
    assert_eq!(found("\"x'y\"", "([\"'])(.-)%1"), "1-5 \" x'y");
    assert_eq!(found("abc", "((a)(b)(c))"), "1-3 abc a b c");
    assert_eq!(found("abc", "()%1"), "nil");
    assert_eq!(found("aaa", "(a-)b"), "nil");
    assert_eq!(found("THE (quick) fox", "%((%a+)%)"), "5-11 quick");
}

#[test]
fn balance_and_frontier() {
    assert_eq!(found("x(a(b)c)y)", "%b()"), "2-8");
    assert_eq!(found("((", "%b()"), "nil");
    assert_eq!(found("xaax", "%bxx"), "1-4");
    assert_eq!(found("THE (quick) fox", "%f[%a]%a+%f[%A]"), "1-3");
    assert_eq!(found("foo", "%f[%z]"), "4-3");
    assert_eq!(found("foo", "%f[^%z]"), "1-0");
    assert_eq!(show(b"\0a", b"%b\0a").unwrap(), "1-2");
}

#[test]
fn substitutions() {
    let sub = |src: &str, pat: &str, repl: &str| {
        gsub(src.as_bytes(), pat.as_bytes(), repl.as_bytes()).unwrap()
    };
    assert_eq!(sub("hello world", "o", "0"), ("hell0 w0rld".into(), 2));
    assert_eq!(sub("abc", "%w", "%0%0"), ("aabbcc".into(), 3));
    assert_eq!(
        sub("abc def", "(%w+) (%w+)", "%2 %1"),
        ("def abc".into(), 1)
    );
    assert_eq!(sub("hello", "", "-"), ("-h-e-l-l-o-".into(), 6));
    assert_eq!(sub("hello", "l*", "x"), ("xhxexox".into(), 4));
    assert_eq!(sub("aaa", "^a", "b"), ("baa".into(), 1));
    assert_eq!(sub("abc", "()", "%1"), ("1a2b3c4".into(), 4));
    assert_eq!(sub("abc", "b", "%%"), ("a%c".into(), 1));
    assert_eq!(
        gsub(b"a", b"a", b"%2").unwrap_err(),
        "invalid capture index %2"
    );
    assert_eq!(
        gsub(b"a", b"a", b"%x").unwrap_err(),
        "invalid use of '%' in replacement string"
    );
    assert_eq!(
        gsub(b"a", b"a", b"x%").unwrap_err(),
        "invalid use of '%' in replacement string"
    );
    assert_eq!(
        gsub(b"alo", b"(.", b"%1").unwrap_err(),
        "unfinished capture"
    );
}

#[test]
fn malformed_patterns() {
    assert_eq!(error("a", "%"), "malformed pattern (ends with '%')");
    assert_eq!(error("a", "[a"), "malformed pattern (missing ']')");
    assert_eq!(error("", "[a"), "malformed pattern (missing ']')");
    assert_eq!(error("a", "[]"), "malformed pattern (missing ']')");
    assert_eq!(error("a", "[^]"), "malformed pattern (missing ']')");
    assert_eq!(error("a", "[a%]"), "malformed pattern (missing ']')");
    assert_eq!(error("a", "[a%"), "malformed pattern (missing ']')");
    assert_eq!(
        error("a", "%b"),
        "malformed pattern (missing arguments to '%b')"
    );
    assert_eq!(
        error("a", "%ba"),
        "malformed pattern (missing arguments to '%b')"
    );
    assert_eq!(error("a", "%f"), "missing '[' after '%f' in pattern");
    assert_eq!(error("a", "%fa"), "missing '[' after '%f' in pattern");
    assert_eq!(error("a", "a)"), "invalid pattern capture");
    assert_eq!(error("a", ")"), "invalid pattern capture");
    assert_eq!(error("a", "(a"), "unfinished capture");
    assert_eq!(error("a", "%1"), "invalid capture index %1");
    assert_eq!(error("a", "%0"), "invalid capture index %0");
    assert_eq!(error("a", "(%1)"), "invalid capture index %1");
    assert_eq!(error("a", &"()".repeat(33)), "too many captures");
    // What is never reached is never found out.
    assert_eq!(found("b", "a[").as_str(), "nil");
    assert_eq!(found("b", "a)").as_str(), "nil");
}

#[test]
fn depth_limit() {
    let pattern = ".?".repeat(250);
    assert_eq!(error(&"a".repeat(250), &pattern), "pattern too complex");
    assert_eq!(found(&"a".repeat(80), &".?".repeat(80)), "1-80");
    // Sequences without choice need no depth.
    assert_eq!(found(&"a".repeat(5000), &"a".repeat(5000)), "1-5000");
}

#[test]
fn gmatch_has_no_anchor() {
    let mut matcher = Matcher::new_unanchored(b"a^b", b"^b", Unlimited);
    assert_eq!(
        matcher.next_match(0, None),
        Ok(Some(Span { start: 1, end: 3 }))
    );
}

#[test]
fn start_beyond_the_end() {
    let mut matcher = Matcher::new(b"abc", b"", Unlimited);
    let none: Result<Option<Span>, MatchError<Infallible>> = Ok(None);
    assert_eq!(matcher.next_match(4, None), none);
    assert_eq!(
        matcher.next_match(3, None),
        Ok(Some(Span { start: 3, end: 3 }))
    );
    assert_eq!(matcher.next_match(3, Some(3)), none);
    assert_eq!(matcher.match_at(1), Ok(Some(1)));
}

#[test]
fn budget_stops_a_bomb() {
    let src = vec![b'a'; 40];
    let bomb = b".-.-.-.-.-.-.-.-.-.-.-.-b";
    let mut left = 200_000u64;
    let budget = |steps: u64| {
        assert!(steps >= u64::from(STEPS_PER_CHARGE) && steps < 100_000);
        left = left.checked_sub(steps).ok_or("time is up")?;
        Ok(())
    };
    let mut matcher = Matcher::new(&src, bomb, budget);
    assert_eq!(
        matcher.next_match(0, None),
        Err(MatchError::Stopped("time is up"))
    );
}

#[test]
fn every_long_scan_reports() {
    let src = vec![b'a'; 4 << 20];
    for pat in [
        "b", "%d", "[xyz]", "a*b", "a-b", ".-b", ".*b", "%a+%d", "(%a-)%d", "%bab", "(.*)%1b",
    ] {
        let mut charged = 0u64;
        let budget = |steps: u64| {
            charged += steps;
            if charged > 20_000 { Err(()) } else { Ok(()) }
        };
        let mut matcher = Matcher::new(&src, pat.as_bytes(), budget);
        assert_eq!(
            matcher.next_match(0, None),
            Err(MatchError::Stopped(())),
            "{pat}"
        );
    }
}

#[test]
fn no_specials_means_plain() {
    assert!(no_specials(b"abc]\0)"));
    for special in b"^$*+?.([%-" {
        assert!(!no_specials(&[b'a', *special]));
    }
}
