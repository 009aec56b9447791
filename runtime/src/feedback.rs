//! Feedback slots: what execution learned at a site of a prototype.
//!
//! A slot has 64 bytes and, by the kind the module declares, is an inline
//! cache of a field access, the callee of a call, or an allocation site.
//!
//! ## Inline caches
//! One [`FieldCache`] lies in the slot, where the interpreter and compiled
//! code check it inline; up to seven more (*polymorphic*) lie behind a
//! pointer and are tried by the miss functions. Beyond that a site is
//! *megamorphic*: it uses the look-up cache that all such sites share, and starts
//! over after a while. What it had cached it keeps as samples, which tell compilers
//! what its tables have in common (families, [`crate::table`]).
//!
//! | state | what was found | valid while |
//! |---|---|---|
//! | `Own` | field `slot` of the table itself | `t.shape == shape` |
//! | `Dict` | entry `slot` of a dictionary | likewise, and the entry's key is the key |
//! | `Holder` | field `slot` of `holder`, over `__index` tables | `t.shape == shape`, same epoch, `holder.shape == holder_shape` |
//! | `HolderDict` | entry `slot` of the dictionary `holder` | likewise |
//! | `Absent` | nothing; of a store, nil was stored, which does nothing | `t.shape == shape`, same epoch |
//! | `Add` | a store that adds field `slot` | likewise; leads to `next_shape` |
//! | `Prim` | like `Holder`, for values of one type without own fields | same type and epoch |
//!
//! *Epoch* is `Vm::meta_epoch`: it changes when a metamethod key of any
//! metatable does, and when a table that a cache walked through (flag
//! `CHAIN`) gets a new key or metatable. A key with a nil value counts as
//! new, so a cache also refuses a nil result that `__index` might replace.
//! Stores at metamethod keys are never cached.
//!
//! References are weak. Shapes die only in major collections, which clear
//! the caches that name them ([`FeedbackSlot::clear_dead`]). Whatever else a
//! cache names is kept by its shape as long as the epoch stays, and is not
//! touched when it has changed.

mod access;
pub mod meta;
mod probe;
#[cfg(test)]
mod tests;

pub use access::{
    Lookup, MAX_CHAIN, Store, get_field_miss, index, set_field_miss, set_index, try_get_field,
    try_set_field,
};
pub use probe::{Probed, probe_field, probe_prim, probe_set_field};

use crate::object::{GcHeader, Native, ProtoObj, Shape, Table};
use crate::value::{Value, tag};
use std::ptr::null_mut;
use strata_spec::module::SlotKind;

/// Caches behind the first one.
const EXTRA: usize = 7;
/// `ways` of a megamorphic site.
const MEGA: u8 = u8::MAX;
/// Misses after which a megamorphic site starts over.
const RETRY: u16 = 4096;
/// An epoch that never is: such a cache does not hold for what depends on it.
const NO_EPOCH: u32 = 0;

/// What an inline cache knows; see the module documentation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum CacheState {
    /// Nothing.
    Empty = 0,
    /// A field of the table itself.
    Own = 1,
    /// A field of another table.
    Holder = 2,
    /// An entry of another table, a dictionary.
    HolderDict = 3,
    /// No such field anywhere; of a store, of nil: nothing is to be done.
    Absent = 4,
    /// An entry of the table itself, a dictionary.
    Dict = 5,
    /// A store adds the field.
    Add = 6,
    /// A field of the `__index` table of a type; `flags` is the tag.
    Prim = 7,
}

/// Bit of [`FieldCache::flags`]: nil is the answer when the field is nil or
/// absent, whatever the epoch (there is no metatable).
pub const NIL_OK: u8 = 1;

/// Bit of [`FieldCache::flags`] of `Add`: nil was stored there, too, which adds
/// nothing.
pub const NIL_TOO: u8 = 2;

/// One inline cache.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct FieldCache {
    /// The table's shape; null when empty or `Prim`.
    pub shape: *mut Shape,
    /// Where the field is, if not in the table itself.
    pub holder: *mut Table,
    /// The shape of `holder`.
    pub holder_shape: *mut Shape,
    /// The shape after adding the field.
    pub next_shape: *mut Shape,
    /// Field slot or entry number.
    pub slot: u32,
    /// The epoch it depends on.
    pub epoch: u32,
    /// Tags that may be stored without telling the shape.
    pub tags: u16,
    /// What it knows.
    pub state: CacheState,
    /// [`NIL_OK`], [`NIL_TOO`]; for `Prim` the tag.
    pub flags: u8,
}

