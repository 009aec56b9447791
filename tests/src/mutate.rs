//! Damages modules.
//!
//! Two ways, chosen by the seed:
//!
//! - on **bytes**: bits, bytes, words, numbers of several bytes, cut and
//!   spliced ranges, giant sizes, truncation. The checksum is repaired (with
//!   rare exceptions), else the reader would look no further.
//! - on the **structure**: operands, opcodes, constants, declared states,
//!   captures, debug data of a module in memory, in ways that often still
//!   verify: programs that no compiler would make, but that must run safely.
//!
//! The same seed and index always give the same mutant.

use crate::rng::Rng;
use strata_spec::container::{HEADER_LEN, repair_checksum};
use strata_spec::module::{Block, Const, Hint, HintKind, LocalVar, Pos, Proto, SlotKind, StrId};
use strata_spec::op::{Ext, OP_COUNT};
use strata_spec::{Insn, Module, Op};

/// A module to start from, in both forms.
#[derive(Clone, Debug)]
pub struct Original {
    /// Where it comes from.
    pub name: String,
    /// The module.
    pub module: Module,
    /// Its container.
    pub bytes: Vec<u8>,
}

impl Original {
    /// A module in both forms.
    pub fn new(name: &str, module: Module) -> Original {
        Original {
            name: name.to_owned(),
            bytes: strata_spec::write(&module),
            module,
        }
    }
}

/// Mutant `index` of the run with `seed`: its container, and the number of
/// the original it comes from.
///
/// # Panics
/// There is no original.
pub fn mutant(originals: &[Original], seed: u64, index: u64) -> (Vec<u8>, usize) {
    let mut rng = Rng::new(seed, index);
    let which = rng.below(originals.len());
    let original = &originals[which];
    let bytes = if rng.one_in(3) {
        let donor = rng.below(originals.len());
        damage_bytes(&mut rng, &original.bytes, &originals[donor].bytes)
    } else {
        let mut module = original.module.clone();
        let edits = 1 + rng.below(4);
        for _ in 0..edits {
            damage_module(&mut rng, &mut module);
        }
        strata_spec::write(&module)
    };
    (bytes, which)
}

/// Numbers at which sizes and indices tend to break.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x00ff_ffff,
    0x7fff_ffff,
    0xffff_ffff,
    i64::MAX as u64,
    u64::MAX,
];

fn damage_bytes(rng: &mut Rng, original: &[u8], donor: &[u8]) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..1 + rng.below(3) {
        if bytes.len() <= HEADER_LEN {
            break;
        }
        // The header is hit, too, but rarely.
        let low = if rng.one_in(20) { 8 } else { HEADER_LEN };
        let at = low + rng.below(bytes.len() - low);
        match rng.below(9) {
            0..=2 => bytes[at] ^= 1 << rng.below(8),
            3 => bytes[at] = rng.next() as u8,
            4 => {
                let word = if rng.one_in(2) {
                    rng.next()
                } else {
                    rng.pick(&EDGES)
                };
                for (to, from) in bytes[at..].iter_mut().zip((word as u32).to_le_bytes()) {
                    *to = from;
                }
            }
            5 => giant(rng, &mut bytes, at),
            6 => {
                let end = (at + rng.below(40)).min(bytes.len());
                bytes.drain(at..end);
            }
            7 => {
                let from = rng.below(donor.len());
                let end = (from + rng.below(60)).min(donor.len());
                bytes.splice(at..at, donor[from..end].iter().copied());
            }
            _ => bytes.truncate(at),
        }
    }
    if !rng.one_in(50) {
        repair_checksum(&mut bytes);
    }
    bytes
}

/// Replaces the number at `at` by a large one, in the container's encoding.
fn giant(rng: &mut Rng, bytes: &mut Vec<u8>, at: usize) {
    let mut end = at;
    while end + 1 < bytes.len() && bytes[end] >= 0x80 {
        end += 1;
    }
    let mut value = rng.pick(&EDGES) >> rng.below(8);
    let mut encoded = Vec::new();
    while value >= 0x80 {
        encoded.push(value as u8 | 0x80);
        value >>= 7;
    }
    encoded.push(value as u8);
    bytes.splice(at..=end, encoded);
}

