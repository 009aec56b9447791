//! Dead code: what nobody asks for.
//!
//! - **Values.** What has an effect, may leave the code, or ends a block is
//!   needed, and whatever that uses, frame states included. A parameter is
//!   needed if its value is, and then so is what its block's predecessors pass.
//!   Guards stay even if nobody uses what they find: the instruction they
//!   belong to would have done something else.
//! - **Stores to VM slots** that are overwritten before anybody can look: a
//!   backward analysis of which slots may still be read. They are read by
//!   `slot_load`, by frame states that leave a register in its slot, and by
//!   all that runs other code. (Captured registers have instructions of their
//!   own.)
//!
//! Links, and whatever reaches memory other than slots, are left alone.

use super::Cx;
use crate::ir::cfg::{self, Cfg};
use crate::ir::{BlockId, FrameId, Func, Held, Op, Term, V};
use strata_runtime::audit::{Bug, planted};

/// Runs the pass.
pub(super) fn run(f: &mut Func<'_>, cx: &mut Cx<'_>) {
    slot_stores(f, cx);
    values(f, cx);
}

/// Removes values without use.
fn values(f: &mut Func<'_>, cx: &mut Cx<'_>) {
    let order = cfg::reachable(f);
    let mut live = Live {
        values: vec![false; f.insts.len()],
        frames: vec![false; f.frames.len()],
        work: Vec::new(),
    };
    // Of a parameter: what is passed for it.
    let mut passed: Vec<Vec<V>> = vec![Vec::new(); f.insts.len()];
    for &b in &order {
        let block = &f.blocks[b.n()];
        for &v in &block.insts {
            if !f.insts[v.n()].op.is_removable() {
                live.value(v);
            }
        }
        match &block.term {
            Term::Branch { cond, .. } => live.value(*cond),
            Term::Return { values, .. } => values.iter().for_each(|&v| live.value(v)),
            _ => {}
        }
        live.frame(f, block.term.frame());
        live.frame(f, block.entry);
        for t in f.targets(b) {
            for (&p, &a) in f.blocks[t.block.n()].params.iter().zip(&t.args) {
                passed[p.n()].push(a);
            }
        }
    }
    while let Some(v) = live.work.pop() {
        let inst = f.insts[v.n()];
        inst.args.iter().for_each(|&a| live.value(a));
        passed[v.n()].iter().for_each(|&a| live.value(a));
        live.frame(f, inst.frame);
    }
    let live = live.values;
    for &b in &order {
        let block = &mut f.blocks[b.n()];
        let before = block.insts.len();
        block.insts.retain(|v| live[v.n()]);
        cx.stats.dead_removed += (before - block.insts.len()) as u32;
    }
    for &b in &order {
        let mut term = std::mem::replace(&mut f.blocks[b.n()].term, Term::Open);
        for t in term.targets_mut() {
            let params = &f.blocks[t.block.n()].params;
            let mut n = 0;
            t.args.retain(|_| {
                n += 1;
                live[params[n - 1].n()]
            });
        }
        f.blocks[b.n()].term = term;
    }
    for &b in &order {
        f.blocks[b.n()].params.retain(|p| live[p.n()]);
    }
}

/// What is needed.
struct Live {
    values: Vec<bool>,
    /// Frame states that were looked at.
    frames: Vec<bool>,
    /// Values whose own uses were not looked at.
    work: Vec<V>,
}

impl Live {
    fn value(&mut self, v: V) {
        if !std::mem::replace(&mut self.values[v.n()], true) {
            self.work.push(v);
        }
    }

    fn frame(&mut self, f: &Func<'_>, mut frame: Option<FrameId>) {
        while let Some(id) = frame {
            if std::mem::replace(&mut self.frames[id.n()], true) {
                return;
            }
            f.frames[id.n()].uses(&mut |v| self.value(v));
            frame = f.frames[id.n()].parent;
        }
    }
}

/// A set of VM slots.
#[derive(Clone, PartialEq, Eq)]
struct Slots(Vec<u64>);

impl Slots {
    fn none(slots: usize) -> Slots {
        Slots(vec![0; slots.div_ceil(64)])
    }

    fn all(&mut self) {
        self.0.fill(u64::MAX);
    }

    fn has(&self, slot: u64) -> bool {
        let word = self.0.get(slot as usize / 64);
        word.is_some_and(|w| w >> (slot % 64) & 1 != 0)
    }

    fn add(&mut self, slot: u64) {
        // Slots past the end are never stored to.
        if let Some(w) = self.0.get_mut(slot as usize / 64) {
            *w |= 1 << (slot % 64);
        }
    }

    fn remove(&mut self, slot: u64) {
        if let Some(w) = self.0.get_mut(slot as usize / 64) {
            *w &= !(1 << (slot % 64));
        }
    }

    /// Adds all of `other`: whether there were new ones.
    fn join(&mut self, other: &Slots) -> bool {
        let mut new = false;
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            new |= *b & !*a != 0;
            *a |= b;
        }
        new
    }
}

