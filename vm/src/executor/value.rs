//! What goes into functions and comes out: types, signatures, values.
//!
//! A scalar is an integer of 1 to 64 bits, a `float`, a `double` or a pointer.
//! Names and notation are LLVM's: `i64 (ptr, signext i8)`.

use serde::{Deserialize, Serialize};
use std::ffi::c_void;
use std::fmt;
use std::str::FromStr;

/// A scalar type, or none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Type {
    /// No value.
    Void,
    /// An integer of this many bits, 1 to 64.
    Int(u32),
    /// A floating-point number of 32 bits.
    F32,
    /// A floating-point number of 64 bits.
    F64,
    /// A pointer.
    Ptr,
}

/// An integer of one bit: a truth value.
pub const I1: Type = Type::Int(1);
/// An integer of 8 bits.
pub const I8: Type = Type::Int(8);
/// An integer of 16 bits.
pub const I16: Type = Type::Int(16);
/// An integer of 32 bits.
pub const I32: Type = Type::Int(32);
/// An integer of 64 bits.
pub const I64: Type = Type::Int(64);

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Void => f.write_str("void"),
            Type::Int(bits) => write!(f, "i{bits}"),
            Type::F32 => f.write_str("float"),
            Type::F64 => f.write_str("double"),
            Type::Ptr => f.write_str("ptr"),
        }
    }
}

impl FromStr for Type {
    type Err = String;

    fn from_str(text: &str) -> Result<Type, String> {
        Ok(match text {
            "void" => Type::Void,
            "float" => Type::F32,
            "double" => Type::F64,
            "ptr" => Type::Ptr,
            _ => {
                let bits = text.strip_prefix('i').and_then(|n| n.parse().ok());
                let bits = bits.filter(|bits| (1..=64).contains(bits));
                Type::Int(bits.ok_or_else(|| format!("'{text}' is no scalar type"))?)
            }
        })
    }
}

/// What the upper bits of a register hold that a smaller integer is passed in:
/// the attributes `zeroext` and `signext`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Extension {
    /// Anything.
    #[default]
    None,
    /// Zeros.
    Zero,
    /// The sign.
    Sign,
}

/// A parameter or a result.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Parameter {
    /// Its type.
    pub ty: Type,
    /// How it is widened.
    pub extension: Extension,
}

impl From<Type> for Parameter {
    fn from(ty: Type) -> Parameter {
        Parameter {
            ty,
            extension: Extension::None,
        }
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.extension {
            Extension::None => "",
            Extension::Zero => "zeroext ",
            Extension::Sign => "signext ",
        })?;
        self.ty.fmt(f)
    }
}

impl FromStr for Parameter {
    type Err = String;

    fn from_str(text: &str) -> Result<Parameter, String> {
        let (extension, ty) = match text.trim().split_once(char::is_whitespace) {
            Some(("zeroext", ty)) => (Extension::Zero, ty),
            Some(("signext", ty)) => (Extension::Sign, ty),
            _ => (Extension::None, text),
        };
        let ty = ty.trim().parse()?;
        if extension != Extension::None && !matches!(ty, Type::Int(_)) {
            return Err(format!("'{}' is widened, and no integer", text.trim()));
        }
        Ok(Parameter { ty, extension })
    }
}

/// The types of a function's parameters and of its result.
///
/// ```
/// use strata::executor::{Signature, Type};
/// let signature: Signature = "i64 (ptr, double, ...)".parse().unwrap();
/// assert_eq!(signature.result.ty, Type::Int(64));
/// assert_eq!(signature.to_string(), "i64 (ptr, double, ...)");
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Signature {
    /// What it returns.
    pub result: Parameter,
    /// What it takes.
    pub params: Vec<Parameter>,
    /// Whether it takes more arguments than these.
    pub variadic: bool,
}

impl Signature {
    /// That of a function that takes exactly `params`.
    pub fn new(params: &[Type], result: Type) -> Signature {
        Signature {
            result: result.into(),
            params: params.iter().map(|&ty| ty.into()).collect(),
            variadic: false,
        }
    }

