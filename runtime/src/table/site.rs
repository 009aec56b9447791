//! Allocation sites: what a constructor's tables tend to become.
//!
//! Every `{}` in the source has a site. A table remembers its site, and when
//! it outgrows what the site suggested it says so; once most tables of a site
//! do, new ones start larger. The array hint is used when the first element
//! comes, so tables that stay empty cost nothing; fields are inline, so their
//! number has to be known when the table is made.

use crate::error::OutOfMemory;
use crate::object::{ArrKind, Table};
use crate::state::Vm;

/// Most fields that a site places inline.
pub const MAX_INLINE: u8 = 16;
/// Most array elements that a site suggests.
const MAX_ELEMENTS: u8 = 64;
/// Larger arrays announced by a constructor are allocated with the table.
pub const EAGER: usize = 64;

/// An allocation site.
#[derive(Clone, Copy, Debug, Default)]
pub struct Site {
    /// Tables made since a hint last changed.
    made: u32,
    /// Tables since then that outgrew the suggested array.
    arrays_outgrown: u32,
    /// Tables since then that outgrew the suggested fields.
    fields_outgrown: u32,
    /// Suggested elements of the first array allocation.
    elements: u8,
    /// Suggested inline fields.
    fields: u8,
    /// Kind seen last when an array grew.
    kind: Option<ArrKind>,
    /// Arrays that started as `Int` or `Float` became `Mixed`.
    mixed: bool,
}

/// What a site suggests for the first allocation of an array part.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ArrayHint {
    /// Elements.
    pub cap: usize,
    /// Room for tags from the start.
    pub mixed: bool,
}

impl Site {
    /// Where a site counts its tables, for compiled code.
    pub const MADE: usize = std::mem::offset_of!(Site, made);

    /// Element kind that arrays of this site have had lately.
    pub fn kind(&self) -> Option<ArrKind> {
        if self.mixed {
            Some(ArrKind::Mixed)
        } else {
            self.kind
        }
    }

    /// Suggested number of inline fields.
    pub fn inline_fields(&self) -> u8 {
        self.fields
    }

    /// Suggested number of array elements.
    pub fn elements(&self) -> u8 {
        self.elements
    }

    fn most(&self, outgrown: u32) -> bool {
        outgrown >= 2 && outgrown >= self.made / 2
    }

    fn learned(&mut self) {
        self.made = 0;
        self.arrays_outgrown = 0;
        self.fields_outgrown = 0;
    }

    /// An array of `cap` elements is full and about to hold `kind`.
    pub(super) fn array_grown(&mut self, cap: usize, kind: ArrKind) -> ArrayHint {
        self.kind = Some(kind);
        let hint = ArrayHint {
            cap: self.elements as usize,
            mixed: self.mixed,
        };
        if cap != 0 && cap == (self.elements as usize).max(4) && self.elements < MAX_ELEMENTS {
            self.arrays_outgrown += 1;
            if self.most(self.arrays_outgrown) {
                self.elements = (cap * 2).min(MAX_ELEMENTS as usize) as u8;
                self.learned();
            }
        }
        hint
    }

    /// An array with elements of one kind got another.
    pub(super) fn array_mixed(&mut self) {
        self.mixed = true;
    }

    /// A constructor's list had this kind.
    pub(super) fn array_kind(&mut self, kind: ArrKind) {
        self.kind = Some(kind);
    }

    /// A table needs room for `need` fields.
    pub(super) fn fields_grown(&mut self, need: usize) {
        if need > MAX_INLINE as usize || need <= self.fields as usize {
            return;
        }
        self.fields_outgrown += 1;
        if self.most(self.fields_outgrown) {
            self.fields = (need as u8 + 1).next_multiple_of(2).min(MAX_INLINE);
            self.learned();
        }
    }
}

/// The site of a table, if it has one.
#[inline]
pub(super) unsafe fn of(vm: &mut Vm, t: *const Table) -> Option<&mut Site> {
    // SAFETY: the caller's table is live.
    let site = unsafe { (*t).hdr.aux };
    if site == 0 {
        None
    } else {
        vm.sites.get_mut(site as usize)
    }
}

/// Most sites of a VM; beyond, code shares them (they only hold hints).
const MAX_SITES: usize = 1 << 16;

/// A site for a constructor.
pub fn add_site(vm: &mut Vm) -> u32 {
    if vm.sites.is_empty() {
        // The dummy.
        vm.sites.push(Site::default());
    }
    let n = vm.sites.len();
    if n < MAX_SITES {
        vm.sites.push(Site::default());
        vm.site_data = vm.sites.as_mut_ptr();
        return n as u32;
    }
    // The dummy counts what it is asked for.
    let Some(dummy) = vm.sites.first_mut() else {
        return 0;
    };
    dummy.made = dummy.made.wrapping_add(1);
    1 + dummy.made % (MAX_SITES as u32 - 1)
}

/// A new table made at `site` (0: none) by a constructor that announces
/// `elements` list items and `entries` other fields.
///
/// # Errors
/// Out of memory.
#[inline]
pub fn new_table_at(
    vm: &mut Vm,
    site: u32,
    elements: usize,
    entries: usize,
) -> Result<*mut Table, OutOfMemory> {
    let mut fields = entries.min(MAX_INLINE as usize) as u8;
    if let Some(s) = vm.sites.get_mut(site as usize) {
        s.made = s.made.wrapping_add(1);
        fields = fields.max(s.fields);
    }
    let t = vm.heap.new_table(vm.shapes.root(), fields);
    // SAFETY: `t` was just created.
    unsafe {
        (*t).hdr.aux = site;
        if elements > EAGER {
            super::array::reserve(&mut vm.heap, t, elements)?;
        }
    }
    Ok(t)
}
