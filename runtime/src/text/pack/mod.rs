//! `string.pack` and its inverse: a format string read option by option, and the
//! binary form of each kind of value.
//!
//! A format is a row of options. Most stand for a value; `<`, `>`, `=` and `!`
//! set byte order and greatest alignment for what follows, `x` and `X` are padding.
//!
//! | option | value |
//! |---|---|
//! | `b h i[n] l j` and upper case | signed and unsigned integers of 1, 2, n, 8, 8 bytes |
//! | `T` | an unsigned integer of 8 bytes |
//! | `f`, `d`, `n` | a float of 4, 8, 8 bytes |
//! | `c[n]`, `s[n]`, `z` | a string: of n bytes, after its length, before a zero |
//!
//! [`Packer`] and [`Unpacker`] drive the two directions. Sizes are those of a 64-bit
//! machine on every host. As in C, a zero byte ends the format.

mod error;

#[cfg(test)]
mod tests;

use super::budget::{Budget, Unlimited};

pub use error::{Blame, PackError};

/// What an option stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Int,
    Uint,
    Float,
    Double,
    /// `c`
    Fixed,
    /// `s`
    Counted,
    /// `z`
    Terminated,
    /// `x`
    Padding,
    /// `X`
    Align,
    /// Spaces and settings.
    Nothing,
}

/// What sort of value an option takes or gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// An integer.
    Int,
    /// A float.
    Float,
    /// A string.
    Str,
}

/// An option that stands for a value.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    kind: Kind,
    size: usize,
    little: bool,
}

impl Item {
    /// What sort of value it takes.
    pub fn wanted(&self) -> Wanted {
        match self.kind {
            Kind::Float | Kind::Double => Wanted::Float,
            Kind::Fixed | Kind::Counted | Kind::Terminated => Wanted::Str,
            _ => Wanted::Int,
        }
    }

    /// How many bytes it takes at least, for a memory check before packing: `c`
    /// may ask for gigabytes.
    pub fn size(&self) -> usize {
        self.size
    }
}

/// The greatest size of an integer and the greatest alignment.
const MAX_INT_SIZE: u32 = 16;
/// Size of Lua's integers, of lengths and of addresses.
const NATIVE_SIZE: usize = 8;
/// The alignment that `!` alone asks for.
const NATIVE_ALIGNMENT: u32 = 8;
/// Sizes stay below this, as they do in PUC Lua, where they are C ints.
const MAX_SIZE: usize = i32::MAX as usize;

/// A format string being read.
#[derive(Clone, Debug)]
struct Format<'a> {
    rest: &'a [u8],
    little: bool,
    max_alignment: usize,
}

/// An option with its alignment worked out.
struct Step {
    item: Item,
    padding: usize,
}

impl<'a> Format<'a> {
    fn new(format: &'a [u8]) -> Self {
        let end = memchr::memchr(0, format).unwrap_or(format.len());
        Format {
            rest: &format[..end],
            little: cfg!(target_endian = "little"),
            max_alignment: 1,
        }
    }

    /// The next option, with the padding it needs after `total` bytes.
    fn next(&mut self, total: usize) -> Result<Option<Step>, PackError> {
        let Some((kind, size)) = self.option()? else {
            return Ok(None);
        };
        let mut alignment = size;
        if kind == Kind::Align {
            // The alignment is the one of the option that follows.
            alignment = match self.option()? {
                Some((next, size)) if next != Kind::Fixed && size != 0 => size,
                _ => return Err(PackError::InvalidNextOption),
            };
        }
        let padding = if alignment <= 1 || kind == Kind::Fixed {
            0
        } else {
            let alignment = alignment.min(self.max_alignment);
            if !alignment.is_power_of_two() {
                return Err(PackError::AlignmentNotPowerOf2);
            }
            total.wrapping_neg() & (alignment - 1)
        };
        Ok(Some(Step {
            item: Item {
                kind,
                size,
                little: self.little,
            },
            padding,
        }))
    }

    fn option(&mut self) -> Result<Option<(Kind, usize)>, PackError> {
        let Some((&option, rest)) = self.rest.split_first() else {
            return Ok(None);
        };
        self.rest = rest;
        let found = match option {
            b'b' => (Kind::Int, 1),
            b'B' => (Kind::Uint, 1),
            b'h' => (Kind::Int, 2),
            b'H' => (Kind::Uint, 2),
            b'l' | b'j' => (Kind::Int, 8),
            b'L' | b'J' | b'T' => (Kind::Uint, 8),
            b'f' => (Kind::Float, 4),
            b'd' | b'n' => (Kind::Double, 8),
            b'i' => (Kind::Int, self.size(4)?),
            b'I' => (Kind::Uint, self.size(4)?),
            b's' => (Kind::Counted, self.size(NATIVE_SIZE as u32)?),
            b'c' => (
                Kind::Fixed,
                self.number().ok_or(PackError::MissingSize)? as usize,
            ),
            b'z' => (Kind::Terminated, 0),
            b'x' => (Kind::Padding, 1),
            b'X' => (Kind::Align, 0),
            b' ' => (Kind::Nothing, 0),
            b'<' | b'>' | b'=' => {
                self.little = match option {
                    b'<' => true,
                    b'>' => false,
                    _ => cfg!(target_endian = "little"),
                };
                (Kind::Nothing, 0)
            }
            b'!' => {
                self.max_alignment = self.size(NATIVE_ALIGNMENT)?;
                (Kind::Nothing, 0)
            }
            other => return Err(PackError::InvalidOption(other)),
        };
        Ok(Some(found))
    }

