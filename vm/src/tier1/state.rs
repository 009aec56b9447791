//! What is known about registers at a point of the function.
//!
//! Compiled code writes every register to its VM slot at once, so a slot is
//! always true. What is kept here only saves loads and checks: the tag that
//! the slot is known to hold, and the payload in a machine register.
//! Registers that closures capture are never kept: others write them.

use cranelift_codegen::ir::Value;
use strata_runtime::audit::{Bug, planted};
use strata_runtime::value::tag;

/// The tag of a register is not known.
pub(super) const UNKNOWN: u8 = u8::MAX;

/// A register's payload in a machine register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Payload {
    /// Only in its slot.
    Slot,
    /// Its 64 bits.
    Bits(Value),
    /// A float.
    Float(Value),
}

/// What is known of one register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reg {
    /// The tag, or [`UNKNOWN`].
    pub tag: u8,
    /// An unknown tag in a machine register.
    pub dynamic: Option<Value>,
    pub payload: Payload,
}

impl Reg {
    /// A register of this tag.
    pub(super) fn of(tag: u8, payload: Payload) -> Reg {
        Reg {
            tag,
            dynamic: None,
            payload,
        }
    }
}

const NOTHING: Reg = Reg {
    tag: UNKNOWN,
    dynamic: None,
    payload: Payload::Slot,
};

/// What is known of all registers.
#[derive(Clone, Debug)]
pub(super) struct State {
    regs: Vec<Reg>,
}

impl State {
    /// Nothing, of `n` registers.
    pub(super) fn new(n: usize) -> State {
        State {
            regs: vec![NOTHING; n],
        }
    }

    /// What is known of `r`.
    pub(super) fn get(&self, r: u8) -> Reg {
        self.regs.get(usize::from(r)).copied().unwrap_or(NOTHING)
    }

    /// `r` holds this now.
    pub(super) fn set(&mut self, r: u8, reg: Reg) {
        if let Some(place) = self.regs.get_mut(usize::from(r)) {
            *place = reg;
        }
    }

    /// Forgets `r`.
    pub(super) fn forget(&mut self, r: u8) {
        self.set(r, NOTHING);
    }

    /// Forgets all registers from `r` on.
    pub(super) fn forget_from(&mut self, r: u8) {
        for reg in self.regs.iter_mut().skip(usize::from(r)) {
            *reg = NOTHING;
        }
    }

    /// Forgets payloads, and with them machine registers, but not tags.
    pub(super) fn forget_payloads(&mut self) {
        for reg in &mut self.regs {
            reg.payload = Payload::Slot;
            reg.dynamic = None;
        }
    }

    /// Keeps what `other` knows as well.
    pub(super) fn merge(&mut self, other: &State) {
        for (mine, theirs) in self.regs.iter_mut().zip(&other.regs) {
            if mine.tag != theirs.tag && !planted(Bug::KnownAfterMerge) {
                *mine = NOTHING;
            } else {
                if mine.payload != theirs.payload {
                    mine.payload = Payload::Slot;
                }
                if mine.dynamic != theirs.dynamic {
                    mine.dynamic = None;
                }
            }
        }
    }

    /// The registers whose tags are known.
    pub(super) fn known(&self) -> impl Iterator<Item = (u8, Reg)> + '_ {
        (0u8..=255)
            .zip(self.regs.iter().copied())
            .filter(|(_, reg)| reg.tag != UNKNOWN)
    }
}

/// Whether values of this tag are numbers.
pub(super) fn is_number(t: u8) -> bool {
    t == tag::INT || t == tag::FLOAT
}
