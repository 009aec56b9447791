//! Frame states that name objects rather than the slots they were stored to.
//!
//! Before a loop that may call, the builder stores what the loop only reads, and
//! frame states find it in its slot from then on. If all that was called is
//! inlined nobody else looks there, but the object has been stored. Here frame
//! states get the object itself, as long as its slot surely holds it; [`dce`]
//! removes the store then, if nothing else needs it, and [`sink`] the object.
//!
//! ```text
//!  slot_store v5 3                    slot_store v5 3
//!  guard v9 tag @1   @1: r3=slot  ─▶  guard v9 tag @2   @2: r3=v5
//! ```
//!
//! A forward analysis of which slots hold which value; what runs other code, or
//! writes slots in another way, ends all that is known.
//!
//! [`dce`]: super::dce
//! [`sink`]: super::sink

use super::Cx;
use super::sink::base as root_of;
use crate::ir::cfg::Cfg;
use crate::ir::inst::regions;
use crate::ir::{BlockId, Frame, FrameId, Func, Held, Op, V};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// Slots and the objects they hold.
type Known = BTreeMap<u64, V>;

/// Runs the pass.
pub(super) fn run(f: &mut Func<'_>, cx: &mut Cx<'_>) {
    let Some(cfg) = Cfg::of(f) else { return };
    let stores = cfg.order.iter().flat_map(|b| &f.blocks[b.n()].insts);
    let mut stores = stores.filter(|v| f.insts[v.n()].op == Op::SlotStore);
    if !stores.any(|v| is_object(f, f.insts[v.n()].args[0])) {
        return;
    }
    let before = solve(f, &cfg);
    for &b in &cfg.order {
        let mut known = before[b.n()].clone().unwrap_or_default();
        if let Some(entry) = f.blocks[b.n()].entry {
            f.blocks[b.n()].entry = Some(named(f, entry, &known, cx));
        }
        let insts: SmallVec<[V; 32]> = f.blocks[b.n()].insts.iter().copied().collect();
        for v in insts {
            let i = f.insts[v.n()];
            if let Some(frame) = i.frame
                && (i.op.is_guard() || matches!(i.op, Op::Poll | Op::PollRounds | Op::NewTable))
            {
                f.insts[v.n()].frame = Some(named(f, frame, &known, cx));
            }
            step(f, v, &mut known);
        }
        if let crate::ir::Term::Exit { frame, .. } = f.blocks[b.n()].term {
            let frame = named(f, frame, &known, cx);
            f.blocks[b.n()].term.set_frame(frame);
        }
    }
}

/// Whether `v` is an object that might be sunk.
fn is_object(f: &Func<'_>, v: V) -> bool {
    matches!(f.insts[root_of(f, v).n()].op, Op::NewTable | Op::NewClosure)
}

/// What is known where each block begins.
fn solve(f: &Func<'_>, cfg: &Cfg) -> Vec<Option<Known>> {
    let mut before: Vec<Option<Known>> = vec![None; f.blocks.len()];
    before[BlockId::ENTRY.n()] = Some(Known::new());
    let mut changed = true;
    while changed {
        changed = false;
        for &b in &cfg.order {
            let Some(mut known) = before[b.n()].clone() else {
                continue;
            };
            for &v in &f.blocks[b.n()].insts {
                step(f, v, &mut known);
            }
            for t in f.targets(b) {
                let into = &mut before[t.block.n()];
                match into {
                    None => {
                        *into = Some(known.clone());
                        changed = true;
                    }
                    Some(there) => {
                        let n = there.len();
                        there.retain(|slot, v| known.get(slot) == Some(v));
                        changed |= there.len() != n;
                    }
                }
            }
        }
    }
    before
}

/// What is known after an instruction.
fn step(f: &Func<'_>, v: V, known: &mut Known) {
    let i = &f.insts[v.n()];
    match i.op {
        Op::SlotStore if is_object(f, i.args[0]) => {
            known.insert(i.imm, i.args[0]);
        }
        Op::SlotStore => {
            known.remove(&i.imm);
        }
        // Instead of the object made before, there is another one now.
        Op::NewTable | Op::NewClosure => known.retain(|_, held| root_of(f, *held) != v),
        op if op.calls() || op.info().writes & regions::SLOTS != 0 => known.clear(),
        _ => {}
    }
}

/// The frame state with objects in place of slots that hold them.
fn named(f: &mut Func<'_>, id: FrameId, known: &Known, cx: &mut Cx<'_>) -> FrameId {
    let old = f.frames[id.n()];
    let parent = old.parent.map(|p| named(f, p, known, cx));
    let base = u64::from(old.base);
    let object = |(r, held): &(u8, Held)| match (held, known.get(&(base + u64::from(*r)))) {
        (Held::Slot, Some(&v)) => (*r, Held::Value(v)),
        _ => (*r, *held),
    };
    let regs: SmallVec<[(u8, Held); 16]> = old.regs.iter().map(object).collect();
    if parent == old.parent && regs[..] == *old.regs {
        return id;
    }
    cx.stats.objects_named += 1;
    let regs = f.arena.alloc_slice_copy(&regs);
    f.add_frame(Frame {
        parent,
        regs,
        ..old
    })
}
