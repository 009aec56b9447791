//! Tables: a cell comes off the free list of its size class, as the heap
//! takes it (`Heap::new_cell`, `table::new_table_at`), and every field is
//! written. An empty list takes a step, or is left to the interpreter.

use super::{Lower, Region};
use crate::interp::native::DID;
use crate::ir::{FrameId, Reason, V};
use crate::tier1::layout::*;
use crate::tier2::helpers::Helper;
use crate::tier2::snapshot::Slot;
use strata_runtime::heap::block::{CLASS_SIZE, class_of};
use strata_runtime::object::{ArrKind, Table};
use strata_runtime::table::site::MAX_INLINE;
use strata_runtime::value::{Value, tag};

impl Lower<'_, '_> {
    pub(super) fn new_table(&mut self, v: V, frame: Option<FrameId>) -> Result<(), String> {
        let frame = frame.ok_or("no frame state")?;
        let state = self.f.frames[frame.n()];
        let func = &self.s.funcs[state.func as usize];
        let i = func.code[state.pc as usize];
        let Some(&Slot::Site { site, fields }) = func.slots.get(usize::from(i.slot())) else {
            return Err("no allocation site".into());
        };
        let fields = i.c().min(MAX_INLINE).max(fields);
        let class = class_of(size_of::<Table>() + usize::from(fields) * size_of::<Value>());
        let bytes = CLASS_SIZE[class];
        let free = i64::from(VM_FREE) + class as i64 * 8;
        let (fast, done) = (self.new_label(), self.new_label());
        // Objects that were not allocated are made by an exit alone; the
        // interpreter makes this one.
        let sunk = !state.sunk.is_empty();
        let slow = if sunk {
            self.exit(frame, Reason::Done)
        } else {
            self.new_label()
        };
        // Without type: cells are free lists and tables by turns.
        let list = self.offset("%vm", free);
        let t = self.temp(&format!("load ptr, ptr {list}"));
        let none = self.temp(&format!("icmp eq ptr {t}, null"));
        self.line(&format!(
            "br i1 {none}, label %{slow}, label %{fast}, !prof !{}",
            super::UNLIKELY
        ));
        self.label(&fast);
        let next = self.offset(&t, CELL_NEXT.into());
        let rest = self.temp(&format!("load ptr, ptr {next}"));
        self.line(&format!("store ptr {rest}, ptr {list}"));
        for account in [VM_BYTES, VM_DEBT] {
            let n = self.load("i64", "%vm", account.into(), Region::Vm);
            let n = self.temp(&format!("add i64 {n}, {bytes}"));
            self.store("i64", &n, "%vm", account.into(), Region::Vm);
        }
        let sites = self.load("ptr", "%vm", VM_SITE_COUNTS.into(), Region::Vm);
        let made = i64::from(site as i32 * SITE_SIZE + SITE_MADE);
        let n = self.load("i32", &sites, made, Region::Vm);
        let n = self.temp(&format!("add i32 {n}, 1"));
        self.store("i32", &n, &sites, made, Region::Vm);
        // The header: kind, colour, no flags, and the site.
        let white = self.load("i8", "%vm", VM_WHITE.into(), Region::Vm);
        let white = self.temp(&format!("zext i8 {white} to i64"));
        let white = self.temp(&format!("shl i64 {white}, 8"));
        let word = i64::from(tag::TABLE) | i64::from(site) << 32;
        let header = self.temp(&format!("or i64 {white}, {word}"));
        self.line(&format!("store i64 {header}, ptr {t}"));
        let root = self.object(self.s.root);
        self.plain_store("ptr", &root, &t, T_SHAPE);
        let inline = self.offset(&t, size_of::<Table>() as i64);
        self.plain_store("ptr", &inline, &t, T_FIELDS);
        self.plain_store("ptr", "null", &t, T_ARR);
        self.plain_store("ptr", "null", &t, T_ARR_TAGS);
        self.plain_store("i64", "0", &t, T_ARR_LEN);
        let kinds =
            i64::from(ArrKind::Mixed as u8) | i64::from(fields) << 8 | i64::from(fields) << 16;
        self.plain_store("i64", &kinds.to_string(), &t, T_ARR_KIND);
        self.plain_store("ptr", "null", &t, T_HASH);
        self.line(&format!("br label %{done}"));
        if sunk {
            self.label(&done);
            self.define(v, &format!("phi ptr [ {t}, %{fast} ]"));
            return Ok(());
        }
        self.label(&slow);
        self.settle(frame);
        let f = self.helper(Helper::NewTable);
        let base = self.offset("%base", i64::from(state.base) * 16);
        let pc = state.pc;
        let status = self.temp(&format!("call i64 {f}(ptr %vm, ptr {base}, i64 {pc}) #1"));
        let (made, out) = (self.new_label(), self.new_label());
        let fine = self.temp(&format!("icmp eq i64 {status}, {DID}"));
        self.line(&format!("br i1 {fine}, label %{made}, label %{out}"));
        self.label(&out);
        self.ret_status(&status);
        self.label(&made);
        let at = i64::from(state.base + u32::from(i.a())) * 16 + i64::from(PAYLOAD);
        let other = self.load("ptr", "%base", at, Region::Slot);
        self.line(&format!("br label %{done}"));
        self.label(&done);
        self.define(
            v,
            &format!("phi ptr [ {t}, %{fast} ], [ {other}, %{made} ]"),
        );
        Ok(())
    }

    /// A store that may be to what was something else before.
    fn plain_store(&mut self, ty: &str, v: &str, p: &str, offset: i32) {
        let at = self.offset(p, offset.into());
        self.line(&format!("store {ty} {v}, ptr {at}"));
    }
}

/// What is stored as one word is one.
const _: () = assert!(
    T_ARR_CAP == T_ARR_LEN + 4
        && T_ARR_KIND % 8 == 0
        && T_HASH == T_ARR_KIND + 8
        && T_FIELD_CAP == T_ARR_KIND + 2
);
