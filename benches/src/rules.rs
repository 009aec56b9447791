//! Terms rewritten by rules: compiled against interpreted.
//!
//! Each **case** is rules and terms of about as many nodes as asked for, random and the same each
//! time. `vm rewrite --stats` tells what reading, compiling and rewriting took; both ways have to
//! print the same. They take turns, medians count.
//!
//! | case | rules | terms |
//! |---|---|---|
//! | simplify | `examples/algebra.rules` | expressions |
//! | differentiate | the same | derivatives of expressions |
//! | select | instructions for expressions, by operator and kinds of operands | expressions |

use crate::process;
use crate::stats;
use serde::Deserialize;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What to measure.
#[derive(Debug)]
pub struct Options<'a> {
    /// Our virtual machine.
    pub vm: &'a Path,
    /// About how many nodes the terms of a case have.
    pub nodes: usize,
    /// Runs behind each median.
    pub runs: usize,
    /// Longest time for one process.
    pub limit: Duration,
}

/// What is looked at of `vm rewrite --stats=json`.
#[derive(Debug, Deserialize)]
struct Stats {
    backend: String,
    rules: usize,
    terms: usize,
    attempts: u64,
    applications: u64,
    compile_ms: Option<f64>,
    rewrite_ms: f64,
}

/// Rules and terms.
struct Case {
    name: &'static str,
    rules: PathBuf,
    terms: PathBuf,
}

/// The table, and the greatest ratio in it.
pub fn compare(options: &Options<'_>) -> Result<(String, f64), String> {
    let folder = std::env::temp_dir().join(format!("strata-rules-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|e| format!("can't make a folder: {e}"))?;
    let result = measure(options, &folder);
    let _ = fs::remove_dir_all(&folder);
    result
}

fn measure(options: &Options<'_>, folder: &Path) -> Result<(String, f64), String> {
    let mut text = format!(
        "{:<15}{:>6}{:>10}{:>11}{:>10}{:>14}{:>11}{:>7}{:>12}{:>16}\n",
        "case",
        "rules",
        "terms",
        "looked at",
        "applied",
        "interpret ms",
        "native ms",
        "x",
        "compile ms",
        "pays off after"
    );
    let mut best = 0f64;
    for case in cases(options.nodes, folder)? {
        let mut interpreted = Vec::new();
        let mut native = Vec::new();
        let mut compile = Vec::new();
        let mut last = None;
        for _ in 0..options.runs {
            let (printed, stats) = run(&case, "interpret", options, folder)?;
            interpreted.push(stats.rewrite_ms);
            let (again, stats) = run(&case, "native", options, folder)?;
            if again != printed {
                return Err(format!("{}: native results differ", case.name));
            }
            native.push(stats.rewrite_ms);
            compile.extend(stats.compile_ms);
            last = Some(stats);
        }
        let stats = last.ok_or("no run")?;
        let median = |values: &[f64]| stats::median(values).unwrap_or(0.0);
        let (slow, fast, compile) = (median(&interpreted), median(&native), median(&compile));
        let ratio = slow / fast;
        best = best.max(ratio);
        let saved = (slow - fast) / stats.attempts as f64;
        let even = if saved > 0.0 {
            format!("{:.0} k", compile / saved / 1e3)
        } else {
            "never".into()
        };
        // Strings take what is written.
        let _ = writeln!(
            text,
            "{:<15}{:>6}{:>10}{:>11}{:>10}{slow:>14.2}{fast:>11.2}{ratio:>7.2}{compile:>12.2}{even:>16}",
            case.name, stats.rules, stats.terms, stats.attempts, stats.applications,
        );
    }
    text += "pays off after: terms looked at before compiling has saved more than it took\n";
    Ok((text, best))
}

fn run(
    case: &Case,
    backend: &str,
    options: &Options<'_>,
    folder: &Path,
) -> Result<(String, Stats), String> {
    let stats = folder.join("stats.json");
    let args = [
        "rewrite".to_string(),
        format!("--backend={backend}"),
        format!("--stats=json:{}", stats.display()),
        case.rules.display().to_string(),
        case.terms.display().to_string(),
    ];
    let fail = |e: String| format!("{}, {backend}: {e}", case.name);
    let finished =
        process::run(options.vm, &args, options.limit).map_err(|e| fail(e.to_string()))?;
    let text = fs::read_to_string(&stats).map_err(|e| fail(format!("no figures: {e}")))?;
    let stats: Stats = serde_json::from_str(&text).map_err(|e| fail(e.to_string()))?;
    if stats.backend != backend {
        return Err(fail(format!("it ran {}", stats.backend)));
    }
    Ok((finished.stdout, stats))
}

/// Writes the rules and terms of all cases.
fn cases(nodes: usize, folder: &Path) -> Result<Vec<Case>, String> {
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|e| format!("can't write {}: {e}", path.display()))?;
        Ok::<PathBuf, String>(path)
    };
    let algebra = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/algebra.rules"
    ));
    let derivative = |term: String| format!("d({term}, x)");
    Ok(vec![
        Case {
            name: "simplify",
            rules: algebra.clone(),
            terms: write("simplify", terms(nodes, 1, algebra_term))?,
        },
        Case {
            name: "differentiate",
            rules: algebra,
            terms: write(
                "differentiate",
                terms(nodes / 4, 2, |r, n| derivative(algebra_term(r, n))),
            )?,
        },
        Case {
            name: "select",
            rules: write("select.rules", selection_rules())?,
            terms: write("select", terms(nodes, 3, selection_term))?,
        },
    ])
}

