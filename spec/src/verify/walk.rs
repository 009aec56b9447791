//! A test of the verifier's promise: modules are damaged at random, and those
//! it still accepts are walked along random paths by a machine that knows of
//! each register whether it holds a value, who waits to be closed and which
//! upvalues are open. The machine must never find anything amiss.

use super::verify;
use crate::asm::assemble;
use crate::effects::Effects;
use crate::module::{Module, Proto, RegSet};
use crate::op::{Ext, OP_COUNT, Op};
use crate::samples::rich;
use proptest::prelude::*;

/// Closures in and around loops of all kinds, entered in front and in the
/// middle.
const LOOPS: &str = "strata 1
.proto
.regs 14
.params 3
.captured r1 r3 r5
.child 1
.child 2
.child 3
.slot call
.slot site
.code
  loadnil r3 0
  closure r4 p0
  close r3
  jtrue r0 in
a: loop defined 3
  loadnil r3 0
  call r3 0 0 s0
  loadnil r3 2
  closure r6 p1
  jfalse r0 out
  close r3
in: defined 3
  jeq r0 r1 a2
  closure r3 p0
  jmp a3
a2: defined 3
  loadtrue r3
a3: defined 4
  move r4 r3
  call r4 0 1 s0
  close r3
  loop a
out: defined 6
  close r0
  loadnil r0 5
  forprep r0 out2
body: loop defined 4
  move r7 r3
  move r8 r3
  concat r7 r7 r8
  closure r4 p2
  loadnil r5 4
  tforprep r5 tin
tbody: loop defined 11 tbc r8
  closure r11 p2
  call r11 0 * s0
  setlist r9 * 0
tin: defined 9 tbc r8
  tforcall r5 2
  tforloop r5 tbody
  close r5
  jtrueset r5 r4 on
  loadtrue r5
on: defined 6
  close r3
  forloop r0 body
out2: defined 0
  loadnil r0 2
  tbc r2
  returnclose r0 2
.end
.proto
.upval r1
.upval r3
.code
return0
.end
.proto
.upval r5
.code
return0
.end
.proto
.upval r3
.code
return0
.end
";

