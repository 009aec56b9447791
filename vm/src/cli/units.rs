//! Quantities with units, as people write them: `200M`, `1GiB`, `500ms`, `20k`.
//!
//! Sizes: `k`, `M`, `G`, `T` and `KiB`, … are powers of 1024; `kB`, `MB`, … of
//! 1000. Counts: `k`, `M`, `G` are powers of 1000. Times need a unit: `ns`,
//! `us`, `ms`, `s`, `m` or `min`, `h`. Units of sizes and counts may be in
//! either case, a fraction may stand before a unit, and `_` between digits.

use std::time::Duration;

/// A number of bytes.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    const HELP: &str =
        "a size is a number of bytes, or a number with a unit such as 64k, 200M or 1GiB";
    let (number, unit) = split(text, HELP)?;
    let lower = unit.to_ascii_lowercase();
    let mut rest = lower.chars();
    let power = rest
        .next()
        .and_then(|letter| "kmgt".find(letter))
        .map(|i| i as u32 + 1);
    let factor = match (power, rest.as_str()) {
        (None, _) if matches!(lower.as_str(), "" | "b") => Some(1),
        (Some(power), "" | "ib") => Some(1u64 << (10 * power)),
        (Some(power), "b") => Some(1000u64.pow(power)),
        _ => None,
    };
    let bytes = number
        .times(factor.ok_or_else(|| unknown(unit, HELP))?)
        .ok_or("the size is too large")?;
    usize::try_from(bytes).map_err(|_| "the size is too large".to_string())
}

/// A number of things.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    const HELP: &str = "a count is a number, or one with a unit such as 500k, 20M or 1G";
    let (number, unit) = split(text, HELP)?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" => 1,
        "k" => 1000,
        "m" => 1_000_000,
        "g" => 1_000_000_000,
        _ => return Err(unknown(unit, HELP)),
    };
    number
        .times(factor)
        .ok_or_else(|| "the count is too large".to_string())
}

/// A span of time.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const HELP: &str = "a time is a number with a unit, such as 500ms, 1.5s or 2m";
    let (number, unit) = split(text, HELP)?;
    let nanos = match unit {
        "ns" => 1,
        "us" | "µs" => 1000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "" => return Err(format!("the unit is missing: write {text}s or {text}ms")),
        _ => return Err(unknown(unit, HELP)),
    };
    Ok(Duration::from_nanos(
        number.times(nanos).ok_or("the time is too long")?,
    ))
}

fn unknown(unit: &str, help: &str) -> String {
    format!("'{unit}' is not a unit here; {help}")
}

/// A decimal number: its digits without the point, and how many stand after it.
struct Number {
    digits: u128,
    decimals: u32,
}

impl Number {
    /// The product, rounded down; `None` if it is out of range.
    fn times(&self, factor: u64) -> Option<u64> {
        let product = self.digits.checked_mul(u128::from(factor))?;
        u64::try_from(product / 10u128.pow(self.decimals)).ok()
    }
}

/// The number and the unit after it.
fn split<'t>(text: &'t str, help: &str) -> Result<(Number, &'t str), String> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: String = number.chars().filter(|&c| c != '_').collect();
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || fraction.contains('.') || fraction.len() > 18 || whole.len() > 20 {
        return Err(help.to_string());
    }
    let digits = digits.parse().map_err(|_| help.to_string())?;
    Ok((
        Number {
            digits,
            decimals: fraction.len() as u32,
        },
        unit.trim_start(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", 0),
            ("123", 123),
            ("7b", 7),
            ("64k", 64 << 10),
            ("200M", 200 << 20),
            ("200m", 200 << 20),
            ("1GiB", 1 << 30),
            ("1.5G", 3 << 29),
            ("2 MB", 2_000_000),
            ("1_000", 1000),
            ("1T", 1 << 40),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "M",
            "-1",
            "1X",
            "1.2.3",
            "1e9",
            "99999999999T",
            "1iB",
            "0x10",
            "١",
            "1Mé",
            "1é",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts() {
        assert_eq!(count("20M"), Ok(20_000_000));
        assert_eq!(count("1.5k"), Ok(1500));
        assert_eq!(count("18446744073709551615"), Ok(u64::MAX));
        assert!(count("18446744073709551616").is_err());
        assert!(count("5s").is_err());
    }

    #[test]
    fn durations() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(
            duration("5"),
            Err("the unit is missing: write 5s or 5ms".into())
        );
        assert!(duration("5 parsecs").is_err());
        assert!(duration("99999999999h").is_err());
    }
}
