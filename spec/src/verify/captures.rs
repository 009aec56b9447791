//! Which registers may have open upvalues where a loop begins.
//!
//! The state at a loop header depends on what the loop's body does, which the
//! single forward pass has not seen yet when it gets there. Two things are
//! missing:
//!
//! 1. **What the loop itself captures**: the registers that some `closure`
//!    between the header and the last jump back to it captures. A pass before
//!    collects it for all loops at once. Read from the end of the code to its
//!    start, closures and headers form a stack of segments, lowest start on
//!    top. A header swallows the segments that start inside its loop and
//!    becomes one segment itself. Each segment is swallowed once, so the time
//!    is linear. Loops that overlap without nesting may be given more registers
//!    than they capture; that errs on the safe side, and source-level scoping
//!    never leads there.
//! 2. **What is open where a loop is entered in its middle**, as generic `for`
//!    loops are: the sets that jumps from before the header have already
//!    brought to blocks inside the loop. [`Entered`] answers that for a range of
//!    blocks, in constant time where loops nest and nothing new was brought,
//!    else in logarithmic time.
//!
//! If the two miss something, the jump back brings a set that is no subset of
//! the header's, and the module is rejected: they decide what is accepted, not
//! what is safe.
//!
//! A prototype without captured registers has no open upvalues: nothing here
//! is done for it.

use super::{Checker, Scratch};
use crate::module::RegSet;
use crate::op::Op;

impl Checker<'_> {
    /// Fills `scratch.loop_captures` with the registers below their defined
    /// prefix that each loop captures, the first loop's last; empties
    /// `scratch.open_upvalues`.
    pub(super) fn loop_captures(&self, scratch: &mut Scratch) {
        let p = self.proto;
        scratch.open_upvalues.clear();
        scratch.open_upvalues.resize(p.blocks.len(), RegSet::EMPTY);
        scratch.entered.reset(p.blocks.len());
        // The last jump back to each block, and the closures, in order of pc.
        let last_back = &mut scratch.last_back;
        last_back.clear();
        last_back.resize(p.blocks.len(), (0, 0));
        let closures = &mut scratch.closures;
        closures.clear();
        let mut started = 0;
        for (pc, &insn) in p.code.iter().enumerate() {
            if p.blocks.get(started).is_some_and(|b| b.pc as usize == pc) {
                started += 1;
            }
            match insn.op() {
                Some(Op::Closure) => {
                    let child = insn.u32();
                    let set = scratch.child_captures.get(child as usize);
                    if set.is_some_and(|set| !set.is_empty()) {
                        closures.push((pc as u32, child));
                    }
                }
                Some(op) if op.is_back_edge() => {
                    let target = pc as i64 + 1 + i64::from(insn.jump());
                    let block = usize::try_from(target)
                        .ok()
                        .and_then(|t| scratch.block_at.get(t))
                        .and_then(|&n| (n as usize).checked_sub(1));
                    if let Some(block) = block {
                        last_back[block] = (pc as u32, started as u32);
                    }
                }
                _ => {}
            }
        }
        let segments = &mut scratch.segments;
        segments.clear();
        scratch.loop_captures.clear();
        for (n, block) in p.blocks.iter().enumerate().rev() {
            while let Some(&(pc, child)) = closures.last() {
                if pc < block.pc {
                    break;
                }
                segments.push((pc, scratch.child_captures[child as usize]));
                closures.pop();
            }
            if !block.loop_header {
                continue;
            }
            let mut captured = RegSet::EMPTY;
            while let Some(&(start, set)) = segments.last() {
                if start > last_back[n].0 {
                    break;
                }
                captured = captured.union(&set);
                segments.pop();
            }
            if !captured.is_empty() {
                segments.push((block.pc, captured));
            }
            let below = RegSet::below(block.defined as usize);
            scratch.loop_captures.push(captured.intersection(&below));
        }
    }
}

/// The union of the sets that have been brought to any range of blocks.
///
/// The sets themselves belong to the caller. Here is a summary: the blocks in
/// groups of [`GROUP`], over them a binary tree in an array (the leaves are the
/// groups, every inner node is the union of its two children), and the answer
/// to the last question, which is an upper bound for the loops inside that one.
#[derive(Default)]
pub(super) struct Entered {
    nodes: Vec<RegSet>,
    groups: usize,
    /// No block from the one being checked up to `known_end` has more than
    /// `known`.
    known: RegSet,
    known_end: usize,
}

/// How many blocks share a leaf of the tree.
const GROUP: usize = 8;

