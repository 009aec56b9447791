//! Weak tables and ephemerons.
//!
//! A weak table is recognised when it is scanned (`__mode` of its metatable).
//! It then waits, gray, in one of three lists until the atomic step:
//!
//! | `__mode` | keys | values | list |
//! |---|---|---|---|
//! | `v` | strong | weak | `values` |
//! | `k` | weak | live as long as their key does | `keys` |
//! | `kv` | weak | weak | `both` |
//!
//! An ephemeron entry whose key is not marked yet is entered into a map from
//! the key to the values that wait for it, and the key gets a bit in its
//! header; when a key with the bit is scanned, its values are marked. So
//! each entry is looked at once, not once per round.
//!
//! Strings count as values, never as references: they are marked, not
//! cleared. Order as in PUC Lua: weak values are cleared before finalizers
//! bring objects back, weak keys afterwards.

use super::{Heap, heapbit};
use crate::metatable::Event;
use crate::object::{ArrKind, GcHeader, HashEntry, Str, Table, color, gcflag, tabflag};
use crate::table::DEAD_KEY;
use crate::value::{NIL, Value, tag};
use std::collections::HashMap;

/// The flags of tables that say how weak they are.
pub(super) const MODE_FLAGS: u8 = tabflag::WEAK_KEYS | tabflag::WEAK_VALUES;

/// Weak tables met in this cycle.
#[derive(Debug, Default)]
pub(crate) struct WeakLists {
    values: Vec<*mut Table>,
    keys: Vec<*mut Table>,
    both: Vec<*mut Table>,
    /// Values that wait for a key.
    waiting: HashMap<usize, Vec<Value>>,
    /// Tables with deleted entries whose key is a long string.
    pub dead_keys: Vec<*mut Table>,
}

impl WeakLists {
    /// Forgets everything; the collection was given up.
    pub fn clear(&mut self) {
        for &key in self.waiting.keys() {
            // SAFETY: nothing was freed since the entry was made.
            unsafe { (*(key as *mut GcHeader)).heap &= !heapbit::WAITING };
        }
        *self = WeakLists::default();
    }
}

impl Heap {
    /// How weak tables with this metatable are, as flags.
    ///
    /// # Safety
    /// `meta` is live.
    pub(super) unsafe fn weak_mode(&mut self, meta: *mut Table) -> u8 {
        // SAFETY: `meta` is live; so are the strings in it.
        unsafe {
            if (*meta).absent & 1 << Event::Mode as u32 != 0 {
                return 0;
            }
            let mode = crate::table::get_str(meta, self.mode_name);
            if !mode.is_str() {
                return 0;
            }
            let text = Str::bytes(mode.as_str());
            let mut flags = 0;
            if text.contains(&b'k') {
                flags |= tabflag::WEAK_KEYS;
            }
            if text.contains(&b'v') {
                flags |= tabflag::WEAK_VALUES;
            }
            flags
        }
    }

    /// Lists a weak table and marks what it holds strongly.
    ///
    /// # Safety
    /// `t` is live.
    #[inline(never)]
    pub(super) unsafe fn scan_weak(&mut self, t: *mut Table, mode: u8) -> usize {
        // SAFETY: as the caller says.
        unsafe {
            (*t).hdr.mark = color::GRAY;
            if mode == MODE_FLAGS {
                self.weak.both.push(t);
                return 64;
            }
            if mode == tabflag::WEAK_VALUES {
                self.weak.values.push(t);
            } else {
                self.weak.keys.push(t);
                if self.marker.atomic {
                    // `converge` looks at it anyway.
                    return 64;
                }
            }
            self.scan_strong_side(t, mode)
        }
    }

    /// Keys of a table with weak values; values of an ephemeron table whose
    /// keys are marked. Returns the work.
    ///
    /// # Safety
    /// `t` is live.
    unsafe fn scan_strong_side(&mut self, t: *mut Table, mode: u8) -> usize {
        // SAFETY: as the caller says.
        unsafe {
            let mut work = 64;
            if mode == tabflag::WEAK_KEYS {
                work += self.scan_fields(t);
                work += self.for_array(t, |heap, v| {
                    heap.mark_value(v);
                    true
                });
            }
            let hash = (*t).hash;
            if hash.is_null() {
                return work;
            }
            self.drain_ring();
            for i in 0..(*hash).len as usize {
                let e = *(*hash).entries.add(i);
                if e.val.is_nil() {
                    self.deleted_key(t, e.key);
                } else if mode == tabflag::WEAK_VALUES {
                    self.mark_value(e.key);
                } else if !e.key.is_gc() || e.key.is_str() || is_marked(e.key) {
                    self.mark_value(e.key);
                    self.mark_value(e.val);
                } else if self.marker.atomic && e.val.is_gc() && !is_marked(e.val) {
                    (*e.key.as_gc()).heap |= heapbit::WAITING;
                    self.weak
                        .waiting
                        .entry(e.key.payload as usize)
                        .or_default()
                        .push(e.val);
                }
            }
            work + (*hash).len as usize * 32
        }
    }

    /// Calls `f` for the references in a table's array part; false: the
    /// element becomes nil. Returns the work.
    ///
    /// # Safety
    /// `t` is live.
    unsafe fn for_array(
        &mut self,
        t: *mut Table,
        mut f: impl FnMut(&mut Heap, Value) -> bool,
    ) -> usize {
        // SAFETY: a `Mixed` part has tags and payloads of all elements; its
        // last element must not be nil.
        unsafe {
            if (*t).arr_kind != ArrKind::Mixed {
                return 0;
            }
            let n = (*t).arr_len as usize;
            for i in 0..n {
                let v = Value {
                    tag: *(*t).arr_tags.add(i),
                    payload: *(*t).arr.add(i),
                };
                if v.is_gc() && !f(self, v) {
                    *(*t).arr_tags.add(i) = tag::NIL;
                }
            }
            while (*t).arr_len > 0 && *(*t).arr_tags.add((*t).arr_len as usize - 1) == tag::NIL {
                (*t).arr_len -= 1;
            }
            n * 9
        }
    }

