//! Names for profilers and debuggers.
//!
//! - `perf` reads `/tmp/perf-PID.map`: a line per function, its address, size
//!   and name. Lines are only added: memory that is used again has several,
//!   and `perf` takes the last.
//! - Debuggers read object files in memory, see [`debugger`](super::debugger).
//!   Each function is one, with a symbol and no code: that is where the symbol
//!   says. Nothing is taken off their list before the VM goes, so a debugger may
//!   show the name of code that was freed.

use super::debugger::Registered;
use object::elf::{
    EM_AARCH64, EM_X86_64, ET_EXEC, SHF_ALLOC, SHF_EXECINSTR, SHT_NOBITS, STB_GLOBAL, STT_FUNC,
};
use object::write::elf::{FileHeader, SectionHeader, Sym, Writer};
use std::fs::File;
use std::io::{self, Write};

/// Tells profilers and debuggers about the code of a VM.
pub(crate) struct Perf {
    map: File,
    /// What GDB was told about.
    objects: Vec<Registered>,
}

impl std::fmt::Debug for Perf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Perf({} functions)", self.objects.len())
    }
}

impl Perf {
    /// Begins the map of this process, or goes on with it.
    pub(crate) fn new() -> io::Result<Perf> {
        if !cfg!(target_os = "linux") {
            return Err(io::Error::from(io::ErrorKind::Unsupported));
        }
        let path = format!("/tmp/perf-{}.map", std::process::id());
        let map = File::options().append(true).create(true).open(path)?;
        let objects = Vec::new();
        Ok(Perf { map, objects })
    }

    /// There is code of this name at this address, of this size.
    pub(crate) fn add(&mut self, name: &str, (start, size): (usize, usize)) {
        self.map(name, (start, size));
        if let Some(object) = object_file(name, start as u64, size as u64) {
            self.objects.push(Registered::new(object));
        }
    }

    /// The same for profilers only: debuggers know the code otherwise.
    pub(crate) fn map(&mut self, name: &str, (start, size): (usize, usize)) {
        // A map without it is better than a program that stops.
        let _ = writeln!(self.map, "{start:x} {size:x} {name}");
    }
}

/// An ELF file that says what is at `start`.
fn object_file(name: &str, start: u64, size: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut w = Writer::new(object::Endianness::Little, true, &mut bytes);
    w.reserve_file_header();
    let text_name = w.add_section_name(b".text");
    let text = w.reserve_section_index();
    w.reserve_symtab_section_index();
    w.reserve_strtab_section_index();
    w.reserve_shstrtab_section_index();
    w.reserve_null_symbol_index();
    let symbol_name = w.add_string(name.as_bytes());
    w.reserve_symbol_index(Some(text));
    w.reserve_symtab();
    w.reserve_strtab();
    w.reserve_shstrtab();
    w.reserve_section_headers();
    w.write_file_header(&FileHeader {
        os_abi: 0,
        abi_version: 0,
        e_type: ET_EXEC,
        e_machine: if cfg!(target_arch = "aarch64") {
            EM_AARCH64
        } else {
            EM_X86_64
        },
        e_entry: 0,
        e_flags: 0,
    })
    .ok()?;
    w.write_null_symbol();
    w.write_symbol(&Sym {
        name: Some(symbol_name),
        section: Some(text),
        st_info: (STB_GLOBAL << 4) | STT_FUNC,
        st_other: 0,
        st_shndx: 0,
        st_value: start,
        st_size: size,
    });
    w.write_strtab();
    w.write_shstrtab();
    w.write_null_section_header();
    w.write_section_header(&SectionHeader {
        name: Some(text_name),
        sh_type: SHT_NOBITS,
        sh_flags: u64::from(SHF_ALLOC | SHF_EXECINSTR),
        sh_addr: start,
        sh_offset: 0,
        sh_size: size,
        sh_link: 0,
        sh_info: 0,
        sh_addralign: 16,
        sh_entsize: 0,
    });
    w.write_symtab_section_header(1);
    w.write_strtab_section_header();
    w.write_shstrtab_section_header();
    Some(bytes)
}
