//! The result of a measurement, and the summaries that all of its presentations share.
//!
//! A report has a row for each program and in it a cell for each engine, in the order of
//! [`Report::engines`]. Presentations ([`table`], [`html`]) compute nothing but what is here.

pub mod html;
pub mod svg;
pub mod table;

use serde::Serialize;

use crate::stats;

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Where it was measured.
    pub machine: Machine,
    /// Runs behind each median.
    pub runs: usize,
    /// What the times are: wall time or processor time.
    pub clock: &'static str,
    /// The columns.
    pub engines: Vec<EngineInfo>,
    /// The programs, by group.
    pub rows: Vec<Row>,
}

/// The machine and the moment.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor's name, if the system tells.
    pub cpu: Option<String>,
    /// How many threads can run at once.
    pub threads: usize,
    /// Operating system and architecture.
    pub platform: String,
    /// Seconds since 1970 (UTC).
    pub unix_time: u64,
}

/// A column.
#[derive(Clone, Debug, Serialize)]
pub struct EngineInfo {
    /// Its heading.
    pub name: String,
    /// The command line, without the file.
    pub command: String,
    /// `_VERSION`.
    pub language: String,
    /// What the engine says of itself.
    pub release: Option<String>,
    /// Whether ratios are about this engine.
    pub subject: bool,
    /// Median seconds for a file that does next to nothing.
    pub start_up: Option<f64>,
}

/// A program's results.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The program's group.
    pub group: String,
    /// The program's name.
    pub name: String,
    /// What it does.
    pub title: String,
    /// What it puts under load.
    pub stresses: String,
    /// Its length.
    pub lines: usize,
    /// One for each engine.
    pub cells: Vec<Cell>,
}

/// What one engine did with one program.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Cell {
    /// It ran.
    Measured {
        /// Median time in seconds.
        median: f64,
        /// `(max - min) / median`.
        spread: f64,
        /// All times in seconds, in order.
        seconds: Vec<f64>,
    },
    /// It failed, or printed something else than the other engines.
    Failed {
        /// Why.
        reason: String,
    },
    /// The program needs another language version.
    Unsupported,
}

impl Cell {
    /// The cell for these times.
    pub fn measured(seconds: Vec<f64>) -> Self {
        match stats::median(&seconds) {
            Some(median) => Cell::Measured {
                median,
                spread: stats::spread(&seconds),
                seconds,
            },
            None => Cell::Failed {
                reason: "no run".to_owned(),
            },
        }
    }

    /// Whether this is a failure.
    pub fn is_failure(&self) -> bool {
        matches!(self, Cell::Failed { .. })
    }

    /// The median, if it ran.
    pub fn median(&self) -> Option<f64> {
        match self {
            Cell::Measured { median, .. } => Some(*median),
            Cell::Failed { .. } | Cell::Unsupported => None,
        }
    }
}

/// Two engines whose times are divided, by their columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The engine in question.
    pub subject: usize,
    /// The engine it is compared with.
    pub reference: usize,
}

impl Report {
    /// The comparisons to show: each subject with each reference. Without a subject, the first
    /// reference is compared with the others.
    pub fn pairs(&self) -> Vec<Pair> {
        let columns = 0..self.engines.len();
        let (mut subjects, mut references): (Vec<_>, Vec<_>) =
            columns.partition(|&i| self.engines[i].subject);
        if subjects.is_empty() && !references.is_empty() {
            subjects.push(references.remove(0));
        } else if references.is_empty() && subjects.len() > 1 {
            references = subjects.split_off(1);
        }
        subjects
            .iter()
            .flat_map(|&subject| {
                references
                    .iter()
                    .map(move |&reference| Pair { subject, reference })
            })
            .collect()
    }

    /// The heading of a comparison, such as `lua5.4/vm`.
    pub fn pair_name(&self, pair: Pair) -> String {
        format!(
            "{}/{}",
            self.engines[pair.reference].name, self.engines[pair.subject].name
        )
    }

    /// How many times faster the subject ran the program, if both ran it.
    pub fn ratio(&self, row: &Row, subject: usize, reference: usize) -> Option<f64> {
        let subject = row.cells.get(subject)?.median()?;
        let reference = row.cells.get(reference)?.median()?;
        (subject > 0.0).then(|| reference / subject)
    }

    /// The ratios of one comparison over the rows of `group` (all rows, if `None`).
    pub fn ratios<'a>(
        &'a self,
        pair: Pair,
        group: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Row, f64)> {
        self.rows
            .iter()
            .filter(move |row| group.is_none_or(|group| row.group == group))
            .filter_map(move |row| Some((row, self.ratio(row, pair.subject, pair.reference)?)))
    }

    /// The geometric mean of a comparison over `group` (over all, if `None`).
    pub fn geometric_mean(&self, pair: Pair, group: Option<&str>) -> Option<f64> {
        stats::geometric_mean(self.ratios(pair, group).map(|(_, ratio)| ratio))
    }

    /// The program with the lowest ratio.
    pub fn minimum(&self, pair: Pair) -> Option<(&Row, f64)> {
        self.ratios(pair, None).min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The groups, in the order of the rows.
    pub fn groups(&self) -> Vec<&str> {
        let mut groups: Vec<&str> = Vec::new();
        for row in &self.rows {
            if groups.last() != Some(&row.group.as_str()) {
                groups.push(&row.group);
            }
        }
        groups
    }

    /// Whether a program failed under some engine.
    pub fn has_failures(&self) -> bool {
        self.failures().next().is_some()
    }

    /// All failures: program, engine, reason.
    pub fn failures(&self) -> impl Iterator<Item = (&Row, &EngineInfo, &str)> {
        self.rows.iter().flat_map(|row| {
            row.cells
                .iter()
                .zip(&self.engines)
                .filter_map(move |(cell, engine)| match cell {
                    Cell::Failed { reason } => Some((row, engine, reason.as_str())),
                    Cell::Measured { .. } | Cell::Unsupported => None,
                })
        })
    }
}

