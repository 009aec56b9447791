//! What each kind of object refers to.
//!
//! Two objects are special: threads are black only while suspended (running
//! ones change all the time), and weak tables stay gray until the atomic
//! step (see [`weak`](super::weak)).
//!
//! A table with many elements is scanned a piece at a time, hash part first,
//! because elements move from the hash part to the array, hardly ever back.
//! Whoever moves elements inside a table calls the barrier, which makes the
//! table be scanned again; as a second line of defence the cursor carries a
//! stamp of the hash part and starts over when that was replaced.

use super::{Heap, weak};
use crate::audit::{Bug, planted};
use crate::object::{
    ArrKind, Closure, GcHeader, Native, ProtoObj, Shape, Str, Table, Thread, Upval, Userdata,
    color, kind, strflag,
};
use crate::thread::ThreadStatus;
use crate::value::{NIL, Value, tag};

/// Elements scanned at a time.
const PIECE: usize = 1024;
/// Tables with more elements are big: see [`Heap::barrier_value`].
const BIG: usize = 512;

/// How far the scan of a big table has come.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Progress {
    /// Twice the next element; bit 0: in the array part.
    pub cursor: usize,
    /// What the hash part was.
    pub stamp: usize,
}

/// Whether scanning this object again is expensive.
///
/// # Safety
/// `object` is live.
pub(super) unsafe fn is_big(object: *mut GcHeader) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        if (*object).kind != tag::TABLE {
            return false;
        }
        let t = object.cast::<Table>();
        let hash = if (*t).hash.is_null() {
            0
        } else {
            (*(*t).hash).len as usize
        };
        hash + (*t).arr_len as usize > BIG
    }
}

impl Heap {
    /// Scans a gray object (from `progress` on) and makes it black.
    ///
    /// # Safety
    /// `object` is live.
    pub(super) unsafe fn scan(&mut self, object: *mut GcHeader, progress: Progress) {
        // SAFETY: the kind says what the object is; live objects refer to
        // live ones only.
        unsafe {
            // During the cycle only ephemeron keys have the bit.
            if (*object).heap & super::heapbit::WAITING != 0 {
                self.wake(object);
            }
            (*object).mark = color::BLACK;
            let work = match (*object).kind {
                tag::TABLE => self.scan_table(object.cast(), progress),
                kind::UPVAL => {
                    if !planted(Bug::UpvalueRoot) || Upval::is_open(object.cast()) {
                        self.mark_value(*(*object.cast::<Upval>()).v);
                    }
                    if Upval::is_open(object.cast()) {
                        // Its slot is written without a barrier, and its
                        // thread may die before it: like a running thread.
                        (*object).mark = color::GRAY;
                        self.marker.again.push(object);
                    }
                    48
                }
                tag::CLOSURE => {
                    let c = object.cast::<Closure>();
                    self.mark_opt((*c).proto);
                    let n =
                        ((*object).aux as usize).saturating_sub(planted(Bug::LastUpvalue).into());
                    for i in 0..n {
                        self.mark_opt(Closure::upval(c, i));
                    }
                    16 + n * 8
                }
                tag::STR => {
                    let s = object.cast::<Str>();
                    if (*s).hdr.flags & strflag::NODE != 0 {
                        for part in (*s).parts {
                            self.mark_opt(part);
                        }
                    }
                    48
                }
                tag::NATIVE => {
                    let f = object.cast::<Native>();
                    let n = (*object).aux as usize;
                    for i in 0..n {
                        self.mark_value(*Native::upval(f, i));
                    }
                    64 + n * 16
                }
                tag::USERDATA => {
                    let u = object.cast::<Userdata>();
                    self.mark_opt((*u).meta);
                    let values = &(*u).values;
                    for &v in values {
                        self.mark_value(v);
                    }
                    64 + values.len() * 16
                }
                tag::THREAD => self.scan_thread(object.cast()),
                kind::SHAPE => {
                    let s = object.cast::<Shape>();
                    self.mark_opt((*s).parent);
                    self.mark_opt((*s).meta);
                    self.mark_opt((*s).key);
                    self.mark_opt((*s).family);
                    128
                }
                kind::PROTO => {
                    let p = object.cast::<ProtoObj>();
                    for &v in (*p).consts() {
                        self.mark_value(v);
                    }
                    for &child in &(*p).children {
                        self.mark_opt(child);
                    }
                    for &named in (*p).refs.iter().chain(&(*p).optimized_refs) {
                        if planted(Bug::CodeRefs) {
                            continue;
                        }
                        self.mark_opt(named);
                    }
                    for slot in &(*p).storage.slots {
                        self.mark_opt(slot.callee_proto());
                    }
                    256 + ((*p).k_len + (*p).slot_len) as usize * 16
                }
                _ => 0,
            };
            self.marker.work += work;
        }
    }