impl Entered {
    /// Nothing has been brought to any of this many blocks.
    fn reset(&mut self, blocks: usize) {
        self.groups = blocks.div_ceil(GROUP);
        self.nodes.clear();
        self.nodes.resize(2 * self.groups, RegSet::EMPTY);
        self.known = RegSet::EMPTY;
        self.known_end = blocks;
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<RegSet>()
    }

    /// Notes that `set` is brought to a block.
    #[inline]
    pub(super) fn add(&mut self, block: usize, set: &RegSet) {
        if block < self.known_end {
            self.known = self.known.union(set);
        }
        let mut node = block / GROUP + self.groups;
        // A node that has it all has parents that have it all.
        while node > 0 && self.nodes.get(node).is_some_and(|n| !set.is_subset(n)) {
            self.nodes[node] = self.nodes[node].union(set);
            node /= 2;
        }
    }

    /// Adds to `sets[start]` what `sets[start .. end]` hold. All blocks before
    /// `start` have been checked: nobody asks about them again.
    #[inline]
    pub(super) fn gather(&mut self, sets: &mut [RegSet], start: usize, end: usize) {
        let end = end.min(sets.len());
        if end <= self.known_end && self.known.is_subset(&sets[start]) || start >= end {
            return;
        }
        // What was brought to the first block or falls into it is no news.
        self.known = self.range(sets, start + 1, end);
        self.known_end = end;
        sets[start] = sets[start].union(&self.known);
    }

    /// The union of `sets[start .. end]`.
    fn range(&self, sets: &[RegSet], start: usize, end: usize) -> RegSet {
        let all = |sets: &[RegSet]| sets.iter().fold(RegSet::EMPTY, |all, set| all.union(set));
        let (first, last) = (start.div_ceil(GROUP), end / GROUP);
        if first >= last {
            return all(&sets[start.min(end)..end]);
        }
        let ends = all(&sets[start..first * GROUP]);
        let mut union = ends.union(&all(&sets[last * GROUP..end]));
        let (mut low, mut high) = (first + self.groups, last + self.groups);
        while low < high {
            if low % 2 == 1 {
                union = union.union(&self.nodes[low]);
                low += 1;
            }
            if high % 2 == 1 {
                high -= 1;
                union = union.union(&self.nodes[high]);
            }
            low /= 2;
            high /= 2;
        }
        union
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(blocks: usize) -> (Entered, Vec<RegSet>) {
        let mut entered = Entered::default();
        entered.reset(blocks);
        let mut sets = vec![RegSet::EMPTY; blocks];
        for (block, set) in sets.iter_mut().enumerate() {
            for reg in [block as u8, block as u8 + 100] {
                set.insert(reg);
                entered.add(block, &RegSet::single(reg));
            }
        }
        (entered, sets)
    }

    #[test]
    fn unions_of_ranges() {
        for blocks in [1, 2, 7, 8, 9, 16, 17, 40, 64, 99] {
            let (entered, sets) = filled(blocks);
            for start in 0..=blocks {
                for end in start..=blocks {
                    let wanted =
                        RegSet::range(start, end).union(&RegSet::range(100 + start, 100 + end));
                    assert_eq!(
                        entered.range(&sets, start, end),
                        wanted,
                        "{blocks} {start} {end}"
                    );
                }
            }
        }
    }

    #[test]
    fn questions_in_any_nesting_get_everything() {
        const BLOCKS: usize = 60;
        let mut seed = 1u64;
        for _ in 0..300 {
            let mut next = |limit: usize| {
                seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                (seed >> 33) as usize % limit
            };
            let (mut entered, mut sets) = (Entered::default(), vec![RegSet::EMPTY; BLOCKS]);
            entered.reset(BLOCKS);
            for start in 0..BLOCKS {
                let (end, from) = (start + 1 + next(BLOCKS - start), next(3));
                if from == 0 {
                    let (block, set) = (end - 1, RegSet::single(next(20) as u8));
                    sets[block] = sets[block].union(&set);
                    entered.add(block, &set);
                }
                let wanted = entered.range(&sets, start, end);
                entered.gather(&mut sets, start, end);
                assert_eq!(sets[start], wanted, "{start} .. {end}");
            }
        }
    }

    #[test]
    fn without_blocks_nothing_is_kept() {
        let mut entered = Entered::default();
        entered.reset(0);
        entered.add(0, &RegSet::single(1));
        assert_eq!(entered.range(&[], 0, 0), RegSet::EMPTY);
    }
}
