//! What instructions did by way of metatables: metamethods that were called,
//! metatables that were set.
//!
//! Inline caches know fields. That `a + b` calls a function is found out anew
//! each time, in the slow path, so a prototype has a list beside its slots:
//! for each such instruction the operands it has seen. Which function that
//! means need not be kept: it follows from the metatables of the shapes, as
//! long as `Vm::meta_epoch` stays.
//!
//! References are weak, and cleared as those of inline caches are.

use crate::frame::{CONT, LUA, read_link};
use crate::metatable::{Event, handler};
use crate::native::cont;
use crate::object::{GcHeader, ProtoObj, Shape, Table};
use crate::state::Vm;
use crate::value::{Value, tag};
use std::ptr::null_mut;

/// Pairs of operands that are told apart at an instruction.
const WAYS: usize = 4;
/// Most pairs of a prototype.
const MOST: usize = 256;

/// An operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operand {
    /// Its tag.
    pub tag: u8,
    /// Of a table, its shape; else null.
    pub shape: *mut Shape,
}

impl Operand {
    const ANYTHING: Operand = Operand {
        tag: u8::MAX,
        shape: null_mut(),
    };

    /// Of a live value.
    fn of(v: Value) -> Operand {
        let shape = if v.tag == tag::TABLE {
            // SAFETY: the tag says that the payload is a live table.
            unsafe { (*v.as_table()).shape }
        } else {
            null_mut()
        };
        Operand { tag: v.tag, shape }
    }
}

/// What an instruction was seen to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MetaSite {
    /// The instruction.
    pub pc: u32,
    /// Its operands. Of a call of `setmetatable` the table, before and after.
    pub operands: [Operand; 2],
}

/// What the instructions of a prototype were seen to do.
#[derive(Clone, Debug, Default)]
pub struct MetaSites {
    sites: Vec<MetaSite>,
}

impl MetaSites {
    /// What the instruction at `pc` was seen to do; empty if that is nothing,
    /// or too much.
    pub fn at(&self, pc: u32) -> impl Iterator<Item = &MetaSite> {
        let here = move |s: &&MetaSite| s.pc == pc;
        let many = |s: &MetaSite| s.operands[0] == Operand::ANYTHING;
        let mega = self.sites.iter().filter(here).any(many);
        self.sites.iter().filter(here).filter(move |_| !mega)
    }

    /// The same, and if it is too much some of that.
    pub fn samples(&self, pc: u32) -> impl Iterator<Item = &MetaSite> {
        let known = move |s: &&MetaSite| s.pc == pc && s.operands[0] != Operand::ANYTHING;
        self.sites.iter().filter(known)
    }

    #[inline]
    fn note(&mut self, site: MetaSite) {
        let mut ways = 0;
        for s in &self.sites {
            if s.pc == site.pc {
                if *s == site {
                    return;
                }
                ways += 1;
            }
        }
        self.add(site, ways);
    }

    #[cold]
    fn add(&mut self, mut site: MetaSite, ways: usize) {
        if ways > WAYS || self.sites.len() >= MOST {
            return;
        }
        if ways == WAYS {
            site.operands = [Operand::ANYTHING; 2];
        }
        self.sites.push(site);
    }

    /// Drops what names shapes that are dead.
    pub fn clear_dead(&mut self, is_dead: &mut dyn FnMut(*mut GcHeader) -> bool) {
        let mut gone = |o: &Operand| !o.shape.is_null() && is_dead(o.shape.cast());
        self.sites.retain(|s| !s.operands.iter().any(&mut gone));
    }
}

/// Notes that the instruction before `vm.pc` of the Lua frame at `vm.base`
/// calls a metamethod for these operands.
///
/// # Safety
/// `vm.base` and `vm.pc` are those of a Lua frame; the operands are live.
#[inline]
pub unsafe fn note_operands(vm: &mut Vm, a: Value, b: Value) {
    // SAFETY: as the caller says.
    unsafe {
        let p: *mut ProtoObj = (*(*vm.base.sub(2)).as_closure()).proto;
        let pc = vm.pc.offset_from((*p).code) as u32 - 1;
        let operands = [Operand::of(a), Operand::of(b)];
        (*p).meta_sites.note(MetaSite { pc, operands });
    }
}

/// Notes that the host function with the frame at `fb` has given `t`, whose
/// shape was `before`, a metatable.
///
/// # Safety
/// `fb` is the base of a frame of the running stack, its link in place; the
/// rest is live.
pub unsafe fn note_metatable(fb: *mut Value, before: *mut Shape, t: *mut Table) {
    // SAFETY: as the caller says; links of these kinds lead to Lua frames.
    unsafe {
        let link = read_link(fb);
        let tail = link.kind == CONT && link.cont == cont::TAIL;
        if (link.kind != LUA && !tail) || link.pc.is_null() {
            return;
        }
        let below = fb.sub(link.delta as usize);
        let p: *mut ProtoObj = (*(*below.sub(2)).as_closure()).proto;
        let pc = link.pc.offset_from((*p).code) as u32 - 1;
        let operand = |shape| Operand {
            tag: tag::TABLE,
            shape,
        };
        let operands = [operand(before), operand((*t).shape)];
        (*p).meta_sites.note(MetaSite { pc, operands });
    }
}

/// Whether setting metatable `meta` does no more than change a shape: nothing
/// is to be finalized, no reference is weak. Holds as long as the epoch stays.
///
/// # Safety
/// `meta` is a live table of `vm` that is used as a metatable.
pub unsafe fn is_plain(vm: &mut Vm, meta: *mut Table) -> bool {
    // SAFETY: as the caller says.
    unsafe { handler(vm, meta, Event::Mode).is_nil() && handler(vm, meta, Event::Gc).is_nil() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(pc: u32, shape: usize) -> MetaSite {
        let table = Operand {
            tag: tag::TABLE,
            shape: (shape * 16) as *mut Shape,
        };
        let int = Operand {
            tag: tag::INT,
            shape: null_mut(),
        };
        MetaSite {
            pc,
            operands: [table, int],
        }
    }

    #[test]
    fn pairs_are_told_apart_until_there_are_too_many() {
        let mut sites = MetaSites::default();
        for _ in 0..3 {
            sites.note(site(7, 1));
            sites.note(site(7, 2));
            sites.note(site(9, 3));
        }
        assert_eq!(sites.at(7).count(), 2);
        assert_eq!(sites.at(9).copied().collect::<Vec<_>>(), [site(9, 3)]);
        for shape in 0..20 {
            sites.note(site(7, 3 + shape));
        }
        assert_eq!((sites.at(7).count(), sites.sites.len()), (0, WAYS + 2));
        assert_eq!(sites.at(9).count(), 1);
    }

    #[test]
    fn dead_shapes_are_forgotten() {
        let mut sites = MetaSites::default();
        sites.note(site(1, 1));
        sites.note(site(1, 2));
        sites.clear_dead(&mut |p| p as usize == 16);
        assert_eq!(sites.at(1).copied().collect::<Vec<_>>(), [site(1, 2)]);
    }
}
