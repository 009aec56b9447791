//! Conditional jumps.

use super::arith::float_cc;
use super::helpers::{Step, steps};
use super::layout::*;
use super::lower::Lower;
use super::state::{UNKNOWN, is_number};
use crate::interp::native::TAKEN;
use crate::interp::seen;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use strata_runtime::object::strflag;
use strata_runtime::value::tag;
use strata_spec::{Insn, Op};

/// Where the feedback bits of an instruction are.
const FEEDBACK: i32 = 4;

/// A block that notes that the conditional jump at `pc` has gone a way, and
/// goes there.
pub(super) struct Note {
    block: Block,
    pc: u32,
    way: u8,
    to: Block,
}

/// A comparison: the condition, and whether the jump is taken if it holds.
fn comparison(op: Op) -> (IntCC, bool) {
    use IntCC::*;
    match op {
        Op::JEq | Op::JEqK | Op::JEqI => (Equal, true),
        Op::JNe | Op::JNeK | Op::JNeI => (Equal, false),
        Op::JLt | Op::JLtI => (SignedLessThan, true),
        Op::JNotLt | Op::JNotLtI => (SignedLessThan, false),
        Op::JLe | Op::JLeI => (SignedLessThanOrEqual, true),
        Op::JNotLe | Op::JNotLeI => (SignedLessThanOrEqual, false),
        Op::JGtI => (SignedGreaterThan, true),
        Op::JNotGtI => (SignedGreaterThan, false),
        Op::JGeI => (SignedGreaterThanOrEqual, true),
        _ => (SignedGreaterThanOrEqual, false),
    }
}

