//! Searching for a substring, in windows so that the budget is asked often enough.

use super::budget::Budget;
use memchr::memmem;

/// Bytes searched between two charges.
const WINDOW: usize = 1 << 16;
/// Bytes that the vectorised search passes in one step.
const BYTES_PER_STEP: usize = 16;

/// Where `needle` first occurs in `text` at or after `from`.
///
/// An empty needle is found at `from` itself, if that is not beyond the end.
pub fn find<B: Budget>(
    text: &[u8],
    needle: &[u8],
    from: usize,
    budget: &mut B,
) -> Result<Option<usize>, B::Error> {
    let Some(rest) = text.get(from..) else {
        return Ok(None);
    };
    if needle.len() > rest.len() {
        return Ok(None);
    }
    let at = match needle {
        [] => Some(0),
        &[byte] => find_byte(rest, byte, budget)?,
        _ if rest.len() <= WINDOW => memmem::find(rest, needle),
        _ => find_long(rest, needle, budget)?,
    };
    Ok(at.map(|at| from + at))
}

/// Where `byte` first occurs in `text`.
#[inline]
pub fn find_byte<B: Budget>(
    text: &[u8],
    byte: u8,
    budget: &mut B,
) -> Result<Option<usize>, B::Error> {
    if text.len() <= WINDOW {
        return Ok(memchr::memchr(byte, text));
    }
    for (i, window) in text.chunks(WINDOW).enumerate() {
        if let Some(at) = memchr::memchr(byte, window) {
            return Ok(Some(i * WINDOW + at));
        }
        budget.charge((WINDOW / BYTES_PER_STEP) as u64)?;
    }
    Ok(None)
}

/// Searches a long text for a needle of at least two bytes, window by window.
fn find_long<B: Budget>(
    text: &[u8],
    needle: &[u8],
    budget: &mut B,
) -> Result<Option<usize>, B::Error> {
    // The search proper is for the first part of a very long needle, as preparing
    // it takes time too.
    let head = &needle[..needle.len().min(WINDOW)];
    let tail = &needle[head.len()..];
    let finder = memmem::Finder::new(head);
    let last_start = text.len() - needle.len();
    let mut at = 0;
    while at <= last_start {
        let stop = text.len().min(at + WINDOW + head.len());
        budget.charge(((stop - at) / BYTES_PER_STEP) as u64)?;
        match finder.find(&text[at..stop]) {
            Some(found) => {
                at += found;
                if at > last_start {
                    break;
                }
                let candidate = &text[at + head.len()..at + needle.len()];
                if equal(candidate, tail, budget)? {
                    return Ok(Some(at));
                }
                at += 1;
            }
            // Matches that begin in the window have been seen whole.
            None => at = stop - head.len() + 1,
        }
    }
    Ok(None)
}

/// Whether two slices of one length are equal.
pub fn equal<B: Budget>(a: &[u8], b: &[u8], budget: &mut B) -> Result<bool, B::Error> {
    for (a, b) in a.chunks(WINDOW).zip(b.chunks(WINDOW)) {
        if a != b {
            return Ok(false);
        }
        if a.len() == WINDOW {
            budget.charge((WINDOW / BYTES_PER_STEP) as u64)?;
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::budget::Unlimited;

    fn find_in(text: &[u8], needle: &[u8], from: usize) -> Option<usize> {
        match find(text, needle, from, &mut Unlimited) {
            Ok(found) => found,
            Err(never) => match never {},
        }
    }

    #[test]
    fn short_texts() {
        assert_eq!(find_in(b"abcabc", b"ca", 0), Some(2));
        assert_eq!(find_in(b"abcabc", b"a", 1), Some(3));
        assert_eq!(find_in(b"abcabc", b"", 6), Some(6));
        assert_eq!(find_in(b"abcabc", b"", 7), None);
        assert_eq!(find_in(b"abc", b"abcd", 0), None);
        assert_eq!(find_in(b"a\0b\0c", b"\0c", 0), Some(3));
        assert_eq!(find_in(b"", b"", 0), Some(0));
    }

    #[test]
    fn windows_overlap() {
        let mut text = vec![b'a'; 3 * WINDOW];
        for at in [
            0,
            1,
            WINDOW - 2,
            WINDOW - 1,
            WINDOW,
            WINDOW + 1,
            3 * WINDOW - 3,
        ] {
            text[at..at + 3].copy_from_slice(b"xyz");
            assert_eq!(find_in(&text, b"xyz", 0), Some(at));
            assert_eq!(find_in(&text, b"xyz", at), Some(at));
            assert_eq!(find_in(&text, b"xyz", at + 1), None);
            assert_eq!(find_in(&text, b"z", 0), Some(at + 2));
            text[at..at + 3].fill(b'a');
        }
    }

    #[test]
    fn long_needles() {
        let mut text = vec![b'a'; 4 * WINDOW];
        let mut needle = vec![b'a'; 2 * WINDOW];
        assert_eq!(find_in(&text, &needle, 5), Some(5));
        needle.push(b'b');
        assert_eq!(find_in(&text[..2 * WINDOW + 40], &needle, 0), None);
        text[2 * WINDOW + 77] = b'b';
        assert_eq!(find_in(&text, &needle, 0), Some(77));
    }

    #[test]
    fn budget_stops_the_search() {
        let text = vec![b'a'; 100 * WINDOW];
        let needle = [vec![b'a'; 50 * WINDOW], vec![b'b']].concat();
        let mut left = 1_000_000u64;
        let mut budget = |steps: u64| {
            left = left.checked_sub(steps).ok_or("stopped")?;
            Ok(())
        };
        assert_eq!(find(&text, &needle, 0, &mut budget), Err("stopped"));
    }
}
