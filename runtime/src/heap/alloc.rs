//! Creating objects.

use super::block::{self, Block, CLASS_SIZE, FreeCell, LARGE_HEADER, LargeHeader, class_of};
use super::{Heap, Phase, heapbit, pages, poll};
use crate::error::OutOfMemory;
use crate::native::{HostFn, NativeFn};
use crate::object::{
    ArrKind, Closure, GcHeader, Native, NativeKind, ProtoObj, Shape, Table, Thread, Upval,
    Userdata, color, gcflag, kind,
};
use crate::value::{NIL, Value, tag};
use std::alloc::{Layout, handle_alloc_error};
use std::any::Any;

/// Most blocks that an allocation sweeps in search of a free cell.
const SWEEP_TRIES: usize = 3;

/// Stands in the function pointer of host closures, which are called through
/// [`Native::host`].
fn call_host(cx: &mut crate::native::Cx<'_>) -> crate::error::Result<crate::native::Ret> {
    Err(cx.error("a host closure was called by its function pointer"))
}

impl Heap {
    /// A cell of `class` with its header written.
    ///
    /// # Safety
    /// The caller writes the rest of the object before the next safepoint.
    #[inline(always)]
    pub(super) unsafe fn new_cell(&mut self, class: usize, kind: u8, aux: u32) -> *mut GcHeader {
        let mut cell = self.free[class];
        if cell.is_null() {
            cell = self.refill(class);
        }
        // SAFETY: a cell of a free list belongs to nobody.
        unsafe {
            self.free[class] = (*cell).next;
            let size = CLASS_SIZE[class] as usize;
            self.bytes += size;
            self.debt += size as isize;
            let object = cell.cast::<GcHeader>();
            object.write(GcHeader {
                kind,
                mark: self.white,
                flags: 0,
                heap: 0,
                aux,
            });
            object
        }
    }

    /// A cell or a large object of `size` bytes with its header written.
    ///
    /// # Safety
    /// The caller writes the rest of the object before the next safepoint.
    #[inline]
    pub(super) unsafe fn new_object(&mut self, size: usize, kind: u8, aux: u32) -> *mut GcHeader {
        // SAFETY: as the caller says.
        unsafe {
            if size <= block::MAX_SMALL {
                self.new_cell(class_of(size), kind, aux)
            } else {
                match self.new_large(size, kind, aux) {
                    Some(object) => object,
                    None => handle_alloc_error(Layout::new::<LargeHeader>()),
                }
            }
        }
    }

    /// # Safety
    /// The caller writes the rest of the object before the next safepoint.
    #[cold]
    pub(super) unsafe fn new_large(
        &mut self,
        size: usize,
        kind: u8,
        aux: u32,
    ) -> Option<*mut GcHeader> {
        let size = size.checked_add(LARGE_HEADER)?;
        // SAFETY: the header fits.
        unsafe {
            let p = pages::allocate(size);
            if p.is_null() {
                return None;
            }
            p.cast::<LargeHeader>().write(LargeHeader {
                shared: &raw const *self.shared,
                size,
            });
            let object = p.add(LARGE_HEADER).cast::<GcHeader>();
            object.write(GcHeader {
                kind,
                mark: self.white,
                flags: 0,
                heap: heapbit::LARGE,
                aux,
            });
            self.large.push(object);
            self.charge(size);
            self.watch_limit();
            Some(object)
        }
    }

    /// A free list for `class` that isn't empty.
    #[cold]
    #[inline(never)]
    fn refill(&mut self, class: usize) -> *mut FreeCell {
        self.settle();
        if self.debt > 0 {
            self.raise(poll::GC);
        }
        self.watch_limit();
        // SAFETY: the lists hold blocks of this class in use.
        unsafe {
            if let Some(current) = self.classes[class].current {
                if Block::can_carve(current) {
                    self.free[class] = Block::carve(current);
                    return self.free[class];
                }
                self.classes[class].current = None;
            }
            if self.phase == Phase::Sweep {
                // A few at most: there may be thousands without a free cell.
                for _ in 0..SWEEP_TRIES {
                    let Some(b) = self.classes[class].todo.pop() else {
                        break;
                    };
                    self.sweep_block(b);
                    if !(*b).free.is_null() || Block::can_carve(b) {
                        return self.adopt(b);
                    }
                }
            }
            if let Some(b) = self.classes[class].avail.pop() {
                return self.adopt(b);
            }
            let b = self.pool.take(class, &raw const *self.shared);
            (*b).index = self.classes[class].blocks.len() as u32;
            self.classes[class].blocks.push(b);
            self.adopt(b)
        }
    }

