use super::*;
use Number::{Float, Int};

fn float_text(value: f64) -> String {
    String::from_utf8(NumBuf::float(value).as_bytes().to_vec()).unwrap()
}

#[test]
fn integers() {
    assert_eq!(parse(b"0"), Some(Int(0)));
    assert_eq!(parse(b" \t-42\n"), Some(Int(-42)));
    assert_eq!(parse(b"+7"), Some(Int(7)));
    assert_eq!(parse(b"-0"), Some(Int(0)));
    assert_eq!(parse(b"9223372036854775807"), Some(Int(i64::MAX)));
    assert_eq!(parse(b"-9223372036854775808"), Some(Int(i64::MIN)));
    assert_eq!(parse(b"00000000000000000000000000017"), Some(Int(17)));
    assert_eq!(
        parse(b"9223372036854775808"),
        Some(Float(9_223_372_036_854_775_808.0))
    );
    assert_eq!(
        parse(b"-9223372036854775809"),
        Some(Float(-9_223_372_036_854_775_808.0))
    );
    assert_eq!(parse(b"100000000000000000000"), Some(Float(1e20)));
}

#[test]
fn hexadecimal_integers_wrap() {
    assert_eq!(parse(b"0x10"), Some(Int(16)));
    assert_eq!(parse(b"-0Xff"), Some(Int(-255)));
    assert_eq!(parse(b"0xffffffffffffffff"), Some(Int(-1)));
    assert_eq!(parse(b"0x1ffffffffffffffff"), Some(Int(-1)));
    assert_eq!(
        parse(b"0x123456789abcdef01"),
        Some(Int(0x2345_6789_abcd_ef01))
    );
}

#[test]
fn floats() {
    assert_eq!(parse(b"1.5"), Some(Float(1.5)));
    assert_eq!(parse(b".5"), Some(Float(0.5)));
    assert_eq!(parse(b"5."), Some(Float(5.0)));
    assert_eq!(parse(b"1e2"), Some(Float(100.0)));
    assert_eq!(parse(b"1E+2"), Some(Float(100.0)));
    assert_eq!(parse(b"1.e-2"), Some(Float(0.01)));
    assert_eq!(parse(b"1e400"), Some(Float(f64::INFINITY)));
    assert_eq!(
        parse(b"1e99999999999999999999999"),
        Some(Float(f64::INFINITY))
    );
    assert_eq!(parse(b"1e-99999999999999999999999"), Some(Float(0.0)));
    let Some(Float(zero)) = parse(b"-0.0") else {
        panic!()
    };
    assert!(zero.is_sign_negative() && zero == 0.0);
    let long = [b"0.".as_slice(), &[b'3'; 5000]].concat();
    assert_eq!(parse(&long), Some(Float(1.0 / 3.0)));
}

#[test]
fn hexadecimal_floats() {
    assert_eq!(parse(b"0x1p4"), Some(Float(16.0)));
    assert_eq!(parse(b"0x.8"), Some(Float(0.5)));
    assert_eq!(parse(b"0xA.p-1"), Some(Float(5.0)));
    assert_eq!(parse(b"-0x1.8P+1"), Some(Float(-3.0)));
    assert_eq!(parse(b"0x0.0p99999999999999999999"), Some(Float(0.0)));
    assert_eq!(
        parse(b"0x1p99999999999999999999"),
        Some(Float(f64::INFINITY))
    );
    assert_eq!(parse(b"0x1p-99999999999999999999"), Some(Float(0.0)));
    assert_eq!(parse(b"0x1p-1074"), Some(Float(5e-324)));
    assert_eq!(parse(b"0x1p-1075"), Some(Float(0.0)));
    assert_eq!(parse(b"0x1.000001p-1075"), Some(Float(5e-324)));
    assert_eq!(parse(b"0x1.8p-1074"), Some(Float(1e-323)));
    assert_eq!(
        parse(b"0x1.fffffffffffff8p1023"),
        Some(Float(f64::INFINITY))
    );
    assert_eq!(parse(b"0x1.fffffffffffff7p1023"), Some(Float(f64::MAX)));
    assert_eq!(parse(b"0x1.00000000000008p0"), Some(Float(1.0)));
    assert_eq!(
        parse(b"0x1.000000000000080000000001p0"),
        Some(Float(1.0 + f64::EPSILON))
    );
    let zeros = [b"0x0.".as_slice(), &[b'0'; 1000], b"1p4004"].concat();
    assert_eq!(parse(&zeros), Some(Float(1.0)));
    let large = [b"0x1".as_slice(), &[b'0'; 1000], b".p-4000"].concat();
    assert_eq!(parse(&large), Some(Float(1.0)));
}

