//! Strings: making and reading them.
//!
//! ```text
//!  interned, flat          node                       node, flattened
//! ┌─────┬─────┬──────┐    ┌─────┬─────┬──────┐       ┌─────┬─────┬──────┐
//! │ hdr │ len │ data ┼┐   │ hdr │ len │ null │       │ hdr │ len │ data ┼──▶ buffer
//! ├─────┴─────┴──────┘│   ├─────┴┬────┴──────┤       ├─────┴─────┴──────┤
//! │ bytes …        ◀──┘   │ left │ right     │       │ null, null       │
//! └───────────────────    └──────┴───────────┘       └──────────────────┘
//! ```
//!
//! Strings of up to [`MAX_INTERNED`] bytes are interned, so they are equal if
//! and only if they are the same object. Longer ones are compared by length,
//! hash if known, and bytes.

use super::block::{Block, LargeHeader, MAX_SMALL, Shared, class_of};
use super::heapbit;
use super::{Heap, hash};
use crate::error::OutOfMemory;
use crate::object::{MAX_INTERNED, Str, strflag};
use crate::value::tag;

/// Where the bytes of flat strings start.
const INLINE: usize = std::mem::offset_of!(Str, parts);

impl Heap {
    /// The string with these bytes. Aborts when the system has no memory for
    /// a long one: see [`try_str`](Self::try_str).
    #[inline]
    pub fn str(&mut self, bytes: &[u8]) -> *mut Str {
        if bytes.len() <= MAX_INTERNED {
            return self.intern(bytes);
        }
        match self.make_flat(bytes.len()) {
            Some((s, data)) => {
                // SAFETY: a fresh string has room for its bytes.
                unsafe { data.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
                s
            }
            None => std::alloc::handle_alloc_error(std::alloc::Layout::new::<Str>()),
        }
    }

    /// The string with these bytes.
    ///
    /// # Errors
    /// No memory for a long one.
    #[inline]
    pub fn try_str(&mut self, bytes: &[u8]) -> Result<*mut Str, OutOfMemory> {
        if bytes.len() <= MAX_INTERNED {
            return Ok(self.intern(bytes));
        }
        let (s, data) = self.uninit_str(bytes.len())?;
        // SAFETY: a fresh string has room for its bytes.
        unsafe { data.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(s)
    }

    /// A string of `len` bytes, more than [`MAX_INTERNED`], and where the
    /// caller has to write them (before anything else looks at it).
    ///
    /// # Errors
    /// No memory.
    #[inline]
    pub fn uninit_str(&mut self, len: usize) -> Result<(*mut Str, *mut u8), OutOfMemory> {
        debug_assert!(len > MAX_INTERNED);
        if len > MAX_SMALL - INLINE {
            let size = len.checked_add(INLINE).ok_or(OutOfMemory)?;
            let s = self.try_large(size, tag::STR)?.cast::<Str>();
            // SAFETY: fresh, with room for `len` bytes.
            return Ok(unsafe { finish_flat(s, len) });
        }
        self.make_flat(len).ok_or(OutOfMemory)
    }

    /// A flat string whose bytes the caller writes.
    #[inline]
    fn make_flat(&mut self, len: usize) -> Option<(*mut Str, *mut u8)> {
        // SAFETY: the object is completed here but for its bytes.
        unsafe {
            let size = INLINE.checked_add(len)?;
            let s = if size <= MAX_SMALL {
                self.new_cell(class_of(size), tag::STR, 0)
            } else {
                self.new_large(size, tag::STR, 0)?
            };
            Some(finish_flat(s.cast(), len))
        }
    }

    #[inline]
    fn intern(&mut self, bytes: &[u8]) -> *mut Str {
        let hash = hash::hash_bytes(self.seed(), bytes);
        if let Some(s) = self.strings.find(hash, bytes) {
            // SAFETY: strings in the table are not swept.
            unsafe {
                if (*s).hdr.mark == self.white ^ 1 {
                    self.revive(s);
                }
            }
            return s;
        }
        self.intern_new(hash, bytes)
    }

    /// A dead string that is wanted again before the sweeper came.
    #[cold]
    unsafe fn revive(&mut self, s: *mut Str) {
        // SAFETY: the caller's string has not been swept.
        unsafe {
            if self.is_dead(s.cast()) {
                (*s).hdr.mark = self.white;
            }
        }
    }

    #[inline(never)]
    fn intern_new(&mut self, hash: u32, bytes: &[u8]) -> *mut Str {
        // SAFETY: the string is complete before it is published.
        unsafe {
            let s = self
                .new_cell(class_of(INLINE + bytes.len()), tag::STR, hash)
                .cast::<Str>();
            let (s, data) = finish_flat(s, bytes.len());
            data.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            (*s).hdr.flags = strflag::INTERNED | strflag::HASHED;
            self.with_interned(|table| table.insert(hash, s));
            s
        }
    }

    /// Changes the intern table and accounts for its memory.
    #[inline]
    pub(super) fn with_interned(&mut self, change: impl FnOnce(&mut super::intern::InternTable)) {
        let before = self.strings.footprint();
        change(&mut self.strings);
        let after = self.strings.footprint();
        if after > before {
            self.charge(after - before);
        } else if after < before {
            self.refund(before - after);
        }
    }
}

/// # Safety
/// `s` is a fresh object with room for `len` bytes.
#[inline(always)]
unsafe fn finish_flat(s: *mut Str, len: usize) -> (*mut Str, *mut u8) {
    // SAFETY: as the caller says; the object may be smaller than `Str`, so
    // only its first fields are touched.
    unsafe {
        let data = s.cast::<u8>().add(INLINE);
        (&raw mut (*s).len).write(len);
        (&raw mut (*s).data).write(data);
        (s, data)
    }
}

/// The bytes of a string; flattens a node.
///
/// # Safety
/// `s` is live, and stays so as long as the bytes are used.
#[inline]
pub unsafe fn bytes<'a>(heap: &mut Heap, s: *mut Str) -> &'a [u8] {
    let _ = heap;
    // SAFETY: as the caller says.
    unsafe { Str::bytes(s) }
}

impl Str {
    /// The heap's shared part.
    ///
    /// # Safety
    /// `s` is live.
    #[inline]
    pub(super) unsafe fn shared<'a>(s: *mut Str) -> &'a Shared {
        // SAFETY: as the caller says; the shared part outlives all objects.
        unsafe {
            if (*s).hdr.heap & heapbit::LARGE != 0 {
                &*(*LargeHeader::of(s.cast())).shared
            } else {
                &*(*Block::of(s.cast())).shared
            }
        }
    }

    /// The bytes; flattens a node. Aborts when the system has no memory for
    /// that; concatenation keeps nodes small enough to make this unlikely.
    ///
    /// # Safety
    /// `s` is live, and stays so as long as the bytes are used.
    #[inline]
    pub unsafe fn bytes<'a>(s: *mut Str) -> &'a [u8] {
        // SAFETY: as the caller says; `data` holds `len` bytes once it is set.
        unsafe {
            if (*s).data.is_null() {
                Str::flatten(s);
            }
            std::slice::from_raw_parts((*s).data, (*s).len)
        }
    }

    /// The length in bytes.
    ///
    /// # Safety
    /// `s` is live.
    #[inline(always)]
    pub unsafe fn len(s: *mut Str) -> usize {
        // SAFETY: as the caller says.
        unsafe { (*s).len }
    }

    /// Whether it is interned.
    ///
    /// # Safety
    /// `s` is live.
    #[inline(always)]
    pub unsafe fn is_interned(s: *mut Str) -> bool {
        // SAFETY: as the caller says.
        unsafe { (*s).hdr.flags & strflag::INTERNED != 0 }
    }

    /// The hash, computed on the first call.
    ///
    /// # Safety
    /// `s` is live.
    #[inline]
    pub unsafe fn hash(s: *mut Str) -> u32 {
        // SAFETY: as the caller says.
        unsafe {
            if (*s).hdr.flags & strflag::HASHED != 0 {
                (*s).hdr.aux
            } else {
                Str::hash_slow(s)
            }
        }
    }

    #[cold]
    unsafe fn hash_slow(s: *mut Str) -> u32 {
        // SAFETY: as for `hash`.
        unsafe {
            let h = hash::hash_bytes(Str::shared(s).seed, Str::bytes(s));
            (*s).hdr.aux = h;
            (*s).hdr.flags |= strflag::HASHED;
            h
        }
    }

    /// Whether two strings have the same bytes.
    ///
    /// # Safety
    /// Both are live strings of one heap.
    #[inline(always)]
    pub unsafe fn eq(a: *mut Str, b: *mut Str) -> bool {
        // SAFETY: as the caller says.
        a == b || unsafe { Str::eq_long(a, b) }
    }

    /// Whether two strings that are not the same object have the same bytes.
    ///
    /// # Safety
    /// Both are live strings of one heap.
    #[inline]
    pub unsafe fn eq_long(a: *mut Str, b: *mut Str) -> bool {
        // SAFETY: as the caller says.
        unsafe {
            // An interned string equals no other object.
            if (*a).len != (*b).len || ((*a).hdr.flags | (*b).hdr.flags) & strflag::INTERNED != 0 {
                return false;
            }
            if (*a).hdr.flags & (*b).hdr.flags & strflag::HASHED != 0
                && (*a).hdr.aux != (*b).hdr.aux
            {
                return false;
            }
            Str::bytes(a) == Str::bytes(b)
        }
    }
}
