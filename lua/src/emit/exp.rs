//! Descriptions of expressions, and how they get into registers.
//!
//! An [`Exp`] is what is known of an expression before its value has a place.
//! Two jump lists go with it: `t` leaves the expression when it is true, `f`
//! when it is false; both skip whatever would compute the value. An
//! expression with jumps gets its value by [`Emitter::put`], which sends
//! the jumps that carry a value to the end and the others to a `loadtrue` or
//! `loadfalse`.

use super::code::{JumpList, Pc};
use super::{Emitter, RegHint};
use crate::ast::Pos;
use crate::lexer::Res;
use crate::names::Name;
use crate::number::Number;
use crate::scope::Constant;
use strata_spec::module::{Const, HintKind};
use strata_spec::{Insn, Op};

/// What an expression is so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// No expression: an empty list.
    Void,
    Nil,
    True,
    False,
    Int(i64),
    Float(f64),
    Str(Name),
    /// A local in this register.
    Local(u8),
    /// An upvalue.
    Upvalue(u8, Name),
    /// A field of an upvalue, by name.
    UpField(u8, Name, HintKind),
    /// A field of the table in a register, by name.
    Field(u8, Name),
    /// An element by a small integer.
    IndexI(u8, u8),
    /// An element by the key in the second register.
    Index(u8, u8),
    /// A value in a fixed register.
    Reg(u8),
    /// The result of this instruction, whose target is still open.
    Open(Pc),
    /// True if this conditional jump, the last instruction, is taken.
    Jump(Pc),
    /// A call; its results start at the register.
    Call(Pc, u8),
    /// `...`
    Vararg(Pc),
}

/// A described expression.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exp {
    pub kind: Kind,
    pub t: JumpList,
    pub f: JumpList,
    /// The token an access is about, for its column.
    pub pos: Pos,
    /// What the value is called.
    pub hint: Option<RegHint>,
}

impl Exp {
    pub(super) const VOID: Exp = Exp::new(Kind::Void);

    pub(super) const fn new(kind: Kind) -> Exp {
        Exp {
            kind,
            t: JumpList::EMPTY,
            f: JumpList::EMPTY,
            pos: Pos { line: 0, column: 0 },
            hint: None,
        }
    }

    pub(super) const fn with_pos(kind: Kind, pos: Pos) -> Exp {
        let mut exp = Exp::new(kind);
        exp.pos = pos;
        exp
    }

    pub(super) fn of_constant(constant: Constant) -> Exp {
        Exp::new(match constant {
            Constant::Nil => Kind::Nil,
            Constant::False => Kind::False,
            Constant::True => Kind::True,
            Constant::Number(Number::Int(i)) => Kind::Int(i),
            Constant::Number(Number::Float(f)) => Kind::Float(f),
            Constant::Str(s) => Kind::Str(s),
        })
    }

    pub(super) fn has_jumps(&self) -> bool {
        self.t != self.f
    }

    /// Whether the value may be any number of values.
    pub(super) fn is_multi(&self) -> bool {
        matches!(self.kind, Kind::Call(..) | Kind::Vararg(_))
    }

    /// Whether it is a number and nothing else.
    pub(super) fn is_numeral(&self) -> bool {
        !self.has_jumps() && matches!(self.kind, Kind::Int(_) | Kind::Float(_))
    }

    /// Whether it is a constant and nothing else.
    pub(super) fn is_constant(&self) -> bool {
        !self.has_jumps()
            && matches!(
                self.kind,
                Kind::Nil | Kind::True | Kind::False | Kind::Int(_) | Kind::Float(_) | Kind::Str(_)
            )
    }

    /// The integer it is, if it fits an immediate of 16 bits.
    pub(super) fn small_int(&self) -> Option<i16> {
        match self.kind {
            Kind::Int(i) if !self.has_jumps() => i16::try_from(i).ok(),
            _ => None,
        }
    }
}

