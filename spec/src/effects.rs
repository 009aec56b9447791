//! What an instruction does to the registers of its frame.
//!
//! One description serves the verifier (is every register read defined?), the
//! liveness analysis (which registers are still needed?) and debuggers (which
//! registers hold a value here?). Terms:
//!
//! - **reads**: registers whose values the instruction uses.
//! - **kills**: registers whose contents are undefined afterwards, because the
//!   instruction used them as scratch or handed them to a callee's frame.
//! - **writes**: registers that hold a value afterwards, whichever way control
//!   goes. Writes count after kills.
//! - **taken** and **fall**: a register that holds a value only if the jump is
//!   taken, or only if it is not.
//! - **left**: registers that hold nothing where a numeric `for` is left to: by
//!   the jump of `forprep`, and behind `forloop`. They count as written, and are
//!   lost on that way.
//! - **open results**: a `call` or `vararg` with C = 0 leaves a number of
//!   values only known at run time, from a register upwards. The next
//!   instruction must consume them.
//!
//! The description does not know the open results of an earlier instruction:
//! a consumer says where its fixed part starts ([`Effects::open_in`]) and the
//! caller adds the registers from there to the open ones.

use crate::insn::Insn;
use crate::module::{Proto, RegSet};
use crate::op::{Ext, OP_COUNT, OPS, Op, Role};

/// What the operand columns of the opcode list say, in a form that is quick
/// to check.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// The opcode.
    pub(crate) op: Op,
    /// Its extension.
    pub(crate) ext: Ext,
    /// The columns say all there is about registers: no ranges, nothing
    /// killed, nothing open. [`Effects::of`] has nothing to add.
    pub(crate) simple: bool,
    /// The columns say all there is to check about the operands, and these
    /// are registers and immediates only.
    pub(crate) plain: bool,
    /// Which of A, B, C are registers read.
    pub(crate) reads: [bool; 3],
    /// A is a register written.
    pub(crate) writes: bool,
    /// A or B is an upvalue.
    pub(crate) upvalue: bool,
    /// Bits of an [`Insn`] that must be 0.
    pub(crate) unused: u64,
}

impl Shape {
    const fn of(op: Op) -> Shape {
        let info = &OPS[op as usize];
        let roles = [info.a, info.b, info.c];
        let mut shape = Shape {
            op,
            ext: info.ext,
            simple: !matches!(op, Op::JTrueSet | Op::JFalseSet | Op::Closure | Op::Tbc),
            plain: false,
            reads: [false; 3],
            writes: matches!(info.a, Role::Wr),
            upvalue: matches!(info.a, Role::Up) || matches!(info.b, Role::Up),
            unused: match (info.ext, op) {
                (Ext::None, _) => 0xffff_ffff << 32,
                (Ext::Jump | Ext::K, _) => 0xff << 32,
                (Ext::Slot, Op::Call | Op::TailCall) => 0xffff << 48,
                _ => 0,
            },
        };
        let mut constant = false;
        let mut n = 0;
        while n < 3 {
            match roles[n] {
                Role::Rd => shape.reads[n] = true,
                Role::No => shape.unused |= 0xff << (8 + 8 * n),
                Role::Base | Role::Cnt => shape.simple = false,
                Role::KLo => constant = true,
                _ => {}
            }
            n += 1;
        }
        // Returns and the frame set-up depend on the prototype.
        shape.plain = shape.simple
            && !shape.upvalue
            && !constant
            && matches!(info.ext, Ext::None | Ext::Jump)
            && !matches!(op, Op::Return0 | Op::Return1 | Op::VarargPrep);
        shape
    }
}

/// The shape of each opcode.
pub(crate) const SHAPES: [Shape; OP_COUNT] = {
    let mut shapes = [Shape::of(Op::Nop); OP_COUNT];
    let mut n = 0;
    while n < OP_COUNT {
        shapes[n] = Shape::of(OPS[n].op);
        n += 1;
    }
    shapes
};

/// Effects of one instruction on registers; see the module documentation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Effects {
    /// Registers read.
    pub reads: RegSet,
    /// Registers undefined afterwards, unless written.
    pub kills: RegSet,
    /// Registers defined afterwards.
    pub writes: RegSet,
    /// Register defined if the jump is taken.
    pub taken: Option<u8>,
    /// Register defined if the jump is not taken.
    pub fall: Option<u8>,
    /// Registers that are lost on the way that leaves a loop: if the jump of
    /// `forprep` is taken, if that of `forloop` is not.
    pub left: RegSet,
    /// Consumes open results; its other values are the registers from this
    /// one up to the first open one.
    pub open_in: Option<u8>,
    /// Leaves open results from this register on.
    pub open_out: Option<u8>,
}

