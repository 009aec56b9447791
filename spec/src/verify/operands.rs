//! Operand checks: what can be said of one instruction without knowing where
//! control came from.

use super::VerifyFault;
use super::rules::Rule;
use super::{Check, Checker};
use crate::effects::Shape;
use crate::insn::Insn;
use crate::module::{Const, SlotKind};
use crate::op::{Ext, Op, Role};

impl Checker<'_> {
    /// Checks the operands of the instruction at `pc`.
    #[inline]
    pub(super) fn operands(&self, pc: u32, shape: &Shape, insn: Insn) -> Check {
        let op = shape.op;
        if insn.0 & shape.unused != 0 {
            return Err(self.unused(pc, op, insn.0 & shape.unused));
        }
        let regs = self.proto.regs;
        let [ra, rb, rc] = shape.reads;
        let fits = (insn.a() < regs || !(ra || shape.writes))
            && (insn.b() < regs || !rb)
            && (insn.c() < regs || !rc);
        if !fits {
            for (reg, is_one) in [
                (insn.a(), ra || shape.writes),
                (insn.b(), rb),
                (insn.c(), rc),
            ] {
                if is_one {
                    self.register(pc, op, reg.into())?;
                }
            }
        }
        if shape.plain {
            return Ok(());
        }
        if shape.upvalue {
            let info = op.info();
            for (role, value) in [(info.a, insn.a()), (info.b, insn.b())] {
                if role == Role::Up {
                    self.upvalue(pc, op, value)?;
                }
            }
        }
        match shape.ext {
            Ext::None | Ext::Jump => {}
            Ext::K => {
                self.constant(pc, insn.k())?;
            }
            Ext::Key => {
                let key = u32::from(insn.high());
                if !matches!(self.constant(pc, key)?, Const::Str(_)) {
                    return Err(self.kind(pc, op, key, "a string"));
                }
                self.slot(pc, op, insn.slot(), SlotKind::Field)?;
            }
            Ext::Slot | Ext::U32 => {}
        }
        self.special(pc, op, insn)
    }

    /// Register ranges, counts, kinds and other rules of single opcodes.
    fn special(&self, pc: u32, op: Op, insn: Insn) -> Check {
        let (a, b, c) = (
            u32::from(insn.a()),
            u32::from(insn.b()),
            u32::from(insn.c()),
        );
        match op {
            Op::LoadNil => self.register(pc, op, a + b),
            Op::SelfField => self.register(pc, op, a + 2),
            Op::Close => self.register(pc, op, a),
            Op::ForPrep | Op::ForLoop => self.register(pc, op, a + 3),
            Op::TForPrep | Op::TForLoop => self.register(pc, op, a + 4),
            Op::TForCall => {
                self.count(pc, op, c >= 1, "C", c)?;
                self.register(pc, op, (a + 7).max(a + 3 + c))
            }
            Op::SetList => self.register(pc, op, a + b.max(1) - 1),
            Op::Concat => {
                self.count(pc, op, b < c, "C", c)?;
                self.register(pc, op, c)
            }
            Op::Call => {
                self.slot(pc, op, insn.slot(), SlotKind::Call)?;
                // A + C - 2 is the last result; A + 1 is there in any case.
                self.register(pc, op, (a + 1).max(a + b).max((a + c).saturating_sub(2)))
            }
            Op::TailCall => {
                self.slot(pc, op, insn.slot(), SlotKind::Call)?;
                self.register(pc, op, (a + 1).max(a + b))
            }
            Op::Return | Op::ReturnClose | Op::Vararg => {
                let count = if op == Op::Vararg { c } else { b };
                if op == Op::Vararg && !self.proto.vararg {
                    return Err(self.error(pc, Rule::VarargUse, || {
                        "vararg in a prototype without extra arguments".into()
                    }));
                }
                if op == Op::Return {
                    self.no_captured(pc, op)?;
                }
                match count {
                    // No value: A only says where none start.
                    1 if a <= u32::from(self.proto.regs) => Ok(()),
                    1 => self.register(pc, op, a),
                    0 => self.register(pc, op, a),
                    n => self.register(pc, op, a + n - 2),
                }
            }
            Op::Return0 | Op::Return1 => self.no_captured(pc, op),
            Op::NewTable => self.slot(pc, op, insn.slot(), SlotKind::Site),
            Op::Closure => {
                let x = insn.u32();
                if (x as usize) < self.proto.children.len() {
                    Ok(())
                } else {
                    Err(self.error(pc, Rule::ChildIndex, || {
                        format!(
                            "child {x}, but the prototype has {}",
                            self.proto.children.len()
                        )
                    }))
                }
            }
            Op::VarargPrep => {
                if pc == 0 && self.proto.vararg && insn.a() == self.proto.params {
                    Ok(())
                } else {
                    Err(self.error(pc, Rule::VarargPrep, || {
                        format!(
                            "varargprep {a} at pc {pc} of a prototype with {} parameters and vararg = {}",
                            self.proto.params, self.proto.vararg
                        )
                    }))
                }
            }
            Op::AddK
            | Op::SubK
            | Op::MulK
            | Op::DivK
            | Op::IDivK
            | Op::ModK
            | Op::PowK
            | Op::BAndK
            | Op::BOrK
            | Op::BXorK
            | Op::ShlK
            | Op::ShrK => match self.constant(pc, insn.k())? {
                Const::Int(_) | Const::Float(_) => Ok(()),
                _ => Err(self.kind(pc, op, insn.k(), "a number")),
            },
            Op::JEqK | Op::JNeK => self.constant(pc, u32::from(insn.d() as u16)).map(drop),
            _ => Ok(()),
        }
    }

    #[inline]
    fn register(&self, pc: u32, op: Op, reg: u32) -> Check {
        if reg < u32::from(self.proto.regs) {
            return Ok(());
        }
        Err(self.error(pc, Rule::RegisterRange, || {
            format!(
                "{} reaches register {reg}, but the prototype has {}",
                op.info().mnemonic,
                self.proto.regs
            )
        }))
    }

    fn upvalue(&self, pc: u32, op: Op, index: u8) -> Check {
        if (index as usize) < self.proto.upvals.len() {
            return Ok(());
        }
        Err(self.error(pc, Rule::UpvalIndex, || {
            format!(
                "{} names upvalue {index}, but the prototype has {}",
                op.info().mnemonic,
                self.proto.upvals.len()
            )
        }))
    }

    #[inline]
    fn constant(&self, pc: u32, index: u32) -> Check<Const> {
        match self.proto.consts.get(index as usize) {
            Some(&constant) => Ok(constant),
            None => Err(self.error(pc, Rule::ConstIndex, || {
                format!(
                    "constant {index}, but the prototype has {}",
                    self.proto.consts.len()
                )
            })),
        }
    }

    fn slot(&self, pc: u32, op: Op, slot: u16, kind: SlotKind) -> Check {
        match self.proto.slots.get(slot as usize) {
            Some(&found) if found == kind => Ok(()),
            Some(found) => Err(self.error(pc, Rule::SlotKind, || {
                format!(
                    "{} needs a {kind:?} slot, but slot {slot} is a {found:?} slot",
                    op.info().mnemonic
                )
            })),
            None => Err(self.error(pc, Rule::SlotIndex, || {
                format!(
                    "feedback slot {slot}, but the prototype has {}",
                    self.proto.slots.len()
                )
            })),
        }
    }

    fn no_captured(&self, pc: u32, op: Op) -> Check {
        if self.proto.captured.is_empty() {
            return Ok(());
        }
        Err(self.error(pc, Rule::ReturnClose, || {
            format!(
                "{} in a prototype with captured registers",
                op.info().mnemonic
            )
        }))
    }

    fn count(&self, pc: u32, op: Op, holds: bool, name: &str, value: u32) -> Check {
        if holds {
            return Ok(());
        }
        Err(self.error(pc, Rule::OperandCount, || {
            format!("{} with {name} = {value}", op.info().mnemonic)
        }))
    }

    #[cold]
    fn unused(&self, pc: u32, op: Op, bits: u64) -> Box<VerifyFault> {
        self.error(pc, Rule::UnusedOperand, || {
            format!(
                "{} has no use for the bits {bits:#018x}",
                op.info().mnemonic
            )
        })
    }

    #[cold]
    fn kind(&self, pc: u32, op: Op, index: u32, wanted: &str) -> Box<VerifyFault> {
        self.error(pc, Rule::ConstKind, || {
            format!(
                "{} needs {wanted}, but constant {index} is none",
                op.info().mnemonic
            )
        })
    }
}
