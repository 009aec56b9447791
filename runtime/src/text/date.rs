//! `os.date` and `os.time`: checking conversion specifiers and the fields of date
//! tables. The calendar itself is the operating system's, through [`crate::os`].
//!
//! A date table has six fields that `os.time` reads, in the order of
//! [`INPUT_FIELDS`], and an optional boolean `isdst`; `os.date("*t")` sets these and
//! `yday` and `wday`. The binding fetches each field, has [`InputField::convert`]
//! check it, and passes them all to [`time`].

use super::budget::{Budget, Unlimited};
use crate::os::{self, Calendar};
use std::fmt;

/// What `os.date` and `os.time` can complain about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DateError {
    /// A conversion specifier that isn't one; the format from there on. Blames
    /// argument 1.
    InvalidSpecifier(Vec<u8>),
    /// A required field is missing.
    MissingField(&'static str),
    /// A field is neither nil nor convertible to an integer.
    NotAnInteger(&'static str),
    /// A field is too large or too small.
    OutOfBound(&'static str),
    /// The time has no date.
    DateNotRepresentable,
    /// The date has no time.
    TimeNotRepresentable,
}

impl DateError {
    /// Which argument the error blames, if any.
    pub fn argument(&self) -> Option<u32> {
        matches!(self, DateError::InvalidSpecifier(_)).then_some(1)
    }

    /// The message, as bytes since it may quote the format.
    pub fn message(&self) -> Vec<u8> {
        match self {
            DateError::InvalidSpecifier(rest) => {
                [b"invalid conversion specifier '%", rest.as_slice(), b"'"].concat()
            }
            DateError::MissingField(name) => {
                format!("field '{name}' missing in date table").into_bytes()
            }
            DateError::NotAnInteger(name) => {
                format!("field '{name}' is not an integer").into_bytes()
            }
            DateError::OutOfBound(name) => format!("field '{name}' is out-of-bound").into_bytes(),
            DateError::DateNotRepresentable => {
                b"date result cannot be represented in this installation".to_vec()
            }
            DateError::TimeNotRepresentable => {
                b"time result cannot be represented in this installation".to_vec()
            }
        }
    }
}

impl fmt::Display for DateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.message()))
    }
}

impl std::error::Error for DateError {}

/// What the binding found in a field of a date table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// nil.
    Absent,
    /// Something that converts to an integer.
    Int(i64),
    /// Anything else.
    Other,
}

/// A field that `os.time` reads.
#[derive(Clone, Copy, Debug)]
pub struct InputField {
    /// Its key.
    pub name: &'static str,
    /// What it is when absent; `None` where it is required.
    default: Option<i32>,
    /// What C counts from.
    base: i32,
}

/// The integer fields that `os.time` reads, in order.
pub const INPUT_FIELDS: [InputField; 6] = [
    InputField {
        name: "year",
        default: None,
        base: 1900,
    },
    InputField {
        name: "month",
        default: None,
        base: 1,
    },
    InputField {
        name: "day",
        default: None,
        base: 0,
    },
    InputField {
        name: "hour",
        default: Some(12),
        base: 0,
    },
    InputField {
        name: "min",
        default: Some(0),
        base: 0,
    },
    InputField {
        name: "sec",
        default: Some(0),
        base: 0,
    },
];

impl InputField {
    /// The field's value as C counts it.
    pub fn convert(&self, value: FieldValue) -> Result<i32, DateError> {
        match value {
            FieldValue::Int(value) => {
                let value = value.checked_sub(i64::from(self.base));
                value
                    .and_then(|value| i32::try_from(value).ok())
                    .ok_or(DateError::OutOfBound(self.name))
            }
            FieldValue::Absent => self.default.ok_or(DateError::MissingField(self.name)),
            FieldValue::Other => Err(DateError::NotAnInteger(self.name)),
        }
    }
}

/// The fields of a date table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateFields {
    /// The integer fields, in the order in which PUC Lua sets them.
    pub integers: [(&'static str, i64); 8],
    /// Whether daylight saving time is in effect, where that is known.
    pub isdst: Option<bool>,
}

impl DateFields {
    fn new(date: &Calendar) -> Self {
        DateFields {
            integers: [
                ("year", i64::from(date.year) + 1900),
                ("month", i64::from(date.month) + 1),
                ("day", i64::from(date.day)),
                ("hour", i64::from(date.hour)),
                ("min", i64::from(date.min)),
                ("sec", i64::from(date.sec)),
                ("yday", i64::from(date.yday) + 1),
                ("wday", i64::from(date.wday) + 1),
            ],
            isdst: (date.isdst >= 0).then_some(date.isdst > 0),
        }
    }
}

/// What `os.time` of a table comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeResult {
    /// The fields as they are to be written back, normalised.
    pub fields: DateFields,
    /// The time, if it can be represented. PUC Lua writes the fields back first
    /// and raises [`DateError::TimeNotRepresentable`] then.
    pub time: Option<i64>,
}