    /// A key was marked: so are the values that waited for it.
    ///
    /// # Safety
    /// `key` is live.
    #[cold]
    pub(super) unsafe fn wake(&mut self, key: *mut GcHeader) {
        // SAFETY: as the caller says.
        unsafe { (*key).heap &= !heapbit::WAITING };
        if let Some(values) = self.weak.waiting.remove(&(key as usize)) {
            for v in values {
                self.mark_value(v);
            }
        }
    }

    /// Marks all that ephemeron tables keep alive, from table number `from`
    /// on.
    pub(super) fn converge(&mut self, from: usize) {
        let mut at = from;
        loop {
            self.propagate(&mut super::mark::Budget {
                work: usize::MAX,
                until: None,
            });
            let Some(&t) = self.weak.keys.get(at) else {
                break;
            };
            at += 1;
            // SAFETY: listed tables are live.
            unsafe { self.scan_strong_side(t, tabflag::WEAK_KEYS) };
        }
    }

    /// Numbers of listed tables: values, keys, both.
    pub(super) fn weak_counts(&self) -> [usize; 3] {
        [
            self.weak.values.len(),
            self.weak.keys.len(),
            self.weak.both.len(),
        ]
    }

    /// Whether a weak reference is to be cleared. Strings never are.
    fn is_cleared(&mut self, v: Value) -> bool {
        if !v.is_gc() {
            return false;
        }
        if v.is_str() {
            self.mark_value(v);
            return false;
        }
        // SAFETY: nothing has been freed yet in this cycle.
        unsafe { !is_marked(v) && (*v.as_gc()).flags & gcflag::FIXED == 0 }
    }

    /// Clears entries with dead values from tables listed from `from` on.
    pub(super) fn clear_values(&mut self, from: [usize; 3]) {
        self.drain_ring();
        let tables: Vec<_> = self.weak.values[from[0]..]
            .iter()
            .chain(&self.weak.both[from[2]..])
            .copied()
            .collect();
        self.changes += u64::from(!tables.is_empty());
        for t in tables {
            // SAFETY: listed tables are live; an entry without value keeps
            // its key only if nobody will look behind it.
            unsafe {
                let n = (*(*t).shape).len as usize;
                for i in 0..n {
                    let field = (*t).fields.add(i);
                    if self.is_cleared(*field) {
                        *field = NIL;
                    }
                }
                self.for_array(t, |heap, v| !heap.is_cleared(v));
                let hash = (*t).hash;
                if hash.is_null() {
                    continue;
                }
                for i in 0..(*hash).len as usize {
                    let e = (*hash).entries.add(i);
                    if (*e).val.is_nil() {
                        self.deleted_key(t, (*e).key);
                    } else if self.is_cleared((*e).val) {
                        (*e).val = NIL;
                        (*hash).live -= 1;
                        self.deleted_key(t, (*e).key);
                    }
                }
            }
        }
    }

    /// Clears entries with dead keys.
    pub(super) fn clear_keys(&mut self) {
        self.drain_ring();
        let tables: Vec<_> = self
            .weak
            .keys
            .iter()
            .chain(&self.weak.both)
            .copied()
            .collect();
        self.changes += u64::from(!tables.is_empty());
        for t in tables {
            // SAFETY: listed tables are live.
            unsafe {
                let hash = (*t).hash;
                if hash.is_null() {
                    continue;
                }
                for i in 0..(*hash).len as usize {
                    let e = (*hash).entries.add(i);
                    if !(*e).val.is_nil() && self.is_cleared((*e).key) {
                        (*e).val = NIL;
                        (*hash).live -= 1;
                        bury(e);
                    }
                }
            }
        }
    }

    /// Last act of the atomic step: keys of deleted entries that are dead
    /// long strings are replaced, weak tables are black.
    pub(super) fn finish_weak(&mut self) {
        self.propagate(&mut super::mark::Budget {
            work: usize::MAX,
            until: None,
        });
        for t in std::mem::take(&mut self.weak.dead_keys) {
            // SAFETY: noted tables were scanned in this cycle, so are live.
            unsafe {
                let hash = (*t).hash;
                if hash.is_null() {
                    continue;
                }
                for i in 0..(*hash).len as usize {
                    let e = (*hash).entries.add(i);
                    if (*e).val.is_nil() && (*e).key.is_str() && !is_marked((*e).key) {
                        bury(e);
                    }
                }
            }
        }
        let lists = std::mem::take(&mut self.weak);
        for t in lists.values.iter().chain(&lists.keys).chain(&lists.both) {
            // SAFETY: listed tables are live.
            unsafe { (**t).hdr.mark = color::BLACK };
        }
        for key in lists.waiting.into_keys() {
            // SAFETY: nothing has been freed yet in this cycle.
            unsafe { (*(key as *mut GcHeader)).heap &= !heapbit::WAITING };
        }
    }
}

/// Makes a deleted entry's key equal to no key.
unsafe fn bury(e: *mut HashEntry) {
    // SAFETY: the caller's entry belongs to a live table.
    unsafe {
        (*e).key = Value {
            tag: DEAD_KEY,
            payload: 0,
        }
    };
}

/// Whether the object of a value is gray or black.
fn is_marked(v: Value) -> bool {
    // SAFETY: only asked during a collection about objects not freed yet.
    unsafe { (*v.as_gc()).mark > color::WHITE_B }
}