impl FieldCache {
    const EMPTY: FieldCache = FieldCache {
        shape: null_mut(),
        holder: null_mut(),
        holder_shape: null_mut(),
        next_shape: null_mut(),
        slot: 0,
        epoch: NO_EPOCH,
        tags: 0,
        state: CacheState::Empty,
        flags: 0,
    };

    /// Whether it knows something that is true while the epoch is `epoch`.
    pub fn holds(&self, epoch: u32) -> bool {
        match self.state {
            CacheState::Empty => false,
            CacheState::Own | CacheState::Dict => true,
            CacheState::Absent => self.flags & NIL_OK != 0 || self.epoch == epoch,
            CacheState::Holder | CacheState::HolderDict | CacheState::Add | CacheState::Prim => {
                self.epoch == epoch
            }
        }
    }

    /// Whether it holds only as long as the epoch stays.
    fn needs_epoch(&self) -> bool {
        match self.state {
            CacheState::Empty | CacheState::Own | CacheState::Dict => false,
            CacheState::Absent => self.flags & NIL_OK == 0,
            _ => true,
        }
    }
}

/// How uniform the callees of a site are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum CallState {
    /// Not called yet.
    Empty = 0,
    /// One function, `callee`.
    Same = 1,
    /// Functions of one prototype, `proto`; `callee` is 0 or one of them.
    SameProto = 2,
    /// Anything.
    Mixed = 3,
}

/// What a call site called.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct CallCache {
    /// Address of the function (weak: it may be dead; to be compared only).
    pub callee: u64,
    /// Of a closure, the address of its prototype, which the slot keeps alive;
    /// of a host function, that of its Rust function.
    pub proto: u64,
    /// Calls since it was last changed (saturating).
    pub count: u32,
    /// Tag of the callee.
    pub tag: u8,
    /// What `callee` means.
    pub state: CallState,
}

/// The part of a slot that depends on its kind.
#[derive(Clone, Copy)]
#[repr(C)]
pub union SlotData {
    /// Of `SlotKind::Field`.
    pub field: FieldCache,
    /// Of `SlotKind::Call`.
    pub call: CallCache,
    /// Of `SlotKind::Site`: index into `Vm::sites`, 0 until first used.
    pub site: u32,
}

/// A feedback slot.
#[repr(C)]
pub struct FeedbackSlot {
    /// By `kind`.
    pub data: SlotData,
    extra: Option<Box<[FieldCache; EXTRA]>>,
    /// What it records.
    pub kind: SlotKind,
    /// Caches in use, or [`MEGA`].
    ways: u8,
    /// Misses while megamorphic; 1 while empty: there was one that taught nothing.
    misses: u16,
}

const _: () = assert!(size_of::<FieldCache>() == 48);
const _: () = assert!(size_of::<FeedbackSlot>() == 64);

/// How uniform an access site has been.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Summary {
    /// Never executed, or never anything that can be cached.
    Unused,
    /// One shape.
    Mono,
    /// This many shapes, 2 to 8.
    Poly(u8),
    /// More.
    Mega,
}

impl std::fmt::Debug for FeedbackSlot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // SAFETY: `kind` says which part of `data` is in use.
        unsafe {
            match self.kind {
                SlotKind::Field => write!(
                    f,
                    "Field({:?}, {:?})",
                    self.summary(),
                    self.data.field.state
                ),
                SlotKind::Call => write!(f, "{:?}", self.data.call),
                SlotKind::Site => write!(f, "Site({})", self.data.site),
            }
        }
    }
}

impl FeedbackSlot {
    /// A slot that has learned nothing.
    pub fn new(kind: SlotKind) -> FeedbackSlot {
        let mut data = SlotData {
            field: FieldCache::EMPTY,
        };
        match kind {
            SlotKind::Field => {}
            SlotKind::Call => {
                data.call = CallCache {
                    callee: 0,
                    proto: 0,
                    count: 0,
                    tag: tag::NIL,
                    state: CallState::Empty,
                };
            }
            SlotKind::Site => data.site = 0,
        }
        FeedbackSlot {
            data,
            extra: None,
            kind,
            ways: 0,
            misses: 0,
        }
    }