/// The integer equal to `f`, if it fits 16 bits and is not a negative zero.
pub(super) fn small_float(f: f64) -> Option<i16> {
    let int = f as i16;
    (f64::from(int).to_bits() == f.to_bits()).then_some(int)
}

impl Emitter<'_, '_> {
    /// Turns a variable or access into a value: in a fixed register, or the
    /// result of an instruction whose target is still open. Constants and
    /// jumps stay.
    pub(super) fn load(&mut self, e: &mut Exp) {
        let pos = self.at(e.pos);
        match e.kind {
            Kind::Local(reg) => {
                e.hint = self.reg_hint(reg);
                e.kind = Kind::Reg(reg);
            }
            Kind::Upvalue(index, name) => {
                let pc = self.emit_at(Insn::abc(Op::GetUpval, 0, index, 0), pos);
                e.hint = Some((HintKind::Upvalue, name));
                e.kind = Kind::Open(pc);
            }
            Kind::UpField(index, key, kind) => {
                let insn = self.key_insn(Insn::abc(Op::GetTabUp, 0, index, 0), key);
                let pc = self.emit_at(insn, pos);
                e.hint = Some((kind, key));
                e.kind = Kind::Open(pc);
            }
            Kind::Field(table, key) => {
                let kind = self.field_kind(table);
                let insn = self.key_insn(Insn::abc(Op::GetField, 0, table, 0), key);
                let pc = self.emit_at(insn, pos);
                self.hint_operand(pc, table);
                self.release(table);
                e.hint = Some((kind, key));
                e.kind = Kind::Open(pc);
            }
            Kind::IndexI(table, index) => {
                let pc = self.emit_at(Insn::abc(Op::GetIndexI, 0, table, index), pos);
                self.hint_operand(pc, table);
                self.release(table);
                e.hint = Some((HintKind::Field, self.field_names.integer));
                e.kind = Kind::Open(pc);
            }
            Kind::Index(table, key) => {
                let name = match self.reg_hint(key) {
                    Some((HintKind::Constant, name)) => name,
                    _ => self.field_names.unknown,
                };
                let kind = self.field_kind(table);
                let pc = self.emit_at(Insn::abc(Op::GetIndex, 0, table, key), pos);
                self.hint_operand(pc, table);
                self.release_two(table, key);
                e.hint = Some((kind, name));
                e.kind = Kind::Open(pc);
            }
            Kind::Call(..) | Kind::Vararg(_) => self.one_result(e),
            _ => {}
        }
    }

    /// Adds key and slot to a field access that was found to have room for
    /// them by [`Self::can_be_key`].
    fn key_insn(&mut self, insn: Insn, key: Name) -> Insn {
        let index = self.string_const(key);
        let slot = self.field_slot();
        insn.with_slot(slot, index as u16)
    }

    /// The store that matches [`Self::load`].
    pub(super) fn store_key(&mut self, insn: Insn, key: Name) -> Insn {
        self.key_insn(insn, key)
    }

    /// Gives two temporaries back, the upper first.
    pub(super) fn release_two(&mut self, a: u8, b: u8) {
        self.release(a.max(b));
        self.release(a.min(b));
    }

    /// Gives the register of a value back, if it has one.
    pub(super) fn release_exp(&mut self, e: &Exp) {
        if let Kind::Reg(reg) = e.kind {
            self.release(reg);
        }
    }

    /// Gives the registers of two values back.
    pub(super) fn release_exps(&mut self, a: &Exp, b: &Exp) {
        match (a.kind, b.kind) {
            (Kind::Reg(a), Kind::Reg(b)) => self.release_two(a, b),
            _ => {
                self.release_exp(a);
                self.release_exp(b);
            }
        }
    }

    /// Cuts a multiple expression to one value.
    pub(super) fn one_result(&mut self, e: &mut Exp) {
        match e.kind {
            Kind::Call(_, reg) => {
                self.set_reg_hint(reg, None);
                e.kind = Kind::Reg(reg);
            }
            Kind::Vararg(pc) => {
                self.patch(pc, |i| Insn::abc(Op::Vararg, i.a(), 0, 2));
                e.kind = Kind::Open(pc);
            }
            _ => {}
        }
    }

