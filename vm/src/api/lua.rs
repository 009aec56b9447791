//! [`Lua`]: one VM, and the lock and handle table around it.

use super::chunk::Chunk;
use super::error::{Error, Result};
use super::function::{Function, wrap};
use super::multi::{FromLuaMulti, IntoLuaMulti};
use super::string::LuaString;
use super::table::Table;
use super::thread::Thread;
use super::userdata::{AnyUserData, UserData};
use super::value::Value;
use crate::engine;
use parking_lot::ReentrantMutex;
use std::cell::UnsafeCell;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
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
}

/// One VM. Clones are handles to the same one.
#[derive(Clone)]
pub struct Lua {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    lock: ReentrantMutex<()>,
    vm: UnsafeCell<Box<Vm>>,
    /// Handles dropped since the last look.
    dropped: Arc<Mutex<Vec<u32>>>,
}

// SAFETY: the VM is `Send`; it is touched only under `lock`, or while it is
// being dropped, when nobody else has it.
unsafe impl Send for Inner {}
// SAFETY: as above: `lock` admits one thread at a time.
unsafe impl Sync for Inner {}

impl Drop for Inner {
    fn drop(&mut self) {
        let vm = self.vm.get_mut();
        engine::close(vm);
    }
}

/// A reference to a VM that does not keep it.
#[derive(Clone)]
pub(crate) struct WeakLua(Weak<Inner>);

impl WeakLua {
    pub(crate) fn upgrade(&self) -> Result<Lua> {
        self.0.upgrade().map(|inner| Lua { inner }).ok_or(Error::Closed)
    }
}

/// Keeps one value of a VM alive.
pub(crate) struct Handle {
    pub(crate) lua: WeakLua,
    id: u32,
    dropped: Arc<Mutex<Vec<u32>>>,
}

impl Handle {
    /// The value.
    pub(crate) fn raw(&self, vm: &Vm) -> Raw {
        vm.handles.get(self.id)
    }
}

impl Clone for Handle {
    fn clone(&self) -> Handle {
        match self.lua.upgrade() {
            Ok(lua) => lua.with(|vm| {
                let v = self.raw(vm);
                lua.hold(vm, v)
            }),
            // A dead handle: of a VM that is gone, id 0 is never looked at.
            Err(_) => Handle { lua: self.lua.clone(), id: 0, dropped: Arc::default() },
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Ok(mut dropped) = self.dropped.lock() {
            dropped.push(self.id);
        }
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{}", self.id)
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
        let mut vm = engine::new_vm(&config).map_err(|e| Error::external(e))?;
        let opened = match options.stdlib {
            StdLib::All => strata_runtime::lib::open_all(&mut vm),
            StdLib::Safe => strata_runtime::lib::open_selected(&mut vm),
            StdLib::None => Ok(()),
        };
        if let Err(e) = opened {
            return Err(Error::from_raw_parts(&mut vm, e));
        }
        let inner =
            Inner { lock: ReentrantMutex::new(()), vm: UnsafeCell::new(vm), dropped: Arc::default() };
        Ok(Lua { inner: Arc::new(inner) })
    }

    /// Runs `f` on the VM, alone.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Vm) -> R) -> R {
        let _guard = self.inner.lock.lock();
        // SAFETY: the lock keeps other threads out. On this thread the VM may
        // be running a host function that called us: it and the interpreter
        // hold raw pointers, which they use only after we are done.
        let vm = unsafe { &mut **self.inner.vm.get() };
        f(vm)
    }

    /// A reference that does not keep the VM.
    pub(crate) fn weak(&self) -> WeakLua {
        WeakLua(Arc::downgrade(&self.inner))
    }

    /// Runs `f` with a `Lua` for the VM that `inner` points to, which is alive.
    ///
    /// # Safety
    /// `inner` came from [`inner_ptr`](Self::inner_ptr) of a `Lua` whose VM is
    /// running this code.
    pub(crate) unsafe fn with_running<R>(inner: *const Inner, f: impl FnOnce(&Lua) -> R) -> R {
        // SAFETY: the VM runs, so its `Inner` lives; the count is not touched.
        let lua = std::mem::ManuallyDrop::new(Lua { inner: unsafe { Arc::from_raw(inner) } });
        f(&lua)
    }

