//! Handles: how Rust values refer to values of a VM, and how things that
//! belong to a VM are dropped at a time that suits it.
//!
//! ```text
//!   Handle ──▶ Bin ──weak──▶ Inner (the VM)
//!   Deferred ──▶ Bin            │
//!                 ▲─────────────┘
//! ```
//!
//! A [`Handle`] is an index into the VM's table of held values. It may be
//! dropped on any thread, while the VM runs on another: the index goes into
//! the [`Bin`] and is released when the VM next holds a value.
//!
//! Rust data that lives in the VM's heap (closures, userdata, errors) dies in
//! the middle of a collection, when no code may touch the heap. A
//! [`Deferred`] puts its contents into the bin instead of dropping them; the
//! next call into the API drops them.

use super::error::{Error, Result};
use super::lua::{Inner, Lua};
use super::stack::Access;
use parking_lot::Mutex;
use std::any::Any;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use strata_runtime::{Value as Raw, Vm};

/// What waits to be released or dropped, and the way to the VM.
pub(crate) struct Bin {
    owner: Weak<Inner>,
    released: AtomicBool,
    ids: Mutex<Vec<u32>>,
    filled: AtomicBool,
    trash: Mutex<Vec<Box<dyn Any + Send>>>,
}

impl Bin {
    pub(crate) fn new(owner: Weak<Inner>) -> Bin {
        Bin {
            owner,
            released: AtomicBool::new(false),
            ids: Mutex::default(),
            filled: AtomicBool::new(false),
            trash: Mutex::default(),
        }
    }

    /// The VM, if it is not closed.
    pub(crate) fn owner(&self) -> Result<Lua> {
        self.owner
            .upgrade()
            .and_then(Lua::from_inner)
            .ok_or(Error::Closed)
    }

    /// Releases the handles dropped since the last time.
    #[inline]
    pub(crate) fn release(&self, vm: &mut Vm) {
        if self.released.load(Ordering::Acquire) {
            self.released.store(false, Ordering::Release);
            for id in self.ids.lock().drain(..) {
                vm.handles.release(id);
            }
        }
    }

    /// Drops what is in the bin. To be called where host code may run.
    #[inline]
    pub(crate) fn empty(&self) {
        if self.filled.load(Ordering::Acquire) {
            self.empty_slow();
        }
    }

    #[cold]
    fn empty_slow(&self) {
        while self.filled.swap(false, Ordering::AcqRel) {
            let trash = std::mem::take(&mut *self.trash.lock());
            drop(trash);
        }
    }

    fn discard(&self, thing: Box<dyn Any + Send>) {
        self.trash.lock().push(thing);
        self.filled.store(true, Ordering::Release);
    }
}

/// Keeps one value of a VM alive, but not the VM.
pub(crate) struct Handle {
    bin: Arc<Bin>,
    id: u32,
}

/// The id of a handle whose VM is gone.
const DEAD: u32 = u32::MAX;

impl Handle {
    /// Holds `v`.
    pub(crate) fn new(bin: &Arc<Bin>, vm: &mut Vm, v: Raw) -> Handle {
        bin.release(vm);
        Handle {
            id: vm.handles.hold(v),
            bin: Arc::clone(bin),
        }
    }

    /// The value. `vm` is the handle's own.
    #[inline]
    pub(crate) fn raw(&self, vm: &Vm) -> Raw {
        vm.handles.get(self.id)
    }

    /// The VM, if it is not closed.
    pub(crate) fn owner(&self) -> Result<Lua> {
        self.bin.owner()
    }

    /// Whether the value is one of `lua`'s.
    #[inline]
    pub(crate) fn belongs_to(&self, lua: &Lua) -> bool {
        Arc::ptr_eq(&self.bin, lua.bin())
    }

    /// Runs `f` on the handle's VM; see [`Lua::enter`].
    #[inline]
    pub(crate) fn enter<R>(&self, f: impl FnOnce(&mut Access<'_>) -> Result<R>) -> Result<R> {
        self.owner()?.enter(f)
    }

    /// Whether both refer to the same object.
    pub(crate) fn same(&self, other: &Handle) -> bool {
        if !Arc::ptr_eq(&self.bin, &other.bin) {
            return false;
        }
        self.owner()
            .is_ok_and(|lua| lua.with(|vm| self.raw(vm).raw_eq(other.raw(vm))))
    }

    /// Address of the object, null once the VM is closed.
    pub(crate) fn pointer(&self) -> *const std::ffi::c_void {
        self.owner().map_or(std::ptr::null(), |lua| {
            lua.with(|vm| self.raw(vm).payload as *const _)
        })
    }
}

impl Clone for Handle {
    fn clone(&self) -> Handle {
        let id = match self.owner() {
            Ok(lua) => lua.with(|vm| {
                self.bin.release(vm);
                let v = self.raw(vm);
                vm.handles.hold(v)
            }),
            Err(_) => DEAD,
        };
        Handle {
            bin: Arc::clone(&self.bin),
            id,
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.id != DEAD {
            self.bin.ids.lock().push(self.id);
            self.bin.released.store(true, Ordering::Release);
        }
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{}", self.id)
    }
}

/// Lets a value that is only touched under a VM's lock be shared by pointer.
pub(crate) struct Locked<T>(pub(crate) T);

// SAFETY: the contents are reached only through objects of one VM, whose lock
// admits one thread at a time; so being `Send` is enough.
unsafe impl<T: Send> Sync for Locked<T> {}

/// Host data in a VM's heap; see the module documentation.
pub(crate) struct Deferred<T: Send + 'static> {
    /// Behind a pointer so that the collector may drop what holds it while
    /// the contents are still in use further down the stack.
    value: Arc<Locked<T>>,
    bin: Arc<Bin>,
}

impl<T: Send + 'static> Deferred<T> {
    pub(crate) fn new(bin: &Arc<Bin>, value: T) -> Deferred<T> {
        Deferred {
            value: Arc::new(Locked(value)),
            bin: Arc::clone(bin),
        }
    }

    /// The contents, shared.
    pub(crate) fn pointer(&self) -> Arc<Locked<T>> {
        Arc::clone(&self.value)
    }
}

impl<T: Send + 'static> Deref for Deferred<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.value.0
    }
}

impl<T: Send + 'static> Drop for Deferred<T> {
    fn drop(&mut self) {
        if std::mem::needs_drop::<T>() {
            self.bin.discard(Box::new(Arc::clone(&self.value)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    struct Counts(Arc<AtomicUsize>);

    impl Drop for Counts {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn deferred_contents_wait_for_the_bin_to_be_emptied() {
        let bin = Arc::new(Bin::new(Weak::new()));
        let drops = Arc::new(AtomicUsize::new(0));
        drop(Deferred::new(&bin, Counts(Arc::clone(&drops))));
        assert_eq!(drops.load(Ordering::Relaxed), 0);
        bin.empty();
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        bin.empty();
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        assert!(matches!(bin.owner(), Err(Error::Closed)));
    }

    #[test]
    fn ids_of_dropped_handles_are_used_again() {
        let lua = Lua::new();
        let first = lua.globals();
        let id = first.0.id;
        std::thread::spawn(move || drop(first))
            .join()
            .expect("no panic");
        assert_eq!(lua.globals().0.id, id);
    }
}
