//! What packing and unpacking can complain about.

use crate::text::number;
use std::fmt;

/// What is wrong with a format, a value or the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackError {
    /// A size written in the format is not between 1 and 16.
    IntegralSize(u32),
    /// `c` without a size.
    MissingSize,
    /// An unknown option.
    InvalidOption(u8),
    /// `X` before something that has no alignment.
    InvalidNextOption,
    /// Alignment to something else than a power of two.
    AlignmentNotPowerOf2,
    /// `s` or `z` in `packsize`.
    VariableLength,
    /// `packsize` of more than 2 GiB.
    ResultTooLarge,
    /// A signed integer that doesn't fit.
    IntegerOverflow,
    /// An unsigned integer that doesn't fit.
    UnsignedOverflow,
    /// A string too long for its `c` option.
    StringTooLong,
    /// A string whose length doesn't fit the size of its `s` option.
    LengthDoesNotFit,
    /// A string with zeros for `z`.
    StringContainsZeros,
    /// `unpack` from beyond the end of the data.
    InitialPosition,
    /// The data ends early.
    DataTooShort,
    /// The data of a `z` has no zero.
    UnfinishedString,
    /// An integer of this many bytes whose value needs more than 64 bits.
    IntegerTooLarge(u32),
}

/// Which argument of the library function an error blames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// None: a plain error.
    Nothing,
    /// The argument with this number.
    Argument(u32),
    /// The value that was being packed.
    Value,
}

impl PackError {
    /// Which argument the error blames.
    pub fn blame(&self) -> Blame {
        use PackError::*;
        match self {
            IntegralSize(_) | MissingSize | InvalidOption(_) | IntegerTooLarge(_) => Blame::Nothing,
            InvalidNextOption | AlignmentNotPowerOf2 | VariableLength | ResultTooLarge => {
                Blame::Argument(1)
            }
            DataTooShort | UnfinishedString => Blame::Argument(2),
            InitialPosition => Blame::Argument(3),
            IntegerOverflow | UnsignedOverflow | StringTooLong | LengthDoesNotFit
            | StringContainsZeros => Blame::Value,
        }
    }

    /// The message, as bytes since it may quote the format.
    pub fn message(&self) -> Vec<u8> {
        let text: &[u8] = match self {
            PackError::IntegralSize(size) => {
                let mut text = b"integral size (".to_vec();
                number::write_int(i64::from(*size), &mut text);
                text.extend_from_slice(b") out of limits [1,16]");
                return text;
            }
            PackError::InvalidOption(option) => {
                return [b"invalid format option '".as_slice(), &[*option], b"'"].concat();
            }
            PackError::IntegerTooLarge(size) => {
                let mut text = Vec::new();
                number::write_int(i64::from(*size), &mut text);
                text.extend_from_slice(b"-byte integer does not fit into Lua Integer");
                return text;
            }
            PackError::MissingSize => b"missing size for format option 'c'",
            PackError::InvalidNextOption => b"invalid next option for option 'X'",
            PackError::AlignmentNotPowerOf2 => b"format asks for alignment not power of 2",
            PackError::VariableLength => b"variable-length format",
            PackError::ResultTooLarge => b"format result too large",
            PackError::IntegerOverflow => b"integer overflow",
            PackError::UnsignedOverflow => b"unsigned overflow",
            PackError::StringTooLong => b"string longer than given size",
            PackError::LengthDoesNotFit => b"string length does not fit in given size",
            PackError::StringContainsZeros => b"string contains zeros",
            PackError::InitialPosition => b"initial position out of string",
            PackError::DataTooShort => b"data string too short",
            PackError::UnfinishedString => b"unfinished string for format 'z'",
        };
        text.to_vec()
    }
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.message()))
    }
}

impl std::error::Error for PackError {}