impl Lower<'_> {
    /// Where the jump at `pc`, taken if its condition is `want`, leads if the
    /// condition holds and if it does not; `next` is the block after it.
    fn arms(&mut self, want: bool, pc: u32, i: Insn, next: Block) -> (Block, Block) {
        let target = self.target(pc, i);
        let target = self.forward(target);
        let target = self.noting(pc, seen::JUMPED, target);
        let next = self.noting(pc, seen::FELL, next);
        if want { (target, next) } else { (next, target) }
    }

    /// Where to go instead of `to` if the conditional jump at `pc` goes this
    /// way: by a block that notes it, unless it has gone there before.
    fn noting(&mut self, pc: u32, way: u8, to: Block) -> Block {
        if self.code[pc as usize].feedback_bits() & way != 0 {
            return to;
        }
        let block = self.cold_block();
        self.notes.push(Note { block, pc, way, to });
        block
    }

    /// The conditional jump at `pc` goes this way, always.
    fn note_here(&mut self, pc: u32, way: u8) {
        if self.code[pc as usize].feedback_bits() & way != 0 {
            return;
        }
        // SAFETY: an instruction of the prototype, which outlives its code.
        let at = unsafe { (*self.p).code.add(pc as usize) };
        let at = self.int(at as i64);
        let bits = self.load(types::I8, at, FEEDBACK);
        let bits = self.b.ins().bor_imm_s(bits, i64::from(way));
        self.store(bits, at, FEEDBACK);
    }

    /// Fills the blocks that note ways of conditional jumps.
    pub(super) fn write_notes(&mut self) {
        for note in std::mem::take(&mut self.notes) {
            self.b.switch_to_block(note.block);
            self.note_here(note.pc, note.way);
            self.b.ins().jump(note.to, &[]);
        }
    }

    /// The kind of number that the comparison at `pc` of registers with these
    /// known tags has to do with, if there is one that is known or may be
    /// guarded.
    fn one_kind(&self, bits: u8, x: u8, y: u8, pc: u32) -> Option<u8> {
        let t = match bits {
            _ if x == y && is_number(x) => x,
            seen::INT => tag::INT,
            seen::FLOAT => tag::FLOAT,
            _ => return None,
        };
        let fits = |known: u8| known == UNKNOWN || known == t;
        let known = x == t && y == t;
        (fits(x) && fits(y) && (known || self.may_speculate(pc))).then_some(t)
    }

    /// Jumps to the target of instruction `pc` if `cond` is `want`, else goes
    /// on after it.
    fn jump_if(&mut self, cond: Value, want: bool, pc: u32, i: Insn) {
        let next = self.b.create_block();
        let (yes, no) = self.arms(want, pc, i, next);
        self.b.ins().brif(cond, yes, &[], no, &[]);
        self.b.switch_to_block(next);
    }

    /// Always jumps, or never.
    fn jump_known(&mut self, taken: bool, pc: u32, i: Insn) {
        self.note_here(pc, if taken { seen::JUMPED } else { seen::FELL });
        if taken {
            let target = self.target(pc, i);
            let target = self.forward(target);
            self.b.ins().jump(target, &[]);
            self.ends();
        }
    }

    /// Runs instruction `pc` by a step: goes on at `next`, at its target, or
    /// leaves.
    pub(super) fn step_taken(&mut self, step: Step, pc: u32, i: Insn, next: Block) {
        let target = self.target(pc, i);
        let target = self.forward(target);
        let status = self.step_aside(step, pc);
        let other = self.cold_block();
        self.b.ins().brif(status, other, &[], next, &[]);
        self.b.switch_to_block(other);
        let taken = self.b.ins().icmp_imm_s(IntCC::Equal, status, TAKEN as i64);
        let out = self.out();
        self.b.ins().brif(taken, target, &[], out, &[status.into()]);
        self.b.switch_to_block(next);
    }

    pub(super) fn conditional(&mut self, pc: u32, i: Insn, op: Op) {
        let (a, b) = (i.a(), i.b());
        match op {
            Op::JTrue | Op::JFalse => self.truth(a, op == Op::JTrue, pc, i),
            Op::JNil | Op::JNotNil => {
                let want = op == Op::JNil;
                match self.known(a) {
                    UNKNOWN => {
                        let t = self.tag(a);
                        let nil = self
                            .b
                            .ins()
                            .icmp_imm_s(IntCC::Equal, t, i64::from(tag::NIL));
                        self.jump_if(nil, want, pc, i);
                    }
                    t => self.jump_known((t == tag::NIL) == want, pc, i),
                }
            }
            Op::JTrueSet | Op::JFalseSet => self.jump_and_set(a, b, op == Op::JTrueSet, pc, i),
            Op::JEq | Op::JNe => self.equal(pc, i, op),
            Op::JEqK | Op::JNeK => self.equal_constant(pc, i, op),
            Op::JEqI | Op::JNeI => self.equal_int(pc, i, op),
            _ => self.order(pc, i, op),
        }
    }

    fn truth(&mut self, a: u8, want: bool, pc: u32, i: Insn) {
        match self.known(a) {
            UNKNOWN => {
                let t = self.tag(a);
                let truthy = self.b.ins().icmp_imm_s(
                    IntCC::UnsignedGreaterThanOrEqual,
                    t,
                    i64::from(tag::TRUE),
                );
                self.jump_if(truthy, want, pc, i);
            }
            t => self.jump_known((t >= tag::TRUE) == want, pc, i),
        }
    }

    /// `jtrueset`, `jfalseset`: copies if it jumps.
    fn jump_and_set(&mut self, a: u8, b: u8, want: bool, pc: u32, i: Insn) {
        let t = self.tag(b);
        let truthy =
            self.b
                .ins()
                .icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, t, i64::from(tag::TRUE));
        let (taken, next) = (self.b.create_block(), self.b.create_block());
        let (yes, no) = if want { (taken, next) } else { (next, taken) };
        self.b.ins().brif(truthy, yes, &[], no, &[]);
        self.b.switch_to_block(taken);
        let before = self.st.clone();
        self.note_here(pc, seen::JUMPED);
        self.mov(a, b);
        let target = self.target(pc, i);
        let target = self.forward(target);
        self.b.ins().jump(target, &[]);
        self.b.switch_to_block(next);
        self.note_here(pc, seen::FELL);
        self.st = before;
    }

    fn equal(&mut self, pc: u32, i: Insn, op: Op) {
        let (a, b) = (i.a(), i.b());
        let (_, want) = comparison(op);
        let bits = i.feedback_bits() & !seen::WAYS;
        let (x, y) = (self.known(a), self.known(b));
        if let Some(t) = self.one_kind(bits, x, y, pc) {
            self.guard(a, t, pc);
            self.guard(b, t, pc);
            let eq = self.compare(IntCC::Equal, t, a, b);
            return self.jump_if(eq, want, pc, i);
        }
        // Identical values (not floats) are equal; other pairs go through a
        // step, but for values of two tags that are no numbers.
        let (slow, next) = (self.cold_block(), self.b.create_block());
        let (same, differ) = (self.b.create_block(), self.b.create_block());
        let (tx, ty) = (self.tag(a), self.tag(b));
        let eq = self.b.ins().icmp(IntCC::Equal, tx, ty);
        self.b.ins().brif(eq, same, &[], differ, &[]);
        self.b.switch_to_block(differ);
        // Two different tags: equal only if both are numbers.
        let sum = self.b.ins().bor(tx, ty);
        let numbers = self
            .b
            .ins()
            .icmp_imm_s(IntCC::Equal, sum, i64::from(tag::INT | tag::FLOAT));
        let unequal = self.b.create_block();
        self.b.ins().brif(numbers, slow, &[], unequal, &[]);
        let (yes, no) = self.arms(want, pc, i, next);
        self.b.switch_to_block(unequal);
        self.b.ins().jump(no, &[]);
        self.b.switch_to_block(same);
        let simple = self
            .b
            .ins()
            .icmp_imm_s(IntCC::UnsignedLessThan, tx, i64::from(tag::INT));
        let with_payload = self.b.create_block();
        self.b.ins().brif(simple, yes, &[], with_payload, &[]);
        self.b.switch_to_block(with_payload);
        let float = self
            .b
            .ins()
            .icmp_imm_s(IntCC::Equal, tx, i64::from(tag::FLOAT));
        self.branch_away(float, slow);
        let before = self.st.clone();
        let (px, py) = (self.bits(a), self.bits(b));
        self.st = before;
        let eq = self.b.ins().icmp(IntCC::Equal, px, py);
        let different = self.b.create_block();
        self.b.ins().brif(eq, yes, &[], different, &[]);
        self.b.switch_to_block(different);
        let int = self
            .b
            .ins()
            .icmp_imm_s(IntCC::Equal, tx, i64::from(tag::INT));
        let object = self.b.create_block();
        self.b.ins().brif(int, no, &[], object, &[]);
        self.b.switch_to_block(object);
        self.different_objects(tx, px, py, no, slow);
        self.b.switch_to_block(slow);
        self.step_taken(steps::EQUAL, pc, i, next);
    }

    /// Goes to `no` if two different objects of one tag can't be equal:
    /// interned strings, tables without metatables. Else to `slow`.
    fn different_objects(&mut self, t: Value, x: Value, y: Value, no: Block, slow: Block) {
        let (string, other, table) = (
            self.b.create_block(),
            self.b.create_block(),
            self.b.create_block(),
        );
        let is = self
            .b
            .ins()
            .icmp_imm_s(IntCC::Equal, t, i64::from(tag::STR));
        self.b.ins().brif(is, string, &[], other, &[]);
        self.b.switch_to_block(string);
        let (f, g) = (
            self.load(types::I8, x, FLAGS),
            self.load(types::I8, y, FLAGS),
        );
        let both = self.b.ins().band(f, g);
        let interned = self.b.ins().band_imm_s(both, i64::from(strflag::INTERNED));
        self.b.ins().brif(interned, no, &[], slow, &[]);
        self.b.switch_to_block(other);
        let is = self
            .b
            .ins()
            .icmp_imm_s(IntCC::Equal, t, i64::from(tag::TABLE));
        self.b.ins().brif(is, table, &[], slow, &[]);
        self.b.switch_to_block(table);
        let (f, g) = (
            self.load(types::I64, x, T_SHAPE),
            self.load(types::I64, y, T_SHAPE),
        );
        let (f, g) = (
            self.load(types::I64, f, SHAPE_META),
            self.load(types::I64, g, SHAPE_META),
        );
        let some = self.b.ins().bor(f, g);
        self.b.ins().brif(some, slow, &[], no, &[]);
    }

    fn equal_constant(&mut self, pc: u32, i: Insn, op: Op) {
        let a = i.a();
        let (_, want) = comparison(op);
        let k = self.k(u32::from(i.d() as u16));
        let t = self.known(a);
        let short = k.tag != tag::STR
            // SAFETY: the tag says that it is a string, which the prototype keeps.
            || unsafe { (*k.as_str()).len <= strata_runtime::object::MAX_INTERNED };
        if is_number(k.tag) || !short {
            let next = self.b.create_block();
            return self.step_taken(steps::EQUAL_K, pc, i, next);
        }
        if t != UNKNOWN && t != k.tag {
            return self.jump_known(!want, pc, i);
        }
        if k.tag < tag::INT {
            // nil or a boolean
            if t == k.tag {
                return self.jump_known(want, pc, i);
            }
            let t = self.tag(a);
            let eq = self.b.ins().icmp_imm_s(IntCC::Equal, t, i64::from(k.tag));
            return self.jump_if(eq, want, pc, i);
        }
        // An interned string: equal ones are the same object. The tag is
        // looked at as well, for a float may have any bits.
        let next = self.b.create_block();
        let (yes, no) = self.arms(want, pc, i, next);
        if t == UNKNOWN {
            let (t, same) = (self.tag(a), self.b.create_block());
            let is = self.b.ins().icmp_imm_s(IntCC::Equal, t, i64::from(k.tag));
            self.b.ins().brif(is, same, &[], no, &[]);
            self.b.switch_to_block(same);
        }
        let before = self.st.clone();
        let x = self.bits(a);
        self.st = before;
        let y = self.int(k.payload as i64);
        let eq = self.b.ins().icmp(IntCC::Equal, x, y);
        self.b.ins().brif(eq, yes, &[], no, &[]);
        self.b.switch_to_block(next);
    }

    fn equal_int(&mut self, pc: u32, i: Insn, op: Op) {
        let a = i.a();
        let (_, want) = comparison(op);
        let d = i.d();
        match self.known(a) {
            tag::INT => {
                let x = self.bits(a);
                let eq = self.b.ins().icmp_imm_s(IntCC::Equal, x, i64::from(d));
                return self.jump_if(eq, want, pc, i);
            }
            tag::FLOAT => {
                let x = self.float(a);
                let y = self.b.ins().f64const(f64::from(d));
                let eq = self.b.ins().fcmp(float_cc(IntCC::Equal), x, y);
                return self.jump_if(eq, want, pc, i);
            }
            UNKNOWN => {}
            _ => return self.jump_known(!want, pc, i),
        }
        let next = self.b.create_block();
        let (yes, no) = self.arms(want, pc, i, next);
        let (int, other, float) = (
            self.b.create_block(),
            self.b.create_block(),
            self.cold_block(),
        );
        let t = self.tag(a);
        let is = self
            .b
            .ins()
            .icmp_imm_s(IntCC::Equal, t, i64::from(tag::INT));
        self.b.ins().brif(is, int, &[], other, &[]);
        self.b.switch_to_block(int);
        let x = self.load(types::I64, self.base, i32::from(a) * SLOT + PAYLOAD);
        let eq = self.b.ins().icmp_imm_s(IntCC::Equal, x, i64::from(d));
        self.b.ins().brif(eq, yes, &[], no, &[]);
        self.b.switch_to_block(other);
        let is = self
            .b
            .ins()
            .icmp_imm_s(IntCC::Equal, t, i64::from(tag::FLOAT));
        self.b.ins().brif(is, float, &[], no, &[]);
        self.b.switch_to_block(float);
        let x = self.load(types::F64, self.base, i32::from(a) * SLOT + PAYLOAD);
        let y = self.b.ins().f64const(f64::from(d));
        let eq = self.b.ins().fcmp(float_cc(IntCC::Equal), x, y);
        self.b.ins().brif(eq, yes, &[], no, &[]);
        self.b.switch_to_block(next);
    }

    /// Compares two registers whose tags are both `t`, a number's.
    fn compare(&mut self, cc: IntCC, t: u8, a: u8, b: u8) -> Value {
        if t == tag::INT {
            let (x, y) = (self.bits(a), self.bits(b));
            self.b.ins().icmp(cc, x, y)
        } else {
            let (x, y) = (self.float(a), self.float(b));
            self.b.ins().fcmp(float_cc(cc), x, y)
        }
    }

    fn order(&mut self, pc: u32, i: Insn, op: Op) {
        let (a, b) = (i.a(), i.b());
        let (cc, want) = comparison(op);
        let immediate = !matches!(op, Op::JLt | Op::JNotLt | Op::JLe | Op::JNotLe);
        let bits = i.feedback_bits() & !seen::WAYS;
        let x = self.known(a);
        let y = if immediate { x } else { self.known(b) };
        if let Some(t) = self.one_kind(bits, x, y, pc) {
            self.guard(a, t, pc);
            let cond = if immediate {
                self.compare_immediate(cc, t, a, i.d())
            } else {
                self.guard(b, t, pc);
                self.compare(cc, t, a, b)
            };
            return self.jump_if(cond, want, pc, i);
        }
        let next = self.b.create_block();
        if bits & seen::OTHER != 0 || bits == 0 || (x != UNKNOWN && !is_number(x)) {
            return self.step_taken(steps::ORDER, pc, i, next);
        }
        // Numbers of both kinds.
        let (yes, no) = self.arms(want, pc, i, next);
        let slow = self.cold_block();
        let before = self.st.clone();
        for t in [tag::INT, tag::FLOAT] {
            let other = self.b.create_block();
            self.check(a, t, other);
            if !immediate {
                self.check(b, t, other);
            }
            let cond = if immediate {
                self.compare_immediate(cc, t, a, i.d())
            } else {
                self.compare(cc, t, a, b)
            };
            self.b.ins().brif(cond, yes, &[], no, &[]);
            self.b.switch_to_block(other);
            self.st = before.clone();
        }
        self.b.ins().jump(slow, &[]);
        self.b.switch_to_block(slow);
        self.step_taken(steps::ORDER, pc, i, next);
    }

    fn compare_immediate(&mut self, cc: IntCC, t: u8, a: u8, d: i16) -> Value {
        if t == tag::INT {
            let x = self.bits(a);
            self.b.ins().icmp_imm_s(cc, x, i64::from(d))
        } else {
            let x = self.float(a);
            let y = self.b.ins().f64const(f64::from(d));
            self.b.ins().fcmp(float_cc(cc), x, y)
        }
    }
}
