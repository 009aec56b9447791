//! Tables, closures, upvalues: a cell comes off the free list of its size class, as the heap
//! takes it (`Heap::new_cell`, `table::new_table_at`, `Heap::new_closure`), and
//! every field is written. An empty list takes a helper; for a table that may
//! collect, so that it is a step, or left to the interpreter.

use super::{Lower, Region};
use crate::interp::native::DID;
use crate::ir::{FrameId, Reason, V};
use crate::tier1::layout::*;
use crate::tier2::helpers::Helper;
use crate::tier2::snapshot::Slot;
use strata_runtime::heap::block::{CLASS_SIZE, MAX_SMALL, class_of};
use strata_runtime::object::{ArrKind, Closure, Table, Upval, kind};
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
        let size = size_of::<Table>() + usize::from(fields) * size_of::<Value>();
        // Objects that were not allocated are made by an exit alone; the
        // interpreter makes this one.
        let sunk = !state.sunk.is_empty();
        let slow = if sunk {
            self.exit(frame, Reason::Done)
        } else {
            self.new_label()
        };
        let (t, fast) = self.new_object(size, tag::TABLE, site, &slow);
        let done = self.new_label();
        let sites = self.load("ptr", "%vm", VM_SITE_COUNTS.into(), Region::Vm);
        let made = i64::from(site as i32 * SITE_SIZE + SITE_MADE);
        let n = self.load("i32", &sites, made, Region::Vm);
        let n = self.temp(&format!("add i32 {n}, 1"));
        self.store("i32", &n, &sites, made, Region::Vm);
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

    /// A closure of the prototype `r[0]` with the upvalues after it.
    pub(super) fn new_closure(&mut self, v: V, r: &[String]) {
        let upvalues = r.len() - 1;
        let size = size_of::<Closure>() + upvalues * size_of::<*mut Upval>();
        let done = self.new_label();
        let slow = self.new_label();
        let made = if size <= MAX_SMALL {
            let (c, fast) = self.new_object(size, tag::CLOSURE, upvalues as u32, &slow);
            self.plain_store("ptr", &r[0], &c, CLOSURE_PROTO);
            self.line(&format!("br label %{done}"));
            format!("[ {c}, %{fast} ], ")
        } else {
            self.line(&format!("br label %{slow}"));
            String::new()
        };
        self.label(&slow);
        let f = self.helper(Helper::NewClosure);
        let other = self.temp(&format!("call ptr {f}(ptr %vm, ptr {}) #1", r[0]));
        self.line(&format!("br label %{done}"));
        self.label(&done);
        self.define(v, &format!("phi ptr {made}[ {other}, %{slow} ]"));
        for (up, at) in r[1..].iter().zip((CLOSURE_UPVALS..).step_by(8)) {
            self.plain_store("ptr", up, &format!("%v{}", v.0), at);
        }
    }

    /// The open upvalue of a slot: a new one, if the slot is known to have none,
    /// of this value.
    pub(super) fn new_upvalue(&mut self, v: V, value: Option<V>, slot: u64) {
        let offset = slot as i64 * 16;
        let (slow, done) = (self.new_label(), self.new_label());
        let thread = self.load("ptr", "%vm", VM_CUR.into(), Region::Vm);
        let open = self.offset(&thread, THREAD_OPEN.into());
        let at = self.offset("%base", offset);
        let mut found = String::new();
        if let Some(value) = value {
            self.store_value(value, "%base", offset, Region::Upval);
            // It comes first, unless there are open ones above.
            let head = self.temp(&format!("load ptr, ptr {open}"));
            let none = self.temp(&format!("icmp eq ptr {head}, null"));
            let (look, make) = (self.new_label(), self.new_label());
            self.line(&format!("br i1 {none}, label %{make}, label %{look}"));
            self.label(&look);
            let other = self.offset(&head, UPVAL_V.into());
            let other = self.temp(&format!("load ptr, ptr {other}"));
            let below = self.temp(&format!("icmp ult ptr {other}, {at}"));
            self.line(&format!(
                "br i1 {below}, label %{make}, label %{slow}, !prof !{}",
                super::LIKELY
            ));
            self.label(&make);
            let (up, fast) = self.new_object(size_of::<Upval>(), kind::UPVAL, 0, &slow);
            self.plain_store("ptr", &at, &up, UPVAL_V);
            self.plain_store("i8", &tag::NIL.to_string(), &up, UPVAL_CLOSED);
            self.plain_store("i64", "0", &up, UPVAL_CLOSED + PAYLOAD);
            self.plain_store("ptr", &head, &up, UPVAL_NEXT);
            self.line(&format!("store ptr {up}, ptr {open}"));
            self.line(&format!("br label %{done}"));
            found = format!("[ {up}, %{fast} ], ");
        } else {
            self.line(&format!("br label %{slow}"));
        }
        self.label(&slow);
        let f = self.helper(Helper::Upvalue);
        let other = self.temp(&format!("call ptr {f}(ptr %vm, ptr {at}) #0"));
        self.line(&format!("br label %{done}"));
        self.label(&done);
        self.define(v, &format!("phi ptr {found}[ {other}, %{slow} ]"));
    }

    /// Closes the upvalues of a slot and those above it.
    pub(super) fn close_upvalues(&mut self, slot: u32) {
        let (look, slow, done) = (self.new_label(), self.new_label(), self.new_label());
        let thread = self.load("ptr", "%vm", VM_CUR.into(), Region::Vm);
        let open = self.offset(&thread, THREAD_OPEN.into());
        let at = self.offset("%base", i64::from(slot) * 16);
        let head = self.temp(&format!("load ptr, ptr {open}"));
        let none = self.temp(&format!("icmp eq ptr {head}, null"));
        self.line(&format!("br i1 {none}, label %{done}, label %{look}"));
        self.label(&look);
        let first = self.offset(&head, UPVAL_V.into());
        let first = self.temp(&format!("load ptr, ptr {first}"));
        let below = self.temp(&format!("icmp ult ptr {first}, {at}"));
        self.line(&format!("br i1 {below}, label %{done}, label %{slow}"));
        self.label(&slow);
        let f = self.helper(Helper::CloseUpvalues);
        let _ = self.temp(&format!("call i64 {f}(ptr %vm, ptr {at}) #0"));
        self.line(&format!("br label %{done}"));
        self.label(&done);
    }

    /// A new cell for an object of `size` bytes with its header written, of this
    /// kind: off the free list, or else to `slow`. It is in a new block, whose
    /// name comes second.
    fn new_object(&mut self, size: usize, kind: u8, aux: u32, slow: &str) -> (String, String) {
        let class = class_of(size);
        let bytes = CLASS_SIZE[class];
        let free = i64::from(VM_FREE) + class as i64 * 8;
        let fast = self.new_label();
        // Without type: cells are free lists and objects by turns.
        let list = self.offset("%vm", free);
        let cell = self.temp(&format!("load ptr, ptr {list}"));
        let none = self.temp(&format!("icmp eq ptr {cell}, null"));
        self.line(&format!(
            "br i1 {none}, label %{slow}, label %{fast}, !prof !{}",
            super::UNLIKELY
        ));
        self.label(&fast);
        let next = self.offset(&cell, CELL_NEXT.into());
        let rest = self.temp(&format!("load ptr, ptr {next}"));
        self.line(&format!("store ptr {rest}, ptr {list}"));
        for account in [VM_BYTES, VM_DEBT] {
            let n = self.load("i64", "%vm", account.into(), Region::Vm);
            let n = self.temp(&format!("add i64 {n}, {bytes}"));
            self.store("i64", &n, "%vm", account.into(), Region::Vm);
        }
        // The header: kind, colour, no flags, and what the kind wants.
        let white = self.load("i8", "%vm", VM_WHITE.into(), Region::Vm);
        let white = self.temp(&format!("zext i8 {white} to i64"));
        let white = self.temp(&format!("shl i64 {white}, 8"));
        let word = i64::from(kind) | i64::from(aux) << 32;
        let header = self.temp(&format!("or i64 {white}, {word}"));
        self.line(&format!("store i64 {header}, ptr {cell}"));
        (cell, fast)
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
