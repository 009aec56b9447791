//! The report as a table for the terminal.
//!
//! One block per group: a line per program with milliseconds for each engine and a ratio for each
//! comparison, then the group's geometric means. At the end the overall means and minima.

use std::fmt::Write;

use super::{Cell, Pair, Report};

const NAME_WIDTH: usize = 20;

/// Renders `report`; `color` marks ratios below 1 red and the others green.
pub fn render(report: &Report, color: bool) -> String {
    let table = Table {
        report,
        pairs: report.pairs(),
        color,
    };
    table.render()
}

struct Table<'a> {
    report: &'a Report,
    pairs: Vec<Pair>,
    color: bool,
}

impl Table<'_> {
    fn render(&self) -> String {
        let mut out = String::new();
        self.preamble(&mut out);
        self.heading(&mut out);
        for group in self.report.groups() {
            self.group(&mut out, group);
        }
        self.summary(&mut out);
        out
    }

    fn preamble(&self, out: &mut String) {
        push(
            out,
            format_args!(
                "{}; {}, medians of {}\n",
                self.report.machine.describe(),
                self.report.clock,
                self.report.runs
            ),
        );
        for engine in &self.report.engines {
            let release = engine.release.as_deref().unwrap_or(&engine.language);
            push(out, format_args!("  {}: {release}", engine.name));
            if let Some(seconds) = engine.start_up {
                push(out, format_args!(" (start-up {:.1} ms)", seconds * 1e3));
            }
            out.push('\n');
        }
    }

    fn heading(&self, out: &mut String) {
        push(out, format_args!("\n{:<NAME_WIDTH$}", "milliseconds"));
        for engine in &self.report.engines {
            push(
                out,
                format_args!(" {:>w$}", engine.name, w = width(&engine.name)),
            );
        }
        for &pair in &self.pairs {
            let name = self.report.pair_name(pair);
            push(out, format_args!(" {name:>w$}", w = width(&name)));
        }
        out.push('\n');
    }

    fn group(&self, out: &mut String, group: &str) {
        push(out, format_args!("{}\n", self.paint(group, "1")));
        for row in self.report.rows.iter().filter(|row| row.group == group) {
            push(out, format_args!("  {:<w$}", row.name, w = NAME_WIDTH - 2));
            for (cell, engine) in row.cells.iter().zip(&self.report.engines) {
                let w = width(&engine.name);
                match cell {
                    Cell::Measured { median, .. } => {
                        push(out, format_args!(" {:>w$.1}", median * 1e3))
                    }
                    Cell::Failed { .. } => push(
                        out,
                        format_args!(" {}", self.paint(&format!("{:>w$}", "FAILED"), "31")),
                    ),
                    Cell::Unsupported => push(out, format_args!(" {:>w$}", "-")),
                }
            }
            for &pair in &self.pairs {
                self.ratio(
                    out,
                    pair,
                    self.report.ratio(row, pair.subject, pair.reference),
                );
            }
            out.push('\n');
        }
        self.mean_line(out, "  mean", Some(group));
    }

    fn mean_line(&self, out: &mut String, label: &str, group: Option<&str>) {
        if self.pairs.is_empty() {
            return;
        }
        push(out, format_args!("{label:<NAME_WIDTH$}"));
        for engine in &self.report.engines {
            push(out, format_args!(" {:>w$}", "", w = width(&engine.name)));
        }
        for &pair in &self.pairs {
            self.ratio(out, pair, self.report.geometric_mean(pair, group));
        }
        out.push('\n');
    }

    fn summary(&self, out: &mut String) {
        out.push('\n');
        self.mean_line(out, "geometric mean", None);
        for &pair in &self.pairs {
            if let Some((row, ratio)) = self.report.minimum(pair) {
                let name = self.report.pair_name(pair);
                push(
                    out,
                    format_args!("lowest {name}: {ratio:.2} ({}/{})\n", row.group, row.name),
                );
            }
        }
        for (row, engine, reason) in self.report.failures() {
            let word = self.paint("FAILED", "31");
            push(
                out,
                format_args!(
                    "{word} {}/{} under {}: {reason}\n",
                    row.group, row.name, engine.name
                ),
            );
        }
    }

    fn ratio(&self, out: &mut String, pair: Pair, ratio: Option<f64>) {
        let w = width(&self.report.pair_name(pair));
        let text = match ratio {
            Some(ratio) => {
                let code = if ratio < 1.0 { "31" } else { "32" };
                self.paint(&format!("{ratio:>w$.2}"), code)
            }
            None => format!("{:>w$}", "-"),
        };
        push(out, format_args!(" {text}"));
    }

    fn paint(&self, text: &str, code: &str) -> String {
        if self.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// The width of a column with this heading.
fn width(heading: &str) -> usize {
    heading.chars().count().max(8) + 1
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String never fails.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn lines_of_the_table() {
        let text = render(&sample(), false);
        let fib = text.lines().find(|line| line.contains("fib")).unwrap();
        let words: Vec<_> = fib.split_whitespace().collect();
        assert_eq!(words, ["fib", "500.0", "1000.0", "125.0", "2.00", "0.25"]);
        let trees = text
            .lines()
            .find(|line| line.trim_start().starts_with("trees"))
            .unwrap();
        assert!(trees.contains("FAILED"), "{trees}");
        assert!(text.contains("lowest lua5.4/vm: 0.50 (calls/tak)"));
        assert!(text.contains("FAILED alloc/trees under vm: exit status: 1"));
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn columns_line_up() {
        let text = render(&sample(), false);
        let ends: Vec<_> = text
            .lines()
            .filter(|line| {
                line.starts_with("milliseconds")
                    || line.starts_with("  fib")
                    || line.starts_with("  tak")
            })
            .map(str::len)
            .collect();
        assert_eq!(ends.len(), 3);
        assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
    }

    #[test]
    fn colors_on_request() {
        let text = render(&sample(), true);
        assert!(text.contains("\x1b[31m") && text.contains("\x1b[32m"));
    }
}
