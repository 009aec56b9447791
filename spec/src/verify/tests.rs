//! One module or more for each rule that breaks it and no other, and modules
//! that look odd but are safe.

use super::*;
use crate::asm::assemble;
use crate::module::{Hint, HintKind, LocalVar, Pos, SlotKind};
use crate::samples::rich;

/// A main function from directives and code.
fn main(head: &str, code: &str) -> Module {
    let text = format!("strata 1\n.proto\n{head}\n.code\n{code}\n.end\n");
    assemble(&text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

/// A main function and the children it names.
fn tree_of(head: &str, code: &str, children: &str) -> Module {
    let text = format!("strata 1\n.proto\n{head}\n.code\n{code}\n.end\n{children}");
    assemble(&text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

#[track_caller]
fn accepts(module: &Module) {
    if let Err(e) = verify(module) {
        panic!("{e}");
    }
}

#[track_caller]
fn rejects(rule: Rule, module: &Module) -> VerifyError {
    let error = verify(module).expect_err("the module breaks a rule");
    assert_eq!(error.rule, rule, "{error}");
    error
}

fn edited(edit: impl FnOnce(&mut Module)) -> Module {
    let mut module = rich();
    edit(&mut module);
    module
}

#[test]
fn the_sample_is_safe() {
    accepts(&rich());
}

#[test]
fn errors_name_section_prototype_offset_and_rule() {
    let e = rejects(
        Rule::UndefinedRegister,
        &main(".regs 2", "nop\nmove r0 r1\nreturn0"),
    );
    assert_eq!((e.section, e.offset), (Section::Protos, Offset::Pc(1)));
    assert_eq!(
        e.to_string(),
        "section protos, prototype 0, pc 1: move reads register 1, which holds nothing here \
         (rule undefined-register: a register is defined when it is read)"
    );
    let e = rejects(
        Rule::StringId,
        &edited(|m| m.protos[1].upvals[0].name = Some(StrId(99))),
    );
    assert_eq!(
        (e.section, e.proto, e.offset),
        (
            Section::Debug,
            Some(ProtoId(1)),
            Offset::Entry("upvalue", 0)
        )
    );
}

#[test]
fn modules_and_prototypes() {
    rejects(Rule::MainMissing, &Module::default());
    rejects(
        Rule::SizeLimit,
        &edited(|m| m.protos[0].slots = vec![SlotKind::Field; MAX_SLOTS + 1]),
    );
    for edit in [
        (|m| m.protos[0].consts[0] = Const::Str(StrId(4))) as fn(&mut Module),
        |m| m.protos[0].source = Some(StrId(u32::MAX)),
        |m| m.protos[0].locals[0].name = StrId(4),
        |m| m.protos[0].hints[0].name = StrId(4),
    ] {
        rejects(Rule::StringId, &edited(edit));
    }
    rejects(
        Rule::ChildOrder,
        &edited(|m| m.protos[0].children[0] = ProtoId(0)),
    );
    rejects(
        Rule::ChildOrder,
        &edited(|m| m.protos[0].children[0] = ProtoId(2)),
    );
    rejects(Rule::OneParent, &edited(|m| m.protos[0].children.clear()));
    rejects(
        Rule::OneParent,
        &edited(|m| m.protos[0].children.push(ProtoId(1))),
    );
    rejects(
        Rule::UpvalCount,
        &edited(|m| {
            let upval = m.protos[0].upvals[0];
            m.protos[0].upvals = vec![upval; 256];
        }),
    );
    rejects(Rule::RegCount, &main(".params 3\n.regs 2", "return0"));
    rejects(Rule::CodeEmpty, &main("", ""));
    rejects(Rule::CodeEnd, &main("", "nop"));
    rejects(Rule::CodeEnd, &main("", "return0\nnop"));
    rejects(
        Rule::CapturedRange,
        &main(".regs 2\n.captured r2", "returnclose r0 0"),
    );
    for edit in [
        (|m| m.protos[1].upvals[0].index = 1) as fn(&mut Module),
        |m| m.protos[0].captured = RegSet::EMPTY,
        |m| {
            m.protos[1].upvals[0].from_register = false;
            m.protos[1].upvals[0].index = 1;
        },
    ] {
        let mut module = rich();
        edit(&mut module);
        // Without captured registers the main function's return is wrong too;
        // where upvalues come from is looked at first.
        rejects(Rule::UpvalSource, &module);
    }
}

#[test]
fn operands() {
    rejects(Rule::Opcode, &main("", ".raw 0xff\nreturn0"));
    for raw in [
        ".raw 0x0000000000000100", // nop with A = 1
        ".raw 0x0000000100000000", // nop with a high half
    ] {
        rejects(
            Rule::UnusedOperand,
            &main(".regs 2", &format!("{raw}\nreturn0")),
        );
    }
    for (head, code) in [
        (".regs 2", "loadnil r0 2"),
        (".regs 2", "loadtrue r2"),
        (
            ".regs 2\n.params 1\n.const \"k\"\n.slot field",
            "self r0 r0 k0 s0",
        ),
        (".regs 2\n.slot call\n.params 2", "call r1 0 0 s0"),
        (".regs 4\n.slot call\n.params 4", "call r0 3 0 s0"),
        (".regs 4\n.slot call\n.params 4", "call r0 0 5 s0"),
        (".regs 3\n.params 3", "forprep r0 +0"),
        (".regs 7\n.params 7", "tforcall r0 1"),
        (".regs 8\n.params 8", "tforcall r0 5"),
        (".regs 2\n.params 2", "setlist r0 2 0"),
        (".regs 2\n.params 2", "concat r0 r0 r2"),
        (".regs 2\n.params 2", "return r1 2"),
        (".regs 2\n.params 2", "return r3 0"),
        (".regs 2\n.params 2", "close r2"),
    ] {
        rejects(
            Rule::RegisterRange,
            &main(head, &format!("{code}\nreturn0")),
        );
    }
    rejects(
        Rule::OperandCount,
        &main(".regs 9\n.params 9", "concat r0 r3 r3\nreturn0"),
    );
    rejects(
        Rule::OperandCount,
        &main(".regs 9\n.params 9", "tforcall r0 0\nreturn0"),
    );
    for code in [
        "loadk r0 k1",
        "jeqk r0 k1 +0",
        "addk r0 r0 k1",
        "getfield r0 r0 k1 s0",
    ] {
        rejects(
            Rule::ConstIndex,
            &main(
                ".regs 2\n.params 1\n.const 1\n.slot field",
                &format!("{code}\nreturn0"),
            ),
        );
    }
    for code in ["getfield r0 r0 k0 s0", "addk r0 r0 k1", "shrk r0 r0 k1"] {
        rejects(
            Rule::ConstKind,
            &main(
                ".regs 2\n.params 1\n.const 1\n.const \"x\"\n.slot field",
                &format!("{code}\nreturn0"),
            ),
        );
    }
    for code in ["getupval r0 u1", "setupval r0 u1", "gettabup r0 u1 k0 s0"] {
        rejects(
            Rule::UpvalIndex,
            &main(
                ".regs 2\n.params 1\n.upval u0\n.const \"x\"\n.slot field",
                &format!("{code}\nreturn0"),
            ),
        );
    }
    rejects(Rule::ChildIndex, &main(".regs 1", "closure r0 p0\nreturn0"));
    rejects(
        Rule::SlotIndex,
        &main(".regs 1\n.slot site", "newtable r0 0 0 s1\nreturn0"),
    );
    for (slot, code) in [
        ("call", "newtable r0 0 0 s0"),
        ("site", "call r0 0 0 s0"),
        ("site", "tailcall r0 0 s0"),
        ("call", "getfield r0 r0 k0 s0"),
    ] {
        rejects(
            Rule::SlotKind,
            &main(
                &format!(".regs 2\n.params 1\n.const \"x\"\n.slot {slot}"),
                &format!("{code}\nreturn0"),
            ),
        );
    }
}

#[test]
fn varargs_and_returns() {
    rejects(Rule::VarargPrep, &main(".vararg", "return0"));
    rejects(Rule::VarargPrep, &main("", "varargprep 0\nreturn0"));
    rejects(
        Rule::VarargPrep,
        &main(".vararg", "varargprep 0\nvarargprep 0\nreturn0"),
    );
    rejects(
        Rule::VarargPrep,
        &main(".vararg\n.params 1\n.regs 1", "varargprep 0\nreturn0"),
    );
    rejects(
        Rule::VarargPrep,
        &main(".vararg", "a: loop defined 0\nvarargprep 0\nloop a"),
    );
    rejects(Rule::VarargUse, &main(".regs 1", "vararg r0 1\nreturn0"));
    for code in ["return0", "return1 r0", "return r0 1"] {
        rejects(
            Rule::ReturnClose,
            &main(".regs 1\n.params 1\n.captured r0", code),
        );
    }
}

#[test]
fn jumps() {
    rejects(Rule::JumpRange, &main("", "jmp +1\nreturn0"));
    rejects(Rule::JumpRange, &main("", "loop -2\nreturn0"));
    rejects(
        Rule::JumpDirection,
        &main("", "a: loop defined 0\nnop\njmp a"),
    );
    rejects(
        Rule::JumpDirection,
        &main("", "loop a\na: loop defined 0\nreturn0"),
    );
    rejects(Rule::JumpTarget, &main("", "jmp +1\nnop\nreturn0"));
    rejects(Rule::LoopHeader, &main("", "a: defined 0\nloop a"));
    // Jumps in unreachable code lead to blocks all the same.
    rejects(Rule::JumpTarget, &main("", "return0\njmp +0\nreturn0"));
    let swapped = edited(|m| m.protos[0].blocks.swap(0, 1));
    rejects(Rule::BlockOrder, &swapped);
    let outside = edited(|m| m.protos[0].blocks[3].pc = 999);
    rejects(Rule::BlockOrder, &outside);
}

#[test]
fn declared_states() {
    for state in [
        "defined 3",
        "defined 1 tbc r1",
        "defined 2 tbc r1 r0",
        "defined 1 open r0",
        "defined 1 open r2",
    ] {
        rejects(
            Rule::BlockState,
            &main(".regs 2\n.params 2", &format!("nop\na: {state}\nreturn0")),
        );
    }
    for state in ["defined 2", "defined 1 tbc r0", "defined 1 open r1"] {
        rejects(
            Rule::EntryState,
            &main(".regs 2\n.params 1", &format!("a: {state}\nreturn0")),
        );
    }
    rejects(
        Rule::EdgeDefined,
        &main(".regs 1", "jmp a\na: defined 1\nreturn0"),
    );
    rejects(
        Rule::EdgeDefined,
        &main(".regs 1", "nop\na: defined 1\nreturn0"),
    );
    rejects(
        Rule::EdgeTbc,
        &main(".regs 1\n.params 1", "tbc r0\njmp a\na: defined 1\nreturn0"),
    );
    rejects(
        Rule::EdgeTbc,
        &main(
            ".regs 1\n.params 1",
            "jmp a\na: defined 1 tbc r0\nreturnclose r0 0",
        ),
    );
    let vararg = ".regs 2\n.vararg";
    rejects(
        Rule::EdgeOpen,
        &main(
            vararg,
            "varargprep 0\nvararg r0 *\na: defined 0\nreturn r0 *",
        ),
    );
    rejects(
        Rule::EdgeOpen,
        &main(
            vararg,
            "varargprep 0\njmp a\na: defined 0 open r0\nreturn r0 *",
        ),
    );
    accepts(&main(
        vararg,
        "varargprep 0\nvararg r0 *\na: defined 0 open r0\nreturn r0 *",
    ));
}

#[test]
fn definedness() {
    for (head, code) in [
        ("", "move r0 r1\nreturn0"),
        ("", "loadnil r0 0\nadd r0 r0 r1\nreturn0"),
        // A call's registers are gone afterwards, but for its results.
        (".params 1\n.slot call", "call r0 0 1 s0\nreturn r0 2"),
        // The link slot holds no value.
        (
            ".params 1\n.slot field\n.const \"x\"",
            "self r0 r0 k0 s0\nmove r0 r1\nreturn0",
        ),
        // Concatenation uses up its operands.
        (".params 3", "concat r0 r1 r2\nmove r0 r1\nreturn0"),
        (".params 2", "close r1\nreturn1 r1"),
        // Written on one way only.
        (
            ".params 1",
            "jtrueset r1 r0 a\nreturn1 r1\na: defined 2\nreturn1 r1",
        ),
        (
            ".params 3",
            "forprep r0 a\nb: loop defined 4\nforloop r0 b\na: defined 0\nreturn1 r3",
        ),
        // Where a loop is left to, its registers hold nothing.
        (
            ".params 3",
            "forprep r0 a\nb: loop defined 4\nforloop r0 b\nreturn1 r2\na: defined 0\nreturn0",
        ),
        ("", "loadtrue r1\nloadtrue r0\nreturn r0 3"),
    ] {
        rejects(
            Rule::UndefinedRegister,
            &main(&format!(".regs 6\n{head}"), code),
        );
    }
    accepts(&main(
        ".regs 6\n.params 1",
        "jtrueset r1 r0 a\nreturn0\na: defined 2\nreturn1 r1",
    ));
    accepts(&main(
        ".regs 6\n.params 3",
        "forprep r0 out\nbody: loop defined 4\nmove r4 r3\nforloop r0 body\nout: defined 0\nreturn0",
    ));
    rejects(
        Rule::EdgeDefined,
        &main(
            ".regs 6\n.params 3",
            "forprep r0 out\nbody: loop defined 4\nforloop r0 body\nout: defined 1\nreturn0",
        ),
    );
    // What cannot be reached is not tracked.
    accepts(&main(".regs 1", "return0\nreturn1 r0"));
}

#[test]
fn open_results() {
    let head = ".regs 6\n.params 3\n.vararg\n.slot call";
    let with = |code: &str| main(head, &format!("varargprep 3\n{code}"));
    rejects(Rule::OpenMissing, &with("return r0 *"));
    rejects(Rule::OpenMissing, &with("call r0 * 0 s0\nreturn0"));
    rejects(Rule::OpenPending, &with("vararg r3 *\nreturn0"));
    rejects(Rule::OpenPending, &with("vararg r3 *\nnop\nreturn r3 *"));
    rejects(
        Rule::OpenPending,
        &with("vararg r3 *\nvararg r3 *\nreturn r3 *"),
    );
    rejects(Rule::OpenBase, &with("vararg r1 *\nreturn r2 *"));
    // The link slot lies between callee and arguments.
    rejects(
        Rule::OpenBase,
        &with("vararg r3 *\ncall r2 * 0 s0\nreturn0"),
    );
    rejects(Rule::UndefinedRegister, &with("vararg r4 *\nreturn r0 *"));
    accepts(&with("vararg r4 *\ncall r2 * * s0\nreturn r0 *"));
    accepts(&with("vararg r4 *\ntailcall r2 * s0"));
    accepts(&with("loadnil r3 0\nvararg r4 *\nsetlist r0 * 0\nreturn0"));
}

#[test]
fn closing() {
    rejects(
        Rule::TbcOrder,
        &main(".regs 2\n.params 2", "tbc r1\ntbc r0\nreturnclose r0 0"),
    );
    rejects(
        Rule::TbcOrder,
        &main(".regs 2\n.params 2", "tbc r1\ntbc r1\nreturnclose r0 0"),
    );
    for code in [
        "loadnil r0 3",
        "loadtrue r1",
        "call r0 1 0 s0",
        "jtrueset r1 r0 +0",
    ] {
        rejects(
            Rule::TbcClobber,
            &main(
                ".regs 4\n.params 3\n.slot call",
                &format!("tbc r1\n{code}\na: defined 1\nreturnclose r0 0"),
            ),
        );
    }
    for code in ["return0", "return1 r0", "return r0 1", "tailcall r0 0 s0"] {
        rejects(
            Rule::TbcReturn,
            &main(".regs 2\n.params 1\n.slot call", &format!("tbc r0\n{code}")),
        );
    }
    accepts(&main(
        ".regs 2\n.params 2",
        "tbc r0\ntbc r1\nclose r1\nclose r0\nreturn0",
    ));
}

const CHILD: &str = ".proto\n.upval r0\n.code\nreturn0\n.end\n";

#[test]
fn open_upvalues_keep_their_registers() {
    let head = ".regs 8\n.captured r0\n.child 1\n.slot call";
    let with = |code: &str| tree_of(head, code, CHILD);
    let call = "loadnil r0 1\ncall r0 0 0 s0\nreturnclose r0 0";
    accepts(&with(call));
    accepts(&with(&format!(
        "loadnil r0 0\nclosure r1 p0\nclose r0\n{call}"
    )));
    // A local function captures itself.
    accepts(&with("closure r0 p0\nreturnclose r0 0"));
    rejects(
        Rule::UndefinedRegister,
        &with("closure r1 p0\nreturnclose r0 0"),
    );
    for code in [
        format!("loadnil r0 0\nclosure r1 p0\n{call}"),
        // On one of two ways.
        format!("loadnil r0 0\njfalse r0 a\nclosure r1 p0\na: defined 1\n{call}"),
        // Around a loop.
        "loadnil r0 0\na: loop defined 1\njtrue r0 b\nclosure r1 p0\nloop a\n\
         b: defined 1\ncall r0 0 0 s0\nreturnclose r0 0"
            .into(),
    ] {
        rejects(Rule::CapturedClobber, &with(&code));
    }
    // A variable of the loop's body must be closed before it jumps back.
    let body = |close: &str| {
        with(&format!(
            "a: loop defined 0\nloadnil r0 0\nclosure r1 p0\n{close}\nloop a"
        ))
    };
    rejects(Rule::CapturedLoop, &body("nop"));
    accepts(&body("close r0"));
    // A variable outside of the loop stays open.
    accepts(&with(
        "loadnil r0 0\na: loop defined 1\njtrue r0 b\nclosure r1 p0\nloop a\n\
         b: defined 1\nreturnclose r0 0",
    ));
    // A loop entered in its middle: what is open there is open at its header.
    accepts(&with(
        "loadnil r0 1\nclosure r1 p0\njmp in\na: loop defined 2\nnop\nin: defined 2\n\
         jtrue r1 out\nloop a\nout: defined 2\nreturnclose r0 0",
    ));
    rejects(
        Rule::CapturedClobber,
        &with(
            "loadnil r0 1\nclosure r1 p0\njmp in\na: loop defined 2\ncall r0 0 0 s0\n\
             loadnil r0 1\nin: defined 2\njtrue r1 out\nloop a\nout: defined 2\n\
             returnclose r0 0",
        ),
    );
    // Nor is it left by a loop.
    rejects(
        Rule::CapturedClobber,
        &with(
            "loadnil r0 2\nforprep r0 out\na: loop defined 4\nclosure r4 p0\n\
               forloop r0 a\nout: defined 0\nreturnclose r0 0",
        ),
    );
    // Once closed, a register is free again, in loops as well.
    accepts(&with(
        "loadnil r0 0\nclosure r1 p0\nclose r0\nloadnil r0 2\n\
         forprep r0 out\na: loop defined 4\nforloop r0 a\n\
         out: defined 0\nloadtrue r0\ncall r0 0 0 s0\nreturnclose r0 0",
    ));
}

#[test]
fn debug_data() {
    rejects(
        Rule::PositionCount,
        &edited(|m| m.protos[0].positions.push(Pos::default())),
    );
    let local = LocalVar {
        name: StrId(0),
        reg: 0,
        start: 0,
        end: 4,
    };
    for bad in [
        LocalVar { reg: 4, ..local },
        LocalVar { start: 5, ..local },
        LocalVar { end: 5, ..local },
    ] {
        rejects(Rule::LocalRange, &edited(|m| m.protos[1].locals.push(bad)));
    }
    accepts(&edited(|m| m.protos[1].locals.push(local)));
    rejects(Rule::HintOrder, &edited(|m| m.protos[0].hints.swap(0, 1)));
    rejects(
        Rule::HintOrder,
        &edited(|m| {
            m.protos[1].hints.push(Hint {
                pc: 4,
                reg: 0,
                kind: HintKind::Local,
                name: StrId(0),
            });
        }),
    );
}

/// Rules named by no test above would go unnoticed.
#[test]
fn every_rule_has_a_negative() {
    let this = include_str!("tests.rs");
    for rule in Rule::ALL {
        assert!(
            this.contains(&format!("Rule::{rule:?},"))
                || this.contains(&format!("Rule::{rule:?}\n")),
            "{rule:?}"
        );
    }
}

/// Verification takes time linear in the code, whatever the jumps: many
/// headers and edges, nested loops, wide states.
#[test]
fn adversarial_control_flow_is_linear() {
    let time = |size: usize| {
        let mut module = rich();
        let p = &mut module.protos[0];
        p.vararg = false;
        p.code.clear();
        p.blocks.clear();
        p.hints.clear();
        p.positions.clear();
        p.locals.clear();
        let half = size / 2;
        // Loops nested `half` deep, each with a closure.
        p.code.push(crate::Insn::abc(Op::LoadNil, 0, 1, 0));
        for _ in 0..half {
            p.blocks.push(Block {
                pc: p.code.len() as u32,
                loop_header: true,
                defined: 2,
                ..Block::default()
            });
            p.code.push(crate::Insn::abc(Op::Closure, 1, 0, 0));
        }
        for n in 0..half as i32 {
            let header = p.blocks[half - 1 - n as usize].pc as i32;
            let dist = header - p.code.len() as i32 - 1;
            // Every second instruction is reachable.
            p.code
                .push(crate::Insn::abc(Op::JTrue, 0, 0, 0).with_jump(1));
            p.code
                .push(crate::Insn::abc(Op::Loop, 0, 0, 0).with_jump(dist - 1));
            p.blocks.push(Block {
                pc: p.code.len() as u32,
                defined: 2,
                ..Block::default()
            });
        }
        p.code.push(crate::Insn::abc(Op::ReturnClose, 0, 1, 0));
        accepts(&module);
        let start = std::time::Instant::now();
        for _ in 0..3 {
            accepts(&module);
        }
        start.elapsed()
    };
    time(1000);
    let (small, large) = (time(10_000), time(160_000));
    assert!(
        large < small * 16 * 8,
        "16 times the code took {large:?} after {small:?}"
    );
}