/// Where the open values begin that the instruction at `pc` takes, if it takes
/// some: in the first register of the instruction before it.
pub fn open_before(code: &[Insn], pc: u32) -> Option<u8> {
    let of = |pc: u32| {
        let i = *code.get(pc as usize)?;
        Some(Effects::of(i.op()?, i))
    };
    of(pc)?.open_in?;
    of(pc.checked_sub(1)?)?.open_out
}

impl Effects {
    /// What is lost if the jump is taken, or is not.
    pub fn lost(&self, taken: bool) -> RegSet {
        // Of a `forprep` and a `forloop`, what the other way defines is what the
        // loop goes on with.
        let leaves = if taken { self.taken } else { self.fall }.is_none();
        if leaves { self.left } else { RegSet::EMPTY }
    }

    /// The effects of `insn`, whose opcode is `op`.
    ///
    /// Register numbers above 255 are cut off: the verifier has ruled them
    /// out before it asks.
    pub fn of(op: Op, insn: Insn) -> Effects {
        let mut e = Effects::default();
        let (a, b, c) = (insn.a(), insn.b(), insn.c());
        let at = |offset: u8| a.saturating_add(offset);
        let (na, nb, nc) = (a as usize, b as usize, c as usize);
        match op {
            Op::LoadNil => e.writes = RegSet::range(na, na + nb + 1),
            Op::SelfField => {
                e.reads = RegSet::single(b);
                e.kills = RegSet::single(at(1));
                e.writes = RegSet::single(a);
                e.writes.insert(at(2));
            }
            Op::SetList => {
                e.reads = RegSet::range(na, na + nb.max(1));
                e.open_in = (b == 0).then_some(at(1));
            }
            Op::Concat => {
                e.reads = RegSet::range(nb, nc + 1);
                e.kills = e.reads;
                e.writes = RegSet::single(a);
            }
            Op::JTrueSet | Op::JFalseSet => {
                e.reads = RegSet::single(b);
                e.taken = Some(a);
            }
            Op::ForPrep => {
                e.reads = RegSet::range(na, na + 3);
                e.writes = e.reads;
                e.fall = Some(at(3));
                e.left = RegSet::range(na, na + 4);
            }
            Op::ForLoop => {
                e.reads = RegSet::range(na, na + 3);
                e.writes = e.reads;
                e.taken = Some(at(3));
                e.left = RegSet::range(na, na + 4);
            }
            Op::TForPrep => e.reads = RegSet::range(na, na + 4),
            Op::TForCall => {
                e.reads = RegSet::range(na, na + 3);
                e.kills = RegSet::range(na + 4, 256);
                e.writes = RegSet::range(na + 4, na + 4 + nc);
            }
            Op::TForLoop => {
                e.reads = RegSet::single(at(4));
                e.taken = Some(at(2));
            }
            Op::Call | Op::TailCall => {
                e.reads = RegSet::range(na + 2, na + nb + 1);
                e.reads.insert(a);
                e.open_in = (b == 0).then_some(at(2));
                e.kills = RegSet::range(na, 256);
                if op == Op::Call {
                    e.writes = RegSet::range(na, (na + nc).saturating_sub(1));
                    e.open_out = (c == 0).then_some(a);
                }
            }
            Op::Return | Op::ReturnClose => {
                e.reads = RegSet::range(na, (na + nb).saturating_sub(1));
                e.open_in = (b == 0).then_some(a);
            }
            Op::Vararg => {
                e.writes = RegSet::range(na, (na + nc).saturating_sub(1));
                if c == 0 {
                    e.kills = RegSet::range(na, 256);
                    e.open_out = Some(a);
                }
            }
            Op::Close => e.kills = RegSet::range(na, 256),
            _ => {
                let shape = &SHAPES[op as usize];
                for (reads, reg) in shape.reads.into_iter().zip([a, b, c]) {
                    if reads {
                        e.reads.insert(reg);
                    }
                }
                if shape.writes {
                    e.writes.insert(a);
                }
            }
        }
        e
    }
}

