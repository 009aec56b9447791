//! Relocations: the places of an object that depend on where it lies.
//!
//! All that are known are relative to the place itself, so that an object
//! works wherever it lies and no address gets into it.

use object::elf::{
    R_X86_64_GOTPCREL, R_X86_64_GOTPCRELX, R_X86_64_PC32, R_X86_64_PC64, R_X86_64_PLT32,
    R_X86_64_REX_GOTPCRELX,
};

/// What a place refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum To {
    /// The symbol, or the stub that jumps to it.
    Symbol,
    /// A word that holds the symbol's address.
    Word,
}

/// How wide it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Width {
    Four,
    Eight,
}

/// A kind of relocation: a distance from the place itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kind {
    pub to: To,
    width: Width,
}

impl Kind {
    /// The kind with this number in ELF files of this machine, if it is
    /// supported.
    pub(super) fn from_elf(number: u32) -> Option<Kind> {
        let (to, width) = match number {
            R_X86_64_PC32 | R_X86_64_PLT32 => (To::Symbol, Width::Four),
            R_X86_64_PC64 => (To::Symbol, Width::Eight),
            R_X86_64_GOTPCREL | R_X86_64_GOTPCRELX | R_X86_64_REX_GOTPCRELX => {
                (To::Word, Width::Four)
            }
            _ => return None,
        };
        Some(Kind { to, width })
    }

    /// Writes the distance from `place`, the address of `at` in `section`, to
    /// `target`. `None` if there is no room for it.
    pub(super) fn apply(
        self,
        section: &mut [u8],
        at: usize,
        place: usize,
        target: usize,
        addend: i64,
    ) -> Option<()> {
        let distance = (target as i64)
            .wrapping_add(addend)
            .wrapping_sub(place as i64);
        match self.width {
            Width::Four => {
                let distance = i32::try_from(distance).ok()?;
                let bytes = section.get_mut(at..)?.first_chunk_mut()?;
                *bytes = distance.to_le_bytes();
            }
            Width::Eight => {
                let bytes = section.get_mut(at..)?.first_chunk_mut()?;
                *bytes = distance.to_le_bytes();
            }
        }
        Some(())
    }
}