    /// Makes a multiple expression leave `n` values, or all with `None`, from
    /// the first free register on.
    pub(super) fn set_results(&mut self, e: &Exp, n: Option<u8>) -> Res<()> {
        let count = n.map_or(0, |n| n + 1);
        match e.kind {
            Kind::Call(pc, _) => {
                self.patch(pc, |i| {
                    Insn::abc(Op::Call, i.a(), i.b(), count).with_slot(i.slot(), i.high())
                });
            }
            Kind::Vararg(pc) => {
                let base = self.f.free;
                self.patch(pc, |_| Insn::abc(Op::Vararg, base, 0, count));
                self.reserve(1)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Sets the target of an open instruction.
    fn set_target(&mut self, pc: Pc, reg: u8) {
        self.patch(pc, |i| Insn(i.0 & !0xff00 | u64::from(reg) << 8));
    }

    /// Puts the value itself, without regard to jumps, into `reg`.
    fn place(&mut self, e: &mut Exp, reg: u8) {
        self.load(e);
        match e.kind {
            Kind::Nil => {
                self.emit(Insn::abc(Op::LoadNil, reg, 0, 0));
            }
            Kind::True => {
                self.emit(Insn::abc(Op::LoadTrue, reg, 0, 0));
            }
            Kind::False => {
                self.emit(Insn::abc(Op::LoadFalse, reg, 0, 0));
            }
            Kind::Int(i) => match i16::try_from(i) {
                Ok(small) => {
                    self.emit(Insn::ad(Op::LoadI, reg, small));
                }
                Err(_) => self.load_const(reg, Const::Int(i)),
            },
            Kind::Float(f) => match small_float(f) {
                Some(small) => {
                    self.emit(Insn::ad(Op::LoadF, reg, small));
                }
                None => self.load_const(reg, Const::Float(f)),
            },
            Kind::Str(name) => {
                let k = self.string_const(name);
                self.emit(Insn::abc(Op::LoadK, reg, 0, 0).with_k(k));
                e.hint = Some((HintKind::Constant, name));
            }
            Kind::Open(pc) => self.set_target(pc, reg),
            Kind::Reg(from) => {
                if from != reg {
                    self.emit(Insn::abc(Op::Move, reg, from, 0));
                    e.hint = self.reg_hint(from);
                }
            }
            _ => return, // a jump or nothing
        }
        if e.kind != Kind::Reg(reg) {
            self.set_reg_hint(reg, e.hint);
            e.kind = Kind::Reg(reg);
        }
    }

    fn load_const(&mut self, reg: u8, constant: Const) {
        let k = self.plain_const(constant);
        self.emit(Insn::abc(Op::LoadK, reg, 0, 0).with_k(k));
    }

    /// Puts the value itself into some register.
    pub(super) fn place_any(&mut self, e: &mut Exp) -> Res<()> {
        self.load(e);
        if !matches!(e.kind, Kind::Reg(_)) {
            self.reserve(1)?;
            self.place(e, self.f.free - 1);
        }
        Ok(())
    }

    /// Puts the final value, jumps resolved, into `reg`. The register is a
    /// local, or the last one taken.
    pub(super) fn put(&mut self, e: &mut Exp, reg: u8) {
        self.place(e, reg);
        let is_jump = if let Kind::Jump(pc) = e.kind {
            e.t = self.concat(JumpList::one(pc), e.t);
            true
        } else {
            false
        };
        if e.has_jumps() {
            // Until the end the target may hold nothing.
            let after = self.f.free;
            let before = if reg >= self.f.local_top { reg } else { after };
            let load_false = self.needs_value(e.f);
            let load_true = self.needs_value(e.t);
            let mut done = JumpList::EMPTY;
            let mut falses = Pc::NOWHERE;
            let mut trues = Pc::NOWHERE;
            if !is_jump && (load_false || load_true) {
                done = self.jump();
            }
            if is_jump || load_false {
                if load_false {
                    falses = self.label(before, false);
                }
                self.emit(Insn::abc(Op::LoadFalse, reg, 0, 0));
                if load_true {
                    let skip = self.jump();
                    done = self.concat(skip, done);
                }
            }
            if load_true {
                trues = self.label(before, false);
                self.emit(Insn::abc(Op::LoadTrue, reg, 0, 0));
            }
            let end = self.pc();
            if self.has_value_jump(e) || !done.is_empty() {
                self.label(after, false);
            }
            self.send(done, None, end, end);
            self.send(e.f, Some(reg), end, falses);
            self.send(e.t, Some(reg), end, trues);
            self.set_reg_hint(reg, None);
        } else if is_jump {
            self.emit(Insn::abc(Op::LoadFalse, reg, 0, 0));
        }
        *e = Exp::with_pos(Kind::Reg(reg), e.pos);
        e.hint = self.reg_hint(reg);
    }

    fn has_value_jump(&self, e: &Exp) -> bool {
        self.carries_value(e.f) || self.carries_value(e.t)
    }

    /// Puts the final value into the next free register.
    pub(super) fn put_next(&mut self, e: &mut Exp) -> Res<u8> {
        self.load(e);
        self.release_exp(e);
        self.reserve(1)?;
        let reg = self.f.free - 1;
        self.put(e, reg);
        Ok(reg)
    }

    /// Puts the final value into some register: where it is, if it is in one.
    pub(super) fn put_any(&mut self, e: &mut Exp) -> Res<u8> {
        self.load(e);
        if let Kind::Reg(reg) = e.kind {
            if !e.has_jumps() {
                return Ok(reg);
            }
            if reg >= self.f.local_top {
                self.put(e, reg);
                return Ok(reg);
            }
        }
        self.put_next(e)
    }

    /// Puts the value into a register unless it is an upvalue.
    pub(super) fn put_unless_upvalue(&mut self, e: &mut Exp) -> Res<()> {
        if !matches!(e.kind, Kind::Upvalue(..)) || e.has_jumps() {
            self.put_any(e)?;
        }
        Ok(())
    }

    /// Resolves jumps, leaves everything else as open as it may be.
    pub(super) fn settle(&mut self, e: &mut Exp) -> Res<()> {
        if e.has_jumps() || matches!(e.kind, Kind::Jump(_)) {
            self.put_any(e)?;
        } else {
            self.load(e);
        }
        Ok(())
    }

    /// Whether a string may be the key of an access by name: short, as the
    /// strings are that the runtime interns, and in reach of the operand.
    pub(super) fn can_be_key(&mut self, key: Name) -> bool {
        self.lexer.names.text(key).len() <= MAX_KEY
            && self.string_const(key) <= u32::from(u16::MAX)
            && self.field_slots_left()
    }

    /// The element `key` of `table`, which is in a register or an upvalue.
    pub(super) fn indexed(&mut self, table: &mut Exp, mut key: Exp, pos: Pos) -> Res<()> {
        let name = match key.kind {
            Kind::Str(name) if !key.has_jumps() && self.can_be_key(name) => Some(name),
            _ => None,
        };
        table.kind = match (table.kind, name) {
            (Kind::Upvalue(index, up), Some(name)) => {
                let kind = if up == self.field_names.env {
                    HintKind::Global
                } else {
                    HintKind::Field
                };
                Kind::UpField(index, name, kind)
            }
            _ => {
                let reg = self.put_any(table)?;
                match (name, key.small_int()) {
                    (Some(name), _) => Kind::Field(reg, name),
                    (None, Some(i @ 0..=255)) => Kind::IndexI(reg, i as u8),
                    _ => Kind::Index(reg, self.put_any(&mut key)?),
                }
            }
        };
        table.pos = pos;
        Ok(())
    }
}

/// The longest key of an access by name.
const MAX_KEY: usize = 40;
