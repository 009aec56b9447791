//! Memory for compiled code.
//!
//! A [`CodeSpace`] belongs to one VM. It maps *chunks* as code is compiled
//! (none before, so that a VM that never compiles maps no executable memory)
//! and packs functions into them, first where others were freed. A chunk is writable while a function is
//! written and executable otherwise, never both; only the VM's thread, which
//! is also the only one to run the code, changes that. Code that comes with data
//! of its own has a chunk for itself, whose front part is executable and whose
//! rest stays writable; such chunks are made by any thread, while others run.
//!
//! Code is released ([`CodeRange`]) when its function has no more use for it,
//! but a native frame may still return into it. So ranges are *retired* and
//! [`CodeSpace::reclaim`] frees them when no native frame is left. A chunk
//! whose functions are all gone is unmapped.

use memmap2::{Mmap, MmapMut};
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;

/// Bytes of a chunk, unless a function is bigger.
const CHUNK: usize = 64 << 10;

/// What sizes of chunks are multiples of: pages of the systems we know.
const PAGE: usize = 16 << 10;

/// A mapping in one of its two states.
enum Pages {
    Writable(MmapMut),
    Executable(Mmap),
    /// Code, then data; nothing is added.
    #[cfg(feature = "llvm")]
    Divided(MmapMut),
    /// While it changes from one to the other.
    None,
}

struct Chunk {
    pages: Pages,
    size: usize,
    /// Bytes that are in use or on the list of holes.
    used: usize,
    /// Where functions were freed: offsets and sizes.
    holes: Vec<(usize, usize)>,
    /// Functions in it that are not freed.
    live: usize,
}

impl Chunk {
    fn start(&self) -> usize {
        match &self.pages {
            Pages::Writable(m) => m.as_ptr() as usize,
            Pages::Executable(m) => m.as_ptr() as usize,
            #[cfg(feature = "llvm")]
            Pages::Divided(m) => m.as_ptr() as usize,
            Pages::None => 0,
        }
    }

    /// Takes `size` bytes: their offset, if there is room.
    fn take(&mut self, size: usize, align: usize) -> Option<usize> {
        let fits = |&(at, hole): &(usize, usize)| {
            let start = at.next_multiple_of(align);
            (start + size <= at + hole).then_some(start)
        };
        if let Some((n, start)) = self
            .holes
            .iter()
            .enumerate()
            .find_map(|(n, hole)| Some((n, fits(hole)?)))
        {
            let (at, hole) = self.holes.swap_remove(n);
            self.give(at, start - at);
            self.give(start + size, at + hole - start - size);
            return Some(start);
        }
        let start = self.used.next_multiple_of(align);
        if start + size > self.size {
            return None;
        }
        self.give(self.used, start - self.used);
        self.used = start + size;
        Some(start)
    }

    /// Puts a range that is not in use on the list of holes, joined with those
    /// beside it.
    fn give(&mut self, mut at: usize, mut size: usize) {
        if size == 0 {
            return;
        }
        self.holes.retain(|&(other, len)| {
            let beside = other + len == at || at + size == other;
            if beside {
                at = at.min(other);
                size += len;
            }
            !beside
        });
        if at + size == self.used {
            self.used = at;
        } else {
            self.holes.push((at, size));
        }
    }

    fn make_writable(&mut self) -> io::Result<()> {
        self.pages = match std::mem::replace(&mut self.pages, Pages::None) {
            Pages::Executable(m) => Pages::Writable(m.make_mut()?),
            other => other,
        };
        Ok(())
    }

    fn make_executable(&mut self) -> io::Result<()> {
        self.pages = match std::mem::replace(&mut self.pages, Pages::None) {
            Pages::Writable(m) => Pages::Executable(m.make_exec()?),
            other => other,
        };
        Ok(())
    }
}

#[derive(Default)]
struct State {
    chunks: Vec<Chunk>,
    retired: Vec<Retired>,
    mapped: usize,
    in_use: usize,
    limit: usize,
}

/// What is freed when no native frame is left.
struct Retired {
    start: usize,
    size: usize,
    /// Data the code refers to.
    _data: Box<dyn std::any::Any + Send>,
}

/// The code memory of one VM.
#[derive(Clone, Default)]
pub(crate) struct CodeSpace(Arc<Mutex<State>>);

impl std::fmt::Debug for CodeSpace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.0.lock();
        write!(f, "CodeSpace({} of {} bytes)", state.in_use, state.mapped)
    }
}

