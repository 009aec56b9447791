use super::quote::{quote_float, quote_int, quote_str};
use super::*;

fn directive(spec: &str) -> Directive<'_> {
    let (directive, taken) = Directive::parse(&spec.as_bytes()[1..]).unwrap();
    assert_eq!(taken, spec.len() - 1);
    directive
}

fn int(spec: &str, value: i64) -> String {
    let directive = directive(spec);
    let mut out = b"<".to_vec();
    format_int(
        &directive.layout().unwrap(),
        directive.letter(),
        value,
        &mut out,
    );
    String::from_utf8(out).unwrap()[1..].into()
}

fn float(spec: &str, value: f64) -> String {
    let directive = directive(spec);
    let mut out = b"<".to_vec();
    format_float(
        &directive.layout().unwrap(),
        directive.letter(),
        value,
        &mut out,
    );
    String::from_utf8(out).unwrap()[1..].into()
}

fn text(spec: &str, value: &str) -> String {
    let directive = directive(spec);
    let mut out = b"<".to_vec();
    format_str(&directive.layout().unwrap(), value.as_bytes(), &mut out);
    String::from_utf8(out).unwrap()[1..].into()
}

#[test]
fn integers() {
    assert_eq!(int("%d", -42), "-42");
    assert_eq!(int("%5d", 42), "   42");
    assert_eq!(int("%-5d", 42), "42   ");
    assert_eq!(int("%05d", -42), "-0042");
    assert_eq!(int("%+d", 42), "+42");
    assert_eq!(int("% d", 42), " 42");
    assert_eq!(int("%.5d", 42), "00042");
    assert_eq!(int("%8.5d", -42), "  -00042");
    assert_eq!(int("%.0d", 0), "");
    assert_eq!(int("%u", -1), "18446744073709551615");
    assert_eq!(int("%x", -1), "ffffffffffffffff");
    assert_eq!(int("%#X", 255), "0XFF");
    assert_eq!(int("%#o", 8), "010");
    assert_eq!(int("%i", i64::MIN), "-9223372036854775808");
    assert_eq!(int("%99.99d", 7).len(), 99);
}

#[test]
fn floats() {
    assert_eq!(float("%f", 1.5), "1.500000");
    assert_eq!(float("%.2f", 2.675), "2.67");
    assert_eq!(float("%5.1f", -0.04), " -0.0");
    assert_eq!(float("%e", 12345.678), "1.234568e+04");
    assert_eq!(float("%.0e", 15000.0), "2e+04");
    assert_eq!(float("%g", 100000.0), "100000");
    assert_eq!(float("%g", 1e6), "1e+06");
    assert_eq!(float("%#g", 1.0), "1.00000");
    assert_eq!(float("%.3g", 0.00012345), "0.000123");
    assert_eq!(float("%G", 1e-10), "1E-10");
    assert_eq!(float("%a", 1.0), "0x1p+0");
    assert_eq!(float("%a", 0.1), "0x1.999999999999ap-4");
    assert_eq!(float("%.2A", -0.1), "-0X1.9AP-4");
    assert_eq!(float("%a", 5e-324), "0x0.0000000000001p-1022");
    assert_eq!(float("%a", 0.0), "0x0p+0");
    assert_eq!(float("%05.1f", f64::INFINITY), "  inf");
    assert_eq!(float("%+g", f64::NAN.copysign(1.0)), "+nan");
    assert_eq!(float("%g", f64::NAN.copysign(-1.0)), "-nan");
    assert_eq!(float("%.99f", -f64::MAX).len(), 1 + 309 + 1 + 99);
}

#[test]
fn strings_chars_and_pointers() {
    assert_eq!(text("%s", "abc"), "abc");
    assert_eq!(text("%5s", "abc"), "  abc");
    assert_eq!(text("%-5s", "abc"), "abc  ");
    assert_eq!(text("%.2s", "abc"), "ab");
    assert_eq!(text("%5.s", "abc"), "     ");
    let mut out = Vec::new();
    format_char(&directive("%-3c").layout().unwrap(), 0, &mut out);
    assert_eq!(out, b"\0  ");
    out.clear();
    format_pointer(&directive("%10p").layout().unwrap(), Some(0xbeef), &mut out);
    format_pointer(&directive("%-8p").layout().unwrap(), None, &mut out);
    assert_eq!(out, b"    0xbeef(null)  ");
}

