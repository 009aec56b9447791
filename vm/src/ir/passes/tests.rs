//! Passes from text to text.
//!
//! A file beside this one holds cases:
//!
//! ```text
//! === what it shows: pass pass …
//! the function before
//! --->
//! the function after
//! ```
//!
//! `STRATA_BLESS=1` rewrites what comes after; the diff is what to review. The
//! verifier runs before the first and after each pass.

use super::{Pipeline, Tables};
use crate::ir::Reason;
use crate::ir::parse::parse;
use bumpalo::Bump;
use std::path::Path;

/// Runs the cases of a file.
fn cases(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/ir/passes/tests")
        .join(name);
    let text = std::fs::read_to_string(&path).expect("the file of cases");
    let mut made = String::new();
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in text.split("=== ").skip(1) {
        count += 1;
        let (head, rest) = case.split_once('\n').expect("a title");
        let (before, after) = rest.split_once("--->\n").expect("before and after");
        let (title, passes) = head.rsplit_once(": ").expect("a title and passes");
        let result = match run(before, passes) {
            Ok(text) => text,
            Err(e) => panic!("{title}: {e}"),
        };
        if result.trim_end() != after.trim_end() {
            wrong.push(format!("{title}\n{result}"));
        }
        made += &format!("=== {head}\n{before}--->\n{result}\n");
    }
    assert!(count > 0, "no cases in {}", path.display());
    if std::env::var_os("STRATA_BLESS").is_some() {
        std::fs::write(&path, made.trim_end().to_owned() + "\n").expect("the file of cases");
        return;
    }
    assert!(
        wrong.is_empty(),
        "{} (STRATA_BLESS=1 accepts what is new):\n\n{}",
        path.display(),
        wrong.join("\n")
    );
}

/// Instead of passes: all of them, as code is compiled.
const STANDARD: &str = "standard";

/// What these passes make of a function. A guard may be put before any loop
/// but those at pc 13, and at pc 12 unless it is one for a kind of elements. New tables have shape 0, and frame maps can tell tables
/// of shape 1 with one field, 2 with two, and so on.
fn run(text: &str, passes: &str) -> Result<String, String> {
    let arena = Bump::new();
    let mut f = parse(&arena, text)?;
    crate::ir::verify::verify(&f)?;
    let may_hoist = |_, pc, why| pc != 13 && (pc != 12 || why != Reason::Kind);
    let names: Vec<&'static str> = passes
        .split_whitespace()
        .filter(|p| *p != STANDARD)
        .map(|p| {
            let all = super::PASSES.iter().find(|n| n.0 == p);
            all.expect("a pass of this name").0
        })
        .collect();
    let tables = Tables {
        root: 0,
        sinkable: &|_, _, shape, fields| shape == fields as u64,
    };
    let pipeline = if passes == STANDARD {
        Pipeline::standard(&may_hoist)
    } else {
        Pipeline::of(&names, &may_hoist)
    };
    pipeline.with_tables(tables).run(&mut f, true, None)?;
    Ok(f.to_string())
}

#[test]
fn fold() {
    cases("fold.ir");
}

#[test]
fn flow() {
    cases("flow.ir");
}

#[test]
fn dce() {
    cases("dce.ir");
}

#[test]
fn gvn() {
    cases("gvn.ir");
}

#[test]
fn unbox() {
    cases("unbox.ir");
}

#[test]
fn licm() {
    cases("licm.ir");
}

#[test]
fn ranges() {
    cases("ranges.ir");
}

#[test]
fn strip() {
    cases("strip.ir");
}

#[test]
fn split() {
    cases("split.ir");
}

#[test]
fn unslot() {
    cases("unslot.ir");
}

#[test]
fn sink() {
    cases("sink.ir");
}

#[test]
fn standard() {
    cases("standard.ir");
}

#[test]
fn watchers_see_every_pass_and_counters_have_names() {
    let arena = Bump::new();
    let text = "frame 0: f0 pc 0 base 0\nb0(v0: int):\n  v1: int = iadd v0 v0\n  return v0 @0\n";
    let mut f = parse(&arena, text).expect("a function");
    let mut seen = Vec::new();
    let mut watch = |name, f: &crate::ir::Func<'_>| seen.push((name, f.to_string()));
    let may_hoist = |_, _, _: Reason| true;
    let pipeline = Pipeline::of(&["gvn", "dce"], &may_hoist);
    let stats = pipeline
        .run(&mut f, true, Some(&mut watch))
        .expect("it is well-formed");
    let names: Vec<&str> = seen.iter().map(|s| s.0).collect();
    assert_eq!(names, ["gvn", "dce"]);
    assert!(seen[0].1.contains("iadd") && !seen[1].1.contains("iadd"));
    let mut counted = Vec::new();
    stats.each(&mut |name, _, n| {
        if n != 0 {
            counted.push((name, n));
        }
    });
    assert_eq!(counted, [("dead_removed", 1)]);
}

#[test]
fn a_broken_function_is_told_with_the_pass() {
    let arena = Bump::new();
    let text = "frame 0: f0 pc 0 base 0\nb0(v0: int):\n  v1: int = iadd v0 v2\n  return v1 @0\n";
    let mut f = parse(&arena, text).expect("a function");
    let may_hoist = |_, _, _: Reason| true;
    let pipeline = Pipeline::of(&["dce"], &may_hoist);
    let error = pipeline.run(&mut f, true, None).expect_err("v2 is nowhere");
    assert!(
        error.starts_with("after dce: ") && error.contains("v2"),
        "{error}"
    );
}

#[test]
fn folded_nan_has_the_sign_that_the_machine_gives_it() {
    let arena = Bump::new();
    let text = "frame 0: f0 pc 0 base 0\nb0():\n  v0: float = float 0.0\n  v1: float = fdiv v0 v0\n  return v1 @0\n";
    let mut f = parse(&arena, text).expect("a function");
    let may_hoist = |_, _, _: Reason| true;
    let pipeline = Pipeline::of(&["fold"], &may_hoist);
    pipeline.run(&mut f, true, None).expect("it is well-formed");
    let zero = std::hint::black_box(0.0f64);
    assert_eq!(f.insts[1].op, crate::ir::Op::Float);
    assert_eq!(f.insts[1].imm, (zero / zero).to_bits());
}
