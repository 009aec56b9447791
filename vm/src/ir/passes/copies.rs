//! Copies of parts of a function: a loop gets another version, or a first
//! iteration of its own.
//!
//! A **region** is a header and blocks that it dominates, in reverse postorder.
//! Blocks behind it are reached from the original and from the copy then: what
//! they use of the region comes from two places, and becomes a parameter where
//! ways meet.

use super::loops::substituted;
use super::sink::frame_values;
use crate::ir::cfg::{Cfg, LoopId};
use crate::ir::{BlockId, Func, Target, V};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::collections::BTreeSet;

/// The region of a loop: its blocks, and those that end behind it and that only
/// it leads to.
pub(super) fn with_ends(f: &Func<'_>, cfg: &Cfg, id: LoopId) -> Vec<BlockId> {
    let header = cfg.the(id).header;
    let ends = |b: BlockId| {
        let mut preds = cfg.preds[b.n()].iter();
        f.targets(b).is_empty() && preds.all(|&p| cfg.contains(id, p))
    };
    let own = |b: &BlockId| cfg.contains(id, *b) || (cfg.dominates(header, *b) && ends(*b));
    cfg.order.iter().copied().filter(own).collect()
}

/// Copies of values and blocks.
pub(super) struct Copies {
    pub values: FxHashMap<V, V>,
    pub blocks: FxHashMap<BlockId, BlockId>,
}

impl Copies {
    /// What `v` is in the copy.
    pub(super) fn of(&self, v: V) -> V {
        self.values.get(&v).copied().unwrap_or(v)
    }

    /// Copies a region. What goes back to its header goes to the original one
    /// in the copy, too; nothing leads to the copy yet.
    pub(super) fn make(f: &mut Func<'_>, region: &[BlockId], header: BlockId) -> Copies {
        let mut copies = Copies {
            values: FxHashMap::default(),
            blocks: FxHashMap::default(),
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
        copies
    }
}

/// Makes what is behind the region use the values of whichever version was left.
pub(super) fn join(f: &mut Func<'_>, cfg: &Cfg, region: &[BlockId], copies: &Copies) {
    let mut preds: FxHashMap<BlockId, SmallVec<[BlockId; 4]>> = FxHashMap::default();
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
        known: FxHashMap::default(),
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
    preds: FxHashMap<BlockId, SmallVec<[BlockId; 4]>>,
    /// What values are where blocks begin.
    known: FxHashMap<(BlockId, V), V>,
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
            frame_values(self.f, frame, &mut |v| {
                used.insert(v);
            });
        }
        used.retain(|v| self.copies.values.contains_key(v));
        if used.is_empty() {
            return;
        }
        let names: FxHashMap<V, V> = used.into_iter().map(|v| (v, self.at_start(b, v))).collect();
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

    /// What the region's value `v` is where the block `b` behind it begins.
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
