//! The binary form of a [`FrameMaps`] table: what a code cache stores.
//!
//! All numbers are LEB128; the layout is in `frames.md`. Decoding reserves no
//! more memory than the bytes justify and checks every number that refers to
//! something inside the table. Whether a map fits the bytecode is
//! [`super::check`]'s business.

use super::{
    FrameId, FrameMap, FrameMaps, FuncId, Loc, Part, Repr, Stored, SunkKind, SunkObject, Value,
    VirtualFrame,
};
use crate::container::ReadError;
use crate::reader::Cursor;
use crate::writer::{number, signed};

type Read<T> = Result<T, ReadError>;

const REPRS: [Repr; 8] = [
    Repr::Tagged,
    Repr::Int,
    Repr::Float,
    Repr::Bool,
    Repr::Str,
    Repr::Table,
    Repr::Closure,
    Repr::Upval,
];

// A value's first byte: representations with a buffer word from 0, with a VM
// slot from 8, then what needs no location.
const SLOT: u8 = 8;
const NIL: u8 = 16;
const FALSE: u8 = 17;
const TRUE: u8 = 18;
const INT: u8 = 19;
const FLOAT: u8 = 20;
const CONST: u8 = 21;
const SUNK: u8 = 22;
/// Of a frame's closure: there is none.
const ABSENT: u8 = 23;

/// The table as bytes; the same table always gives the same.
pub fn encode(maps: &FrameMaps) -> Vec<u8> {
    let mut out = Vec::new();
    number(&mut out, maps.frames.items.len() as u64);
    for frame in &maps.frames.items {
        number(&mut out, frame.func.0.into());
        number(&mut out, frame.pc.into());
        // Lowest bit: entered by a tail call.
        number(&mut out, u64::from(frame.base) << 1 | u64::from(frame.tail));
        match frame.closure {
            Some(closure) => put_value(&mut out, closure),
            None => out.push(ABSENT),
        }
        number(&mut out, frame.regs.len() as u64);
        for &(reg, value) in &frame.regs {
            out.push(reg);
            put_value(&mut out, value);
        }
    }
    number(&mut out, maps.maps.items.len() as u64);
    for stored in &maps.maps.items {
        // Lowest bit: the last frame waits.
        let folded = (stored.frames.len() as u64) << 1 | u64::from(stored.waits);
        number(&mut out, folded);
        for frame in &stored.frames {
            number(&mut out, frame.0.into());
        }
        number(&mut out, stored.sunk.len() as u64);
        for object in &stored.sunk {
            put_object(&mut out, object);
        }
    }
    out
}

fn put_value(out: &mut Vec<u8>, value: Value) {
    match value {
        Value::At(repr, Loc::Word(word)) => {
            out.push(repr as u8);
            number(out, word.into());
        }
        Value::At(repr, Loc::Slot(slot)) => {
            out.push(repr as u8 + SLOT);
            number(out, slot.into());
        }
        Value::Nil => out.push(NIL),
        Value::Bool(false) => out.push(FALSE),
        Value::Bool(true) => out.push(TRUE),
        Value::Int(int) => {
            out.push(INT);
            signed(out, int);
        }
        Value::Float(bits) => {
            out.push(FLOAT);
            out.extend_from_slice(&bits.to_le_bytes());
        }
        Value::Const(k) => {
            out.push(CONST);
            number(out, k.into());
        }
        Value::Sunk(n) => {
            out.push(SUNK);
            number(out, n.into());
        }
    }
}

fn put_object(out: &mut Vec<u8>, object: &SunkObject) {
    let (kind, first, second) = match object.kind {
        SunkKind::Table { func, slot } => (0, func.0, u32::from(slot)),
        SunkKind::Closure { func, child } => (1, func.0, child),
        SunkKind::Varargs { frame } => (2, u32::from(frame), 0),
        SunkKind::Cell => (3, 0, 0),
        SunkKind::Open { frame, reg } => (4, u32::from(frame), u32::from(reg)),
        SunkKind::Upval { frame, upval } => (5, u32::from(frame), u32::from(upval)),
    };
    out.push(kind);
    number(out, first.into());
    number(out, second.into());
    number(out, object.parts.len() as u64);
    for &(part, value) in &object.parts {
        // Lowest bits: 0 an index, 1 a field, 2 the metatable.
        let folded = match part {
            Part::Index(i) => u64::from(i) << 2,
            Part::Field(k) => u64::from(k) << 2 | 1,
            Part::Meta => 2,
        };
        number(out, folded);
        put_value(out, value);
    }
}

