//! Metatables: which events there are, finding handlers, setting metatables.
//!
//! A table's metatable is named by its shape, a userdata's by the userdata,
//! all other types share one per type (`Vm::type_meta`). Handlers are looked
//! up raw. Two things make that cheap:
//!
//! - A metatable remembers which events it lacks (`Table::absent`, one bit
//!   per event). A table that is used as a metatable is flagged, and stores
//!   to one of its metamethod keys forget the bits.
//! - `Vm::meta_epoch` counts changes to facts that inline caches of other
//!   tables rely on: a metamethod key of a flagged table was stored to, a
//!   table that a cache walked through got a new key or another metatable, a
//!   type got another metatable. The count stops at [`EPOCH_EXHAUSTED`];
//!   from then on nothing that depends on it is cached.

use crate::heap::{Heap, strings};
use crate::object::{Shape, Table, Userdata, tabflag};
use crate::state::Vm;
use crate::table;
use crate::value::{NIL, Value, tag};

macro_rules! events {
    ($($variant:ident $name:literal $doc:literal;)*) => {
        /// What a metatable can define. The number is the bit in `Table::absent`.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Event {
            $(#[doc = $doc] $variant,)*
        }

        /// Number of events.
        pub const EVENT_COUNT: usize = [$($name),*].len();

        impl Event {
            /// All of them, in order.
            pub const ALL: [Event; EVENT_COUNT] = [$(Event::$variant),*];

            /// The key in the metatable.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Event::$variant => $name,)*
                }
            }

            /// Whether the metatable of the first operand alone decides.
            pub const fn has_one_operand(self) -> bool {
                use Event::{BNot, Call, Index, Len, NewIndex, Unm};
                matches!(self, Index | NewIndex | Len | Call | Unm | BNot)
            }
        }
    };
}

events! {
    Index "__index" "`t[k]` of an absent key";
    NewIndex "__newindex" "`t[k] = v` of an absent key";
    Gc "__gc" "finalizer";
    Mode "__mode" "weak keys or values";
    Len "__len" "`#a`";
    Eq "__eq" "`a == b`";
    Add "__add" "`a + b`";
    Sub "__sub" "`a - b`";
    Mul "__mul" "`a * b`";
    Mod "__mod" "`a % b`";
    Pow "__pow" "`a ^ b`";
    Div "__div" "`a / b`";
    IDiv "__idiv" "`a // b`";
    BAnd "__band" "`a & b`";
    BOr "__bor" "`a | b`";
    BXor "__bxor" "`a ~ b`";
    Shl "__shl" "`a << b`";
    Shr "__shr" "`a >> b`";
    Unm "__unm" "`-a`";
    BNot "__bnot" "`~a`";
    Lt "__lt" "`a < b`";
    Le "__le" "`a <= b`";
    Concat "__concat" "`a .. b`";
    Call "__call" "`a(...)`";
    Close "__close" "to-be-closed variable goes out of scope";
    Name "__name" "type name in messages";
    Tostring "__tostring" "`tostring(a)`";
    Pairs "__pairs" "`pairs(a)`";
    Metatable "__metatable" "what `getmetatable` shows";
}

const _: () = assert!(EVENT_COUNT <= 32);

/// The epoch at which counting ends.
pub const EPOCH_EXHAUSTED: u32 = u32::MAX;

/// Says that a fact about metatables changed.
#[inline]
pub fn bump_epoch(vm: &mut Vm) {
    vm.meta_epoch = vm.meta_epoch.saturating_add(1);
    if vm.epoch_assumed {
        vm.epoch_assumed = false;
        (vm.exec.epoch_changed)(vm);
    }
}

/// The metatable of a value, or null.
#[inline]
pub fn metatable_of(vm: &Vm, v: Value) -> *mut Table {
    // SAFETY: the tag says that the payload is a live table or userdata, and
    // a live table has a live shape.
    unsafe {
        match v.tag {
            tag::TABLE => (*(*v.as_table()).shape).meta,
            tag::USERDATA => (*v.as_userdata()).meta,
            t => vm.type_meta[t as usize & 15],
        }
    }
}

/// The handler of `event` in metatable `meta` (or null); nil if it has none.
///
/// # Safety
/// `meta` is null or a live table of `vm`.
#[inline(always)]
pub unsafe fn handler(vm: &mut Vm, meta: *mut Table, event: Event) -> Value {
    // SAFETY: as the caller says.
    unsafe {
        if meta.is_null() || (*meta).absent >> event as u32 & 1 != 0 {
            NIL
        } else {
            look_up(vm, meta, event)
        }
    }
}

#[inline(never)]
unsafe fn look_up(vm: &mut Vm, meta: *mut Table, event: Event) -> Value {
    let name = vm.event_names[event as usize];
    // SAFETY: the caller's table is live, names of events are never freed.
    unsafe {
        let v = table::get_cached(&mut vm.shapes, meta, name);
        if v.is_nil() {
            // The bit is forgotten by stores only if the table is flagged.
            (*meta).hdr.flags |= tabflag::METATABLE;
            (*meta).absent |= 1 << event as u32;
        }
        v
    }
}

