//! The report as one self-contained HTML page: no scripts, no files beside it, light and dark.

use std::{fmt::Write, fs, io, path::Path};

use super::{Cell, Report, svg};

const STYLE: &str = "
:root { --bg: #fff; --fg: #1c1e21; --dim: #667; --line: #d8dade; --good: #1a7f37; --bad: #b3261e;
  --c0: #2f6fde; --c1: #d9822b; --c2: #4b9e5f; --c3: #9256c2; --c4: #b8476b; --c5: #5b7686; }
@media (prefers-color-scheme: dark) { :root { --bg: #16181c; --fg: #e4e6ea; --dim: #98a0ac;
  --line: #34383f; --good: #57c27a; --bad: #f2877f; --c0: #6f9ff0; --c1: #e8a45c; --c2: #74c08a;
  --c3: #b98adf; --c4: #dd7c9c; --c5: #8fa9b8; } }
body { background: var(--bg); color: var(--fg); font: 15px/1.45 system-ui, sans-serif;
  max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; } td, th { padding: .15rem .7rem; border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
tr.group th { text-align: left; padding-top: .9rem; } tr.mean td { color: var(--dim); }
.good { color: var(--good); } .bad { color: var(--bad); } .dim { color: var(--dim); }
.scroll { overflow-x: auto; } .key { display: inline-block; width: .8em; height: .8em; margin: 0 .4em 0 1em; }
svg { width: 100%; max-width: 60rem; height: auto; font-family: system-ui, sans-serif; }
svg .group { font-size: 13px; font-weight: 600; fill: var(--fg); }
svg .label { font-size: 11px; text-anchor: end; fill: var(--fg); }
svg .tick { font-size: 10px; text-anchor: middle; fill: var(--dim); }
svg .value, svg .none { font-size: 8.5px; fill: var(--dim); }
svg .grid { stroke: var(--line); } svg .one { stroke: var(--fg); }
.bar0 { fill: var(--c0); background: var(--c0); } .bar1 { fill: var(--c1); background: var(--c1); }
.bar2 { fill: var(--c2); background: var(--c2); } .bar3 { fill: var(--c3); background: var(--c3); }
.bar4 { fill: var(--c4); background: var(--c4); } .bar5 { fill: var(--c5); background: var(--c5); }
";

/// Writes `index.html` and `results.json` into `folder`, which is made if it doesn't exist.
pub fn write(report: &Report, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("index.html"), render(report))?;
    fs::write(
        folder.join("results.json"),
        serde_json::to_vec_pretty(report)?,
    )
}

/// Renders the page.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    push(
        &mut out,
        format_args!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>Strata benchmarks</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <h1>Strata benchmarks</h1>\n<p class=\"dim\">{}; medians of {} interleaved runs, {} \
             of whole processes.</p>\n",
            escape(&report.machine.describe()),
            report.runs,
            report.clock
        ),
    );
    summary(&mut out, report);
    chart(&mut out, report);
    times(&mut out, report);
    engines(&mut out, report);
    out.push_str("</body>\n</html>\n");
    out
}

fn summary(out: &mut String, report: &Report) {
    out.push_str("<ul>\n");
    for pair in report.pairs() {
        let Some(mean) = report.geometric_mean(pair, None) else {
            continue;
        };
        push(
            out,
            format_args!(
                "<li><b>{}</b>: geometric mean <b class=\"{}\">{mean:.2}</b>",
                escape(&report.pair_name(pair)),
                class(mean)
            ),
        );
        if let Some((row, ratio)) = report.minimum(pair) {
            push(
                out,
                format_args!(
                    ", lowest <span class=\"{}\">{ratio:.2}</span> ({}/{})",
                    class(ratio),
                    escape(&row.group),
                    escape(&row.name)
                ),
            );
        }
        out.push_str("</li>\n");
    }
    for (row, engine, reason) in report.failures() {
        push(
            out,
            format_args!(
                "<li class=\"bad\">FAILED {}/{} under {}: {}</li>\n",
                escape(&row.group),
                escape(&row.name),
                escape(&engine.name),
                escape(reason)
            ),
        );
    }
    out.push_str("</ul>\n");
}

fn chart(out: &mut String, report: &Report) {
    let chart = svg::render(report);
    if chart.is_empty() {
        return;
    }
    out.push_str("<h2>Ratios (logarithmic; right of 1 is faster)</h2>\n<p>");
    for (i, pair) in report.pairs().into_iter().enumerate() {
        push(
            out,
            format_args!(
                "<span class=\"key bar{}\"></span>{}",
                i % svg::COLORS,
                escape(&report.pair_name(pair))
            ),
        );
    }
    out.push_str("</p>\n");
    out.push_str(&chart);
}

