//! Operators.
//!
//! An infix operator is emitted in two halves, before and after its right
//! operand: [`Emitter::infix`] decides where the left operand waits,
//! [`Emitter::postfix`] combines both. Comparisons become conditional jumps,
//! `and` and `or` jump lists.

use super::Emitter;
use super::code::{JumpList, Pc};
use super::exp::{Exp, Kind, small_float};
use crate::ast::{BinOp, Pos, UnOp};
use crate::lexer::Res;
use strata_spec::module::Const;
use strata_spec::{Insn, Op};

/// The opcodes of an arithmetic operator: two registers, register and constant.
fn arithmetic_ops(op: BinOp) -> Option<(Op, Op)> {
    Some(match op {
        BinOp::Add => (Op::Add, Op::AddK),
        BinOp::Sub => (Op::Sub, Op::SubK),
        BinOp::Mul => (Op::Mul, Op::MulK),
        BinOp::Div => (Op::Div, Op::DivK),
        BinOp::IDiv => (Op::IDiv, Op::IDivK),
        BinOp::Mod => (Op::Mod, Op::ModK),
        BinOp::Pow => (Op::Pow, Op::PowK),
        BinOp::BAnd => (Op::BAnd, Op::BAndK),
        BinOp::BOr => (Op::BOr, Op::BOrK),
        BinOp::BXor => (Op::BXor, Op::BXorK),
        BinOp::Shl => (Op::Shl, Op::ShlK),
        BinOp::Shr => (Op::Shr, Op::ShrK),
        _ => return None,
    })
}

/// The conditional jump with the opposite condition.
fn negated(op: Op) -> Op {
    match op {
        Op::JTrue => Op::JFalse,
        Op::JFalse => Op::JTrue,
        Op::JNil => Op::JNotNil,
        Op::JNotNil => Op::JNil,
        Op::JEq => Op::JNe,
        Op::JNe => Op::JEq,
        Op::JLt => Op::JNotLt,
        Op::JNotLt => Op::JLt,
        Op::JLe => Op::JNotLe,
        Op::JNotLe => Op::JLe,
        Op::JEqK => Op::JNeK,
        Op::JNeK => Op::JEqK,
        Op::JEqI => Op::JNeI,
        Op::JNeI => Op::JEqI,
        Op::JLtI => Op::JNotLtI,
        Op::JNotLtI => Op::JLtI,
        Op::JLeI => Op::JNotLeI,
        Op::JNotLeI => Op::JLeI,
        Op::JGtI => Op::JNotGtI,
        Op::JNotGtI => Op::JGtI,
        Op::JGeI => Op::JNotGeI,
        Op::JNotGeI => Op::JGeI,
        other => other,
    }
}

impl Emitter<'_, '_> {
    fn negate(&mut self, jump: Pc) {
        self.patch(jump, |i| {
            let op = i.op().map_or(i.0 as u8, |op| negated(op) as u8);
            Insn(i.0 & !0xff | u64::from(op))
        });
    }

    /// Leaves the expression by jumps when it is false; goes on when it is true.
    pub(super) fn go_if_true(&mut self, e: &mut Exp) -> Res<()> {
        self.load(e);
        let jump = match e.kind {
            Kind::Jump(pc) => {
                self.negate(pc);
                JumpList::one(pc)
            }
            Kind::True | Kind::Int(_) | Kind::Float(_) | Kind::Str(_) => JumpList::EMPTY,
            Kind::False => self.jump(),
            _ => self.jump_on(e, false)?,
        };
        e.f = self.concat(jump, e.f);
        let trues = std::mem::replace(&mut e.t, JumpList::EMPTY);
        self.bind_here(trues);
        Ok(())
    }

    /// Leaves the expression by jumps when it is true; goes on when it is false.
    pub(super) fn go_if_false(&mut self, e: &mut Exp) -> Res<()> {
        self.load(e);
        let jump = match e.kind {
            Kind::Jump(pc) => JumpList::one(pc),
            Kind::Nil | Kind::False => JumpList::EMPTY,
            Kind::True => self.jump(),
            _ => self.jump_on(e, true)?,
        };
        e.t = self.concat(jump, e.t);
        let falses = std::mem::replace(&mut e.f, JumpList::EMPTY);
        self.bind_here(falses);
        Ok(())
    }

