//! Shapes: which string key of a table has which field slot, and the table's
//! metatable.
//!
//! Shapes form a *transition tree* rooted in the shape of the empty table.
//! Adding a key leads along an edge to the child that *introduces* the key at
//! the next slot; setting a metatable leads to a child with the same slots.
//!
//! ```text
//!  root ──x──▶ {x} ──y──▶ {x,y}          path of the lineage, shared:
//!                │            ╲ meta M     slot   0      1
//!                ╰──z──▶ …     ▶ {x,y}+M   key    x      y
//!                                          shape {x}   {x,y}
//! ```
//!
//! - The shapes of one lineage share a [`ShapePath`]: keys and introducing
//!   shapes by slot. A shape sees the first `len` slots of its path. The
//!   first child to append shares the path, a second branch copies it.
//! - Facts about a field (the tags it ever held, whether it was reassigned)
//!   live in the shape that introduced it, so they hold for every descendant.
//!   They only grow.
//! - Edges are weak, parents are strong. Sweeping a shape removes its edge
//!   from its parent and tells its children, in whichever order they are
//!   swept ([`shape_died`]); an edge to a dead shape not yet swept is treated
//!   as absent.
//! - The tree is bounded: a shape with too many fields or children sends the
//!   table to *dictionary mode*, where one shape per metatable (`DICT`) says
//!   that string keys live in the hash part.
//!
//! Changing the metatable twice in a row never deepens the tree: the second
//! change starts from the shape before the first.
//!
//! ## Families
//! Code that makes a class anew each time it runs gives each class's objects shapes
//! of their own, which differ in nothing but the metatable. Such shapes have the same
//! [`Shape::family`]: the shape with the same keys in the same slots and no
//! metatable, whose path, and so whose facts, they share. Who knows a table's family
//! knows where its fields are. A key that is added to a table with a metatable is
//! therefore added to the family first:
//!
//! ```text
//!  root ───x──▶ {x}         family of {x}+M and {x}+N
//!    ├─ meta M ▶ {}+M ──x──▶ {x}+M
//!    ╰─ meta N ▶ {}+N ──x──▶ {x}+N
//! ```

use super::edges::{MIX, edge_insert, edge_remove, live_child};
use super::path::{
    SCAN, array_bytes, key_hash, path_copy, path_free, path_new, path_push, path_truncate,
};
use crate::heap::Heap;
use crate::object::{
    Edge, Edges, GcHeader, Shape, ShapePath, Str, Table, kind, shapeflag, strflag,
};
use crate::state::Vm;
use crate::value::tag;
use std::ptr::{null, null_mut};

/// Most fields a table gets through constant keys before it is a dictionary.
pub const MAX_FIELDS: u32 = 128;
/// Most fields a table gets through keys computed at run time.
pub const MAX_DYNAMIC_FIELDS: u32 = 16;
/// Most children of a shape.
const MAX_CHILDREN: u32 = 1024;
/// Most children of a shape through keys computed at run time.
const MAX_DYNAMIC_CHILDREN: u32 = 64;
/// Most children of a shape that differ in the metatable only.
const MAX_META_CHILDREN: u32 = 256;
/// Entries of the look-up cache.
const LOOKUPS: usize = 512;
/// "Absent" in the look-up cache.
const ABSENT: u32 = u32::MAX;

/// How a key came to be stored: constant keys in the source describe records,
/// keys computed at run time are more likely those of a dictionary.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyMode {
    /// A constant in the source, or a name the host registers.
    Constant,
    /// Computed.
    Dynamic,
}

/// Called when the facts about the field that a shape introduced became more
/// general: another tag, or the first reassignment.
pub type GeneraliseHook = fn(vm: &mut Vm, shape: *mut Shape);

/// An answer of the look-up cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cached {
    /// The field has this slot.
    Slot(u32),
    /// There is no such field.
    Absent,
    /// Nobody has asked lately.
    Unknown,
}

#[derive(Clone, Copy)]
struct Lookup {
    shape: u64,
    key: *const Str,
    slot: u32,
}