    /// Whether the types are the same, however they are widened.
    pub(super) fn same_types(&self, other: &Signature) -> bool {
        let types = |s: &Signature| -> Vec<Type> { s.params.iter().map(|p| p.ty).collect() };
        self.result.ty == other.result.ty
            && self.variadic == other.variadic
            && types(self) == types(other)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (", self.result)?;
        for (n, param) in self.params.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{param}")?;
        }
        let comma = if self.params.is_empty() { "" } else { ", " };
        f.write_str(match self.variadic {
            true => comma,
            false => "",
        })?;
        f.write_str(if self.variadic { "...)" } else { ")" })
    }
}

impl FromStr for Signature {
    type Err = String;

    fn from_str(text: &str) -> Result<Signature, String> {
        let odd = || format!("'{text}' is no signature, such as 'i32 (ptr, double)'");
        let (result, rest) = text.split_once('(').ok_or_else(odd)?;
        let inside = rest.trim().strip_suffix(')').ok_or_else(odd)?.trim();
        let mut words: Vec<&str> = inside.split(',').map(str::trim).collect();
        if inside.is_empty() {
            words.clear();
        }
        let variadic = words.last() == Some(&"...");
        if variadic {
            words.pop();
        }
        let params: Vec<Parameter> = words
            .into_iter()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        if params.iter().any(|p| p.ty == Type::Void) {
            return Err(odd());
        }
        Ok(Signature {
            result: result.parse()?,
            params,
            variadic,
        })
    }
}

/// An integer of 1 to 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Int {
    bits: u32,
    /// The rest is zero.
    value: u64,
}

impl Int {
    /// An integer of `bits` bits, the lower ones of `value`. `None`: there is no
    /// such type.
    pub fn new(bits: u32, value: u64) -> Option<Int> {
        (1..=64).contains(&bits).then(|| Int {
            bits,
            value: value & (u64::MAX >> (64 - bits)),
        })
    }

    /// How many bits it has.
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// Its value, without sign.
    pub fn unsigned(self) -> u64 {
        self.value
    }

    /// Its value, its uppermost bit being the sign.
    pub fn signed(self) -> i64 {
        let unused = 64 - self.bits;
        (self.value << unused) as i64 >> unused
    }
}

impl fmt::Debug for Int {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "i{} {}", self.bits, self.signed())
    }
}

/// A scalar.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value {
    /// What functions without result return.
    Void,
    /// An integer.
    Int(Int),
    /// A `float`.
    F32(f32),
    /// A `double`.
    F64(f64),
    /// A pointer.
    Ptr(*mut c_void),
}

impl Value {
    /// Its type.
    pub fn ty(self) -> Type {
        match self {
            Value::Void => Type::Void,
            Value::Int(int) => Type::Int(int.bits),
            Value::F32(_) => Type::F32,
            Value::F64(_) => Type::F64,
            Value::Ptr(_) => Type::Ptr,
        }
    }

    /// The integer that it is, with its sign.
    pub fn as_i64(self) -> Option<i64> {
        match self {
            Value::Int(int) => Some(int.signed()),
            _ => None,
        }
    }

    /// The integer that it is, without sign.
    pub fn as_u64(self) -> Option<u64> {
        match self {
            Value::Int(int) => Some(int.unsigned()),
            _ => None,
        }
    }

    /// The floating-point number that it is.
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Value::F32(x) => Some(x.into()),
            Value::F64(x) => Some(x),
            _ => None,
        }
    }

    /// The pointer that it is.
    pub fn as_ptr(self) -> Option<*mut c_void> {
        match self {
            Value::Ptr(p) => Some(p),
            _ => None,
        }
    }

    /// Its bits as they are passed, widened.
    pub(super) fn raw(self, extension: Extension) -> u64 {
        match self {
            Value::Void => 0,
            Value::Int(int) if extension == Extension::Sign => int.signed() as u64,
            Value::Int(int) => int.unsigned(),
            Value::F32(x) => x.to_bits().into(),
            Value::F64(x) => x.to_bits(),
            Value::Ptr(p) => p as u64,
        }
    }

    /// The value of type `ty` whose bits are the lower ones of `raw`.
    pub(super) fn from_raw(ty: Type, raw: u64) -> Value {
        match ty {
            Type::Void => Value::Void,
            Type::Int(bits) => Int::new(bits, raw).map_or(Value::Void, Value::Int),
            Type::F32 => Value::F32(f32::from_bits(raw as u32)),
            Type::F64 => Value::F64(f64::from_bits(raw)),
            Type::Ptr => Value::Ptr(raw as usize as *mut c_void),
        }
    }
}