impl Machine {
    /// This machine, now.
    pub fn current() -> Self {
        // On Linux the processor is in /proc/cpuinfo; elsewhere its architecture has to do.
        let cpu = std::fs::read_to_string("/proc/cpuinfo")
            .ok()
            .and_then(|text| {
                text.lines()
                    .find_map(|line| line.strip_prefix("model name"))
                    .map(|rest| rest.trim_start_matches([' ', '\t', ':']).trim().to_owned())
            });
        Machine {
            cpu,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            unix_time: std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |elapsed| elapsed.as_secs()),
        }
    }

    /// One line for people, such as `Xeon, 2 threads, linux x86_64, 2025-01-31 12:00 UTC`.
    pub fn describe(&self) -> String {
        let cpu = self
            .cpu
            .as_deref()
            .map_or_else(String::new, |cpu| format!("{cpu}, "));
        let plural = if self.threads == 1 { "" } else { "s" };
        format!(
            "{cpu}{} thread{plural}, {}, {}",
            self.threads,
            self.platform,
            utc_minute(self.unix_time)
        )
    }
}

/// A time as `YYYY-MM-DD HH:MM UTC` (proleptic Gregorian calendar).
fn utc_minute(unix_time: u64) -> String {
    let (days, seconds) = (unix_time / 86_400, unix_time % 86_400);
    // Count from 1 March of year 0: then leap days come last in a year and months follow a pattern
    // of 153 days in 5 months.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year_of_era = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day_of_month:02} {:02}:{:02} UTC",
        seconds / 3600,
        seconds % 3600 / 60
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A report of three programs in two groups under a subject and two references.
    pub(crate) fn sample() -> Report {
        let engine = |name: &str, subject| EngineInfo {
            name: name.to_owned(),
            command: format!("/bin/{name}"),
            language: "Lua 5.4".to_owned(),
            release: Some(format!("{name} <1>")),
            subject,
            start_up: Some(0.001),
        };
        let row = |group: &str, name: &str, cells: Vec<Cell>| Row {
            group: group.to_owned(),
            name: name.to_owned(),
            title: format!("{name} & co"),
            stresses: "things".to_owned(),
            lines: 10,
            cells,
        };
        let time = |t: f64| Cell::measured(vec![t]);
        Report {
            machine: Machine {
                cpu: Some("Test".to_owned()),
                threads: 2,
                platform: "linux x86_64".to_owned(),
                unix_time: 1_709_210_096,
            },
            runs: 1,
            clock: "wall time",
            engines: vec![
                engine("vm", true),
                engine("lua5.4", false),
                engine("luajit", false),
            ],
            rows: vec![
                row("calls", "fib", vec![time(0.5), time(1.0), time(0.125)]),
                row("calls", "tak", vec![time(1.0), time(0.5), time(0.25)]),
                row(
                    "alloc",
                    "trees",
                    vec![
                        Cell::Failed {
                            reason: "exit status: 1".to_owned(),
                        },
                        time(1.0),
                        Cell::Unsupported,
                    ],
                ),
            ],
        }
    }

    #[test]
    fn ratios_means_and_minimum() {
        let report = sample();
        let pairs = report.pairs();
        assert_eq!(pairs.len(), 2);
        assert_eq!(report.pair_name(pairs[0]), "lua5.4/vm");
        assert_eq!(report.ratio(&report.rows[0], 0, 1), Some(2.0));
        assert!((report.geometric_mean(pairs[0], None).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(report.geometric_mean(pairs[0], Some("alloc")), None);
        let (row, ratio) = report.minimum(pairs[0]).unwrap();
        assert_eq!((row.name.as_str(), ratio), ("tak", 0.5));
        assert_eq!(report.groups(), ["calls", "alloc"]);
        assert_eq!(report.failures().count(), 1);
    }

    #[test]
    fn pairs_without_a_subject_or_reference() {
        let mut report = sample();
        report.engines[0].subject = false;
        assert_eq!(report.pairs().len(), 2);
        for engine in &mut report.engines {
            engine.subject = true;
        }
        assert_eq!(
            report.pairs(),
            [
                Pair {
                    subject: 0,
                    reference: 1
                },
                Pair {
                    subject: 0,
                    reference: 2
                }
            ]
        );
        report.engines.truncate(1);
        assert!(report.pairs().is_empty());
    }

    #[test]
    fn dates() {
        assert_eq!(utc_minute(0), "1970-01-01 00:00 UTC");
        assert_eq!(utc_minute(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(utc_minute(1_709_210_096), "2024-02-29 12:34 UTC");
        assert_eq!(utc_minute(4_102_444_799), "2099-12-31 23:59 UTC");
    }

    #[test]
    fn json_keeps_times_and_failures() {
        let json = serde_json::to_value(sample()).unwrap();
        assert_eq!(json["rows"][0]["cells"][1]["median"], 1.0);
        assert_eq!(json["rows"][2]["cells"][0]["state"], "failed");
    }
}