    /// Jumps if the value, which is not a constant truth, has this one.
    fn jump_on(&mut self, e: &mut Exp, truth: bool) -> Res<JumpList> {
        if let Kind::Open(pc) = e.kind
            && let Some(insn) = self.insn(pc)
            && insn.op() == Some(Op::Not)
        {
            self.unemit(pc);
            let op = if truth { Op::JFalse } else { Op::JTrue };
            return Ok(JumpList::one(self.emit(Insn::abc(op, insn.b(), 0, 0))));
        }
        self.place_any(e)?;
        self.release_exp(e);
        match e.kind {
            Kind::Reg(reg) => Ok(self.test(reg, truth)),
            _ => Ok(JumpList::EMPTY),
        }
    }

    /// Applies a prefix operator.
    pub(super) fn prefix(&mut self, op: UnOp, e: &mut Exp, pos: Pos) -> Res<()> {
        self.load(e);
        let code = match op {
            UnOp::Minus => Op::Unm,
            UnOp::BNot => Op::BNot,
            UnOp::Len => Op::Len,
            UnOp::Not => return self.not(e),
        };
        let reg = self.put_any(e)?;
        self.release(reg);
        let pc = self.emit_at(Insn::abc(code, 0, reg, 0), pos);
        self.hint_operand(pc, reg);
        *e = Exp::with_pos(Kind::Open(pc), pos);
        Ok(())
    }

    fn not(&mut self, e: &mut Exp) -> Res<()> {
        match e.kind {
            Kind::Nil | Kind::False => e.kind = Kind::True,
            Kind::True | Kind::Int(_) | Kind::Float(_) | Kind::Str(_) => e.kind = Kind::False,
            Kind::Jump(pc) => self.negate(pc),
            _ => {
                self.place_any(e)?;
                self.release_exp(e);
                if let Kind::Reg(reg) = e.kind {
                    e.kind = Kind::Open(self.emit(Insn::abc(Op::Not, 0, reg, 0)));
                }
                e.hint = None;
            }
        }
        std::mem::swap(&mut e.t, &mut e.f);
        self.drop_values(e.f);
        self.drop_values(e.t);
        Ok(())
    }

    /// What happens to the left operand before the right one is evaluated.
    pub(super) fn infix(&mut self, op: BinOp, e: &mut Exp) -> Res<()> {
        self.load(e);
        match op {
            BinOp::And => self.go_if_true(e),
            BinOp::Or => self.go_if_false(e),
            BinOp::Concat => self.put_next(e).map(drop),
            BinOp::Eq | BinOp::Ne => {
                if !e.is_constant() {
                    self.put_any(e)?;
                }
                Ok(())
            }
            BinOp::Lt | BinOp::Le | BinOp::Gt | BinOp::Ge => {
                if e.small_int().is_none() {
                    self.put_any(e)?;
                }
                Ok(())
            }
            _ => {
                if !e.is_numeral() {
                    self.put_any(e)?;
                }
                Ok(())
            }
        }
    }

    /// Combines both operands; the result replaces `a`. Concatenation is done
    /// elsewhere.
    pub(super) fn postfix(&mut self, op: BinOp, a: &mut Exp, mut b: Exp, pos: Pos) -> Res<()> {
        self.load(&mut b);
        match op {
            BinOp::And => {
                b.f = self.concat(b.f, a.f);
                *a = b;
                a.hint = None;
                Ok(())
            }
            BinOp::Or => {
                b.t = self.concat(b.t, a.t);
                *a = b;
                a.hint = None;
                Ok(())
            }
            BinOp::Eq => self.equality(a, b, true, pos),
            BinOp::Ne => self.equality(a, b, false, pos),
            BinOp::Lt => self.order(Op::JLt, a, b, pos),
            BinOp::Le => self.order(Op::JLe, a, b, pos),
            BinOp::Gt => {
                std::mem::swap(a, &mut b);
                self.order(Op::JLt, a, b, pos)
            }
            BinOp::Ge => {
                std::mem::swap(a, &mut b);
                self.order(Op::JLe, a, b, pos)
            }
            _ => match arithmetic_ops(op) {
                Some((plain, with_const)) => self.arithmetic(plain, with_const, a, b, pos),
                None => Ok(()),
            },
        }
    }