/// `os.time` of a date table: its integer fields in the order of [`INPUT_FIELDS`]
/// as [`InputField::convert`] gave them, and `isdst`.
pub fn time(fields: [i32; 6], isdst: Option<bool>) -> TimeResult {
    let [year, month, day, hour, min, sec] = fields;
    let isdst = isdst.map_or(-1, i32::from);
    let mut date = Calendar {
        year,
        month,
        day,
        hour,
        min,
        sec,
        wday: 0,
        yday: 0,
        isdst,
    };
    let time = os::make_time(&mut date);
    TimeResult {
        fields: DateFields::new(&date),
        time,
    }
}

/// What `os.date` gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DateResult {
    /// A table of fields, for `*t`.
    Table(DateFields),
    /// Text.
    Text(Vec<u8>),
}

/// `os.date(format, time)`.
pub fn date(format: &[u8], time: i64) -> Result<DateResult, DateError> {
    match date_within(format, time, &mut Unlimited) {
        Ok(date) => date,
        Err(never) => match never {},
    }
}

/// As [`date`], within a budget.
///
/// # Errors
/// That of the budget; the inner one is about the arguments.
pub fn date_within<B: Budget>(
    format: &[u8],
    time: i64,
    budget: &mut B,
) -> Result<Result<DateResult, DateError>, B::Error> {
    let (utc, format) = match format {
        [b'!', rest @ ..] => (true, rest),
        _ => (false, format),
    };
    let moment = if utc {
        os::utc_time(time)
    } else {
        os::local_time(time)
    };
    let Some(moment) = moment else {
        return Ok(Err(DateError::DateNotRepresentable));
    };
    if c_string(format) == b"*t" {
        let fields = DateFields::new(&moment.calendar());
        return Ok(Ok(DateResult::Table(fields)));
    }
    let mut out = Vec::with_capacity(format.len() + 16);
    let mut rest = format;
    while let Some(at) = memchr::memchr(b'%', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let Some(length) = specifier_length(rest) else {
            return Ok(Err(DateError::InvalidSpecifier(c_string(rest).to_vec())));
        };
        moment.format(&rest[..length], &mut out);
        rest = &rest[length..];
        budget.charge(100 + at as u64 / 8)?;
    }
    out.extend_from_slice(rest);
    Ok(Ok(DateResult::Text(out)))
}

/// The length of the conversion specifier at the start of `text` (after the `%`).
fn specifier_length(text: &[u8]) -> Option<usize> {
    /// Letters that may follow `%E` and `%O`, the alternative forms.
    const ALTERNATIVE_ERA: &[u8] = b"cCxXyY";
    const ALTERNATIVE_DIGITS: &[u8] = b"deHImMSuUVwWy";
    match text {
        [b'E', letter, ..] if ALTERNATIVE_ERA.contains(letter) => Some(2),
        [b'O', letter, ..] if ALTERNATIVE_DIGITS.contains(letter) => Some(2),
        [letter, ..] if b"aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZ%".contains(letter) => Some(1),
        _ => None,
    }
}