    /// Allocates from `b` from now on.
    ///
    /// # Safety
    /// `b` is a swept block with room.
    unsafe fn adopt(&mut self, b: *mut Block) -> *mut FreeCell {
        // SAFETY: as the caller says.
        unsafe {
            let class = (*b).class as usize;
            let list = if (*b).free.is_null() {
                Block::carve(b)
            } else {
                (*b).free
            };
            (*b).free = std::ptr::null_mut();
            let c = &mut self.classes[class];
            c.current = Some(b);
            if !(*b).young {
                (*b).young = true;
                c.young.push(b);
            }
            self.free[class] = list;
            list
        }
    }

    /// Has the next poll look if the limit was passed.
    fn watch_limit(&mut self) {
        if self.bytes > self.limit {
            self.raise(poll::GC);
            self.debt = self.debt.max(1);
        }
    }

    /// A table without elements whose fields, at most `inline_cap`, start
    /// out inline.
    #[inline]
    pub fn new_table(&mut self, shape: *mut Shape, inline_cap: u8) -> *mut Table {
        let size = size_of::<Table>() + inline_cap as usize * size_of::<Value>();
        // SAFETY: at most 64 + 255 * 16 bytes; every field is written.
        unsafe {
            let object = self.new_object(size, tag::TABLE, 0);
            let t = object.cast::<Table>();
            (*t).shape = shape;
            (*t).fields = t.add(1).cast();
            (*t).arr = std::ptr::null_mut();
            (*t).arr_tags = std::ptr::null_mut();
            (*t).arr_len = 0;
            (*t).arr_cap = 0;
            (*t).arr_kind = ArrKind::Mixed;
            (*t).inline_cap = inline_cap;
            (*t).field_cap = inline_cap as u16;
            (*t).absent = 0;
            (*t).hash = std::ptr::null_mut();
            t
        }
    }

    /// A Lua function with room for `n` upvalues, which are null until the
    /// caller sets them (before the next safepoint).
    #[inline]
    pub fn new_closure(&mut self, proto: *mut ProtoObj, n: usize) -> *mut Closure {
        let size = size_of::<Closure>() + n * size_of::<*mut Upval>();
        // SAFETY: the cell holds the struct and `n` pointers, all written.
        unsafe {
            let c = self
                .new_object(size, tag::CLOSURE, n as u32)
                .cast::<Closure>();
            (*c).proto = proto;
            let upvals = (&raw mut (*c).upvals).cast::<*mut Upval>();
            for i in 0..n {
                *upvals.add(i) = std::ptr::null_mut();
            }
            c
        }
    }

    /// A host function with these upvalues.
    pub fn new_native(
        &mut self,
        f: NativeFn,
        name: &'static str,
        nkind: NativeKind,
        upvals: &[Value],
    ) -> *mut Native {
        self.make_native(f, name, nkind, None, upvals)
    }

    /// A host function that is a Rust closure.
    pub fn new_host(&mut self, host: Box<HostFn>) -> *mut Native {
        self.charge(size_of_val(&*host));
        self.make_native(call_host, "?", NativeKind::Host, Some(host), &[])
    }

    fn make_native(
        &mut self,
        f: NativeFn,
        name: &'static str,
        nkind: NativeKind,
        host: Option<Box<HostFn>>,
        upvals: &[Value],
    ) -> *mut Native {
        let size = size_of::<Native>() + size_of_val(upvals);
        // SAFETY: the cell holds the struct and the values, all written.
        unsafe {
            let n = self
                .new_object(size, tag::NATIVE, upvals.len() as u32)
                .cast::<Native>();
            let hdr = (&raw const (*n).hdr).read();
            n.write(Native {
                hdr,
                f,
                nkind,
                name,
                host,
                upvals: [],
            });
            for (i, &v) in upvals.iter().enumerate() {
                *Native::upval(n, i) = v;
            }
            n
        }
    }

    /// An upvalue that points to the stack slot `v`. The caller links it into
    /// its thread's list.
    #[inline]
    pub fn new_upval(&mut self, v: *mut Value) -> *mut Upval {
        // SAFETY: every field is written.
        unsafe {
            let u = self
                .new_cell(const { class_of(size_of::<Upval>()) }, kind::UPVAL, 0)
                .cast::<Upval>();
            (*u).v = v;
            (*u).closed = NIL;
            (*u).next = std::ptr::null_mut();
            u
        }
    }