    /// Address of what all clones share.
    pub(crate) fn inner_ptr(&self) -> *const Inner {
        Arc::as_ptr(&self.inner)
    }

    /// Keeps `v` alive.
    pub(crate) fn hold(&self, vm: &mut Vm, v: Raw) -> Handle {
        if let Ok(mut dropped) = self.inner.dropped.lock() {
            for id in dropped.drain(..) {
                vm.handles.release(id);
            }
        }
        Handle { lua: self.weak(), id: vm.handles.hold(v), dropped: Arc::clone(&self.inner.dropped) }
    }

    // ---- code

    /// Source or bytecode to run: text, bytes; see [`Chunk`].
    pub fn load(&self, source: impl AsRef<[u8]>) -> Chunk {
        Chunk::new(self.clone(), source.as_ref().to_vec())
    }

    /// The table of globals.
    pub fn globals(&self) -> Table {
        self.with(|vm| {
            let v = Raw::table(vm.globals);
            Table(self.hold(vm, v))
        })
    }

    // ---- values

    /// An empty table.
    ///
    /// # Errors
    /// The VM's memory limit.
    pub fn create_table(&self) -> Result<Table> {
        self.with(|vm| {
            let root = vm.shapes.root();
            let t = Raw::table(vm.heap.new_table(root, 0));
            Ok(Table(self.hold(vm, t)))
        })
    }

    /// A string with these bytes.
    ///
    /// # Errors
    /// The VM's memory limit.
    pub fn create_string(&self, bytes: impl AsRef<[u8]>) -> Result<LuaString> {
        self.with(|vm| match vm.str_value(bytes.as_ref()) {
            Ok(v) => Ok(LuaString(self.hold(vm, v))),
            Err(e) => Err(Error::from_raw(self, vm, e)),
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
        let host = wrap(self.inner_ptr(), f);
        self.with(|vm| {
            let v = Raw::native(vm.heap.new_host(host));
            Ok(Function(self.hold(vm, v)))
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
    /// The VM's memory limit.
    pub fn create_thread(&self, f: Function) -> Result<Thread> {
        self.with(|vm| {
            let f = f.0.raw(vm);
            match vm.new_coroutine(f) {
                Ok(t) => {
                    let v = Raw::thread(t);
                    Ok(Thread(self.hold(vm, v)))
                }
                Err(e) => Err(Error::from_raw(self, vm, e)),
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
    pub fn pack(&self, v: impl super::convert::IntoLua) -> Result<Value> {
        v.into_lua(self)
    }

    /// Converts a Lua value to a Rust value.
    ///
    /// # Errors
    /// The value is of another type.
    pub fn unpack<T: super::convert::FromLua>(&self, v: Value) -> Result<T> {
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
    pub fn set_instruction_limit(&self, n: Option<u64>) {
        self.with(|vm| vm.set_instruction_limit(n));
    }

    /// Instructions left of the limit, if there is one.
    pub fn instructions_left(&self) -> Option<u64> {
        self.with(|vm| vm.limits.instructions)
    }

    /// Lets scripts run for `time` from now on; `None` lifts the limit.
    ///
    /// # Errors
    /// The watchdog thread can't be started.
    pub fn set_time_limit(&self, time: Option<Duration>) -> Result<()> {
        self.with(|vm| vm.set_deadline(time.map(|t| Instant::now() + t))).map_err(|e| Error::external(e))
    }

    /// A handle by which another thread can stop what runs in this VM.
    pub fn interrupter(&self) -> Interrupter {
        self.with(|vm| vm.interrupter())
    }

    // ---- memory

    /// Collects all garbage, and calls finalizers.
    ///
    /// # Errors
    /// A limit was reached in a finalizer.
    pub fn gc_collect(&self) -> Result<()> {
        self.with(|vm| engine::collect(vm).map_err(|e| Error::from_raw(self, vm, e)))
    }
}