    /// How uniform the accesses of a `Field` slot have been.
    pub fn summary(&self) -> Summary {
        match self.ways {
            0 => Summary::Unused,
            1 => Summary::Mono,
            MEGA => Summary::Mega,
            n => Summary::Poly(n),
        }
    }

    /// A miss: something came here, though perhaps nothing can be learned of it.
    #[inline]
    fn reach(&mut self) {
        if self.ways == 0 {
            self.misses = 1;
        }
    }

    /// Of a `Field` slot: its instruction was executed.
    pub fn was_reached(&self) -> bool {
        self.ways != 0 || self.misses != 0
    }

    /// The caches of a `Field` slot, first the inline one.
    pub fn caches(&self) -> impl Iterator<Item = &FieldCache> {
        let ways = if self.ways == MEGA || self.kind != SlotKind::Field {
            0
        } else {
            self.ways as usize
        };
        let mut first = None;
        if ways > 0 {
            // SAFETY: only slots of kind `Field` get here.
            first = Some(unsafe { &self.data.field });
        }
        let extra = self.extra.iter().flat_map(|e| e.iter());
        first.into_iter().chain(extra.take(ways.saturating_sub(1)))
    }

    /// Some of the caches that a megamorphic `Field` slot had before it became so:
    /// what these tables have in common others are likely to have.
    pub fn samples(&self) -> impl Iterator<Item = &FieldCache> {
        let extra = self.extra.iter().filter(|_| self.ways == MEGA);
        extra
            .flat_map(|e| e.iter())
            .filter(|c| c.state != CacheState::Empty)
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        if self.kind != SlotKind::Site {
            *self = FeedbackSlot::new(self.kind);
        }
    }

    /// Drops what refers to objects that are dead: for the atomic phase of
    /// major collections.
    ///
    /// # Safety
    /// No shape was freed since this was last called for the slot; `is_dead`
    /// may be asked about objects not swept yet.
    pub unsafe fn clear_dead(
        &mut self,
        epoch: u32,
        is_dead: &mut dyn FnMut(*mut GcHeader) -> bool,
    ) {
        match self.kind {
            SlotKind::Site => {}
            SlotKind::Call => {
                // SAFETY: the kind says which part of the union is in use.
                let c = unsafe { &mut self.data.call };
                // The address alone can't be told from one that is reused.
                c.callee = 0;
                if c.state == CallState::Same {
                    c.state = CallState::SameProto;
                }
            }
            SlotKind::Field => {
                let mut dead = |c: &FieldCache| {
                    // What an outdated cache refers to may be gone already.
                    if c.needs_epoch() && c.epoch != epoch {
                        return true;
                    }
                    let mut gone = |p: *mut GcHeader| !p.is_null() && is_dead(p);
                    gone(c.shape.cast())
                        || gone(c.holder.cast())
                        || gone(c.holder_shape.cast())
                        || gone(c.next_shape.cast())
                };
                if self.ways == MEGA {
                    let samples = self.extra.iter_mut().flat_map(|e| e.iter_mut());
                    for c in samples.filter(|c| dead(c)) {
                        *c = FieldCache::EMPTY;
                    }
                    return;
                }
                if self.ways == 0 {
                    return;
                }
                let kept: smallvec::SmallVec<[FieldCache; 1 + EXTRA]> =
                    self.caches().copied().filter(|c| !dead(c)).collect();
                if kept.len() == self.ways as usize {
                    return;
                }
                self.ways = 0;
                self.data.field = FieldCache::EMPTY;
                self.extra = None;
                for c in kept {
                    self.put(c);
                }
            }
        }
    }

    /// The caches behind the first one.
    fn others(&self) -> &[FieldCache] {
        match &self.extra {
            Some(extra) if self.ways != MEGA => &extra[..(self.ways as usize).saturating_sub(1)],
            _ => &[],
        }
    }

    /// Adds a cache where there is room.
    fn put(&mut self, c: FieldCache) {
        if self.ways == 0 {
            self.data.field = c;
        } else {
            let extra = self
                .extra
                .get_or_insert_with(|| Box::new([FieldCache::EMPTY; EXTRA]));
            extra[self.ways as usize - 1] = c;
        }
        self.ways += 1;
    }

