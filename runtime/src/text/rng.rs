//! The generator behind `math.random`: xoshiro256**, seeded and projected exactly
//! as PUC Lua does, so that a seed gives the same numbers in both.
//!
//! A seed is two integers. An integer in a range comes from masking the random
//! word with the smallest Mersenne number that covers the range, and drawing
//! again while the result falls outside; a float comes from the upper 53 bits.

/// State of a generator: 256 bits, never all zero after seeding.
#[derive(Clone, Debug)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// A generator seeded as by `math.randomseed(first, second)`; the second
    /// seed of `math.randomseed(n)` is 0.
    pub fn new(first: u64, second: u64) -> Self {
        // 0xff keeps the state from being all zero.
        let mut rng = Rng {
            state: [first, 0xff, second, 0],
        };
        for _ in 0..16 {
            rng.next_word();
        }
        rng
    }

    /// The next 64 random bits (`math.random(0)`).
    #[inline]
    pub fn next_word(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let word = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let c = c ^ a;
        let d = d ^ b;
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        word
    }

    /// The next float in `[0, 1)` (`math.random()`).
    #[inline]
    pub fn next_float(&mut self) -> f64 {
        float_from_word(self.next_word())
    }

    /// The next integer in `low..=high` (`math.random(low, high)`), or `None`
    /// for an empty interval: PUC's "interval is empty". A random word is drawn
    /// in either case, as PUC does.
    #[inline]
    pub fn next_in(&mut self, low: i64, high: i64) -> Option<i64> {
        let word = self.next_word();
        if low > high {
            return None;
        }
        let span = (high as u64).wrapping_sub(low as u64);
        Some(self.project(word, span).wrapping_add(low as u64) as i64)
    }

    /// Projects `word` into `0..=limit` without bias, drawing more words as needed.
    fn project(&mut self, mut word: u64, limit: u64) -> u64 {
        if limit & limit.wrapping_add(1) == 0 {
            return word & limit;
        }
        let mask = u64::MAX >> limit.leading_zeros();
        loop {
            word &= mask;
            if word <= limit {
                return word;
            }
            word = self.next_word();
        }
    }
}

/// The float in `[0, 1)` made of the upper 53 bits of `word`.
#[inline]
pub fn float_from_word(word: u64) -> f64 {
    (word >> 11) as f64 * (0.5 / (1u64 << 52) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected values come from lua5.4.
    #[test]
    fn same_numbers_as_puc() {
        let mut rng = Rng::new(42, 0);
        let ints: Vec<_> = (0..5).map(|_| rng.next_in(1, 100).unwrap()).collect();
        assert_eq!(ints, EXPECTED_INTS);
        let mut rng = Rng::new(42, 0);
        assert_eq!(rng.next_word() as i64, EXPECTED_WORD);
        assert_eq!(rng.next_float().to_bits(), EXPECTED_FLOAT.to_bits());
        assert_eq!(rng.next_in(i64::MIN, i64::MAX), Some(EXPECTED_FULL));
        assert_eq!(rng.next_in(-5, 1 << 40), Some(EXPECTED_WIDE));
        let mut rng = Rng::new(-7i64 as u64, 123);
        assert_eq!(rng.next_in(1, 1_000_000), Some(EXPECTED_TWO));
    }

    const EXPECTED_INTS: [i64; 5] = [50, 76, 86, 54, 64];
    const EXPECTED_WORD: i64 = -1276290044721465627;
    const EXPECTED_FLOAT: f64 = 0.451_783_899_359_243_1;
    const EXPECTED_FULL: i64 = 864840776452914507;
    const EXPECTED_WIDE: i64 = 870823234106;
    const EXPECTED_TWO: i64 = 583645;

    #[test]
    fn empty_interval_and_bounds() {
        let mut rng = Rng::new(1, 2);
        assert_eq!(rng.next_in(2, 1), None);
        assert_eq!(rng.next_in(7, 7), Some(7));
        for _ in 0..1000 {
            let x = rng.next_float();
            assert!((0.0..1.0).contains(&x));
            let n = rng.next_in(-3, 3).unwrap();
            assert!((-3..=3).contains(&n));
        }
    }
}
