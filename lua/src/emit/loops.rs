//! Loops.
//!
//! ```text
//! while            repeat             numeric for         generic for
//! H: cond ─false─▶X  H: body            forprep ──none─▶X    tforprep ─▶C
//!    body            cond ─true─▶X    H: body              H: body
//!    loop H          loop H             forloop H         C: tforcall
//! X:               X:                 X:                     tforloop H
//!                                                         X: close
//! ```
//!
//! Only `loop`, `forloop` and `tforloop` jump back. `break` leads to X; in a
//! generic loop the to-be-closed value is still open there.

use super::code::JumpList;
use super::{Emitter, LoopState};
use crate::ast::{GenericFor, NumericFor, Repeat, While};
use crate::lexer::Res;
use strata_spec::{Insn, Op};

impl<'a> Emitter<'_, 'a> {
    fn enter_loop(&mut self, level: usize, exit_closes: bool) {
        self.f.loops.push(LoopState {
            breaks: JumpList::EMPTY,
            level,
            exit_closes,
            tbc: self.f.tbc.len(),
        });
    }

    /// The jumps that leave the innermost loop, which ends here.
    fn leave_loop(&mut self) -> JumpList {
        self.f.loops.pop().map_or(JumpList::EMPTY, |l| l.breaks)
    }

    pub(super) fn while_loop(&mut self, stat: &While<'a>) -> Res<()> {
        let header = self.loop_header();
        let cond = self.expr(&stat.cond)?;
        self.last = stat.cond_end;
        let falses = self.condition(cond)?;
        self.enter_loop(self.f.active.len(), false);
        self.block(&stat.body)?;
        if let Some(header) = header {
            self.loop_back(Insn::abc(Op::Loop, 0, 0, 0), header, self.last);
        }
        let breaks = self.leave_loop();
        let exits = self.concat(breaks, falses);
        self.bind_here(exits);
        Ok(())
    }

    pub(super) fn repeat_loop(&mut self, stat: &Repeat<'a>) -> Res<()> {
        let header = self.loop_header();
        let level = self.f.active.len();
        self.enter_loop(level, false);
        self.statements(&stat.body)?;
        let cond = self.expr(&stat.cond)?;
        self.last = stat.cond_end;
        let trues = self.inverse_condition(cond)?;
        // Both ways out of the body close its variables.
        self.close_above(level);
        if let Some(header) = header {
            self.loop_back(Insn::abc(Op::Loop, 0, 0, 0), header, self.last);
        }
        if self.needs_close(level) {
            self.bind_here(trues);
            self.leave_scope(level);
        } else {
            self.end_scopes(level);
            self.bind_here(trues);
        }
        let breaks = self.leave_loop();
        self.bind_here(breaks);
        Ok(())
    }

    pub(super) fn numeric_for(&mut self, stat: &NumericFor<'a>) -> Res<()> {
        let (hidden, declared) = stat.vars.split_at(stat.vars.len().min(3));
        let level = self.f.active.len();
        let base = self.f.free;
        for expr in [Some(&stat.init), Some(&stat.limit), stat.step.as_ref()] {
            match expr {
                Some(expr) => {
                    let mut e = self.expr(expr)?;
                    self.put_next(&mut e)?;
                }
                None => {
                    self.reserve(1)?;
                    self.emit(Insn::ad(Op::LoadI, base + 2, 1));
                }
            }
        }
        self.activate(hidden);
        self.last = stat.do_pos;
        let prepare = JumpList::one(self.emit(Insn::abc(Op::ForPrep, base, 0, 0)));
        self.activate(declared);
        self.reserve(declared.len())?;
        let header = self.loop_header();
        self.enter_loop(level, false);
        self.block(&stat.body)?;
        self.leave_scope(level + hidden.len());
        if let Some(header) = header {
            self.loop_back(Insn::abc(Op::ForLoop, base, 0, 0), header, stat.pos);
        }
        self.end_scopes(level);
        let breaks = self.leave_loop();
        let exits = self.concat(prepare, breaks);
        self.bind_here(exits);
        Ok(())
    }

    pub(super) fn generic_for(&mut self, stat: &GenericFor<'a>) -> Res<()> {
        let (hidden, declared) = stat.vars.split_at(stat.vars.len().min(4));
        let level = self.f.active.len();
        let base = self.f.free;
        let last = self.expr_list(stat.values)?;
        self.adjust(hidden.len(), stat.values.len(), last)?;
        self.activate(hidden);
        self.check_registers(4)?; // the iterator's call
        self.last = stat.do_pos;
        let prepare = JumpList::one(self.emit(Insn::abc(Op::TForPrep, base, 0, 0)));
        self.f.tbc.push(base + 3);
        self.activate(declared);
        self.reserve(declared.len())?;
        let header = (!prepare.is_empty()).then(|| self.label(self.f.free, true));
        self.enter_loop(level + hidden.len(), true);
        self.block(&stat.body)?;
        self.leave_scope(level + hidden.len());
        self.bind_here(prepare);
        let count = declared.len() as u8;
        self.emit_at(Insn::abc(Op::TForCall, base, 0, count), stat.pos);
        if let Some(header) = header {
            self.loop_back(Insn::abc(Op::TForLoop, base, 0, 0), header, stat.pos);
        }
        self.last = stat.end;
        let breaks = self.leave_loop();
        self.bind_here(breaks);
        self.leave_scope(level);
        Ok(())
    }
}
