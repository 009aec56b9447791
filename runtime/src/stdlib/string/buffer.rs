//! Where results of unknown length grow.
//!
//! The VM lends out one vector and gets it back afterwards, so that short
//! results cost no allocation. What grows beyond [`SMALL`] is checked against
//! the memory limit and accounted, as the extra bytes of a userdata that a
//! handle keeps alive: a buffer can live through a callback.

use crate::error::{OutOfMemory, Result};
use crate::native::Cx;
use crate::object::Userdata;
use crate::state::Vm;
use crate::value::Value;

/// Buffers up to this capacity are kept for the next call.
const SMALL: usize = 1 << 16;

/// A buffer of bytes.
pub(super) struct Buffer {
    /// The bytes. To be appended to only as far as [`reserve`](Self::reserve)
    /// made room.
    pub(super) bytes: Vec<u8>,
    account: Option<Account>,
}

/// The userdata that stands for a large buffer, and its handle.
struct Account {
    userdata: *mut Userdata,
    handle: u32,
}

/// Runs `fill` with an empty buffer and makes a value of what it wrote,
/// unless `fill` returns one itself.
pub(super) fn build(
    cx: &mut Cx<'_>,
    fill: impl FnOnce(&mut Cx<'_>, &mut Buffer) -> Result<Option<Value>>,
) -> Result<Value> {
    let mut bytes = std::mem::take(&mut cx.vm.lib.scratch);
    bytes.clear();
    let mut buffer = Buffer {
        bytes,
        account: None,
    };
    let value = match fill(cx, &mut buffer) {
        Ok(Some(v)) => Ok(v),
        Ok(None) => cx.vm.str_value(&buffer.bytes),
        Err(e) => Err(e),
    };
    if let Some(account) = buffer.account {
        account.settle(cx.vm);
        crate::stdlib::shared::free(buffer.bytes);
    } else if buffer.bytes.capacity() <= SMALL {
        cx.vm.lib.scratch = buffer.bytes;
    }
    value
}

impl Buffer {
    /// Makes room for `n` more bytes.
    #[inline]
    pub(super) fn reserve(&mut self, vm: &mut Vm, n: usize) -> Result<()> {
        if self.bytes.capacity() - self.bytes.len() >= n {
            Ok(())
        } else {
            self.grow(vm, n)
        }
    }

    /// Appends `text`.
    #[inline]
    pub(super) fn push(&mut self, vm: &mut Vm, text: &[u8]) -> Result<()> {
        self.reserve(vm, text.len())?;
        if text.len() <= SMALL {
            self.bytes.extend_from_slice(text);
            return Ok(());
        }
        for piece in text.chunks(SMALL) {
            self.bytes.extend_from_slice(piece);
            vm.tick(piece.len() as u64 / 8)?;
        }
        Ok(())
    }

    #[cold]
    fn grow(&mut self, vm: &mut Vm, n: usize) -> Result<()> {
        let (old, len) = (self.bytes.capacity(), self.bytes.len());
        let needed = len.checked_add(n).ok_or(OutOfMemory)?;
        let new = needed.max(old * 2).max(256);
        if new > SMALL {
            vm.heap.check(new - old)?;
        }
        if self.bytes.try_reserve_exact(new - len).is_err() {
            return Err(OutOfMemory.into());
        }
        vm.tick(len as u64 >> 4)?;
        let size = self.bytes.capacity();
        if size > SMALL {
            match &self.account {
                None => self.account = Some(Account::open(vm, size)),
                Some(account) => account.resize(vm, size),
            }
        }
        Ok(())
    }
}

impl Account {
    fn open(vm: &mut Vm, size: usize) -> Account {
        let userdata = vm.heap.new_userdata(Box::new(()), 0, size);
        let handle = vm.handles.hold(Value::userdata(userdata));
        Account { userdata, handle }
    }

    fn resize(&self, vm: &mut Vm, size: usize) {
        // SAFETY: the handle keeps the userdata alive.
        unsafe {
            let old = std::mem::replace(&mut (*self.userdata).extra, size);
            if size >= old {
                vm.heap.charge(size - old);
            } else {
                vm.heap.refund(old - size);
            }
        }
    }

    fn settle(self, vm: &mut Vm) {
        self.resize(vm, 0);
        vm.handles.release(self.handle);
    }
}