#[test]
fn refused_specifications() {
    let message = |spec: &[u8]| {
        let outcome = Directive::parse(&spec[1..])
            .and_then(|(directive, _)| directive.conversion().map(|_| directive))
            .and_then(|directive| directive.layout());
        outcome.unwrap_err().to_string()
    };
    assert_eq!(message(b"%y"), "invalid conversion '%y' to 'format'");
    assert_eq!(message(b"%F"), "invalid conversion '%F' to 'format'");
    assert_eq!(message(b"%5"), "invalid conversion '%5' to 'format'");
    assert_eq!(message(b"%"), "invalid conversion '%' to 'format'");
    assert_eq!(message(b"%\0x"), "invalid conversion '%' to 'format'");
    assert_eq!(
        message(b"%0123456789d"),
        "invalid conversion specification: '%0123456789d'"
    );
    assert_eq!(
        message(b"%100.3d"),
        "invalid conversion specification: '%100.3d'"
    );
    assert_eq!(
        message(b"%1.100d"),
        "invalid conversion specification: '%1.100d'"
    );
    assert_eq!(message(b"%#i"), "invalid conversion specification: '%#i'");
    assert_eq!(message(b"%+u"), "invalid conversion specification: '%+u'");
    assert_eq!(
        message(b"%010c"),
        "invalid conversion specification: '%010c'"
    );
    assert_eq!(
        message(b"%.10c"),
        "invalid conversion specification: '%.10c'"
    );
    assert_eq!(
        message(b"%0.34s"),
        "invalid conversion specification: '%0.34s'"
    );
    assert_eq!(message(b"%0s"), "invalid conversion specification: '%0s'");
    assert_eq!(message(b"%.3p"), "invalid conversion specification: '%.3p'");
    assert_eq!(
        message(b"%1.1.1d"),
        "invalid conversion specification: '%1.1.1d'"
    );
    assert_eq!(
        message(&[b"%".as_slice(), &[b'0'; 30], b"d"].concat()),
        "invalid format (too long)"
    );
    assert!(Directive::parse(&[[b'0'; 20].as_slice(), b"d"].concat()).is_ok());
    assert!(directive("%5q").check_quote().is_err());
    assert!(check_string(&directive("%5s"), b"a\0").is_err());
    assert!(check_string(&directive("%s"), b"a\0").is_ok());
}

