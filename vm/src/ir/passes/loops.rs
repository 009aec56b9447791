//! What passes know about loops: preheaders, states at their beginning, and
//! counted loops.
//!
//! A **counted loop** has a parameter that goes down by one each time, its
//! *count*, and is left when that is zero before the next iteration: it runs
//! count + 1 times at most, the count at its beginning taken as unsigned.
//! Parameters that change by a constant each time are its **inductions**.
//!
//! ```text
//! preheader: jump header(i0, c0)
//! header(i, c): …
//!   branch (c == 0) out latch
//! latch: jump header(i + step, c - 1)
//! ```

use super::memory::distance;
use crate::ir::cfg::{Cfg, LoopId};
use crate::ir::{BlockId, Frame, FrameId, Func, Op, Target, Term, Ty, V};
use smallvec::SmallVec;

/// Gives each loop a preheader: a block that leads to its header and nowhere
/// else, and alone does so from outside. `None`: control flow is not reducible.
pub(super) fn preheaders(f: &mut Func<'_>) -> Option<Cfg> {
    let cfg = Cfg::of(f)?;
    let mut changed = false;
    for n in 0..cfg.loops.len() {
        let id = LoopId(n as u32);
        if cfg.preheader(f, id).is_some() {
            continue;
        }
        changed = true;
        let header = cfg.the(id).header;
        let new = f.block();
        let preds = cfg.preds[header.n()].iter().copied();
        let outside: SmallVec<[BlockId; 2]> = preds.filter(|&p| !cfg.contains(id, p)).collect();
        // One way in: what it passes is known. Several: parameters.
        let args = match outside[..] {
            [from] => passed(f, from, header).unwrap_or_default(),
            _ => {
                let params = f.blocks[header.n()].params.iter();
                let types: SmallVec<[Ty; 4]> = params.map(|&p| f.ty(p)).collect();
                types.into_iter().map(|ty| f.param(new, ty)).collect()
            }
        };
        f.blocks[new.n()].term = Term::Jump(Target {
            block: header,
            args,
        });
        f.blocks[new.n()].cold = f.blocks[header.n()].cold;
        for &p in &outside {
            for t in f.blocks[p.n()].term.targets_mut() {
                if t.block == header {
                    t.block = new;
                    if outside.len() == 1 {
                        t.args.clear();
                    }
                }
            }
        }
    }
    if changed { Cfg::of(f) } else { Some(cfg) }
}

/// What `from` passes to `to`, which it leads to once at most.
pub(super) fn passed(f: &Func<'_>, from: BlockId, to: BlockId) -> Option<SmallVec<[V; 4]>> {
    let targets = f.targets(from);
    let mut ways = targets.iter().filter(|t| t.block == to);
    let args = ways.next()?.args.clone();
    ways.next().is_none().then_some(args)
}

/// The state at the beginning of the loop with this header, in terms of the
/// values at the end of its preheader: what guards there go on with.
pub(super) fn entry_frame(
    f: &mut Func<'_>,
    preheader: BlockId,
    header: BlockId,
) -> Option<FrameId> {
    let entry = f.blocks[header.n()].entry?;
    let args = passed(f, preheader, header)?;
    let params: SmallVec<[V; 4]> = f.blocks[header.n()].params.iter().copied().collect();
    let given = |v: V| {
        let n = params.iter().position(|&p| p == v);
        n.map_or(v, |n| args[n])
    };
    let state = substituted(f, entry, &given);
    let early = Frame {
        early: true,
        ..f.frames[state.n()]
    };
    Some(f.add_frame(early))
}

/// The frame state with other values, its parents included.
pub(super) fn substituted(f: &mut Func<'_>, id: FrameId, map: &dyn Fn(V) -> V) -> FrameId {
    let old = f.frames[id.n()];
    let parent = old.parent.map(|p| substituted(f, p, map));
    let mut new = Frame { parent, ..old };
    new.replace(f.arena, &mut |v| map(v));
    let mut same = parent == old.parent;
    old.uses(&mut |v| same &= map(v) == v);
    if same {
        return id;
    }
    f.add_frame(new)
}

