//! Layouts of heap objects.
//!
//! Every object starts with an eight-byte [`GcHeader`]. Objects live in
//! size-segregated cells of the heap and never move; arrays that grow (a
//! table's parts, a coroutine's stack) are separate, accounted allocations.
//! All layouts are `repr(C)`: compiled code knows the offsets.
//!
//! Who may touch what: objects are created by `heap`, tables and shapes are
//! changed only through `table`, colours only by `heap`.

use crate::native::{HostFn, NativeFn};
use crate::value::Value;
use std::any::Any;

/// Colours of [`GcHeader::mark`]. There are two whites so that objects
/// allocated while sweeping are told from garbage.
pub mod color {
    /// One of the two whites.
    pub const WHITE_A: u8 = 0;
    /// The other white.
    pub const WHITE_B: u8 = 1;
    /// Reached, not scanned; or black, written to since (remembered).
    pub const GRAY: u8 = 2;
    /// Reached and scanned. Storing into a black object calls the barrier.
    pub const BLACK: u8 = 3;
}

/// Kinds of heap objects beyond the tags of values.
pub mod kind {
    /// A free cell.
    pub const FREE: u8 = 0;
    /// [`Upval`](super::Upval)
    pub const UPVAL: u8 = 14;
    /// [`Shape`](super::Shape)
    pub const SHAPE: u8 = 15;
    /// [`ProtoObj`](super::ProtoObj)
    pub const PROTO: u8 = 16;
}

/// Flags of [`GcHeader::flags`] shared by all kinds; kinds add their own from
/// bit 4 on.
pub mod gcflag {
    /// Has a finalizer registered (`__gc` was set when the metatable was).
    pub const FINALIZER: u8 = 1;
    /// Survived a collection (generational mode).
    pub const OLD: u8 = 2;
    /// Never collected (the VM's own objects).
    pub const FIXED: u8 = 4;
}

/// What every heap object starts with.
#[derive(Debug)]
#[repr(C)]
pub struct GcHeader {
    /// A tag of a collectable value or one of [`kind`].
    pub kind: u8,
    /// One of [`color`].
    pub mark: u8,
    /// [`gcflag`] and flags of the kind.
    pub flags: u8,
    /// Owned by the heap (age, size class).
    pub heap: u8,
    /// 32 bits by kind: a string's hash, a table's allocation site.
    pub aux: u32,
}

/// Longest string that is interned, in bytes.
pub const MAX_INTERNED: usize = 40;

/// Flags of strings.
pub mod strflag {
    /// Interned: equal strings are the same object.
    pub const INTERNED: u8 = 0x10;
    /// `aux` holds the hash.
    pub const HASHED: u8 = 0x20;
    /// A concatenation node; `data` is null until it is flattened.
    pub const NODE: u8 = 0x40;
    /// Names a metamethod (`crate::metatable::Event`); interned and fixed.
    pub const EVENT: u8 = 0x80;
}

/// A string: interned (up to [`MAX_INTERNED`] bytes), flat, or a
/// concatenation node that is flattened when its bytes are first read.
#[repr(C)]
pub struct Str {
    /// `aux`: hash, once flag `HASHED` is set.
    pub hdr: GcHeader,
    /// Length in bytes.
    pub len: usize,
    /// The bytes: inline after the header for flat strings, an accounted
    /// buffer for flattened nodes, null for nodes not yet flattened.
    pub data: *const u8,
    /// Nodes: left and right part, null once flattened. Flat: first bytes.
    pub parts: [*mut Str; 2],
}

/// What the elements of a table's array part are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ArrKind {
    /// Payloads are i64; no nil. The discriminant is the tag.
    Int = 3,
    /// Payloads are f64; no nil. The discriminant is the tag.
    Float = 4,
    /// Tags in a byte array beside the payloads; may hold nil. Also the kind
    /// of an empty array part without capacity.
    Mixed = 255,
}

/// Flags of tables.
pub mod tabflag {
    /// Is, or was, a metatable: writes of metamethod keys bump epochs.
    pub const METATABLE: u8 = 0x10;
    /// Some inline cache walked through this table as an `__index` holder
    /// that lacks a key: new keys bump the VM's metatable epoch.
    pub const CHAIN: u8 = 0x20;
    /// Its metatable has a `__mode` with `k`, as of the last `setmetatable`
    /// or collection.
    pub const WEAK_KEYS: u8 = 0x40;
    /// Likewise with `v`.
    pub const WEAK_VALUES: u8 = 0x80;
}