impl CodeSpace {
    /// A space that maps at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> CodeSpace {
        let space = CodeSpace::default();
        space.0.lock().limit = limit;
        space
    }

    /// Bytes of code in use.
    pub(crate) fn in_use(&self) -> usize {
        self.0.lock().in_use
    }

    /// Frees what was retired: how many bytes. To be called when no native
    /// frame is left.
    pub(crate) fn reclaim(&self) -> usize {
        let mut state = self.0.lock();
        if state.retired.is_empty() {
            return 0;
        }
        let before = state.in_use;
        let retired = std::mem::take(&mut state.retired);
        for r in &retired {
            state.in_use -= r.size;
            let chunk = state
                .chunks
                .iter_mut()
                .find(|c| (c.start()..c.start() + c.size).contains(&r.start));
            if let Some(chunk) = chunk {
                let at = r.start - chunk.start();
                chunk.give(at, r.size);
                chunk.live -= 1;
            }
        }
        let mut mapped = state.mapped;
        state.chunks.retain(|c| {
            let keep = c.live > 0;
            mapped -= if keep { 0 } else { c.size };
            keep
        });
        state.mapped = mapped;
        before - state.in_use
    }

    /// Makes code of `size` bytes: `write` gets the memory and the address at
    /// which it is going to be executed.
    ///
    /// # Errors
    /// Code memory is used up, or `write` failed.
    pub(crate) fn place<E: From<io::Error>>(
        &self,
        size: usize,
        align: usize,
        write: impl FnOnce(&mut [u8], usize) -> Result<(), E>,
    ) -> Result<CodeRange, E> {
        let range = self.allocate(size, align)?;
        // SAFETY: these bytes were just allocated, and are writable until
        // `seal`. Traps until they are written.
        let bytes = unsafe {
            let memory = range.start as *mut u8;
            memory.write_bytes(0xcc, size);
            std::slice::from_raw_parts_mut(memory, size)
        };
        let written = write(bytes, range.start);
        self.seal()?;
        written.map(|()| range)
    }

    /// Memory that is writable until it is sealed.
    fn allocate(&self, size: usize, align: usize) -> io::Result<CodeRange> {
        let mut state = self.0.lock();
        let align = align.max(16);
        let room = |(n, chunk): (usize, &mut Chunk)| match chunk.pages {
            Pages::Writable(_) | Pages::Executable(_) => Some((n, chunk.take(size, align)?)),
            _ => None,
        };
        let found = state.chunks.iter_mut().enumerate().find_map(room);
        let (n, offset) = match found {
            Some(found) => found,
            None => {
                // The last chunk may be a smaller one.
                let left = state.limit.saturating_sub(state.mapped) / PAGE * PAGE;
                let bytes = size.next_multiple_of(CHUNK).min(left);
                if bytes < size {
                    return Err(used_up());
                }
                state.chunks.push(Chunk {
                    pages: Pages::Writable(MmapMut::map_anon(bytes)?),
                    size: bytes,
                    used: size,
                    holes: Vec::new(),
                    live: 0,
                });
                state.mapped += bytes;
                (state.chunks.len() - 1, 0)
            }
        };
        let chunk = &mut state.chunks[n];
        chunk.make_writable()?;
        let start = chunk.start() + offset;
        chunk.live += 1;
        state.in_use += size;
        Ok(self.range(start, size))
    }

    /// Makes code of `code` bytes, and behind it, from the next page on, data
    /// of `data` bytes, zeros that the code may write to. `write` gets all of
    /// it, and the address at which it is going to be executed.
    ///
    /// # Errors
    /// As for [`place`](CodeSpace::place).
    #[cfg(feature = "llvm")]
    pub(crate) fn place_with_data<E: From<io::Error>>(
        &self,
        code: usize,
        data: usize,
        write: impl FnOnce(&mut [u8], usize) -> Result<(), E>,
    ) -> Result<CodeRange, E> {
        let front = data_after(code);
        let size = (front + data).next_multiple_of(PAGE).max(PAGE);
        self.reserve(size)?;
        let made = MmapMut::map_anon(size).map_err(E::from).and_then(|mut m| {
            m[..front].fill(0xcc);
            let start = m.as_ptr() as usize;
            write(&mut m, start)?;
            // SAFETY: the front of what was just mapped, whole pages, which are
            // written no more.
            unsafe { strata_runtime::os::memory::make_executable(m.as_mut_ptr(), front) }?;
            Ok(m)
        });
        let mut state = self.0.lock();
        let pages = made.inspect_err(|_| state.mapped -= size)?;
        let chunk = Chunk {
            pages: Pages::Divided(pages),
            size,
            used: size,
            holes: Vec::new(),
            live: 1,
        };
        let start = chunk.start();
        state.chunks.push(chunk);
        state.in_use += size;
        drop(state);
        Ok(self.range(start, size))
    }

    /// The range of `size` bytes at `start`, which was taken and counted.
    fn range(&self, start: usize, size: usize) -> CodeRange {
        CodeRange {
            space: self.clone(),
            start,
            size,
            data: None,
        }
    }

    /// Counts `size` bytes as mapped.
    #[cfg(feature = "llvm")]
    fn reserve(&self, size: usize) -> io::Result<()> {
        let mut state = self.0.lock();
        if state.limit.saturating_sub(state.mapped) < size {
            return Err(used_up());
        }
        state.mapped += size;
        Ok(())
    }

    fn seal(&self) -> io::Result<()> {
        let mut state = self.0.lock();
        for chunk in &mut state.chunks {
            if matches!(chunk.pages, Pages::Writable(_)) {
                chunk.make_executable()?;
            }
        }
        Ok(())
    }
}