/// The handler of `event` for a value; nil if there is none.
#[inline]
pub fn metamethod(vm: &mut Vm, v: Value, event: Event) -> Value {
    let meta = metatable_of(vm, v);
    // SAFETY: the metatable of a live value is live.
    unsafe { handler(vm, meta, event) }
}

/// Sets the metatable of a table (null: none). A `__gc` that the metatable
/// has now registers `t` for finalization.
///
/// # Safety
/// `t` is a live table of `vm`, `meta` null or one.
pub unsafe fn set_metatable(vm: &mut Vm, t: *mut Table, meta: *mut Table) {
    // SAFETY: live by contract.
    unsafe {
        let shape = (*t).shape;
        if (*shape).meta != meta {
            (*t).shape = shape_with(vm, t, meta);
            vm.heap.barrier(t.cast());
            if (*t).hdr.flags & (tabflag::METATABLE | tabflag::CHAIN) != 0 {
                bump_epoch(vm);
            }
        }
        (*t).hdr.flags &= !(tabflag::WEAK_KEYS | tabflag::WEAK_VALUES);
        if meta.is_null() {
            return;
        }
        (*meta).hdr.flags |= tabflag::METATABLE;
        let mode = handler(vm, meta, Event::Mode);
        (*t).hdr.flags |= weak_flags(&mut vm.heap, mode);
        if !handler(vm, meta, Event::Gc).is_nil() {
            vm.heap.register_finalizer(t.cast());
        }
    }
}

/// The shape for `t` with another metatable; may make `t` a dictionary.
unsafe fn shape_with(vm: &mut Vm, t: *mut Table, meta: *mut Table) -> *mut Shape {
    // SAFETY: the caller's tables are live.
    unsafe {
        if let Some(shape) = vm
            .shapes
            .transition_meta(&mut vm.heap, (*t).shape, meta, false)
        {
            return shape;
        }
        if table::to_dict(vm, t).is_ok() {
            return vm.shapes.dict_for(&mut vm.heap, meta);
        }
        // No memory for that: one more shape then.
        match vm
            .shapes
            .transition_meta(&mut vm.heap, (*t).shape, meta, true)
        {
            Some(shape) => shape,
            None => (*t).shape,
        }
    }
}

/// The flags of tables that a `__mode` of `mode` stands for.
pub fn weak_flags(heap: &mut Heap, mode: Value) -> u8 {
    if !mode.is_str() {
        return 0;
    }
    // SAFETY: the tag says that the payload is a live string.
    let bytes = unsafe { strings::bytes(heap, mode.as_str()) };
    let mut flags = 0;
    if bytes.contains(&b'k') {
        flags |= tabflag::WEAK_KEYS;
    }
    if bytes.contains(&b'v') {
        flags |= tabflag::WEAK_VALUES;
    }
    flags
}

/// Sets the metatable of a userdata (null: none); see [`set_metatable`].
///
/// # Safety
/// `u` is a live userdata of `vm`, `meta` null or a live table.
pub unsafe fn set_userdata_metatable(vm: &mut Vm, u: *mut Userdata, meta: *mut Table) {
    // SAFETY: live by contract.
    unsafe {
        (*u).meta = meta;
        if meta.is_null() {
            return;
        }
        vm.heap.barrier(u.cast());
        (*meta).hdr.flags |= tabflag::METATABLE;
        if !handler(vm, meta, Event::Gc).is_nil() {
            vm.heap.register_finalizer(u.cast());
        }
    }
}

/// Sets the metatable (null: none) of the type of `sample`, which is neither
/// a table nor a full userdata.
///
/// # Safety
/// `meta` is null or a live table of `vm`.
pub unsafe fn set_type_metatable(vm: &mut Vm, sample: Value, meta: *mut Table) {
    let tags: &[u8] = match sample.tag {
        tag::FALSE | tag::TRUE => &[tag::FALSE, tag::TRUE],
        tag::INT | tag::FLOAT => &[tag::INT, tag::FLOAT],
        tag::CLOSURE | tag::NATIVE => &[tag::CLOSURE, tag::NATIVE],
        _ => &[sample.tag & 15],
    };
    for &t in tags {
        vm.type_meta[t as usize] = meta;
    }
    if !meta.is_null() {
        // SAFETY: `meta` is live by contract.
        unsafe { (*meta).hdr.flags |= tabflag::METATABLE };
    }
    bump_epoch(vm);
}

/// Sets the metatable of any value; see the functions by type.
///
/// # Safety
/// `v` is a live value of `vm`, `meta` null or a live table of `vm`.
pub unsafe fn set_any_metatable(vm: &mut Vm, v: Value, meta: *mut Table) {
    // SAFETY: passed on to the caller.
    unsafe {
        match v.tag {
            tag::TABLE => set_metatable(vm, v.as_table(), meta),
            tag::USERDATA => set_userdata_metatable(vm, v.as_userdata(), meta),
            _ => set_type_metatable(vm, v, meta),
        }
    }
}