    /// The cache for tables of this shape, of a slot of stores.
    fn of_shape(&mut self, shape: *mut Shape) -> Option<&mut FieldCache> {
        let extra = self.ways.saturating_sub(1) as usize;
        if self.ways == 0 || self.ways == MEGA {
            return None;
        }
        // SAFETY: only slots of kind `Field` have ways.
        let first = unsafe { &mut self.data.field };
        let others = self.extra.iter_mut().flat_map(|e| e.iter_mut()).take(extra);
        std::iter::once(first)
            .chain(others)
            .find(|c| c.shape == shape)
    }

    /// Adds a cache, replacing one for the same shape or one that is outdated.
    fn learn(&mut self, c: FieldCache, epoch: u32) {
        if self.ways == MEGA {
            return;
        }
        let stale = |old: &FieldCache| {
            (old.shape == c.shape
                && (c.state == CacheState::Prim) == (old.state == CacheState::Prim))
                || (old.needs_epoch() && old.epoch != epoch)
        };
        if self.ways > 0 {
            // SAFETY: only slots of kind `Field` have ways.
            if stale(unsafe { &self.data.field }) {
                self.data.field = c;
                return;
            }
            if let Some(extra) = &mut self.extra {
                let used = self.ways as usize - 1;
                if let Some(old) = extra[..used].iter_mut().find(|old| stale(old)) {
                    *old = c;
                    return;
                }
            }
        }
        if (self.ways as usize) < 1 + EXTRA {
            self.put(c);
            return;
        }
        // What is behind the first cache stays, as samples.
        self.ways = MEGA;
        self.misses = 0;
        self.data.field = FieldCache::EMPTY;
    }

    /// Counts a miss of a megamorphic site.
    #[inline]
    fn missed_mega(&mut self) {
        self.misses += 1;
        if self.misses == RETRY {
            self.reset();
        }
    }

    /// Records the callee of a call. True: the slot refers to an object that
    /// it did not refer to before (the prototype needs a write barrier).
    #[inline]
    pub fn record_call(&mut self, callee: Value) -> bool {
        debug_assert!(self.kind == SlotKind::Call);
        // SAFETY: the caller's slot is of kind `Call`.
        let c = unsafe { &mut self.data.call };
        if c.state == CallState::Same && c.callee == callee.payload && c.tag == callee.tag {
            c.count = c.count.saturating_add(1);
            return false;
        }
        record_call_slow(c, callee)
    }

    /// Whether nothing new is to be recorded of a call of `f`.
    ///
    /// # Safety
    /// `f` is live; the slot is of kind `Call`.
    #[inline(always)]
    pub unsafe fn knows_host(&self, f: *mut Native) -> bool {
        // SAFETY: as the caller says.
        unsafe {
            let c = &self.data.call;
            c.callee == f as u64
                || (c.state == CallState::SameProto
                    && c.tag == tag::NATIVE
                    && c.proto == (*f).f as usize as u64)
        }
    }

    /// The prototype of the closures that a call site has called, which the
    /// slot keeps alive; null if it has called none or others as well.
    pub fn callee_proto(&self) -> *mut ProtoObj {
        if self.kind != SlotKind::Call {
            return std::ptr::null_mut();
        }
        // SAFETY: the kind says which part of the union is in use.
        let c = unsafe { &self.data.call };
        if c.tag == tag::CLOSURE && matches!(c.state, CallState::Same | CallState::SameProto) {
            c.proto as *mut ProtoObj
        } else {
            std::ptr::null_mut()
        }
    }
}

#[cold]
fn record_call_slow(c: &mut CallCache, callee: Value) -> bool {
    let proto = match callee.tag {
        // SAFETY: the caller's callee is a live closure.
        tag::CLOSURE => unsafe { (*callee.as_closure()).proto as u64 },
        // SAFETY: likewise, a live host function.
        tag::NATIVE => unsafe { (*callee.as_native()).f as usize as u64 },
        _ => 0,
    };
    let known = proto != 0 && c.proto == proto && c.tag == callee.tag;
    match c.state {
        CallState::Empty => {
            *c = CallCache {
                callee: callee.payload,
                proto,
                count: 1,
                tag: callee.tag,
                state: CallState::Same,
            };
            return true;
        }
        // The first since the addresses were forgotten.
        CallState::SameProto if known && c.callee == 0 => {
            c.callee = callee.payload;
            c.state = CallState::Same;
        }
        CallState::Same | CallState::SameProto if known => {
            c.state = CallState::SameProto;
            c.count = c.count.saturating_add(1);
        }
        _ => c.state = CallState::Mixed,
    }
    false
}
