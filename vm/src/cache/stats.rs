//! What a cache counts.

use std::fmt;
use std::time::Duration;

/// Defines [`Stats`] and its form as text from the names of what is counted.
macro_rules! stats {
    ($($name:ident: $doc:literal;)*) => {
        /// What happened in a cache.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct Stats { $(#[doc = $doc] pub $name: u64,)* }

        impl Stats {
            /// The figures and their names.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }

            fn each_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut u64)> {
                [$((stringify!($name), &mut self.$name)),*].into_iter()
            }
        }
    };
}

stats! {
    hits: "Compiles that weren't needed.";
    misses: "Compiles that were.";
    stored: "Entries that were kept.";
    evicted: "Entries that made room for others.";
    refused: "Files that were no entries.";
    compile_us: "Time that compiling took what was kept, in microseconds.";
    saved_us: "Time that compiling would have taken without the hits, in microseconds.";
}

impl Stats {
    /// Hits of hits and misses, 0 to 1; 0 if there were none.
    pub fn hit_rate(&self) -> f64 {
        self.hits as f64 / (self.hits + self.misses).max(1) as f64
    }

    /// Time that compiling took.
    pub fn compile_time(&self) -> Duration {
        Duration::from_micros(self.compile_us)
    }

    /// Adds other figures.
    pub(super) fn add(&mut self, other: &Stats) {
        for ((_, n), (_, more)) in self.each_mut().zip(other.each()) {
            *n = n.saturating_add(more);
        }
    }

    /// What came to it since it was `before`.
    pub(super) fn since(&self, before: &Stats) -> Stats {
        let mut since = *self;
        for ((_, n), (_, old)) in since.each_mut().zip(before.each()) {
            *n = n.saturating_sub(old);
        }
        since
    }

    /// What was written by [`text`](Stats::text): names that aren't known are left
    /// out, figures that are missing are 0.
    pub(super) fn from_text(text: &str) -> Stats {
        let mut stats = Stats::default();
        for line in text.lines() {
            let Some((name, n)) = line.split_once(' ') else {
                continue;
            };
            if let (Some((_, place)), Ok(n)) = (
                stats.each_mut().find(|(known, _)| *known == name),
                n.parse(),
            ) {
                *place = n;
            }
        }
        stats
    }

    /// A line for each figure.
    pub(super) fn text(&self) -> String {
        self.each()
            .map(|(name, n)| format!("{name} {n}\n"))
            .collect()
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |us: u64| us as f64 / 1000.0;
        writeln!(
            f,
            "{} hits, {} misses: {:.1} % hit",
            self.hits,
            self.misses,
            100.0 * self.hit_rate()
        )?;
        writeln!(
            f,
            "{} stored, {} evicted, {} refused",
            self.stored, self.evicted, self.refused
        )?;
        write!(
            f,
            "{:.1} ms of compiling kept, {:.1} ms saved",
            ms(self.compile_us),
            ms(self.saved_us)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_as_written() {
        let mut stats = Stats {
            hits: 3,
            misses: 1,
            saved_us: u64::MAX,
            ..Stats::default()
        };
        let read = Stats::from_text(&(stats.text() + "unknown 7\nhits\nmisses x\n"));
        assert_eq!(read, stats);
        assert_eq!(stats.hit_rate(), 0.75);
        assert_eq!(Stats::default().hit_rate(), 0.0);
        stats.add(&read);
        assert_eq!((stats.hits, stats.saved_us), (6, u64::MAX));
    }
}
