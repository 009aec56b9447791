//! The conversions of `string.format`, one at a time, as C's `printf` does them.
//!
//! A conversion specification is `%`, flags, a width of up to two digits, a dot
//! and a precision of up to two digits, and a letter. Formatting goes in three
//! steps, which the library binding interleaves with its argument checks in PUC
//! Lua's order:
//!
//! 1. [`Directive::parse`] takes the specification off the format string;
//! 2. [`Directive::conversion`] says what kind of value it wants;
//! 3. [`Directive::layout`] checks flags, width and precision against what that
//!    conversion allows, and a `format_…` function appends the text.
//!
//! | conversion | argument is fetched | then |
//! |---|---|---|
//! | `%d %i %u %o %x %X` | before `layout` | [`format_int`] |
//! | `%e %E %f %g %G` | before `layout` | [`format_float`] |
//! | `%a %A` | after `layout` | [`format_float`] |
//! | `%c` | after `layout` | [`format_char`] |
//! | `%p` | before `layout` | [`format_pointer`] |
//! | `%s` | before; whole if [`Directive::is_bare`] | [`check_string`], `layout`, [`format_str`] |
//! | `%q` | must be bare: [`Directive::check_quote`] | the functions of [`quote`] |
//!
//! The output is glibc's to the byte, including hexadecimal floats and the sign of
//! a NaN.

mod float;
pub mod quote;

#[cfg(test)]
mod tests;

use super::number;
use std::fmt;

pub use float::format_float;

/// What is wrong with a conversion specification or its argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// The specification has too many characters.
    TooLong,
    /// There is no such conversion; the specification up to it.
    InvalidConversion(Vec<u8>),
    /// Flags, width or precision don't suit the conversion; the specification.
    InvalidSpecification(Vec<u8>),
    /// `%q` with flags, width or precision.
    QuoteModifiers,
    /// `%s` with modifiers, of a string with zeros. Blames the argument.
    StringContainsZeros,
    /// `%q` of a value that isn't nil, a boolean, a number or a string. Blames the
    /// argument.
    NoLiteralForm,
}

impl FormatError {
    /// The message, as bytes since it quotes the format string.
    pub fn message(&self) -> Vec<u8> {
        match self {
            FormatError::TooLong => b"invalid format (too long)".to_vec(),
            FormatError::InvalidConversion(form) => {
                [b"invalid conversion '", form.as_slice(), b"' to 'format'"].concat()
            }
            FormatError::InvalidSpecification(form) => [
                b"invalid conversion specification: '",
                form.as_slice(),
                b"'",
            ]
            .concat(),
            FormatError::QuoteModifiers => b"specifier '%q' cannot have modifiers".to_vec(),
            FormatError::StringContainsZeros => b"string contains zeros".to_vec(),
            FormatError::NoLiteralForm => b"value has no literal form".to_vec(),
        }
    }

    /// Whether the error is about the argument that was to be formatted, rather
    /// than about the format string.
    pub fn blames_argument(&self) -> bool {
        matches!(
            self,
            FormatError::StringContainsZeros | FormatError::NoLiteralForm
        )
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.message()))
    }
}

impl std::error::Error for FormatError {}

/// What kind of value a conversion formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// `%c`
    Char,
    /// `%d %i %u %o %x %X`
    Int,
    /// `%a %A`
    HexFloat,
    /// `%e %E %f %g %G`
    Float,
    /// `%p`
    Pointer,
    /// `%q`
    Quote,
    /// `%s`
    Str,
}

/// The longest specification, from the `%` to the letter, plus one.
const MAX_SPEC: usize = 22;

/// A conversion specification, taken apart no further than needed to find its end.
#[derive(Clone, Copy, Debug)]
pub struct Directive<'a> {
    /// What stands between the `%` and the letter.
    modifiers: &'a [u8],
    /// The letter, or 0 at the end of the format string.
    letter: u8,
}

/// Flags, width and precision, checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// `-`: pad on the right.
    pub left: bool,
    /// `+`: show a plus sign.
    pub plus: bool,
    /// A space in place of a plus sign.
    pub space: bool,
    /// `#`: the alternative form.
    pub alternative: bool,
    /// `0`: pad with zeros after the sign.
    pub zero: bool,
    /// Least number of bytes.
    pub width: u8,
    /// Digits or decimals; bytes at most for `%s`.
    pub precision: Option<u8>,
}

