//! What the collector measured: pauses and counts.

use std::time::Duration;

/// Buckets: four for each power of two of nanoseconds.
const BUCKETS: usize = 4 * 40;

/// Statistics of a heap's collector.
#[derive(Clone, Debug)]
pub struct GcStats {
    /// Complete major collections.
    pub cycles: u64,
    /// Minor collections.
    pub minors: u64,
    /// Bytes freed.
    pub freed: u64,
    /// Bytes in use after the last major collection.
    pub live: usize,
    /// Pauses.
    pub pauses: u64,
    /// Time in pauses.
    pub total: Duration,
    /// The longest pause.
    pub max: Duration,
    buckets: Box<[u64; BUCKETS]>,
}

impl Default for GcStats {
    fn default() -> GcStats {
        GcStats {
            cycles: 0,
            minors: 0,
            freed: 0,
            live: 0,
            pauses: 0,
            total: Duration::ZERO,
            max: Duration::ZERO,
            buckets: Box::new([0; BUCKETS]),
        }
    }
}

fn bucket(nanos: u64) -> usize {
    if nanos < 4 {
        return nanos as usize;
    }
    let log = nanos.ilog2() as usize;
    let quarter = (nanos >> (log - 2)) as usize & 3;
    ((log - 1) * 4 + quarter).min(BUCKETS - 1)
}

/// Least number of nanoseconds beyond a bucket.
fn bound(bucket: usize) -> u64 {
    if bucket < 4 {
        return bucket as u64 + 1;
    }
    let (log, quarter) = (bucket / 4 + 1, bucket as u64 & 3);
    (5 + quarter) << (log - 2)
}

impl GcStats {
    /// Records a pause.
    pub fn note_pause(&mut self, time: Duration) {
        self.pauses += 1;
        self.total += time;
        self.max = self.max.max(time);
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanos)] += 1;
    }

    /// The time that `share` (0 to 1) of the pauses don't exceed, to within
    /// a quarter.
    pub fn quantile(&self, share: f64) -> Duration {
        let want = (self.pauses as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (i, &n) in self.buckets.iter().enumerate() {
            seen += n;
            if seen >= want && seen > 0 {
                return Duration::from_nanos(bound(i)).min(self.max);
            }
        }
        self.max
    }

    /// The 99th percentile of pauses.
    pub fn p99(&self) -> Duration {
        self.quantile(0.99)
    }

    /// Forgets the pauses, not the counts.
    pub fn reset_pauses(&mut self) {
        self.pauses = 0;
        self.total = Duration::ZERO;
        self.max = Duration::ZERO;
        self.buckets.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_ordered_and_bounded() {
        let mut last = 0;
        for n in 0..100_000u64 {
            let b = bucket(n);
            assert!(b == last || b == last + 1, "{n}");
            assert!(
                bound(b) > n && bound(b) <= n + n / 4 + 1,
                "{n} in {b} up to {}",
                bound(b)
            );
            last = b;
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles() {
        let mut s = GcStats::default();
        for i in 1..=1000 {
            s.note_pause(Duration::from_micros(i));
        }
        assert!(s.p99() >= Duration::from_micros(990) && s.p99() <= Duration::from_micros(1000));
        let half = s.quantile(0.5);
        assert!(half >= Duration::from_micros(500) && half < Duration::from_micros(630));
        assert_eq!(s.max, Duration::from_millis(1));
    }
}