fn damage_module(rng: &mut Rng, module: &mut Module) {
    let strings = module.strings.len();
    let protos = module.protos.len();
    if protos == 0 {
        return;
    }
    let kind = rng.below(24);
    if kind == 0 && strings > 0 {
        let at = rng.below(strings);
        module.strings[at] = match rng.below(3) {
            0 => Box::default(),
            1 => vec![b'x'; rng.below(100)].into(),
            _ => module.strings[rng.below(strings)].clone(),
        };
        return;
    }
    let index = rng.below(protos);
    let proto = &mut module.protos[index];
    match kind {
        0..=11 => damage_operand(rng, proto),
        12 => damage_opcode(rng, proto),
        13 => move_code(rng, proto),
        14 | 15 => damage_constant(rng, proto, strings),
        16 | 17 => damage_block(rng, proto),
        18 => damage_head(rng, proto),
        19 => match rng.below(3) {
            0 => flip_captured(rng, proto),
            1 if !proto.upvals.is_empty() => {
                let at = rng.below(proto.upvals.len());
                let upval = &mut proto.upvals[at];
                match rng.below(3) {
                    0 => upval.from_register = !upval.from_register,
                    1 => upval.index = small(rng, upval.index),
                    _ => upval.read_only = !upval.read_only,
                }
            }
            _ if !proto.children.is_empty() => {
                let at = rng.below(proto.children.len());
                proto.children[at].0 = rng.below(protos + 1) as u32;
            }
            _ => {}
        },
        20 if !proto.slots.is_empty() => {
            let at = rng.below(proto.slots.len());
            proto.slots[at] = rng.pick(&[SlotKind::Field, SlotKind::Call, SlotKind::Site]);
        }
        21 => damage_debug(rng, proto, strings),
        _ => damage_operand(rng, proto),
    }
}

/// A byte near to `old`, or any.
fn small(rng: &mut Rng, old: u8) -> u8 {
    match rng.below(6) {
        0 => old.wrapping_add(1),
        1 => old.wrapping_sub(1),
        2 => 0,
        3 => rng.next() as u8,
        _ => rng.below(16) as u8,
    }
}

fn damage_operand(rng: &mut Rng, proto: &mut Proto) {
    if proto.code.is_empty() {
        return;
    }
    let at = rng.below(proto.code.len());
    let insn = proto.code[at];
    let Some(op) = insn.op() else { return };
    let field = rng.below(if op.info().ext == Ext::None { 3 } else { 4 });
    let new = if field < 3 {
        let shift = 8 * (field + 1);
        let byte = small(rng, (insn.0 >> shift) as u8);
        insn.0 & !(0xff << shift) | u64::from(byte) << shift
    } else {
        match op.info().ext {
            Ext::Jump => {
                // To another declared block, mostly: those verify more often.
                let to = match proto.blocks.len() {
                    0 => rng.below(proto.code.len()) as i64,
                    n if rng.below(4) > 0 => i64::from(proto.blocks[rng.below(n)].pc),
                    _ => rng.below(proto.code.len()) as i64,
                };
                insn.with_jump((to - at as i64 - 1) as i32).0
            }
            Ext::K => insn.with_k(rng.below(proto.consts.len() + 1) as u32).0,
            Ext::Key => {
                let key = rng.below(proto.consts.len() + 1) as u16;
                if rng.one_in(2) {
                    insn.with_slot(insn.slot(), key).0
                } else {
                    insn.with_slot(rng.below(proto.slots.len() + 1) as u16, insn.high())
                        .0
                }
            }
            Ext::Slot => {
                if rng.one_in(2) {
                    insn.with_slot(insn.slot(), small(rng, insn.high() as u8).into())
                        .0
                } else {
                    insn.with_slot(rng.below(proto.slots.len() + 1) as u16, insn.high())
                        .0
                }
            }
            _ => insn.with_u32(rng.pick(&EDGES) as u32 >> rng.below(16)).0,
        }
    };
    proto.code[at] = Insn(new);
}

/// Another opcode with the same extension, so that the operands stay.
fn damage_opcode(rng: &mut Rng, proto: &mut Proto) {
    if proto.code.is_empty() {
        return;
    }
    let at = rng.below(proto.code.len());
    let Some(old) = proto.code[at].op() else {
        return;
    };
    for _ in 0..8 {
        if let Some(op) = Op::from_u8(rng.below(OP_COUNT) as u8)
            && op.info().ext == old.info().ext
        {
            proto.code[at].0 = proto.code[at].0 & !0xff | op as u64;
            return;
        }
    }
}

/// Swaps, copies or blanks instructions. Nothing is inserted: jumps and
/// declared states would all be off.
fn move_code(rng: &mut Rng, proto: &mut Proto) {
    let len = proto.code.len();
    if len < 2 {
        return;
    }
    let (a, b) = (rng.below(len), rng.below(len));
    match rng.below(3) {
        0 => proto.code.swap(a, b),
        1 => proto.code[a] = proto.code[b],
        _ => proto.code[a] = Insn::abc(Op::Nop, 0, 0, 0),
    }
}

