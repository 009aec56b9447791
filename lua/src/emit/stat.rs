//! Statements and scopes.

use super::code::{JumpList, LabelState};
use super::exp::{Exp, Kind};
use super::{ActiveVar, Emitter, LoopState};
use crate::ast::{Assign, Block, Expr, GotoId, If, LabelId, Local, Pos, Stat, VarId};
use crate::lexer::Res;
use crate::scope::VarKind;
use strata_spec::module::{HintKind, LocalVar};
use strata_spec::{Insn, Op};

impl<'a> Emitter<'_, 'a> {
    /// The statements of a block, in the current scope.
    pub(super) fn statements(&mut self, block: &Block<'a>) -> Res<()> {
        for stat in block.stats {
            self.statement(stat)?;
            debug_assert!(self.f.free >= self.f.local_top);
            self.f.free = self.f.local_top;
        }
        Ok(())
    }

    /// A block with a scope of its own.
    pub(super) fn block(&mut self, block: &Block<'a>) -> Res<()> {
        let level = self.f.active.len();
        self.statements(block)?;
        self.last = block.last;
        self.leave_scope(level);
        Ok(())
    }

    fn statement(&mut self, stat: &Stat<'a>) -> Res<()> {
        self.pay()?;
        match stat {
            Stat::Local(local) => self.local(local),
            Stat::LocalFunction(id, function) => {
                self.activate(&[*id]);
                self.reserve(1)?;
                let reg = self.var_regs[id.0 as usize];
                let pc = self.closure(function)?;
                self.patch(pc, |i| Insn(i.0 | u64::from(reg) << 8));
                self.start_locals_here(1);
                Ok(())
            }
            Stat::Assign(assign) => self.assign(assign),
            Stat::Call(chain) => {
                let e = self.suffixed(chain)?;
                self.set_results(&e, Some(0))
            }
            Stat::Function(target, function, pos) => {
                let target = self.expr(target)?;
                let pc = self.closure(function)?;
                let mut value = Exp::new(Kind::Open(pc));
                self.put_next(&mut value)?;
                self.last = *pos;
                self.store(&target, value)
            }
            Stat::Do(block) => self.block(block),
            Stat::While(stat) => self.while_loop(stat),
            Stat::Repeat(stat) => self.repeat_loop(stat),
            Stat::If(stat) => self.if_stat(stat),
            Stat::NumericFor(stat) => self.numeric_for(stat),
            Stat::GenericFor(stat) => self.generic_for(stat),
            Stat::Return(values, end) => self.return_stat(values, *end),
            Stat::Break(pos) => {
                self.last = *pos;
                self.break_out();
                Ok(())
            }
            Stat::Goto(goto, pos) => {
                self.last = *pos;
                self.goto(*goto);
                Ok(())
            }
            Stat::Label(label) => {
                self.label_stat(*label);
                Ok(())
            }
        }
    }

    fn local(&mut self, local: &Local<'a>) -> Res<()> {
        let last = self.expr_list(local.values)?;
        self.last = local.end;
        if local.last_const {
            // The last value is a constant that no register holds.
            self.activate(local.vars);
            return Ok(());
        }
        self.adjust(local.vars.len(), local.values.len(), last)?;
        self.activate(local.vars);
        if let Some(index) = local.to_close
            && let Some(id) = local.vars.get(index as usize)
        {
            let reg = self.var_regs[id.0 as usize];
            self.emit(Insn::abc(Op::Tbc, reg, 0, 0));
            self.f.tbc.push(reg);
        }
        Ok(())
    }

    fn assign(&mut self, assign: &Assign<'a>) -> Res<()> {
        let targets = self.targets(assign.targets)?;
        let mut value = self.expr_list(assign.values)?;
        self.last = assign.end;
        let mut rest = &targets[..];
        if targets.len() == assign.values.len() {
            if let Some((last, init)) = targets.split_last() {
                self.one_result(&mut value);
                self.store(last, value)?;
                rest = init;
            }
        } else {
            self.adjust(targets.len(), assign.values.len(), value)?;
        }
        for target in rest.iter().rev() {
            self.store(target, Exp::new(Kind::Reg(self.f.free - 1)))?;
        }
        Ok(())
    }

    fn if_stat(&mut self, stat: &If<'a>) -> Res<()> {
        let mut done = JumpList::EMPTY;
        for (i, arm) in stat.arms.iter().enumerate() {
            let mut cond = self.expr(&arm.cond)?;
            self.last = arm.then;
            let more = i + 1 < stat.arms.len() || stat.otherwise.is_some();
            if let [only] = arm.body.stats
                && self.jump_if(only, &mut cond, arm.then)?
            {
                continue;
            }
            let falses = self.condition(cond)?;
            self.block(&arm.body)?;
            if more {
                let skip = self.jump();
                done = self.concat(skip, done);
            }
            self.bind_here(falses);
        }
        if let Some(block) = &stat.otherwise {
            self.block(block)?;
        }
        self.bind_here(done);
        Ok(())
    }

    /// Tests a condition; the jumps that are taken if it is false.
    pub(super) fn condition(&mut self, mut cond: Exp) -> Res<JumpList> {
        if cond.kind == Kind::Nil {
            cond.kind = Kind::False; // nobody wants the value
        }
        self.go_if_true(&mut cond)?;
        self.drop_values(cond.f);
        Ok(cond.f)
    }

    /// Tests a condition; the jumps that are taken if it is true.
    pub(super) fn inverse_condition(&mut self, mut cond: Exp) -> Res<JumpList> {
        if matches!(cond.kind, Kind::Int(_) | Kind::Float(_) | Kind::Str(_)) {
            cond.kind = Kind::True; // nobody wants the value
        }
        self.go_if_false(&mut cond)?;
        self.drop_values(cond.t);
        Ok(cond.t)
    }

    /// If `stat` is a plain forward jump, emits `if cond then stat end` as
    /// the condition's own jumps.
    /// A `goto` on a line of its own keeps its instruction, which line hooks
    /// may ask for.
    fn jump_if(&mut self, stat: &Stat<'a>, cond: &mut Exp, then: Pos) -> Res<bool> {
        match stat {
            Stat::Break(_) => {
                let Some(&state) = self.f.loops.last() else {
                    return Ok(false);
                };
                if self.break_closes(state) {
                    return Ok(false);
                }
                let jumps = self.inverse_condition(*cond)?;
                self.add_breaks(jumps);
                Ok(true)
            }
            Stat::Goto(goto, pos) if pos.line == then.line => {
                let Some(label) = self.scopes.target(*goto) else {
                    return Ok(false);
                };
                let level = self.scopes.label(label).level as usize;
                let LabelState::Unbound(waiting) = self.labels[label.0 as usize] else {
                    return Ok(false);
                };
                if self.needs_close(level) {
                    return Ok(false);
                }
                let jumps = self.inverse_condition(*cond)?;
                let waiting = self.concat(jumps, waiting);
                self.labels[label.0 as usize] = LabelState::Unbound(waiting);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn return_stat(&mut self, values: &[Expr<'a>], end: Pos) -> Res<()> {
        let base = self.f.local_top;
        let mut last = self.expr_list(values)?;
        self.last = end;
        if last.is_multi() {
            if let (Kind::Call(pc, reg), [_]) = (last.kind, values)
                && self.f.tbc.is_empty()
            {
                self.patch(pc, |i| {
                    Insn::abc(Op::TailCall, reg, i.b(), 0).with_slot(i.slot(), 0)
                });
                self.f.reachable = self.f.keeps_dead_code;
                return Ok(());
            }
            self.set_results(&last, None)?;
            self.emit_return(base, None);
            return Ok(());
        }
        match values.len() {
            0 => self.emit_return(0, Some(0)),
            1 => {
                let reg = self.put_any(&mut last)?;
                self.emit_return(reg, Some(1));
            }
            _ => {
                self.put_next(&mut last)?;
                self.emit_return(base, Some(self.f.free - base));
            }
        }
        Ok(())
    }

    // ---- scopes

    /// Brings variables into scope; their values are in the registers from
    /// the last local on.
    pub(super) fn activate(&mut self, ids: &[VarId]) {
        for &id in ids {
            let var = *self.scopes.var(id);
            let below = self.f.local_top;
            let local = match var.kind {
                VarKind::Folded(_) => None,
                _ => {
                    let name = self.string(var.name);
                    let pc = self.pc().0;
                    self.f.proto.locals.push(LocalVar {
                        name,
                        reg: below,
                        start: pc,
                        end: pc,
                    });
                    self.var_regs[id.0 as usize] = below;
                    self.f.hints[below as usize] = Some((HintKind::Local, var.name));
                    if var.captured {
                        self.f.proto.captured.insert(below);
                    }
                    self.f.local_top += 1;
                    Some(self.f.proto.locals.len() as u32 - 1)
                }
            };
            self.f.active.push(ActiveVar { id, local, below });
        }
    }

    /// Lets the debug ranges of the last `n` locals start at the next
    /// instruction.
    fn start_locals_here(&mut self, n: usize) {
        let pc = self.pc().0;
        for local in self.f.proto.locals.iter_mut().rev().take(n) {
            local.start = pc;
            local.end = pc;
        }
    }

    /// The first register above the variables of a level.
    pub(super) fn level_top(&self, level: usize) -> u8 {
        self.f
            .active
            .get(level)
            .map_or(self.f.local_top, |v| v.below)
    }

    /// Whether leaving the variables above a level has something to close.
    pub(super) fn needs_close(&self, level: usize) -> bool {
        self.f.active[level.min(self.f.active.len())..]
            .iter()
            .any(|v| {
                let var = self.scopes.var(v.id);
                var.captured || var.kind == VarKind::Close
            })
            || self
                .f
                .tbc
                .last()
                .is_some_and(|&reg| reg >= self.level_top(level))
    }

    /// Closes the variables above a level, if there is something to close.
    pub(super) fn close_above(&mut self, level: usize) {
        if self.needs_close(level) {
            let reg = self.level_top(level);
            self.emit(Insn::abc(Op::Close, reg, 0, 0));
        }
    }

    /// Leaves the scope of the variables above a level.
    pub(super) fn leave_scope(&mut self, level: usize) {
        self.close_above(level);
        self.end_scopes(level);
    }

    /// Ends the debug ranges of the variables above a level and gives their
    /// registers back.
    pub(super) fn end_scopes(&mut self, level: usize) {
        let top = self.level_top(level);
        let pc = self.pc().0;
        for var in self.f.active.drain(level.min(self.f.active.len())..) {
            if let Some(local) = var.local {
                self.f.proto.locals[local as usize].end = pc;
            }
        }
        self.f.local_top = top;
        self.f.free = top;
        while self.f.tbc.last().is_some_and(|&reg| reg >= top) {
            self.f.tbc.pop();
        }
    }

    // ---- jumps

    fn goto(&mut self, goto: GotoId) {
        let Some(label) = self.scopes.target(goto) else {
            return;
        };
        let level = self.scopes.label(label).level as usize;
        self.close_above(level);
        match self.labels[label.0 as usize] {
            LabelState::Bound(pc) => {
                let insn = Insn::abc(Op::Loop, 0, 0, 0);
                self.loop_back(insn, pc, self.last);
            }
            LabelState::Unbound(waiting) => {
                let jump = self.jump();
                let waiting = self.concat(jump, waiting);
                self.labels[label.0 as usize] = LabelState::Unbound(waiting);
            }
        }
    }

    fn label_stat(&mut self, id: LabelId) {
        let label = self.scopes.label(id);
        let level = label.level as usize;
        if level < self.f.active.len() {
            // Nothing but labels follows in the block: its variables end here.
            self.leave_scope(level);
        }
        if let LabelState::Unbound(waiting) = self.labels[id.0 as usize] {
            self.bind_here(waiting);
        }
        // A jump back may come from code that does not fall into this place.
        let pc = match label.backward {
            true => self.label(self.f.free, true),
            false => self.pc(),
        };
        self.labels[id.0 as usize] = LabelState::Bound(pc);
    }

    /// Whether a `break` out of this loop has something to close first.
    fn break_closes(&self, state: LoopState) -> bool {
        if state.exit_closes {
            self.f.tbc.len() > state.tbc
        } else {
            self.needs_close(state.level)
        }
    }

    fn break_out(&mut self) {
        let Some(&state) = self.f.loops.last() else {
            return;
        };
        if self.break_closes(state) {
            self.close_above(state.level);
        }
        let jump = self.jump();
        self.add_breaks(jump);
    }

    /// Lets jumps leave the innermost loop.
    fn add_breaks(&mut self, jumps: JumpList) {
        if let Some(&state) = self.f.loops.last() {
            let breaks = self.concat(jumps, state.breaks);
            if let Some(state) = self.f.loops.last_mut() {
                state.breaks = breaks;
            }
        }
    }

    /// Returns `count` values from `base` on, or open ones with `None`.
    pub(super) fn emit_return(&mut self, base: u8, count: Option<u8>) {
        let field = count.map_or(0, |n| n + 1);
        let insn = match count {
            _ if !self.f.tbc.is_empty() => Insn::abc(Op::ReturnClose, base, field, 0),
            Some(0) => Insn::abc(Op::Return0, 0, 0, 0),
            Some(1) => Insn::abc(Op::Return1, base, 0, 0),
            _ => Insn::abc(Op::Return, base, field, 0),
        };
        self.emit(insn);
    }
}
