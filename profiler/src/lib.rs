//! What execution teaches.
//!
//! Collecting is the interpreter's business: it counts calls and back-edges
//! in prototypes and fills feedback bits and slots (runtime `proto`,
//! `feedback`). This crate reads them: [`summarise`] condenses a prototype's
//! profile into plain data that can be looked at, and tested, without a VM.
//! Policy, statistics and trace events will join it with the compiled tiers.

use strata_runtime::feedback::{CallState, Summary};
use strata_runtime::proto::ProtoObj;
use strata_spec::SlotKind;

/// How uniform a site has been.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Uniformity {
    /// Never executed, or nothing that could be recorded.
    Unused,
    /// One shape or callee.
    Mono,
    /// This many.
    Poly(u8),
    /// Too many to tell apart.
    Mega,
}

/// The profile of one prototype.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProtoProfile {
    /// Calls so far (wrapping).
    pub calls: u32,
    /// Back-edges so far (wrapping).
    pub back_edges: u32,
    /// Field accesses, by feedback slot.
    pub fields: Vec<(u16, Uniformity)>,
    /// Calls made, by feedback slot.
    pub callees: Vec<(u16, Uniformity)>,
    /// Instructions with feedback bits set, and the bits, by pc.
    pub operands: Vec<(u32, u8)>,
}

/// Reads the profile of a prototype.
pub fn summarise(proto: &ProtoObj) -> ProtoProfile {
    let mut profile = ProtoProfile {
        calls: proto.calls,
        back_edges: proto.back_edges,
        ..ProtoProfile::default()
    };
    for (n, slot) in (0u16..).zip(proto.storage.slots.iter()) {
        match slot.kind {
            SlotKind::Field => profile.fields.push((n, field_uniformity(slot.summary()))),
            SlotKind::Call => {
                // SAFETY: the kind says that `call` is in use.
                let state = unsafe { slot.data.call.state };
                profile.callees.push((n, call_uniformity(state)));
            }
            SlotKind::Site => {}
        }
    }
    for (pc, insn) in (0u32..).zip(proto.storage.code.iter()) {
        use strata_spec::op::Ext;
        let has_bits = insn
            .op()
            .is_some_and(|op| matches!(op.info().ext, Ext::None | Ext::Jump | Ext::K));
        if has_bits && insn.feedback_bits() != 0 {
            profile.operands.push((pc, insn.feedback_bits()));
        }
    }
    profile
}

fn field_uniformity(s: Summary) -> Uniformity {
    match s {
        Summary::Unused => Uniformity::Unused,
        Summary::Mono => Uniformity::Mono,
        Summary::Poly(n) => Uniformity::Poly(n),
        Summary::Mega => Uniformity::Mega,
    }
}

fn call_uniformity(s: CallState) -> Uniformity {
    match s {
        CallState::Empty => Uniformity::Unused,
        CallState::Same | CallState::SameProto => Uniformity::Mono,
        CallState::Mixed => Uniformity::Mega,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_map_to_uniformity() {
        assert_eq!(field_uniformity(Summary::Poly(3)), Uniformity::Poly(3));
        assert_eq!(field_uniformity(Summary::Mega), Uniformity::Mega);
        assert_eq!(call_uniformity(CallState::SameProto), Uniformity::Mono);
        assert_eq!(call_uniformity(CallState::Empty), Uniformity::Unused);
    }
}
