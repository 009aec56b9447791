//! Instructions, jump lists, labels, constants, feedback slots and hints.

use super::{Emitter, Failure, RegHint};
use crate::ast::Pos;
use crate::names::Name;
use smallvec::SmallVec;
use strata_spec::insn::MAX_K;
use strata_spec::module::{Block, Const, Hint, HintKind, MAX_SLOTS, SlotKind};
use strata_spec::{Insn, Op};

/// An instruction's number, or [`Pc::NOWHERE`] for one that was not emitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pc(pub u32);

impl Pc {
    /// An instruction in unreachable code.
    pub(super) const NOWHERE: Pc = Pc(u32::MAX);
}

/// Jumps to the same, yet unknown place. The first; each holds the next one's
/// number + 1 in its jump field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct JumpList(u32);

impl JumpList {
    /// No jump.
    pub(super) const EMPTY: JumpList = JumpList(0);

    /// The one jump at `pc`, whose field must be 0.
    pub(super) fn one(pc: Pc) -> JumpList {
        match pc {
            Pc::NOWHERE => JumpList::EMPTY,
            Pc(at) => JumpList(at + 1),
        }
    }

    /// Whether there is no jump.
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// A label of the source.
#[derive(Clone, Copy, Debug)]
pub(super) enum LabelState {
    /// Not reached yet; these jumps wait for it.
    Unbound(JumpList),
    /// At this instruction.
    Bound(Pc),
}

/// Names that describe what has none.
#[derive(Clone, Copy)]
pub(super) struct FieldNames {
    /// A field whose key is not constant.
    pub unknown: Name,
    /// A field whose key is an integer.
    pub integer: Name,
    /// `_ENV`
    pub env: Name,
}

/// A number as a key of the constant cache: its type and bits.
pub(super) type NumberKey = (u8, u64);

/// Most instructions of a function; leaves room in a jump field for links.
const MAX_CODE: usize = (1 << 23) - 2;

/// The register field of a `jtrueset` or `jfalseset` whose value nobody has
/// asked for yet.
const NO_REG: u8 = 255;

impl Emitter<'_, '_> {
    /// Appends an instruction at the last token's position.
    pub(super) fn emit(&mut self, insn: Insn) -> Pc {
        self.emit_at(insn, self.last)
    }

    /// Appends an instruction.
    pub(super) fn emit_at(&mut self, insn: Insn, pos: Pos) -> Pc {
        if !self.f.reachable {
            return Pc::NOWHERE;
        }
        let pc = self.pc();
        if pc.0 as usize >= MAX_CODE {
            self.failure = Some(Failure::CodeTooLong);
            self.f.reachable = false;
            return Pc::NOWHERE;
        }
        self.f.proto.code.push(insn);
        self.f.proto.positions.push(pos);
        if insn.op().is_some_and(Op::is_terminator) {
            self.f.reachable = self.f.keeps_dead_code;
        }
        pc
    }

    /// Sets `count` registers to nil; goes on with a `loadnil` just before.
    pub(super) fn load_nils(&mut self, first: u8, count: u8) {
        let labelled = self.f.proto.blocks.last().map(|b| b.pc) == Some(self.pc().0);
        if self.f.reachable
            && !labelled
            && let Some(last) = self.f.proto.code.last_mut()
            && last.op() == Some(Op::LoadNil)
            && u16::from(last.a()) + u16::from(last.b()) + 1 == u16::from(first)
        {
            *last = Insn::abc(Op::LoadNil, last.a(), last.b() + count, 0);
            return;
        }
        self.emit(Insn::abc(Op::LoadNil, first, count - 1, 0));
    }

    /// The last token's line, with the column of `pos` if that is on it.
    pub(super) fn at(&self, pos: Pos) -> Pos {
        if pos.line == self.last.line {
            pos
        } else {
            self.last
        }
    }

    /// The instruction at `pc`, if it was emitted.
    pub(super) fn insn(&self, pc: Pc) -> Option<Insn> {
        self.f.proto.code.get(pc.0 as usize).copied()
    }

    /// Changes the instruction at `pc`, if it was emitted.
    pub(super) fn patch(&mut self, pc: Pc, change: impl FnOnce(Insn) -> Insn) {
        if let Some(insn) = self.f.proto.code.get_mut(pc.0 as usize) {
            *insn = change(*insn);
        }
    }

    /// Takes the last instruction back if it is the one at `pc`.
    pub(super) fn unemit(&mut self, pc: Pc) {
        if pc.0 + 1 == self.f.proto.code.len() as u32 {
            self.f.proto.code.pop();
            self.f.proto.positions.pop();
        }
    }

    // ---- jumps

