//! Control flow: orders, dominators, loops.

use super::{BlockId, Func};
use smallvec::SmallVec;

/// Control flow of a function as it is; to be made anew when blocks change.
#[derive(Debug)]
pub(crate) struct Cfg {
    /// Blocks that can be reached, each before what it dominates (reverse
    /// postorder).
    pub order: Vec<BlockId>,
    /// Position in `order` by block; `u32::MAX` if it can't be reached.
    pub position: Vec<u32>,
    /// Predecessors by block, once for each edge.
    pub preds: Vec<SmallVec<[BlockId; 2]>>,
    /// The immediate dominator by block; the entry's is itself.
    pub idom: Vec<BlockId>,
    /// Loops, outer ones first.
    pub loops: Vec<Loop>,
    /// The innermost loop by block.
    pub loop_of: Vec<Option<LoopId>>,
}

/// A loop by number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(crate) struct LoopId(pub u32);

/// A natural loop.
#[derive(Debug)]
pub(crate) struct Loop {
    /// The one block through which it is entered.
    pub header: BlockId,
    /// Blocks that jump back to the header.
    pub latches: SmallVec<[BlockId; 2]>,
    /// The loop around it.
    pub parent: Option<LoopId>,
    /// Its blocks, those of inner loops among them, in reverse postorder.
    pub blocks: Vec<BlockId>,
}

/// Where control can go from a block.
pub(crate) type Successors = SmallVec<[BlockId; 2]>;

/// The blocks of `f` that can be reached, in reverse postorder.
pub(crate) fn reachable(f: &Func<'_>) -> Vec<BlockId> {
    reverse_postorder(f.blocks.len(), &|b| successors(f, b))
}

fn successors(f: &Func<'_>, b: BlockId) -> Successors {
    f.targets(b).iter().map(|t| t.block).collect()
}

fn reverse_postorder(n: usize, next: &dyn Fn(BlockId) -> Successors) -> Vec<BlockId> {
    let mut seen = vec![false; n];
    let mut order = Vec::with_capacity(n);
    // A block and how many of its successors have been looked at.
    let mut stack = vec![(BlockId::ENTRY, 0)];
    seen[0] = true;
    while let Some((b, n)) = stack.pop() {
        let targets = next(b);
        // Backwards, so that the likely way comes first in the result.
        let Some(t) = targets.len().checked_sub(n + 1).map(|k| targets[k]) else {
            order.push(b);
            continue;
        };
        stack.push((b, n + 1));
        if !std::mem::replace(&mut seen[t.n()], true) {
            stack.push((t, 0));
        }
    }
    order.reverse();
    order
}

impl Cfg {
    /// The control flow of `f`; `None` if a loop can be entered at two places.
    pub(crate) fn of(f: &Func<'_>) -> Option<Cfg> {
        Cfg::of_graph(f.blocks.len(), &|b| successors(f, b))
    }

    /// The same of any graph of `n` blocks.
    pub(crate) fn of_graph(n: usize, next: &dyn Fn(BlockId) -> Successors) -> Option<Cfg> {
        let order = reverse_postorder(n, next);
        let mut position = vec![u32::MAX; n];
        for (at, b) in order.iter().enumerate() {
            position[b.n()] = at as u32;
        }
        let mut preds = vec![SmallVec::new(); n];
        for &b in &order {
            for t in next(b) {
                preds[t.n()].push(b);
            }
        }
        let idom = dominators(&order, &position, &preds);
        let mut cfg = Cfg {
            order,
            position,
            preds,
            idom,
            loops: Vec::new(),
            loop_of: vec![None; n],
        };
        cfg.find_loops().then_some(cfg)
    }

    /// Whether `b` can be reached.
    pub(crate) fn reaches(&self, b: BlockId) -> bool {
        self.position[b.n()] != u32::MAX
    }

    /// Whether every way to `b` goes through `a`. Both can be reached.
    pub(crate) fn dominates(&self, a: BlockId, b: BlockId) -> bool {
        let mut at = b;
        while self.position[at.n()] > self.position[a.n()] {
            at = self.idom[at.n()];
        }
        at == a
    }

    /// A loop.
    pub(crate) fn the(&self, id: LoopId) -> &Loop {
        &self.loops[id.0 as usize]
    }

    /// Whether `b` is in the loop.
    pub(crate) fn contains(&self, id: LoopId, b: BlockId) -> bool {
        let mut at = self.loop_of[b.n()];
        while let Some(l) = at {
            if l == id {
                return true;
            }
            at = self.the(l).parent;
        }
        false
    }

    /// The block that leads into the loop from outside, if there is one alone
    /// and it leads nowhere else.
    pub(crate) fn preheader(&self, f: &Func<'_>, id: LoopId) -> Option<BlockId> {
        let header = self.the(id).header;
        let mut outside = None;
        for &p in &self.preds[header.n()] {
            if self.contains(id, p) {
                continue;
            }
            if outside.is_some() {
                return None;
            }
            outside = Some(p);
        }
        outside.filter(|p| f.targets(*p).len() == 1)
    }

    /// Fills in `loops` and `loop_of`: whether each is entered at one place.
    fn find_loops(&mut self) -> bool {
        // Inner headers come after outer ones, so going backwards each body
        // block is met first by the innermost loop.
        let mut found: Vec<Loop> = Vec::new();
        for at in 0..self.order.len() {
            let header = self.order[at];
            let mut latches = SmallVec::new();
            for &p in &self.preds[header.n()] {
                if self.position[p.n()] < at as u32 {
                    continue;
                }
                if !self.dominates(header, p) {
                    return false;
                }
                latches.push(p);
            }
            if latches.is_empty() {
                continue;
            }
            let mut inside = vec![false; self.position.len()];
            inside[header.n()] = true;
            let mut work: Vec<BlockId> = latches.to_vec();
            while let Some(b) = work.pop() {
                if !std::mem::replace(&mut inside[b.n()], true) {
                    work.extend(self.preds[b.n()].iter().copied());
                }
            }
            let blocks: Vec<BlockId> = self
                .order
                .iter()
                .copied()
                .filter(|b| inside[b.n()])
                .collect();
            let id = LoopId(found.len() as u32);
            let parent = self.loop_of[header.n()];
            for b in &blocks {
                // Outer loops come first: the last to write is innermost.
                self.loop_of[b.n()] = Some(id);
            }
            found.push(Loop {
                header,
                latches,
                parent,
                blocks,
            });
        }
        self.loops = found;
        true
    }
}

/// Immediate dominators, by the algorithm of Cooper, Harvey and Kennedy ("A
/// Simple, Fast Dominance Algorithm", 2001).
fn dominators(
    order: &[BlockId],
    position: &[u32],
    preds: &[SmallVec<[BlockId; 2]>],
) -> Vec<BlockId> {
    let none = BlockId(u32::MAX);
    let mut idom = vec![none; position.len()];
    idom[BlockId::ENTRY.n()] = BlockId::ENTRY;
    let meet = |idom: &[BlockId], mut a: BlockId, mut b: BlockId| {
        while a != b {
            while position[a.n()] > position[b.n()] {
                a = idom[a.n()];
            }
            while position[b.n()] > position[a.n()] {
                b = idom[b.n()];
            }
        }
        a
    };
    let mut changed = true;
    while changed {
        changed = false;
        for &b in &order[1..] {
            let known = preds[b.n()].iter().copied().filter(|p| idom[p.n()] != none);
            let Some(new) = known.reduce(|a, p| meet(&idom, a, p)) else {
                continue;
            };
            if idom[b.n()] != new {
                idom[b.n()] = new;
                changed = true;
            }
        }
    }
    idom
}
