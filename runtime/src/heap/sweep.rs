//! Freeing.
//!
//! A block is swept as a whole: dead cells are freed and linked into the
//! block's free list in order of address, live objects become white again or,
//! in generational mode, stay black and are marked old. Blocks without
//! objects go back to the pool. The background sweep and allocation share
//! the list of blocks to do, so each is swept once.

use super::block::{
    Block, FreeCell, LargeHeader, N_CLASSES, SHAPE_CLASS, THREAD_CLASS, write_free,
};
use super::mark::Budget;
use super::{Heap, Phase, heapbit, pages};
use crate::object::{
    GcHeader, Native, ProtoObj, Shape, Str, Table, Thread, Upval, Userdata, color, gcflag, kind,
    strflag,
};
use crate::proto::LoadedModule;
use crate::value::{Value, tag};
use std::ptr::null_mut;
use std::sync::Arc;

/// Work that sweeping a block counts as.
const BLOCK_WORK: usize = 16 << 10;

/// Modules from this size on are freed on another thread.
const LARGE_MODULE: usize = 1 << 20;

impl Heap {
    /// Sweeps a block. Does not put it into any list.
    ///
    /// # Safety
    /// The atomic step is over and the block was not swept since.
    pub(super) unsafe fn sweep_block(&mut self, b: *mut Block) -> usize {
        self.settle();
        // The debt counts allocation only: what sweeping frees was planned for.
        let debt = self.debt;
        // SAFETY: cells below `bump` are objects or free; dead objects are
        // referred to by nobody.
        unsafe {
            let cell = (*b).cell as usize;
            let first = Block::first(b);
            let end = (*b).bump;
            let (sticky, white) = (self.sticky, self.white);
            let mut list: *mut FreeCell = null_mut();
            let mut live = 0;
            let mut freed = 0;
            let mut at = end;
            while at > first {
                at = at.sub(cell);
                let object = at.cast::<GcHeader>();
                if (*object).kind == kind::FREE {
                    (*at.cast::<FreeCell>()).next = list;
                    list = at.cast();
                } else if self.is_condemned(object) {
                    self.release(object);
                    write_free(at, list);
                    list = at.cast();
                    freed += cell;
                } else {
                    live += 1;
                    if !sticky {
                        (*object).mark = white;
                    } else if (*object).mark >= color::GRAY {
                        (*object).flags |= gcflag::OLD;
                    }
                }
            }
            self.refund(freed);
            self.stats.freed += freed as u64;
            self.debt = debt;
            (*b).young = false;
            (*b).free = list;
            if live == 0 {
                // As good as new.
                (*b).free = null_mut();
                (*b).bump = first;
            }
            live
        }
    }

    /// Frees what an object owns. Its cell stays.
    ///
    /// # Safety
    /// Nothing refers to the object any more.
    #[inline]
    unsafe fn release(&mut self, object: *mut GcHeader) {
        // SAFETY: the kind says what the object is; parts are freed once.
        unsafe {
            match (*object).kind {
                tag::TABLE => {
                    let t = object.cast::<Table>();
                    let inline = t.add(1).cast::<Value>();
                    if (*t).arr_cap != 0 || !(*t).hash.is_null() || (*t).fields != inline {
                        crate::table::free_parts(self, t);
                    }
                }
                tag::STR => {
                    let s = object.cast::<Str>();
                    let flags = (*object).flags;
                    if flags & strflag::INTERNED != 0 {
                        self.strings.remove((*object).aux, s);
                    } else if flags & strflag::NODE != 0 && !(*s).data.is_null() {
                        super::concat::free_buffer(s);
                        self.refund((*s).len);
                    }
                }
                tag::CLOSURE | kind::UPVAL => {}
                _ => self.release_rare(object),
            }
        }
    }

