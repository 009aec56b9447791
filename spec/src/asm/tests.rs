use super::*;
use crate::disasm::disassemble;
use crate::insn::Insn;
use crate::op::Ext;
use crate::samples::{module, rich, same};
use proptest::prelude::*;

fn error(text: &str) -> String {
    match assemble(text) {
        Ok(_) => panic!("{text} should be refused"),
        Err(e) => e.to_string(),
    }
}

#[test]
fn the_sample_round_trips() {
    let text = disassemble(&rich());
    let back = assemble(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert_eq!(back, rich());
    assert_eq!(disassemble(&back), text);
}

#[test]
fn hand_written_text() {
    let module = assemble(
        "strata 1\n.proto\n.regs 2\n.const \"hi\"\n.const 0.1\n.const -inf\n.code\n\
         top: loop defined 0 ; a comment\n loadk r0 k0\n loop top\n.end",
    )
    .unwrap();
    let p = &module.protos[0];
    assert_eq!(module.strings, [b"hi"[..].into()]);
    assert_eq!(
        p.consts[1..],
        [Const::Float(0.1), Const::Float(f64::NEG_INFINITY)]
    );
    assert_eq!(p.code[1].jump(), -2);
    assert!(p.blocks[0].loop_header && p.positions.is_empty());
    assert_eq!(crate::verify::verify(&module), Ok(()));
}

#[test]
fn positions_carry_over() {
    let text = "strata 1\n.proto 0\n.code\nnop\nnop @3:4\nnop\nreturn0 @3:9\n.end\n";
    let p = &assemble(text).unwrap().protos[0];
    let lines: Vec<_> = p.positions.iter().map(|p| (p.line, p.column)).collect();
    assert_eq!(lines, [(0, 0), (3, 4), (3, 4), (3, 9)]);
}

#[test]
fn errors_name_the_place_and_what_was_expected() {
    assert_eq!(
        error(""),
        "1:1: expected `strata` and the format version, found the end of the line"
    );
    assert_eq!(
        error("strata 2"),
        "1:8: expected the format version 1, found `2`"
    );
    let in_code = |line: &str| error(&format!("strata 1\n.proto\n.code\n  {line}\n.end\n"));
    assert_eq!(
        in_code("move r0 5"),
        "4:11: expected a register r0 to r255, found `5`"
    );
    assert_eq!(
        in_code("move r0 r256"),
        "4:11: expected a register r0 to r255, found `r256`"
    );
    assert_eq!(
        in_code("jmp nowhere"),
        "4:7: expected a label of this prototype, found `nowhere`"
    );
    assert_eq!(
        in_code("mvoe r0 r1"),
        "4:3: expected a mnemonic, a label with `:` or `.end`, found `mvoe`"
    );
    assert_eq!(
        in_code("nop 1"),
        "4:7: expected the end of the line, found `1`"
    );
    assert_eq!(
        in_code("addi r0 r0 128"),
        "4:14: expected a number -128 to 127, found `128`"
    );
    assert_eq!(in_code("a:\n a:"), "5:2: expected a new label, found `a`");
    assert_eq!(
        error("strata 1\n.string \"a\\q\""),
        "2:11: expected an escape \\n \\r \\t \\\" \\\\ or \\x and two hexadecimal digits, found `\\q`"
    );
    assert_eq!(
        error("strata 1\n.string \"a\n"),
        "2:9: expected a closing quote, found none"
    );
    assert_eq!(
        error("strata 1\n.proto 3\n"),
        "2:8: expected prototype number 0, found `3`"
    );
    assert_eq!(
        error("strata 1\n.proto\n.code\nnop\n"),
        "5:1: expected an instruction or `.end`, found the end of the line"
    );
}

#[test]
fn every_opcode_round_trips() {
    for row in OPS {
        let insn = match row.ext {
            Ext::None => Insn::abc(row.op, 0, 0, 0),
            _ => Insn::abc(row.op, 0, 0, 0).with_k(7),
        };
        let mut module = rich();
        module.protos[1].code[0] = insn;
        let text = disassemble(&module);
        assert_eq!(assemble(&text).unwrap(), module, "{}", row.mnemonic);
        assert!(!text.contains(".raw"), "{}", row.mnemonic);
    }
}

#[test]
fn what_has_no_plain_text_is_raw() {
    let mut module = rich();
    module.protos[1].code[0] = Insn(0x1234_5678_9abc_deff);
    module.protos[1].code[1].0 |= 1 << 40;
    module.protos[0].blocks.reverse();
    module.protos[0].hints.reverse();
    module.protos[0].positions.pop();
    assert_eq!(assemble(&disassemble(&module)).unwrap(), module);
}

proptest! {
    #[test]
    fn any_module_round_trips(module in module()) {
        let text = disassemble(&module);
        let back = assemble(&text).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
        prop_assert!(same(&module, &back), "{text}\n{module:?}\n{back:?}");
    }

    #[test]
    fn any_text_gives_a_module_or_an_error(text in "\\PC{0,80}") {
        let _ = assemble(&text);
        let _ = assemble(&format!("strata 1\n.proto\n.code\n{text}"));
    }

    #[test]
    fn damaged_text_gives_a_module_or_an_error(
        at in any::<prop::sample::Index>(), len in 0..20usize, with in "[ \n:;\"r0-9{}]{0,3}"
    ) {
        let mut text: Vec<char> = disassemble(&rich()).chars().collect();
        let at = at.index(text.len());
        let end = (at + len).min(text.len());
        text.splice(at..end, with.chars());
        let _ = assemble(&text.into_iter().collect::<String>());
    }
}