impl<'a> Directive<'a> {
    /// Takes a specification off `text`, which is what follows the `%`. Also gives
    /// the number of bytes taken.
    #[inline]
    pub fn parse(text: &'a [u8]) -> Result<(Self, usize), FormatError> {
        let length = text
            .iter()
            .take_while(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'#' | b' ' | b'.'))
            .count();
        if length + 1 >= MAX_SPEC {
            return Err(FormatError::TooLong);
        }
        let letter = text.get(length).copied().unwrap_or(0);
        let directive = Directive {
            modifiers: &text[..length],
            letter,
        };
        Ok((directive, text.len().min(length + 1)))
    }

    /// The conversion letter.
    #[inline]
    pub fn letter(&self) -> u8 {
        self.letter
    }

    /// Whether there are no flags, no width and no precision.
    #[inline]
    pub fn is_bare(&self) -> bool {
        self.modifiers.is_empty()
    }

    /// What kind of value the conversion formats.
    #[inline]
    pub fn conversion(&self) -> Result<Conversion, FormatError> {
        Ok(match self.letter {
            b'd' | b'i' | b'u' | b'o' | b'x' | b'X' => Conversion::Int,
            b's' => Conversion::Str,
            b'e' | b'E' | b'f' | b'g' | b'G' => Conversion::Float,
            b'c' => Conversion::Char,
            b'a' | b'A' => Conversion::HexFloat,
            b'p' => Conversion::Pointer,
            b'q' => Conversion::Quote,
            _ => return Err(FormatError::InvalidConversion(self.form())),
        })
    }

    /// Flags, width and precision, if the conversion allows them.
    #[inline]
    pub fn layout(&self) -> Result<Layout, FormatError> {
        if self.is_bare() {
            return Ok(Layout::default());
        }
        self.read_layout()
            .ok_or_else(|| FormatError::InvalidSpecification(self.form()))
    }

    /// Refuses modifiers of `%q`.
    pub fn check_quote(&self) -> Result<(), FormatError> {
        if self.is_bare() {
            Ok(())
        } else {
            Err(FormatError::QuoteModifiers)
        }
    }

    /// The specification as it was written, for messages. These are C strings: a
    /// zero ends them.
    fn form(&self) -> Vec<u8> {
        let mut form = vec![b'%'];
        form.extend_from_slice(self.modifiers);
        if self.letter != 0 {
            form.push(self.letter);
        }
        form
    }

    fn read_layout(&self) -> Option<Layout> {
        let (flags, with_precision): (&[u8], bool) = match self.letter {
            b'd' | b'i' => (b"-+0 ", true),
            b'u' => (b"-0", true),
            b'o' | b'x' | b'X' => (b"-#0", true),
            b'a' | b'A' | b'e' | b'E' | b'f' | b'g' | b'G' => (b"-+#0 ", true),
            b's' => (b"-", true),
            b'c' | b'p' => (b"-", false),
            _ => return None,
        };
        let mut layout = Layout::default();
        let mut rest = self.modifiers;
        while let [flag, after @ ..] = rest
            && flags.contains(flag)
        {
            match flag {
                b'-' => layout.left = true,
                b'+' => layout.plus = true,
                b' ' => layout.space = true,
                b'#' => layout.alternative = true,
                _ => layout.zero = true,
            }
            rest = after;
        }
        // A zero here is a flag that this conversion doesn't have.
        if rest.first() == Some(&b'0') {
            return None;
        }
        (layout.width, rest) = two_digits(rest);
        if let [b'.', after @ ..] = rest
            && with_precision
        {
            let precision;
            (precision, rest) = two_digits(after);
            layout.precision = Some(precision);
        }
        rest.is_empty().then_some(layout)
    }
}

/// Takes up to two digits off `text`.
fn two_digits(text: &[u8]) -> (u8, &[u8]) {
    let mut value = 0;
    let mut rest = text;
    for _ in 0..2 {
        let [digit @ b'0'..=b'9', after @ ..] = rest else {
            break;
        };
        value = value * 10 + (digit - b'0');
        rest = after;
    }
    (value, rest)
}