    /// An unconditional forward jump.
    pub(super) fn jump(&mut self) -> JumpList {
        JumpList::one(self.emit(Insn::abc(Op::Jmp, 0, 0, 0)))
    }

    /// A jump back to `header`.
    pub(super) fn loop_back(&mut self, op: Insn, header: Pc, pos: Pos) {
        let pc = self.emit_at(op, pos);
        if pc != Pc::NOWHERE {
            self.set_jump(pc.0, header.0);
        }
    }

    fn set_jump(&mut self, pc: u32, target: u32) {
        let distance = i64::from(target) - i64::from(pc) - 1;
        let insn = &mut self.f.proto.code[pc as usize];
        *insn = insn.with_jump(distance as i32);
    }

    /// The jump after this one of its list.
    fn next_jump(&self, pc: u32) -> JumpList {
        JumpList(self.f.proto.code[pc as usize].jump() as u32)
    }

    /// All jumps of both lists; walks `list`, so that should be the shorter.
    pub(super) fn concat(&mut self, list: JumpList, rest: JumpList) -> JumpList {
        if list.is_empty() {
            return rest;
        }
        let mut at = list;
        while !at.is_empty() {
            let next = self.next_jump(at.0 - 1);
            if next.is_empty() {
                let insn = &mut self.f.proto.code[at.0 as usize - 1];
                *insn = insn.with_jump(rest.0 as i32);
            }
            at = next;
        }
        list
    }

    /// Sends a list of jumps to the next instruction, where the registers
    /// below `defined` hold values.
    pub(super) fn bind(&mut self, list: JumpList, defined: u8) {
        if !list.is_empty() {
            self.label(defined, false);
            self.send(list, None, self.pc(), self.pc());
        }
    }

    /// Sends a list of jumps to the next instruction, in the current state.
    pub(super) fn bind_here(&mut self, list: JumpList) {
        self.bind(list, self.f.free);
    }

    /// Declares the next instruction as a block. Unless a jump is known to
    /// lead here, ask first whether the place is reachable.
    pub(super) fn label(&mut self, defined: u8, loop_header: bool) -> Pc {
        self.f.reachable = true;
        let pc = self.pc();
        let blocks = &mut self.f.proto.blocks;
        match blocks.last_mut() {
            Some(block) if block.pc == pc.0 => {
                block.defined = block.defined.min(defined);
                block.loop_header |= loop_header;
            }
            _ => blocks.push(Block {
                pc: pc.0,
                loop_header,
                defined,
                tbc: SmallVec::from_slice(&self.f.tbc),
                open: None,
            }),
        }
        pc
    }

    /// Declares a loop header in the current state; `None` in unreachable code.
    pub(super) fn loop_header(&mut self) -> Option<Pc> {
        self.f.reachable.then(|| self.label(self.f.free, true))
    }

    /// Sends jumps on their way: those that carry a value to `with_value`,
    /// which finds it in `reg`, the others to `without`. Without a register
    /// nobody wants the values.
    pub(super) fn send(&mut self, list: JumpList, reg: Option<u8>, with_value: Pc, without: Pc) {
        let mut at = list;
        while !at.is_empty() {
            let pc = at.0 - 1;
            at = self.next_jump(pc);
            let target = if self.place_value(pc, reg) {
                with_value
            } else {
                without
            };
            self.set_jump(pc, target.0);
        }
    }

    /// Gives the value of a `jtrueset` or `jfalseset` its register, or makes
    /// it a plain test; whether the instruction carries a value.
    fn place_value(&mut self, pc: u32, reg: Option<u8>) -> bool {
        let insn = &mut self.f.proto.code[pc as usize];
        let plain = match insn.op() {
            Some(Op::JTrueSet) => Op::JTrue,
            Some(Op::JFalseSet) => Op::JFalse,
            _ => return false,
        };
        let (source, link) = (insn.b(), insn.jump());
        *insn = match reg {
            Some(reg) if reg != source => {
                let op = insn.op().unwrap_or(plain);
                Insn::abc(op, reg, source, 0)
            }
            _ => Insn::abc(plain, source, 0, 0),
        }
        .with_jump(link);
        true
    }

    /// Whether some jump of the list carries no value of its own.
    pub(super) fn needs_value(&self, list: JumpList) -> bool {
        let mut at = list;
        while !at.is_empty() {
            let op = self.f.proto.code[at.0 as usize - 1].op();
            if !matches!(op, Some(Op::JTrueSet | Op::JFalseSet)) {
                return true;
            }
            at = self.next_jump(at.0 - 1);
        }
        false
    }

    /// Whether some jump of the list carries a value.
    pub(super) fn carries_value(&self, list: JumpList) -> bool {
        let mut at = list;
        while !at.is_empty() {
            let op = self.f.proto.code[at.0 as usize - 1].op();
            if matches!(op, Some(Op::JTrueSet | Op::JFalseSet)) {
                return true;
            }
            at = self.next_jump(at.0 - 1);
        }
        false
    }