/// The table that `bytes` hold.
pub fn decode(bytes: &[u8]) -> Result<FrameMaps, ReadError> {
    let mut c = Cursor::new(bytes, 0, "frame maps");
    let mut maps = FrameMaps::new();
    let frames = c.count(4)?;
    // For each frame, how many sunk objects a map with it needs.
    let mut needs = Vec::with_capacity(frames);
    for n in 0..frames {
        let frame = take_frame(&mut c)?;
        if !ascending(&frame) {
            return Err(c.error("registers that do not ascend".into()));
        }
        needs.push(needed_objects(values(&frame)));
        if maps.frames.add(frame) as usize != n {
            return Err(c.error("a frame that occurs twice".into()));
        }
    }
    let count = c.count(2)?;
    for n in 0..count {
        let folded = c.number()?;
        let waits = folded & 1 != 0;
        let len = c.fitting(folded >> 1, 1)?;
        let list = c.list(len, |c, _| {
            let frame = c.small()?;
            if frame as usize >= frames {
                return Err(c.error(format!("frame {frame} of {frames}")));
            }
            Ok(FrameId(frame))
        })?;
        let len = c.count(4)?;
        let sunk = c.list(len, |c, _| take_object(c))?;
        let needed = list.iter().map(|f| needs[f.0 as usize]).max().unwrap_or(0);
        if let Some(fault) = dangling(list.len(), needed, &sunk) {
            return Err(c.error(fault));
        }
        let stored = Stored {
            frames: list,
            sunk,
            waits,
        };
        if maps.maps.add(stored) as usize != n {
            return Err(c.error("a map that occurs twice".into()));
        }
    }
    c.end()?;
    Ok(maps)
}

/// Whether a frame's registers ascend.
fn ascending(frame: &VirtualFrame) -> bool {
    frame.regs.windows(2).all(|w| w[0].0 < w[1].0)
}

/// The values of a frame.
fn values(frame: &VirtualFrame) -> impl Iterator<Item = Value> {
    frame
        .closure
        .into_iter()
        .chain(frame.regs.iter().map(|r| r.1))
}

/// How many sunk objects there must be for these values.
fn needed_objects(values: impl Iterator<Item = Value>) -> usize {
    values
        .map(|value| match value {
            Value::Sunk(n) => n as usize + 1,
            _ => 0,
        })
        .max()
        .unwrap_or(0)
}

/// What is wrong in a map of this many frames, which need this many objects.
fn dangling(frames: usize, needed: usize, sunk: &[SunkObject]) -> Option<String> {
    if frames == 0 {
        return Some("a map without frames".into());
    }
    let parts = sunk.iter().flat_map(|o| o.parts.iter().map(|p| p.1));
    let needed = needed.max(needed_objects(parts));
    if needed > sunk.len() {
        return Some(format!("sunk object {} of {}", needed - 1, sunk.len()));
    }
    sunk.iter().find_map(|object| match object.kind {
        SunkKind::Varargs { frame } if frame as usize >= frames => {
            Some(format!("extra arguments of frame {frame} of {frames}"))
        }
        SunkKind::Open { frame, .. } | SunkKind::Upval { frame, .. }
            if frame as usize >= frames =>
        {
            Some(format!("an upvalue of frame {frame} of {frames}"))
        }
        _ => None,
    })
}

/// What is wrong inside a map, whatever code it belongs to.
pub(super) fn fault(map: &FrameMap) -> Option<String> {
    if !map.frames.iter().all(ascending) {
        return Some("registers that do not ascend".into());
    }
    let values = map.frames.iter().flat_map(values);
    dangling(map.frames.len(), needed_objects(values), &map.sunk)
}

fn take_frame(c: &mut Cursor<'_>) -> Read<VirtualFrame> {
    let (func, pc) = (FuncId(c.small()?), c.small()?);
    let folded = c.number()?;
    let Ok(base) = u32::try_from(folded >> 1) else {
        return Err(c.error(format!("base {folded}")));
    };
    let mut frame = VirtualFrame {
        func,
        pc,
        base,
        tail: folded & 1 != 0,
        closure: None,
        regs: Vec::new(),
    };
    let byte = c.u8()?;
    if byte != ABSENT {
        frame.closure = Some(value_of(c, byte)?);
    }
    let count = c.count(2)?;
    frame.regs = c.list(count, |c, _| Ok((c.u8()?, take_value(c)?)))?;
    Ok(frame)
}

fn take_value(c: &mut Cursor<'_>) -> Read<Value> {
    let byte = c.u8()?;
    value_of(c, byte)
}

/// The value that begins with `byte`.
fn value_of(c: &mut Cursor<'_>, byte: u8) -> Read<Value> {
    if let Some(&repr) = REPRS.get((byte % SLOT) as usize)
        && byte < 2 * SLOT
    {
        let n = c.small()?;
        if byte >= SLOT {
            return Ok(Value::At(repr, Loc::Slot(n)));
        }
        return match u16::try_from(n) {
            Ok(word) => Ok(Value::At(repr, Loc::Word(word))),
            Err(_) => Err(c.error(format!("buffer word {n}"))),
        };
    }
    Ok(match byte {
        NIL => Value::Nil,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        INT => Value::Int(c.signed()?),
        FLOAT => Value::Float(c.u64()?),
        CONST => Value::Const(c.small()?),
        SUNK => {
            let n = c.small()?;
            match u16::try_from(n) {
                Ok(n) => Value::Sunk(n),
                Err(_) => return Err(c.error(format!("sunk object {n}"))),
            }
        }
        _ => return Err(c.error(format!("unknown kind of value {byte}"))),
    })
}