    /// Gives an open upvalue its own copy of the value. The caller unlinks it.
    ///
    /// # Safety
    /// `u` is live.
    #[inline]
    pub unsafe fn close_upval(&mut self, u: *mut Upval) {
        // SAFETY: an open upvalue points to a slot with a value.
        unsafe {
            let v = *(*u).v;
            (*u).closed = v;
            (*u).v = &raw mut (*u).closed;
            self.barrier_value(u.cast(), v);
        }
    }

    /// A userdata with `nvalues` user values; `extra` is what `data` owns
    /// beyond its own size, for the account.
    pub fn new_userdata(
        &mut self,
        data: Box<dyn Any + Send>,
        nvalues: usize,
        extra: usize,
    ) -> *mut Userdata {
        let extra = extra.saturating_add(size_of_val(&*data));
        let values = vec![NIL; nvalues];
        self.charge(extra + values.capacity() * size_of::<Value>());
        // SAFETY: the whole struct is written over the fresh header.
        unsafe {
            let u = self
                .new_object(size_of::<Userdata>(), tag::USERDATA, nvalues as u32)
                .cast::<Userdata>();
            let hdr = (&raw const (*u).hdr).read();
            u.write(Userdata {
                hdr,
                meta: std::ptr::null_mut(),
                data: Some(data),
                extra,
                values,
            });
            u
        }
    }

    /// Takes a thread into the heap. The first one is the main thread, whose
    /// stack the VM owns; the stacks of others are raw allocations, freed
    /// with them.
    pub fn new_thread(&mut self, thread: Thread) -> *mut Thread {
        // SAFETY: the whole struct is written over the fresh header.
        unsafe {
            let t = self
                .new_cell(block::THREAD_CLASS, tag::THREAD, 0)
                .cast::<Thread>();
            let hdr = (&raw const (*t).hdr).read();
            t.write(thread);
            (*t).hdr = hdr;
            if self.main_thread.is_null() {
                self.main_thread = t;
                (*t).hdr.flags |= gcflag::FIXED;
            }
            t
        }
    }

    /// Takes a shape into the heap. Inline caches and edges that refer to
    /// shapes have no barriers, so a new shape counts as reached.
    pub fn new_shape(&mut self, shape: Shape) -> *mut Shape {
        // SAFETY: the whole struct is written over the fresh header.
        unsafe {
            let s = self
                .new_cell(block::SHAPE_CLASS, kind::SHAPE, 0)
                .cast::<Shape>();
            let hdr = (&raw const (*s).hdr).read();
            s.write(shape);
            (*s).hdr = hdr;
            if self.phase == Phase::Mark || (self.sticky && self.phase != Phase::Whiten) {
                (*s).hdr.mark = color::GRAY;
                self.marker.again.push(s.cast());
            }
            s
        }
    }

    /// Takes a prototype into the heap.
    pub fn new_proto(&mut self, proto: ProtoObj) -> *mut ProtoObj {
        self.charge(proto.storage_bytes());
        // SAFETY: the whole struct is written over the fresh header.
        unsafe {
            let p = self
                .new_object(size_of::<ProtoObj>(), kind::PROTO, 0)
                .cast::<ProtoObj>();
            let hdr = (&raw const (*p).hdr).read();
            p.write(proto);
            (*p).hdr = hdr;
            self.protos.push(p);
            p
        }
    }

    /// Bytes of an object itself, without what it owns.
    ///
    /// # Safety
    /// `object` is live.
    pub unsafe fn cell_size(object: *mut GcHeader) -> usize {
        // SAFETY: as the caller says; `LARGE` says which header precedes it.
        unsafe {
            if (*object).heap & heapbit::LARGE != 0 {
                (*LargeHeader::of(object)).size
            } else {
                (*Block::of(object)).cell as usize
            }
        }
    }

    /// A large object of `size` bytes, or none.
    pub(super) fn try_large(
        &mut self,
        size: usize,
        kind: u8,
    ) -> Result<*mut GcHeader, OutOfMemory> {
        self.check(size)?;
        // SAFETY: the caller is `strings`, which writes the rest.
        unsafe { self.new_large(size, kind, 0) }.ok_or(OutOfMemory)
    }
}
