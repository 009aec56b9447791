//! Transitions between shapes: a weak map from a key or metatable to a child.
//!
//! Most shapes have no child or one, which is kept in place; more lie in an
//! open-addressed table. An edge leads to a shape that has not been swept; it
//! may be dead ([`live_child`] tells).

use crate::heap::Heap;
use crate::object::{Edge, Edges, Shape, shapeflag};
use std::ptr::null_mut;

/// Scatters addresses.
pub(super) const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// The child along edge `to`, if there is one and it is not about to be swept.
pub(super) unsafe fn live_child(
    heap: &mut Heap,
    shape: *mut Shape,
    to: usize,
) -> Option<*mut Shape> {
    // SAFETY: the caller's shape is live; edges lead to unswept shapes.
    unsafe {
        let child = edge_find(&(*shape).edges, to)?;
        if heap.is_dead(child.cast()) {
            edge_remove(shape, to, child);
            (*child).parent = null_mut();
            return None;
        }
        Some(child)
    }
}

#[inline]
pub(super) fn edge_hash(to: usize) -> usize {
    ((to as u64 >> 4).wrapping_mul(MIX) >> 32) as usize
}

#[inline]
pub(super) unsafe fn edge_find(edges: &Edges, to: usize) -> Option<*mut Shape> {
    if edges.cap == 0 {
        return (!edges.one.child.is_null() && edges.one.to == to).then_some(edges.one.child);
    }
    let mask = edges.cap as usize - 1;
    let mut at = edge_hash(to) & mask;
    loop {
        // SAFETY: `many` has `cap` places, at least one of them empty.
        let e = unsafe { *edges.many.add(at) };
        if e.child.is_null() {
            return None;
        }
        if e.to == to {
            return Some(e.child);
        }
        at = (at + 1) & mask;
    }
}

pub(super) unsafe fn edge_place(many: *mut Edge, cap: u32, edge: Edge) {
    let mask = cap as usize - 1;
    let mut at = edge_hash(edge.to) & mask;
    // SAFETY: `many` has `cap` places, at least one of them empty.
    unsafe {
        while !(*many.add(at)).child.is_null() {
            at = (at + 1) & mask;
        }
        *many.add(at) = edge;
    }
}

/// Adds an edge that does not exist yet.
pub(super) unsafe fn edge_insert(heap: &mut Heap, shape: *mut Shape, to: usize, child: *mut Shape) {
    // SAFETY: the caller's shape is live; the new table has `cap` places and
    // is at most half full.
    unsafe {
        let edges = &mut (*shape).edges;
        edges.len += 1;
        if edges.cap == 0 && edges.one.child.is_null() {
            edges.one = Edge { to, child };
            return;
        }
        if edges.len * 2 > edges.cap {
            let cap = (edges.cap * 2).max(8);
            let many = heap
                .raw_alloc(cap as usize * size_of::<Edge>())
                .cast::<Edge>();
            many.write_bytes(0, cap as usize);
            if edges.cap == 0 {
                edge_place(many, cap, edges.one);
            }
            for i in 0..edges.cap as usize {
                let e = *edges.many.add(i);
                if !e.child.is_null() {
                    edge_place(many, cap, e);
                }
            }
            if edges.cap != 0 {
                heap.raw_free(edges.many.cast(), edges.cap as usize * size_of::<Edge>());
            }
            edges.many = many;
            edges.cap = cap;
        }
        edge_place(edges.many, edges.cap, Edge { to, child });
    }
}

/// Removes the edge `to` of `shape` if it leads to `child`.
pub(super) unsafe fn edge_remove(shape: *mut Shape, to: usize, child: *mut Shape) {
    // SAFETY: `shape` and `child` are not swept; `many` has `cap` places.
    unsafe {
        let edges = &mut (*shape).edges;
        if edges.cap == 0 {
            if edges.one.child != child {
                return;
            }
            edges.one.child = null_mut();
        } else {
            let mask = edges.cap as usize - 1;
            let mut at = edge_hash(to) & mask;
            loop {
                let e = *edges.many.add(at);
                if e.child.is_null() {
                    return;
                }
                if e.child == child {
                    break;
                }
                at = (at + 1) & mask;
            }
            // Close the gap: move back whatever can't be found past it.
            let mut hole = at;
            loop {
                at = (at + 1) & mask;
                let e = *edges.many.add(at);
                if e.child.is_null() {
                    break;
                }
                let home = edge_hash(e.to) & mask;
                if at.wrapping_sub(home) & mask >= at.wrapping_sub(hole) & mask {
                    *edges.many.add(hole) = e;
                    hole = at;
                }
            }
            (*edges.many.add(hole)).child = null_mut();
        }
        edges.len -= 1;
        if (*child).key.is_null() {
            edges.metas -= 1;
        } else if (*child).hdr.flags & shapeflag::DYNAMIC != 0 {
            edges.dynamic -= 1;
        }
    }
}
