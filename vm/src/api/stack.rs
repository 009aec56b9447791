//! [`Access`]: what conversions and calls work on while they have the VM.
//!
//! Raw values are safe from the collector while they lie on the VM's stack
//! below its top, in a frame's slots or in something reachable from there.
//! The collector runs where Lua code or the API is entered, so a raw value
//! in a Rust local is good until host code or Lua code runs. Everything here
//! therefore pushes values first and lets host code see them afterwards;
//! whoever entered puts the top back ([`Lua::enter`]).

use super::error::{Error, Result};
use super::handle::Handle;
use super::lua::Lua;
use crate::engine;
use strata_runtime::error::Error as RtError;
use strata_runtime::native::Cx;
use strata_runtime::value::NIL;
use strata_runtime::{Value as Raw, Vm};

/// A VM that the caller has for itself. Only for the conversions of this
/// crate; other implementations of the conversion traits never see one.
#[derive(Debug)]
pub struct Access<'a> {
    vm: *mut Vm,
    lua: &'a Lua,
}

/// Arguments or results: consecutive slots of the running stack.
#[derive(Clone, Copy, Debug)]
pub struct Slots {
    /// Slot of the first.
    pub(crate) first: usize,
    /// How many there are.
    pub(crate) n: usize,
}

impl Slots {
    /// All but the first `k`.
    #[inline(always)]
    pub(crate) fn skip(self, k: usize) -> Slots {
        let k = k.min(self.n);
        Slots {
            first: self.first + k,
            n: self.n - k,
        }
    }

    /// Value `i`, nil if there are not so many.
    #[inline(always)]
    pub(crate) fn get(self, i: usize, cx: &Access<'_>) -> Raw {
        if i < self.n {
            // SAFETY: the slots lie below the top of the running stack.
            unsafe { *(*cx.vm).stack.add(self.first + i) }
        } else {
            NIL
        }
    }
}

impl<'a> Access<'a> {
    /// # Safety
    /// `vm` is the VM of `lua`, and this thread has its lock while the
    /// `Access` lives.
    #[inline(always)]
    pub(crate) unsafe fn new(vm: *mut Vm, lua: &'a Lua) -> Access<'a> {
        Access { vm, lua }
    }

    /// The VM's handle.
    #[inline(always)]
    pub(crate) fn lua(&self) -> &'a Lua {
        self.lua
    }

    /// The VM.
    #[inline(always)]
    pub(crate) fn vm(&mut self) -> &mut Vm {
        // SAFETY: see `new`; the borrow ends before host or Lua code runs.
        unsafe { &mut *self.vm }
    }

