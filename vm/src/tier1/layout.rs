//! Where things are: offsets that compiled code uses.

use std::mem::offset_of;
use strata_runtime::Vm;
use strata_runtime::heap::Heap;
use strata_runtime::heap::block::FreeCell;
use strata_runtime::limits::Limits;
#[cfg(feature = "cranelift")]
use strata_runtime::object::Thread;
use strata_runtime::object::{
    Closure, GcHeader, HashEntry, HashPart, Native, ProtoObj, Shape, Str, Table, Upval,
};
#[cfg(feature = "cranelift")]
use strata_runtime::stdlib::LibState;
use strata_runtime::table::site::Site;
use strata_runtime::value::Value;

const fn i(n: usize) -> i32 {
    n as i32
}

pub(crate) const SLOT: i32 = 16;
pub(crate) const PAYLOAD: i32 = i(offset_of!(Value, payload));
const _: () = assert!(size_of::<Value>() == 16 && PAYLOAD == 8 && offset_of!(Value, tag) == 0);

/// From a frame's base.
pub(crate) const FUNC_PAYLOAD: i32 = -2 * SLOT + PAYLOAD;
pub(crate) const LINK0: i32 = -SLOT;

pub(crate) const VM_POLL: i32 = i(offset_of!(Vm, heap) + offset_of!(Heap, poll));
pub(crate) const VM_FREE: i32 = i(offset_of!(Vm, heap) + offset_of!(Heap, free));
pub(crate) const VM_BYTES: i32 = i(offset_of!(Vm, heap) + offset_of!(Heap, bytes));
pub(crate) const VM_DEBT: i32 = i(offset_of!(Vm, heap) + offset_of!(Heap, debt));
pub(crate) const VM_WHITE: i32 = i(offset_of!(Vm, heap) + offset_of!(Heap, white));
pub(crate) const VM_SITE_COUNTS: i32 = i(offset_of!(Vm, site_data));
pub(crate) const SITE_SIZE: i32 = i(size_of::<Site>());
pub(crate) const SITE_MADE: i32 = i(Site::MADE);
pub(crate) const CELL_NEXT: i32 = i(offset_of!(FreeCell, next));
pub(crate) const VM_INSTRUCTIONS: i32 =
    i(offset_of!(Vm, limits) + offset_of!(Limits, instructions));
#[cfg(feature = "cranelift")]
pub(crate) const VM_TYPE_NAMES: i32 = i(offset_of!(Vm, lib) + offset_of!(LibState, type_names));
#[cfg(feature = "cranelift")]
pub(crate) const VM_CHARS: i32 = i(offset_of!(Vm, lib) + offset_of!(LibState, chars));
pub(crate) const VM_LIMIT: i32 = i(offset_of!(Vm, limit));
pub(crate) const VM_TOP: i32 = i(offset_of!(Vm, top));
pub(crate) const VM_EPOCH: i32 = i(offset_of!(Vm, meta_epoch));
pub(crate) const VM_NATIVE_ANSWER: i32 = i(offset_of!(Vm, native_answer));
pub(crate) const VM_NATIVE_LIMIT: i32 = i(offset_of!(Vm, native_limit));

pub(crate) const MARK: i32 = i(offset_of!(GcHeader, mark));
pub(crate) const FLAGS: i32 = i(offset_of!(GcHeader, flags));

pub(crate) const CLOSURE_PROTO: i32 = i(offset_of!(Closure, proto));
pub(crate) const CLOSURE_UPVALS: i32 = i(offset_of!(Closure, upvals));
pub(crate) const NATIVE_F: i32 = i(offset_of!(Native, f));
pub(crate) const PROTO_ENTRY: i32 = i(offset_of!(ProtoObj, entry));
#[cfg(feature = "cranelift")]
pub(crate) const PROTO_TYPED: i32 = i(offset_of!(ProtoObj, typed_entries));
pub(crate) const PROTO_PARAMS: i32 = i(offset_of!(ProtoObj, params));
pub(crate) const UPVAL_V: i32 = i(offset_of!(Upval, v));
#[cfg(feature = "cranelift")]
pub(crate) const UPVAL_CLOSED: i32 = i(offset_of!(Upval, closed));
#[cfg(feature = "cranelift")]
pub(crate) const UPVAL_NEXT: i32 = i(offset_of!(Upval, next));
#[cfg(feature = "cranelift")]
pub(crate) const VM_CUR: i32 = i(offset_of!(Vm, cur));
#[cfg(feature = "cranelift")]
pub(crate) const THREAD_OPEN: i32 = i(offset_of!(Thread, open));

pub(crate) const T_SHAPE: i32 = i(offset_of!(Table, shape));
pub(crate) const T_FIELDS: i32 = i(offset_of!(Table, fields));
pub(crate) const T_ARR: i32 = i(offset_of!(Table, arr));
pub(crate) const T_ARR_TAGS: i32 = i(offset_of!(Table, arr_tags));
pub(crate) const T_ARR_LEN: i32 = i(offset_of!(Table, arr_len));
pub(crate) const T_ARR_CAP: i32 = i(offset_of!(Table, arr_cap));
pub(crate) const T_ARR_KIND: i32 = i(offset_of!(Table, arr_kind));
pub(crate) const T_FIELD_CAP: i32 = i(offset_of!(Table, field_cap));
#[cfg(feature = "cranelift")]
pub(crate) const T_ABSENT: i32 = i(offset_of!(Table, absent));
pub(crate) const T_HASH: i32 = i(offset_of!(Table, hash));
pub(crate) const SHAPE_META: i32 = i(offset_of!(Shape, meta));
#[cfg(feature = "cranelift")]
pub(crate) const SHAPE_FAMILY: i32 = i(offset_of!(Shape, family));
pub(crate) const STR_DATA: i32 = i(offset_of!(Str, data));
pub(crate) const STR_LEN: i32 = i(offset_of!(Str, len));

pub(crate) const HASH_ENTRIES: i32 = i(offset_of!(HashPart, entries));
pub(crate) const HASH_LEN: i32 = i(offset_of!(HashPart, len));
pub(crate) const ENTRY: i32 = i(size_of::<HashEntry>());
pub(crate) const ENTRY_KEY: i32 = i(offset_of!(HashEntry, key));
pub(crate) const ENTRY_VAL: i32 = i(offset_of!(HashEntry, val));