fn take_object(c: &mut Cursor<'_>) -> Read<SunkObject> {
    let byte = c.u8()?;
    let (first, second) = (c.small()?, c.small()?);
    let narrow = |c: &Cursor<'_>, n: u32| {
        u16::try_from(n).map_err(|_| c.error(format!("{n} is out of range")))
    };
    let kind = match byte {
        0 => SunkKind::Table {
            func: FuncId(first),
            slot: narrow(c, second)?,
        },
        1 => SunkKind::Closure {
            func: FuncId(first),
            child: second,
        },
        2 if second == 0 => SunkKind::Varargs {
            frame: narrow(c, first)?,
        },
        3 if first == 0 && second == 0 => SunkKind::Cell,
        4 | 5 => {
            let frame = narrow(c, first)?;
            let Ok(n) = u8::try_from(second) else {
                return Err(c.error(format!("{second} is out of range")));
            };
            match byte {
                4 => SunkKind::Open { frame, reg: n },
                _ => SunkKind::Upval { frame, upval: n },
            }
        }
        _ => return Err(c.error(format!("unknown kind of object {byte}"))),
    };
    let count = c.count(2)?;
    let parts = c.list(count, |c, _| {
        let folded = c.number()?;
        let Ok(n) = u32::try_from(folded >> 2) else {
            return Err(c.error(format!("part {folded}")));
        };
        let part = match folded & 3 {
            0 => Part::Index(n),
            1 => Part::Field(n),
            2 if n == 0 => Part::Meta,
            _ => return Err(c.error(format!("part {folded}"))),
        };
        Ok((part, take_value(c)?))
    })?;
    Ok(SunkObject { kind, parts })
}

#[cfg(test)]
mod tests {
    use super::super::FrameMapId;
    use super::super::tests::sample;
    use super::*;
    use proptest::prelude::*;

    fn sample_table() -> FrameMaps {
        let mut maps = FrameMaps::new();
        maps.add(sample());
        let mut other = sample();
        other.frames.remove(0);
        other.frames[0].regs.push((9, Value::Bool(true)));
        other.sunk.push(SunkObject {
            kind: SunkKind::Varargs { frame: 0 },
            parts: vec![
                (Part::Index(0), Value::Nil),
                (Part::Index(1), Value::Const(3)),
            ],
        });
        other.sunk.push(SunkObject {
            kind: SunkKind::Cell,
            parts: vec![(Part::Index(0), Value::Int(1))],
        });
        other.sunk.push(SunkObject {
            kind: SunkKind::Upval { frame: 0, upval: 7 },
            parts: vec![],
        });
        other.waits = true;
        maps.add(other);
        maps
    }

    fn same(a: &FrameMaps, b: &FrameMaps) -> bool {
        a.len() == b.len()
            && (0..a.len() as u32).all(|n| a.get(FrameMapId(n)) == b.get(FrameMapId(n)))
    }

    #[test]
    fn round_trip() {
        let maps = sample_table();
        let bytes = encode(&maps);
        let back = decode(&bytes).unwrap();
        assert!(same(&maps, &back));
        assert_eq!(encode(&back), bytes);
        assert_eq!(encode(&decode(&encode(&FrameMaps::new())).unwrap()), [0, 0]);
    }

    #[test]
    fn truncation_and_bit_flips() {
        let bytes = encode(&sample_table());
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_err(), "{len}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(maps) = decode(&bytes) {
                assert_eq!(encode(&maps), bytes);
            }
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            (0..7usize, any::<u16>()).prop_map(|(r, w)| Value::At(REPRS[r], Loc::Word(w))),
            (0..7usize, any::<u32>()).prop_map(|(r, s)| Value::At(REPRS[r], Loc::Slot(s))),
            Just(Value::Nil),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<u64>().prop_map(Value::Float),
            any::<u32>().prop_map(Value::Const),
        ]
    }

    proptest! {
        #[test]
        fn any_frame_round_trips(
            func in any::<u32>(), pc in any::<u32>(), base in any::<u32>(),
            values in prop::collection::vec(value(), 0..20)
        ) {
            let mut maps = FrameMaps::new();
            let regs = values.into_iter().enumerate().map(|(n, v)| (n as u8, v)).collect();
            let closure = pc.is_multiple_of(2).then_some(Value::Const(pc));
            let tail = pc.is_multiple_of(5);
            let frame = VirtualFrame { func: FuncId(func), closure, pc, base, tail, regs };
            maps.add(FrameMap { frames: vec![frame], sunk: vec![], waits: pc.is_multiple_of(3) });
            let back = decode(&encode(&maps)).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert!(same(&maps, &back));
        }

        #[test]
        fn any_bytes_are_a_table_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&bytes);
        }
    }
}