    /// # Safety
    /// `t` is live.
    unsafe fn scan_table(&mut self, t: *mut Table, progress: Progress) -> usize {
        // SAFETY: a live table's shape says how many fields hold values; the
        // parts are as long as they say.
        unsafe {
            let shape = (*t).shape;
            // Shapes are few: no detour through the ring.
            self.mark_now(shape.cast());
            if !(*shape).meta.is_null() {
                let mode = self.weak_mode((*shape).meta);
                (*t).hdr.flags = (*t).hdr.flags & !weak::MODE_FLAGS | mode;
                if mode != 0 {
                    return self.scan_weak(t, mode);
                }
            }
            let mut work = size_of::<Table>();
            if progress.cursor == 0 {
                work += self.scan_fields(t);
            }
            let hash = (*t).hash;
            let hash_len = if hash.is_null() {
                0
            } else {
                (*hash).len as usize
            };
            let arr_len = if (*t).arr_kind == ArrKind::Mixed {
                (*t).arr_len as usize
            } else {
                0
            };
            if hash_len + arr_len <= PIECE && progress.cursor == 0 {
                self.scan_entries(t, 0, hash_len);
                self.scan_array(t, 0, arr_len);
                return work + hash_len * 32 + arr_len * 9;
            }
            self.scan_piece(t, progress, hash_len, arr_len);
            work + PIECE * 12
        }
    }

    /// # Safety
    /// `t` is live, the lengths its own.
    #[inline(never)]
    unsafe fn scan_piece(
        &mut self,
        t: *mut Table,
        progress: Progress,
        hash_len: usize,
        arr_len: usize,
    ) {
        // SAFETY: as the caller says.
        unsafe {
            let hash = (*t).hash;
            let stamp = if hash.is_null() {
                0
            } else {
                (*hash).entries as usize ^ (hash as usize).rotate_left(20)
            };
            let (mut at, mut in_array) = (progress.cursor >> 1, progress.cursor & 1 != 0);
            if progress.cursor != 0 && (progress.stamp != stamp || (!in_array && at > hash_len)) {
                (at, in_array) = (0, false);
            }
            if !in_array {
                let end = (at + PIECE).min(hash_len);
                // What follows is pushed by the entries of this piece; the
                // rest of the table comes after it, so the stack stays low.
                self.push_partial(
                    t.cast(),
                    Progress {
                        cursor: if end == hash_len { 1 } else { end << 1 },
                        stamp,
                    },
                );
                self.scan_entries(t, at, end);
                return;
            }
            let end = (at + PIECE).min(arr_len);
            if end < arr_len {
                self.push_partial(
                    t.cast(),
                    Progress {
                        cursor: end << 1 | 1,
                        stamp,
                    },
                );
            }
            if at < end {
                self.scan_array(t, at, end);
            }
        }
    }

    /// Marks the field values of a table; returns the work.
    ///
    /// # Safety
    /// `t` is live.
    pub(super) unsafe fn scan_fields(&mut self, t: *mut Table) -> usize {
        // SAFETY: the first `len` fields hold values.
        unsafe {
            let n = (*(*t).shape).len as usize;
            let fields = (*t).fields;
            for i in 0..n {
                self.mark_value(*fields.add(i));
            }
            n * size_of::<Value>()
        }
    }

    /// # Safety
    /// `t` is live and has these hash entries.
    unsafe fn scan_entries(&mut self, t: *mut Table, from: usize, to: usize) {
        // SAFETY: as the caller says.
        unsafe {
            for i in from..to.saturating_sub(planted(Bug::LastEntry).into()) {
                let e = (*(*t).hash).entries.add(i);
                if (*e).val.is_nil() {
                    self.deleted_key(t, (*e).key);
                } else {
                    self.mark_value((*e).key);
                    self.mark_value((*e).val);
                }
            }
        }
    }

    /// The key of a deleted entry is not marked, unless it is a short string
    /// (which costs little). A dead long string has to be replaced, since its
    /// bytes would be compared; other dead keys are only compared by address.
    #[inline]
    pub(super) fn deleted_key(&mut self, t: *mut Table, key: Value) {
        if key.tag == tag::STR {
            // SAFETY: string keys of live tables are live or replaced.
            if unsafe { Str::is_interned(key.as_str()) } {
                self.mark_later(key.as_gc());
            } else if self.weak.dead_keys.last() != Some(&t) {
                self.weak.dead_keys.push(t);
            }
        }
    }

    /// # Safety
    /// `t` is live and its `Mixed` array part has these elements.
    unsafe fn scan_array(&mut self, t: *mut Table, from: usize, to: usize) {
        // SAFETY: as the caller says.
        unsafe {
            let (tags, payloads) = ((*t).arr_tags, (*t).arr);
            for i in from + usize::from(planted(Bug::FirstElement))..to {
                if *tags.add(i) & tag::GC != 0 {
                    self.mark_later(*payloads.add(i) as *mut GcHeader);
                }
            }
        }
    }

    /// # Safety
    /// `t` is live; if it is the running thread, its registers are up to date.
    unsafe fn scan_thread(&mut self, t: *mut Thread) -> usize {
        // SAFETY: slots below the live end hold values; the stack goes up to
        // `limit` and the slack above it.
        unsafe {
            let running = matches!((*t).status, ThreadStatus::Running | ThreadStatus::Normal);
            let mut at = (*t).stack;
            let end = super::roots::live_end(t).wrapping_sub(planted(Bug::StackTop).into());
            while at < end {
                self.mark_value(*at);
                at = at.add(1);
            }
            if !running || self.marker.atomic {
                let top = super::roots::stack_end(t);
                while at < top {
                    *at = NIL;
                    at = at.add(1);
                }
            }
            let mut u = (*t).open;
            while !u.is_null() {
                self.mark_later(u.cast());
                u = (*u).next;
            }
            self.mark_value((*t).hook.func);
            self.mark_opt((*t).resumer);
            if running {
                // Scanned again later, or, in generational mode, next time.
                (*t).hdr.mark = color::GRAY;
                self.marker.again.push(t.cast());
            }
            256 + (end as usize - (*t).stack as usize)
        }
    }
}