    /// # Safety
    /// As for `release`.
    #[cold]
    unsafe fn release_rare(&mut self, object: *mut GcHeader) {
        // SAFETY: as for `release`; each object is dropped once.
        unsafe {
            match (*object).kind {
                tag::NATIVE => {
                    let f = object.cast::<Native>();
                    if let Some(host) = (*f).host.take() {
                        self.refund(size_of_val(&*host));
                        drop(host);
                    }
                }
                tag::USERDATA => {
                    let u = object.cast::<Userdata>();
                    self.refund((*u).extra + (*u).values.capacity() * size_of::<Value>());
                    u.drop_in_place();
                }
                tag::THREAD => {
                    let t = object.cast::<Thread>();
                    // A finished one may have given its stack back already.
                    if t != self.main_thread && (*t).cap > 0 {
                        self.raw_free((*t).stack.cast(), (*t).cap * size_of::<Value>());
                    }
                    t.drop_in_place();
                }
                kind::SHAPE => {
                    let s = object.cast::<Shape>();
                    crate::table::shape_died(self, s);
                    s.drop_in_place();
                }
                kind::PROTO => {
                    let p = object.cast::<ProtoObj>();
                    self.refund((*p).storage_bytes());
                    let module = Arc::clone(&(*p).module);
                    p.drop_in_place();
                    self.let_go(module);
                }
                _ => {}
            }
        }
    }

    /// A prototype of this module is gone.
    pub(crate) fn let_go(&mut self, module: Arc<LoadedModule>) {
        if let Some(last) = Arc::into_inner(module) {
            self.refund(last.bytes);
            if last.bytes >= LARGE_MODULE {
                crate::os::free_elsewhere(Box::new(last));
            }
        }
    }

    /// Frees a large object altogether.
    ///
    /// # Safety
    /// As for `release`.
    unsafe fn free_large(&mut self, object: *mut GcHeader) {
        let debt = self.debt;
        // SAFETY: large objects were allocated with the size in their header.
        unsafe {
            self.release(object);
            let header = LargeHeader::of(object);
            let size = (*header).size;
            pages::free(header.cast(), size);
            self.refund(size);
            self.stats.freed += size as u64;
            self.debt = debt;
        }
    }

    /// Lists what is to be swept. Called by the atomic step.
    pub(super) fn plan_sweep(&mut self) {
        let minor = self.minor;
        for (i, class) in self.classes.iter_mut().enumerate() {
            if minor && i == SHAPE_CLASS {
                // Only major collections free shapes.
                continue;
            }
            self.free[i] = null_mut();
            class.current = None;
            if minor {
                class.todo = std::mem::take(&mut class.young);
            } else {
                class.young.clear();
                class.avail.clear();
                class.todo.clone_from(&class.blocks);
            }
        }
        self.large_at = if minor { self.large_old } else { 0 };
        self.thread_blocks
            .clone_from(&self.classes[THREAD_CLASS].todo);
        self.phase = Phase::Threads;
    }

    /// Closes the upvalues of dead threads that live closures share. True:
    /// done with all.
    pub(super) fn sweep_threads(&mut self, budget: &mut Budget) -> bool {
        while let Some(b) = self.thread_blocks.pop() {
            // SAFETY: nothing has been freed yet in this cycle, so upvalues
            // and stacks are still there.
            unsafe {
                let cell = (*b).cell as usize;
                let mut at = Block::first(b);
                while at < (*b).bump {
                    let object = at.cast::<GcHeader>();
                    if (*object).kind == tag::THREAD && self.is_condemned(object) {
                        self.orphan_upvals(object.cast());
                    }
                    at = at.add(cell);
                }
            }
            budget.charge(BLOCK_WORK);
            if budget.spent() {
                break;
            }
        }
        self.thread_blocks.is_empty()
    }

    /// # Safety
    /// `t` is dead and not swept.
    unsafe fn orphan_upvals(&mut self, t: *mut Thread) {
        // SAFETY: a thread keeps its open upvalues as long as it lives, and
        // nothing is freed before all threads were visited.
        unsafe {
            let mut u: *mut Upval = std::mem::replace(&mut (*t).open, null_mut());
            while !u.is_null() {
                let next = (*u).next;
                if !self.is_condemned(u.cast()) {
                    self.close_upval(u);
                }
                (*u).next = null_mut();
                u = next;
            }
        }
    }

    /// Sweeps until the budget is spent. True: everything is swept.
    pub(super) fn sweep_some(&mut self, budget: &mut Budget) -> bool {
        for class in 0..N_CLASSES {
            while let Some(b) = self.classes[class].todo.pop() {
                // SAFETY: blocks to do have not been swept since the atomic
                // step; an empty one is referred to by its class only.
                unsafe {
                    let live = self.sweep_block(b);
                    if live == 0 {
                        self.drop_block(b);
                    } else if !(*b).free.is_null() || Block::can_carve(b) {
                        self.classes[class].avail.push(b);
                    }
                }
                budget.charge(BLOCK_WORK);
                if budget.spent() {
                    return false;
                }
            }
        }
        self.sweep_large(budget)
    }

