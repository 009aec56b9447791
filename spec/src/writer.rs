//! Module to container. The same module always gives the same bytes.
//!
//! Run-time feedback bits of instructions are not written.

use crate::container::{
    HEADER_LEN, MAGIC, REQUIRED, SECTION_HEADER_LEN, SectionId, VERSION, repair_checksum,
};
use crate::module::{ANNOTATION_BIT, Const, Module, Proto, StrId};

/// The container of `module`. Not verified: that is the reader's business.
///
/// # Panics
/// If a section would be larger than 4 GiB.
pub fn write(module: &Module) -> Vec<u8> {
    let mut out = Vec::with_capacity(estimate(module));
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&0u16.to_le_bytes());
    out.resize(HEADER_LEN, 0);
    let mut sections = 2u32;
    section(&mut out, SectionId::Strings, REQUIRED, |out| {
        strings(out, module);
    });
    section(&mut out, SectionId::Protos, REQUIRED, |out| {
        number(out, module.protos.len() as u64);
        for proto in &module.protos {
            prototype(out, proto);
        }
    });
    if module.protos.iter().any(has_debug) {
        sections += 1;
        section(&mut out, SectionId::Debug, 0, |out| {
            number(out, module.protos.len() as u64);
            for proto in &module.protos {
                debug(out, proto);
            }
        });
    }
    out[12..16].copy_from_slice(&sections.to_le_bytes());
    repair_checksum(&mut out);
    out
}

/// A rough size, to spare reallocations.
fn estimate(module: &Module) -> usize {
    let strings: usize = module.strings.iter().map(|s| s.len() + 2).sum();
    let protos: usize = module
        .protos
        .iter()
        .map(|p| p.code.len() * 10 + p.consts.len() * 4 + p.hints.len() * 4 + 64)
        .sum();
    HEADER_LEN + 3 * SECTION_HEADER_LEN + strings + protos
}

fn section(out: &mut Vec<u8>, id: SectionId, flags: u16, body: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(&(id as u16).to_le_bytes());
    out.extend_from_slice(&flags.to_le_bytes());
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    let length = u32::try_from(out.len() - length_at - 4).expect("a section is below 4 GiB");
    out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
}

/// LEB128, seven bits a byte, low bits first.
pub(crate) fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A signed number: sign in the lowest bit, then LEB128.
pub(crate) fn signed(out: &mut Vec<u8>, value: i64) {
    number(out, (value << 1 ^ value >> 63) as u64);
}

fn optional(out: &mut Vec<u8>, id: Option<StrId>) {
    number(out, id.map_or(0, |id| u64::from(id.0) + 1));
}

fn strings(out: &mut Vec<u8>, module: &Module) {
    number(out, module.strings.len() as u64);
    for string in &module.strings {
        number(out, string.len() as u64);
        out.extend_from_slice(string);
    }
}

fn prototype(out: &mut Vec<u8>, p: &Proto) {
    let captured = !p.captured.is_empty();
    out.push(u8::from(p.vararg) | u8::from(captured) << 1 | (p.annotation as u8) << ANNOTATION_BIT);
    out.push(p.params);
    out.push(p.regs);
    number(out, p.line_defined.into());
    number(out, p.last_line_defined.into());
    let words: usize = p
        .code
        .iter()
        .map(|insn| 1 + usize::from(insn.to_words().1.is_some()))
        .sum();
    for count in [
        p.upvals.len(),
        p.children.len(),
        p.consts.len(),
        p.slots.len(),
        p.blocks.len(),
        p.code.len(),
        words,
    ] {
        number(out, count as u64);
    }
    if captured {
        for word in p.captured.0 {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }
    for upval in &p.upvals {
        out.push(u8::from(upval.from_register) | u8::from(upval.read_only) << 1);
        out.push(upval.index);
    }
    for child in &p.children {
        number(out, child.0.into());
    }
    for constant in &p.consts {
        match *constant {
            Const::Nil => out.push(0),
            Const::False => out.push(1),
            Const::True => out.push(2),
            Const::Int(int) => {
                out.push(3);
                signed(out, int);
            }
            Const::Float(float) => {
                out.push(4);
                out.extend_from_slice(&float.to_bits().to_le_bytes());
            }
            Const::Str(id) => {
                out.push(5);
                number(out, id.0.into());
            }
        }
    }
    out.extend(p.slots.iter().map(|&kind| kind as u8));
    let mut last = 0u32;
    for block in &p.blocks {
        number(out, block.pc.wrapping_sub(last).into());
        last = block.pc;
        let tbc = !block.tbc.is_empty();
        out.push(
            u8::from(block.loop_header) | u8::from(block.open.is_some()) << 1 | u8::from(tbc) << 2,
        );
        out.push(block.defined);
        out.extend(block.open);
        if tbc {
            number(out, block.tbc.len() as u64);
            out.extend_from_slice(&block.tbc);
        }
    }
    for insn in &p.code {
        let (low, high) = insn.to_words();
        out.extend_from_slice(&low.to_le_bytes());
        if let Some(high) = high {
            out.extend_from_slice(&high.to_le_bytes());
        }
    }
}

fn has_debug(p: &Proto) -> bool {
    p.source.is_some()
        || p.upvals.iter().any(|u| u.name.is_some())
        || !p.locals.is_empty()
        || !p.positions.is_empty()
        || !p.hints.is_empty()
}

fn debug(out: &mut Vec<u8>, p: &Proto) {
    optional(out, p.source);
    for upval in &p.upvals {
        optional(out, upval.name);
    }
    number(out, p.locals.len() as u64);
    for local in &p.locals {
        number(out, local.name.0.into());
        out.push(local.reg);
        number(out, local.start.into());
        number(out, local.end.into());
    }
    number(out, p.positions.len() as u64);
    let (mut line, mut column) = (0u32, 0u32);
    for pos in &p.positions {
        // Lowest bit: a line difference follows. Above it the column's
        // difference, signed.
        let across = i64::from(pos.column) - i64::from(column);
        let down = i64::from(pos.line) - i64::from(line);
        number(
            out,
            ((across << 1 ^ across >> 63) as u64) << 1 | u64::from(down != 0),
        );
        if down != 0 {
            signed(out, down);
        }
        (line, column) = (pos.line, pos.column);
    }
    number(out, p.hints.len() as u64);
    let mut last = 0u32;
    for hint in &p.hints {
        number(out, hint.pc.wrapping_sub(last).into());
        last = hint.pc;
        out.push(hint.reg);
        out.push(hint.kind as u8);
        number(out, hint.name.0.into());
    }
}
