//! Seeded hashing of bytes.
//!
//! Sixteen bytes a step through a folded 64 × 64 → 128-bit multiplication.
//! Without the seed nobody can choose strings that collide; it is not meant
//! to resist somebody who can watch the hashes.

const K0: u64 = 0x9e37_79b9_7f4a_7c15;
const K1: u64 = 0xd1b5_4a32_d192_ed03;
const K2: u64 = 0x8cb9_2ba7_2f3d_8dd7;

/// Multiplies and folds the halves of the product.
#[inline(always)]
pub const fn fold(a: u64, b: u64) -> u64 {
    let p = a as u128 * b as u128;
    p as u64 ^ (p >> 64) as u64
}

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..at + 8) {
        Some(w) => u64::from_le_bytes([w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]]),
        None => 0,
    }
}

#[inline(always)]
fn half(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..at + 4) {
        Some(w) => u64::from(u32::from_le_bytes([w[0], w[1], w[2], w[3]])),
        None => 0,
    }
}

/// The hash of a string. Never 0 or 1, which the intern table uses as marks.
#[inline]
pub fn hash_bytes(seed: u64, bytes: &[u8]) -> u32 {
    let n = bytes.len();
    let mut state = seed ^ K0;
    let (a, b) = if n >= 16 {
        let mut at = 0;
        while at + 16 < n {
            state = fold(word(bytes, at) ^ K1, word(bytes, at + 8) ^ state);
            at += 16;
        }
        (word(bytes, n - 16), word(bytes, n - 8))
    } else if n >= 8 {
        (word(bytes, 0), word(bytes, n - 8))
    } else if n >= 4 {
        (half(bytes, 0), half(bytes, n - 4))
    } else if n > 0 {
        (
            u64::from(bytes[0]) | u64::from(bytes[n / 2]) << 8,
            u64::from(bytes[n - 1]),
        )
    } else {
        (0, 0)
    };
    let h = fold(fold(a ^ K1, b ^ state) ^ K2, state ^ n as u64);
    let h = (h ^ h >> 32) as u32;
    if h < 2 { h + 2 } else { h }
}

/// Whether short byte strings of one length are equal; words are compared in
/// place of a call.
#[inline]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    let n = a.len().min(b.len());
    if n >= 8 {
        let mut at = 0;
        while at + 8 < n {
            if word(a, at) != word(b, at) {
                return false;
            }
            at += 8;
        }
        word(a, n - 8) == word(b, n - 8)
    } else if n >= 4 {
        half(a, 0) == half(b, 0) && half(a, n - 4) == half(b, n - 4)
    } else {
        a[..n] == b[..n]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_counts() {
        let text: Vec<u8> = (0..40).collect();
        for n in 0..=text.len() {
            let copy = text[..n].to_vec();
            assert!(same(&text[..n], &copy));
            for at in 0..n {
                let mut other = text[..n].to_vec();
                other[at] ^= 0x40;
                assert!(!same(&text[..n], &other), "{at} of {n}");
            }
        }
    }
    use std::collections::HashSet;

    #[test]
    fn depends_on_every_byte_length_and_seed() {
        for n in 0..70 {
            let base = vec![7u8; n];
            let h = hash_bytes(1, &base);
            assert_ne!(h, hash_bytes(2, &base));
            assert_ne!(h, hash_bytes(1, &vec![7u8; n + 1]));
            for i in 0..n {
                let mut other = base.clone();
                other[i] ^= 1;
                assert_ne!(h, hash_bytes(1, &other), "byte {i} of {n}");
            }
        }
    }

    #[test]
    fn spreads_short_keys() {
        let mut seen = HashSet::new();
        for i in 0..100_000u32 {
            seen.insert(hash_bytes(42, format!("key{i}").as_bytes()));
        }
        // 100,000 of 2^32 values: one or two collisions are to be expected.
        assert!(seen.len() > 99_980);
        let low: HashSet<_> = seen.iter().map(|h| h & 0xffff).collect();
        assert!(low.len() > 49_000);
    }
}