/// Integers with their sign, pointers as addresses.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Void => f.write_str("void"),
            Value::Int(int) if int.bits == 1 => write!(f, "{}", int.value != 0),
            Value::Int(int) => write!(f, "{}", int.signed()),
            Value::F32(x) => write!(f, "{x:?}"),
            Value::F64(x) => write!(f, "{x:?}"),
            Value::Ptr(p) => write!(f, "{p:p}"),
        }
    }
}

macro_rules! from_integers {
    ($($ty:ty)*) => {$(
        impl From<$ty> for Value {
            fn from(value: $ty) -> Value {
                let bits = <$ty>::BITS;
                Value::Int(Int { bits, value: value as u64 & (u64::MAX >> (64 - bits)) })
            }
        }
    )*};
}

from_integers!(i8 u8 i16 u16 i32 u32 i64 u64 isize usize);

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Int(Int {
            bits: 1,
            value: value.into(),
        })
    }
}

impl From<f32> for Value {
    fn from(value: f32) -> Value {
        Value::F32(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::F64(value)
    }
}

impl<T> From<*mut T> for Value {
    fn from(value: *mut T) -> Value {
        Value::Ptr(value.cast())
    }
}

impl<T> From<*const T> for Value {
    fn from(value: *const T) -> Value {
        Value::Ptr(value.cast_mut().cast())
    }
}

impl From<()> for Value {
    fn from((): ()) -> Value {
        Value::Void
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_read_and_written() {
        for text in [
            "void ()",
            "i32 (i32)",
            "signext i8 (zeroext i1, ptr, float, double, i47)",
            "i32 (ptr, ...)",
            "void (...)",
        ] {
            assert_eq!(text.parse::<Signature>().unwrap().to_string(), text);
        }
        let odd = "  i32(  i8,signext   i16 ) ";
        let signature: Signature = odd.parse().unwrap();
        assert_eq!(signature.to_string(), "i32 (i8, signext i16)");
        for bad in [
            "",
            "i32",
            "i32 (",
            "i32 (void)",
            "i0 ()",
            "i65 ()",
            "i32 (i32,)",
            "i32 (..., i32)",
            "signext ptr ()",
            "int (int)",
            "i32 (i32) x",
        ] {
            assert!(bad.parse::<Signature>().is_err(), "{bad}");
        }
    }

    #[test]
    fn integers_keep_their_bits_and_sign() {
        let int = Int::new(5, 0b1_1011).unwrap();
        assert_eq!((int.signed(), int.unsigned()), (-5, 27));
        assert_eq!(Int::new(5, u64::MAX << 5).unwrap().unsigned(), 0);
        assert_eq!((Int::new(0, 0), Int::new(65, 0)), (None, None));
        assert_eq!(Value::from(-3i8).as_u64(), Some(253));
        assert_eq!(Value::from(i64::MIN).as_i64(), Some(i64::MIN));
        assert_eq!(Value::from(true).ty(), I1);
        for (value, raw) in [
            (Value::from(-1i16), 0xffff),
            (Value::from(1.5f32), 0x3fc0_0000),
            (Value::from(-0.0), 1 << 63),
        ] {
            assert_eq!(value.raw(Extension::None), raw);
            assert_eq!(Value::from_raw(value.ty(), raw), value);
        }
        assert_eq!(Value::from(-1i16).raw(Extension::Sign), u64::MAX);
        assert_eq!(Value::from(true).raw(Extension::Sign), u64::MAX);
    }
}
