//! A walk over the whole heap that checks its invariants, for tests and
//! stress modes.

use super::block::{Block, N_CLASSES};
use super::{Heap, Phase};
use crate::object::{
    ArrKind, Closure, Edge, GcHeader, Native, ProtoObj, Shape, ShapePath, Str, Table, Thread,
    Upval, Userdata, color, gcflag, kind, strflag,
};
use crate::state::Vm;
use crate::table;
use crate::value::{Value, tag};
use std::collections::HashSet;

/// Checks that the accounted bytes equal what a walk finds, that colours are
/// valid, that no live object refers to a freed cell, and that no black
/// object refers to a white one where that is forbidden.
///
/// # Errors
/// What is wrong, in words.
pub fn verify(vm: &mut Vm) -> Result<(), String> {
    let heap = &mut vm.heap;
    heap.settle();
    let mut walk = Walk {
        bytes: heap.strings.footprint(),
        cells: Vec::new(),
        paths: HashSet::new(),
        modules: HashSet::new(),
    };
    let objects = walk.collect(heap);
    for &object in &objects {
        // SAFETY: objects found by the walk have not been swept, and dead
        // ones are skipped: their references may be.
        unsafe {
            if (*object).mark > color::BLACK {
                return Err(format!(
                    "object of kind {} has colour {}",
                    (*object).kind,
                    (*object).mark
                ));
            }
            walk.bytes += Heap::cell_size(object) + walk.owned_bytes(heap, object);
            if !heap.is_dead(object) {
                walk.check_references(heap, object)?;
                if (*object).kind == kind::SHAPE {
                    check_family(object.cast())?;
                }
            }
        }
    }
    if walk.bytes != heap.bytes {
        return Err(format!(
            "{} bytes accounted, {} found",
            heap.bytes, walk.bytes
        ));
    }
    Ok(())
}

/// # Safety
/// `shape` is live, and what it refers to.
unsafe fn check_family(shape: *mut Shape) -> Result<(), String> {
    // SAFETY: as the caller says.
    unsafe {
        let (s, family) = (&*shape, &*(*shape).family);
        if s.path == family.path && s.len == family.len && std::ptr::eq(family, family.family) {
            return Ok(());
        }
        Err(format!(
            "shape {} with {} fields is of family {}, which has {} and is of family {}",
            s.id,
            s.len,
            family.id,
            family.len,
            (*family.family).id
        ))
    }
}

/// How many objects there are that programs make: tables, closures, coroutines
/// and userdata. Garbage counts until it is collected.
pub fn population(vm: &mut Vm) -> [usize; 4] {
    let heap = &mut vm.heap;
    heap.settle();
    let mut walk = Walk {
        bytes: 0,
        cells: Vec::new(),
        paths: HashSet::new(),
        modules: HashSet::new(),
    };
    let objects = walk.collect(heap);
    [tag::TABLE, tag::CLOSURE, tag::THREAD, tag::USERDATA].map(|kind| {
        // SAFETY: objects found by the walk have not been swept.
        let of_kind = |o: &&*mut GcHeader| unsafe { (***o).kind == kind && !heap.is_dead(**o) };
        objects.iter().filter(of_kind).count()
    })
}

struct Walk {
    bytes: usize,
    /// Addresses of objects, ascending.
    cells: Vec<usize>,
    /// Paths of shapes, which several share.
    paths: HashSet<usize>,
    /// Modules that were counted.
    modules: HashSet<usize>,
}

impl Walk {
    fn collect(&mut self, heap: &Heap) -> Vec<*mut GcHeader> {
        let mut objects = Vec::new();
        for class in 0..N_CLASSES {
            for &b in &heap.classes[class].blocks {
                // SAFETY: cells below `bump` are objects or free.
                unsafe {
                    let mut at = Block::first(b);
                    while at < (*b).bump {
                        let object = at.cast::<GcHeader>();
                        if (*object).kind != kind::FREE {
                            objects.push(object);
                        }
                        at = at.add((*b).cell as usize);
                    }
                }
            }
        }
        objects.extend_from_slice(&heap.large);
        self.cells = objects.iter().map(|&o| o as usize).collect();
        self.cells.sort_unstable();
        objects
    }

    /// # Safety
    /// `object` has not been swept.
    unsafe fn owned_bytes(&mut self, heap: &Heap, object: *mut GcHeader) -> usize {
        // SAFETY: the kind says what the object is.
        unsafe {
            match (*object).kind {
                tag::TABLE => table::part_bytes(object.cast()),
                tag::STR => {
                    let s = object.cast::<Str>();
                    let buffer = (*object).flags & strflag::NODE != 0 && !(*s).data.is_null();
                    if buffer { (*s).len } else { 0 }
                }
                tag::NATIVE => (*object.cast::<Native>())
                    .host
                    .as_ref()
                    .map_or(0, |h| size_of_val(&**h)),
                tag::USERDATA => {
                    let u = object.cast::<Userdata>();
                    (*u).extra + (*u).values.capacity() * size_of::<Value>()
                }
                tag::THREAD if object != heap.main_thread.cast() => {
                    (*object.cast::<Thread>()).cap * size_of::<Value>()
                }
                kind::SHAPE => {
                    let s = object.cast::<Shape>();
                    let edges = (*s).edges.cap as usize * size_of::<Edge>();
                    let path = (*s).path;
                    if path.is_null() || !self.paths.insert(path as usize) {
                        return edges;
                    }
                    let slot = size_of::<*mut Shape>() + size_of::<*mut Str>();
                    let index = if (*path).index.is_null() {
                        0
                    } else {
                        2 * size_of::<u16>()
                    };
                    edges + size_of::<ShapePath>() + (*path).cap as usize * (slot + index)
                }
                kind::PROTO => {
                    let p = object.cast::<ProtoObj>();
                    let module = &(*p).module;
                    let first = self.modules.insert(std::sync::Arc::as_ptr(module) as usize);
                    (*p).storage_bytes() + if first { module.bytes } else { 0 }
                }
                _ => 0,
            }
        }
    }

