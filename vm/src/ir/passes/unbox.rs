//! Unboxing of loop parameters: a value that is of one type from the second
//! iteration on is guarded to be of that type before the first.
//!
//! ```text
//!   jump b1(v0)                        v9 = guard_is v0 float
//!  b1(v1: any):                        jump b1(v9)
//!   v2 = guard_is v1 float      ─▶    b1(v10: float):
//!   …                                  …
//!   jump b1(box v3)                    jump b1(v3)
//! ```
//!
//! A parameter that is a Lua value is unboxed if a guard in the loop expects it
//! to be of a type, and whatever comes around the loop is a box of that type:
//! the parameter itself, a box, or a parameter of a block in the loop that gets
//! only such. Those parameters follow when boxes are folded
//! ([`flow`](super::flow)).
//!
//! Not if it is known to be something else before the loop. The guard goes on at
//! the beginning of the loop, like all that is hoisted; see
//! [`licm`](super::licm) for when it may. Nothing is guarded for the sake of
//! cold blocks.

use super::Cx;
use super::loops::{entry_frame, passed, place, preheaders, unbox_param};
use crate::ir::cfg::{Cfg, LoopId};
use crate::ir::{BlockId, Func, Op, Reason, Ty, V};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use strata_runtime::audit::{Bug, planted};

/// Runs the pass.
pub(super) fn run(f: &mut Func<'_>, cx: &mut Cx<'_>) {
    let Some(cfg) = preheaders(f) else { return };
    let mut params: FxHashMap<V, BlockId> = FxHashMap::default();
    for &b in &cfg.order {
        params.extend(f.blocks[b.n()].params.iter().map(|&p| (p, b)));
    }
    // Inner loops first: they tell outer ones which type is wanted.
    for n in (0..cfg.loops.len()).rev() {
        one_loop(f, &cfg, LoopId(n as u32), &params, cx);
    }
}

fn one_loop(
    f: &mut Func<'_>,
    cfg: &Cfg,
    id: LoopId,
    params: &FxHashMap<V, BlockId>,
    cx: &mut Cx<'_>,
) {
    let header = cfg.the(id).header;
    let Some(preheader) = cfg.preheader(f, id) else {
        return;
    };
    let may = place(f, header).is_some_and(|(func, pc)| (cx.may_hoist)(func, pc, Reason::Tag));
    let Some(frame) = may.then(|| entry_frame(f, preheader, header)).flatten() else {
        return;
    };
    for n in 0..f.blocks[header.n()].params.len() {
        let p = f.blocks[header.n()].params[n];
        let Some((ty, tag)) = wanted(f, cfg, id, p) else {
            continue;
        };
        let mut around = Around {
            f,
            cfg,
            params,
            id,
            p,
            ty,
            seen: SmallVec::new(),
        };
        let latches = &cfg.the(id).latches;
        if !latches.iter().all(|&l| around.passes(l, header, n)) {
            continue;
        }
        let Some(first) = passed(f, preheader, header).map(|args| args[n]) else {
            continue;
        };
        // What is something else for sure would leave each time.
        let of = &f.insts[first.n()];
        if of.op == Op::Box && f.ty(of.args[0]) != ty {
            continue;
        }
        let guard = f.inst(Op::GuardIs, ty, &[first], tag, Some(frame));
        f.blocks[preheader.n()].insts.push(guard);
        pass(f, preheader, header, n, guard);
        for &latch in latches {
            let ways = f.targets(latch).len();
            for t in 0..ways {
                if f.targets(latch)[t].block != header {
                    continue;
                }
                let boxed = f.targets(latch)[t].args[n];
                let v = f.inst(Op::Unbox, ty, &[boxed], 0, None);
                f.blocks[latch.n()].insts.push(v);
                f.blocks[latch.n()].term.targets_mut()[t].args[n] = v;
            }
        }
        unbox_param(f, header, n, ty);
        cx.stats.params_unboxed += 1;
    }
}

/// Changes what `from` passes to `to` as its parameter number `n`.
fn pass(f: &mut Func<'_>, from: BlockId, to: BlockId, n: usize, v: V) {
    for t in f.blocks[from.n()].term.targets_mut() {
        if t.block == to {
            t.args[n] = v;
        }
    }
}

/// The type, and its tag, that a guard in the loop wants `p` to have.
fn wanted(f: &Func<'_>, cfg: &Cfg, id: LoopId, p: V) -> Option<(Ty, u64)> {
    if f.ty(p) != Ty::Any {
        return None;
    }
    let warm = cfg.the(id).blocks.iter().filter(|b| !f.blocks[b.n()].cold);
    let mut insts = warm.flat_map(|b| f.blocks[b.n()].insts.iter());
    insts.find_map(|v| {
        let i = &f.insts[v.n()];
        (i.op == Op::GuardIs && i.args[0] == p).then_some((i.ty, i.imm))
    })
}

/// Looks at what comes around a loop.
struct Around<'r, 'a> {
    f: &'r Func<'a>,
    cfg: &'r Cfg,
    /// The block of each parameter.
    params: &'r FxHashMap<V, BlockId>,
    id: LoopId,
    /// The parameter, taken to be of type `ty`.
    p: V,
    ty: Ty,
    /// Parameters in the loop taken to be so, too.
    seen: SmallVec<[V; 8]>,
}

impl Around<'_, '_> {
    /// What `from` passes to `to` as parameter number `n` is of the type.
    fn passes(&mut self, from: BlockId, to: BlockId, n: usize) -> bool {
        let targets = self.f.targets(from);
        let mut ways = targets.iter().filter(|t| t.block == to);
        ways.all(|t| self.fits(t.args[n]))
    }

    fn fits(&mut self, v: V) -> bool {
        if v == self.p || self.seen.contains(&v) {
            return true;
        }
        let i = &self.f.insts[v.n()];
        match i.op {
            Op::Box => planted(Bug::UnboxAnything) || self.f.ty(i.args[0]) == self.ty,
            Op::Select => self.fits(i.args[1]) && self.fits(i.args[2]),
            Op::Param => {
                let Some(&b) = self.params.get(&v) else {
                    return false;
                };
                let at = self.f.blocks[b.n()].params.iter().position(|&p| p == v);
                let Some(n) = at.filter(|_| self.cfg.contains(self.id, b)) else {
                    return false;
                };
                // Another parameter of the header is not known to be of it.
                if b == self.cfg.the(self.id).header {
                    return false;
                }
                self.seen.push(v);
                let preds = &self.cfg.preds[b.n()];
                preds.iter().all(|&from| self.passes(from, b, n))
            }
            _ => false,
        }
    }
}
