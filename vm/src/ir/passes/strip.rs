//! Strip-mining: counted loops poll once in a while only.
//!
//! An innermost counted loop ([`loops`](super::loops)) whose body polls and calls
//! nothing becomes two: the inner one runs a bounded number of iterations
//! without a poll, so that LLVM can vectorise it; the outer one polls.
//!
//! ```text
//!  pre ─▶ header(i, c)              pre ─▶ outer(i, c): s = c - min(c, N - 1)
//!           │      ▲                         │
//!           ▼      │                         ▼
//!     test: poll   │                       header(i, c) ◀── latch
//!       c == 0? ─▶ latch                     │                ▲
//!        │                                   ▼                │
//!       out                                test: c == s? ─────┘
//!                                            │
//!                                          last: poll; c == 0? ─▶ out
//!                                            │
//!                                          again ─▶ outer(i + step, c - 1)
//! ```
//!
//! The inner loop is left when `c` is 0 or after `N` iterations. Frame states stay
//! as they are: they name the parameters of the header, and the state at a poll
//! depends on nothing that is done after it.
//!
//! ## Conditions
//! The poll is in the block that tests the count, and nothing after it in that
//! block has an effect or may leave the code. The latch is one block that only
//! the test leads to; `again` is a copy of it.
//!
//! `N` is such that an inner loop takes well below a millisecond.

use super::Cx;
use super::loops::{Counted, counted, passed, preheaders, substituted};
use crate::ir::cfg::{Cfg, LoopId};
use crate::ir::{BlockId, Func, Op, Target, Term, Ty, V};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Instructions an inner loop may run, about.
const BUDGET: usize = 128 * 1024;
/// Most iterations of an inner loop, and fewest that are worth it.
const MOST: usize = 4096;
const FEWEST: usize = 64;

/// Runs the pass.
pub(super) fn run(f: &mut Func<'_>, cx: &mut Cx<'_>) {
    let Some(cfg) = preheaders(f) else { return };
    for n in 0..cfg.loops.len() {
        let id = LoopId(n as u32);
        if cfg.loops.iter().any(|l| l.parent == Some(id)) {
            continue;
        }
        let Some(l) = counted(f, &cfg, id) else {
            continue;
        };
        if let Some(form) = form(f, &cfg, &l) {
            strip(f, &l, &form);
            cx.stats.loops_stripped += 1;
        }
    }
}

/// What a loop that can be strip-mined consists of.
pub(super) struct Form {
    latch: BlockId,
    poll: V,
    /// Iterations of the inner loop.
    iterations: u64,
}

/// The loop's form, if the conditions hold.
pub(super) fn form(f: &Func<'_>, cfg: &Cfg, l: &Counted) -> Option<Form> {
    let whole = cfg.the(l.id);
    let [latch] = whole.latches[..] else {
        return None;
    };
    if latch == l.test || cfg.preds[latch.n()][..] != [l.test] {
        return None;
    }
    let Term::Branch { no, .. } = &f.blocks[l.test.n()].term else {
        return None;
    };
    let jumps = matches!(f.blocks[latch.n()].term, Term::Jump(_));
    if no.block != latch || !no.args.is_empty() || !jumps {
        return None;
    }
    let mut poll = None;
    let mut cost = 0;
    for &b in &whole.blocks {
        for &v in &f.blocks[b.n()].insts {
            let op = f.insts[v.n()].op;
            if op.calls() || (op == Op::Poll && poll.replace((b, v)).is_some()) {
                return None;
            }
            cost += match op {
                Op::IDiv | Op::IMod | Op::UDiv | Op::FDiv | Op::FSqrt => 8,
                Op::FMod
                | Op::FPow
                | Op::NewTable
                | Op::NewClosure
                | Op::NewCell
                | Op::OpenCell
                | Op::CloseCells
                | Op::HashSlot
                | Op::SetInt
                | Op::StrEq
                | Op::StrOrder => 32,
                Op::Leaf | Op::LeafArray | Op::LeafStore | Op::NextEntry => 256,
                Op::Spread | Op::Pack | Op::Unpack => 1024,
                _ => 1,
            };
        }
    }
    let (at, poll) = poll?;
    let after = f.blocks[at.n()].insts.iter().skip_while(|&&v| v != poll);
    let harmless = after.skip(1).all(|v| f.insts[v.n()].op.is_removable());
    if at != l.test || !harmless {
        return None;
    }
    let most = (BUDGET / cost).min(MOST);
    (most >= FEWEST).then(|| Form {
        latch,
        poll,
        iterations: 1 << most.ilog2(),
    })
}

/// What the outer loop begins with.
pub(super) struct Outer {
    pub block: BlockId,
    /// Its parameters, those of the inner loop's header.
    pub given: SmallVec<[V; 4]>,
    /// Iterations of the inner loop, but one.
    pub few: V,
    /// The count at which the inner loop is left.
    stop: V,
    poll: V,
}