fn damage_constant(rng: &mut Rng, proto: &mut Proto, strings: usize) {
    if proto.consts.is_empty() {
        return;
    }
    let at = rng.below(proto.consts.len());
    proto.consts[at] = match rng.below(7) {
        0 => Const::Nil,
        1 => Const::True,
        2 => Const::False,
        3 => Const::Int(rng.pick(&EDGES) as i64),
        4 => Const::Float(rng.pick(&[
            0.0,
            -0.0,
            0.5,
            f64::NAN,
            f64::INFINITY,
            -1e308,
            9_007_199_254_740_993.0,
        ])),
        _ => Const::Str(StrId(rng.below(strings + 1) as u32)),
    };
}

fn damage_block(rng: &mut Rng, proto: &mut Proto) {
    let len = proto.code.len() as u32;
    if proto.blocks.is_empty() || rng.one_in(10) {
        let pc = rng.below(len as usize + 1) as u32;
        let at = proto.blocks.partition_point(|b| b.pc < pc);
        let block = Block {
            pc,
            defined: rng.below(16) as u8,
            ..Block::default()
        };
        proto.blocks.insert(at, block);
        return;
    }
    let at = rng.below(proto.blocks.len());
    let block = &mut proto.blocks[at];
    match rng.below(6) {
        0 => block.pc = rng.below(len as usize + 1) as u32,
        1 => block.loop_header = !block.loop_header,
        2 | 3 => block.defined = small(rng, block.defined),
        4 => {
            block.open = if block.open.is_some() {
                None
            } else {
                Some(rng.below(16) as u8)
            }
        }
        _ => {
            if block.tbc.pop().is_none() {
                block.tbc.push(rng.below(16) as u8);
            }
        }
    }
}

fn damage_head(rng: &mut Rng, proto: &mut Proto) {
    match rng.below(5) {
        0 => proto.regs = small(rng, proto.regs),
        1 => proto.params = small(rng, proto.params),
        2 => proto.vararg = !proto.vararg,
        3 => proto.regs = proto.regs.saturating_add(rng.below(8) as u8),
        _ => proto.line_defined = rng.pick(&EDGES) as u32,
    }
}

fn flip_captured(rng: &mut Rng, proto: &mut Proto) {
    let register = rng.below(usize::from(proto.regs).max(1)) as u8;
    if proto.captured.contains(register) {
        proto.captured.remove(register);
    } else {
        proto.captured.insert(register);
    }
}

fn damage_debug(rng: &mut Rng, proto: &mut Proto, strings: usize) {
    let name = StrId(rng.below(strings + 1) as u32);
    let len = proto.code.len();
    match rng.below(4) {
        0 => {
            let (start, end) = (rng.below(len + 1) as u32, rng.below(len + 2) as u32);
            proto.locals.push(LocalVar {
                name,
                reg: rng.below(20) as u8,
                start,
                end,
            });
        }
        1 if !proto.positions.is_empty() => {
            let at = rng.below(proto.positions.len());
            proto.positions[at] = Pos {
                line: rng.pick(&EDGES) as u32,
                column: rng.pick(&EDGES) as u32,
            };
        }
        2 => {
            let pc = rng.below(len + 1) as u32;
            let at = proto.hints.partition_point(|h| h.pc <= pc);
            let reg = if rng.one_in(4) {
                255
            } else {
                rng.below(16) as u8
            };
            proto.hints.insert(
                at,
                Hint {
                    pc,
                    reg,
                    kind: HintKind::Field,
                    name,
                },
            );
        }
        _ => proto.source = if rng.one_in(2) { None } else { Some(name) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutants_are_reproducible_and_differ() {
        let module = strata_lua::compile(
            b"local t = {x = 1} for i = 1, 3 do t.x = t.x + i end return t.x",
            b"=m",
        )
        .unwrap();
        let originals = [Original::new("m", module)];
        let first: Vec<Vec<u8>> = (0..200).map(|i| mutant(&originals, 3, i).0).collect();
        let again: Vec<Vec<u8>> = (0..200).map(|i| mutant(&originals, 3, i).0).collect();
        assert_eq!(first, again);
        let changed = first.iter().filter(|m| **m != originals[0].bytes).count();
        assert!(changed > 150, "{changed}");
    }
}
