use super::*;

enum Arg {
    I(i64),
    F(f64),
    S(&'static [u8]),
}
use Arg::{F, I, S};

fn pack(format: &str, args: &[Arg]) -> Result<String, String> {
    let mut packer = Packer::new(format.as_bytes());
    let mut args = args.iter();
    let result: Result<(), PackError> = (|| {
        while let Some(item) = packer.next()? {
            match (item.wanted(), args.next().expect("enough arguments")) {
                (Wanted::Int, I(value)) => packer.put_int(&item, *value)?,
                (Wanted::Float, F(value)) => packer.put_float(&item, *value),
                (Wanted::Str, S(value)) => packer.put_str(&item, value)?,
                _ => panic!("wrong kind of argument"),
            }
        }
        Ok(())
    })();
    result.map_err(|error| error.to_string())?;
    Ok(packer
        .finish()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

fn unpack(format: &str, data: &[u8], from: usize) -> Result<String, String> {
    let mut out = String::new();
    let result: Result<usize, PackError> = (|| {
        let mut unpacker = Unpacker::new(format.as_bytes(), data, from)?;
        while let Some(value) = unpacker.next()? {
            out += &match value {
                Unpacked::Int(value) => format!("{value} "),
                Unpacked::Float(value) => format!("{value:?} "),
                Unpacked::Str(value) => format!("{} ", String::from_utf8_lossy(value)),
            };
        }
        Ok(unpacker.position())
    })();
    result
        .map(|at| format!("{out}@{}", at + 1))
        .map_err(|error| error.to_string())
}

// Expected values come from lua5.4.
#[test]
fn packs() {
    let cases: &[(&str, &[Arg], &str)] = &[
        ("<i3", &[I(-2)], "feffff"),
        (">I2", &[I(258)], "0102"),
        ("<i16", &[I(-2)], "feffffffffffffffffffffffffffffff"),
        (">i10", &[I(5)], "00000000000000000005"),
        (
            "<!8 b Xd d",
            &[I(1), F(1.5)],
            "0100000000000000000000000000f83f",
        ),
        (
            "<!4 b i8 h",
            &[I(1), I(2), I(3)],
            "0100000002000000000000000300",
        ),
        (">s2 z", &[S(b"ab"), S(b"cd")], "00026162636400"),
        ("c5", &[S(b"ab")], "6162000000"),
        ("<f", &[F(0.1)], "cdcccc3d"),
        (">d", &[F(0.1)], "3fb999999999999a"),
        ("x B x", &[I(7)], "000700"),
        ("b\0r", &[I(1)], "01"),
        ("<J", &[I(-1)], "ffffffffffffffff"),
        (">I16", &[I(-1)], "0000000000000000ffffffffffffffff"),
    ];
    for (format, args, expected) in cases {
        assert_eq!(pack(format, args).as_deref(), Ok(*expected), "{format}");
    }
}

#[test]
fn pack_errors() {
    let cases: &[(&str, &[Arg], &str)] = &[
        ("i17", &[], "integral size (17) out of limits [1,16]"),
        ("i0", &[], "integral size (0) out of limits [1,16]"),
        (
            "i99999999999",
            &[],
            "integral size (999999999) out of limits [1,16]",
        ),
        ("c", &[], "missing size for format option 'c'"),
        ("X", &[], "invalid next option for option 'X'"),
        ("Xz", &[], "invalid next option for option 'X'"),
        ("Xc1", &[], "invalid next option for option 'X'"),
        ("X!4", &[], "invalid next option for option 'X'"),
        ("!3 i3", &[], "format asks for alignment not power of 2"),
        ("!4 i3", &[], "format asks for alignment not power of 2"),
        ("i1", &[I(128)], "integer overflow"),
        ("i1", &[I(-129)], "integer overflow"),
        ("I1", &[I(256)], "unsigned overflow"),
        ("I1", &[I(-1)], "unsigned overflow"),
        ("c1", &[S(b"ab")], "string longer than given size"),
        (
            "s1",
            &[S(&[b'x'; 256])],
            "string length does not fit in given size",
        ),
        ("z", &[S(b"a\0b")], "string contains zeros"),
        ("r", &[], "invalid format option 'r'"),
    ];
    for (format, args, expected) in cases {
        assert_eq!(pack(format, args), Err(expected.to_string()), "{format}");
    }
    assert_eq!(PackError::IntegerOverflow.blame(), Blame::Value);
    assert_eq!(PackError::InvalidNextOption.blame(), Blame::Argument(1));
    assert_eq!(PackError::MissingSize.blame(), Blame::Nothing);
}

#[test]
fn sizes() {
    assert_eq!(packed_size(b"<!4 b i8 h"), Ok(14));
    assert_eq!(packed_size(b"!16 bXi16 b"), Ok(17));
    assert_eq!(packed_size(b"j n T f l"), Ok(36));
    assert_eq!(packed_size(b""), Ok(0));
    assert_eq!(packed_size(b"s"), Err(PackError::VariableLength));
    assert_eq!(packed_size(b"z"), Err(PackError::VariableLength));
    assert_eq!(
        packed_size(b"c2147483647"),
        Err(PackError::InvalidOption(b'7'))
    );
    assert_eq!(
        packed_size(b"c2147483639c9"),
        Err(PackError::ResultTooLarge)
    );
    assert_eq!(packed_size(b"c2147483639c8"), Ok(MAX_SIZE));
}

#[test]
fn unpacks() {
    assert_eq!(
        unpack("<i3 z s1", b"\xfe\xff\xffab\0\x02cd", 0).unwrap(),
        "-2 ab cd @10"
    );
    assert_eq!(unpack("<i9", &[255; 9], 0).unwrap(), "-1 @10");
    assert_eq!(unpack("<i16", &[255; 16], 0).unwrap(), "-1 @17");
    assert_eq!(unpack(">d", &0.1f64.to_be_bytes(), 0).unwrap(), "0.1 @9");
    assert_eq!(unpack("<f", &0.5f32.to_le_bytes(), 0).unwrap(), "0.5 @5");
    assert_eq!(unpack("c3", b"abcde", 1).unwrap(), "bcd @5");
    assert_eq!(
        unpack("<!4 b i4", b"\x01\0\0\0\x02\0\0\0", 0).unwrap(),
        "1 2 @9"
    );
    assert_eq!(unpack("", b"", 0).unwrap(), "@1");
    assert_eq!(unpack("B", b"\xff", 0).unwrap(), "255 @2");
}

#[test]
fn unpack_errors() {
    let error = |format, data: &[u8], from| unpack(format, data, from).unwrap_err();
    assert_eq!(error("i4", b"abc", 0), "data string too short");
    assert_eq!(error("z", b"abc", 0), "unfinished string for format 'z'");
    assert_eq!(error("s1", b"\x05abc", 0), "data string too short");
    assert_eq!(error("s8", &[255; 20], 0), "data string too short");
    assert_eq!(error("c2147483639", b"abc", 0), "data string too short");
    assert_eq!(
        error("<I9", &[255; 9], 0),
        "9-byte integer does not fit into Lua Integer"
    );
    assert_eq!(
        error("<i9", b"\x01\0\0\0\0\0\0\0\x01", 0),
        "9-byte integer does not fit into Lua Integer"
    );
    assert_eq!(error("i4", b"abcd", 5), "initial position out of string");
}

#[test]
fn every_width_round_trips() {
    for size in 1..=16u32 {
        for little in ["<", ">"] {
            for value in [0i64, 1, -1, 127, -128, i64::MAX, i64::MIN] {
                let format = format!("{little}i{size}");
                let mut packer = Packer::new(format.as_bytes());
                let item = packer.next().unwrap().unwrap();
                if packer.put_int(&item, value).is_ok() {
                    let data = packer.finish();
                    let text = unpack(&format, &data, 0).unwrap();
                    assert_eq!(text, format!("{value} @{}", size + 1));
                }
            }
        }
    }
}
