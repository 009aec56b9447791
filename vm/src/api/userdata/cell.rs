//! The cell that a userdata's Rust value lies in.
//!
//! State: 0 is free, positive numbers count shared borrows, [`MUTABLE`] is a
//! mutable borrow. Borrowing happens under the VM's lock, giving back
//! anywhere; while there are shared borrows, `thread` names the thread that
//! has them all, which only that thread can change to "none".

use crate::api::error::{Error, Result};
use crate::api::handle::Locked;
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};

const MUTABLE: isize = -1;

/// See the module documentation.
pub(crate) struct UserCell<T> {
    state: AtomicIsize,
    thread: AtomicUsize,
    value: UnsafeCell<Option<T>>,
}

/// A number that differs between running threads: the address of something
/// that each has.
fn this_thread() -> usize {
    thread_local!(static MARK: u8 = const { 0 });
    MARK.with(|m| std::ptr::from_ref(m) as usize)
}

impl<T> UserCell<T> {
    pub(crate) fn new(value: T) -> UserCell<T> {
        UserCell {
            state: AtomicIsize::new(0),
            thread: AtomicUsize::new(0),
            value: UnsafeCell::new(Some(value)),
        }
    }

    /// Takes a shared borrow. The caller has the VM's lock.
    #[inline]
    fn share(&self) -> Result<()> {
        match self.state.load(Ordering::Acquire) {
            0 => {}
            MUTABLE => return Err(Error::UserData("is already mutably borrowed")),
            _ if self.thread.load(Ordering::Relaxed) != this_thread() => {
                return Err(Error::UserData("is borrowed on another thread"));
            }
            _ => {}
        }
        self.thread.store(this_thread(), Ordering::Relaxed);
        self.state.fetch_add(1, Ordering::AcqRel);
        // SAFETY: borrowed as shared just now.
        if unsafe { (*self.value.get()).is_none() } {
            self.unshare();
            return Err(Error::UserData("has been destructed"));
        }
        Ok(())
    }

    fn unshare(&self) {
        self.state.fetch_sub(1, Ordering::Release);
    }

    /// Takes the mutable borrow. The caller has the VM's lock.
    #[inline]
    fn lock(&self) -> Result<()> {
        match self
            .state
            .compare_exchange(0, MUTABLE, Ordering::Acquire, Ordering::Relaxed)
        {
            Ok(_) => {}
            Err(MUTABLE) => return Err(Error::UserData("is already mutably borrowed")),
            Err(_) => return Err(Error::UserData("is already borrowed")),
        }
        // SAFETY: borrowed mutably just now.
        if unsafe { (*self.value.get()).is_none() } {
            self.unlock();
            return Err(Error::UserData("has been destructed"));
        }
        Ok(())
    }

    fn unlock(&self) {
        self.state.store(0, Ordering::Release);
    }

    /// Takes the value out. The caller has the VM's lock.
    pub(crate) fn take(&self) -> Result<T> {
        self.lock()?;
        // SAFETY: borrowed mutably just now.
        let value = unsafe { (*self.value.get()).take() };
        self.unlock();
        value.ok_or(Error::UserData("has been destructed"))
    }
}

/// A shared borrow of a userdata's value.
pub struct UserDataRef<T: Send + 'static> {
    cell: Arc<Locked<UserCell<T>>>,
    /// `&T` must not reach another thread: `T` may be `Send` only.
    stays: PhantomData<*const ()>,
}

/// A mutable borrow of a userdata's value.
pub struct UserDataRefMut<T: Send + 'static> {
    cell: Arc<Locked<UserCell<T>>>,
    stays: PhantomData<*const ()>,
}

impl<T: Send + 'static> UserDataRef<T> {
    /// Borrows. The caller has the VM's lock.
    #[inline]
    pub(crate) fn new(cell: Arc<Locked<UserCell<T>>>) -> Result<UserDataRef<T>> {
        cell.0.share()?;
        Ok(UserDataRef {
            cell,
            stays: PhantomData,
        })
    }
}

impl<T: Send + 'static> UserDataRefMut<T> {
    /// Borrows. The caller has the VM's lock.
    #[inline]
    pub(crate) fn new(cell: Arc<Locked<UserCell<T>>>) -> Result<UserDataRefMut<T>> {
        cell.0.lock()?;
        Ok(UserDataRefMut {
            cell,
            stays: PhantomData,
        })
    }
}

impl<T: Send + 'static> Drop for UserDataRef<T> {
    fn drop(&mut self) {
        self.cell.0.unshare();
    }
}

impl<T: Send + 'static> Drop for UserDataRefMut<T> {
    fn drop(&mut self) {
        self.cell.0.unlock();
    }
}

impl<T: Send + 'static> Deref for UserDataRef<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: borrowed, and there while it is: `take` needs the cell free.
        unsafe { (*self.cell.0.value.get()).as_ref().unwrap_unchecked() }
    }
}

impl<T: Send + 'static> Deref for UserDataRefMut<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: as for `UserDataRef`.
        unsafe { (*self.cell.0.value.get()).as_ref().unwrap_unchecked() }
    }
}

impl<T: Send + 'static> DerefMut for UserDataRefMut<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: borrowed mutably, and there while it is.
        unsafe { (*self.cell.0.value.get()).as_mut().unwrap_unchecked() }
    }
}

impl<T: std::fmt::Debug + Send + 'static> std::fmt::Debug for UserDataRef<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: std::fmt::Debug + Send + 'static> std::fmt::Debug for UserDataRefMut<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borrows_exclude_each_other() {
        let cell = Arc::new(Locked(UserCell::new(5)));
        let a = UserDataRef::new(Arc::clone(&cell)).unwrap();
        let b = UserDataRef::new(Arc::clone(&cell)).unwrap();
        assert!(UserDataRefMut::new(Arc::clone(&cell)).is_err());
        assert!(cell.0.take().is_err());
        drop((a, b));
        let mut c = UserDataRefMut::new(Arc::clone(&cell)).unwrap();
        *c += 1;
        assert!(UserDataRef::new(Arc::clone(&cell)).is_err());
        assert!(UserDataRefMut::new(Arc::clone(&cell)).is_err());
        drop(c);
        assert_eq!(cell.0.take().unwrap(), 6);
        assert!(cell.0.take().is_err());
        assert!(UserDataRef::new(Arc::clone(&cell)).is_err());
        assert!(UserDataRefMut::new(cell).is_err());
    }

    #[test]
    fn shared_borrows_are_of_one_thread() {
        let cell = Arc::new(Locked(UserCell::new(std::cell::Cell::new(1))));
        let here = UserDataRef::new(Arc::clone(&cell)).unwrap();
        let there = Arc::clone(&cell);
        assert!(
            std::thread::spawn(move || UserDataRef::new(there).is_err())
                .join()
                .unwrap()
        );
        drop(here);
        assert!(
            std::thread::spawn(move || UserDataRef::new(cell).is_ok())
                .join()
                .unwrap()
        );
    }
}