/// Makes the loop two.
pub(super) fn strip(f: &mut Func<'_>, l: &Counted, form: &Form) -> Outer {
    let (header, test, latch) = (l.header, l.test, form.latch);
    let params: SmallVec<[V; 4]> = f.blocks[header.n()].params.iter().copied().collect();

    // The outer loop's header.
    let outer = f.block();
    let mut given: SmallVec<[V; 4]> = SmallVec::new();
    for &p in &params {
        let ty = f.ty(p);
        given.push(f.param(outer, ty));
    }
    let of_outer = |v: V| {
        let n = params.iter().position(|&p| p == v);
        n.map_or(v, |n| given[n])
    };
    if let Some(entry) = f.blocks[header.n()].entry {
        let entry = substituted(f, entry, &of_outer);
        f.blocks[outer.n()].entry = Some(entry);
    }
    f.blocks[outer.n()].cold = f.blocks[header.n()].cold;
    let count = of_outer(l.count.param);
    let most = put(f, outer, Op::Int, Ty::Int, &[], form.iterations - 1);
    let few = put(f, outer, Op::IUlt, Ty::Bool, &[count, most], 0);
    let first = put(f, outer, Op::Select, Ty::Int, &[few, count, most], 0);
    let stop = put(f, outer, Op::ISub, Ty::Int, &[count, first], 0);
    f.blocks[outer.n()].term = Term::Jump(Target {
        block: header,
        args: given.clone(),
    });
    for t in f.blocks[l.preheader.n()].term.targets_mut() {
        if t.block == header {
            t.block = outer;
        }
    }

    // Where the inner loop ends: the poll, and the test of the count.
    let last = f.block();
    f.blocks[test.n()].insts.retain(|&v| v != form.poll);
    let pc = f.insts[form.poll.n()].imm;
    let frame = f.insts[form.poll.n()].frame;
    let poll = f.inst(Op::PollRounds, Ty::Void, &[first], pc, frame);
    f.blocks[last.n()].insts.push(poll);
    let again = copy(f, latch, header, outer);
    let done = put(f, test, Op::IEq, Ty::Bool, &[l.count.param, stop], 0);
    let on = Term::Branch {
        cond: done,
        yes: Target::to(last),
        no: Target::to(latch),
        likely: Some(false),
    };
    let mut old = std::mem::replace(&mut f.blocks[test.n()].term, on);
    if let Term::Branch { no, likely, .. } = &mut old {
        no.block = again;
        *likely = None;
    }
    f.blocks[last.n()].term = old;
    Outer {
        block: outer,
        given,
        few: first,
        stop,
        poll,
    }
}

impl Outer {
    /// The inner loop runs `few` iterations and one, which is computed in the outer
    /// one's header.
    pub(super) fn runs(&self, f: &mut Func<'_>, few: V) {
        let count = f.insts[self.stop.n()].args[0];
        f.insts[self.stop.n()].args = f.arena.alloc_slice_copy(&[count, few]);
        f.insts[self.poll.n()].args = f.arena.alloc_slice_copy(&[few]);
        // Behind what it is computed from.
        let insts = &mut f.blocks[self.block.n()].insts;
        insts.retain(|&v| v != self.stop);
        insts.push(self.stop);
    }
}

/// Appends an instruction to a block.
pub(super) fn put(f: &mut Func<'_>, b: BlockId, op: Op, ty: Ty, args: &[V], imm: u64) -> V {
    let v = f.inst(op, ty, args, imm, None);
    f.blocks[b.n()].insts.push(v);
    v
}

/// A copy of the latch that jumps to `outer` instead of `header`.
fn copy(f: &mut Func<'_>, latch: BlockId, header: BlockId, outer: BlockId) -> BlockId {
    let copy = f.block();
    let mut names: FxHashMap<V, V> = FxHashMap::default();
    let insts: Vec<V> = f.blocks[latch.n()].insts.iter().copied().collect();
    for v in insts {
        let new = |v: V| names.get(&v).copied().unwrap_or(v);
        let i = f.insts[v.n()];
        let args: SmallVec<[V; 4]> = i.args.iter().map(|&a| new(a)).collect();
        let frame = i.frame.map(|frame| substituted(f, frame, &new));
        let made = f.inst(i.op, i.ty, &args, i.imm, frame);
        f.blocks[copy.n()].insts.push(made);
        names.insert(v, made);
    }
    let args = passed(f, latch, header).unwrap_or_default();
    let new = |v: &V| names.get(v).copied().unwrap_or(*v);
    f.blocks[copy.n()].term = Term::Jump(Target {
        block: outer,
        args: args.iter().map(new).collect(),
    });
    copy
}