/// A table. String-keyed fields live in slots that the shape describes;
/// elements 1 .. `arr_len` in the array part; the rest (and all string keys,
/// in dictionary mode) in the hash part.
#[repr(C)]
pub struct Table {
    /// `aux`: allocation site (index into `Vm::sites`), 0 is none.
    pub hdr: GcHeader,
    /// Names fields and metatable; never null.
    pub shape: *mut Shape,
    /// Field values by slot: the inline area, or an accounted array of
    /// `field_cap` once outgrown.
    pub fields: *mut Value,
    /// Payloads of the array part (`arr_cap` of them).
    pub arr: *mut u64,
    /// Room for tags, in the same allocation as `arr` right after the
    /// payloads; null if the allocation has none. Only kind `Mixed` uses it
    /// (and always has it when `arr_cap` is not 0).
    pub arr_tags: *mut u8,
    /// Elements in use: keys 1 ..= arr_len are in the array part. The last
    /// is not nil.
    pub arr_len: u32,
    /// Elements that fit.
    pub arr_cap: u32,
    /// What they are.
    pub arr_kind: ArrKind,
    /// Fields that fit inline, after this struct.
    pub inline_cap: u8,
    /// Fields that fit at `fields`.
    pub field_cap: u16,
    /// As a metatable: bit n set says that event n (`crate::metatable::Event`) is
    /// known to be absent.
    pub absent: u32,
    /// The hash part, or null.
    pub hash: *mut HashPart,
}

/// An entry of a hash part. A nil value with a key is a deleted entry: its
/// key stays for `next`. The collector turns the key of a deleted entry that
/// nothing else holds into [`DEAD_KEY`](crate::table::DEAD_KEY).
#[derive(Clone, Copy)]
#[repr(C)]
pub struct HashEntry {
    /// The key; floats with an integer value are normalised to integers.
    pub key: Value,
    /// The value.
    pub val: Value,
}

/// The hash part of a table: dense entries in order of insertion and an
/// open-addressed index over them.
#[repr(C)]
pub struct HashPart {
    /// The entries.
    pub entries: *mut HashEntry,
    /// Entries in use, deleted ones included.
    pub len: u32,
    /// Entries that fit.
    pub cap: u32,
    /// `index_mask + 1` places: entry number + 1 in the bits of the mask,
    /// bits of the hash in the others; 0 is empty.
    pub index: *mut u32,
    /// Size of the index - 1, a power of two minus one.
    pub index_mask: u32,
    /// Entries whose value is not nil.
    pub live: u32,
    /// Some positive integer key was ever inserted (array migration asks).
    pub has_ints: bool,
    /// Secret of the VM that hashes of numbers and addresses mix in.
    pub seed: u64,
}

/// Flags of shapes.
pub mod shapeflag {
    /// Tables of this shape keep string keys in the hash part.
    pub const DICT: u8 = 0x10;
    /// Made for a key computed at run time, not for a constant one.
    pub const DYNAMIC: u8 = 0x20;
}

/// A hidden class: which string key has which slot, and the metatable.
/// Shapes form a transition tree; each knows the field it introduced, so
/// facts about a field (its tags, whether it was ever reassigned) are shared
/// by all shapes that have it.
#[repr(C)]
pub struct Shape {
    /// The header.
    pub hdr: GcHeader,
    /// Sequence number, never reused.
    pub id: u64,
    /// The shape this one was made from; null for the root.
    pub parent: *mut Shape,
    /// The metatable of every table of this shape (marked through it), or null.
    pub meta: *mut Table,
    /// The key it introduced, or null (root, metatable change).
    pub key: *mut Str,
    /// Number of fields.
    pub len: u32,
    /// Tags ever stored to the introduced field: bit = tag. Only grows.
    pub field_tags: u16,
    /// The introduced field was stored to after its creation.
    pub field_reassigned: bool,
    /// Keys and introducing shapes by slot, shared along a lineage.
    pub path: *mut ShapePath,
    /// The shape that stands for all that have the same keys in the same slots,
    /// whatever the metatable: the one without, if there is such; never null. It has
    /// the same path.
    pub family: *mut Shape,
    /// Children by key or metatable (weak).
    pub edges: Edges,
}

/// Keys and introducing shapes of a lineage, by slot. The first child to
/// append to it shares it, others copy; a shape sees its first
/// [`Shape::len`] slots. The struct and its arrays (one allocation) are
/// accounted raw memory owned by `crate::table`.
#[repr(C)]
pub struct ShapePath {
    /// Introducing shapes by slot; keys and index follow in the allocation.
    pub items: *mut *mut Shape,
    /// Keys by slot.
    pub keys: *mut *mut Str,
    /// Open-addressed index over the keys: slot + 1, 0 is empty. Null while
    /// `cap` is small.
    pub index: *mut u16,
    /// Slots in use.
    pub len: u32,
    /// Slots that fit.
    pub cap: u32,
    /// Shapes that share it.
    pub refs: u32,
}

