//! Relative positions: Lua's 1-based string indices, where negative ones count
//! from the end.
//!
//! Three flavours exist and differ only in how they clip: a start position clips
//! to at least 1, an end position to `0..=len`, and the utf8 library clips a
//! position before the string to 0 so that its own range check can refuse it.

/// Where a range starts: at least 1, and possibly beyond the end.
#[inline]
pub fn start(pos: i64, len: usize) -> usize {
    if pos > 0 {
        usize::try_from(pos).unwrap_or(usize::MAX)
    } else if pos == 0 {
        1
    } else {
        from_end(pos, len).unwrap_or(1)
    }
}

/// Where a range ends, inclusive: between 0 and `len`.
#[inline]
pub fn end(pos: i64, len: usize) -> usize {
    if pos >= 0 {
        usize::try_from(pos).unwrap_or(usize::MAX).min(len)
    } else {
        from_end(pos, len).unwrap_or(0)
    }
}

/// The utf8 library's translation: positive positions stay as they are, and
/// negative ones before the start become 0.
#[inline]
pub fn utf8_pos(pos: i64, len: usize) -> i64 {
    if pos >= 0 {
        pos
    } else {
        from_end(pos, len).map_or(0, |pos| pos as i64)
    }
}

/// The 0-based range of bytes that `string.sub(s, first, last)` selects.
#[inline]
pub fn sub(first: i64, last: i64, len: usize) -> std::ops::Range<usize> {
    let first = start(first, len);
    let last = end(last, len);
    if first <= last { first - 1..last } else { 0..0 }
}

/// `pos` (negative) counted from the end, if it does not fall before the start.
#[inline]
fn from_end(pos: i64, len: usize) -> Option<usize> {
    let back = usize::try_from(pos.unsigned_abs()).ok()?;
    if back > len {
        None
    } else {
        Some(len - back + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sub_ranges() {
        assert_eq!(sub(2, 4, 9), 1..4);
        assert_eq!(sub(7, -1, 9), 6..9);
        assert_eq!(sub(1, 0, 9), 0..0);
        assert_eq!(sub(-10, 10, 9), 0..9);
        assert_eq!(sub(-4, -2, 9), 5..8);
        assert_eq!(sub(i64::MIN, i64::MAX, 9), 0..9);
        assert_eq!(sub(i64::MAX, i64::MAX, 9), 0..0);
        assert_eq!(sub(i64::MIN, i64::MIN, 9), 0..0);
        assert_eq!(sub(1, 1, 0), 0..0);
    }

    #[test]
    fn utf8_positions() {
        assert_eq!(utf8_pos(-1, 3), 3);
        assert_eq!(utf8_pos(-3, 3), 1);
        assert_eq!(utf8_pos(-4, 3), 0);
        assert_eq!(utf8_pos(i64::MIN, 3), 0);
        assert_eq!(utf8_pos(7, 3), 7);
    }
}