    /// Makes all tests of the list plain ones.
    pub(super) fn drop_values(&mut self, list: JumpList) {
        let mut at = list;
        while !at.is_empty() {
            self.place_value(at.0 - 1, None);
            at = self.next_jump(at.0 - 1);
        }
    }

    /// A jump taken if the value of `reg` has this truth, which may carry the
    /// value along.
    pub(super) fn test(&mut self, reg: u8, truth: bool) -> JumpList {
        let op = if truth { Op::JTrueSet } else { Op::JFalseSet };
        JumpList::one(self.emit(Insn::abc(op, NO_REG, reg, 0)))
    }

    // ---- constants and slots

    /// The index of a string among the constants.
    pub(super) fn string_const(&mut self, name: Name) -> u32 {
        let serial = self.f.id.0 + 1;
        let (owner, index) = self.string_consts[name.0 as usize];
        if owner == serial {
            return index;
        }
        let id = self.string(name);
        let index = self.push_const(Const::Str(id));
        self.string_consts[name.0 as usize] = (serial, index);
        index
    }

    /// The index of a number or boolean among the constants.
    pub(super) fn plain_const(&mut self, constant: Const) -> u32 {
        let key = match constant {
            Const::Int(i) => (0, i as u64),
            Const::Float(f) => (1, f.to_bits()),
            Const::False => (2, 0),
            Const::True => (2, 1),
            Const::Nil | Const::Str(_) => (2, 2),
        };
        if let Some(&index) = self.f.numbers.get(&key) {
            return index;
        }
        let index = self.push_const(constant);
        self.f.numbers.insert(key, index);
        index
    }

    fn push_const(&mut self, constant: Const) -> u32 {
        let consts = &mut self.f.proto.consts;
        if consts.len() >= MAX_K as usize {
            self.failure = Some(Failure::TooManyConstants);
            return 0;
        }
        consts.push(constant);
        consts.len() as u32 - 1
    }

    /// Whether accesses by name may still take feedback slots. Each access
    /// takes one soon after asking; the rest is for calls and tables, which
    /// can't do without.
    pub(super) fn field_slots_left(&self) -> bool {
        self.f.proto.slots.len() < MAX_SLOTS - 2048
    }

    /// A new feedback slot for a field access.
    pub(super) fn field_slot(&mut self) -> u16 {
        self.f.proto.slots.push(SlotKind::Field);
        (self.f.proto.slots.len() - 1) as u16
    }

    /// A feedback slot for a call; when all are taken, calls share one.
    pub(super) fn call_slot(&mut self) -> u16 {
        let slot = self.shared_slot(SlotKind::Call, self.f.last_call);
        self.f.last_call = Some(slot);
        slot
    }

    /// A feedback slot for a table; when all are taken, tables share one.
    pub(super) fn site_slot(&mut self) -> u16 {
        let slot = self.shared_slot(SlotKind::Site, self.f.last_site);
        self.f.last_site = Some(slot);
        slot
    }

    fn shared_slot(&mut self, kind: SlotKind, last: Option<u16>) -> u16 {
        let slots = &mut self.f.proto.slots;
        match last {
            Some(last) if slots.len() >= MAX_SLOTS - 1024 => last,
            _ => {
                slots.push(kind);
                (slots.len() - 1) as u16
            }
        }
    }

    // ---- hints

    /// What the value of a register is called.
    pub(super) fn reg_hint(&self, reg: u8) -> Option<RegHint> {
        self.f.hints[reg as usize]
    }

    /// Says what a temporary's value is called; a local keeps its name.
    pub(super) fn set_reg_hint(&mut self, reg: u8, hint: Option<RegHint>) {
        if reg >= self.f.local_top {
            self.f.hints[reg as usize] = hint;
        }
    }

    /// Records the name of operand `reg` of the instruction at `pc`.
    pub(super) fn hint_operand(&mut self, pc: Pc, reg: u8) {
        if pc == Pc::NOWHERE {
            return;
        }
        if let Some((kind, name)) = self.reg_hint(reg) {
            let name = self.string(name);
            self.f.proto.hints.push(Hint {
                pc: pc.0,
                reg,
                kind,
                name,
            });
        }
    }

    /// What a field of the value in `reg` is: a global if that is `_ENV`.
    pub(super) fn field_kind(&self, reg: u8) -> HintKind {
        match self.reg_hint(reg) {
            Some((HintKind::Local | HintKind::Upvalue, name)) if name == self.field_names.env => {
                HintKind::Global
            }
            _ => HintKind::Field,
        }
    }
}