fn used_up() -> io::Error {
    io::Error::new(io::ErrorKind::OutOfMemory, "code memory is used up")
}

/// Where data behind `code` bytes of code begins.
#[cfg(feature = "llvm")]
pub(crate) fn data_after(code: usize) -> usize {
    code.next_multiple_of(PAGE)
}

/// The memory of one compiled function. Dropped, it is retired.
#[derive(Debug)]
pub(crate) struct CodeRange {
    space: CodeSpace,
    start: usize,
    size: usize,
    data: Option<Box<dyn std::any::Any + Send>>,
}

impl CodeRange {
    /// Bytes of code.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Where it begins.
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// Keeps `data`, which the code refers to, as long as the code.
    pub(crate) fn keep(&mut self, data: Box<dyn std::any::Any + Send>) {
        self.data = Some(data);
    }
}

impl Drop for CodeRange {
    fn drop(&mut self) {
        self.space.0.lock().retired.push(Retired {
            start: self.start,
            size: self.size,
            _data: self.data.take().unwrap_or_else(|| Box::new(())),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_packed_sealed_and_freed() {
        let space = CodeSpace::new(1 << 20);
        let write = |memory: &mut [u8], _: usize| {
            memory.fill(0xc3);
            io::Result::Ok(())
        };
        let first = space.place(100, 16, write).unwrap();
        assert!(matches!(
            space.0.lock().chunks[0].pages,
            Pages::Executable(_)
        ));
        let second = space.allocate(50, 16).unwrap();
        let apart = second.start() - first.start();
        assert!((100..CHUNK).contains(&apart));
        space.seal().unwrap();
        assert_eq!(space.in_use(), 150);
        drop(first);
        assert_eq!(space.in_use(), 150, "retired, not freed");
        assert_eq!(space.reclaim(), 100);
        assert_eq!((space.in_use(), space.0.lock().chunks.len()), (50, 1));
        drop(second);
        space.reclaim();
        assert_eq!((space.in_use(), space.0.lock().mapped), (0, 0));
    }

    #[test]
    fn holes_are_filled() {
        let space = CodeSpace::new(CHUNK);
        let mut ranges: Vec<CodeRange> = (0..4)
            .map(|_| space.allocate(CHUNK / 4, 16).unwrap())
            .collect();
        let second = ranges[1].start();
        assert!(space.allocate(1, 16).is_err());
        ranges.drain(1..3);
        space.reclaim();
        // Two neighbours make one hole.
        let both = space.allocate(CHUNK / 2, 16).unwrap();
        assert_eq!(both.start(), second);
        assert!(space.allocate(16, 16).is_err());
        drop((ranges, both));
        space.reclaim();
        assert_eq!((space.in_use(), space.0.lock().mapped), (0, 0));
    }

    #[test]
    #[cfg(all(unix, feature = "llvm"))]
    fn data_behind_code_is_writable() {
        let space = CodeSpace::new(4 * CHUNK);
        let write = |memory: &mut [u8], _: usize| {
            memory[0] = 0xc3;
            assert_eq!(memory[data_after(100)..][..9], [0; 9]);
            io::Result::Ok(())
        };
        let range = space.place_with_data(100, 9, write).unwrap();
        let data = (range.start() + data_after(100)) as *mut u8;
        // SAFETY: it is mapped, writable, and nobody else knows it.
        unsafe {
            data.write(7);
            assert_eq!((range.start() as *const u8).read(), 0xc3);
        }
        // Others don't get what is left of it, nor change its protection.
        let other = space.allocate(16, 16).unwrap();
        space.seal().unwrap();
        // SAFETY: as above.
        unsafe { data.write(8) };
        let e = space
            .place_with_data(4 * CHUNK, 1, |_, _| io::Result::Ok(()))
            .unwrap_err();
        assert_eq!(e.kind(), io::ErrorKind::OutOfMemory);
        let failed = space.place_with_data(1, 1, |_, _| Err(io::Error::other("no")));
        assert_eq!(failed.unwrap_err().to_string(), "no");
        drop((range, other));
        space.reclaim();
        assert_eq!((space.in_use(), space.0.lock().mapped), (0, 0));
    }

    #[test]
    fn limit_holds() {
        let space = CodeSpace::new(2 * CHUNK);
        let _held = space.allocate(CHUNK + 1, 16).unwrap();
        let e = space.allocate(CHUNK, 16).unwrap_err();
        assert_eq!(e.kind(), io::ErrorKind::OutOfMemory);
    }
}