/// Terms of about so many nodes together, none of more than some thousands.
fn terms(nodes: usize, seed: u64, make: impl Fn(&mut Random, usize) -> String) -> String {
    const EACH: usize = 5000;
    let mut random = Random(seed);
    let mut text = String::new();
    for _ in 0..nodes.div_ceil(EACH) {
        text += &make(&mut random, EACH.min(nodes));
        text.push('\n');
    }
    text
}

/// Numbers that are the same each time.
struct Random(u64);

impl Random {
    /// A number below `n`.
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }

    fn of<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[self.below(words.len())]
    }

    /// Splits nodes between two operands.
    fn split(&mut self, nodes: usize) -> (usize, usize) {
        let left = 1 + self.below(nodes.saturating_sub(1).max(1));
        (left, nodes.saturating_sub(left).max(1))
    }
}

/// An expression of algebra.
fn algebra_term(random: &mut Random, nodes: usize) -> String {
    match random.below(20) {
        _ if nodes <= 1 => random
            .of(&["x", "y", "z", "u", "v", "w", "0", "1", "2", "3"])
            .into(),
        0..=2 => {
            let function = random.of(&["sin", "cos", "exp", "ln", "neg"]);
            format!("{function}({})", algebra_term(random, nodes - 1))
        }
        3 => {
            let power = random.below(4);
            format!("pow({}, {power})", algebra_term(random, nodes - 1))
        }
        _ => {
            let operator = random.of(&["add", "add", "mul", "mul", "sub"]);
            let (left, right) = random.split(nodes - 1);
            let left = algebra_term(random, left);
            format!("{operator}({left}, {})", algebra_term(random, right))
        }
    }
}

const OPERATORS: [&str; 4] = ["add", "sub", "mul", "and"];

/// An expression of a program.
fn selection_term(random: &mut Random, nodes: usize) -> String {
    match random.below(20) {
        _ if nodes <= 1 => match random.below(3) {
            0 => random.below(20).to_string(),
            1 => format!("r{}", random.below(16)),
            _ => format!("load(r{})", random.below(16)),
        },
        0 => format!("not({})", selection_term(random, nodes - 1)),
        1..=4 => format!("load({})", selection_term(random, nodes - 1)),
        _ => {
            let operator = random.of(&OPERATORS);
            let (left, right) = random.split(nodes - 1);
            let left = selection_term(random, left);
            format!("{operator}({left}, {})", selection_term(random, right))
        }
    }
}

/// Rules that select instructions: for each operator by the kinds of both operands, which are
/// instructions already.
fn selection_rules() -> String {
    let kinds = [
        ("zero", "0"),
        ("small", "?a:int"),
        ("mem", "mem(?a)"),
        ("near", "mem_near(?a, ?b)"),
        ("twice", "add_same(?a)"),
        ("scaled", "mul_reg_small(?a, ?b)"),
        ("inverted", "not_reg(?a)"),
        ("masked", "and_reg_small(?a, ?b)"),
        ("sum", "add_reg_reg(?a, ?b)"),
        ("moved", "add_reg_small(?a, ?b)"),
        ("reg", "?a"),
    ];
    let mut text = String::new();
    for operator in OPERATORS {
        for (m, (left_kind, left)) in kinds.iter().enumerate() {
            for (n, (right_kind, right)) in kinds.iter().enumerate() {
                let right = right.replace("?b", "?d").replace("?a", "?c");
                let vars: Vec<&str> = ["?a", "?b", "?c", "?d"]
                    .into_iter()
                    .filter(|var| left.contains(var) || right.contains(var))
                    .collect();
                let name = format!("{operator}_{left_kind}_{right_kind}");
                let made = match vars.len() {
                    0 => name.clone(),
                    _ => format!("{name}({})", vars.join(", ")),
                };
                let condition = match *right_kind {
                    "small" => " where ?c >= -2048 and ?c < 2048",
                    _ => "",
                };
                let priority = 100 - m - n;
                let _ = writeln!(
                    text,
                    "rule {name} {priority}: {operator}({left}, {right}) => {made}{condition}"
                );
            }
        }
        let _ = writeln!(
            text,
            "rule {operator}_same 200: {operator}(?a, ?a) => {operator}_same(?a)"
        );
    }
    text += "rule not: not(?a) => not_reg(?a)\n\
             rule load_near 1: load(add_reg_small(?a, ?n:int)) => mem_near(?a, ?n) where ?n < 512\n\
             rule load: load(?a) => mem(?a)\n";
    for n in 0..16 {
        let _ = writeln!(text, "rule r{n}: r{n} => reg({n})");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_the_same_each_time() {
        let make = || terms(12_000, 7, algebra_term);
        assert_eq!(make(), make());
        assert_eq!(make().lines().count(), 3);
        let names: std::collections::HashSet<_> = selection_rules()
            .lines()
            .map(|line| line.split([' ', ':']).nth(1).map(str::to_owned))
            .collect();
        assert_eq!(names.len(), selection_rules().lines().count());
    }
}