/// Pads what stands in `out` from `start` on to the layout's width. Its first
/// `prefix` bytes (sign, `0x`) stay in front of padding zeros, which are used if
/// `zeros` says so.
#[inline]
fn pad(out: &mut Vec<u8>, start: usize, prefix: usize, zeros: bool, layout: &Layout) {
    let length = out.len() - start;
    let width = usize::from(layout.width);
    if length < width {
        let missing = width - length;
        out.resize(start + width, b' ');
        if !layout.left {
            let (at, fill) = if zeros {
                (start + prefix, b'0')
            } else {
                (start, b' ')
            };
            out.copy_within(at..start + length, at + missing);
            out[at..at + missing].fill(fill);
        }
    }
}

/// `%c`: one byte.
pub fn format_char(layout: &Layout, byte: u8, out: &mut Vec<u8>) {
    let start = out.len();
    out.push(byte);
    pad(out, start, 0, false, layout);
}

/// `%d`, `%i`, `%u`, `%o`, `%x` or `%X`, by `letter`.
#[inline]
pub fn format_int(layout: &Layout, letter: u8, value: i64, out: &mut Vec<u8>) {
    if matches!(letter, b'd' | b'i') && *layout == Layout::default() {
        number::write_int(value, out);
    } else {
        format_int_general(layout, letter, value, out);
    }
}

fn format_int_general(layout: &Layout, letter: u8, value: i64, out: &mut Vec<u8>) {
    let signed = matches!(letter, b'd' | b'i');
    let magnitude = if signed {
        value.unsigned_abs()
    } else {
        value as u64
    };
    let mut buffer = [0; 24];
    let at = match letter {
        b'o' => put_bits(magnitude, 3, b'a', &mut buffer),
        b'x' => put_bits(magnitude, 4, b'a', &mut buffer),
        b'X' => put_bits(magnitude, 4, b'A', &mut buffer),
        _ => number::put_unsigned(magnitude, &mut buffer),
    };
    let mut digits = &buffer[at..];
    if magnitude == 0 && layout.precision == Some(0) {
        digits = &[];
    }
    let start = out.len();
    if signed {
        if value < 0 {
            out.push(b'-');
        } else if layout.plus {
            out.push(b'+');
        } else if layout.space {
            out.push(b' ');
        }
    }
    let mut least = usize::from(layout.precision.unwrap_or(1));
    if layout.alternative {
        match letter {
            b'x' | b'X' if magnitude != 0 => out.extend_from_slice(&[b'0', letter]),
            // An octal number begins with a zero, even without any digits.
            b'o' if digits != b"0" => least = least.max(digits.len() + 1),
            _ => {}
        }
    }
    let prefix = out.len() - start;
    out.resize(out.len() + least.saturating_sub(digits.len()), b'0');
    out.extend_from_slice(digits);
    pad(
        out,
        start,
        prefix,
        layout.zero && layout.precision.is_none(),
        layout,
    );
}

/// Writes `value` in base 2^`bits` at the end of `buffer`, with letters from `ten`
/// on, and returns where it starts.
fn put_bits(mut value: u64, bits: u32, ten: u8, buffer: &mut [u8]) -> usize {
    let mut at = buffer.len();
    loop {
        let digit = (value & ((1 << bits) - 1)) as u8;
        at -= 1;
        buffer[at] = if digit < 10 {
            b'0' + digit
        } else {
            ten + digit - 10
        };
        value >>= bits;
        if value == 0 {
            return at;
        }
    }
}

/// Refuses strings with zeros for a `%s` with modifiers.
pub fn check_string(directive: &Directive<'_>, text: &[u8]) -> Result<(), FormatError> {
    if !directive.is_bare() && memchr::memchr(0, text).is_some() {
        return Err(FormatError::StringContainsZeros);
    }
    Ok(())
}

/// `%s`: text, cut to the precision and padded to the width.
#[inline]
pub fn format_str(layout: &Layout, text: &[u8], out: &mut Vec<u8>) {
    let kept = match layout.precision {
        Some(precision) => &text[..text.len().min(usize::from(precision))],
        None => text,
    };
    let start = out.len();
    out.extend_from_slice(kept);
    pad(out, start, 0, false, layout);
}

/// `%p`: an address, or `(null)` for values that have none.
pub fn format_pointer(layout: &Layout, address: Option<u64>, out: &mut Vec<u8>) {
    let start = out.len();
    match address {
        None | Some(0) => out.extend_from_slice(b"(null)"),
        Some(address) => {
            let mut buffer = [0; 16];
            let at = put_bits(address, 4, b'a', &mut buffer);
            out.extend_from_slice(b"0x");
            out.extend_from_slice(&buffer[at..]);
        }
    }
    pad(out, start, 0, false, layout);
}
