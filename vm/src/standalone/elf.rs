//! What of an executable is needed to run it.

use object::elf::{FileHeader64, PT_LOAD};
use object::endian::{Endianness, U16, U64};
use object::pod::from_bytes_mut;
use object::read::elf::{FileHeader, ProgramHeader};

/// Cuts off what a 64-bit ELF file has behind its segments: symbols, debug data and
/// the table of sections, which nobody needs who runs it. Other files stay as they
/// are.
pub(super) fn strip(bytes: &mut Vec<u8>) {
    let Some((end, endian)) = end_of_segments(bytes) else {
        return;
    };
    if let Ok((header, _)) = from_bytes_mut::<FileHeader64<Endianness>>(bytes) {
        header.e_shoff = U64::new(endian, 0);
        header.e_shnum = U16::new(endian, 0);
        header.e_shstrndx = U16::new(endian, 0);
        bytes.truncate(end);
    }
}

/// Where the last segment ends that is loaded.
fn end_of_segments(bytes: &[u8]) -> Option<(usize, Endianness)> {
    let header = FileHeader64::<Endianness>::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, bytes).ok()?;
    let loaded = segments.iter().filter(|s| s.p_type(endian) == PT_LOAD);
    let ends = loaded.map(|s| s.p_offset(endian).checked_add(s.p_filesz(endian)));
    let end = ends.collect::<Option<Vec<u64>>>()?.into_iter().max()?;
    let end = usize::try_from(end).ok()?;
    (end >= size_of::<FileHeader64<Endianness>>() && end <= bytes.len()).then_some((end, endian))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_elf_file_stays() {
        for text in [
            "",
            "#!/bin/sh\n",
            "\x7fELF",
            "\x7fELF\x02\x01\x01 and so on",
        ] {
            let mut bytes = text.as_bytes().to_vec();
            strip(&mut bytes);
            assert_eq!(bytes, text.as_bytes());
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn programs_lose_their_sections() {
        let whole = std::fs::read("/proc/self/exe").unwrap();
        let mut bytes = whole.clone();
        strip(&mut bytes);
        assert!(bytes.len() < whole.len());
        let again = end_of_segments(&bytes).map(|e| e.0);
        assert_eq!(again, Some(bytes.len()));
    }
}
