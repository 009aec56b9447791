//! Keeps `bytecode.md` in step with the code: the opcode and rule tables are
//! generated (run with `STRATA_BLESS=1` to write them), and the worked example
//! is a program that verifies.

use std::fmt::Write;
use strata_spec::op::{OPS, Role};
use strata_spec::verify::Rule;
use strata_spec::{assemble, disassemble, load, verify, write};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bytecode.md");

fn opcodes() -> String {
    let mut table = String::from(
        "| # | mnemonic | A | B | C | ext | effect |\n|---|---|---|---|---|---|---|\n",
    );
    for (n, row) in OPS.iter().enumerate() {
        let role = |role: Role| match role {
            Role::No => String::new(),
            role => format!("{role:?}"),
        };
        let ext = match format!("{:?}", row.ext) {
            none if none == "None" => String::new(),
            ext => ext,
        };
        let _ = writeln!(
            table,
            "| {n} | `{}` | {} | {} | {} | {ext} | `{}` |",
            row.mnemonic,
            role(row.a),
            role(row.b),
            role(row.c),
            row.semantics.replace('|', "\\|"),
        );
    }
    table
}

fn rules() -> String {
    let mut table = String::from("| rule | demands that |\n|---|---|\n");
    for rule in Rule::ALL {
        let _ = writeln!(table, "| `{}` | {} |", rule.name(), rule.explain());
    }
    table
}

/// `text` with what stands between the markers called `name` replaced.
fn with_section(text: &str, name: &str, body: &str) -> String {
    let marker = format!("<!-- {name}: generated, see tests/prose.rs -->\n");
    let start = text.find(&marker).expect("the marker") + marker.len();
    let len = text[start..].find("<!-- end -->").expect("the end marker");
    format!("{}{body}{}", &text[..start], &text[start + len..])
}

#[test]
fn tables_are_current_and_complete() {
    let text = std::fs::read_to_string(PATH).expect("bytecode.md");
    let current = with_section(&text, "opcodes", &opcodes());
    let current = with_section(&current, "rules", &rules());
    if std::env::var_os("STRATA_BLESS").is_some() {
        std::fs::write(PATH, &current).expect("bytecode.md is written");
    }
    let text = std::fs::read_to_string(PATH).expect("bytecode.md");
    assert!(
        text == current,
        "run `STRATA_BLESS=1 cargo test -p strata-spec --test prose`"
    );
    for row in OPS {
        assert!(
            text.contains(&format!("`{}`", row.mnemonic)),
            "{}",
            row.mnemonic
        );
    }
    for rule in Rule::ALL {
        assert!(text.contains(&format!("`{}`", rule.name())), "{rule}");
    }
}

#[test]
fn the_worked_example_verifies() {
    let text = std::fs::read_to_string(PATH).expect("bytecode.md");
    let start = text.find("```asm\n").expect("an example") + "```asm\n".len();
    let len = text[start..].find("```").expect("its end");
    let module = assemble(&text[start..start + len]).unwrap_or_else(|e| panic!("{e}"));
    verify(&module).unwrap_or_else(|e| panic!("{e}"));
    let back = load(&write(&module)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(back, module);
    assert_eq!(
        assemble(&disassemble(&module)).unwrap_or_else(|e| panic!("{e}")),
        module
    );
}