/// The shapes of a VM: the roots of the tree and what look-ups share.
pub struct ShapeTable {
    root: *mut Shape,
    dict: *mut Shape,
    next_id: u64,
    /// Told when a field becomes more general.
    pub on_generalise: Option<GeneraliseHook>,
    lookups: Box<[Lookup]>,
}

impl std::fmt::Debug for ShapeTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ShapeTable({} made)", self.next_id)
    }
}

impl ShapeTable {
    /// The two root shapes, which are never collected. Also marks the names
    /// of metamethods, so that stores can recognise them.
    pub fn new(heap: &mut Heap) -> ShapeTable {
        for event in crate::metatable::Event::ALL {
            let name = heap.str(event.name().as_bytes());
            // SAFETY: the string was just interned; it stays because the
            // VM's list of event names holds it.
            unsafe { (*name).hdr.flags |= strflag::EVENT | crate::object::gcflag::FIXED };
        }
        let mut table = ShapeTable {
            root: null_mut(),
            dict: null_mut(),
            next_id: 1,
            on_generalise: None,
            lookups: vec![
                Lookup {
                    shape: 0,
                    key: null(),
                    slot: 0
                };
                LOOKUPS
            ]
            .into_boxed_slice(),
        };
        let path = path_new(heap);
        let (none, alone) = (null_mut(), null_mut());
        table.root = table.make(heap, none, null_mut(), null_mut(), (path, 0), alone);
        table.dict = table.make(heap, none, null_mut(), null_mut(), (null_mut(), 0), alone);
        // SAFETY: both were just created.
        unsafe {
            (*table.root).hdr.flags |= crate::object::gcflag::FIXED;
            (*table.dict).hdr.flags |= crate::object::gcflag::FIXED | shapeflag::DICT;
        }
        table
    }

    /// The shape of a table without fields and metatable.
    #[inline(always)]
    pub fn root(&self) -> *mut Shape {
        self.root
    }

    /// The dictionary shape without metatable.
    #[inline(always)]
    pub fn root_dict(&self) -> *mut Shape {
        self.dict
    }

    /// A shape that sees the first slots of `path`. `family`: null if it stands for
    /// itself.
    fn make(
        &mut self,
        heap: &mut Heap,
        parent: *mut Shape,
        meta: *mut Table,
        key: *mut Str,
        (path, len): (*mut ShapePath, u32),
        family: *mut Shape,
    ) -> *mut Shape {
        let id = self.next_id;
        self.next_id += 1;
        let shape = heap.new_shape(Shape {
            hdr: GcHeader {
                kind: kind::SHAPE,
                mark: 0,
                flags: 0,
                heap: 0,
                aux: 0,
            },
            id,
            parent,
            meta,
            key,
            len,
            field_tags: 0,
            field_reassigned: false,
            path,
            family,
            edges: Edges {
                one: Edge {
                    to: 0,
                    child: null_mut(),
                },
                many: null_mut(),
                cap: 0,
                len: 0,
                metas: 0,
                dynamic: 0,
            },
        });
        if family.is_null() {
            // SAFETY: it was just made.
            unsafe { (*shape).family = shape };
        }
        shape
    }

    /// The family of what `shape` becomes by another key; null if that is a shape of
    /// its own, since `shape` is, or since its family can have no such child.
    ///
    /// # Safety
    /// As for [`transition_field`](Self::transition_field).
    unsafe fn next_family(
        &mut self,
        heap: &mut Heap,
        shape: *mut Shape,
        key: *mut Str,
        mode: KeyMode,
    ) -> *mut Shape {
        // SAFETY: as the caller says; a live shape's family is live, and lacks the
        // key as it does. A family is its own, so this goes no deeper.
        unsafe {
            let family = (*shape).family;
            if family == shape {
                return null_mut();
            }
            let next = self.transition_field(heap, family, key, mode);
            next.unwrap_or(null_mut())
        }
    }

