//! Summaries of what execution recorded.
//!
//! *Counters* say how often a prototype ran. Its *feedback vector*, one slot
//! per site and eight bits per instruction, says what it met there; tiers 0
//! and 1 write both (runtime `proto`, `feedback`). [`summarise`] condenses
//! them into a [`ProtoProfile`]: plain data without pointers, to be looked at,
//! and tested, without a VM.
//!
//! A site's [`Uniformity`] is one of
//!
//! | | meaning |
//! |---|---|
//! | `Unused` | not executed, or nothing that could be recorded |
//! | `Mono` | one shape, one callee, or closures of one prototype |
//! | `Poly(n)` | a few shapes |
//! | `Mega` | too many to tell apart |
//!
//! Not here: shapes, slots and callees themselves. A compiler reads those
//! from the slots, because they are weak references that a collection clears.

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

/// How often a prototype has run. They wrap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Calls so far.
    pub calls: u64,
    /// Back-edges so far.
    pub back_edges: u64,
}

impl Counters {
    /// Reads them: the one place that knows how a prototype keeps them.
    pub fn of(proto: &ProtoObj) -> Counters {
        Counters {
            calls: proto.calls(),
            back_edges: proto.back_edges(),
        }
    }
}

/// The profile of one prototype.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProtoProfile {
    /// What the interpreter counted.
    pub counters: Counters,
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
        counters: Counters::of(proto),
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
    use std::sync::Arc;
    use strata_runtime::Vm;
    use strata_runtime::load::load_module;
    use strata_runtime::state::{Exec, VmConfig};
    use strata_runtime::value::Value;
    use strata_spec::Insn;

    const SOURCE: &str = "strata 1
.proto 0
  .regs 4
  .upval u0 \"_ENV\"
  .const \"f\"
  .slot field
  .slot call
  .slot call
  .slot site
.code
  varargprep  0
  gettabup    r0 u0 k0 s0
  call        r0 0 0 s1
  loadi       r0 1
  loadi       r1 2
  add         r0 r0 r1
  return0
.end
";

    #[test]
    fn a_prototype_is_summarised() {
        let module = strata_spec::assemble(SOURCE).expect("assembly");
        let exec = Exec {
            call: |_, _, _, _| unreachable!("nothing runs"),
            compile: |_, _, _| unreachable!("nothing runs"),
            instrument: |_| {},
            close_thread: |_, _| unreachable!("nothing runs"),
            finalize: |_, _| unreachable!("nothing runs"),
            entry: std::ptr::null(),
            epoch_changed: |_| {},
            upvalues_set: |_| {},
            loaded: |_, _| Ok(()),
        };
        let mut vm = Vm::new(&VmConfig::default(), exec).expect("a stack");
        let proto = load_module(&mut vm, Arc::new(module)).expect("memory");
        // SAFETY: it was just made, and nothing is collected.
        let proto = unsafe { &mut *proto };
        let unused = ProtoProfile {
            fields: vec![(0, Uniformity::Unused)],
            callees: vec![(1, Uniformity::Unused), (2, Uniformity::Unused)],
            ..ProtoProfile::default()
        };
        assert_eq!(summarise(proto), unused);

        proto.storage.slots[1].record_call(Value::int(1));
        proto.storage.slots[2].record_call(Value::int(1));
        proto.storage.slots[2].record_call(Value::int(2));
        let add = &mut proto.storage.code[5];
        *add = Insn(add.0 | 3 << 32);
        let used = ProtoProfile {
            callees: vec![(1, Uniformity::Mono), (2, Uniformity::Mega)],
            operands: vec![(5, 3)],
            ..unused
        };
        assert_eq!(summarise(proto), used);
    }

    #[test]
    fn states_map_to_uniformity() {
        assert_eq!(field_uniformity(Summary::Poly(3)), Uniformity::Poly(3));
        assert_eq!(field_uniformity(Summary::Mega), Uniformity::Mega);
        assert_eq!(call_uniformity(CallState::SameProto), Uniformity::Mono);
        assert_eq!(call_uniformity(CallState::Empty), Uniformity::Unused);
    }
}