    /// # Safety
    /// `b` has no objects and is in no list but that of all blocks.
    unsafe fn drop_block(&mut self, b: *mut Block) {
        // SAFETY: as the caller says.
        unsafe {
            let blocks = &mut self.classes[(*b).class as usize].blocks;
            let i = (*b).index as usize;
            blocks.swap_remove(i);
            if let Some(&moved) = blocks.get(i) {
                (*moved).index = i as u32;
            }
            self.pool.give(b);
        }
    }

    fn sweep_large(&mut self, budget: &mut Budget) -> bool {
        while let Some(&object) = self.large.get(self.large_at) {
            // SAFETY: listed objects are not freed; dead ones are referred to
            // by nobody.
            unsafe {
                debug_assert!((*object).heap & heapbit::LARGE != 0);
                if self.is_condemned(object) {
                    self.large.swap_remove(self.large_at);
                    self.free_large(object);
                    budget.charge(4 << 10);
                } else {
                    if !self.sticky {
                        (*object).mark = self.white;
                    } else if (*object).mark >= color::GRAY {
                        (*object).flags |= gcflag::OLD;
                    }
                    self.large_at += 1;
                    budget.charge(64);
                }
            }
            if budget.work == 0 && budget.spent() {
                return false;
            }
        }
        self.large_old = self.large.len();
        true
    }

    /// Makes objects of earlier cycles white. True: done.
    pub(super) fn whiten_some(&mut self, budget: &mut Budget) -> bool {
        let white = self.white;
        while self.whiten_at.0 < N_CLASSES {
            let (class, i) = self.whiten_at;
            let Some(&b) = self.classes[class].blocks.get(i) else {
                self.whiten_at = (class + 1, 0);
                continue;
            };
            self.whiten_at.1 += 1;
            // SAFETY: cells below `bump` are objects or free.
            unsafe {
                let cell = (*b).cell as usize;
                let mut at = Block::first(b);
                while at < (*b).bump {
                    let object = at.cast::<GcHeader>();
                    if (*object).kind != kind::FREE {
                        (*object).mark = white;
                        (*object).flags &= !gcflag::OLD;
                    }
                    at = at.add(cell);
                }
            }
            budget.charge(BLOCK_WORK);
            if budget.spent() {
                return false;
            }
        }
        for &object in &self.large {
            // SAFETY: listed objects are not freed.
            unsafe {
                (*object).mark = white;
                (*object).flags &= !gcflag::OLD;
            }
        }
        true
    }

    /// Frees all objects and all memory: the VM is gone. No Lua runs; host
    /// data is dropped.
    ///
    /// # Safety
    /// Nothing uses the heap's objects any more.
    pub unsafe fn free_all(&mut self) {
        // SAFETY: as the caller says; each object is released once. Tables,
        // strings and the rest don't look at each other, shapes do, but only
        // at links that `shape_died` keeps in order.
        unsafe {
            self.settle();
            // No unlinking one by one.
            let interned = self.strings.footprint();
            self.strings.clear();
            self.refund(interned);
            for class in 0..N_CLASSES {
                for b in std::mem::take(&mut self.classes[class].blocks) {
                    let cell = (*b).cell as usize;
                    let mut at = Block::first(b);
                    while at < (*b).bump {
                        let object = at.cast::<GcHeader>();
                        if (*object).kind != kind::FREE {
                            self.release(object);
                            self.refund(cell);
                            write_free(at, null_mut());
                        }
                        at = at.add(cell);
                    }
                }
                self.classes[class] = super::Class::default();
                self.free[class] = null_mut();
            }
            for object in std::mem::take(&mut self.large) {
                self.free_large(object);
            }
            self.settle();
            self.small.clear();
            self.pool.free_all();
            self.marker.clear();
            self.finalizers.registered.clear();
            self.finalizers.pending.clear();
            self.protos.clear();
            self.weak = super::weak::WeakLists::default();
            self.main_thread = null_mut();
            self.thread_blocks.clear();
        }
    }
}