/// A transition: (address of the key or metatable, child). The child is null
/// in an empty place.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Edge {
    /// Address of the key or metatable; 0 is "no metatable".
    pub to: usize,
    /// The child.
    pub child: *mut Shape,
}

/// Outgoing edges of a shape. They are weak: an edge to a dead shape is
/// removed when that shape is swept.
#[repr(C)]
pub struct Edges {
    /// The only edge while `cap` is 0.
    pub one: Edge,
    /// Open-addressed table of `cap` places, a power of two, or null.
    pub many: *mut Edge,
    /// Places.
    pub cap: u32,
    /// Edges.
    pub len: u32,
    /// Edges to children with another metatable.
    pub metas: u32,
    /// Edges made for keys computed at run time.
    pub dynamic: u32,
}

/// An upvalue: points to a VM-stack slot while open, to its own `closed`
/// afterwards.
#[repr(C)]
pub struct Upval {
    /// The header.
    pub hdr: GcHeader,
    /// Where the value is.
    pub v: *mut Value,
    /// The value once closed.
    pub closed: Value,
    /// Next open upvalue of the same thread, at a lower address.
    pub next: *mut Upval,
}

impl Upval {
    /// Whether it still points to a VM-stack slot.
    ///
    /// # Safety
    /// `u` is a live upvalue.
    #[inline]
    pub unsafe fn is_open(u: *mut Upval) -> bool {
        // SAFETY: the caller says that `u` is live.
        unsafe { (*u).v != &raw mut (*u).closed }
    }
}

/// A Lua function: prototype and upvalues.
#[repr(C)]
pub struct Closure {
    /// `aux`: number of upvalues.
    pub hdr: GcHeader,
    /// The prototype.
    pub proto: *mut ProtoObj,
    /// `aux` pointers to upvalues.
    pub upvals: [*mut Upval; 0],
}

impl Closure {
    /// Upvalue `i`.
    ///
    /// # Safety
    /// `c` is a live closure with more than `i` upvalues.
    #[inline(always)]
    pub unsafe fn upval(c: *mut Closure, i: usize) -> *mut Upval {
        // SAFETY: upvalue pointers follow the struct; the caller vouches for `i`.
        unsafe { *(&raw const (*c).upvals).cast::<*mut Upval>().add(i) }
    }
}

/// How the interpreter calls a host function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum NativeKind {
    /// By its function pointer.
    Plain = 0,
    /// By the boxed Rust closure in `host`.
    Host = 1,
    /// `next`: generic `for` has a fast path.
    Next = 2,
    /// The iterator of `ipairs`: likewise.
    IpairsIter = 3,
    /// A function that `coroutine.wrap` made; its upvalue is the coroutine.
    /// The executor switches to it without calling the function, if it can;
    /// and so with the two that follow.
    Wrap = 4,
    /// `coroutine.resume`
    Resume = 5,
    /// `coroutine.yield`
    Yield = 6,
}

impl NativeKind {
    /// Whether it switches coroutines.
    #[inline(always)]
    pub fn switches(self) -> bool {
        self as u8 >= NativeKind::Wrap as u8
    }
}

/// A host function with upvalues.
#[repr(C)]
pub struct Native {
    /// `aux`: number of upvalues.
    pub hdr: GcHeader,
    /// The function.
    pub f: NativeFn,
    /// How to call it.
    pub nkind: NativeKind,
    /// Its name for tracebacks and traces, if it has a fixed one.
    pub name: &'static str,
    /// The Rust closure of kind `Host`.
    pub host: Option<Box<HostFn>>,
    /// `aux` values.
    pub upvals: [Value; 0],
}

impl Native {
    /// Pointer to upvalue `i`.
    ///
    /// # Safety
    /// `f` is a live host function with more than `i` upvalues.
    #[inline(always)]
    pub unsafe fn upval(f: *mut Native, i: usize) -> *mut Value {
        // SAFETY: the values follow the struct; the caller vouches for `i`.
        unsafe { (&raw mut (*f).upvals).cast::<Value>().add(i) }
    }
}

/// A full userdata: a Rust value with metatable and user values.
#[repr(C)]
pub struct Userdata {
    /// `aux`: number of user values.
    pub hdr: GcHeader,
    /// The metatable, or null.
    pub meta: *mut Table,
    /// The Rust value; `None` once finalized or taken.
    pub data: Option<Box<dyn Any + Send>>,
    /// Bytes accounted for `data` beyond the object itself.
    pub extra: usize,
    /// User values.
    pub values: Vec<Value>,
}

pub use crate::proto::ProtoObj;
pub use crate::thread::Thread;

const _: () = assert!(size_of::<GcHeader>() == 8);
const _: () = assert!(size_of::<Table>() == 64);
const _: () = assert!(size_of::<HashEntry>() == 32);