fn times(out: &mut String, report: &Report) {
    let pairs = report.pairs();
    out.push_str("<h2>Times in milliseconds</h2>\n<div class=\"scroll\"><table>\n<tr><th></th>");
    for engine in &report.engines {
        push(
            out,
            format_args!("<th class=\"n\">{}</th>", escape(&engine.name)),
        );
    }
    for &pair in &pairs {
        push(
            out,
            format_args!("<th class=\"n\">{}</th>", escape(&report.pair_name(pair))),
        );
    }
    out.push_str("</tr>\n");
    let columns = 1 + report.engines.len() + pairs.len();
    for group in report.groups() {
        push(
            out,
            format_args!(
                "<tr class=\"group\"><th colspan=\"{columns}\">{}</th></tr>\n",
                escape(group)
            ),
        );
        for row in report.rows.iter().filter(|row| row.group == group) {
            push(
                out,
                format_args!(
                    "<tr><td title=\"{}\">{}</td>",
                    escape(&row.title),
                    escape(&row.name)
                ),
            );
            for cell in &row.cells {
                match cell {
                    Cell::Measured { median, spread, .. } => push(
                        out,
                        format_args!(
                            "<td class=\"n\" title=\"spread {:.0} %\">{:.1}</td>",
                            spread * 100.0,
                            median * 1e3
                        ),
                    ),
                    Cell::Failed { reason } => {
                        push(
                            out,
                            format_args!(
                                "<td class=\"n bad\" title=\"{}\">FAILED</td>",
                                escape(reason)
                            ),
                        );
                    }
                    Cell::Unsupported => out.push_str("<td class=\"n dim\">–</td>"),
                }
            }
            for &pair in &pairs {
                ratio_cell(out, report.ratio(row, pair.subject, pair.reference));
            }
            out.push_str("</tr>\n");
        }
        if !pairs.is_empty() {
            push(
                out,
                format_args!(
                    "<tr class=\"mean\"><td colspan=\"{}\">geometric mean</td>",
                    1 + report.engines.len()
                ),
            );
            for &pair in &pairs {
                ratio_cell(out, report.geometric_mean(pair, Some(group)));
            }
            out.push_str("</tr>\n");
        }
    }
    out.push_str("</table></div>\n");
}

fn ratio_cell(out: &mut String, ratio: Option<f64>) {
    match ratio {
        Some(ratio) => push(
            out,
            format_args!("<td class=\"n {}\">{ratio:.2}</td>", class(ratio)),
        ),
        None => out.push_str("<td class=\"n dim\">–</td>"),
    }
}

fn engines(out: &mut String, report: &Report) {
    out.push_str("<h2>Engines</h2>\n<div class=\"scroll\"><table>\n<tr><th>name</th><th>release</th><th>command</th><th class=\"n\">start-up, ms</th></tr>\n");
    for engine in &report.engines {
        let start_up = engine
            .start_up
            .map_or_else(|| "–".to_owned(), |s| format!("{:.2}", s * 1e3));
        push(
            out,
            format_args!(
                "<tr><td>{}</td><td>{}</td><td><code>{}</code></td><td class=\"n\">{start_up}</td></tr>\n",
                escape(&engine.name),
                escape(engine.release.as_deref().unwrap_or(&engine.language)),
                escape(&engine.command)
            ),
        );
    }
    out.push_str("</table></div>\n");
}

fn class(ratio: f64) -> &'static str {
    if ratio < 1.0 { "bad" } else { "good" }
}

/// `text` with the characters that mean something to HTML replaced.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
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
    fn the_page_is_self_contained_and_escaped() {
        let page = render(&sample());
        assert!(page.starts_with("<!DOCTYPE html>"));
        for outside in ["src=", "href=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("vm &lt;1&gt;"));
        assert!(page.contains("prefers-color-scheme: dark"));
        assert!(page.contains("FAILED alloc/trees under vm"));
        assert_eq!(
            page.matches("<table>").count(),
            page.matches("</table>").count()
        );
        assert_eq!(page.matches("<tr").count(), page.matches("</tr>").count());
    }

    #[test]
    fn special_characters() {
        assert_eq!(escape("a<b & \"c\">"), "a&lt;b &amp; &quot;c&quot;&gt;");
    }

    #[test]
    fn files_are_written() {
        let folder =
            std::env::temp_dir().join(format!("strata-bench-report-{}", std::process::id()));
        write(&sample(), &folder).unwrap();
        assert!(folder.join("index.html").is_file() && folder.join("results.json").is_file());
        fs::remove_dir_all(&folder).unwrap();
    }
}
