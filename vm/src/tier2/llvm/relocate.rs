//! Relocations: the places of an object that depend on where it lies.
//!
//! All but one that are known are relative to the place itself, so that an object
//! works wherever it lies and no address gets into it. The exception, an address
//! in eight bytes, is for data that is written when it is linked.

use object::elf::{
    R_X86_64_64, R_X86_64_DTPOFF32, R_X86_64_GOTPCREL, R_X86_64_GOTPCRELX, R_X86_64_PC32,
    R_X86_64_PC64, R_X86_64_PLT32, R_X86_64_REX_GOTPCRELX, R_X86_64_TLSGD, R_X86_64_TLSLD,
};

/// What a place refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum To {
    /// The symbol.
    Symbol,
    /// The symbol, or the stub that jumps to it.
    Call,
    /// A word that holds the symbol's address.
    Word,
    /// Two words that say where each thread finds the symbol.
    PerThread,
    /// The same of all that threads have of their own.
    ThreadBlock,
    /// The symbol's offset in that.
    ThreadOffset,
}

/// How wide it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Width {
    Four,
    Eight,
}

/// A kind of relocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kind {
    pub to: To,
    width: Width,
    /// Not a distance from the place itself, but the target as it is.
    pub absolute: bool,
}

impl Kind {
    /// The kind with this number in ELF files of this machine, if it is
    /// supported.
    pub(super) fn from_elf(number: u32) -> Option<Kind> {
        let (to, width) = match number {
            R_X86_64_PC32 => (To::Symbol, Width::Four),
            R_X86_64_PLT32 => (To::Call, Width::Four),
            R_X86_64_PC64 | R_X86_64_64 => (To::Symbol, Width::Eight),
            R_X86_64_TLSGD => (To::PerThread, Width::Four),
            R_X86_64_TLSLD => (To::ThreadBlock, Width::Four),
            R_X86_64_DTPOFF32 => (To::ThreadOffset, Width::Four),
            R_X86_64_GOTPCREL | R_X86_64_GOTPCRELX | R_X86_64_REX_GOTPCRELX => {
                (To::Word, Width::Four)
            }
            _ => return None,
        };
        let absolute = matches!(number, R_X86_64_64 | R_X86_64_DTPOFF32);
        Some(Kind {
            to,
            width,
            absolute,
        })
    }

    /// Writes `target`, as its distance from `place`, the address of `at` in
    /// `section`, unless it is an absolute one. `None` if there is no room for it.
    pub(super) fn apply(
        self,
        section: &mut [u8],
        at: usize,
        place: usize,
        target: usize,
        addend: i64,
    ) -> Option<()> {
        let origin = if self.absolute { 0 } else { place as i64 };
        let distance = (target as i64).wrapping_add(addend).wrapping_sub(origin);
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
