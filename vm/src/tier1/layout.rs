//! Where things are: offsets that compiled code uses.

use std::mem::offset_of;
use strata_runtime::Vm;
use strata_runtime::heap::Heap;
use strata_runtime::heap::block::FreeCell;
use strata_runtime::limits::Limits;
use strata_runtime::object::{
    Closure, GcHeader, HashEntry, HashPart, Native, ProtoObj, Shape, Str, Table, Upval,
};
use strata_runtime::table::site::Site;
use strata_runtime::value::Value;

const fn i(n: usize) -> i32 {
    n as i32
}

pub(super) const SLOT: i32 = 16;
pub(super) const PAYLOAD: i32 = i(offset_of!(Value, payload));
const _: () = assert!(size_of::<Value>() == 16 && PAYLOAD == 8 && offset_of!(Value, tag) == 0);

/// From a frame's base.
pub(super) const FUNC_PAYLOAD: i32 = -2 * SLOT + PAYLOAD;
pub(super) const LINK0: i32 = -SLOT;

pub(super) const VM_POLL: i32 = i(offset_of!(Vm, heap) + offset_of!(Heap, poll));
pub(super) const VM_FREE: i32 = i(offset_of!(Vm, heap) + offset_of!(Heap, free));
pub(super) const VM_BYTES: i32 = i(offset_of!(Vm, heap) + offset_of!(Heap, bytes));
pub(super) const VM_DEBT: i32 = i(offset_of!(Vm, heap) + offset_of!(Heap, debt));
pub(super) const VM_WHITE: i32 = i(offset_of!(Vm, heap) + offset_of!(Heap, white));
pub(super) const VM_SITE_COUNTS: i32 = i(offset_of!(Vm, site_data));
pub(super) const SITE_SIZE: i32 = i(size_of::<Site>());
pub(super) const SITE_MADE: i32 = i(Site::MADE);
pub(super) const CELL_NEXT: i32 = i(offset_of!(FreeCell, next));
pub(super) const VM_INSTRUCTIONS: i32 =
    i(offset_of!(Vm, limits) + offset_of!(Limits, instructions));
pub(super) const VM_LIMIT: i32 = i(offset_of!(Vm, limit));
pub(super) const VM_TOP: i32 = i(offset_of!(Vm, top));
pub(super) const VM_EPOCH: i32 = i(offset_of!(Vm, meta_epoch));
pub(super) const VM_NATIVE_ANSWER: i32 = i(offset_of!(Vm, native_answer));
pub(super) const VM_NATIVE_LIMIT: i32 = i(offset_of!(Vm, native_limit));

pub(super) const MARK: i32 = i(offset_of!(GcHeader, mark));
pub(super) const FLAGS: i32 = i(offset_of!(GcHeader, flags));

pub(super) const CLOSURE_PROTO: i32 = i(offset_of!(Closure, proto));
pub(super) const CLOSURE_UPVALS: i32 = i(offset_of!(Closure, upvals));
pub(super) const NATIVE_F: i32 = i(offset_of!(Native, f));
pub(super) const PROTO_ENTRY: i32 = i(offset_of!(ProtoObj, entry));
pub(super) const PROTO_PARAMS: i32 = i(offset_of!(ProtoObj, params));
pub(super) const UPVAL_V: i32 = i(offset_of!(Upval, v));

pub(super) const T_SHAPE: i32 = i(offset_of!(Table, shape));
pub(super) const T_FIELDS: i32 = i(offset_of!(Table, fields));
pub(super) const T_ARR: i32 = i(offset_of!(Table, arr));
pub(super) const T_ARR_TAGS: i32 = i(offset_of!(Table, arr_tags));
pub(super) const T_ARR_LEN: i32 = i(offset_of!(Table, arr_len));
pub(super) const T_ARR_CAP: i32 = i(offset_of!(Table, arr_cap));
pub(super) const T_ARR_KIND: i32 = i(offset_of!(Table, arr_kind));
pub(super) const T_FIELD_CAP: i32 = i(offset_of!(Table, field_cap));
pub(super) const T_HASH: i32 = i(offset_of!(Table, hash));
pub(super) const SHAPE_META: i32 = i(offset_of!(Shape, meta));
pub(super) const STR_DATA: i32 = i(offset_of!(Str, data));
pub(super) const STR_LEN: i32 = i(offset_of!(Str, len));

pub(super) const HASH_ENTRIES: i32 = i(offset_of!(HashPart, entries));
pub(super) const HASH_LEN: i32 = i(offset_of!(HashPart, len));
pub(super) const ENTRY: i32 = i(size_of::<HashEntry>());
pub(super) const ENTRY_KEY: i32 = i(offset_of!(HashEntry, key));
pub(super) const ENTRY_VAL: i32 = i(offset_of!(HashEntry, val));