    /// A number between 1 and 16, or the default.
    fn size(&mut self, default: u32) -> Result<usize, PackError> {
        match self.number().unwrap_or(default) {
            size @ 1..=MAX_INT_SIZE => Ok(size as usize),
            size => Err(PackError::IntegralSize(size)),
        }
    }

    /// A number, as many digits of it as fit.
    fn number(&mut self) -> Option<u32> {
        let mut value = None;
        while let [digit @ b'0'..=b'9', rest @ ..] = self.rest
            && value.is_none_or(|value| value <= (i32::MAX as u32 - 9) / 10)
        {
            value = Some(value.unwrap_or(0) * 10 + u32::from(digit - b'0'));
            self.rest = rest;
        }
        value
    }
}

/// `string.pack`: asks for one value after the other and collects the result.
///
/// [`Packer::next`] gives the next option that wants a value, after which the
/// matching `put_…` function is to be called.
#[derive(Debug)]
pub struct Packer<'a> {
    format: Format<'a>,
    out: Vec<u8>,
}

impl<'a> Packer<'a> {
    /// A packer for `format`.
    pub fn new(format: &'a [u8]) -> Self {
        Packer {
            format: Format::new(format),
            out: Vec::new(),
        }
    }

    /// The next option that wants a value, or `None` at the end of the format.
    #[expect(
        clippy::should_implement_trait,
        reason = "it may fail, and values come in between"
    )]
    pub fn next(&mut self) -> Result<Option<Item>, PackError> {
        while let Some(Step { item, padding }) = self.format.next(self.out.len())? {
            self.out.resize(self.out.len() + padding, 0);
            match item.kind {
                Kind::Padding => self.out.push(0),
                Kind::Align | Kind::Nothing => {}
                _ => return Ok(Some(item)),
            }
        }
        Ok(None)
    }

    /// How many bytes there are so far.
    #[expect(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Packs the integer that `item` wants.
    pub fn put_int(&mut self, item: &Item, value: i64) -> Result<(), PackError> {
        if item.size < NATIVE_SIZE {
            let bits = item.size as u32 * 8;
            if item.kind == Kind::Int {
                let limit = 1i64 << (bits - 1);
                if !(-limit..limit).contains(&value) {
                    return Err(PackError::IntegerOverflow);
                }
            } else if value as u64 >= 1 << bits {
                return Err(PackError::UnsignedOverflow);
            }
        }
        self.put_bytes(item, value as u64, item.kind == Kind::Int && value < 0);
        Ok(())
    }

    /// Packs the float that `item` wants.
    pub fn put_float(&mut self, item: &Item, value: f64) {
        let (float, double);
        let bytes: &[u8] = if item.kind == Kind::Float {
            let value = value as f32;
            float = if item.little {
                value.to_le_bytes()
            } else {
                value.to_be_bytes()
            };
            &float
        } else {
            double = if item.little {
                value.to_le_bytes()
            } else {
                value.to_be_bytes()
            };
            &double
        };
        self.out.extend_from_slice(bytes);
    }

    /// Packs the string that `item` wants.
    pub fn put_str(&mut self, item: &Item, text: &[u8]) -> Result<(), PackError> {
        match item.kind {
            Kind::Fixed => {
                if text.len() > item.size {
                    return Err(PackError::StringTooLong);
                }
                self.out.extend_from_slice(text);
                self.out.resize(self.out.len() + item.size - text.len(), 0);
            }
            Kind::Counted => {
                if item.size < NATIVE_SIZE && text.len() as u64 >= 1 << (item.size * 8) {
                    return Err(PackError::LengthDoesNotFit);
                }
                self.put_bytes(item, text.len() as u64, false);
                self.out.extend_from_slice(text);
            }
            _ => {
                if memchr::memchr(0, text).is_some() {
                    return Err(PackError::StringContainsZeros);
                }
                self.out.extend_from_slice(text);
                self.out.push(0);
            }
        }
        Ok(())
    }

    /// The result.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// The lower bytes of `value`, extended by ones if it is negative.
    fn put_bytes(&mut self, item: &Item, value: u64, negative: bool) {
        let extension = if negative { u128::MAX << 64 } else { 0 };
        let wide = u128::from(value) | extension;
        if item.little {
            self.out.extend_from_slice(&wide.to_le_bytes()[..item.size]);
        } else {
            self.out
                .extend_from_slice(&wide.to_be_bytes()[16 - item.size..]);
        }
    }
}

