//! Loops: what stays known around them, polls, OSR entries.
//!
//! At a loop header a register's tag is taken for known if it is known where
//! control comes from above and every instruction of the loop that writes
//! the register writes that tag, as far as feedback tells. The back-edge
//! checks what has not come true, so that a wrong prediction is an exit and
//! nothing worse. In innermost loops payloads of numbers stay in machine
//! registers as well.

use super::arith::{float_cc, operator, result_tag};
use super::elements::element_tag;
use super::helpers::{self, steps};
use super::layout::*;
use super::lower::Lower;
use super::state::{Payload, Reg, State, UNKNOWN, is_number};
use crate::deopt::SiteKind;
use crate::interp::native::TAKEN;
use crate::interp::{first_cursor, seen};
use crate::jit::Guard;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, InstructionData, Opcode, Type, Value, types};
use rustc_hash::FxHashMap;
use strata_runtime::audit::{Bug, planted};
use strata_runtime::ops::arith::ArithOp;
use strata_runtime::value::tag;
use strata_spec::effects::Effects;
use strata_spec::module::{Proto, RegSet};
use strata_spec::{Insn, Op};

/// A loop of the function.
#[derive(Debug)]
pub(super) struct Loop {
    /// Its last instruction.
    pub end: u32,
    /// Registers written in it.
    written: RegSet,
    /// Registers read or written in it.
    used: RegSet,
    /// No other loop inside.
    innermost: bool,
    /// Once lowered: the header, what is known there, and the registers
    /// whose payloads it takes as arguments.
    header: Option<Header>,
}

/// The header of a lowered loop: its block, what is known there, and the
/// registers whose payloads it takes as arguments.
type Header = (Block, State, Vec<(u8, Type)>);

/// Most payloads of each kind that a loop carries in machine registers.
const CARRIED: usize = 8;

/// Finds the loops of a function, by header.
pub(super) fn find_loops(spec: &Proto, code: &[Insn]) -> FxHashMap<u32, Loop> {
    let mut loops: FxHashMap<u32, Loop> = FxHashMap::default();
    for block in spec.blocks.iter().filter(|b| b.loop_header) {
        loops.insert(
            block.pc,
            Loop {
                end: block.pc,
                written: RegSet::EMPTY,
                used: RegSet::EMPTY,
                innermost: true,
                header: None,
            },
        );
    }
    for (pc, i) in (0u32..).zip(code) {
        if i.op().is_some_and(Op::is_back_edge) {
            let target = (i64::from(pc) + 1 + i64::from(i.jump())) as u32;
            if let Some(l) = loops.get_mut(&target) {
                l.end = l.end.max(pc);
            }
        }
    }
    let headers: Vec<u32> = loops.keys().copied().collect();
    for (&header, l) in &mut loops {
        l.innermost = !headers.iter().any(|&h| h > header && h <= l.end);
        for i in &code[header as usize..=l.end as usize] {
            let Some(op) = i.op() else { continue };
            let e = Effects::of(op, *i);
            let mut writes = e.writes.union(&e.kills);
            for r in e.taken.iter().chain(&e.fall) {
                writes.insert(*r);
            }
            l.written = l.written.union(&writes);
            l.used = l.used.union(&writes).union(&e.reads);
        }
    }
    loops
}

/// What the instructions of a loop write to a register.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    /// Nothing yet.
    None,
    /// This tag.
    Tag(u8),
    /// Who knows.
    Any,
}

impl Written {
    fn join(self, other: Written) -> Written {
        match (self, other) {
            (Written::None, x) | (x, Written::None) => x,
            (x, y) if x == y => x,
            _ => Written::Any,
        }
    }
}

