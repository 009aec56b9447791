//! What feedback knew when a function was compiled.
//!
//! Code is only as good as the feedback it was made from. Compiling again
//! pays where an instruction keeps taking slow steps *and* feedback has
//! something about it now that the code doesn't know: a kind of operand, a
//! shape, a callee. A slow step that stays slow whatever is known of it
//! (an array that must grow, a call of a host function) is no reason.
//!
//! [`Learned`] remembers, when code is made, what it is made from;
//! [`Learned::change`] compares one instruction with what is known now.

use crate::interp::{seen, seen_element};
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};
use strata_runtime::feedback::{CacheState, CallState, FeedbackSlot, FieldCache, NIL_OK, Summary};
use strata_runtime::object::ProtoObj;
use strata_spec::op::Ext;
use strata_spec::{Insn, Op, SlotKind};

/// What the feedback of a function was.
#[derive(Default, Debug)]
pub(crate) struct Learned {
    /// Feedback bits by instruction.
    bits: Box<[u8]>,
    /// What each feedback slot said.
    slots: Box<[Slot]>,
}

/// What a feedback slot said.
#[derive(Default, Debug, PartialEq, Eq)]
enum Slot {
    /// Nothing.
    #[default]
    Empty,
    /// These inline caches held, as hashes.
    Caches(Vec<u64>),
    /// Too many shapes to tell apart.
    Mega,
    /// One function, or closures of one prototype.
    OneCallee,
    /// Several functions.
    Callees,
}

/// What is known now of an instruction that wasn't known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// Its code was made without any feedback.
    First,
    /// More than before.
    More,
}

impl Learned {
    /// What is known now. `epoch`: the VM's metatable epoch.
    pub(crate) fn now(p: &ProtoObj, epoch: u32) -> Learned {
        let code = p.storage.code.iter();
        let slots = p.storage.slots.iter();
        Learned {
            bits: code.map(bits_of).collect(),
            slots: slots.map(|s| Slot::of(s, epoch)).collect(),
        }
    }

    /// What is known of instruction `pc` that code made from this doesn't
    /// know.
    pub(crate) fn change(&self, p: &ProtoObj, pc: u32, epoch: u32) -> Option<Change> {
        let i = p.storage.code.get(pc as usize)?;
        let (before, bits) = (*self.bits.get(pc as usize)?, bits_of(i));
        // Which way a jump went makes no slow path fast.
        let (before, bits) = (before & !ways(i), bits & !ways(i));
        if bits & !before != 0 {
            return Some(if before == 0 {
                Change::First
            } else {
                Change::More
            });
        }
        if !has_slot(i) {
            return None;
        }
        let slot = usize::from(i.slot());
        let now = Slot::of(p.storage.slots.get(slot)?, epoch);
        match (self.slots.get(slot)?, now) {
            (_, Slot::Empty | Slot::Mega) => None,
            (Slot::Empty, _) => Some(Change::First),
            (Slot::Caches(old), Slot::Caches(new)) => new
                .iter()
                .any(|hash| !old.contains(hash))
                .then_some(Change::More),
            // A site that has started over.
            (Slot::Mega, _) | (Slot::OneCallee, Slot::Callees) => Some(Change::More),
            _ => None,
        }
    }
}

/// The feedback bits of an instruction, if it has room for them.
pub(crate) fn bits_of(i: &strata_spec::Insn) -> u8 {
    match i.op().map(|op| op.info().ext) {
        Some(Ext::None | Ext::Jump | Ext::K) => i.feedback_bits(),
        _ => 0,
    }
}

/// The feedback bits of an instruction that are no operands: which ways a
/// conditional jump went.
pub(crate) fn ways(i: &strata_spec::Insn) -> u8 {
    match i.op().map(|op| op.info().ext) {
        Some(Ext::Jump) => seen::WAYS,
        _ => 0,
    }
}

/// Whether an instruction names a feedback slot.
fn has_slot(i: &strata_spec::Insn) -> bool {
    i.op()
        .is_some_and(|op| matches!(op.info().ext, Ext::Key | Ext::Slot))
}

impl Slot {
    fn of(slot: &FeedbackSlot, epoch: u32) -> Slot {
        match slot.kind {
            SlotKind::Field if slot.summary() == Summary::Mega => Slot::Mega,
            SlotKind::Field => {
                let caches: Vec<u64> = slot
                    .caches()
                    .filter(|c| holds(c, epoch))
                    .map(hash)
                    .collect();
                if caches.is_empty() {
                    Slot::Empty
                } else {
                    Slot::Caches(caches)
                }
            }
            SlotKind::Call => {
                // SAFETY: the kind says that `call` is in use.
                let call = unsafe { slot.data.call };
                match call.state {
                    CallState::Empty => Slot::Empty,
                    CallState::Same | CallState::SameProto => Slot::OneCallee,
                    CallState::Mixed => Slot::Callees,
                }
            }
            SlotKind::Site => Slot::Empty,
        }
    }
}

/// Whether a cache is of use while the epoch stays as it is.
fn holds(c: &FieldCache, epoch: u32) -> bool {
    match c.state {
        CacheState::Own | CacheState::Dict => true,
        CacheState::Absent => c.flags & NIL_OK != 0 || c.epoch == epoch,
        CacheState::Holder | CacheState::HolderDict | CacheState::Add => c.epoch == epoch,
        CacheState::Empty | CacheState::Prim => false,
    }
}

/// Tells caches apart. Addresses may be reused by another shape: a change is
/// overlooked then, until the next one.
fn hash(c: &FieldCache) -> u64 {
    let mut h = FxHasher::default();
    (c.shape as usize, c.slot, c.tags, c.state as u8).hash(&mut h);
    if !matches!(c.state, CacheState::Own | CacheState::Dict) {
        (c.epoch, c.flags).hash(&mut h);
        (c.holder as usize, c.next_shape as usize).hash(&mut h);
    }
    h.finish()
}

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