/// Removes stores to slots that nobody reads.
fn slot_stores(f: &mut Func<'_>, cx: &mut Cx<'_>) {
    let Some(cfg) = Cfg::of(f) else { return };
    let stores = cfg.order.iter().flat_map(|b| &f.blocks[b.n()].insts);
    let stored = stores
        .map(|v| &f.insts[v.n()])
        .filter(|i| i.op == Op::SlotStore);
    let Some(last) = stored.map(|i| i.imm).max() else {
        return;
    };
    let slots = last as usize + 1;
    // Each block's own reads and writes, which are combined until nothing is new.
    let none = Slots::none(slots);
    let nothing = Own {
        reads: none.clone(),
        writes: none.clone(),
    };
    let mut own = vec![nothing; f.blocks.len()];
    for &b in &cfg.order {
        own[b.n()] = Own::of(f, b, slots);
    }
    // Slots that may be read, where each block begins.
    let mut live_in = vec![none.clone(); f.blocks.len()];
    let mut live = none.clone();
    let mut changed = true;
    while changed {
        changed = false;
        for &b in cfg.order.iter().rev() {
            let own = &own[b.n()];
            live.0.fill(0);
            for t in f.targets(b) {
                live.join(&live_in[t.block.n()]);
            }
            own.over(&mut live);
            changed |= live_in[b.n()].join(&live);
        }
    }
    for &b in &cfg.order {
        if own[b.n()].writes == none {
            continue;
        }
        let mut live = live_out(f, b, &live_in, slots);
        let mut keep: Vec<bool> = Vec::new();
        for &v in f.blocks[b.n()].insts.iter().rev() {
            let i = &f.insts[v.n()];
            let dead = i.op == Op::SlotStore && !live.has(i.imm);
            keep.push(!dead);
            transfer(f, v, &mut live);
        }
        cx.stats.slot_stores_removed += keep.iter().filter(|k| !**k).count() as u32;
        f.blocks[b.n()].insts.retain(|_| keep.pop() == Some(true));
    }
}

/// What a block does to slots.
#[derive(Clone)]
struct Own {
    /// Read, and not written before.
    reads: Slots,
    /// Written anywhere.
    writes: Slots,
}

impl Own {
    fn of(f: &Func<'_>, b: BlockId, slots: usize) -> Own {
        let (mut reads, mut writes) = (Slots::none(slots), Slots::none(slots));
        at_end(f, b, &mut reads);
        for &v in f.blocks[b.n()].insts.iter().rev() {
            transfer(f, v, &mut reads);
            if f.insts[v.n()].op == Op::SlotStore {
                writes.add(f.insts[v.n()].imm);
            }
        }
        // A guard may be put before a loop, and go on at its beginning.
        observe(f, f.blocks[b.n()].entry, &mut reads);
        Own { reads, writes }
    }

    /// Takes `live` from after the block to before it.
    fn over(&self, live: &mut Slots) {
        let own = self.reads.0.iter().zip(&self.writes.0);
        for (live, (reads, writes)) in live.0.iter_mut().zip(own) {
            *live = *live & !writes | reads;
        }
    }
}

/// Adds the slots that may be read where `b` ends, but for what comes after it.
fn at_end(f: &Func<'_>, b: BlockId, live: &mut Slots) {
    let term = &f.blocks[b.n()].term;
    match term {
        Term::Leave { .. } => live.all(),
        // The frame is gone.
        Term::Return { .. } => {}
        _ => observe(f, term.frame(), live),
    }
}

/// Slots that may be read where `b` ends.
fn live_out(f: &Func<'_>, b: BlockId, live_in: &[Slots], slots: usize) -> Slots {
    let mut live = Slots::none(slots);
    at_end(f, b, &mut live);
    for t in f.targets(b) {
        live.join(&live_in[t.block.n()]);
    }
    live
}

/// Takes `live` from after an instruction to before it.
fn transfer(f: &Func<'_>, v: V, live: &mut Slots) {
    let i = &f.insts[v.n()];
    match i.op {
        Op::SlotStore => live.remove(i.imm),
        Op::SlotLoad => live.add(i.imm),
        op if op.calls() && !planted(Bug::DeadAtCalls) => live.all(),
        _ => {}
    }
    observe(f, i.frame, live);
}

/// Adds the slots in which a frame state expects something.
fn observe(f: &Func<'_>, mut frame: Option<FrameId>, live: &mut Slots) {
    while let Some(id) = frame {
        let state = &f.frames[id.n()];
        let base = u64::from(state.base);
        for (r, held) in state.regs {
            if matches!(held, Held::Slot | Held::Cell(_)) && !planted(Bug::DeadAtExits) {
                live.add(base + u64::from(*r));
            }
        }
        if state.linked && state.parent.is_some() {
            live.add(base.saturating_sub(1));
            live.add(base.saturating_sub(2));
        }
        frame = state.parent;
    }
}