    /// The child of `shape` that has `key` as its next field, or `None` if
    /// the table has to become a dictionary instead.
    ///
    /// # Safety
    /// `shape` is a live shape without `DICT` that lacks `key`, a live
    /// interned string.
    pub unsafe fn transition_field(
        &mut self,
        heap: &mut Heap,
        shape: *mut Shape,
        key: *mut Str,
        mode: KeyMode,
    ) -> Option<*mut Shape> {
        // SAFETY: `shape` and `key` are live by contract; the path of a live
        // shape is live; a child found by an edge has not been swept.
        unsafe {
            let limit = if mode == KeyMode::Constant {
                MAX_FIELDS
            } else {
                MAX_DYNAMIC_FIELDS
            };
            if (*shape).len >= limit {
                return None;
            }
            if let Some(child) = live_child(heap, shape, key as usize) {
                return Some(child);
            }
            let edges = &(*shape).edges;
            if edges.len - edges.metas >= MAX_CHILDREN
                || (mode == KeyMode::Dynamic && edges.dynamic >= MAX_DYNAMIC_CHILDREN)
            {
                return None;
            }
            let len = (*shape).len;
            let meta = (*shape).meta;
            let family = self.next_family(heap, shape, key, mode);
            let child = if family.is_null() {
                let mut path = (*shape).path;
                if (*path).len == len {
                    (*path).refs += 1;
                } else {
                    path = path_copy(heap, path, len);
                }
                let child = self.make(heap, shape, meta, key, (path, len + 1), family);
                path_push(heap, path, key, child);
                child
            } else {
                let path = (*family).path;
                (*path).refs += 1;
                self.make(heap, shape, meta, key, (path, len + 1), family)
            };
            if mode == KeyMode::Dynamic {
                (*child).hdr.flags |= shapeflag::DYNAMIC;
                (*shape).edges.dynamic += 1;
            }
            edge_insert(heap, shape, key as usize, child);
            heap.barrier(child.cast());
            Some(child)
        }
    }

    /// The shape with the fields of `shape` and metatable `meta` (or null),
    /// or `None` if too many such shapes exist and the table has to become a
    /// dictionary (see [`dict_for`](Self::dict_for)); `force` makes one more.
    ///
    /// # Safety
    /// `shape` is a live shape, `meta` null or a live table.
    pub unsafe fn transition_meta(
        &mut self,
        heap: &mut Heap,
        shape: *mut Shape,
        meta: *mut Table,
        force: bool,
    ) -> Option<*mut Shape> {
        // SAFETY: as for `transition_field`; a live shape keeps its parent.
        unsafe {
            if (*shape).meta == meta {
                return Some(shape);
            }
            if (*shape).hdr.flags & shapeflag::DICT != 0 {
                return Some(self.dict_for(heap, meta));
            }
            let mut base = shape;
            if (*shape).key.is_null() && !(*shape).parent.is_null() {
                base = (*shape).parent;
                if (*base).meta == meta {
                    return Some(base);
                }
            }
            if let Some(child) = live_child(heap, base, meta as usize) {
                return Some(child);
            }
            if !force && (*base).edges.metas >= MAX_META_CHILDREN {
                return None;
            }
            let path = (*base).path;
            (*path).refs += 1;
            let (path, family) = ((path, (*base).len), (*base).family);
            let child = self.make(heap, base, meta, null_mut(), path, family);
            (*base).edges.metas += 1;
            edge_insert(heap, base, meta as usize, child);
            heap.barrier(child.cast());
            Some(child)
        }
    }

    /// The dictionary shape of tables with metatable `meta` (or null).
    ///
    /// # Safety
    /// `meta` is null or a live table.
    pub unsafe fn dict_for(&mut self, heap: &mut Heap, meta: *mut Table) -> *mut Shape {
        if meta.is_null() {
            return self.dict;
        }
        // SAFETY: the root is always live; a child found is not swept.
        unsafe {
            if let Some(child) = live_child(heap, self.dict, meta as usize) {
                return child;
            }
            let none = (null_mut(), 0);
            let child = self.make(heap, self.dict, meta, null_mut(), none, null_mut());
            (*child).hdr.flags |= shapeflag::DICT;
            (*self.dict).edges.metas += 1;
            edge_insert(heap, self.dict, meta as usize, child);
            heap.barrier(child.cast());
            child
        }
    }

