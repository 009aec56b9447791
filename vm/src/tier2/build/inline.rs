//! Calls that are replaced by the callee.
//!
//! The callee's registers lie where they would lie if it were called: its
//! parameters are the caller's registers above the link. Its frame states
//! have the caller's, which waits in the call, as their parent. Links and the
//! frames below are stored only before code that might look at them
//! ([`Builder::link`]).

use super::state::{Reg, State};
use super::{Builder, Context, Refused};
use crate::ir::{Target, Term, Ty, V};
use crate::tier2::snapshot::{EntryAt, FuncNo, Obj};
use smallvec::SmallVec;
use strata_spec::Insn;
use strata_spec::effects::Effects;

/// How deep calls are followed.
const MAX_DEPTH: u32 = 4;
/// How often a function may be inlined into itself.
const MAX_RECURSION: u32 = 1;
/// IR instructions after which only small functions are inlined.
const BIG: usize = 4000;
const SMALL: usize = 16;
/// The longest function that is inlined into itself.
const SHORT: usize = 24;
/// Most results of a call that is inlined.
const MAX_RESULTS: u8 = 5;

impl Builder<'_, '_> {
    /// Why a call of function `no` is not inlined, if it isn't.
    pub(super) fn why_not_inline(&self, no: FuncNo, i: Insn) -> Option<&'static str> {
        let f = &self.s.funcs[no as usize];
        let len = f.code.len();
        if self.ctx.depth >= MAX_DEPTH {
            return Some("too deep");
        }
        if i.b() == 0 || i.c() == 0 || i.c() > MAX_RESULTS {
            return Some("open arguments or results");
        }
        if f.yields() {
            return Some("it yields");
        }
        let itself = no == 0 || no == self.ctx.no;
        if itself && (len > SHORT || f.calls_of(no) > 2 || self.recursion(no) > 0) {
            return Some("recursion");
        }
        if self.f.insts.len() > BIG && len > SMALL {
            return Some("the caller is big already");
        }
        if f.spec().vararg
            || !f.spec().captured.is_empty()
            || len > super::super::snapshot::MAX_INLINED
        {
            return Some("its form");
        }
        if self.recursion(no) > MAX_RECURSION {
            return Some("recursion");
        }
        None
    }

    /// How often function `no` is among those that wait.
    fn recursion(&self, no: FuncNo) -> u32 {
        let mut n = 0;
        let mut below = self.ctx.below.map(|(frame, _)| frame);
        while let Some(frame) = below {
            let frame = &self.f.frames[frame.n()];
            n += u32::from(frame.func == no);
            below = frame.parent;
        }
        n
    }

    /// Builds function `no` in place of the call at `pc`.
    pub(super) fn inline(
        &mut self,
        pc: u32,
        i: Insn,
        proto: Obj,
        no: FuncNo,
    ) -> Result<(), Refused> {
        let a = i.a();
        let closure = self.callee(pc, proto)?;
        let args = i.b() - 1;
        let spec = self.s.funcs[no as usize].spec();
        let mut regs = vec![Reg::Undefined; usize::from(spec.regs)];
        for n in 0..spec.params {
            let reg = if n < args {
                // Parameters are there already: the same slots.
                let v = self.val(a + 2 + n);
                match self.st.get(a + 2 + n) {
                    Reg::Val { clean, .. } => Reg::Val { v, clean },
                    _ => Reg::Val { v, clean: false },
                }
            } else {
                let v = self.nil();
                Reg::Val { v, clean: false }
            };
            regs[usize::from(n)] = reg;
        }
        let waiting = self.frame(pc, true)?;
        let mut inner = Context::of(self.s, no, EntryAt::Start)?;
        inner.base = self.ctx.base + u32::from(a) + 2;
        inner.below = Some((waiting, closure));
        inner.depth = self.ctx.depth + 1;
        self.slots = self.slots.max(inner.base + u32::from(spec.regs));
        let outer = std::mem::replace(&mut self.ctx, inner);
        let before = std::mem::replace(
            &mut self.st,
            State {
                regs,
                linked: false,
            },
        );
        self.frame_cache = None;
        let built = self.body();
        let inner = std::mem::replace(&mut self.ctx, outer);
        built?;
        self.frame_cache = None;
        self.returned(pc, i, before, inner.returns);
        Ok(())
    }

    /// Goes on in the caller, whose state was `before`, where the callee
    /// returned to.
    fn returned(
        &mut self,
        pc: u32,
        i: Insn,
        before: State,
        returns: Vec<(crate::ir::BlockId, State, SmallVec<[V; 4]>)>,
    ) {
        self.st = before;
        if returns.is_empty() {
            // It never returns.
            self.open = false;
            return;
        }
        let wanted = usize::from(i.c()) - 1;
        // What was stored on all ways for somebody to look at is in its slot.
        let linked = returns.iter().all(|(_, s, _)| s.linked);
        let mut ways: Vec<(crate::ir::BlockId, SmallVec<[V; 4]>)> = Vec::new();
        for (block, _, values) in returns {
            self.go_on(block);
            let mut values = values;
            values.truncate(wanted);
            while values.len() < wanted {
                let nil = self.nil();
                values.push(nil);
            }
            ways.push((block, values));
        }
        let results: SmallVec<[V; 4]> = if let [(block, values)] = &ways[..] {
            self.go_on(*block);
            values.clone()
        } else {
            let met = self.f.block();
            let mut types = Vec::new();
            for n in 0..wanted {
                let ty = self.f.ty(ways[0].1[n]);
                let same = ways.iter().all(|(_, v)| self.f.ty(v[n]) == ty);
                types.push(if same && ty != Ty::Nil { ty } else { Ty::Any });
            }
            for (block, values) in &mut ways {
                self.go_on(*block);
                for (v, &ty) in values.iter_mut().zip(&types) {
                    if ty == Ty::Any {
                        *v = self.boxed(*v);
                    }
                }
                self.f.blocks[block.n()].term = Term::Jump(Target {
                    block: met,
                    args: values.clone(),
                });
            }
            self.f.blocks[met.n()].cold = ways.iter().all(|(b, _)| self.f.blocks[b.n()].cold);
            let params = types.iter().map(|&ty| self.f.param(met, ty)).collect();
            self.go_on(met);
            params
        };
        let kept = self.live_during(pc);
        let kills = Effects::of(strata_spec::Op::Call, i).kills;
        for r in kills.iter() {
            self.st.set(r, Reg::Undefined);
        }
        if linked {
            self.st.linked = true;
            for r in kept.iter() {
                if let Reg::Val { v, clean: false } = self.st.get(r) {
                    self.st.set(r, Reg::Val { v, clean: true });
                }
            }
        }
        self.frame_cache = None;
        for (n, &v) in results.iter().enumerate() {
            self.set(i.a() + n as u8, v);
        }
    }
}