    fn arithmetic(
        &mut self,
        plain: Op,
        with_const: Op,
        a: &mut Exp,
        mut b: Exp,
        pos: Pos,
    ) -> Res<()> {
        let pc = if b.is_numeral() {
            let left = self.put_any(a)?;
            let insn = match b.kind {
                Kind::Int(i @ -128..=127) if plain == Op::Add => {
                    Insn::abc(Op::AddI, 0, left, i as i8 as u8)
                }
                Kind::Float(f) => {
                    let k = self.plain_const(Const::Float(f));
                    Insn::abc(with_const, 0, left, 0).with_k(k)
                }
                Kind::Int(i) => {
                    let k = self.plain_const(Const::Int(i));
                    Insn::abc(with_const, 0, left, 0).with_k(k)
                }
                _ => Insn::abc(plain, 0, left, left),
            };
            let pc = self.emit_at(insn, pos);
            self.hint_operand(pc, left);
            self.release(left);
            pc
        } else {
            let right = self.put_any(&mut b)?;
            let left = self.put_any(a)?;
            let pc = self.emit_at(Insn::abc(plain, 0, left, right), pos);
            self.hint_operand(pc, left);
            if right != left {
                self.hint_operand(pc, right);
            }
            self.release_exps(a, &b);
            pc
        };
        *a = Exp::with_pos(Kind::Open(pc), pos);
        Ok(())
    }

    /// `a == b`, or `a ~= b`, as a conditional jump.
    fn equality(&mut self, a: &mut Exp, mut b: Exp, equal: bool, pos: Pos) -> Res<()> {
        if a.is_constant() {
            std::mem::swap(a, &mut b);
        }
        let left = self.put_any(a)?;
        let immediate = match b.kind {
            Kind::Float(f) if !b.has_jumps() => small_float(f),
            _ => b.small_int(),
        };
        let constant = match b.kind {
            _ if !b.is_constant() || immediate.is_some() => None,
            Kind::Nil => Some(None),
            Kind::True => Some(Some(self.plain_const(Const::True))),
            Kind::False => Some(Some(self.plain_const(Const::False))),
            Kind::Int(i) => Some(Some(self.plain_const(Const::Int(i)))),
            Kind::Float(f) => Some(Some(self.plain_const(Const::Float(f)))),
            Kind::Str(s) => Some(Some(self.string_const(s))),
            _ => None,
        };
        let mut insn = match (immediate, constant) {
            (Some(d), _) => Insn::ad(Op::JEqI, left, d),
            (None, Some(None)) => Insn::abc(Op::JNil, left, 0, 0),
            (None, Some(Some(k))) if k <= u32::from(u16::MAX) => {
                Insn::ad(Op::JEqK, left, k as u16 as i16)
            }
            _ => {
                let right = self.put_any(&mut b)?;
                Insn::abc(Op::JEq, left, right, 0)
            }
        };
        if !equal {
            let op = insn.op().map_or(insn.0 as u8, |op| negated(op) as u8);
            insn = Insn(insn.0 & !0xff | u64::from(op));
        }
        self.release_exps(a, &b);
        self.comparison(insn, a, pos);
        Ok(())
    }

    /// `a < b` (`jlt`) or `a <= b` (`jle`) as a conditional jump.
    fn order(&mut self, op: Op, a: &mut Exp, mut b: Exp, pos: Pos) -> Res<()> {
        let less = op == Op::JLt;
        let insn = if let Some(d) = b.small_int() {
            let left = self.put_any(a)?;
            Insn::ad(if less { Op::JLtI } else { Op::JLeI }, left, d)
        } else if let Some(d) = a.small_int() {
            let right = self.put_any(&mut b)?;
            Insn::ad(if less { Op::JGtI } else { Op::JGeI }, right, d)
        } else {
            let left = self.put_any(a)?;
            let right = self.put_any(&mut b)?;
            Insn::abc(op, left, right, 0)
        };
        self.release_exps(a, &b);
        self.comparison(insn, a, pos);
        Ok(())
    }

    fn comparison(&mut self, insn: Insn, a: &mut Exp, pos: Pos) {
        let pos = self.at(pos);
        let pc = self.emit_at(insn, pos);
        *a = Exp::with_pos(Kind::Jump(pc), pos);
    }
}