impl Lower<'_> {
    /// What the loop from `header` to `end` writes to each register.
    fn predict(&self, header: u32, end: u32) -> Vec<Written> {
        let n = usize::from(self.spec.regs);
        let written = &self.loops[&header].written;
        let mut result = vec![Written::None; n];
        // Moves depend on what their sources are: a few rounds.
        for _ in 0..3 {
            let before = result.clone();
            for pc in header..=end {
                let i = self.code[pc as usize];
                let Some(op) = i.op() else { continue };
                let e = Effects::of(op, i);
                let tag_of = |r: u8| {
                    if written.contains(r) {
                        before[usize::from(r)]
                    } else {
                        match self.known(r) {
                            UNKNOWN => Written::Any,
                            t => Written::Tag(t),
                        }
                    }
                };
                let to = match op {
                    Op::Move => tag_of(i.b()),
                    _ if !self.may_speculate(pc) => Written::Any,
                    _ => self.predict_one(op, i, &tag_of),
                };
                let mut writes = e.writes;
                for r in e.taken.iter().chain(&e.fall) {
                    writes.insert(*r);
                }
                for r in writes.iter() {
                    let mine = match op {
                        _ if r == i.a() => to,
                        Op::ForLoop | Op::ForPrep => to,
                        _ => Written::Any,
                    };
                    let place = &mut result[usize::from(r)];
                    *place = place.join(mine);
                }
                for r in e.kills.minus(&e.writes).iter() {
                    if let Some(place) = result.get_mut(usize::from(r)) {
                        *place = Written::Any;
                    }
                }
            }
            if result == before {
                break;
            }
        }
        result
    }

    /// What instruction `i` writes to its register A.
    fn predict_one(&self, op: Op, i: Insn, tag_of: &dyn Fn(u8) -> Written) -> Written {
        let bits = i.feedback_bits();
        let tag = |t: Option<u8>| t.map_or(Written::Any, Written::Tag);
        match op {
            Op::LoadI => Written::Tag(tag::INT),
            Op::LoadF => Written::Tag(tag::FLOAT),
            Op::LoadK => Written::Tag(self.k(i.k()).tag),
            Op::NewTable => Written::Tag(tag::TABLE),
            Op::Closure => Written::Tag(tag::CLOSURE),
            Op::GetIndex | Op::GetIndexI => tag(element_tag(bits)),
            Op::ForLoop => match tag_of(i.a()) {
                Written::None => Written::Tag(tag::INT),
                other => other,
            },
            Op::ForPrep => tag(result_tag(ArithOp::Add, bits)),
            _ => match operator(op) {
                Some((kind, _)) => tag(result_tag(kind, bits)),
                None => Written::Any,
            },
        }
    }

    /// At the preheader of the loop at `pc`: goes on in its header.
    pub(super) fn loop_header(&mut self, pc: u32) {
        let l = &self.loops[&pc];
        let (end, innermost) = (l.end, l.innermost);
        let (written, used) = (l.written, l.used);
        let speculate = self.may_speculate(pc);
        let predicted = self.predict(pc, end);
        let regs = self.spec.regs;
        for r in 0..regs {
            let t = self.known(r);
            let keep =
                !written.contains(r) || (speculate && predicted[usize::from(r)] == Written::Tag(t));
            if t == UNKNOWN || !keep {
                self.st.forget(r);
            }
        }
        let mut carried = Vec::new();
        if innermost {
            let (mut ints, mut floats) = (0, 0);
            for (r, reg) in self.st.known() {
                if !used.contains(r) || !is_number(reg.tag) {
                    continue;
                }
                let (count, ty) = if reg.tag == tag::FLOAT {
                    (&mut floats, types::F64)
                } else {
                    (&mut ints, types::I64)
                };
                if *count < CARRIED {
                    *count += 1;
                    carried.push((r, ty));
                }
            }
        }
        let args = self.args(&carried);
        let header = self.b.create_block();
        self.b.ins().jump(header, &args);
        self.b.switch_to_block(header);
        self.st.forget_payloads();
        for &(r, ty) in &carried {
            let v = self.b.append_block_param(header, ty);
            let payload = if ty == types::F64 {
                Payload::Float(v)
            } else {
                Payload::Bits(v)
            };
            let tag = self.known(r);
            self.st.set(r, Reg::of(tag, payload));
        }
        self.entry(pc, header, carried.clone());
        let state = self.st.clone();
        if let Some(l) = self.loops.get_mut(&pc) {
            l.header = Some((header, state, carried));
        }
    }

    /// Jumps back to the header at `target`.
    fn back_to(&mut self, target: u32) -> Result<(), String> {
        let Some((header, state, carried)) = self.loops[&target].header.clone() else {
            return Err("a loop is entered other than from above".into());
        };
        for (r, reg) in state.known() {
            if !planted(Bug::LoopTags) {
                self.guard(r, reg.tag, target);
            }
        }
        let args = self.args(&carried);
        self.heat_loop(target);
        self.b.ins().jump(header, &args);
        Ok(())
    }

    /// Looks at the poll word.
    fn poll(&mut self, pc: u32) {
        self.site(pc, SiteKind::Poll);
        let (cold, go) = (self.cold_block(), self.b.create_block());
        let word = self.load(types::I32, self.vm, VM_POLL);
        // A comparison, for that takes the word from memory.
        let asked = self.b.ins().icmp_imm_s(IntCC::NotEqual, word, 0);
        self.b.ins().brif(asked, cold, &[], go, &[]);
        self.b.switch_to_block(cold);
        let n = self.int(i64::from(pc));
        let status = self.call_aside(helpers::POLL as usize, &[self.vm, self.base, n]);
        let out = self.out_before(pc);
        self.b.ins().brif(status, out, &[status.into()], go, &[]);
        self.b.switch_to_block(go);
    }

    pub(super) fn back(&mut self, pc: u32, i: Insn) -> Result<(), String> {
        self.poll(pc);
        let target = self.target(pc, i);
        self.back_to(target)?;
        self.ends();
        Ok(())
    }

    /// The integer constant that `v` is.
    fn constant_of(&self, v: Value) -> Option<i64> {
        let inst = self.b.func.dfg.value_def(v).inst()?;
        match self.b.func.dfg.insts[inst] {
            InstructionData::UnaryImm {
                opcode: Opcode::Iconst,
                imm,
            } => Some(imm.bits()),
            _ => None,
        }
    }

    pub(super) fn for_prep(&mut self, pc: u32, i: Insn) {
        let a = i.a();
        let ints = [a, a + 1, a + 2];
        let fits = ints
            .iter()
            .all(|r| matches!(self.known(*r), UNKNOWN | tag::INT));
        let known = ints.iter().all(|r| self.known(*r) == tag::INT);
        let seen = matches!(i.feedback_bits(), 0 | seen::INT);
        if !fits || !seen || !(known || self.may_speculate(pc)) {
            return self.for_prep_step(pc, i);
        }
        let step = match self.st.get(a + 2) {
            Reg {
                tag: tag::INT,
                payload: Payload::Bits(v),
                ..
            } => self.constant_of(v),
            _ => None,
        };
        if matches!(step, Some(0 | i64::MIN)) || (step.is_none() && !self.may_speculate(pc)) {
            return self.for_prep_step(pc, i);
        }
        for r in ints {
            self.guard(r, tag::INT, pc);
        }
        let (init, limit) = (self.bits(a), self.bits(a + 1));
        let (low, high) = match step {
            Some(step) if step > 0 => (init, limit),
            Some(_) => (limit, init),
            None => {
                let exit = self.exit(pc, Guard::Step { reg: a + 2 });
                let step = self.bits(a + 2);
                self.unless(step, exit);
                let up = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThan, step, 0);
                (
                    self.b.ins().select(up, init, limit),
                    self.b.ins().select(up, limit, init),
                )
            }
        };
        let none = self.b.ins().icmp(IntCC::SignedGreaterThan, low, high);
        let target = self.target(pc, i);
        // Where the loop is left nothing is known of its registers.
        let before = self.st.clone();
        self.forget_loop(a);
        let target = self.forward(target);
        self.st = before;
        let next = self.b.create_block();
        self.b.ins().brif(none, target, &[], next, &[]);
        self.b.switch_to_block(next);
        let distance = self.b.ins().isub(high, low);
        let count = match step.map(i64::unsigned_abs) {
            Some(1) => distance,
            Some(by) if by.is_power_of_two() => self
                .b
                .ins()
                .ushr_imm_s(distance, i64::from(by.trailing_zeros())),
            Some(by) => {
                let by = self.int(by as i64);
                self.b.ins().udiv(distance, by)
            }
            None => {
                let step = self.bits(a + 2);
                let by = self.b.ins().iabs(step);
                self.b.ins().udiv(distance, by)
            }
        };
        self.set_int(a + 1, count);
        self.set_int(a + 3, init);
    }

    /// `forprep` by a step: which numbers it leaves in the loop's registers
    /// is known if it is known what the loop begins with.
    fn for_prep_step(&mut self, pc: u32, i: Insn) {
        let a = i.a();
        let (init, step) = (self.known(a), self.known(a + 2));
        let kind = match (init, step) {
            (tag::INT, tag::INT) => tag::INT,
            (tag::FLOAT, _) | (_, tag::FLOAT) => tag::FLOAT,
            _ => UNKNOWN,
        };
        self.forget_loop(a);
        let next = self.b.create_block();
        self.step_taken(steps::FOR_PREP, pc, i, next);
        if kind != UNKNOWN {
            for r in a..=a + 3 {
                self.learn(r, kind);
            }
        }
    }

    fn forget_loop(&mut self, a: u8) {
        for r in a..=a.saturating_add(3) {
            self.st.forget(r);
        }
    }

    /// The next iteration of an integer loop, of which `count` are left.
    fn count_down(&mut self, a: u8, count: Value) {
        let (x, by) = (self.bits(a), self.bits(a + 2));
        let x = self.b.ins().iadd(x, by);
        let count = self.b.ins().iadd_imm_s(count, -1);
        self.set_int(a, x);
        self.set_int(a + 1, count);
        self.set_int(a + 3, x);
    }

    pub(super) fn for_loop(&mut self, pc: u32, i: Insn) -> Result<(), String> {
        let a = i.a();
        self.poll(pc);
        let target = self.target(pc, i);
        let all = |l: &Self, t: u8| [a, a + 1, a + 2].iter().all(|r| l.known(*r) == t);
        let next = self.b.create_block();
        let again = self.b.create_block();
        let after = self.st.clone();
        if all(self, tag::INT) {
            let count = self.bits(a + 1);
            let after = self.st.clone();
            self.b.ins().brif(count, again, &[], next, &[]);
            self.b.switch_to_block(again);
            self.count_down(a, count);
            self.back_to(target)?;
            self.b.switch_to_block(next);
            self.st = after;
        } else if all(self, tag::FLOAT) {
            let (x, limit, by) = (self.float(a), self.float(a + 1), self.float(a + 2));
            let after = self.st.clone();
            let x = self.b.ins().fadd(x, by);
            let zero = self.b.ins().f64const(0.0);
            let le = float_cc(IntCC::SignedLessThanOrEqual);
            let up = self
                .b
                .ins()
                .fcmp(float_cc(IntCC::SignedGreaterThan), by, zero);
            let below = self.b.ins().fcmp(le, x, limit);
            let above = self.b.ins().fcmp(le, limit, x);
            let go = self.b.ins().select(up, below, above);
            self.b.ins().brif(go, again, &[], next, &[]);
            self.b.switch_to_block(again);
            self.set_float(a, x);
            self.set_float(a + 3, x);
            self.back_to(target)?;
            self.b.switch_to_block(next);
            self.st = after;
        } else {
            // Not known: integers are looked for, the rest is a step.
            let slow = self.cold_block();
            for r in [a, a + 1, a + 2] {
                self.check(r, tag::INT, slow);
            }
            let count = self.bits(a + 1);
            self.b.ins().brif(count, again, &[], next, &[]);
            self.b.switch_to_block(again);
            self.count_down(a, count);
            self.back_to(target)?;
            self.b.switch_to_block(slow);
            self.st = after.clone();
            let status = self.step(steps::FOR_LOOP, pc);
            let (other, go) = (self.cold_block(), self.cold_block());
            self.b.ins().brif(status, other, &[], next, &[]);
            self.b.switch_to_block(other);
            let taken = self.b.ins().icmp_imm_s(IntCC::Equal, status, TAKEN as i64);
            let out = self.out();
            self.b.ins().brif(taken, go, &[], out, &[status.into()]);
            self.b.switch_to_block(go);
            self.forget_loop(a);
            self.back_to(target)?;
            self.b.switch_to_block(next);
            self.st = after;
            self.forget_loop(a);
        }
        Ok(())
    }

    /// `tforprep`: a closing value of nil needs no closing, and gets the
    /// position of a traversal by `next` ([`first_cursor`]).
    pub(super) fn tfor_prep(&mut self, pc: u32, i: Insn) {
        let (key, closing) = (i.a() + 2, i.a() + 3);
        let next = self.b.create_block();
        if matches!(self.known(closing), UNKNOWN | tag::NIL) {
            let slow = self.cold_block();
            let t = self.tag(key);
            self.check(closing, tag::NIL, slow);
            let nil = self
                .b
                .ins()
                .icmp_imm_s(IntCC::Equal, t, i64::from(tag::NIL));
            let (first, none) = (
                self.int(first_cursor(true) as i64),
                self.int(first_cursor(false) as i64),
            );
            let cursor = self.b.ins().select(nil, first, none);
            self.store(cursor, self.base, i32::from(closing) * SLOT + PAYLOAD);
            self.cache(closing, Payload::Slot);
            let target = self.target(pc, i);
            let target = self.forward(target);
            self.b.ins().jump(target, &[]);
            self.b.switch_to_block(slow);
        }
        self.step_taken(steps::TFOR_PREP, pc, i, next);
    }

    pub(super) fn tfor_loop(&mut self, pc: u32, i: Insn) -> Result<(), String> {
        let a = i.a();
        self.poll(pc);
        let target = self.target(pc, i);
        let (again, next) = (self.b.create_block(), self.b.create_block());
        let t = self.tag(a + 4);
        self.b.ins().brif(t, again, &[], next, &[]);
        self.b.switch_to_block(again);
        let after = self.st.clone();
        self.mov(a + 2, a + 4);
        self.back_to(target)?;
        self.b.switch_to_block(next);
        self.st = after;
        Ok(())
    }
}
