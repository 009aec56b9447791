//! [`Lua`]: one VM, and the lock and handle table around it.

use super::chunk::Chunk;
use super::convert::{FromLua, IntoLua, push_map, push_sequence};
use super::error::{Error, Result};
use super::function::{Function, wrap};
use super::handle::{Bin, Handle};
use super::multi::{FromLuaMulti, IntoLuaMulti};
use super::stack::{Access, Restore};
use super::string::LuaString;
use super::table::{Table, new_table};
use super::thread::Thread;
use super::userdata::{AnyUserData, UserData};
use super::value::Value;
use crate::engine;
use crate::jit::status::FunctionStatus;
use crate::jit::{Backend, JitMode, JitOptions};
use parking_lot::ReentrantMutex;
use std::any::TypeId;
use std::cell::UnsafeCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use strata_profiler::{Recorder, Sink, Stats};
use strata_runtime::heap::{GcOp, GcOutcome, gc_control};
use strata_runtime::limits::Interrupter;
use strata_runtime::state::VmConfig;
use strata_runtime::{Value as Raw, Vm};

/// Which parts of the standard library a VM gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum StdLib {
    /// Everything.
    #[default]
    All,
    /// Without what reaches outside the VM: no `io`, `os`, `package`,
    /// `debug`, `dofile`, `loadfile`, `require`.
    Safe,
    /// Nothing at all.
    None,
}

/// How to build a [`Lua`].
#[derive(Clone, Debug, Default)]
pub struct LuaOptions {
    /// Library.
    pub stdlib: StdLib,
    /// Most bytes of heap; `None`: no limit.
    pub memory_limit: Option<usize>,
    /// `load` in scripts accepts bytecode.
    pub allow_bytecode: bool,
    /// Seeds string hashing and `math.random`; `None`: from the system.
    pub seed: Option<u64>,
    /// How functions are compiled that run often.
    pub jit: JitOptions,
    /// Where compiled code is kept, and found.
    #[cfg(feature = "cranelift")]
    pub cache: Option<crate::cache::Cache>,
    /// Threads that compile in the background, shared with other VMs; `None`: its
    /// own.
    #[cfg(feature = "cranelift")]
    pub compile_threads: Option<crate::jit::CompileThreads>,
}

/// One VM. Clones are handles to the same one.
pub struct Lua {
    inner: Arc<Inner>,
}

/// What the clones of a [`Lua`] share.
///
/// Handles have weak references to it. When the last `Lua` goes, finalizers
/// run first, while everything still works ([`Phase::Closing`]); host
/// functions called by them may even clone the `Lua`. The memory goes with
/// the last reference.
pub(crate) struct Inner {
    lock: ReentrantMutex<()>,
    /// Number of `Lua`s.
    users: AtomicUsize,
    phase: AtomicU8,
    vm: UnsafeCell<Box<Vm>>,
    state: UnsafeCell<ApiState>,
    bin: Arc<Bin>,
    /// Dropped last: empties the bin once the heap is gone.
    _last: EmptyBin,
}

/// What the API keeps for each VM. Numbers are those of held values.
#[derive(Debug, Default)]
pub(crate) struct ApiState {
    /// The function that resumes coroutines for the host.
    pub(crate) resume: Option<u32>,
    /// The metatable of errors.
    pub(crate) error_meta: Option<u32>,
    /// Metatables of userdata.
    pub(crate) types: HashMap<TypeId, u32>,
}

/// How far a VM is from being gone.
mod phase {
    pub const OPEN: u8 = 0;
    pub const CLOSING: u8 = 1;
    pub const CLOSED: u8 = 2;
}

struct EmptyBin(Arc<Bin>);

impl Drop for EmptyBin {
    fn drop(&mut self) {
        self.0.empty();
    }
}

// SAFETY: the VM and the state are `Send`; they are touched only under
// `lock`, or while they are being dropped, when nobody else has them.
unsafe impl Send for Inner {}
// SAFETY: as above: `lock` admits one thread at a time.
unsafe impl Sync for Inner {}

