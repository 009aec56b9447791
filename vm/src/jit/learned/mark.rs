//! What feedback knows of single instructions, to be compared: whether it has
//! learned something since code was made.

use super::{Slot, bits_of, has_slot, ways};
use crate::interp::{seen, seen_element};
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};
use strata_runtime::feedback::FeedbackSlot;
use strata_runtime::object::ProtoObj;
use strata_spec::{Insn, Op, SlotKind};

/// What feedback knows of an instruction, to be compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    /// Feedback bits.
    bits: u8,
    /// The [`mark`] of its slot, 0 if it has none.
    mark: u64,
}

impl Seen {
    /// Of instruction `i`, if these are the marks of its function's slots.
    pub(crate) fn of(i: &Insn, marks: &[u64]) -> Seen {
        let slot = has_slot(i).then(|| usize::from(i.slot()));
        Seen {
            bits: bits_of(i),
            mark: slot.and_then(|s| marks.get(s).copied()).unwrap_or(0),
        }
    }

    /// Of instruction `pc` of `p`, now.
    pub(crate) fn now(p: &ProtoObj, pc: u32, epoch: u32) -> Option<Seen> {
        let i = p.storage.code.get(pc as usize)?;
        let slot = has_slot(i).then(|| usize::from(i.slot()));
        let slot = slot.and_then(|s| p.storage.slots.get(s));
        Some(Seen {
            bits: bits_of(i),
            mark: slot.map_or(0, |slot| mark(slot, epoch)),
        })
    }
}

/// Whether an instruction accesses a field, by inline caches.
pub(crate) fn has_caches(p: &ProtoObj, pc: u32) -> bool {
    let slot = p.storage.code.get(pc as usize).filter(|i| has_slot(i));
    let slot = slot.and_then(|i| p.storage.slots.get(usize::from(i.slot())));
    slot.is_some_and(|slot| slot.kind == SlotKind::Field)
}

/// Whether the feedback bits of an instruction are all there is to know of it: it
/// has seen operands, and none that metamethods may be asked about.
pub(crate) fn tells_all(p: &ProtoObj, pc: u32) -> bool {
    let Some(i) = p.storage.code.get(pc as usize) else {
        return false;
    };
    let elements = matches!(
        i.op(),
        Some(Op::GetIndex | Op::SetIndex | Op::GetIndexI | Op::SetIndexI)
    );
    let other = if elements {
        seen_element::OTHER
    } else {
        seen::OTHER
    };
    let bits = bits_of(i) & !ways(i);
    bits != 0 && bits & other == 0
}

/// Tells apart what a feedback slot says.
pub(crate) fn mark(slot: &FeedbackSlot, epoch: u32) -> u64 {
    let mut h = FxHasher::default();
    match Slot::of(slot, epoch) {
        Slot::Empty => {}
        Slot::Caches(caches) => caches.hash(&mut h),
        Slot::Mega => 1.hash(&mut h),
        Slot::OneCallee => 2.hash(&mut h),
        Slot::Callees => 3.hash(&mut h),
    }
    h.finish()
}
