//! Code of tier 2 while it can be run: what it was made from, how it is left,
//! how often that happened.

use super::lower::ExitSite;
use super::snapshot::{EntryAt, Snapshot};
use crate::cache::Placed;
use crate::deopt::{Recorded, restore};
use crate::interp::native::LOOP_DONE;
use crate::interp::{self, CONTINUE};
use crate::ir::Reason;
use crate::jit::{self, CodeRange, Dependant};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use strata_runtime::Vm;
use strata_runtime::object::ProtoObj;
use strata_runtime::value::Value;
use strata_spec::frame_map::FrameMaps;

/// Code of a function, or of a loop of one.
pub(crate) struct Code {
    /// Its memory; keeps the table of exits.
    pub range: CodeRange,
    /// Where it is entered, and the address.
    pub at: EntryAt,
    pub entry: *const (),
    /// What made it: `cranelift` or `llvm`.
    pub backend: &'static str,
    /// The typed entries by convention (`lower::For`), or null.
    pub typed: [*const (); 2],
    /// VM slots its frames take.
    pub slots: u32,
    /// The table of its exits: by address, since the range keeps it.
    pub exits: *const ExitTable,
    /// Lists it as a dependant of its assumptions.
    pub _assumes: Vec<Arc<Dependant>>,
    /// The compile cache knows where it is.
    pub _placed: Option<Placed>,
}

impl Code {
    /// The code asks LLVM for better code from `snapshot` after so many
    /// instructions. If that is at once, the snapshot comes back.
    pub(crate) fn expects(&mut self, snapshot: Snapshot, best: u32, heat: u32) -> Option<Snapshot> {
        if best <= 1 {
            return Some(snapshot);
        }
        // SAFETY: the range keeps the table.
        let table = unsafe { &*self.exits };
        table.left.set(i32::try_from(best).unwrap_or(i32::MAX));
        table.later.set(Some(Box::new(snapshot)));
        table.heat.set(heat);
        None
    }
}

// SAFETY: code belongs to its VM and moves with it; nobody else has pointers
// into it.
unsafe impl Send for Code {}

/// The exits of a piece of code.
pub(crate) struct ExitTable {
    pub maps: FrameMaps,
    /// Functions by the number that frame maps give them.
    pub funcs: Vec<*mut ProtoObj>,
    pub sites: Vec<ExitSite>,
    pub hits: Vec<Cell<u32>>,
    /// Words of the deopt buffer.
    pub words: usize,
    /// Where the code is entered.
    pub at: EntryAt,
    /// Instructions of IR that it was made from.
    pub insts: u32,
    /// The code is out of use.
    pub dead: Cell<bool>,
    /// Instructions after which LLVM is asked for better code, counted down by
    /// the code itself; what LLVM will work from, until it is asked; and how
    /// hot the code was found.
    pub left: Cell<i32>,
    pub later: Cell<Option<Box<Snapshot>>>,
    /// LLVM was to be asked, and the code was given more time.
    pub waited: Cell<bool>,
    pub heat: Cell<u32>,
    /// What checked code sets when it runs.
    pub ran: Arc<AtomicU64>,
}

// SAFETY: as for `Code`.
unsafe impl Send for ExitTable {}

impl ExitTable {
    /// Where code finds `left`.
    pub(crate) const LEFT: usize = std::mem::offset_of!(ExitTable, left);

    /// The exit that word 0 names is taken: the interpreter's frames are made,
    /// and it goes on.
    ///
    /// # Safety
    /// `base` is the physical frame of the code, the innermost of the running
    /// stack; `words` its deopt buffer.
    pub(crate) unsafe fn take(&self, vm: &mut Vm, base: *mut Value, words: *const u64) -> usize {
        // SAFETY: as the caller says.
        let words = unsafe { std::slice::from_raw_parts(words, self.words) };
        let n = words[0] as usize;
        let site = self.sites[n];
        // SAFETY: as the caller says. Nothing is allocated that there could
        // be no memory for.
        let restored = unsafe {
            restore(
                vm,
                base,
                Recorded::Map {
                    maps: &self.maps,
                    id: site.map,
                    funcs: &self.funcs,
                    words,
                },
            )
        };
        if let Err(e) = restored {
            return interp::fail(vm, e.into());
        }
        crate::stress::states::exit(vm);
        let in_vain = interp::data(vm).stress.was_in_vain();
        if !in_vain {
            let hits = self.hits[n].get().saturating_add(1);
            self.hits[n].set(hits);
            // SAFETY: functions are kept alive by the code's prototype.
            unsafe { jit::exited2(vm, self, n, hits) };
        }
        // A loop is over: its function goes on, natively if it can.
        let over = site.reason == Reason::Done && self.at != EntryAt::Start;
        if over && vm.base == base && !self.dead.get() {
            return LOOP_DONE;
        }
        // SAFETY: the innermost frame is one of a Lua function.
        unsafe { interp::note_exit(vm, vm.base) };
        CONTINUE
    }

    /// The function that was compiled.
    pub(crate) fn proto(&self) -> *mut ProtoObj {
        self.funcs[0]
    }
}
