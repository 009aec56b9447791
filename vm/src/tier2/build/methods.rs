//! Calls of methods by objects of several classes.
//!
//! Which function is called is found out by its prototype; those that can be
//! inlined are, each in a branch of its own. What else there may be is called
//! as any function is, or, if nothing else is known, not expected.

use super::inline::Results;
use super::state::Reg;
use super::{Builder, Refused};
use crate::ir::{BlockId, Op as Ir, Reason, Target, Term, Ty, V};
use crate::tier2::snapshot::FuncNo;
use crate::tier2::snapshot::Obj;
use smallvec::SmallVec;
use strata_spec::Insn;
use strata_spec::effects::Effects;

impl Builder<'_, '_> {
    /// Calls one of the methods that the call at `pc` may call. Whether any of
    /// them can be inlined; if not, nothing is built.
    pub(super) fn call_method(&mut self, pc: u32, i: Insn) -> Result<bool, Refused> {
        let all = self.func().methods_of(pc);
        if all.len() < 2 || i.c() == 0 || !self.may_speculate(pc) {
            return Ok(false);
        }
        let v = self.val(i.a());
        if !matches!(self.f.ty(v), Ty::Any | Ty::Closure) {
            return Ok(false);
        }
        let mut inlined: SmallVec<[(Obj, FuncNo); 8]> = SmallVec::new();
        for m in all {
            if let Some(no) = self.decide_inlining(pc, i, m.proto, m.func) {
                inlined.push((m.proto, no));
            }
        }
        if inlined.is_empty() {
            return Ok(false);
        }
        let others = inlined.len() < all.len();
        let wanted = usize::from(i.c()) - 1;
        let f = self.expect(v, Ty::Closure, pc)?;
        let proto = self.put(Ir::ProtoOf, &[f]);
        let state = self.st.clone();
        let mut ways: Vec<(BlockId, Results)> = Vec::new();
        for (expected, no) in inlined {
            let expected = self.object(expected, Ty::Ptr);
            let same = self.put(Ir::Same, &[proto, expected]);
            let next = self.split(same, None);
            let results = self.inline_closure(pc, i, f, no)?;
            self.way(&mut ways, results);
            self.st = state.clone();
            self.frame_cache = None;
            self.go_on(next);
        }
        if others {
            self.call_mixed(pc, i, f)?;
            let results = (0..wanted).map(|n| self.val(i.a() + n as u8)).collect();
            self.way(&mut ways, Some(results));
        } else {
            self.leave(pc, Reason::Callee)?;
        }
        self.st = state;
        self.frame_cache = None;
        if let Some(results) = self.meet_all(ways, wanted) {
            if let Some(op) = i.op() {
                for r in Effects::of(op, i).kills.iter() {
                    self.st.set(r, Reg::Undefined);
                }
            }
            self.set_results(i, &results);
        }
        Ok(true)
    }

    /// Adds the way on from here, if there is one.
    fn way(&mut self, ways: &mut Vec<(BlockId, Results)>, results: Option<Results>) {
        if let Some(results) = results {
            let boxed: Results = results.iter().map(|&v| self.boxed(v)).collect();
            ways.push((self.at, boxed));
        }
    }

    /// Goes on where ways meet that have computed so many values: these. `None`
    /// if there is no way.
    fn meet_all(&mut self, ways: Vec<(BlockId, Results)>, n: usize) -> Option<Results> {
        if ways.is_empty() {
            self.open = false;
            return None;
        }
        let met = self.f.block();
        let params: SmallVec<[V; 4]> = (0..n).map(|_| self.f.param(met, Ty::Any)).collect();
        for (from, args) in ways {
            self.f.blocks[from.n()].term = Term::Jump(Target { block: met, args });
        }
        self.go_on(met);
        Some(params)
    }
}