    /// What [`slot_of`](Self::slot_of) remembers; for handlers, which must
    /// not call.
    ///
    /// # Safety
    /// As for [`slot_of`](Self::slot_of).
    #[inline(always)]
    pub unsafe fn cached_slot(&self, shape: *const Shape, key: *const Str) -> Cached {
        // SAFETY: as for `slot_of`; the index is masked.
        unsafe {
            let id = (*shape).id;
            let entry = self.lookups.as_ptr().add(lookup_at(id, key));
            if (*entry).shape != id || (*entry).key != key {
                return Cached::Unknown;
            }
            match (*entry).slot {
                ABSENT => Cached::Absent,
                n => Cached::Slot(n),
            }
        }
    }

    /// Like [`field_slot`], through a cache shared by all megamorphic sites.
    ///
    /// # Safety
    /// `shape` is a live shape without `DICT`, `key` a live interned string.
    #[inline]
    pub unsafe fn slot_of(&mut self, shape: *mut Shape, key: *const Str) -> Option<u32> {
        // SAFETY: `shape` is live by contract. A cached answer can't be stale:
        // ids are never reused, a shape's fields never change, and a key that
        // a live shape has stays where it is.
        unsafe {
            let id = (*shape).id;
            let entry = self.lookups.as_mut_ptr().add(lookup_at(id, key));
            if (*entry).shape != id || (*entry).key != key {
                let slot = field_slot(shape, key).unwrap_or(ABSENT);
                *entry = Lookup {
                    shape: id,
                    key,
                    slot,
                };
            }
            let slot = (*entry).slot;
            (slot != ABSENT).then_some(slot)
        }
    }
}

/// Place of a shape's id and a key in the look-up cache.
#[inline(always)]
fn lookup_at(id: u64, key: *const Str) -> usize {
    ((id.wrapping_mul(MIX) >> 40) as usize ^ (key as usize >> 4)) & (LOOKUPS - 1)
}

/// The slot of `key` in tables of `shape`.
///
/// # Safety
/// `shape` is a live shape, `key` an interned string.
#[inline]
pub unsafe fn field_slot(shape: *const Shape, key: *const Str) -> Option<u32> {
    // SAFETY: a live shape with fields has a path with at least `len` slots;
    // the index holds slot numbers + 1 below or at `cap`, and at most half of
    // its places are taken.
    unsafe {
        let len = (*shape).len;
        if len == 0 {
            return None;
        }
        let path = (*shape).path;
        let keys = (*path).keys;
        if len <= SCAN || (*path).index.is_null() {
            for i in 0..len {
                if std::ptr::eq(*keys.add(i as usize), key) {
                    return Some(i);
                }
            }
            return None;
        }
        let mask = (*path).cap as usize * 2 - 1;
        let mut at = key_hash(key) & mask;
        loop {
            let n = *(*path).index.add(at) as u32;
            if n == 0 {
                return None;
            }
            if std::ptr::eq(*keys.add(n as usize - 1), key) {
                return (n <= len).then_some(n - 1);
            }
            at = (at + 1) & mask;
        }
    }
}

/// The shape that introduced field `slot` of `shape`.
///
/// # Safety
/// `shape` is a live shape with more than `slot` fields.
#[inline]
pub unsafe fn introducer(shape: *const Shape, slot: u32) -> *mut Shape {
    // SAFETY: the path of a live shape has its slots.
    unsafe { *(*(*shape).path).items.add(slot as usize) }
}

/// The key of field `slot` of `shape`.
///
/// # Safety
/// `shape` is a live shape with more than `slot` fields.
#[inline]
pub unsafe fn field_key(shape: *const Shape, slot: u32) -> *mut Str {
    // SAFETY: as for `introducer`.
    unsafe { *(*(*shape).path).keys.add(slot as usize) }
}

/// Records a store of a value with tag `t` to the existing field that
/// `intro` introduced.
///
/// # Safety
/// `intro` is a live shape that introduces a field.
#[inline]
pub unsafe fn note_store(vm: &mut Vm, intro: *mut Shape, t: u8) {
    // SAFETY: `intro` is live by contract.
    unsafe {
        if (*intro).field_tags & (1 << t) == 0 || !(*intro).field_reassigned {
            (*intro).field_reassigned = true;
            generalise(vm, intro, t);
        }
    }
}

