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
use crate::ir::passes::copies::{Copies, join, with_ends};
use crate::ir::passes::loops::preheaders;
use crate::ir::{BlockId, Func};

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
    with_ends(f, cfg, id)
}

fn peel(f: &mut Func<'_>, cfg: &Cfg, region: &[BlockId], id: LoopId, preheader: BlockId) {
    let header = cfg.the(id).header;
    let copies = Copies::make(f, region, header);
    for t in f.blocks[preheader.n()].term.targets_mut() {
        if t.block == header {
            t.block = copies.blocks[&header];
        }
    }
    join(f, cfg, region, &copies);
}
