//! Calls without a frame: library functions ([`leaf`]), steps of `next`; and
//! extra arguments.
//!
//! Arguments and results of leaves lie in an array on the native stack.
//!
//! [`leaf`]: strata_runtime::stdlib::leaf

use super::{Lower, Region};
use crate::ir::{Inst, Op, Ty, V};
use crate::tier1::layout::{LINK0, SLOT, VM_CHARS, VM_TYPE_NAMES};
use crate::tier2::helpers::Helper;
use strata_runtime::audit::{Bug, planted};
use strata_runtime::frame::VARARG;
use strata_runtime::value::tag;

/// Values that fit into the array: the most arguments of a leaf, and the key
/// and value of `next`.
pub(super) fn places(insts: &[Inst<'_>]) -> usize {
    let of = |i: &Inst<'_>| match i.op {
        Op::Leaf | Op::LeafArray | Op::LeafStore => i.args.len(),
        Op::NextEntry => 2,
        _ => 0,
    };
    insts.iter().map(of).max().unwrap_or(0)
}

impl Lower<'_, '_> {
    /// Calls the leaf at `f`: whether it did it.
    pub(super) fn leaf(&mut self, v: V, f: &str, args: &[V]) {
        for (n, &arg) in (0i64..).zip(args) {
            self.store_value(arg, "%leaf", n * i64::from(SLOT), Region::Slot);
        }
        let n = args.len();
        let did = self.temp(&format!("call i64 {f}(ptr %vm, ptr %leaf, i64 {n}) #0"));
        self.define(v, &format!("icmp ne i64 {did}, 0"));
    }

    /// Value `n` of what a leaf has left.
    pub(super) fn leaf_value(&mut self, v: V, n: u64) {
        let at = n as i64 * i64::from(SLOT);
        match self.f.ty(v) {
            Ty::Any => self.load_value(v, "%leaf", at, Region::Slot),
            _ => {
                let bits = self.load("i64", "%leaf", at + 8, Region::Slot);
                self.define_payload(v, &bits);
            }
        }
    }

    /// A step of a traversal of `t`, whose position is in this slot.
    pub(super) fn next_entry(&mut self, v: V, t: &str, slot: u64) {
        let closing = self.offset("%base", slot as i64 * i64::from(SLOT));
        let f = self.helper(Helper::NextEntry);
        self.define(
            v,
            &format!("call i64 {f}(ptr {t}, ptr {closing}, ptr %leaf) #0"),
        );
    }

    /// Puts the position where a traversal begins, if it begins with no key, to
    /// this slot.
    pub(super) fn iter_start(&mut self, no_key: &str, slot: u64) {
        let at = slot as i64 * i64::from(SLOT);
        let first = |no_key| strata_runtime::stdlib::leaf::first_cursor(no_key) as i64;
        let (yes, no) = (first(true), first(false));
        let cursor = self.temp(&format!("select i1 {no_key}, i64 {yes}, i64 {no}"));
        self.store("i8", &tag::NIL.to_string(), "%base", at, Region::Slot);
        self.store("i64", &cursor, "%base", at + 8, Region::Slot);
    }

    /// The string of this one byte, null if nobody has asked for it yet.
    pub(super) fn char_str(&mut self, v: V, byte: &str) {
        let chars = self.offset("%vm", VM_CHARS.into());
        let at = self.temp(&format!("getelementptr ptr, ptr {chars}, i64 {byte}"));
        self.define(
            v,
            &format!("load ptr, ptr {at}, !tbaa !{}", Region::Heap.tag()),
        );
    }

    /// The name of a value's type.
    pub(super) fn type_name(&mut self, v: V, of: V) {
        let t = self.tag_of(of);
        let low = self.temp(&format!("and i8 {t}, 15"));
        let n = self.temp(&format!("zext i8 {low} to i64"));
        let names = self.offset("%vm", VM_TYPE_NAMES.into());
        let at = self.temp(&format!("getelementptr ptr, ptr {names}, i64 {n}"));
        self.define(v, &format!("load ptr, ptr {at}, !invariant.load !0"));
    }

    /// Defines whether the helper that was called did it.
    fn did(&mut self, v: V, call: &str) {
        let did = self.temp(call);
        self.define(v, &format!("icmp ne i64 {did}, 0"));
    }

    /// Makes all extra arguments open results, from this slot on.
    pub(super) fn spread(&mut self, v: V, slot: u64) {
        let params = self.s.funcs[0].spec().params;
        let to = self.offset("%base", slot as i64 * i64::from(SLOT));
        let f = self.helper(Helper::Spread);
        self.did(
            v,
            &format!("call i64 {f}(ptr %vm, ptr %base, ptr {to}, i64 {params}) #0"),
        );
    }

    /// Stores all extra arguments to a table, from key `first` on.
    pub(super) fn pack(&mut self, v: V, t: &str, first: &str, params: u64) {
        let f = self.helper(Helper::Pack);
        self.did(
            v,
            &format!("call i64 {f}(ptr %vm, ptr %base, ptr {t}, i64 {first}, i64 {params}) #0"),
        );
    }

    /// Makes the elements of a table open results, from this slot on.
    pub(super) fn unpack(&mut self, v: V, t: &str, slot: u64) {
        let to = self.offset("%base", slot as i64 * i64::from(SLOT));
        let f = self.helper(Helper::Unpack);
        self.did(v, &format!("call i64 {f}(ptr %vm, ptr {t}, ptr {to}) #0"));
    }

    /// How many extra arguments the function got, which has so many parameters.
    pub(super) fn vararg_count(&mut self, v: V, params: u64) {
        let link = self.load("i64", "%base", LINK0.into(), Region::Slot);
        let kind = self.temp(&format!("and i64 {link}, {}", 7 << 8));
        let some = u64::from(VARARG) << 8;
        let some = self.temp(&format!("icmp eq i64 {kind}, {some}"));
        let delta = self.temp(&format!("lshr i64 {link}, 32"));
        let below = params + 2 + u64::from(planted(Bug::LostExtra));
        let n = self.temp(&format!("sub i64 {delta}, {below}"));
        self.define(v, &format!("select i1 {some}, i64 {n}, i64 0"));
    }

    /// Extra argument `n`, from 0: if there are not so many, anything.
    pub(super) fn vararg_at(&mut self, v: V, n: &str, params: u64) {
        let link = self.load("i64", "%base", LINK0.into(), Region::Slot);
        let delta = self.temp(&format!("lshr i64 {link}, 32"));
        let from = self.temp(&format!("sub i64 {n}, {delta}"));
        let from = self.temp(&format!("add i64 {from}, {params}"));
        let from = self.temp(&format!("shl i64 {from}, 4"));
        let at = self.temp(&format!("getelementptr i8, ptr %base, i64 {from}"));
        self.load_value(v, &at, 0, Region::Slot);
    }
}
