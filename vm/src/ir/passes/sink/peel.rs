//! Peeling of loops that carry an object.
//!
//! A parameter of a loop that gets a new table each time around, but something
//! else before the loop, is no object: in the first iteration it is a table
//! that was there before, and others may know that one. So the first iteration
//! is made a copy of its own, in front of the loop; from the second on the
//! parameter gets new tables only.
//!
//! ```text
//!  pre ─▶ header ◀─┐           pre ─▶ header' ─▶ body' ─┐
//!           │      │                     │    ┌─────────┘
//!         body ────┘     ─▶              │    ▼
//!           │                            │  header ◀─┐
//!          out                           │    │      │
//!                                        │  body ────┘
//!                                        ▼    ▼
//!                                         out
//! ```
//!
//! What is behind the loop is copied as well if it is short, so that each
//! iteration has its own; else at least blocks that end there. Values of the
//! loop that are used in what is left come from two places then: where ways
//! meet, they become parameters.

use super::escape;
use crate::ir::cfg::{Cfg, LoopId};
use crate::ir::passes::loops::{preheaders, substituted};
use crate::ir::{BlockId, Func, Target, V};
use smallvec::SmallVec;
use std::collections::{BTreeSet, HashMap};

/// Most instructions of a loop that is peeled.
const MOST: usize = 600;

/// Most loops of a function that are peeled.
const MOST_LOOPS: u32 = 4;

/// Peels what can be sunk only then: how many loops.
pub(super) fn run(f: &mut Func<'_>) -> u32 {
    for peeled in 0..MOST_LOOPS {
        // Anew each time: copies change what is behind other loops.
        let Some(cfg) = preheaders(f) else {
            return peeled;
        };
        let wanted = escape::but_for_the_first(f, &cfg);
        let mut fitting = wanted.into_iter().filter_map(|id| {
            let blocks = &cfg.the(id).blocks;
            let size: usize = blocks.iter().map(|b| f.blocks[b.n()].insts.len()).sum();
            let innermost = cfg.loops.iter().all(|l| l.parent != Some(id));
            let preheader = cfg.preheader(f, id)?;
            (innermost && size <= MOST).then_some((id, preheader))
        });
        let Some((id, preheader)) = fitting.next() else {
            return peeled;
        };
        peel(f, &cfg, &region(f, &cfg, id), id, preheader);
    }
    MOST_LOOPS
}

/// The blocks that are copied, in reverse postorder: the loop, and what only it
/// leads to.
fn region(f: &Func<'_>, cfg: &Cfg, id: LoopId) -> Vec<BlockId> {
    let header = cfg.the(id).header;
    let own = |b: &BlockId| cfg.dominates(header, *b);
    let all: Vec<BlockId> = cfg.order.iter().copied().filter(own).collect();
    let size: usize = all.iter().map(|b| f.blocks[b.n()].insts.len()).sum();
    // In an outer loop, what follows goes around that.
    if size <= MOST && cfg.the(id).parent.is_none() {
        return all;
    }
    let ends = |b: BlockId| {
        let mut preds = cfg.preds[b.n()].iter();
        f.targets(b).is_empty() && preds.all(|&p| cfg.contains(id, p))
    };
    all.into_iter()
        .filter(|&b| cfg.contains(id, b) || ends(b))
        .collect()
}

/// The first iteration: copies of values and blocks.
struct Copies {
    values: HashMap<V, V>,
    blocks: HashMap<BlockId, BlockId>,
}

impl Copies {
    fn of(&self, v: V) -> V {
        self.values.get(&v).copied().unwrap_or(v)
    }
}

fn peel(f: &mut Func<'_>, cfg: &Cfg, region: &[BlockId], id: LoopId, preheader: BlockId) {
    let header = cfg.the(id).header;
    let mut copies = Copies {
        values: HashMap::new(),
        blocks: HashMap::new(),
    };
    for &b in region {
        let new = f.block();
        copies.blocks.insert(b, new);
        f.blocks[new.n()].cold = f.blocks[b.n()].cold;
        let params: SmallVec<[V; 8]> = f.blocks[b.n()].params.iter().copied().collect();
        for p in params {
            let ty = f.ty(p);
            let copy = f.param(new, ty);
            copies.values.insert(p, copy);
        }
    }
    // In this order definitions come before their uses.
    for &b in region {
        let new = copies.blocks[&b];
        let insts: Vec<V> = f.blocks[b.n()].insts.iter().copied().collect();
        for v in insts {
            let i = f.insts[v.n()];
            let args: SmallVec<[V; 4]> = i.args.iter().map(|&a| copies.of(a)).collect();
            let frame = i.frame.map(|id| substituted(f, id, &|v| copies.of(v)));
            let copy = f.inst(i.op, i.ty, &args, i.imm, frame);
            f.blocks[new.n()].insts.push(copy);
            copies.values.insert(v, copy);
        }
        let mut term = f.blocks[b.n()].term.clone();
        term.replace(&mut |v| copies.of(v));
        if let Some(frame) = term.frame() {
            term.set_frame(substituted(f, frame, &|v| copies.of(v)));
        }
        for t in term.targets_mut() {
            if t.block != header {
                t.block = copies.blocks.get(&t.block).copied().unwrap_or(t.block);
            }
        }
        f.blocks[new.n()].term = term;
        // The copy of the header begins no loop.
        if let Some(entry) = f.blocks[b.n()].entry.filter(|_| b != header) {
            let entry = substituted(f, entry, &|v| copies.of(v));
            f.blocks[new.n()].entry = Some(entry);
        }
    }
    for t in f.blocks[preheader.n()].term.targets_mut() {
        if t.block == header {
            t.block = copies.blocks[&header];
        }
    }
    join(f, cfg, region, &copies);
}