    /// # Safety
    /// `object` is live.
    unsafe fn check_references(&self, heap: &Heap, object: *mut GcHeader) -> Result<(), String> {
        let mut result = Ok(());
        // SAFETY: the kind says what the object is.
        unsafe {
            let mut check = |what: &str, p: *mut GcHeader| {
                if p.is_null() || result.is_err() {
                    return;
                }
                let wrong = |how: String| {
                    let GcHeader { kind, mark, .. } = *object;
                    Err(format!(
                        "{what} of an object of kind {kind} (colour {mark}) {how}"
                    ))
                };
                if self.cells.binary_search(&(p as usize)).is_err() {
                    result = wrong("leads to no object".into());
                } else if heap.is_dead(p) {
                    result = wrong(format!("leads to a dead object of kind {}", (*p).kind));
                } else if (*object).mark == color::BLACK
                    && (*p).mark <= color::WHITE_B
                    && (*p).flags & gcflag::FIXED == 0
                    && (heap.phase == Phase::Mark || (heap.phase == Phase::Pause && heap.sticky))
                    && !heap.marker.has_partial(object)
                {
                    result = wrong(format!("is white (kind {})", (*p).kind));
                }
            };
            let mut value = |what: &str, v: Value| {
                if v.is_gc() {
                    check(what, v.as_gc());
                }
            };
            match (*object).kind {
                tag::TABLE => {
                    let t = object.cast::<Table>();
                    // Weak tables are checked for freed objects only when
                    // nothing can be half done.
                    value_opt(&mut value, "shape", (*t).shape.cast());
                    for i in 0..(*(*t).shape).len as usize {
                        value("field", *(*t).fields.add(i));
                    }
                    if (*t).arr_kind == ArrKind::Mixed {
                        for i in 0..(*t).arr_len as usize {
                            value(
                                "element",
                                Value {
                                    tag: *(*t).arr_tags.add(i),
                                    payload: *(*t).arr.add(i),
                                },
                            );
                        }
                    }
                    if !(*t).hash.is_null() {
                        let h = &*(*t).hash;
                        for i in 0..h.len as usize {
                            let e = *h.entries.add(i);
                            if !e.val.is_nil() {
                                value("key", e.key);
                                value("value", e.val);
                            } else if e.key.is_str() {
                                value("deleted key", e.key);
                            }
                        }
                    }
                }
                tag::CLOSURE => {
                    let c = object.cast::<Closure>();
                    value_opt(&mut value, "prototype", (*c).proto.cast());
                    for i in 0..(*object).aux as usize {
                        value_opt(&mut value, "upvalue", Closure::upval(c, i).cast());
                    }
                }
                kind::UPVAL => {
                    let u = object.cast::<Upval>();
                    if !Upval::is_open(u) {
                        value("closed value", (*u).closed);
                    }
                }
                tag::NATIVE => {
                    for i in 0..(*object).aux as usize {
                        value("upvalue", *Native::upval(object.cast(), i));
                    }
                }
                tag::USERDATA => {
                    let u = object.cast::<Userdata>();
                    value_opt(&mut value, "metatable", (*u).meta.cast());
                    for &v in &(*u).values {
                        value("user value", v);
                    }
                }
                tag::STR => {
                    let s = object.cast::<Str>();
                    if (*object).flags & strflag::NODE != 0 {
                        for part in (*s).parts {
                            value_opt(&mut value, "part", part.cast());
                        }
                    }
                }
                kind::SHAPE => {
                    let s = object.cast::<Shape>();
                    value_opt(&mut value, "parent", (*s).parent.cast());
                    value_opt(&mut value, "metatable", (*s).meta.cast());
                    value_opt(&mut value, "key", (*s).key.cast());
                    value_opt(&mut value, "family", (*s).family.cast());
                }
                kind::PROTO => {
                    let p = object.cast::<ProtoObj>();
                    for &v in (*p).consts() {
                        value("constant", v);
                    }
                    for &child in &(*p).children {
                        value_opt(&mut value, "child", child.cast());
                    }
                }
                _ => {}
            }
        }
        result
    }
}

/// Checks a pointer that isn't a value.
fn value_opt(check: &mut impl FnMut(&str, Value), what: &str, p: *mut GcHeader) {
    if !p.is_null() {
        // The tag only has to say that it is an object.
        check(
            what,
            Value {
                tag: tag::GC,
                payload: p as u64,
            },
        );
    }
}
