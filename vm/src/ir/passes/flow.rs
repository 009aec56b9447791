//! Simplification of control flow: branches, blocks and their parameters.
//!
//! - A branch on a constant is a jump, one on `not x` is a branch on `x`.
//! - A jump to a block that only leads on goes where that leads, even through a
//!   branch that is decided for whoever comes this way.
//! - A block with one way in, from a block with one way out, is part of that.
//! - A parameter that always gets the same value is that value. Two parameters
//!   that always get the same are one. A parameter that always gets a box of
//!   one type is of that type.
//!
//! Headers of loops (blocks with a state of their beginning) are neither
//! skipped nor jumped to from new places, so that loops keep their shape. What
//! is cut off stays where it is: blocks that can't be reached are ignored.

use super::loops::unbox_param;
use super::{Cx, rename::Rename};
use crate::ir::{BlockId, Func, Inst, Op, Target, Term, Ty, V, cfg};
use smallvec::SmallVec;

/// Simplifies everything once: whether there was anything.
pub(super) fn run(f: &mut Func<'_>, cx: &mut Cx<'_>) -> bool {
    let decided = decide(f, cx);
    let threaded = thread(f);
    let merged = merge(f);
    let params = params(f, cx);
    decided | threaded | merged | params
}

/// Branches that go one way.
fn decide(f: &mut Func<'_>, cx: &mut Cx<'_>) -> bool {
    let mut changed = false;
    for b in cfg::reachable(f) {
        let Term::Branch {
            cond,
            yes,
            no,
            likely,
        } = &f.blocks[b.n()].term
        else {
            continue;
        };
        let of = &f.insts[cond.n()];
        let term = match of.op {
            Op::Bool => Term::Jump(if of.imm != 0 { yes } else { no }.clone()),
            Op::Not => Term::Branch {
                cond: of.args[0],
                yes: no.clone(),
                no: yes.clone(),
                likely: likely.map(|l| !l),
            },
            _ if yes.block == no.block && yes.args == no.args => Term::Jump(yes.clone()),
            _ => continue,
        };
        cx.stats.branches_decided += u32::from(matches!(term, Term::Jump(_)));
        f.blocks[b.n()].term = term;
        changed = true;
    }
    changed
}

/// How often each value is used, by whatever can be reached.
fn use_counts(f: &Func<'_>, order: &[BlockId]) -> Vec<u32> {
    let mut count = vec![0; f.insts.len()];
    for &b in order {
        let block = &f.blocks[b.n()];
        for v in &block.insts {
            for a in f.insts[v.n()].args {
                count[a.n()] += 1;
            }
        }
        block.term.uses(&mut |v| count[v.n()] += 1);
    }
    for (frame, used) in f.frames.iter().zip(f.used_frames(order)) {
        if used {
            frame.uses(&mut |v| count[v.n()] += 1);
        }
    }
    count
}

/// Leads jumps past blocks that do nothing.
fn thread(f: &mut Func<'_>) -> bool {
    let order = cfg::reachable(f);
    let counts = use_counts(f, &order);
    // Blocks that only lead on, with parameters that nobody else uses.
    let leads_on: Vec<bool> = f
        .blocks
        .iter()
        .map(|block| {
            let mut own = 0;
            block
                .term
                .uses(&mut |v| own += u32::from(block.params.contains(&v)));
            let all: u32 = block.params.iter().map(|p| counts[p.n()]).sum();
            block.insts.is_empty() && block.entry.is_none() && own == all
        })
        .collect();
    let mut changed = false;
    for &b in &order {
        let mut term = f.blocks[b.n()].term.clone();
        let mut moved = false;
        for t in term.targets_mut() {
            // The bound ends rings of empty blocks.
            for _ in 0..8 {
                if t.block == b || !leads_on[t.block.n()] {
                    break;
                }
                let Some(next) = onward(f, t) else { break };
                if f.blocks[next.block.n()].entry.is_some() || next.block == t.block {
                    break;
                }
                *t = next;
                moved = true;
            }
        }
        if moved {
            f.blocks[b.n()].term = term;
            changed = true;
        }
    }
    changed
}