#[test]
fn rejected() {
    let bad: &[&[u8]] = &[
        b"",
        b" ",
        b"-",
        b"+",
        b"--1",
        b"- 1",
        b"1 2",
        b"1a",
        b"e1",
        b".",
        b".e1",
        b"1e",
        b"1e+",
        b"0x",
        b"0x.",
        b"0xg",
        b"0x1p",
        b"0x1p+",
        b"0xp1",
        b"inf",
        b"-inf",
        b"nan",
        b"NaN",
        b"infinity",
        b"1\0",
        b"\x001",
        b"1..2",
        b"0x1.2.3",
        b"1_000",
        b"0x1p1.5",
        b"1e1.5",
        b"\xc2\xa01",
    ];
    for text in bad {
        assert_eq!(parse(text), None, "{:?}", String::from_utf8_lossy(text));
    }
}

#[test]
fn other_bases() {
    assert_eq!(parse_in_base(b" 1010 ", 2), Some(10));
    assert_eq!(parse_in_base(b"-Zz", 36), Some(-1295));
    assert_eq!(parse_in_base(b"ffffffffffffffff", 16), Some(-1));
    assert_eq!(parse_in_base(b"7fffffffffffffffff", 16), Some(-1));
    assert_eq!(parse_in_base(b"12", 2), None);
    assert_eq!(parse_in_base(b"", 10), None);
    assert_eq!(parse_in_base(b"1 1", 10), None);
    assert_eq!(parse_in_base(b"1.0", 10), None);
    assert_eq!(parse_in_base(b"\xe9", 36), None);
}

#[test]
fn integers_as_text() {
    for value in [0, 7, -7, 10, 99, 100, 12345, i64::MAX, i64::MIN] {
        assert_eq!(NumBuf::int(value).as_bytes(), value.to_string().as_bytes());
    }
}

#[test]
fn floats_as_text() {
    assert_eq!(float_text(0.0), "0.0");
    assert_eq!(float_text(-0.0), "-0.0");
    assert_eq!(float_text(1.0), "1.0");
    assert_eq!(float_text(-3.0), "-3.0");
    assert_eq!(float_text(0.1), "0.1");
    assert_eq!(float_text(1.0 / 3.0), "0.33333333333333");
    assert_eq!(float_text(123.456), "123.456");
    assert_eq!(float_text(0.0001), "0.0001");
    assert_eq!(float_text(0.00001), "1e-05");
    assert_eq!(float_text(99_999_999_999_999.0), "99999999999999.0");
    assert_eq!(float_text(1e14), "1e+14");
    assert_eq!(float_text(123_456_789_012_345.0), "1.2345678901234e+14");
    assert_eq!(float_text(99_999_999_999_999.6), "1e+14");
    assert_eq!(float_text(12_345_678_901_234.6), "12345678901235.0");
    assert_eq!(float_text(1e100), "1e+100");
    assert_eq!(float_text(-1.5e-10), "-1.5e-10");
    assert_eq!(float_text(f64::MAX), "1.7976931348623e+308");
    assert_eq!(float_text(5e-324), "4.9406564584125e-324");
    assert_eq!(float_text(2f64.powi(63)), "9.2233720368548e+18");
    assert_eq!(float_text(-(2f64.powi(63))), "-9.2233720368548e+18");
    assert_eq!(float_text(std::f64::consts::PI), "3.1415926535898");
    assert_eq!(float_text(f64::INFINITY), "inf");
    assert_eq!(float_text(f64::NEG_INFINITY), "-inf");
    assert_eq!(float_text(f64::NAN.copysign(1.0)), "nan");
    assert_eq!(float_text(f64::NAN.copysign(-1.0)), "-nan");
}
