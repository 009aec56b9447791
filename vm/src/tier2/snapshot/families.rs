//! What tables of classes that were made anew have in common.
//!
//! Code that makes a class each time it runs gives the objects of each class shapes
//! of their own, all of one family (`runtime/src/table/shape.rs`): what it does with
//! them it has seen with some, and will do with others. So where several shapes of a
//! family lead to the same place, one cache takes the place of theirs, which asks for
//! families alone:
//!
//! ```text
//!  object ──shape, metatable──▶ class ──slot of __index──▶ class ──slot──▶ method
//!   family F                    family G                   family H
//! ```
//!
//! Nothing is assumed: what the metatables of such tables say is read each time, from
//! slots where the families have it. Metamethods are found the same way, and called if
//! they are closures of the function that was seen.

use super::meta::{Expected, MetaCall};
use super::{Cache, Obj, Taker};
use strata_runtime::feedback::meta::MetaSite;
use strata_runtime::feedback::{CacheState, FieldCache};
use strata_runtime::metatable::Event;
use strata_runtime::object::{ProtoObj, Shape, Str, Table, shapeflag};
use strata_runtime::table;
use strata_runtime::value::tag;

/// Most tables on the way over `__index`.
pub(crate) const MAX_HOPS: usize = 3;

/// From a table to that behind its `__index`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Hop {
    /// The family of the metatable, and where that has `__index`.
    pub meta: Obj,
    pub slot: u32,
    /// The family of the table that is there.
    pub to: Obj,
}

/// A metamethod in any metatable of a family.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct InMeta {
    /// The operand whose metatable it is.
    pub operand: usize,
    /// The family of the operand, where it must not have the key.
    pub family: Option<Obj>,
    /// The family of the metatable, and where that has the metamethod.
    pub meta: Obj,
    pub slot: u32,
}

/// The family of tables of a shape that know their string keys by slots.
///
/// # Safety
/// The shape is live.
unsafe fn family(shape: *mut Shape) -> Option<*mut Shape> {
    // SAFETY: as the caller says.
    unsafe { ((*shape).hdr.flags & shapeflag::DICT == 0).then(|| (*shape).family) }
}