#[test]
fn quoting() {
    let quoted = |text: &[u8]| {
        let mut out = Vec::new();
        quote_str(text, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(quoted(b"a\"b\\c\nd"), "\"a\\\"b\\\\c\\\nd\"");
    assert_eq!(quoted(b"\0\x011\r\x7f"), "\"\\0\\0011\\13\\127\"");
    assert_eq!(quoted(b"\0"), "\"\\0\"");
    let mut out = Vec::new();
    for value in [7, -7, i64::MIN] {
        quote_int(value, &mut out);
        out.push(b' ');
    }
    for value in [0.5, 1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -0.0] {
        quote_float(value, &mut out);
        out.push(b' ');
    }
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "7 -7 0x8000000000000000 0x1p-1 0x1p+0 1e9999 -1e9999 (0/0) -0x0p+0 "
    );
}

/// Comparison with the C library on random input.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    use super::*;
    use crate::text::rng::Rng;
    use std::ffi::CString;

    fn c_int(spec: &str, value: i64) -> String {
        let long = CString::new(format!(
            "{}ll{}",
            &spec[..spec.len() - 1],
            &spec[spec.len() - 1..]
        ));
        let mut buffer = [0u8; 256];
        // SAFETY: the buffer has the size that is passed, and the specification asks for
        // one `long long`, which is what it gets.
        let length = unsafe {
            libc::snprintf(
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                long.unwrap().as_ptr(),
                value,
            )
        };
        String::from_utf8(buffer[..length as usize].to_vec()).unwrap()
    }

    fn c_float(spec: &str, value: f64) -> String {
        let spec = CString::new(spec).unwrap();
        let mut buffer = [0u8; 512];
        // SAFETY: the buffer has the size that is passed, and the specification asks for
        // one `double`, which is what it gets.
        let length = unsafe {
            libc::snprintf(
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                spec.as_ptr(),
                value,
            )
        };
        String::from_utf8(buffer[..length as usize].to_vec()).unwrap()
    }

    /// A random specification for a conversion with these flags.
    fn random_spec(rng: &mut Rng, flags: &str, letter: char) -> String {
        let mut spec = "%".to_string();
        for flag in flags.chars() {
            if rng.next_in(0, 2) == Some(0) {
                spec.push(flag);
            }
        }
        if rng.next_in(0, 1) == Some(0) {
            spec += &rng.next_in(1, 40).unwrap().to_string();
        }
        if rng.next_in(0, 2) != Some(0) {
            let most = if rng.next_in(0, 9) == Some(0) { 99 } else { 20 };
            spec += &format!(".{}", rng.next_in(0, most).unwrap());
        }
        spec.push(letter);
        spec
    }

    fn random_float(rng: &mut Rng) -> f64 {
        match rng.next_in(0, 5).unwrap() {
            0 => f64::from_bits(rng.next_word()),
            1 => rng.next_in(-1000, 1000).unwrap() as f64,
            2 => rng.next_in(-100_000, 100_000).unwrap() as f64 / 64.0,
            3 => rng.next_in(-1_000_000, 1_000_000).unwrap() as f64 / 1000.0,
            4 => (rng.next_float() - 0.5) * 10f64.powi(rng.next_in(-25, 25).unwrap() as i32),
            _ => [
                0.0,
                -0.0,
                f64::INFINITY,
                f64::MAX,
                5e-324,
                0.5,
                9.5,
                0.25,
                999_999.5,
                1e15,
            ][rng.next_in(0, 9).unwrap() as usize],
        }
    }

    /// Whether rounding to the precision of `spec` turns nines into a new digit.
    fn carries(spec: &str, value: f64) -> bool {
        let precision = directive(spec)
            .layout()
            .unwrap()
            .precision
            .unwrap_or(6)
            .max(1);
        let digits = format!("{:.*e}", usize::from(precision) + 20, value.abs()).replace('.', "");
        digits
            .bytes()
            .take(usize::from(precision))
            .all(|digit| digit == b'9')
    }

    #[test]
    fn same_as_glibc() {
        let mut rng = Rng::new(2024, 5);
        for _ in 0..60_000 {
            let letter = ['d', 'i', 'u', 'o', 'x', 'X'][rng.next_in(0, 5).unwrap() as usize];
            let flags = match letter {
                'd' | 'i' => "-+0 ",
                'u' => "-0",
                _ => "-#0",
            };
            let spec = random_spec(&mut rng, flags, letter);
            let value = (rng.next_word() as i64) >> rng.next_in(0, 63).unwrap();
            assert_eq!(int(&spec, value), c_int(&spec, value), "{spec} of {value}");

            let letter =
                ['a', 'A', 'e', 'E', 'f', 'g', 'G', 'g'][rng.next_in(0, 7).unwrap() as usize];
            let spec = random_spec(&mut rng, "-+#0 ", letter);
            let value = random_float(&mut rng);
            // glibc drops zeros that `%#g` must keep when rounding carries into a new digit.
            if spec.contains('#') && spec.ends_with(['g', 'G']) && carries(&spec, value) {
                continue;
            }
            assert_eq!(
                float(&spec, value),
                c_float(&spec, value),
                "{spec} of {value:e}"
            );
        }
    }

    #[test]
    fn tostring_is_glibc_g14() {
        let mut rng = Rng::new(7, 7);
        for _ in 0..60_000 {
            let value = random_float(&mut rng);
            let mut expected = c_float("%.14g", value);
            if expected
                .bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_digit())
            {
                expected += ".0";
            }
            let text = number::NumBuf::float(value);
            assert_eq!(
                String::from_utf8_lossy(text.as_bytes()),
                expected,
                "{value:e}"
            );
        }
    }
}
