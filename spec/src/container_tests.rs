//! Tests of reader and writer together.

use crate::container::*;
use crate::samples::{module, rich, same};
use crate::verify::verify;
use proptest::prelude::*;

fn error(bytes: &[u8]) -> ReadError {
    match read(bytes) {
        Ok(_) => panic!("the bytes should be refused"),
        Err(error) => error,
    }
}

fn repaired(mut bytes: Vec<u8>) -> Vec<u8> {
    repair_checksum(&mut bytes);
    bytes
}

/// Appends a section and counts it.
fn with_section(mut bytes: Vec<u8>, id: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    bytes[12] += 1;
    bytes.extend_from_slice(&id.to_le_bytes());
    bytes.extend_from_slice(&flags.to_le_bytes());
    bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.extend_from_slice(payload);
    repaired(bytes)
}

#[test]
fn the_sample_verifies_and_round_trips() {
    let module = rich();
    verify(&module).unwrap_or_else(|e| panic!("{e}"));
    let bytes = write(&module);
    assert_eq!(load(&bytes).unwrap(), module);
    assert_eq!(write(&load(&bytes).unwrap()), bytes);
}

#[test]
fn header_errors_say_what_and_where() {
    let good = write(&rich());
    assert_eq!(error(b"").offset, 0);
    assert!(error(b"\x1bLua").what.contains("magic"));
    let mut other = good.clone();
    other[8] = 9;
    let e = error(&other);
    assert_eq!((e.section, e.offset), ("header", 8));
    assert!(e.what.contains("version 9"), "{e}");
    let mut flagged = good.clone();
    flagged[11] = 1;
    assert_eq!(error(&flagged).offset, 10);
    let mut damaged = good.clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert!(error(&damaged).what.contains("checksum"));
    let mut longer = good;
    longer.push(0);
    assert!(error(&repaired(longer)).what.contains("too many"));
}

#[test]
fn unknown_sections() {
    let good = write(&rich());
    let skipped = with_section(good.clone(), 77, 0, b"whatever");
    assert_eq!(read(&skipped).unwrap(), rich());
    let needed = with_section(good.clone(), 77, REQUIRED, b"");
    assert!(error(&needed).what.contains("unknown required section 77"));
    let twice = with_section(good, SectionId::Strings as u16, REQUIRED, b"\0");
    assert!(error(&twice).what.contains("after section"));
}

#[test]
fn truncation_at_each_byte_is_an_error() {
    let good = write(&rich());
    for len in 0..good.len() {
        let cut = good[..len].to_vec();
        assert!(read(&cut).is_err());
        assert!(read(&repaired(cut)).is_err(), "{len} bytes");
    }
}

#[test]
fn every_bit_flip_is_harmless() {
    let good = write(&rich());
    let mut loaded = 0;
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if bit / 8 >= 8 {
            assert!(read(&bytes).is_err(), "the checksum sees bit {bit}");
        }
        loaded += usize::from(load(&repaired(bytes)).is_ok());
    }
    assert!(loaded > 0, "some constants may change");
}

#[test]
fn giant_counts_reserve_nothing() {
    // A strings section that claims 2^60 strings.
    let mut bytes = write(&crate::module::Module::default());
    bytes.truncate(HEADER_LEN);
    bytes[12] = 0;
    let mut payload = Vec::new();
    crate::writer::number(&mut payload, 1 << 60);
    let bytes = with_section(bytes, 1, REQUIRED, &payload);
    assert!(error(&bytes).what.contains("do not fit"));
}

#[test]
fn numbers_have_one_form() {
    let mut bytes = write(&crate::module::Module::default());
    bytes.truncate(HEADER_LEN);
    bytes[12] = 0;
    let bytes = with_section(bytes, 1, REQUIRED, &[0x80, 0]);
    assert!(error(&bytes).what.contains("shortest"));
}

proptest! {
    #[test]
    fn any_module_round_trips(module in module()) {
        let bytes = write(&module);
        let back = read(&bytes).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert!(same(&module, &back), "{module:?}\n{back:?}");
        prop_assert_eq!(write(&back), bytes);
        let _ = verify(&back);
    }

    #[test]
    fn damaged_bytes_never_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)
    ) {
        let mut bytes = write(&rich());
        for (at, value) in edits {
            let at = at.index(bytes.len() - HEADER_LEN) + HEADER_LEN;
            bytes[at] = value;
        }
        let _ = load(&repaired(bytes));
    }
}
