//! `%q`: values as literals that Lua reads back to the same value.

use super::{Layout, format_float, format_int};
use crate::text::{ctype, number};

/// A string in double quotes. Quotes, backslashes and newlines are escaped by a
/// backslash; control characters by their decimal code, with three digits where
/// another digit follows.
pub fn quote_str(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    quote_part(text, None, out);
    out.push(b'"');
}

/// Part of a string, as it stands between the quotes; `next` is the byte that
/// follows.
pub fn quote_part(text: &[u8], next: Option<u8>, out: &mut Vec<u8>) {
    for (i, &byte) in text.iter().enumerate() {
        match byte {
            b'"' | b'\\' | b'\n' => out.extend_from_slice(&[b'\\', byte]),
            byte if ctype::is(byte, ctype::CNTRL) => {
                out.push(b'\\');
                let after = text.get(i + 1).copied().or(next);
                if after.is_some_and(|b| b.is_ascii_digit()) {
                    out.extend_from_slice(&[b'0' + byte / 100, b'0' + byte / 10 % 10]);
                    out.push(b'0' + byte % 10);
                } else {
                    number::write_int(i64::from(byte), out);
                }
            }
            byte => out.push(byte),
        }
    }
}

/// An integer; the least one in hexadecimal, as its decimal form would be read
/// back as a float.
pub fn quote_int(value: i64, out: &mut Vec<u8>) {
    if value == i64::MIN {
        out.extend_from_slice(b"0x");
        format_int(&Layout::default(), b'x', value, out);
    } else {
        number::write_int(value, out);
    }
}

/// A float in hexadecimal, which is exact; infinities and NaN as expressions.
pub fn quote_float(value: f64, out: &mut Vec<u8>) {
    if value == f64::INFINITY {
        out.extend_from_slice(b"1e9999");
    } else if value == f64::NEG_INFINITY {
        out.extend_from_slice(b"-1e9999");
    } else if value.is_nan() {
        out.extend_from_slice(b"(0/0)");
    } else {
        format_float(&Layout::default(), b'a', value, out);
    }
}
