//! Element access with integer keys in the array part, by element kind.

use super::helpers::{self, steps};
use super::layout::*;
use super::lower::Lower;
use super::state::UNKNOWN;
use crate::interp::seen_element as seen;
use crate::jit::Guard;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use strata_runtime::audit::{Bug, planted};
use strata_runtime::object::ArrKind;
use strata_runtime::value::tag;
use strata_spec::{Insn, Op};

const KINDS: u8 = seen::INT | seen::FLOAT | seen::MIXED;

/// The tag of the result of `getindex` where only this was seen, if all
/// elements of the kind have one.
pub(super) fn element_tag(bits: u8) -> Option<u8> {
    match bits {
        seen::INT => Some(tag::INT),
        seen::FLOAT => Some(tag::FLOAT),
        _ => None,
    }
}

impl Lower<'_> {
    /// Guards the operands of the instruction at `pc` as far as it speculates:
    /// a table in register `r`, an integer in register `key`. What is known
    /// afterwards holds on the slow path as well.
    fn guard_operands(&mut self, r: u8, key: Option<u8>, pc: u32, bits: u8) {
        if self.may_speculate(pc) {
            if self.known(r) == UNKNOWN && bits & seen::OTHER == 0 {
                self.guard(r, tag::TABLE, pc);
            }
            if let Some(key) = key
                && self.known(key) == UNKNOWN
                && bits & (seen::OTHER | seen::STRING) == 0
            {
                self.guard(key, tag::INT, pc);
            }
        }
        if self.known(r) == tag::TABLE {
            self.bits(r);
        }
        if let Some(key) = key
            && self.known(key) == tag::INT
        {
            self.bits(key);
        }
    }

    /// The table in register `r`; anything else goes to `slow`.
    fn table(&mut self, r: u8, slow: Block) -> Value {
        self.check(r, tag::TABLE, slow);
        self.bits(r)
    }

    /// The number of the element (from 0) for the integer key in register
    /// `r`; other keys go to `slow`.
    fn index(&mut self, r: u8, slow: Block) -> Value {
        self.check(r, tag::INT, slow);
        let v = self.bits(r);
        self.b.ins().iadd_imm_s(v, -1)
    }

    fn element(&mut self, arr: Value, n: Value, scale: i64) -> Value {
        let offset = self.b.ins().ishl_imm_s(n, scale);
        self.b.ins().iadd(arr, offset)
    }

    /// The way for keys that are not in the array part.
    fn get_probe(&mut self, pc: u32, op: Op, next: Block) {
        if op == Op::GetIndexI {
            self.step_to(steps::GET_INDEX, pc, next);
        } else {
            self.step_to(helpers::probes::get_index, pc, next);
        }
    }

    /// The same for stores.
    fn set_probe(&mut self, pc: u32, op: Op, next: Block) {
        if op == Op::SetIndexI {
            self.step_to(steps::SET_INDEX, pc, next);
        } else {
            self.step_to(helpers::probes::set_index, pc, next);
        }
    }

    pub(super) fn get_index(&mut self, pc: u32, i: Insn, op: Op) {
        let (a, b, c) = (i.a(), i.b(), i.c());
        let bits = i.feedback_bits();
        let key = (op == Op::GetIndex).then_some(c);
        let known = self.known(b);
        if bits & KINDS == 0 || (known != UNKNOWN && known != tag::TABLE) {
            let next = self.b.create_block();
            self.get_probe(pc, op, next);
            self.b.switch_to_block(next);
            return self.st.forget(a);
        }
        self.guard_operands(b, key, pc, bits);
        let typed = element_tag(bits).filter(|_| self.may_speculate(pc));
        let (out, next) = match typed {
            Some(kind) => (self.exit(pc, Guard::Element { reg: b, kind }), None),
            None => (self.cold_block(), Some(self.cold_block())),
        };
        let before = self.st.clone();
        let t = self.table(b, out);
        let n = match key {
            Some(key) => self.index(key, out),
            None => self.int(i64::from(c) - 1),
        };
        let len = self.b.ins().uload32(super::lower::MEM, t, T_ARR_LEN);
        let cc = match planted(Bug::ArrayEnd) {
            true => IntCC::UnsignedLessThanOrEqual,
            false => IntCC::UnsignedLessThan,
        };
        let inside = self.b.ins().icmp(cc, n, len);
        self.unless(inside, out);
        let kind = self.load(types::I8, t, T_ARR_KIND);
        let arr = self.load(types::I64, t, T_ARR);
        let at = self.element(arr, n, 3);
        if let Some(k) = typed {
            let is = self.b.ins().icmp_imm_s(IntCC::Equal, kind, i64::from(k));
            self.unless(is, out);
            if k == tag::INT {
                let v = self.load(types::I64, at, 0);
                self.set_int(a, v);
            } else {
                let v = self.load(types::F64, at, 0);
                self.set_float(a, v);
            }
            return;
        }
        let (slow, next) = (out, next.expect("made above"));
        let done = self.b.create_block();
        let v = self.load(types::I64, at, 0);
        let result = self.b.append_block_param(done, types::I8);
        let mixed = i64::from(ArrKind::Mixed as u8 as i8);
        if bits & (seen::INT | seen::FLOAT) != 0 {
            let (is_mixed, plain) = (self.b.create_block(), self.b.create_block());
            let is = self.b.ins().icmp_imm_s(IntCC::Equal, kind, mixed);
            self.b.ins().brif(is, is_mixed, &[], plain, &[]);
            self.b.switch_to_block(plain);
            self.b.ins().jump(done, &[kind.into()]);
            self.b.switch_to_block(is_mixed);
        } else {
            let is = self.b.ins().icmp_imm_s(IntCC::Equal, kind, mixed);
            self.unless(is, slow);
        }
        let tags = self.load(types::I64, t, T_ARR_TAGS);
        let tag_at = self.b.ins().iadd(tags, n);
        let element_tag = self.load(types::I8, tag_at, 0);
        self.unless(element_tag, slow);
        self.b.ins().jump(done, &[element_tag.into()]);
        self.b.switch_to_block(done);
        self.set_dynamic(a, result, v);
        let met = self.meeting();
        self.meet(a, met);
        self.b.switch_to_block(slow);
        self.st = before.clone();
        self.get_probe(pc, op, next);
        self.rejoin(a, next, met);
        self.st = before;
        self.met(a, met);
    }

    pub(super) fn set_index(&mut self, pc: u32, i: Insn, op: Op) {
        let (a, b, v) = (i.a(), i.b(), i.c());
        let bits = i.feedback_bits();
        let known = self.known(a);
        if bits & (KINDS | seen::APPEND) == 0 || (known != UNKNOWN && known != tag::TABLE) {
            let next = self.b.create_block();
            self.set_probe(pc, op, next);
            return self.b.switch_to_block(next);
        }
        let key = (op == Op::SetIndex).then_some(b);
        self.guard_operands(a, key, pc, bits);
        let (value_tag, value) = (self.tag(v), self.bits(v));
        let (slow, next) = (self.cold_block(), self.b.create_block());
        let before = self.st.clone();
        let t = self.table(a, slow);
        let n = match key {
            Some(key) => self.index(key, slow),
            None => self.int(i64::from(b) - 1),
        };
        let len = self.b.ins().uload32(super::lower::MEM, t, T_ARR_LEN);
        let kind = self.load(types::I8, t, T_ARR_KIND);
        let inside = self.b.ins().icmp(IntCC::UnsignedLessThan, n, len);
        let append = if bits & seen::APPEND != 0 {
            self.b.create_block()
        } else {
            slow
        };
        self.unless(inside, append);
        let same_kind = self.b.ins().icmp(IntCC::Equal, kind, value_tag);
        let other = if bits & seen::MIXED != 0 {
            self.b.create_block()
        } else {
            slow
        };
        self.unless(same_kind, other);
        let arr = self.load(types::I64, t, T_ARR);
        let at = self.element(arr, n, 3);
        self.store(value, at, 0);
        self.b.ins().jump(next, &[]);
        let mixed = i64::from(ArrKind::Mixed as u8 as i8);
        if bits & seen::MIXED != 0 {
            self.b.switch_to_block(other);
            let is = self.b.ins().icmp_imm_s(IntCC::Equal, kind, mixed);
            self.unless(is, slow);
            self.not_nil(v, value_tag, slow);
            let tags = self.load(types::I64, t, T_ARR_TAGS);
            let tag_at = self.b.ins().iadd(tags, n);
            let old = self.load(types::I8, tag_at, 0);
            // A store over nil may concern `__newindex`.
            self.unless(old, slow);
            let arr = self.load(types::I64, t, T_ARR);
            let at = self.element(arr, n, 3);
            self.store(value, at, 0);
            self.store(value_tag, tag_at, 0);
            self.barrier_stored(v, t, value_tag, value, next);
        }
        if bits & seen::APPEND != 0 {
            self.b.switch_to_block(append);
            let at_end = self.b.ins().icmp(IntCC::Equal, n, len);
            self.unless(at_end, slow);
            let cap = self.b.ins().uload32(super::lower::MEM, t, T_ARR_CAP);
            let room = self.b.ins().icmp(IntCC::UnsignedLessThan, n, cap);
            self.unless(room, slow);
            let hash = self.load(types::I64, t, T_HASH);
            self.branch_away(hash, slow);
            let shape = self.load(types::I64, t, T_SHAPE);
            let meta = self.load(types::I64, shape, SHAPE_META);
            self.branch_away(meta, slow);
            self.not_nil(v, value_tag, slow);
            let arr = self.load(types::I64, t, T_ARR);
            let at = self.element(arr, n, 3);
            let more = self.b.ins().iadd_imm_s(n, 1);
            let (same, differs) = (self.b.create_block(), self.b.create_block());
            let same_kind = self.b.ins().icmp(IntCC::Equal, kind, value_tag);
            self.b.ins().brif(same_kind, same, &[], differs, &[]);
            self.b.switch_to_block(same);
            self.store(value, at, 0);
            self.b.ins().istore32(super::lower::MEM, more, t, T_ARR_LEN);
            self.b.ins().jump(next, &[]);
            self.b.switch_to_block(differs);
            let is = self.b.ins().icmp_imm_s(IntCC::Equal, kind, mixed);
            self.unless(is, slow);
            let tags = self.load(types::I64, t, T_ARR_TAGS);
            self.unless(tags, slow);
            self.unless(n, slow);
            let tag_at = self.b.ins().iadd(tags, n);
            self.store(value, at, 0);
            self.store(value_tag, tag_at, 0);
            self.b.ins().istore32(super::lower::MEM, more, t, T_ARR_LEN);
            self.barrier_stored(v, t, value_tag, value, next);
        }
        self.b.switch_to_block(slow);
        self.st = before;
        self.set_probe(pc, op, next);
        self.b.switch_to_block(next);
    }

    fn not_nil(&mut self, v: u8, value_tag: Value, slow: Block) {
        if self.known(v) == UNKNOWN || self.known(v) == tag::NIL {
            self.unless(value_tag, slow);
        }
    }

    /// The write barrier of an array part, then `next`.
    fn barrier_stored(&mut self, v: u8, t: Value, value_tag: Value, value: Value, next: Block) {
        match self.known(v) {
            UNKNOWN => {
                let object = self.b.create_block();
                let gc = self.b.ins().band_imm_s(value_tag, i64::from(tag::GC));
                self.b.ins().brif(gc, object, &[], next, &[]);
                self.b.switch_to_block(object);
            }
            t if t & tag::GC == 0 => {
                self.b.ins().jump(next, &[]);
                return;
            }
            _ => {}
        }
        self.barrier(t, helpers::BARRIER_STORED as usize, Some(value));
        self.b.ins().jump(next, &[]);
    }
}