impl Taker<'_> {
    /// The way from tables with the shape of `c` to its holder, if it is short and
    /// leads over slots.
    ///
    /// # Safety
    /// The cache holds: what it names is live.
    unsafe fn hops(&mut self, c: &FieldCache) -> Option<[Option<Hop>; MAX_HOPS]> {
        // SAFETY: as the caller says; a live shape's metatable is live, and what that
        // has in its slots.
        unsafe {
            let last = (*c.holder).shape;
            if last != c.holder_shape || c.slot >= (*family(last)?).len {
                return None;
            }
            let key: *mut Str = table::field_key(last, c.slot);
            let mut hops = [None; MAX_HOPS];
            let mut shape = c.shape;
            for hop in &mut hops {
                if table::field_slot(family(shape)?, key).is_some() {
                    return None;
                }
                let (meta, slot, v) = self.in_meta(shape, Event::Index)?;
                if !v.is_table() {
                    return None;
                }
                let to: *mut Table = v.as_table();
                let (meta, to_family) = (self.object(meta), family((*to).shape)?);
                let to_family = self.object(to_family);
                *hop = Some(Hop {
                    meta,
                    slot,
                    to: to_family,
                });
                if to == c.holder {
                    return Some(hops);
                }
                shape = (*to).shape;
            }
            None
        }
    }

    /// What the metatable of tables of a shape has for `event`: the metatable's
    /// family, the slot, and the handler.
    ///
    /// # Safety
    /// The shape is live.
    unsafe fn in_meta(
        &self,
        shape: *mut Shape,
        event: Event,
    ) -> Option<(*mut Shape, u32, strata_runtime::value::Value)> {
        // SAFETY: as the caller says; names of events are live.
        unsafe {
            let meta = (*shape).meta.as_ref()?;
            let in_family = family(meta.shape)?;
            let slot = table::field_slot(in_family, self.vm.event_names[event as usize])?;
            Some((in_family, slot, *meta.fields.add(slot as usize)))
        }
    }

    /// The cache for the family of the tables that `c` is for, if it can be one.
    ///
    /// # Safety
    /// The cache holds: what it names is live.
    unsafe fn of_family(&mut self, c: &FieldCache) -> Option<Cache> {
        // SAFETY: as the caller says.
        unsafe {
            let (hops, nil_seen) = match c.state {
                CacheState::Own => {
                    let seen = (*table::introducer(family(c.shape)?, c.slot)).field_tags;
                    ([None; MAX_HOPS], seen & 1 << tag::NIL != 0)
                }
                CacheState::Holder => (self.hops(c)?, false),
                _ => return None,
            };
            let shape = family(c.shape)?;
            Some(Cache {
                state: c.state,
                shape: self.object(shape),
                holder: self.object(c.holder),
                holder_shape: self.object(c.holder_shape),
                next_shape: self.object(c.next_shape),
                slot: c.slot,
                tags: c.tags,
                flags: 0,
                current: false,
                nil_stays: false,
                by_family: true,
                hops,
                nil_seen,
            })
        }
    }

    /// Takes those of `caches` out that are of several shapes of one family and lead
    /// to the same place, and returns what takes their place.
    ///
    /// # Safety
    /// The caches hold: what they name is live.
    pub(super) unsafe fn families(&mut self, caches: &mut Vec<FieldCache>) -> Vec<Cache> {
        let mut found: Vec<(Cache, usize)> = Vec::new();
        let mut of: Vec<Option<usize>> = Vec::new();
        if caches.len() < 2 {
            return Vec::new();
        }
        for c in &*caches {
            // SAFETY: as the caller says.
            let made = unsafe { self.of_family(c) };
            of.push(made.map(|made| {
                let place = |c: &Cache| (c.state, c.shape, c.slot, c.hops);
                let same = |(other, _): &(Cache, usize)| place(other) == place(&made);
                match found.iter().position(same) {
                    Some(at) => {
                        let (other, n) = &mut found[at];
                        other.tags |= made.tags;
                        *n += 1;
                        at
                    }
                    None => {
                        found.push((made, 1));
                        found.len() - 1
                    }
                }
            }));
        }
        let several = |at: usize| found[at].1 > 1;
        let mut of = of.into_iter();
        caches.retain(|_| !of.next().flatten().is_some_and(several));
        found.retain(|(_, n)| *n > 1);
        found.into_iter().map(|(c, _)| c).collect()
    }

    /// The metamethod that `event` calls for the operands of a site, whichever
    /// metatable of a family it is in; `key`: the key that the operand must not have.
    ///
    /// # Safety
    /// What feedback names is live.
    pub(super) unsafe fn in_any_meta(
        &mut self,
        event: Event,
        key: Option<*mut Str>,
        s: &MetaSite,
        depth: u32,
    ) -> Option<MetaCall> {
        let [a, b] = s.operands;
        let one = event.has_one_operand();
        // SAFETY: as the caller says.
        unsafe {
            let (operand, of, operands) = if a.tag == tag::TABLE {
                let second = (event == Event::Eq).then_some(Expected::Tag(tag::TABLE));
                if second.is_some() && b.tag != tag::TABLE {
                    return None;
                }
                (0, a, [Some(Expected::Tag(tag::TABLE)), second])
            } else {
                let number = matches!(a.tag, tag::INT | tag::FLOAT);
                if one || event == Event::Eq || !number || b.tag != tag::TABLE {
                    return None;
                }
                if !self.handler_of(&a, event).is_nil() {
                    return None;
                }
                let both = [a.tag, b.tag].map(|t| Some(Expected::Tag(t)));
                (1, b, both)
            };
            let family = match key {
                None => None,
                Some(key) => {
                    let family = family(of.shape)?;
                    if table::field_slot(family, key).is_some() {
                        return None;
                    }
                    Some(self.object(family))
                }
            };
            let (meta, slot, handler) = self.in_meta(of.shape, event)?;
            if handler.tag != tag::CLOSURE {
                return None;
            }
            let proto: *mut ProtoObj = (*handler.as_closure()).proto;
            let func = self.callee_of(proto, depth);
            let meta = self.object(meta);
            Some(MetaCall {
                operands,
                // Whichever closure of that function.
                handler: self.object(proto),
                proto: self.object(proto),
                func,
                found: Some(InMeta {
                    operand,
                    family,
                    meta,
                    slot,
                }),
            })
        }
    }
}