impl Clone for Lua {
    fn clone(&self) -> Lua {
        self.inner.users.fetch_add(1, Ordering::Relaxed);
        Lua {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl Drop for Lua {
    fn drop(&mut self) {
        let inner = &self.inner;
        if inner.users.fetch_sub(1, Ordering::AcqRel) == 1
            && inner
                .phase
                .compare_exchange(
                    phase::OPEN,
                    phase::CLOSING,
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                )
                .is_ok()
        {
            self.with(engine::close);
            self.with(engine::finish_trace);
            inner.phase.store(phase::CLOSED, Ordering::Release);
        }
    }
}

impl std::fmt::Debug for Lua {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lua")
    }
}

impl Default for Lua {
    fn default() -> Lua {
        Lua::new()
    }
}

impl Lua {
    /// A VM with the whole standard library.
    ///
    /// # Panics
    /// The system has no address space for the VM's stack left; see
    /// [`new_with`](Self::new_with).
    pub fn new() -> Lua {
        Lua::new_with(LuaOptions::default()).expect("a VM needs 16 MiB of address space")
    }

    /// A VM as `options` say.
    ///
    /// # Errors
    /// The address space for the VM's stack can't be reserved, or the memory
    /// limit is too small for the library.
    pub fn new_with(options: LuaOptions) -> Result<Lua> {
        let config = VmConfig {
            seed: options.seed,
            memory_limit: options.memory_limit.unwrap_or(usize::MAX),
            allow_bytecode: options.allow_bytecode,
        };
        let mut vm = engine::new_vm(&config).map_err(Error::external)?;
        engine::set_jit(&mut vm, &options.jit);
        #[cfg(feature = "cranelift")]
        engine::set_cache(&mut vm, options.cache);
        #[cfg(feature = "cranelift")]
        engine::set_compile_threads(&mut vm, options.compile_threads);
        let opened = match options.stdlib {
            StdLib::All => strata_runtime::stdlib::open_all(&mut vm),
            StdLib::Safe => strata_runtime::stdlib::open_selected(&mut vm),
            StdLib::None => Ok(()),
        };
        if let Err(e) = opened {
            return Err(Error::while_opening(&mut vm, e));
        }
        let inner = Arc::new_cyclic(|owner| {
            let bin = Arc::new(Bin::new(owner.clone()));
            Inner {
                lock: ReentrantMutex::new(()),
                users: AtomicUsize::new(1),
                phase: AtomicU8::new(phase::OPEN),
                vm: UnsafeCell::new(vm),
                state: UnsafeCell::default(),
                _last: EmptyBin(Arc::clone(&bin)),
                bin,
            }
        });
        let lua = Lua { inner };
        if options.stdlib == StdLib::Safe {
            let globals = lua.globals();
            for name in ["dofile", "loadfile"] {
                globals.raw_set(name, Value::Nil)?;
            }
        }
        Ok(lua)
    }

    /// A `Lua` for what a weak reference led to; none if the VM is closed.
    pub(crate) fn from_inner(inner: Arc<Inner>) -> Option<Lua> {
        inner.users.fetch_add(1, Ordering::AcqRel);
        let lua = Lua { inner };
        (lua.inner.phase.load(Ordering::Acquire) != phase::CLOSED).then_some(lua)
    }

    /// Runs `f` on the VM, alone. `f` must not run host or Lua code.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Vm) -> R) -> R {
        let _guard = self.inner.lock.lock();
        // SAFETY: the lock keeps other threads out. On this thread the VM may
        // be running a host function that called us: it and the interpreter
        // hold raw pointers, which they use only after we are done.
        let vm = unsafe { &mut **self.inner.vm.get() };
        f(vm)
    }

    /// Runs `f`, which may push to the VM's stack and call what it likes.
    /// Begins by giving the collector its turn; the stack's top is put back.
    #[inline]
    pub(crate) fn enter<R>(&self, f: impl FnOnce(&mut Access<'_>) -> Result<R>) -> Result<R> {
        self.inner.bin.empty();
        let _guard = self.inner.lock.lock();
        // SAFETY: the lock keeps other threads out.
        let vm: *mut Vm = unsafe { &raw mut **self.inner.vm.get() };
        // SAFETY: as for `with`; this thread has the lock.
        let mut cx = unsafe { Access::new(vm, self) };
        if let Err(e) = engine::poll(cx.vm()) {
            return Err(cx.fail(e));
        }
        let top = cx.top();
        let _restore = Restore { vm, top };
        f(&mut cx)
    }

    /// Looks at what the API keeps for this VM. The caller has the lock.
    pub(crate) fn state<R>(&self, f: impl FnOnce(&mut ApiState) -> R) -> R {
        let _guard = self.inner.lock.lock();
        // SAFETY: the lock keeps other threads out, and no caller's `f` comes
        // back here.
        f(unsafe { &mut *self.inner.state.get() })
    }

    /// Where handles go that are dropped.
    #[inline]
    pub(crate) fn bin(&self) -> &Arc<Bin> {
        &self.inner.bin
    }

    /// Runs `f` with a `Lua` for the VM that `inner` points to, which is alive.
    ///
    /// # Safety
    /// `inner` came from [`inner_ptr`](Self::inner_ptr) of a `Lua` whose VM is
    /// running this code.
    pub(crate) unsafe fn with_running<R>(inner: *const Inner, f: impl FnOnce(&Lua) -> R) -> R {
        // SAFETY: the VM runs, so its `Inner` lives; the count is not touched.
        let inner = unsafe { Arc::from_raw(inner) };
        f(&std::mem::ManuallyDrop::new(Lua { inner }))
    }

    /// Address of what all clones share.
    pub(crate) fn inner_ptr(&self) -> *const Inner {
        Arc::as_ptr(&self.inner)
    }

    // ---- code

    /// Source or bytecode to run: text, bytes; see [`Chunk`].
    pub fn load(&self, source: impl AsRef<[u8]>) -> Chunk {
        Chunk::new(self.clone(), source.as_ref().to_vec())
    }

    /// The contents of a file, a byte order mark and a first line that
    /// starts with `#` skipped; named after the file.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn load_file(&self, path: impl AsRef<std::path::Path>) -> Result<Chunk> {
        let path = path.as_ref();
        let contents =
            std::fs::read(path).map_err(|e| Error::external(format!("{}: {e}", path.display())))?;
        let source = strata_lua::skip_first_line(&contents);
        let name = format!("@{}", path.display());
        // After a `#` line its end stays, which bytecode does not have.
        let bytecode = source
            .strip_prefix(b"\n")
            .filter(|rest| strata_spec::is_bytecode(rest));
        Ok(self.load(bytecode.unwrap_or(source)).set_name(name))
    }

    /// The table of globals.
    pub fn globals(&self) -> Table {
        self.with(|vm| {
            let v = Raw::table(vm.globals);
            Table(Handle::new(self.bin(), vm, v))
        })
    }

    // ---- values

    /// An empty table.
    ///
    /// # Errors
    /// The VM's memory limit.
    pub fn create_table(&self) -> Result<Table> {
        self.create_table_with_capacity(0, 0)
    }

    /// An empty table with room for so many elements and fields.
    ///
    /// # Errors
    /// The VM's memory limit.
    pub fn create_table_with_capacity(&self, elements: usize, fields: usize) -> Result<Table> {
        self.enter(|cx| match new_table(cx.vm(), elements, fields) {
            Ok(t) => Ok(Table(cx.hold(t))),
            Err(e) => Err(cx.fail(e)),
        })
    }

    /// A table with these entries.
    ///
    /// # Errors
    /// What the conversions say; the VM's memory limit.
    pub fn create_table_from<K: IntoLua, V: IntoLua>(
        &self,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Table> {
        self.enter(|cx| {
            let at = cx.top();
            push_map(cx, entries.into_iter())?;
            let t = cx.slot(at);
            Ok(Table(cx.hold(t)))
        })
    }

    /// A table with these elements.
    ///
    /// # Errors
    /// What the conversions say; the VM's memory limit.
    pub fn create_sequence_from<V: IntoLua>(
        &self,
        elements: impl IntoIterator<Item = V>,
    ) -> Result<Table> {
        let elements: Vec<V> = elements.into_iter().collect();
        self.enter(|cx| {
            let at = cx.top();
            push_sequence(cx, elements.into_iter())?;
            let t = cx.slot(at);
            Ok(Table(cx.hold(t)))
        })
    }

    /// A string with these bytes.
    ///
    /// # Errors
    /// The VM's memory limit.
    pub fn create_string(&self, bytes: impl AsRef<[u8]>) -> Result<LuaString> {
        let bytes = bytes.as_ref();
        self.enter(|cx| {
            cx.check_memory(bytes.len())?;
            cx.push_bytes(bytes)?;
            let s = cx.pop();
            Ok(LuaString(cx.hold(s)))
        })
    }

    /// A function that runs `f`. An `Err` becomes a Lua error; a panic passes
    /// through the script and is resumed at the call into the VM.
    ///
    /// # Errors
    /// The VM's memory limit.
    pub fn create_function<F, A, R>(&self, f: F) -> Result<Function>
    where
        F: Fn(&Lua, A) -> Result<R> + Send + 'static,
        A: FromLuaMulti,
        R: IntoLuaMulti,
    {
        let host = wrap(self, f);
        self.enter(|cx| {
            cx.check_memory(0)?;
            let f = Raw::native(cx.vm().heap.new_host(host));
            Ok(Function(cx.hold(f)))
        })
    }

    /// Like [`create_function`](Self::create_function) for a closure with
    /// mutable state. Calling it while it runs is an error.
    ///
    /// # Errors
    /// The VM's memory limit.
    pub fn create_function_mut<F, A, R>(&self, f: F) -> Result<Function>
    where
        F: FnMut(&Lua, A) -> Result<R> + Send + 'static,
        A: FromLuaMulti,
        R: IntoLuaMulti,
    {
        let f = std::cell::RefCell::new(f);
        self.create_function(move |lua, args| match f.try_borrow_mut() {
            Ok(mut f) => f(lua, args),
            Err(_) => Err(Error::RecursiveMutCallback),
        })
    }

    /// A coroutine that will run `f`.
    ///
    /// # Errors
    /// The VM's memory limit; `f` is of another VM.
    pub fn create_thread(&self, f: Function) -> Result<Thread> {
        self.enter(|cx| {
            let f = cx.raw_of(&f.0)?;
            match cx.vm().new_coroutine(f) {
                Ok(t) => Ok(Thread(cx.hold(Raw::thread(t)))),
                Err(e) => Err(cx.fail(e)),
            }
        })
    }

    /// A Rust value with the methods and fields its [`UserData`] gives it.
    ///
    /// # Errors
    /// The VM's memory limit.
    pub fn create_userdata<T: UserData + Send + 'static>(&self, data: T) -> Result<AnyUserData> {
        AnyUserData::create(self, data)
    }

    /// Converts a Rust value to a Lua value.
    ///
    /// # Errors
    /// What the conversion says.
    pub fn pack(&self, v: impl IntoLua) -> Result<Value> {
        v.into_lua(self)
    }

    /// Converts a Lua value to a Rust value.
    ///
    /// # Errors
    /// The value is of another type.
    pub fn unpack<T: FromLua>(&self, v: Value) -> Result<T> {
        T::from_lua(v, self)
    }

    // ---- limits

    /// Most bytes the heap may use; `None` lifts the limit. Returns the old one.
    pub fn set_memory_limit(&self, bytes: Option<usize>) -> Option<usize> {
        self.with(|vm| {
            let old = std::mem::replace(&mut vm.heap.limit, bytes.unwrap_or(usize::MAX));
            (old != usize::MAX).then_some(old)
        })
    }

    /// Bytes the heap uses.
    pub fn used_memory(&self) -> usize {
        self.with(|vm| vm.heap.bytes)
    }

    /// Lets scripts run `n` more instructions in all; `None` lifts the limit.
    /// Compiled code may run a few thousand too many before it is stopped.
    pub fn set_instruction_limit(&self, n: Option<u64>) {
        self.with(|vm| vm.set_instruction_limit(n));
    }

    /// Instructions left of the limit, if there is one.
    pub fn instructions_left(&self) -> Option<u64> {
        self.with(|vm| vm.limits.instructions_left())
    }

    /// Lets scripts run for `time` from now on; `None` lifts the limit.
    ///
    /// # Errors
    /// The watchdog thread can't be started.
    pub fn set_time_limit(&self, time: Option<Duration>) -> Result<()> {
        self.with(|vm| vm.set_deadline(time.map(|t| Instant::now() + t)))
            .map_err(Error::external)
    }

    /// A handle by which another thread can stop what runs in this VM.
    pub fn interrupter(&self) -> Interrupter {
        self.with(|vm| vm.interrupter())
    }

    // ---- compilation

    /// How far functions may go now, and what makes code of very hot ones.
    pub fn jit_mode(&self) -> (JitMode, Backend) {
        self.with(engine::jit_mode)
    }

    /// Changes that. Code that there is is taken out of use, and functions begin
    /// anew, with what feedback knows. Scripts may ask for less than this
    /// (`require "jit"`), not for more.
    pub fn set_jit_mode(&self, mode: JitMode, backend: Backend) {
        self.with(|vm| engine::set_jit_mode(vm, mode, backend));
    }

    /// Takes all compiled code out of use: functions begin anew.
    pub fn flush_jit(&self) {
        self.with(engine::flush_jit);
    }

    /// Where all functions stand, why, and what would change that; by chunk and
    /// line.
    pub fn function_statuses(&self) -> Vec<FunctionStatus> {
        self.with(engine::all_status)
    }

    /// Sends what happens to compiled code to `sink`: functions found hot,
    /// compiled, entered, left. The sink gets the final figures when the VM is
    /// closed.
    pub fn trace_jit(&self, sink: impl Sink + 'static) {
        self.with(|vm| engine::trace_jit(vm, Box::new(sink)));
    }

    /// Records from now on which tiers functions are in, what is compiled, where
    /// guards fail, where the time goes and what the collector does;
    /// [`Recorder::page`] shows it.
    ///
    /// # Errors
    /// A thread can't be started.
    pub fn record(&self) -> Result<Recorder> {
        self.with(engine::record).map_err(Error::external)
    }

    /// The figures of compilation so far.
    pub fn jit_stats(&self) -> Stats {
        self.with(engine::jit_stats)
    }

    // ---- memory

    /// Stops automatic collection.
    pub fn gc_stop(&self) {
        self.gc_control(GcOp::Stop);
    }

    /// Restarts automatic collection.
    pub fn gc_restart(&self) {
        self.gc_control(GcOp::Restart);
    }

    /// Whether automatic collection is on.
    pub fn gc_is_running(&self) -> bool {
        self.gc_control(GcOp::IsRunning) != GcOutcome::Flag(false)
    }

    /// Switches to the generational mode; parameters of 0 stay as they are.
    pub fn gc_generational(&self, minor_multiplier: u32, major_multiplier: u32) {
        let (minormul, majormul) = (minor_multiplier.into(), major_multiplier.into());
        self.gc_control(GcOp::Generational { minormul, majormul });
    }

    /// Switches to the incremental mode; parameters of 0 stay as they are.
    pub fn gc_incremental(&self, pause: u32, step_multiplier: u32, step_size: u32) {
        let (pause, stepmul, stepsize) = (pause.into(), step_multiplier.into(), step_size.into());
        self.gc_control(GcOp::Incremental {
            pause,
            stepmul,
            stepsize,
        });
    }

    fn gc_control(&self, op: GcOp) -> GcOutcome {
        // SAFETY: no fast path is running: the host or a host function called.
        self.with(|vm| unsafe { gc_control(vm, op) })
    }

    /// Has the collector run at every opportunity, for tests of whoever
    /// implements conversions.
    #[doc(hidden)]
    pub fn set_gc_stress(&self, on: bool) {
        self.with(|vm| vm.heap.set_stress(on));
    }

    /// Collects all garbage, and calls finalizers.
    ///
    /// # Errors
    /// A limit was reached in a finalizer.
    pub fn gc_collect(&self) -> Result<()> {
        self.enter(|cx| match engine::collect(cx.vm()) {
            Ok(()) => Ok(()),
            Err(e) => Err(cx.fail(e)),
        })?;
        self.inner.bin.empty();
        Ok(())
    }
}
