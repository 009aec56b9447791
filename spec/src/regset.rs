//! Set algebra on [`RegSet`]: what the verifier, the liveness analysis and
//! the frame-map checker compute with.
//!
//! A register set is 256 bits in four words; every operation here is a handful
//! of word operations, so that a pass over code costs the same per instruction
//! whatever the function looks like.

use crate::module::RegSet;

/// The set of registers below each number. A lookup, because the verifier asks
/// at every block and edge.
static PREFIXES: [RegSet; 257] = {
    let mut sets = [RegSet::EMPTY; 257];
    let mut end = 1;
    while end <= 256 {
        sets[end] = sets[end - 1];
        sets[end].0[(end - 1) / 64] |= 1 << ((end - 1) % 64);
        end += 1;
    }
    sets
};

impl RegSet {
    /// The empty set.
    pub const EMPTY: RegSet = RegSet([0; 4]);

    /// The registers `0 .. end`; an end above 256 counts as 256.
    #[inline]
    pub fn below(end: usize) -> RegSet {
        PREFIXES[end.min(256)]
    }

    /// The registers `start .. end`, empty if `end <= start`.
    #[inline]
    pub fn range(start: usize, end: usize) -> RegSet {
        RegSet::below(end).minus(&RegSet::below(start))
    }

    /// The register `reg` alone.
    #[inline]
    pub fn single(reg: u8) -> RegSet {
        let mut set = RegSet::EMPTY;
        set.insert(reg);
        set
    }

    /// What is in either set.
    #[inline]
    #[must_use]
    pub fn union(&self, other: &RegSet) -> RegSet {
        RegSet(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }

    /// What is in both sets.
    #[inline]
    #[must_use]
    pub fn intersection(&self, other: &RegSet) -> RegSet {
        RegSet(std::array::from_fn(|i| self.0[i] & other.0[i]))
    }

    /// What is in this set and not in the other.
    #[inline]
    #[must_use]
    pub fn minus(&self, other: &RegSet) -> RegSet {
        RegSet(std::array::from_fn(|i| self.0[i] & !other.0[i]))
    }

    /// Whether everything in this set is in the other.
    #[inline]
    pub fn is_subset(&self, other: &RegSet) -> bool {
        self.minus(other).is_empty()
    }

    /// The lowest register of the set.
    #[inline]
    pub fn first(&self) -> Option<u8> {
        self.0
            .iter()
            .position(|&w| w != 0)
            .map(|i| (i * 64) as u8 + self.0[i].trailing_zeros() as u8)
    }

    /// How many registers are in the set.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// The registers of the set, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u8> + use<> {
        let mut rest = *self;
        std::iter::from_fn(move || {
            let reg = rest.first()?;
            rest.remove(reg);
            Some(reg)
        })
    }
}

impl FromIterator<u8> for RegSet {
    fn from_iter<I: IntoIterator<Item = u8>>(regs: I) -> RegSet {
        let mut set = RegSet::EMPTY;
        for reg in regs {
            set.insert(reg);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_agree_with_counting() {
        for start in (0..=256).step_by(7) {
            for end in (0..=256).step_by(5) {
                let by_hand: RegSet = (start..end.max(start)).map(|r| r as u8).collect();
                assert_eq!(RegSet::range(start, end), by_hand, "{start}..{end}");
                assert_eq!(by_hand.len(), end.saturating_sub(start));
            }
        }
        assert_eq!(RegSet::below(1000).len(), 256);
    }

    #[test]
    fn algebra() {
        let a: RegSet = [1, 70, 200].into_iter().collect();
        let b: RegSet = [70, 255].into_iter().collect();
        assert_eq!(a.union(&b).iter().collect::<Vec<_>>(), [1, 70, 200, 255]);
        assert_eq!(a.intersection(&b), RegSet::single(70));
        assert_eq!(a.minus(&b).iter().collect::<Vec<_>>(), [1, 200]);
        assert!(RegSet::single(70).is_subset(&a) && !b.is_subset(&a));
        assert_eq!(a.first(), Some(1));
        assert_eq!(RegSet::EMPTY.first(), None);
    }
}
