//! Replacement strings of `gsub`.

use super::{Budget, Capture, Matcher, PatternError, Span, number};

/// Appends what the replacement string `text` stands for after a match of span
/// `whole`: `%0` is the match, `%1` to `%9` are captures, `%%` is a percent sign.
pub fn append_replacement<B: Budget>(
    matcher: &Matcher<'_, B>,
    whole: Span,
    text: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), PatternError> {
    let src = matcher.subject();
    let mut rest = text;
    while let Some(at) = escape(rest) {
        out.extend_from_slice(&rest[..at]);
        match rest.get(at + 1) {
            Some(b'%') => out.push(b'%'),
            Some(b'0') => out.extend_from_slice(&src[whole.start..whole.end]),
            Some(&digit @ b'1'..=b'9') => {
                match matcher.capture(usize::from(digit - b'1'), whole)? {
                    Capture::Span(span) => out.extend_from_slice(&src[span.start..span.end]),
                    Capture::Position(position) => number::write_int(position as i64, out),
                }
            }
            _ => return Err(PatternError::InvalidReplacement),
        }
        rest = &rest[at + 2..];
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// Where the next `%` is. Replacement strings are short, mostly too short for a
/// vectorised search to pay.
#[inline]
fn escape(text: &[u8]) -> Option<usize> {
    if text.len() < 32 {
        text.iter().position(|&byte| byte == b'%')
    } else {
        memchr::memchr(b'%', text)
    }
}
