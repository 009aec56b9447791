//! Inline allocation of tables and closures.
//!
//! A cell comes off the free list of its size class, as the heap takes it
//! (`Heap::new_cell`, `table::new_table_at`, `Heap::new_closure`), and every
//! field is written. An empty list, a constructor that announces a long array,
//! the first table of a site, and closures with very many upvalues are a step.

use super::helpers::{self, Step, steps};
use super::layout::*;
use super::lower::{Lower, MEM};
use super::state::Payload;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};
use strata_runtime::audit::{Bug, planted};
use strata_runtime::heap::block::{self, MAX_SMALL};
use strata_runtime::object::{ArrKind, Closure, Table, Upval};
use strata_runtime::table::site::{EAGER, MAX_INLINE};
use strata_runtime::value::{Value as LuaValue, tag};
use strata_spec::Insn;

impl Lower<'_> {
    pub(super) fn new_table(&mut self, pc: u32, i: Insn) {
        let a = i.a();
        // SAFETY: the verifier has checked the slot and its kind.
        let site = unsafe { (*(*self.p).slots.add(usize::from(i.slot()))).data.site };
        let elements = usize::from(i.high());
        if site == 0 || elements > EAGER {
            self.step_here(steps::NEW_TABLE, pc);
            self.st.forget(a);
            return self.learn(a, tag::TABLE);
        }
        let hint = self.around.site_fields.get(site as usize).copied();
        let fields = i.c().min(MAX_INLINE).max(hint.unwrap_or(0));
        let size = size_of::<Table>() + usize::from(fields) * size_of::<LuaValue>();
        let (slow, next) = (self.cold_block(), self.b.create_block());
        let object = self.b.append_block_param(next, types::I64);
        let t = self.new_cell(size, tag::TABLE, site, slow);
        let sites = self.load(types::I64, self.vm, VM_SITE_COUNTS);
        let made = self.load(types::I32, sites, site as i32 * SITE_SIZE + SITE_MADE);
        let made = self.b.ins().iadd_imm_s(made, 1);
        self.store(made, sites, site as i32 * SITE_SIZE + SITE_MADE);
        let shape = self.name(self.around.root);
        self.store(shape, t, T_SHAPE);
        let inline = self.b.ins().iadd_imm_s(t, size_of::<Table>() as i64);
        self.store(inline, t, T_FIELDS);
        let zero = self.int(0);
        self.store(zero, t, T_ARR);
        self.store(zero, t, T_ARR_TAGS);
        self.store(zero, t, T_ARR_LEN);
        let kinds =
            i64::from(ArrKind::Mixed as u8) | i64::from(fields) << 8 | i64::from(fields) << 16;
        let kinds = self.int(kinds);
        self.store(kinds, t, T_ARR_KIND);
        self.store(zero, t, T_HASH);
        let table = self.b.ins().iconst(types::I8, i64::from(tag::TABLE));
        self.store(table, self.base, i32::from(a) * SLOT);
        self.store(t, self.base, i32::from(a) * SLOT + PAYLOAD);
        self.b.ins().jump(next, &[t.into()]);
        self.made_slowly(pc, a, steps::NEW_TABLE, slow, next);
        self.wrote(a, tag::TABLE, Payload::Bits(object));
    }

    pub(super) fn closure(&mut self, pc: u32, i: Insn) {
        let a = i.a();
        // SAFETY: the verifier has checked the number; a prototype keeps its
        // children alive.
        let (child, upvals) = unsafe {
            let child = (&(*self.p).children)[i.u32() as usize];
            (child, &(*child).spec().upvals)
        };
        let size = size_of::<Closure>() + upvals.len() * size_of::<*mut Upval>();
        if size > MAX_SMALL {
            self.step_here(steps::CLOSURE, pc);
            self.st.forget(a);
            return self.learn(a, tag::CLOSURE);
        }
        let (slow, next) = (self.cold_block(), self.b.create_block());
        let object = self.b.append_block_param(next, types::I64);
        // Upvalues of registers first: a helper makes them, and what is made
        // without a closure does no harm.
        let mut found = Vec::with_capacity(upvals.len());
        for d in upvals {
            found.push(d.from_register.then(|| {
                let slot = i64::from(d.index) * i64::from(SLOT);
                let slot = self.b.ins().iadd_imm_s(self.base, slot);
                self.call(helpers::UPVALUE as usize, &[self.vm, slot])
            }));
        }
        let c = self.new_cell(size, tag::CLOSURE, upvals.len() as u32, slow);
        let proto = self.name(child);
        self.store(proto, c, CLOSURE_PROTO);
        let ours = self.load(types::I64, self.base, FUNC_PAYLOAD);
        for ((d, found), to) in upvals.iter().zip(found).zip((CLOSURE_UPVALS..).step_by(8)) {
            let up = match found {
                Some(up) => up,
                None => {
                    let n = d.index.saturating_sub(planted(Bug::UpvalueBefore).into());
                    self.load(types::I64, ours, CLOSURE_UPVALS + i32::from(n) * 8)
                }
            };
            self.store(up, c, to);
        }
        let closure = self.b.ins().iconst(types::I8, i64::from(tag::CLOSURE));
        self.store(closure, self.base, i32::from(a) * SLOT);
        self.store(c, self.base, i32::from(a) * SLOT + PAYLOAD);
        self.b.ins().jump(next, &[c.into()]);
        self.made_slowly(pc, a, steps::CLOSURE, slow, next);
        self.wrote(a, tag::CLOSURE, Payload::Bits(object));
    }

    /// A new cell for an object of `size` bytes with its header written, of
    /// this kind: off the free list, or else to `slow`.
    fn new_cell(&mut self, size: usize, kind: u8, aux: u32, slow: Block) -> Value {
        let class = block::class_of(size);
        let bytes = i64::from(block::CLASS_SIZE[class]);
        let free = VM_FREE + class as i32 * 8;
        let cell = self.load(types::I64, self.vm, free);
        self.unless(cell, slow);
        let rest = self.load(types::I64, cell, CELL_NEXT);
        self.store(rest, self.vm, free);
        for account in [VM_BYTES, VM_DEBT] {
            let n = self.load(types::I64, self.vm, account);
            let n = self.b.ins().iadd_imm_s(n, bytes);
            self.store(n, self.vm, account);
        }
        // The header: kind, colour, no flags, and what the kind wants.
        let white = self.b.ins().uload8(types::I64, MEM, self.vm, VM_WHITE);
        let white = self.b.ins().ishl_imm_s(white, 8);
        let word = i64::from(kind) | i64::from(aux) << 32;
        let header = self.b.ins().bor_imm_s(white, word);
        self.store(header, cell, 0);
        cell
    }

    /// At `slow` the object for register `a` is made by a step; goes on at
    /// `next`, which takes it.
    fn made_slowly(&mut self, pc: u32, a: u8, step: Step, slow: Block, next: Block) {
        self.b.switch_to_block(slow);
        let after = self.cold_block();
        self.step_to(step, pc, after);
        self.b.switch_to_block(after);
        let object = self.load(types::I64, self.base, i32::from(a) * SLOT + PAYLOAD);
        self.b.ins().jump(next, &[object.into()]);
        self.b.switch_to_block(next);
    }

    /// `s:byte(i)`: the byte at a position inside a flat string.
    pub(super) fn byte_at(&mut self, s: u8, i: u8, exit: Block) -> Value {
        self.check(s, tag::STR, exit);
        self.check(i, tag::INT, exit);
        let (s, i) = (self.bits(s), self.bits(i));
        let data = self.load(types::I64, s, STR_DATA);
        self.unless(data, exit);
        let len = self.load(types::I64, s, STR_LEN);
        let n = self.b.ins().iadd_imm_s(i, -1);
        let inside = self.b.ins().icmp(IntCC::UnsignedLessThan, n, len);
        self.unless(inside, exit);
        let at = self.b.ins().iadd(data, n);
        self.b.ins().uload8(types::I64, MEM, at, 0)
    }
}

/// What is stored as one word is one.
const _: () = assert!(
    T_ARR_CAP == T_ARR_LEN + 4
        && T_ARR_KIND % 8 == 0
        && T_HASH == T_ARR_KIND + 8
        && T_FIELD_CAP == T_ARR_KIND + 2
);