/// Records the value that creates the field which `intro` introduced.
///
/// # Safety
/// `intro` is a live shape that introduces a field.
#[inline]
pub unsafe fn note_add(vm: &mut Vm, intro: *mut Shape, t: u8) {
    // SAFETY: `intro` is live by contract.
    unsafe {
        if (*intro).field_tags & (1 << t) == 0 {
            generalise(vm, intro, t);
        }
    }
}

#[cold]
unsafe fn generalise(vm: &mut Vm, intro: *mut Shape, t: u8) {
    // SAFETY: `intro` is live by contract.
    unsafe { (*intro).field_tags |= 1 << t };
    if let Some(hook) = vm.shapes.on_generalise {
        hook(vm, intro);
    }
}

/// Releases what a shape that is being swept owns and cuts its links: the
/// edge from its parent, unless that was swept before, and its children's
/// links to it. Shapes that die together may be swept in any order.
///
/// # Safety
/// `shape` is dead, its memory still intact, and nothing uses it afterwards.
pub unsafe fn shape_died(heap: &mut Heap, shape: *mut Shape) {
    // SAFETY: a non-null parent has not been swept: sweeping it would have
    // cleared the link. Likewise all children that edges lead to are not
    // swept. The path is live while one of its shapes is.
    unsafe {
        let s = &mut *shape;
        if !s.parent.is_null() {
            let to = if s.key.is_null() {
                s.meta as usize
            } else {
                s.key as usize
            };
            edge_remove(s.parent, to, shape);
        }
        let edges = &s.edges;
        if edges.cap == 0 {
            if !edges.one.child.is_null() {
                (*edges.one.child).parent = null_mut();
            }
        } else {
            for i in 0..edges.cap as usize {
                let child = (*edges.many.add(i)).child;
                if !child.is_null() {
                    (*child).parent = null_mut();
                }
            }
            heap.raw_free(edges.many.cast(), edges.cap as usize * size_of::<Edge>());
        }
        let path = s.path;
        if !path.is_null() {
            let last = s.len.wrapping_sub(1);
            if !s.key.is_null() && last < (*path).len && *(*path).items.add(last as usize) == shape
            {
                path_truncate(path, last);
            }
            (*path).refs -= 1;
            if (*path).refs == 0 {
                path_free(heap, path);
            }
        }
        s.path = null_mut();
        s.edges.cap = 0;
        s.edges.one.child = null_mut();
    }
}

/// Bytes of a shape's edges, beyond the cell.
///
/// # Safety
/// `shape` has not been swept.
pub unsafe fn shape_bytes(shape: *const Shape) -> usize {
    // SAFETY: as the caller says.
    unsafe { (*shape).edges.cap as usize * size_of::<Edge>() }
}

/// Bytes of a path, which all shapes that refer to it share.
///
/// # Safety
/// `path` belongs to a shape that has not been swept.
pub unsafe fn path_bytes(path: *const ShapePath) -> usize {
    // SAFETY: as the caller says.
    unsafe { size_of::<ShapePath>() + array_bytes((*path).cap) }
}

/// Records that the collector set field `slot` of a table of `shape` to nil
/// (weak values). Dependants of the field's facts are told by the next store.
///
/// # Safety
/// `shape` is a live shape with more than `slot` fields.
pub unsafe fn note_cleared(shape: *const Shape, slot: u32) {
    // SAFETY: an introducing shape is live while its descendants are.
    unsafe {
        let intro = introducer(shape, slot);
        (*intro).field_tags |= 1 << tag::NIL;
        (*intro).field_reassigned = true;
    }
}

/// The tags a set of [`Shape::field_tags`] may hold, for dumps.
pub fn tag_names(tags: u16) -> Vec<&'static str> {
    [
        (tag::NIL, "nil"),
        (tag::FALSE, "false"),
        (tag::TRUE, "true"),
        (tag::INT, "int"),
        (tag::FLOAT, "float"),
        (tag::LIGHT, "light"),
        (tag::STR, "string"),
        (tag::TABLE, "table"),
        (tag::CLOSURE, "closure"),
        (tag::NATIVE, "native"),
        (tag::USERDATA, "userdata"),
        (tag::THREAD, "thread"),
    ]
    .into_iter()
    .filter(|(t, _)| tags & (1 << t) != 0)
    .map(|(_, name)| name)
    .collect()
}
