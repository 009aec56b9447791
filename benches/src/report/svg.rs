//! The bar chart: how many times faster the subject is, program by program.
//!
//! ```text
//!   group          1/4     1/2      1       2       4
//!     program               ▐███████│                        slower: to the left
//!     program                       │███████▌                faster: to the right
//! ```
//!
//! The axis is logarithmic, so that twice as fast and half as fast look alike. Each comparison has a
//! colour of its own (CSS classes `bar0`, `bar1`, …), and every bar its value in figures.

use std::fmt::Write;

use super::{Pair, Report, html::escape};

const LABEL_WIDTH: f64 = 170.0;
const PLOT_WIDTH: f64 = 620.0;
const VALUE_WIDTH: f64 = 60.0;
const BAR: f64 = 10.0;
const GAP: f64 = 7.0;
const GROUP_GAP: f64 = 26.0;
const TOP: f64 = 24.0;

/// How many colours the style sheet has; comparisons beyond share them.
pub(super) const COLORS: usize = 6;

/// The horizontal axis: a range of powers of two.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Axis {
    low: i32,
    high: i32,
}

impl Axis {
    /// The smallest range of whole powers of two that holds all `ratios`, and 1/2 to 2.
    fn fit(ratios: impl Iterator<Item = f64>) -> Self {
        let mut axis = Axis { low: -1, high: 1 };
        for ratio in ratios {
            let exponent = ratio.log2().clamp(-12.0, 12.0);
            axis.low = axis.low.min(exponent.floor() as i32);
            axis.high = axis.high.max(exponent.ceil() as i32);
        }
        axis
    }

    fn x(self, ratio: f64) -> f64 {
        let exponent = ratio
            .log2()
            .clamp(f64::from(self.low), f64::from(self.high));
        let part = (exponent - f64::from(self.low)) / f64::from(self.high - self.low);
        LABEL_WIDTH + VALUE_WIDTH + part * PLOT_WIDTH
    }
}

/// Renders the chart for all comparisons of `report`.
pub fn render(report: &Report) -> String {
    let pairs = report.pairs();
    if pairs.is_empty() {
        return String::new();
    }
    let axis = Axis::fit(
        pairs
            .iter()
            .flat_map(|&pair| report.ratios(pair, None).map(|(_, ratio)| ratio)),
    );
    let row_height = BAR * pairs.len() as f64 + GAP;
    let height = TOP
        + report.rows.len() as f64 * row_height
        + report.groups().len() as f64 * GROUP_GAP
        + 10.0;
    let width = LABEL_WIDTH + PLOT_WIDTH + 2.0 * VALUE_WIDTH;
    let mut out = String::new();
    push(
        &mut out,
        format_args!(
            "<svg viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
             aria-label=\"Speed ratios by program\" xmlns=\"http://www.w3.org/2000/svg\">\n"
        ),
    );
    grid(&mut out, axis, height);
    let mut y = TOP;
    for group in report.groups() {
        push(
            &mut out,
            format_args!(
                "<text class=\"group\" x=\"0\" y=\"{:.1}\">{}</text>\n",
                y + 17.0,
                escape(group)
            ),
        );
        y += GROUP_GAP;
        for row in report.rows.iter().filter(|row| row.group == group) {
            push(
                &mut out,
                format_args!(
                    "<text class=\"label\" x=\"{LABEL_WIDTH}\" y=\"{:.1}\">{}<title>{}</title></text>\n",
                    y + row_height / 2.0,
                    escape(&row.name),
                    escape(&row.title)
                ),
            );
            for (i, &pair) in pairs.iter().enumerate() {
                let ratio = report.ratio(row, pair.subject, pair.reference);
                bar(&mut out, report, axis, pair, i, y + i as f64 * BAR, ratio);
            }
            y += row_height;
        }
    }
    out.push_str("</svg>\n");
    out
}

fn grid(out: &mut String, axis: Axis, height: f64) {
    for exponent in axis.low..=axis.high {
        let x = axis.x(f64::from(exponent).exp2());
        let class = if exponent == 0 { "one" } else { "grid" };
        let text = if exponent < 0 {
            format!("1/{}", 1u32 << exponent.unsigned_abs())
        } else {
            format!("{}", 1u32 << exponent.unsigned_abs())
        };
        push(
            out,
            format_args!(
                "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/>\n\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"14\">{text}</text>\n",
                height - 4.0
            ),
        );
    }
}

fn bar(
    out: &mut String,
    report: &Report,
    axis: Axis,
    pair: Pair,
    index: usize,
    y: f64,
    ratio: Option<f64>,
) {
    let one = axis.x(1.0);
    let Some(ratio) = ratio else {
        push(
            out,
            format_args!(
                "<text class=\"none\" x=\"{:.1}\" y=\"{:.1}\">no result</text>\n",
                one + 4.0,
                y + BAR - 2.0
            ),
        );
        return;
    };
    let x = axis.x(ratio);
    let (from, to) = if x < one { (x, one) } else { (one, x) };
    let (anchor, at) = if x < one {
        ("end", x - 4.0)
    } else {
        ("start", x + 4.0)
    };
    push(
        out,
        format_args!(
            "<rect class=\"bar{}\" x=\"{from:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\">\
             <title>{}: {ratio:.3}</title></rect>\n\
             <text class=\"value\" text-anchor=\"{anchor}\" x=\"{at:.1}\" y=\"{:.1}\">{ratio:.2}</text>\n",
            index % COLORS,
            (to - from).max(1.0),
            BAR - 1.0,
            escape(&report.pair_name(pair)),
            y + BAR - 2.0
        ),
    );
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
    fn the_axis_holds_all_ratios() {
        assert_eq!(Axis::fit([1.0].into_iter()), Axis { low: -1, high: 1 });
        let axis = Axis::fit([0.2, 9.0].into_iter());
        assert_eq!(axis, Axis { low: -3, high: 4 });
        assert!(axis.x(0.2) < axis.x(1.0) && axis.x(1.0) < axis.x(9.0));
        let extreme = Axis::fit([0.0, f64::INFINITY].into_iter());
        assert_eq!(extreme, Axis { low: -12, high: 12 });
    }

    #[test]
    fn a_bar_for_each_ratio() {
        let svg = render(&sample());
        assert_eq!(svg.matches("<rect class=\"bar0\"").count(), 2);
        assert_eq!(svg.matches("<rect class=\"bar1\"").count(), 2);
        assert_eq!(svg.matches("no result").count(), 2);
        assert!(svg.contains("fib &amp; co"));
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn nothing_to_compare_gives_no_chart() {
        let mut report = sample();
        report.engines.truncate(1);
        assert_eq!(render(&report), "");
    }
}