/// Where somebody who comes this way to an empty block goes from there, if
/// that is known.
fn onward(f: &Func<'_>, way: &Target) -> Option<Target> {
    let block = &f.blocks[way.block.n()];
    let given = |v: V| {
        let param = block.params.iter().position(|&p| p == v);
        param.map_or(v, |n| way.args[n])
    };
    let next = match &block.term {
        Term::Jump(t) => t,
        Term::Branch { cond, yes, no, .. } => {
            let of = &f.insts[given(*cond).n()];
            match (of.op, of.imm) {
                (Op::Bool, 0) => no,
                (Op::Bool, _) => yes,
                _ => return None,
            }
        }
        _ => return None,
    };
    Some(Target {
        block: next.block,
        args: next.args.iter().map(|&v| given(v)).collect(),
    })
}

/// Appends blocks to the only ones that lead to them.
fn merge(f: &mut Func<'_>) -> bool {
    let order = cfg::reachable(f);
    let mut ways_in = vec![0; f.blocks.len()];
    ways_in[BlockId::ENTRY.n()] = 1;
    for &b in &order {
        for t in f.targets(b) {
            ways_in[t.block.n()] += 1;
        }
    }
    let mut rename = Rename::default();
    let mut changed = false;
    for &b in &order {
        while let Term::Jump(t) = &f.blocks[b.n()].term
            && ways_in[t.block.n()] == 1
            && t.block != b
        {
            let t = t.clone();
            let next = &mut f.blocks[t.block.n()];
            let params = std::mem::replace(&mut next.params, BVecOf::new_in(f.arena));
            let insts = std::mem::replace(&mut next.insts, BVecOf::new_in(f.arena));
            let term = std::mem::replace(&mut next.term, Term::Open);
            for (&p, &a) in params.iter().zip(&t.args) {
                rename.set(p, a);
            }
            f.blocks[b.n()].insts.extend(insts);
            f.blocks[b.n()].term = term;
            // Nothing leads there any more.
            ways_in[t.block.n()] = 0;
            changed = true;
        }
    }
    rename.apply(f);
    changed
}

type BVecOf<'a, T> = bumpalo::collections::Vec<'a, T>;

/// The edges to each block: who, and by which of its targets.
fn edges(f: &Func<'_>, order: &[BlockId]) -> Vec<SmallVec<[(BlockId, usize); 2]>> {
    let mut edges = vec![SmallVec::new(); f.blocks.len()];
    for &b in order {
        for (n, t) in f.targets(b).iter().enumerate() {
            edges[t.block.n()].push((b, n));
        }
    }
    edges
}

/// Parameters that are known.
fn params(f: &mut Func<'_>, cx: &mut Cx<'_>) -> bool {
    let order = cfg::reachable(f);
    let edges = edges(f, &order);
    let mut changed = false;
    loop {
        let mut rename = Rename::default();
        let mut again = false;
        for &b in &order[1..] {
            let mut n = 0;
            while n < f.blocks[b.n()].params.len() {
                let p = f.blocks[b.n()].params[n];
                let given = |n: usize| -> SmallVec<[V; 4]> {
                    let ways = edges[b.n()].iter();
                    ways.map(|&(from, t)| rename.of(f.targets(from)[t].args[n]))
                        .collect()
                };
                let args = given(n);
                let other = || {
                    let mut before = 0..n;
                    before.find(|&m| given(m) == args)
                };
                if let Some(same) = same_value(f, p, &args) {
                    rename.set(p, same);
                } else if let Some(c) = same_constant(f, p, &args) {
                    // Its own copy, which is there on every way; of a loop, also
                    // where its state names it, before the header.
                    let copy = f.inst(c.op, c.ty, &[], c.imm, None);
                    let home = match f.blocks[b.n()].entry {
                        Some(_) => BlockId::ENTRY,
                        None => b,
                    };
                    f.blocks[home.n()].insts.insert(0, copy);
                    rename.set(p, copy);
                } else if let Some(m) = other() {
                    rename.set(p, f.blocks[b.n()].params[m]);
                } else {
                    if let Some(ty) = boxed_type(f, p, &args) {
                        unbox(f, b, n, ty, &edges[b.n()], &rename);
                        cx.stats.params_unboxed += 1;
                        again = true;
                    }
                    n += 1;
                    continue;
                }
                f.blocks[b.n()].params.remove(n);
                for &(from, t) in &edges[b.n()] {
                    f.blocks[from.n()].term.targets_mut()[t].args.remove(n);
                }
                again = true;
            }
        }
        if !again {
            return changed;
        }
        rename.apply(f);
        changed = true;
    }
}