/// Makes what is behind the loop use the values of whichever iteration was
/// the last.
fn join(f: &mut Func<'_>, cfg: &Cfg, region: &[BlockId], copies: &Copies) {
    let mut preds: HashMap<BlockId, SmallVec<[BlockId; 4]>> = HashMap::new();
    for b in crate::ir::cfg::reachable(f) {
        let nexts: BTreeSet<BlockId> = f.targets(b).iter().map(|t| t.block).collect();
        for next in nexts {
            preds.entry(next).or_default().push(b);
        }
    }
    let mut j = Joins {
        f,
        region,
        copies,
        preds,
        known: HashMap::new(),
    };
    let outside = cfg.order.iter().filter(|b| !region.contains(b));
    for &b in outside {
        j.block(b);
    }
}

struct Joins<'j, 'a> {
    f: &'j mut Func<'a>,
    region: &'j [BlockId],
    copies: &'j Copies,
    preds: HashMap<BlockId, SmallVec<[BlockId; 4]>>,
    /// What values are where blocks begin.
    known: HashMap<(BlockId, V), V>,
}

impl Joins<'_, '_> {
    /// Renames the uses in a block.
    fn block(&mut self, b: BlockId) {
        let insts: Vec<V> = self.f.blocks[b.n()].insts.iter().copied().collect();
        let mut used: BTreeSet<V> = BTreeSet::new();
        let block = &self.f.blocks[b.n()];
        let mut frames: SmallVec<[_; 8]> = SmallVec::new();
        for &v in &insts {
            used.extend(self.f.insts[v.n()].args);
            frames.extend(self.f.insts[v.n()].frame);
        }
        block.term.uses(&mut |v| {
            used.insert(v);
        });
        frames.extend(block.entry);
        frames.extend(block.term.frame());
        for &frame in &frames {
            super::frame_values(self.f, frame, &mut |v| {
                used.insert(v);
            });
        }
        used.retain(|v| self.copies.values.contains_key(v));
        if used.is_empty() {
            return;
        }
        let names: HashMap<V, V> = used.into_iter().map(|v| (v, self.at_start(b, v))).collect();
        let new = |v: V| names.get(&v).copied().unwrap_or(v);
        let f = &mut *self.f;
        for v in insts {
            let args = f.insts[v.n()].args;
            f.insts[v.n()].args = f.arena.alloc_slice_fill_iter(args.iter().map(|&a| new(a)));
            if let Some(frame) = f.insts[v.n()].frame {
                f.insts[v.n()].frame = Some(substituted(f, frame, &new));
            }
        }
        if let Some(entry) = f.blocks[b.n()].entry {
            f.blocks[b.n()].entry = Some(substituted(f, entry, &new));
        }
        if let Some(frame) = f.blocks[b.n()].term.frame() {
            let frame = substituted(f, frame, &new);
            f.blocks[b.n()].term.set_frame(frame);
        }
        f.blocks[b.n()].term.replace(&mut |v| new(v));
    }

    /// What the loop's value `v` is where the block `b` behind it begins.
    fn at_start(&mut self, b: BlockId, v: V) -> V {
        if let Some(&known) = self.known.get(&(b, v)) {
            return known;
        }
        let preds = self.preds.get(&b).cloned().unwrap_or_default();
        if let [from] = preds[..] {
            let same = self.at_end(from, v);
            self.known.insert((b, v), same);
            return same;
        }
        let ty = self.f.ty(v);
        let p = self.f.param(b, ty);
        self.known.insert((b, v), p);
        for from in preds {
            let arg = self.at_end(from, v);
            for t in self.f.blocks[from.n()].term.targets_mut() {
                let t: &mut Target = t;
                if t.block == b {
                    t.args.push(arg);
                }
            }
        }
        p
    }

    fn at_end(&mut self, b: BlockId, v: V) -> V {
        if self.copies.blocks.values().any(|&copy| copy == b) {
            return self.copies.of(v);
        }
        if self.region.contains(&b) {
            return v;
        }
        self.at_start(b, v)
    }
}
