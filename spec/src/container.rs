//! The `.bc` container: a header and length-prefixed sections.
//!
//! ```text
//!  0        8         10      12        16         24
//! ┌────────┬─────────┬───────┬─────────┬──────────┬─────────┬─────────┬──
//! │ magic  │ version │ flags │ section │ checksum │ section │ section │ …
//! │ 8 bytes│ u16     │ u16   │ count   │ u64      │         │         │
//! └────────┴─────────┴───────┴─────────┴──────────┴─────────┴─────────┴──
//!  section:  id u16 │ flags u16 (bit 0: required) │ length u32 │ payload
//! ```
//!
//! All numbers are little-endian. The checksum is XXH64 of everything after
//! the header, seeded with version, flags and section count, so that it covers
//! those too. A reader skips sections it does not know unless they are marked
//! required. `bytecode.md` has the payloads byte by byte.
//!
//! Reading ([`read`]) and judging ([`crate::verify::verify`]) are apart;
//! [`load`] does both. A file is mapped and then copied before anything looks
//! at it ([`read_file`]): a file that changes underneath cannot change what
//! was judged.

use crate::budget::{Budget, Stopped, Unlimited};
use crate::checksum::xxh64;
use crate::module::Module;
use crate::verify::{VerifyError, VerifyFault, verify_within};
use std::path::Path;
use std::{fmt, io};

pub use crate::reader::read;
pub use crate::writer::write;

/// The first bytes of a container. The very first is Lua's own mark of binary
/// chunks, which no source text starts with.
pub const MAGIC: [u8; 8] = *b"\x1bStrata\0";
/// The version this crate reads and writes.
pub const VERSION: u16 = 1;
/// Bytes before the first section.
pub const HEADER_LEN: usize = 24;
/// Bytes before a section's payload.
pub const SECTION_HEADER_LEN: usize = 8;
/// Section flag: a reader that does not know the section must give up.
pub const REQUIRED: u16 = 1;

/// The sections of version 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum SectionId {
    /// Byte strings. Required.
    Strings = 1,
    /// Prototypes. Required.
    Protos = 2,
    /// Names, positions, local ranges. Optional.
    Debug = 3,
}

impl SectionId {
    /// The section with this number.
    pub fn from_u16(id: u16) -> Option<SectionId> {
        match id {
            1 => Some(SectionId::Strings),
            2 => Some(SectionId::Protos),
            3 => Some(SectionId::Debug),
            _ => None,
        }
    }

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            SectionId::Strings => "strings",
            SectionId::Protos => "protos",
            SectionId::Debug => "debug",
        }
    }
}

/// Why bytes are not a module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadError {
    /// The section ("header" before the first).
    pub section: &'static str,
    /// Offset in the whole input.
    pub offset: usize,
    /// What was found.
    pub what: String,
    /// What can be done about it.
    pub help: &'static str,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "section {}, byte {}: {}; {}",
            self.section, self.offset, self.what, self.help
        )
    }
}

impl std::error::Error for ReadError {}

/// Why a module cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the file: {0}")]
    Io(#[from] io::Error),
    /// The bytes are not a module.
    #[error("malformed bytecode: {0}")]
    Read(#[from] ReadError),
    /// The module is not safe to run.
    #[error("unsafe bytecode: {0}")]
    Verify(#[from] VerifyError),
    /// The budget was used up; see [`load_within`].
    #[error("{0}")]
    Stopped(#[from] Stopped),
}

/// Whether `bytes` claim to be a binary chunk rather than source text.
pub fn is_bytecode(bytes: &[u8]) -> bool {
    bytes.first() == Some(&MAGIC[0])
}

/// Reads and verifies a module: after this it is safe to run.
pub fn load(bytes: &[u8]) -> Result<Module, LoadError> {
    load_within(bytes, &mut Unlimited)
}

/// Reads and verifies a module within a budget. Reading is one step: it looks
/// at the budget before and after.
///
/// # Errors
/// The bytes are not a module, it is not safe to run, or the budget is used
/// up.
pub fn load_within(bytes: &[u8], budget: &mut dyn Budget) -> Result<Module, LoadError> {
    // A byte becomes at most some twenty bytes, five as a rule.
    budget.spend(0, bytes.len().saturating_mul(5))?;
    let module = read(bytes)?;
    budget.spend(bytes.len() as u64 * 8, 0)?;
    match verify_within(&module, budget) {
        Ok(()) => Ok(module),
        Err(VerifyFault::Invalid(e)) => Err(e.into()),
        Err(VerifyFault::Stopped) => {
            budget.discard(Box::new(module));
            Err(LoadError::Stopped(Stopped))
        }
    }
}

/// Reads and verifies a module from a file.
pub fn load_file(path: &Path) -> Result<Module, LoadError> {
    load(&read_file(path)?)
}

/// A file's bytes in memory of their own.
///
/// Regular files go through a memory map, anything else (pipes, devices) is
/// read to its end.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    let meta = file.metadata()?;
    if meta.is_file() && meta.len() > 0 {
        // SAFETY: the map is only read from, once, to copy it. Should another
        // process change the file meanwhile, the copy holds some mixture of
        // bytes, any of which is a valid `u8`, and only the copy is judged.
        let map = unsafe { memmap2::Mmap::map(&file) };
        if let Ok(map) = map {
            return Ok(map.to_vec());
        }
    }
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut file, &mut bytes)?;
    Ok(bytes)
}

/// The checksum of a container whose header fields and bytes after the header
/// are these.
pub fn checksum(version: u16, flags: u16, sections: u32, body: &[u8]) -> u64 {
    let seed = u64::from(version) | u64::from(flags) << 16 | u64::from(sections) << 32;
    xxh64(body, seed)
}

/// Puts the right checksum into a container that was edited; returns whether
/// it is long enough to have one.
pub fn repair_checksum(bytes: &mut [u8]) -> bool {
    let Some((header, body)) = bytes.split_at_mut_checked(HEADER_LEN) else {
        return false;
    };
    let version = u16::from_le_bytes([header[8], header[9]]);
    let flags = u16::from_le_bytes([header[10], header[11]]);
    let sections = u32::from_le_bytes([header[12], header[13], header[14], header[15]]);
    let sum = checksum(version, flags, sections, body);
    header[16..24].copy_from_slice(&sum.to_le_bytes());
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn files_are_loaded() {
        let dir = std::env::temp_dir().join(format!("strata-spec-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("a.bc");
        let module = samples::rich();
        std::fs::write(&path, write(&module)).unwrap();
        assert_eq!(load_file(&path).unwrap(), module);
        std::fs::write(&path, b"").unwrap();
        assert!(matches!(load_file(&path), Err(LoadError::Read(_))));
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(matches!(load_file(&path), Err(LoadError::Io(_))));
    }

    #[test]
    fn the_first_byte_tells_binary_from_text() {
        assert!(is_bytecode(&write(&samples::rich())));
        assert!(is_bytecode(b"\x1bLua"));
        assert!(!is_bytecode(b"return 1"));
        assert!(!is_bytecode(b""));
    }

    #[test]
    fn unsafe_modules_are_refused() {
        let mut module = samples::rich();
        module.protos[0].regs = 0;
        assert!(matches!(load(&write(&module)), Err(LoadError::Verify(_))));
    }
}