/// What the parameter `p` always is, if all of `args` are that or `p` itself.
fn same_value(f: &Func<'_>, p: V, args: &[V]) -> Option<V> {
    let one = |name: &dyn Fn(V) -> V| {
        let mut same = None;
        for &a in args {
            let a = name(a);
            if a != p && *same.get_or_insert(a) != a {
                return None;
            }
        }
        same
    };
    // As it is; or a value on some ways, and a box of what a guard made of it
    // on others.
    let plain = |a: V| boxed_again(f, a).unwrap_or(a);
    one(&|a| if plain(a) == p { p } else { a }).or_else(|| one(&plain))
}

/// The value of which `a` is a box again, after a guard.
fn boxed_again(f: &Func<'_>, a: V) -> Option<V> {
    let inst = |v: V| &f.insts[v.n()];
    let inner = (inst(a).op == Op::Box).then(|| inst(inst(a).args[0]))?;
    (inner.op == Op::GuardIs).then(|| inner.args[0])
}

/// The constant that all of `args` are.
fn same_constant<'a>(f: &Func<'a>, p: V, args: &[V]) -> Option<Inst<'a>> {
    let constant = |v: V| {
        let i = f.insts[v.n()];
        matches!(i.op, Op::Int | Op::Float | Op::Nil | Op::Bool | Op::Object).then_some(i)
    };
    let mut rest = args.iter().filter(|&&a| a != p);
    let first = constant(*rest.next()?)?;
    let equal = |i: Inst<'_>| (i.op, i.ty, i.imm) == (first.op, first.ty, first.imm);
    rest.all(|&a| constant(a).is_some_and(equal))
        .then_some(first)
}

/// The one type that all of `args` are boxes of.
fn boxed_type(f: &Func<'_>, p: V, args: &[V]) -> Option<Ty> {
    if f.ty(p) != Ty::Any {
        return None;
    }
    let of = |a: V| {
        let i = &f.insts[a.n()];
        (i.op == Op::Box).then(|| f.ty(i.args[0]))
    };
    let mut rest = args.iter().filter(|&&a| a != p);
    let first = of(*rest.next()?)?;
    rest.all(|&a| of(a) == Some(first)).then_some(first)
}

/// Makes the parameter at position `n` one of type `ty`, and its value a box
/// of that.
fn unbox(
    f: &mut Func<'_>,
    b: BlockId,
    n: usize,
    ty: Ty,
    edges: &[(BlockId, usize)],
    rename: &Rename,
) {
    let old = f.blocks[b.n()].params[n];
    let new = unbox_param(f, b, n, ty);
    for &(from, t) in edges {
        let arg = rename.of(f.targets(from)[t].args[n]);
        let inner = if arg == old {
            new
        } else {
            f.insts[arg.n()].args[0]
        };
        f.blocks[from.n()].term.targets_mut()[t].args[n] = inner;
    }
}