/// The registers that hold a value when the instruction at `pc` starts, in a
/// verified prototype.
///
/// Costs a walk over the block that contains `pc`. A local variable's debug
/// range may be wider than what is defined (a `goto` to a label at the end of
/// its block leaves the locals in between out), so whoever reads a register
/// because debug data names it asks here first.
pub fn defined_before(proto: &Proto, pc: u32) -> RegSet {
    let after = proto.blocks.partition_point(|b| b.pc <= pc);
    let (start, mut defined) = match after.checked_sub(1).map(|i| &proto.blocks[i]) {
        Some(block) => (block.pc, RegSet::below(block.defined as usize)),
        None => (0, RegSet::below(proto.params as usize)),
    };
    let code = proto.code.get(start as usize..pc as usize).unwrap_or(&[]);
    for &insn in code {
        let Some(op) = insn.op() else { continue };
        let e = Effects::of(op, insn);
        defined = defined.minus(&e.kills).union(&e.writes);
        defined = defined.minus(&e.lost(false));
        if let Some(reg) = e.fall {
            defined.insert(reg);
        }
    }
    defined
}

/// The registers that hold a value while the instruction at `pc` waits for a
/// call it made: what was defined before, less what the callee's frame covers.
pub fn defined_during(proto: &Proto, pc: u32) -> RegSet {
    let before = defined_before(proto, pc);
    match proto.code.get(pc as usize) {
        Some(&insn) => match insn.op() {
            Some(op) => before.minus(&Effects::of(op, insn).kills),
            None => before,
        },
        None => before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(insn: Insn) -> Effects {
        Effects::of(insn.op().unwrap(), insn)
    }

    fn regs(set: RegSet) -> Vec<u8> {
        set.iter().collect()
    }

    #[test]
    fn calls_read_callee_and_arguments_but_not_the_link() {
        let e = of(Insn::abc(Op::Call, 3, 3, 2));
        assert_eq!(regs(e.reads), [3, 5, 6]);
        assert_eq!(regs(e.writes), [3]);
        assert_eq!(e.kills.first(), Some(3));
        assert_eq!((e.open_in, e.open_out), (None, None));
        let open = of(Insn::abc(Op::Call, 3, 0, 0));
        assert_eq!(regs(open.reads), [3]);
        assert_eq!((open.open_in, open.open_out), (Some(5), Some(3)));
        let none = of(Insn::abc(Op::Call, 0, 1, 1));
        assert_eq!(regs(none.reads), [0]);
        assert!(none.writes.is_empty());
    }

    #[test]
    fn ranges() {
        assert_eq!(regs(of(Insn::abc(Op::Concat, 2, 2, 4)).reads), [2, 3, 4]);
        assert_eq!(regs(of(Insn::abc(Op::SetList, 1, 3, 0)).reads), [1, 2, 3]);
        assert_eq!(regs(of(Insn::abc(Op::SetList, 1, 0, 0)).reads), [1]);
        assert_eq!(regs(of(Insn::abc(Op::Return, 4, 1, 0)).reads), [0u8; 0]);
        assert_eq!(regs(of(Insn::abc(Op::Return, 0, 0, 0)).reads), [0u8; 0]);
        assert_eq!(regs(of(Insn::abc(Op::LoadNil, 4, 1, 0)).writes), [4, 5]);
        let call = of(Insn::abc(Op::TForCall, 1, 0, 2));
        assert_eq!(regs(call.reads), [1, 2, 3]);
        assert_eq!(regs(call.writes), [5, 6]);
    }

    #[test]
    fn roles_give_the_rest() {
        let e = of(Insn::abc(Op::SetIndex, 1, 2, 3));
        assert_eq!(regs(e.reads), [1, 2, 3]);
        assert!(e.writes.is_empty());
        let e = of(Insn::abc(Op::AddI, 1, 2, 3));
        assert_eq!((regs(e.reads), regs(e.writes)), (vec![2], vec![1]));
    }

    #[test]
    fn definedness_inside_a_block() {
        let proto = Proto {
            params: 1,
            regs: 8,
            code: vec![
                Insn::ad(Op::LoadI, 2, 1),
                Insn::abc(Op::Move, 4, 0, 0),
                Insn::abc(Op::Call, 2, 3, 1).with_slot(0, 0),
                Insn::abc(Op::Return0, 0, 0, 0),
            ],
            ..Proto::default()
        };
        assert_eq!(regs(defined_before(&proto, 2)), [0, 2, 4]);
        assert_eq!(regs(defined_during(&proto, 2)), [0]);
        assert_eq!(regs(defined_before(&proto, 3)), [0]);
        assert_eq!(regs(defined_before(&proto, 99)), [0u8]);
    }
}
