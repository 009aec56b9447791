//! The in-memory instruction: one 64-bit cell.
//!
//! ```text
//!  63            40 39   32 31   24 23   16 15    8 7      0
//! ┌────────────────┬───────┬───────┬───────┬───────┬────────┐
//! │ jump / K (24)  │ fb(8) │   C   │   B   │   A   │   op   │   ext None, Jump, K
//! ├────────────────┴───────┼───────┴───────┼───────┼────────┤
//! │ high 16 │ slot 16      │ D (C:B)       │   A   │   op   │   ext Key, Slot, U32
//! └─────────┴──────────────┴───────────────┴───────┴────────┘
//! ```
//!
//! The high half of an instruction without slot holds eight *feedback bits*
//! that tiers 0 and 1 write while the program runs; in a module they are 0.

use crate::op::{Ext, Op};

/// One instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Insn(pub u64);

/// The largest jump distance in instructions, either way.
pub const MAX_JUMP: i32 = (1 << 23) - 1;
/// One more than the largest constant index of a `K` extension.
pub const MAX_K: u32 = 1 << 24;

impl Insn {
    /// An instruction without extension.
    pub const fn abc(op: Op, a: u8, b: u8, c: u8) -> Insn {
        Insn(op as u64 | (a as u64) << 8 | (b as u64) << 16 | (c as u64) << 24)
    }

    /// An instruction with a signed 16-bit immediate (or, cast, a constant
    /// index) in B and C.
    pub const fn ad(op: Op, a: u8, d: i16) -> Insn {
        Insn(op as u64 | (a as u64) << 8 | (d as u16 as u64) << 16)
    }

    /// The same instruction with another operand B.
    pub const fn with_b(self, b: u8) -> Insn {
        Insn(self.0 & !(0xff << 16) | (b as u64) << 16)
    }

    /// The same instruction with this jump distance.
    pub const fn with_jump(self, dist: i32) -> Insn {
        Insn(self.0 & 0xff_ffff_ffff | (dist as i64 as u64) << 40)
    }

    /// The same instruction with this constant index (below [`MAX_K`]).
    pub const fn with_k(self, k: u32) -> Insn {
        Insn(self.0 & 0xff_ffff_ffff | (k as u64) << 40)
    }

    /// The same instruction with feedback slot and high 16 bits (for `Key`
    /// the constant index).
    pub const fn with_slot(self, slot: u16, high: u16) -> Insn {
        Insn(self.0 & 0xffff_ffff | (slot as u64) << 32 | (high as u64) << 48)
    }

    /// The same instruction with this 32-bit extension.
    pub const fn with_u32(self, x: u32) -> Insn {
        Insn(self.0 & 0xffff_ffff | (x as u64) << 32)
    }

    /// The opcode. `None` if the byte is none, which a verified module rules out.
    #[inline]
    pub fn op(self) -> Option<Op> {
        Op::from_u8(self.0 as u8)
    }

    /// Operand A.
    #[inline(always)]
    pub const fn a(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// Operand B.
    #[inline(always)]
    pub const fn b(self) -> u8 {
        (self.0 >> 16) as u8
    }

    /// Operand C.
    #[inline(always)]
    pub const fn c(self) -> u8 {
        (self.0 >> 24) as u8
    }

    /// The signed 16-bit immediate in B and C.
    #[inline(always)]
    pub const fn d(self) -> i16 {
        (self.0 >> 16) as i16
    }

    /// The jump distance, relative to the next instruction.
    #[inline(always)]
    pub const fn jump(self) -> i32 {
        ((self.0 as i64) >> 40) as i32
    }

    /// The constant index of a `K` extension.
    #[inline(always)]
    pub const fn k(self) -> u32 {
        (self.0 >> 40) as u32
    }

    /// The feedback slot of a `Key` or `Slot` extension.
    #[inline(always)]
    pub const fn slot(self) -> u16 {
        (self.0 >> 32) as u16
    }

    /// The high 16 bits of a `Key` (constant index) or `Slot` extension.
    #[inline(always)]
    pub const fn high(self) -> u16 {
        (self.0 >> 48) as u16
    }

    /// The 32-bit extension.
    #[inline(always)]
    pub const fn u32(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The run-time feedback bits of an instruction with ext `None`, `Jump` or `K`.
    #[inline(always)]
    pub const fn feedback_bits(self) -> u8 {
        (self.0 >> 32) as u8
    }

    /// The words this instruction has in a file, without run-time feedback.
    /// The second is `None` where the opcode has no extension.
    pub fn to_words(self) -> (u32, Option<u32>) {
        let low = self.0 as u32;
        let high = match self.op().map(|op| op.info().ext) {
            None | Some(Ext::None) => None,
            Some(Ext::Jump) => Some(self.jump() as u32),
            Some(Ext::K) => Some(self.k()),
            Some(Ext::Key | Ext::Slot | Ext::U32) => Some(self.u32()),
        };
        (low, high)
    }

    /// The instruction of one or two words of a file; `None` when the opcode
    /// is unknown, the second word is missing, or its value is out of range.
    pub fn from_words(low: u32, high: Option<u32>) -> Option<Insn> {
        let insn = Insn(u64::from(low));
        match insn.op()?.info().ext {
            Ext::None => Some(insn),
            Ext::Jump => {
                let dist = high? as i32;
                (-MAX_JUMP..=MAX_JUMP)
                    .contains(&dist)
                    .then(|| insn.with_jump(dist))
            }
            Ext::K => {
                let k = high?;
                (k < MAX_K).then(|| insn.with_k(k))
            }
            Ext::Key | Ext::Slot | Ext::U32 => Some(insn.with_u32(high?)),
        }
    }
}

impl std::fmt::Debug for Insn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Insn({:?} A={} B={} C={} x={:#x})",
            self.op(),
            self.a(),
            self.b(),
            self.c(),
            self.0 >> 32
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        let all = [
            Insn::abc(Op::Add, 1, 2, 3),
            Insn::ad(Op::LoadI, 9, -300),
            Insn::abc(Op::Jmp, 0, 0, 0).with_jump(-MAX_JUMP),
            Insn::ad(Op::JEqK, 7, 0x7fff).with_jump(MAX_JUMP),
            Insn::abc(Op::LoadK, 4, 0, 0).with_k(MAX_K - 1),
            Insn::abc(Op::GetField, 1, 2, 0).with_slot(65535, 65534),
        ];
        for insn in all {
            let (low, high) = insn.to_words();
            assert_eq!(Insn::from_words(low, high), Some(insn));
        }
        assert_eq!(all[2].jump(), -MAX_JUMP);
        assert_eq!(all[1].d(), -300);
        assert_eq!(all[4].k(), MAX_K - 1);
        assert_eq!((all[5].slot(), all[5].high()), (65535, 65534));
        assert_eq!(Insn::from_words(0xff, None), None);
    }
}
