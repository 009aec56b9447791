//! Golden bytecode: the disassembly of each program under `golden/` lies
//! beside it as `NAME.asm`, and the text a run prints as `NAME.out`.
//! `STRATA_BLESS=1` rewrites both; the diff is then what to review.

use std::fs;
use std::path::Path;
use strata_spec::{assemble, disasm, disassemble_with, write};
use strata_tests::corpus::{self, Program};
use strata_tests::session::{End, Session, lossy};

fn blessing() -> bool {
    std::env::var_os("STRATA_BLESS").is_some_and(|v| !v.is_empty() && v != "0")
}

/// Compares with a file, or rewrites it; `Err` tells the first difference.
fn compare(path: &Path, got: &[u8]) -> Result<(), String> {
    if blessing() {
        return fs::write(path, got).map_err(|e| format!("{}: {e}", path.display()));
    }
    let expected =
        fs::read(path).map_err(|e| format!("{}: {e}; STRATA_BLESS=1 writes it", path.display()))?;
    if expected == got {
        return Ok(());
    }
    let (expected, got) = (lossy(&expected), lossy(got));
    let (mut a, mut b) = (expected.lines(), got.lines());
    let mut line = 0;
    loop {
        line += 1;
        let pair = (a.next(), b.next());
        if pair.0 != pair.1 || pair == (None, None) {
            let show = |text: Option<&str>| text.map_or("(the end)".to_owned(), str::to_owned);
            return Err(format!(
                "{}:{line}\n  expected: {}\n       got: {}",
                path.display(),
                show(pair.0),
                show(pair.1)
            ));
        }
    }
}

fn check_all(check: impl Fn(&Program) -> Result<(), String>) {
    let programs = corpus::programs();
    assert!(programs.len() >= 12, "{} programs", programs.len());
    let failures: Vec<String> = programs.iter().filter_map(|p| check(p).err()).collect();
    assert!(
        failures.is_empty(),
        "{} (STRATA_BLESS=1 accepts what is new)",
        failures.join("\n")
    );
}

#[test]
fn disassembly_is_as_blessed() {
    check_all(|program| {
        let module = program.module();
        let options = disasm::Options {
            source: Some(&program.source),
        };
        let text = disassemble_with(&module, options);
        let back = assemble(&text)
            .map_err(|e| format!("{}: its text does not assemble: {e}", program.name))?;
        if write(&back) != write(&module) {
            return Err(format!("{}: its text gives another module", program.name));
        }
        compare(&program.path.with_extension("asm"), text.as_bytes())
    });
}

#[test]
fn output_is_as_blessed() {
    check_all(|program| {
        let mut session = Session::open();
        let outcome = session.run_module(program.module());
        if outcome.end != End::Returned(0) {
            return Err(format!("{}: {}", program.name, outcome.end));
        }
        compare(&program.path.with_extension("out"), &outcome.output)
    });
}
