//! Concatenation nodes.
//!
//! Joining two strings makes a node that refers to both; the bytes are put
//! together when somebody reads them, all at once, so that a loop of
//! `s = s .. x` is linear. Short results are copied at once: a node costs
//! 48 bytes and a later pass.

use super::block::class_of;
use super::{Heap, pages};
use crate::error::OutOfMemory;
use crate::object::{MAX_INTERNED, Str, strflag};
use crate::value::tag;
use std::alloc::{Layout, handle_alloc_error};
use std::ptr::null_mut;

/// Results shorter than this are copied.
const MIN_NODE: usize = 256;
/// Results longer than this are copied too: flattening can't report that
/// there is no memory, copying can.
const MAX_NODE: usize = 256 << 20;

/// Bytes copied between two looks at the limits.
const PIECE: usize = 1 << 16;

impl Heap {
    /// Whether concatenation makes a node of a result of `len` bytes; else
    /// the bytes are copied at once.
    #[inline]
    pub fn is_node_size(len: usize) -> bool {
        (MIN_NODE..=MAX_NODE).contains(&len)
    }

    /// `a .. b`.
    ///
    /// # Errors
    /// No memory for the result.
    ///
    /// # Safety
    /// Both are live.
    #[inline]
    pub unsafe fn concat(&mut self, a: *mut Str, b: *mut Str) -> Result<*mut Str, OutOfMemory> {
        // SAFETY: as the caller says.
        unsafe {
            let (la, lb) = ((*a).len, (*b).len);
            if la == 0 {
                return Ok(b);
            }
            if lb == 0 {
                return Ok(a);
            }
            let len = la.checked_add(lb).ok_or(OutOfMemory)?;
            if len <= MAX_INTERNED {
                let mut buf = [0; MAX_INTERNED];
                buf[..la].copy_from_slice(Str::bytes(a));
                buf[la..len].copy_from_slice(Str::bytes(b));
                return Ok(self.str(&buf[..len]));
            }
            if !Heap::is_node_size(len) {
                let (s, data) = self.uninit_str(len)?;
                data.copy_from_nonoverlapping(Str::bytes(a).as_ptr(), la);
                data.add(la)
                    .copy_from_nonoverlapping(Str::bytes(b).as_ptr(), lb);
                return Ok(s);
            }
            if len >= 64 << 10 {
                self.check(len)?;
            }
            let s = self
                .new_cell(const { class_of(size_of::<Str>()) }, tag::STR, 0)
                .cast::<Str>();
            (*s).hdr.flags = strflag::NODE;
            (*s).len = len;
            (*s).data = std::ptr::null();
            (*s).parts = [a, b];
            Ok(s)
        }
    }
}

impl Str {
    /// Puts a node's bytes together and lets go of its parts. Visits the
    /// nodes below it once each way they are reached, without recursion.
    ///
    /// # Safety
    /// `s` is a live node that isn't flattened.
    #[cold]
    #[inline(never)]
    pub unsafe fn flatten(s: *mut Str) {
        // SAFETY: as the caller says.
        let done = unsafe { Str::flatten_within(s, |_| Ok::<(), std::convert::Infallible>(())) };
        match done {
            Ok(()) => {}
            Err(never) => match never {},
        }
    }

    /// As [`flatten`](Self::flatten); `pay` is told of the bytes copied, a
    /// piece at a time, and may end it: the node stays a node then.
    ///
    /// # Errors
    /// That of `pay`.
    ///
    /// # Safety
    /// As for [`flatten`](Self::flatten).
    pub unsafe fn flatten_within<E>(
        s: *mut Str,
        mut pay: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<(), E> {
        // SAFETY: the parts of a live node are live; their lengths add up to
        // the node's, so writing from the end stays inside the buffer.
        unsafe {
            let len = (*s).len;
            let buffer = pages::allocate(len);
            if buffer.is_null() {
                handle_alloc_error(Layout::new::<Str>());
            }
            let mut end = buffer.add(len);
            // Right parts first: for a chain that grew by appending, the
            // usual one, the stack never holds more than two.
            let mut stack = vec![(*s).parts[0], (*s).parts[1]];
            let mut paid = 0;
            while let Some(part) = stack.pop() {
                if (*part).data.is_null() {
                    stack.extend_from_slice(&(*part).parts);
                    continue;
                }
                let mut left = (*part).len;
                while left > 0 {
                    let n = left.min(PIECE);
                    left -= n;
                    end = end.sub(n);
                    end.copy_from_nonoverlapping((*part).data.add(left), n);
                    // A part costs something whatever its length.
                    paid += n + 32;
                    if paid >= PIECE {
                        if let Err(e) = pay(paid) {
                            pages::free(buffer, len);
                            return Err(e);
                        }
                        paid = 0;
                    }
                }
            }
            debug_assert_eq!(end, buffer);
            let pending = &Str::shared(s).pending;
            pending.set(pending.get() + len);
            (*s).data = buffer;
            (*s).parts = [null_mut(); 2];
        }
        Ok(())
    }
}

/// Frees the buffer of a flattened node. Buffers are accounted, but not raw
/// allocations: a string that is read doesn't know its heap.
///
/// # Safety
/// `s` is dead, a node, and flattened.
pub(super) unsafe fn free_buffer(s: *mut Str) {
    // SAFETY: `flatten` allocated it with this size.
    unsafe { pages::free((*s).data.cast_mut(), (*s).len) };
}