/// Makes the parameter at position `n` of a block one of type `ty`; its value
/// is a box of that from now on. What is passed to it is the caller's matter.
pub(super) fn unbox_param(f: &mut Func<'_>, block: BlockId, n: usize, ty: Ty) -> V {
    let old = f.blocks[block.n()].params[n];
    let new = f.inst(Op::Param, ty, &[], 0, None);
    f.blocks[block.n()].params[n] = new;
    f.insts[old.n()].op = Op::Box;
    f.insts[old.n()].args = f.arena.alloc_slice_copy(&[new]);
    f.blocks[block.n()].insts.insert(0, old);
    // The state at the beginning comes before the box.
    if let Some(entry) = f.blocks[block.n()].entry {
        let entry = substituted(f, entry, &|v| if v == old { new } else { v });
        f.blocks[block.n()].entry = Some(entry);
    }
    new
}

/// The pc of a loop, of a function, at which guards before it go on.
pub(super) fn place(f: &Func<'_>, header: BlockId) -> Option<(u32, u32)> {
    let frame = &f.frames[f.blocks[header.n()].entry?.n()];
    Some((frame.func, frame.pc))
}

/// A parameter that changes by the same each time around.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Induction {
    pub param: V,
    /// Its value before the loop.
    pub first: V,
    pub step: Step,
}

/// By how much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Not zero.
    Const(i64),
    /// By a value known before the loop, which is yet to be guarded to be above
    /// zero.
    Upward(V),
}

impl Step {
    /// It is above zero, or will be.
    pub(super) fn is_upward(self) -> bool {
        !matches!(self, Step::Const(..0))
    }
}

/// A counted loop.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub id: LoopId,
    pub header: BlockId,
    pub preheader: BlockId,
    /// Where the count is tested.
    pub test: BlockId,
    pub count: Induction,
    /// All inductions but the count.
    pub inductions: Vec<Induction>,
}

/// The loop as a counted one. It needs a preheader.
pub(super) fn counted(f: &Func<'_>, cfg: &Cfg, id: LoopId) -> Option<Counted> {
    // Known where the preheader ends: no block of the loop defines it.
    let inside = |v: V| {
        let mut blocks = cfg.the(id).blocks.iter();
        blocks.any(|b| {
            let block = &f.blocks[b.n()];
            block.params.contains(&v) || block.insts.contains(&v)
        })
    };
    let outside = |v: V| !inside(v);
    let header = cfg.the(id).header;
    let preheader = cfg.preheader(f, id)?;
    let [latch] = cfg.the(id).latches[..] else {
        return None;
    };
    let first = passed(f, preheader, header)?;
    let next = passed(f, latch, header)?;
    let mut inductions = Vec::new();
    for (n, &param) in f.blocks[header.n()].params.iter().enumerate() {
        if f.ty(param) != Ty::Int {
            continue;
        }
        let sum = &f.insts[next[n].n()];
        let step = match (distance(f, next[n]), sum.op, sum.args) {
            ((Some(from), by), _, _) if from == param && by != 0 => Step::Const(by),
            (_, Op::IAdd, &[x, by] | &[by, x]) if x == param && outside(by) => Step::Upward(by),
            _ => continue,
        };
        inductions.push(Induction {
            param,
            first: first[n],
            step,
        });
    }
    // The test: a branch on `count == 0` that leaves, passed on every way
    // around.
    for (n, &count) in inductions.iter().enumerate() {
        if count.step != Step::Const(-1) {
            continue;
        }
        let test = cfg
            .the(id)
            .blocks
            .iter()
            .copied()
            .find(|&b| cfg.dominates(b, latch) && is_test(f, cfg, id, b, count.param));
        if let Some(test) = test {
            inductions.remove(n);
            return Some(Counted {
                id,
                header,
                preheader,
                test,
                count,
                inductions,
            });
        }
    }
    None
}

/// `b` ends with `branch (count == 0)`, out of the loop if it is.
fn is_test(f: &Func<'_>, cfg: &Cfg, id: LoopId, b: BlockId, count: V) -> bool {
    let Term::Branch { cond, yes, no, .. } = &f.blocks[b.n()].term else {
        return false;
    };
    let i = &f.insts[cond.n()];
    i.op == Op::IEq
        && i.args[0] == count
        && f.int_const(i.args[1]) == Some(0)
        && !cfg.contains(id, yes.block)
        && cfg.contains(id, no.block)
}
