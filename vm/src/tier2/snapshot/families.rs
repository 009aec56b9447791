//! What tables of classes that were made anew have in common.
//!
//! Code that makes a class each time it runs gives the objects of each class shapes
//! of their own, all of one family (`runtime/src/table/shape.rs`): what it does with
//! them it has seen with some, and will do with others. So where caches of several
//! shapes of a family lead to the same slot, one takes their place that asks for the
//! family alone. What the metatables of such tables do isn't known.

use super::{Cache, Taker};
use strata_runtime::feedback::{CacheState, FieldCache};
use strata_runtime::object::{Shape, shapeflag};
use strata_runtime::table;
use strata_runtime::value::tag;

/// The family of the tables for which a cache finds a field of their own.
///
/// # Safety
/// The cache's shape is live.
unsafe fn family(c: &FieldCache) -> Option<*mut Shape> {
    // SAFETY: as the caller says.
    unsafe {
        let own = c.state == CacheState::Own && (*c.shape).hdr.flags & shapeflag::DICT == 0;
        own.then(|| (*c.shape).family)
    }
}

impl Taker<'_> {
    /// Takes those of `caches` out that are of several shapes of one family, and
    /// returns what takes their place.
    ///
    /// # Safety
    /// What the caches name is live.
    pub(super) unsafe fn families(&mut self, caches: &mut Vec<FieldCache>) -> Vec<Cache> {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(&first) = caches.get(at) {
            // SAFETY: as the caller says.
            let same = |c: &FieldCache| unsafe {
                family(c).is_some() && family(c) == family(&first) && c.slot == first.slot
            };
            if caches.iter().filter(|c| same(c)).count() < 2 {
                at += 1;
                continue;
            }
            let tags = caches.iter().filter(|c| same(c));
            let tags = tags.fold(0, |tags, c| tags | c.tags);
            caches.retain(|c| !same(c));
            // SAFETY: as the caller says; a live shape's family is live, and has its
            // slots.
            let (shape, seen) = unsafe {
                let family = (*first.shape).family;
                let seen = (*table::introducer(family, first.slot)).field_tags;
                (self.object(family), seen)
            };
            let nothing = self.object(std::ptr::null_mut::<Shape>());
            found.push(Cache {
                state: CacheState::Own,
                shape,
                holder: nothing,
                holder_shape: nothing,
                next_shape: nothing,
                slot: first.slot,
                tags,
                flags: 0,
                current: false,
                nil_stays: false,
                by_family: true,
                nil_seen: seen & 1 << tag::NIL != 0,
            });
        }
        found
    }
}
