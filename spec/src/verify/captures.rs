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
//!    brought to blocks inside the loop. [`Unions`] answers that for a range of
//!    blocks in logarithmic time.
//!
//! If the two miss something, the jump back brings a set that is no subset of
//! the header's, and the module is rejected: they decide what is accepted, not
//! what is safe.

use super::{Checker, Scratch};
use crate::module::RegSet;
use crate::op::Op;

impl Checker<'_> {
    /// Fills `scratch.open_upvalues` for loop headers with the registers below
    /// their defined prefix that their loop captures, for all other blocks
    /// with nothing.
    pub(super) fn loop_captures(&self, scratch: &mut Scratch) {
        let p = self.proto;
        let entry = &mut scratch.open_upvalues;
        entry.clear();
        entry.resize(p.blocks.len(), RegSet::EMPTY);
        let last_back = &mut scratch.last_back;
        last_back.clear();
        if p.captured.is_empty() {
            scratch.entered.reset(0);
            return;
        }
        scratch.entered.reset(p.blocks.len());
        // The last jump back to each block, and the closures, in order of pc.
        last_back.resize(p.blocks.len(), (0, 0));
        let mut closures = Vec::new();
        let mut started = 0;
        for (pc, &insn) in p.code.iter().enumerate() {
            started = scratch.block_at[pc].max(started);
            match insn.op() {
                Some(Op::Closure) => {
                    let set = scratch.child_captures.get(insn.u32() as usize);
                    closures.extend(set.filter(|s| !s.is_empty()).map(|s| (pc as u32, *s)));
                }
                Some(op) if op.is_back_edge() => {
                    let target = pc as i64 + 1 + i64::from(insn.jump());
                    let block = usize::try_from(target)
                        .ok()
                        .and_then(|t| scratch.block_at.get(t))
                        .and_then(|&n| (n as usize).checked_sub(1));
                    if let Some(block) = block {
                        last_back[block] = (pc as u32, started);
                    }
                }
                _ => {}
            }
        }
        let mut segments: Vec<(u32, RegSet)> = Vec::new();
        for (n, block) in p.blocks.iter().enumerate().rev() {
            while let Some(&closure) = closures.last() {
                if closure.0 < block.pc {
                    break;
                }
                segments.push(closure);
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
            entry[n] = captured.intersection(&RegSet::below(block.defined as usize));
        }
    }
}

/// Sets for a row of blocks, and the union of any range of them.
///
/// A binary tree in an array: the leaves are the blocks, every inner node is
/// the union of its two children.
#[derive(Default)]
pub(super) struct Unions {
    nodes: Vec<RegSet>,
    leaves: usize,
}

impl Unions {
    /// Empty sets for this many blocks.
    fn reset(&mut self, leaves: usize) {
        self.leaves = leaves;
        self.nodes.clear();
        self.nodes.resize(2 * leaves, RegSet::EMPTY);
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<RegSet>()
    }

    /// Adds `set` to a block.
    #[inline]
    pub(super) fn add(&mut self, block: usize, set: &RegSet) {
        let mut node = block + self.leaves;
        // A node that has it all has parents that have it all.
        while node > 0 && self.nodes.get(node).is_some_and(|n| !set.is_subset(n)) {
            self.nodes[node] = self.nodes[node].union(set);
            node /= 2;
        }
    }

    /// Whether `set` has all there is in any block.
    #[inline]
    pub(super) fn within(&self, set: &RegSet) -> bool {
        self.nodes.get(1).is_none_or(|all| all.is_subset(set))
    }

    /// The union of the blocks `start .. end`.
    pub(super) fn range(&self, start: usize, end: usize) -> RegSet {
        let mut union = RegSet::EMPTY;
        let (mut low, mut high) = (start + self.leaves, end.min(self.leaves) + self.leaves);
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

    #[test]
    fn unions_of_ranges() {
        for leaves in [1, 2, 3, 7, 8, 13] {
            let mut unions = Unions::default();
            unions.reset(leaves);
            for block in 0..leaves {
                unions.add(block, &RegSet::single(block as u8));
                unions.add(block, &RegSet::single(block as u8 + 100));
            }
            for start in 0..=leaves {
                for end in start..=leaves {
                    let wanted =
                        RegSet::range(start, end).union(&RegSet::range(100 + start, 100 + end));
                    assert_eq!(unions.range(start, end), wanted, "{leaves} {start} {end}");
                }
            }
        }
    }

    #[test]
    fn without_blocks_nothing_is_kept() {
        let mut unions = Unions::default();
        unions.reset(0);
        unions.add(0, &RegSet::single(1));
        assert_eq!(unions.range(0, 9), RegSet::EMPTY);
    }
}