/// `string.packsize`: the size of what `format` packs.
pub fn packed_size(format: &[u8]) -> Result<usize, PackError> {
    match packed_size_within(format, &mut Unlimited) {
        Ok(size) => size,
        Err(never) => match never {},
    }
}

/// As [`packed_size`], within a budget.
///
/// # Errors
/// That of the budget; the inner one is about the format.
pub fn packed_size_within<B: Budget>(
    format: &[u8],
    budget: &mut B,
) -> Result<Result<usize, PackError>, B::Error> {
    let mut format = Format::new(format);
    let mut total = 0usize;
    loop {
        let Step { item, padding } = match format.next(total) {
            Ok(Some(step)) => step,
            Ok(None) => return Ok(Ok(total)),
            Err(e) => return Ok(Err(e)),
        };
        if matches!(item.kind, Kind::Counted | Kind::Terminated) {
            return Ok(Err(PackError::VariableLength));
        }
        total += item.size + padding;
        if total > MAX_SIZE {
            return Ok(Err(PackError::ResultTooLarge));
        }
        budget.charge(4)?;
    }
}

/// A value read from packed data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unpacked<'d> {
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string, as part of the data.
    Str(&'d [u8]),
}

/// `string.unpack`: gives one value after the other.
#[derive(Debug)]
pub struct Unpacker<'f, 'd> {
    format: Format<'f>,
    data: &'d [u8],
    at: usize,
}

impl<'f, 'd> Unpacker<'f, 'd> {
    /// An unpacker that begins at the 0-based offset `from`.
    pub fn new(format: &'f [u8], data: &'d [u8], from: usize) -> Result<Self, PackError> {
        if from > data.len() {
            return Err(PackError::InitialPosition);
        }
        Ok(Unpacker {
            format: Format::new(format),
            data,
            at: from,
        })
    }

    /// The next value, or `None` at the end of the format.
    #[expect(
        clippy::should_implement_trait,
        reason = "it may fail, and then it is over"
    )]
    pub fn next(&mut self) -> Result<Option<Unpacked<'d>>, PackError> {
        while let Some(Step { item, padding }) = self.format.next(self.at)? {
            if padding + item.size > self.data.len() - self.at {
                return Err(PackError::DataTooShort);
            }
            self.at += padding;
            let bytes = &self.data[self.at..self.at + item.size];
            let value = match item.kind {
                Kind::Int | Kind::Uint => Unpacked::Int(read_int(&item, bytes)?),
                Kind::Float => {
                    let mut raw = [0; 4];
                    copy_in_order(&item, bytes, &mut raw);
                    Unpacked::Float(f64::from(f32::from_le_bytes(raw)))
                }
                Kind::Double => {
                    let mut raw = [0; 8];
                    copy_in_order(&item, bytes, &mut raw);
                    Unpacked::Float(f64::from_le_bytes(raw))
                }
                Kind::Fixed => Unpacked::Str(bytes),
                Kind::Counted => {
                    let rest = &self.data[self.at + item.size..];
                    let length = usize::try_from(read_int(&item, bytes)? as u64)
                        .ok()
                        .filter(|&length| length <= rest.len())
                        .ok_or(PackError::DataTooShort)?;
                    self.at += length;
                    Unpacked::Str(&rest[..length])
                }
                Kind::Terminated => {
                    let rest = &self.data[self.at..];
                    let length = memchr::memchr(0, rest).ok_or(PackError::UnfinishedString)?;
                    self.at += length + 1;
                    Unpacked::Str(&rest[..length])
                }
                Kind::Padding | Kind::Align | Kind::Nothing => {
                    self.at += item.size;
                    continue;
                }
            };
            self.at += item.size;
            return Ok(Some(value));
        }
        Ok(None)
    }

    /// The 0-based offset of the first byte not read yet.
    pub fn position(&self) -> usize {
        self.at
    }
}

/// Copies `bytes` so that the least significant one comes first.
fn copy_in_order(item: &Item, bytes: &[u8], out: &mut [u8]) {
    out.copy_from_slice(bytes);
    if !item.little {
        out.reverse();
    }
}

fn read_int(item: &Item, bytes: &[u8]) -> Result<i64, PackError> {
    let mut raw = [0; MAX_INT_SIZE as usize];
    copy_in_order(item, bytes, &mut raw[..item.size]);
    let wide = u128::from_le_bytes(raw);
    let value = wide as u64 as i64;
    let signed = item.kind == Kind::Int;
    if item.size < NATIVE_SIZE {
        let unused = 64 - item.size as u32 * 8;
        return Ok(if signed {
            value << unused >> unused
        } else {
            value
        });
    }
    // Beyond eight bytes there may only be copies of the sign.
    let above = wide >> 64;
    let expected = if signed && value < 0 {
        u128::MAX >> (128 - (item.size - NATIVE_SIZE) * 8).min(127)
    } else {
        0
    };
    if item.size > NATIVE_SIZE && above != expected {
        return Err(PackError::IntegerTooLarge(item.size as u32));
    }
    Ok(value)
}