    /// The VM as the runtime's functions with metamethods want it.
    pub(crate) fn cx(&mut self) -> Cx<'_> {
        let vm = self.vm();
        let base = engine::base_slot(vm);
        Cx { vm, base, n: 0 }
    }

    /// What the runtime reported, for the host.
    #[cold]
    pub(crate) fn fail(&mut self, e: RtError) -> Error {
        Error::from_raw(self, e)
    }

    /// Slot at which the next value is pushed.
    #[inline(always)]
    pub(crate) fn top(&mut self) -> usize {
        let vm = self.vm();
        (vm.top as usize - vm.stack as usize) / size_of::<Raw>()
    }

    /// Drops what lies at and above slot `at`.
    #[inline(always)]
    pub(crate) fn set_top(&mut self, at: usize) {
        let vm = self.vm();
        vm.top = vm.stack.wrapping_add(at);
    }

    /// Pushes a value.
    #[inline(always)]
    pub(crate) fn push(&mut self, v: Raw) -> Result<()> {
        let vm = self.vm();
        if (vm.stack_end() as usize).saturating_sub(vm.top as usize) < 16 * size_of::<Raw>() {
            self.grow()?;
        }
        let vm = self.vm();
        // SAFETY: there are 16 slots above the top now.
        unsafe {
            *vm.top = v;
            vm.top = vm.top.add(1);
        }
        Ok(())
    }

    #[cold]
    fn grow(&mut self) -> Result<()> {
        match self.vm().grow_stack(32) {
            Ok(()) => Ok(()),
            Err(e) => Err(self.fail(e)),
        }
    }

    /// Takes the last value pushed.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Raw {
        let vm = self.vm();
        // SAFETY: callers pop what they pushed.
        unsafe {
            vm.top = vm.top.sub(1);
            *vm.top
        }
    }

    /// Value in slot `at`, which has been pushed.
    #[inline(always)]
    pub(crate) fn slot(&mut self, at: usize) -> Raw {
        let vm = self.vm();
        debug_assert!(vm.stack.wrapping_add(at) < vm.top);
        // SAFETY: callers name slots that they pushed.
        unsafe { *vm.stack.add(at) }
    }

    /// Pushes the value of a handle, which must be one of this VM's.
    #[inline]
    pub(crate) fn push_handle(&mut self, h: &Handle) -> Result<()> {
        let v = self.raw_of(h)?;
        self.push(v)
    }

    /// The value of a handle, which must be one of this VM's.
    #[inline]
    pub(crate) fn raw_of(&mut self, h: &Handle) -> Result<Raw> {
        if !h.belongs_to(self.lua) {
            return Err(Error::OtherVm);
        }
        Ok(h.raw(self.vm()))
    }

    /// Keeps `v` alive.
    #[inline]
    pub(crate) fn hold(&mut self, v: Raw) -> Handle {
        let bin = self.lua.bin();
        Handle::new(bin, self.vm(), v)
    }

    /// Fails if the heap is over its limit.
    #[inline]
    pub(crate) fn check_memory(&mut self, more: usize) -> Result<()> {
        match self.vm().heap.check(more) {
            Ok(()) => Ok(()),
            Err(e) => Err(self.fail(e.into())),
        }
    }

    /// Pushes a string.
    #[inline]
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        match self.vm().heap.try_str(bytes) {
            Ok(s) => self.push(Raw::str(s)),
            Err(e) => Err(self.fail(e.into())),
        }
    }

    /// Begins a call: pushes the function and its link. To be followed by the
    /// arguments and [`call`](Self::call) with the slot returned here.
    #[inline]
    pub(crate) fn push_callee(&mut self, f: Raw) -> Result<usize> {
        let at = self.top();
        self.push(f)?;
        self.push(NIL)?;
        Ok(at)
    }

    /// Calls the function in slot `at` with what was pushed after it. The
    /// results are on top of the stack from slot `at` on.
    #[inline]
    pub(crate) fn call(&mut self, at: usize) -> Result<Slots> {
        let n = self.top() - at - 2;
        let vm = self.vm();
        let (base, call) = (engine::base_slot(vm), vm.exec.call);
        // SAFETY: function, link slot and arguments were pushed from `at` on.
        match unsafe { call(vm, base, at, n) } {
            Ok(n) => Ok(Slots { first: at, n }),
            Err(e) => Err(self.fail(e)),
        }
    }

    /// Runs `f` of the runtime, which may call metamethods, and pushes the
    /// value it returns.
    pub(crate) fn push_result(
        &mut self,
        f: impl FnOnce(&mut Cx<'_>) -> Result<Raw, RtError>,
    ) -> Result<Raw> {
        match f(&mut self.cx()) {
            Ok(v) => {
                self.push(v)?;
                Ok(v)
            }
            Err(e) => Err(self.fail(e)),
        }
    }
}

/// Puts a VM's top back.
pub(crate) struct Restore {
    pub(crate) vm: *mut Vm,
    pub(crate) top: usize,
}

impl Drop for Restore {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: made and dropped by `Lua::enter`, under the lock.
        unsafe { (*self.vm).top = (*self.vm).stack.add(self.top) };
    }
}