/// Walks `p` along the path `choices` say; returns what went wrong.
fn walk(module: &Module, p: &Proto, choices: &mut u64) -> Result<(), String> {
    let mut defined = RegSet::below(p.params.into());
    let mut tbc: Vec<u8> = Vec::new();
    let mut upvalues = RegSet::EMPTY;
    let mut open: Option<u8> = None;
    let mut pc = 0usize;
    for _ in 0..300 {
        let insn = *p.code.get(pc).ok_or("left the code")?;
        let op = insn.op().ok_or("no opcode")?;
        let e = Effects::of(op, insn);
        let fail = |what: &str| Err(format!("{what} at {pc}"));
        let mut reads = e.reads;
        match (open.take(), e.open_in) {
            (Some(at), Some(least)) if at >= least => {
                reads = reads.union(&RegSet::range(least.into(), at.into()));
            }
            (None, None) => {}
            _ => return fail("open results"),
        }
        if !reads.is_subset(&defined) {
            return fail("undefined register");
        }
        let all = reads.union(&e.writes);
        if !all.is_subset(&RegSet::below(p.regs.into())) {
            return fail("register out of range");
        }
        if op == Op::Close {
            tbc.retain(|&r| r < insn.a());
            upvalues = upvalues.intersection(&RegSet::below(insn.a().into()));
        }
        if op.is_terminator() && op.info().ext != Ext::Jump {
            let closes = op == Op::ReturnClose;
            let dangling = !tbc.is_empty() || op != Op::TailCall && !upvalues.is_empty();
            if !closes && dangling {
                return fail("something stays open");
            }
            return Ok(());
        }
        let touched = e.kills.union(&e.writes).union(&e.left);
        if tbc.iter().any(|&r| touched.contains(r)) {
            return fail("lost a variable to be closed");
        }
        if !e.kills.union(&e.left).intersection(&upvalues).is_empty() {
            return fail("an upvalue's register became scratch");
        }
        defined = defined.minus(&e.kills).union(&e.writes);
        open = e.open_out;
        match op {
            Op::Tbc => tbc.push(insn.a()),
            Op::TForPrep => tbc.push(insn.a() + 3),
            Op::Closure => {
                let child = p.children[insn.u32() as usize];
                for desc in &module.protos[child.0 as usize].upvals {
                    if desc.from_register {
                        if !defined.contains(desc.index) {
                            return fail("captured an undefined register");
                        }
                        upvalues.insert(desc.index);
                    }
                }
            }
            Op::VarargPrep if pc != 0 => return fail("varargprep"),
            _ => {}
        }
        if tbc.windows(2).any(|w| w[0] >= w[1]) {
            return fail("order of variables to be closed");
        }
        let taken = op.info().ext == Ext::Jump && {
            *choices = choices.rotate_left(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            op.is_terminator() || *choices >> 63 != 0
        };
        defined = defined.minus(&e.lost(taken));
        defined = match if taken { e.taken } else { e.fall } {
            Some(reg) if tbc.contains(&reg) => return fail("lost a variable to be closed"),
            Some(reg) => defined.union(&RegSet::single(reg)),
            None => defined,
        };
        pc += 1;
        if taken {
            pc = (pc as i64 + i64::from(insn.jump())) as usize;
        }
    }
    Ok(())
}

fn walk_all(module: &Module, seed: u64) -> Result<(), String> {
    for p in &module.protos {
        for n in 0..24 {
            let mut choices = seed.wrapping_mul(2 * n + 1) | 1;
            walk(module, p, &mut choices)?;
        }
    }
    Ok(())
}

/// Changes something small.
fn damage(module: &mut Module, kind: u8, at: u64, value: u8) {
    let pick = |len: usize| (at % len.max(1) as u64) as usize;
    let p = &mut module.protos[0];
    let pc = pick(p.code.len());
    let cell = p.code[pc].0;
    let small = u64::from(value % 16);
    match kind {
        0..=2 => {
            let shift = 8 + 8 * u32::from(kind);
            p.code[pc].0 = cell & !(0xff << shift) | small << shift;
        }
        3 => p.code[pc] = p.code[pc].with_jump(i32::from(value as i8) / 8),
        4 => p.code[pc].0 = cell & !0xff | (u64::from(value) % OP_COUNT as u64),
        5 => {
            let next = (pc + 1) % p.code.len();
            p.code.swap(pc, next);
        }
        6 => {
            let len = p.blocks.len();
            let block = &mut p.blocks[pick(len)];
            block.defined = value % 16;
        }
        7 => {
            let len = p.blocks.len();
            let block = &mut p.blocks[pick(len)];
            block.loop_header |= value & 1 != 0;
            if value & 2 != 0 {
                block.tbc.pop();
            } else if value & 4 != 0 {
                block.tbc.push(value % 16);
            }
        }
        8 => p.captured.insert(value % 16),
        _ => p.code[pc] = crate::Insn::abc(Op::Nop, 0, 0, 0),
    }
}

#[test]
fn undamaged_modules_walk() {
    let loops = assemble(LOOPS).unwrap_or_else(|e| panic!("{e}"));
    for module in [rich(), loops] {
        verify(&module).unwrap_or_else(|e| panic!("{e}"));
        for seed in 0..50 {
            walk_all(&module, 0x1234_5678_9abc_def1u64.wrapping_mul(seed)).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn what_is_accepted_walks(
        which in any::<bool>(),
        edits in prop::collection::vec((0..10u8, any::<u64>(), any::<u8>()), 1..4),
        seed in any::<u64>(),
    ) {
        let mut module = if which { rich() } else { assemble(LOOPS).expect("assembly") };
        for (kind, at, value) in edits {
            damage(&mut module, kind, at, value);
        }
        if verify(&module).is_ok() {
            let walked = walk_all(&module, seed);
            prop_assert!(walked.is_ok(), "{walked:?}\n{}", crate::disassemble(&module));
        }
    }
}
