//! How errors look on standard error: a line `vm: what happened`, for a
//! script's error its traceback, for an error in a text the line with a mark:
//!
//! ```text
//! vm: t.lua:1: unexpected symbol near '='
//!   |
//! 1 | local x = = 3
//!   |           ^
//! ```
//!
//! Colours are used on a terminal only, and carry no meaning of their own.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};

/// Longest piece of a source line that is shown, in characters.
const WIDTH: usize = 100;
/// How much of a longer line is shown before the place in question.
const BEFORE: usize = 60;

const RED: &str = "\x1b[1;31m";
const BLUE: &str = "\x1b[34m";
const PLAIN: &str = "\x1b[0m";

/// Whether standard error shows colours.
pub(crate) fn coloured() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    std::io::stderr().is_terminal()
        && !set("NO_COLOR")
        && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
}

/// Prints `vm: message`.
pub(crate) fn problem(message: &[u8]) {
    print(b"vm: ", message);
}

/// Prints `name: message`, of a program that isn't `vm`.
#[cfg(feature = "cranelift")]
pub(crate) fn problem_of(name: &[u8], message: &[u8]) {
    print(&[name, b": "].concat(), message);
}

/// Prints a message of the interactive prompt, which is all in colour.
pub(crate) fn prompt_error(message: &[u8]) {
    print(b"", message);
}

/// Prints the first line in colour after `prefix`, or only the prefix if
/// there is one.
fn print(prefix: &[u8], message: &[u8]) {
    let mut text = Vec::with_capacity(message.len() + 32);
    let colour = coloured();
    let first_line = if prefix.is_empty() {
        message.split(|&b| b == b'\n').next().unwrap_or(b"")
    } else {
        prefix
    };
    if colour {
        text.extend_from_slice(RED.as_bytes());
    }
    text.extend_from_slice(first_line);
    if colour {
        text.extend_from_slice(PLAIN.as_bytes());
    }
    text.extend_from_slice(if prefix.is_empty() {
        &message[first_line.len()..]
    } else {
        message
    });
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    // There is nowhere left to complain to if this fails.
    let _ = std::io::stderr().lock().write_all(&text);
}

/// The line of `source` that holds the byte at `offset`, with `len` bytes
/// from there on marked. `line` is its number.
pub(crate) fn snippet(source: &[u8], offset: usize, len: usize, line: u32) -> String {
    let colour = coloured();
    let paint = |code: &'static str| if colour { code } else { "" };
    let offset = offset.min(source.len());
    let is_break = |b: &u8| matches!(b, b'\n' | b'\r');
    let start = source[..offset]
        .iter()
        .rposition(is_break)
        .map_or(0, |i| i + 1);
    let end = source[offset..]
        .iter()
        .position(is_break)
        .map_or(source.len(), |i| offset + i);
    let before = shown(&source[start..offset]);
    let marked_end = (offset + len.max(1)).min(end);
    let marked = shown(&source[offset..marked_end])
        .chars()
        .count()
        .clamp(1, WIDTH - BEFORE);
    let after = shown(&source[offset..end]);

    let skip = before.chars().count().saturating_sub(BEFORE);
    let mut text: String = if skip > 0 {
        "…".into()
    } else {
        String::new()
    };
    text.extend(before.chars().skip(skip));
    let pad: String = text
        .chars()
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    let room = WIDTH - before.chars().count().min(BEFORE);
    text.extend(after.chars().take(room));
    if after.chars().count() > room {
        text.push('…');
    }

    let number = line.to_string();
    let gutter = " ".repeat(number.len());
    let (blue, red, plain) = (paint(BLUE), paint(RED), paint(PLAIN));
    format!(
        "{blue}{gutter} |{plain}\n{blue}{number} |{plain} {text}\n{blue}{gutter} |{plain} {pad}{red}{}{plain}",
        "^".repeat(marked)
    )
}

/// Bytes of a source line as a terminal can show them: each invalid sequence
/// and each control character but the tabulator is one replacement character.
fn shown(bytes: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    if !text.chars().any(|c| c.is_control() && c != '\t') {
        return text;
    }
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(source: &str, what: &str, line: u32) -> String {
        snippet(
            source.as_bytes(),
            source.find(what).unwrap(),
            what.len(),
            line,
        )
    }

    #[test]
    fn the_place_is_marked() {
        assert_eq!(
            mark("a\nlocal x == 3\nb", "==", 2),
            "  |\n2 | local x == 3\n  |         ^^"
        );
        assert_eq!(
            mark("\tif y", "y", 123),
            "    |\n123 | \tif y\n    | \t   ^"
        );
    }

    #[test]
    fn the_end_of_the_input() {
        assert_eq!(snippet(b"f(", 2, 0, 1), "  |\n1 | f(\n  |   ^");
        assert_eq!(snippet(b"", 9, 3, 1), "  |\n1 | \n  | ^");
        assert_eq!(snippet(b"x\r\ny", 1, 5, 1), "  |\n1 | x\n  |  ^");
    }

    #[test]
    fn strange_bytes_and_long_lines() {
        assert_eq!(
            snippet(b"\xff\x1b$", 2, 1, 1),
            "  |\n1 | \u{fffd}\u{fffd}$\n  |   ^"
        );
        let long = format!("{}${}", "a".repeat(5000), "b".repeat(5000));
        let text = mark(&long, "$", 1);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].chars().count() < 110 && lines[1].contains("aaa$bbb"));
        let at = |line: &str, c| line.chars().position(|x| x == c);
        assert_eq!(at(lines[1], '$'), at(lines[2], '^'));
    }
}