/// `text` up to its first zero.
fn c_string(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(0, text).unwrap_or(text.len())]
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn text(format: &[u8], time: i64) -> Result<String, String> {
        match date(format, time) {
            Ok(DateResult::Text(text)) => Ok(String::from_utf8(text).unwrap()),
            Ok(DateResult::Table(_)) => panic!("a table"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn formats() {
        assert_eq!(
            text(b"!%Y-%m-%d %H:%M:%S", 0).unwrap(),
            "1970-01-01 00:00:00"
        );
        assert_eq!(text(b"!%c", 86_399).unwrap(), "Thu Jan  1 23:59:59 1970");
        assert_eq!(text(b"!%Z %% %Ey %Od", 0).unwrap(), "GMT % 70 01");
        assert_eq!(text(b"!", 0).unwrap(), "");
        assert_eq!(text(b"plain\0text", 0).unwrap(), "plain\0text");
        assert_eq!(text(b"!%d.%m.", 951_782_400).unwrap(), "29.02.");
    }

    #[test]
    fn every_specifier_is_known() {
        for letter in b"aAbBcCdDeFgGhHIjmMnprRStTuUVwWxXyYzZ%" {
            assert!(text(&[b'!', b'%', *letter], 0).is_ok());
        }
    }

    #[test]
    fn refused_specifiers() {
        let error = |format: &[u8]| text(format, 0).unwrap_err();
        assert_eq!(error(b"%"), "invalid conversion specifier '%'");
        assert_eq!(error(b"%9"), "invalid conversion specifier '%9'");
        assert_eq!(error(b"%Ez"), "invalid conversion specifier '%Ez'");
        assert_eq!(error(b"%E"), "invalid conversion specifier '%E'");
        assert_eq!(error(b"%O"), "invalid conversion specifier '%O'");
        assert_eq!(
            error(b"%Ea rest"),
            "invalid conversion specifier '%Ea rest'"
        );
        assert_eq!(error(b"%d%k\0x"), "invalid conversion specifier '%k'");
    }

    #[test]
    fn tables() {
        let Ok(DateResult::Table(fields)) = date(b"!*t", 1_000_000_000) else {
            panic!("no table")
        };
        let integers: Vec<_> = fields.integers.iter().map(|(_, value)| *value).collect();
        assert_eq!(integers, [2001, 9, 9, 1, 46, 40, 252, 1]);
        assert_eq!(fields.isdst, Some(false));
        assert!(matches!(date(b"!*t\0", 0), Ok(DateResult::Table(_))));
        assert_eq!(text(b"!*tx", 0).unwrap(), "*tx");
    }

    #[test]
    fn beyond_the_calendar() {
        let message = "date result cannot be represented in this installation";
        assert_eq!(text(b"!%c", i64::MAX).unwrap_err(), message);
        assert_eq!(text(b"%c", i64::MIN).unwrap_err(), message);
        let result = time([i32::MAX, 0, 1, 0, 0, 0], None);
        let later = time([i32::MAX, i32::MAX, 1, 0, 0, 0], None);
        assert!(result.time.is_some() || later.time.is_none());
        assert_eq!(later.time, None);
    }

    #[test]
    fn time_inverts_date() {
        for moment in [0, 1_000_000_000, 1_700_000_000, 951_782_400] {
            let Ok(DateResult::Table(fields)) = date(b"*t", moment) else {
                panic!("no table")
            };
            let input: [i32; 6] = std::array::from_fn(|i| {
                INPUT_FIELDS[i]
                    .convert(FieldValue::Int(fields.integers[i].1))
                    .unwrap()
            });
            let result = time(input, fields.isdst);
            assert_eq!(result.time, Some(moment));
            assert_eq!(result.fields, fields);
        }
    }

    #[test]
    fn fields_are_normalised() {
        // Month 14 of 2000 is February 2001, and day 0 the last of January.
        let result = time([100, 13, 0, 12, 0, 0], None);
        let integers: Vec<_> = result
            .fields
            .integers
            .iter()
            .map(|(_, value)| *value)
            .collect();
        assert_eq!(integers, [2001, 1, 31, 12, 0, 0, 31, 4]);
    }

    #[test]
    fn field_checks() {
        let [year, month, day, hour, ..] = INPUT_FIELDS;
        assert_eq!(
            day.convert(FieldValue::Absent),
            Err(DateError::MissingField("day"))
        );
        assert_eq!(hour.convert(FieldValue::Absent), Ok(12));
        assert_eq!(
            month.convert(FieldValue::Other),
            Err(DateError::NotAnInteger("month"))
        );
        assert_eq!(year.convert(FieldValue::Int(2000)), Ok(100));
        let limit = i64::from(i32::MAX);
        assert_eq!(year.convert(FieldValue::Int(limit + 1900)), Ok(i32::MAX));
        assert_eq!(
            year.convert(FieldValue::Int(limit + 1901)),
            Err(DateError::OutOfBound("year"))
        );
        let least = i64::from(i32::MIN) + 1900;
        assert_eq!(year.convert(FieldValue::Int(least)), Ok(i32::MIN));
        assert_eq!(
            year.convert(FieldValue::Int(least - 1)),
            Err(DateError::OutOfBound("year"))
        );
        assert_eq!(
            day.convert(FieldValue::Int(i64::MAX)),
            Err(DateError::OutOfBound("day"))
        );
        assert_eq!(
            day.convert(FieldValue::Int(i64::MIN)),
            Err(DateError::OutOfBound("day"))
        );
        assert_eq!(
            year.convert(FieldValue::Int(i64::MIN)),
            Err(DateError::OutOfBound("year"))
        );
        let text = DateError::MissingField("day").to_string();
        assert_eq!(text, "field 'day' missing in date table");
    }
}
