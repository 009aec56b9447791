//! Budgets: instructions, time, interruption by the host.
//!
//! The memory limit is the heap's. A budget that is used up raises
//! [`Limit`], which Lua code can't catch.
//!
//! Time is watched by a thread of its own that sets the poll word when the
//! deadline comes; running code looks at that word at back-edges and calls,
//! and library loops look at it through [`Vm::tick`]. Work that knows no VM,
//! compiling and verifying, gets the limits as an [`Allowance`].
//!
//! Between two looks lies less than a millisecond, but for a few operations on
//! strings of a hundred megabytes that nothing interrupts: hashing (as a table
//! key), comparing, packing and expanding them (`%1` in `gsub`) take up to 0.1 s,
//! quoting them in an error message 0.2 s, reading them as numbers 0.6 s, and
//! reading bytecode of that size about a second.

use crate::error::{Error, Limit, Result};
use crate::heap::poll;
use crate::object::{MAX_INTERNED, Str};
use crate::state::Vm;
use std::any::Any;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

/// What is left of each budget.
#[derive(Debug, Default)]
pub struct Limits {
    /// Instructions left, if they are [`limited`](Self::limited); below 0 if
    /// compiled code ran a few too many. Compiled code of a VM that ever had
    /// a limit counts down always.
    pub instructions: i64,
    /// Instructions are limited.
    pub limited: bool,
    /// When time is up.
    pub deadline: Option<Instant>,
    /// Asked to stop by [`Interrupter::interrupt`].
    pub interrupted: Arc<InterruptCell>,
    watchdog: Option<Watchdog>,
    /// Steps of library loops since the last look at the poll word.
    steps: u64,
}

/// Shared between a VM and whoever may interrupt it.
#[derive(Debug, Default)]
pub struct InterruptCell {
    /// Address of the VM's poll word, 0 when the VM is gone.
    poll: Mutex<usize>,
    asked: AtomicU32,
}

/// Stops a running VM from another thread.
#[derive(Clone, Debug)]
pub struct Interrupter(Arc<InterruptCell>);

impl Interrupter {
    /// The running script ends with [`Limit::Interrupted`] at its next poll.
    pub fn interrupt(&self) {
        self.0.asked.store(1, Ordering::Relaxed);
        self.0.raise(poll::INTERRUPT);
    }

    /// Has the VM look, at its next poll, whether its deadline has passed: for
    /// who watches deadlines of [`Vm::set_watched_deadline`].
    pub fn check_deadline(&self) {
        self.0.raise(poll::INTERRUPT);
    }

    /// Others wait for the thread that runs the VM: what it runs is suspended at its
    /// next poll, if the executor was told which coroutine may be, and that can.
    pub fn give_way(&self) {
        self.0.raise(poll::GIVE_WAY);
    }
}

/// Has a running VM look at what another thread has for it.
#[derive(Clone, Debug)]
pub struct Waker(Arc<InterruptCell>);

impl Waker {
    /// The bit [`poll::READY`] is set, if the VM is still there.
    pub fn wake(&self) {
        self.0.raise(poll::READY);
    }
}

impl InterruptCell {
    fn raise(&self, bits: u32) {
        if let Ok(address) = self.poll.lock()
            && *address != 0
        {
            // SAFETY: while the address is set under the lock the VM lives.
            unsafe { (*(*address as *const AtomicU32)).fetch_or(bits, Ordering::Relaxed) };
        }
    }
}

#[derive(Debug, Default)]
struct WatchState {
    deadline: Option<Instant>,
    quit: bool,
}

#[derive(Debug)]
struct Watchdog {
    state: Arc<(Mutex<WatchState>, Condvar)>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Watchdog {
    fn new(cell: Arc<InterruptCell>) -> std::io::Result<Watchdog> {
        let state = Arc::new((Mutex::new(WatchState::default()), Condvar::new()));
        let shared = Arc::clone(&state);
        let thread = std::thread::Builder::new()
            .name("strata-watchdog".into())
            .spawn(move || {
                let (lock, changed) = &*shared;
                let Ok(mut watch) = lock.lock() else { return };
                while !watch.quit {
                    let now = Instant::now();
                    let next = match watch.deadline {
                        Some(at) if at <= now => {
                            watch.deadline = None;
                            cell.raise(poll::INTERRUPT);
                            continue;
                        }
                        Some(at) => changed
                            .wait_timeout(watch, at - now)
                            .map(|(guard, _)| guard)
                            .ok(),
                        None => changed.wait(watch).ok(),
                    };
                    let Some(guard) = next else { return };
                    watch = guard;
                }
            })?;
        Ok(Watchdog {
            state,
            thread: Some(thread),
        })
    }

    fn update(&self, change: impl FnOnce(&mut WatchState)) {
        if let Ok(mut watch) = self.state.0.lock() {
            change(&mut watch);
        }
        self.state.1.notify_all();
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.update(|w| w.quit = true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Bytes copied between two looks at the limits.
const PIECE: usize = 1 << 16;

/// The limits of a VM as the budget of work that knows no VM: compiling,
/// verifying.
pub struct Allowance<'v> {
    vm: &'v mut Vm,
    /// What ended the work.
    error: Option<Error>,
}

impl<'v> Allowance<'v> {
    /// What `vm` has left.
    pub fn new(vm: &'v mut Vm) -> Allowance<'v> {
        Allowance { vm, error: None }
    }

    /// Why the work was stopped.
    pub fn into_error(self) -> Error {
        self.error
            .unwrap_or_else(|| Error::limit(Limit::Interrupted))
    }
}

impl strata_spec::Budget for Allowance<'_> {
    fn spend(&mut self, steps: u64, held: usize) -> std::result::Result<(), strata_spec::Stopped> {
        if self.error.is_none() {
            if self.vm.heap.has_room(held) {
                self.error = self.vm.tick(steps).err();
            } else {
                self.error = Some(crate::error::OutOfMemory.into());
            }
        }
        match self.error {
            None => Ok(()),
            Some(_) => Err(strata_spec::Stopped),
        }
    }

    fn discard(&mut self, garbage: Box<dyn Any + Send>) {
        crate::os::free_elsewhere(garbage);
    }
}

impl Limits {
    /// Instructions left; `None`: no limit.
    pub fn instructions_left(&self) -> Option<u64> {
        self.limited
            .then(|| u64::try_from(self.instructions).unwrap_or(0))
    }

    /// Charges `n` instructions: whether there were as many.
    #[inline]
    pub fn charge_instructions(&mut self, n: u64) -> bool {
        if !self.limited {
            return true;
        }
        let n = i64::try_from(n).unwrap_or(i64::MAX);
        if self.instructions < n {
            self.instructions = 0;
            return false;
        }
        self.instructions -= n;
        true
    }
}

impl Vm {
    /// Lets scripts run until `deadline`; `None` lifts the limit.
    ///
    /// # Errors
    /// The watchdog thread can't be started.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) -> std::io::Result<()> {
        self.limits.deadline = deadline;
        self.attach_interrupts();
        if deadline.is_some() && self.limits.watchdog.is_none() {
            self.limits.watchdog = Some(Watchdog::new(Arc::clone(&self.limits.interrupted))?);
        }
        if let Some(w) = &self.limits.watchdog {
            w.update(|watch| watch.deadline = deadline);
        }
        Ok(())
    }

    /// The same for a host that watches the time itself, for many VMs with one
    /// thread: when the deadline has come it calls
    /// [`Interrupter::check_deadline`].
    pub fn set_watched_deadline(&mut self, deadline: Option<Instant>) {
        self.limits.deadline = deadline;
    }

    /// A handle by which another thread can stop this VM.
    pub fn interrupter(&mut self) -> Interrupter {
        self.attach_interrupts();
        Interrupter(Arc::clone(&self.limits.interrupted))
    }

    /// A handle by which another thread can have this VM look for results.
    pub fn waker(&mut self) -> Waker {
        self.attach_interrupts();
        Waker(Arc::clone(&self.limits.interrupted))
    }

    /// Lets scripts run `n` more instructions; `None` lifts the limit.
    ///
    /// The interpreter counts exactly. Compiled code counts exactly as well,
    /// but looks at the count at back-edges, at the beginning and at the end
    /// of functions only: what lies between two looks may be too many.
    pub fn set_instruction_limit(&mut self, n: Option<u64>) {
        self.limits.limited = n.is_some();
        self.limits.instructions = n.map_or(i64::MAX, |n| i64::try_from(n).unwrap_or(i64::MAX));
        (self.exec.instrument)(self);
    }

    fn attach_interrupts(&mut self) {
        let address = &raw const self.heap.poll as usize;
        if let Ok(mut cell) = self.limits.interrupted.poll.lock() {
            *cell = address;
        }
    }

    /// Forgets the poll word's address: nobody may write to it afterwards.
    pub(crate) fn detach_interrupts(&mut self) {
        if let Ok(mut cell) = self.limits.interrupted.poll.lock() {
            *cell = 0;
        }
    }

    /// Whether the deadline has passed or the host asked to stop. Changes
    /// nothing: who finds out has to end with
    /// [`check_interrupt`](Self::check_interrupt).
    pub fn is_out_of_time(&self) -> bool {
        self.heap.poll.load(Ordering::Relaxed) & poll::INTERRUPT != 0
            && (self.limits.interrupted.asked.load(Ordering::Relaxed) != 0
                || self.limits.deadline.is_some_and(|at| Instant::now() >= at))
    }

    /// What the poll bit INTERRUPT asks for: an error if a limit was reached,
    /// else clears the bit.
    ///
    /// # Errors
    /// The limit that was reached.
    pub fn check_interrupt(&mut self) -> Result<()> {
        self.heap
            .poll
            .fetch_and(!poll::INTERRUPT, Ordering::Relaxed);
        if self.limits.interrupted.asked.swap(0, Ordering::Relaxed) != 0 {
            return Err(Error::limit(Limit::Interrupted));
        }
        if self.limits.deadline.is_some_and(|at| Instant::now() >= at) {
            // Stays set, so that a handler that runs on is stopped again.
            self.heap.poll.fetch_or(poll::INTERRUPT, Ordering::Relaxed);
            return Err(Error::limit(Limit::Time));
        }
        if self.heap.bytes > self.heap.limit {
            return Err(Error::limit(Limit::Memory));
        }
        Ok(())
    }

    /// Charges `steps` of work inside a library function and looks at the
    /// limits once in a while. A step is about a nanosecond's worth.
    ///
    /// # Errors
    /// The limit that was reached.
    #[inline]
    pub fn tick(&mut self, steps: u64) -> Result<()> {
        self.limits.steps += steps;
        if self.limits.steps >= 1 << 14 {
            self.tick_slow()
        } else {
            Ok(())
        }
    }

    /// The string with these bytes, as [`Heap::try_str`] makes it, but with
    /// looks at the limits while a long one is copied.
    ///
    /// # Errors
    /// No memory; the limit that was reached.
    ///
    /// [`Heap::try_str`]: crate::heap::Heap::try_str
    #[inline]
    pub fn str_in_pieces(&mut self, bytes: &[u8]) -> Result<*mut Str> {
        if bytes.len() <= PIECE {
            Ok(self.heap.try_str(bytes)?)
        } else {
            self.long_str(bytes)
        }
    }

    #[cold]
    fn long_str(&mut self, bytes: &[u8]) -> Result<*mut Str> {
        const { assert!(PIECE > MAX_INTERNED) };
        let (s, data) = self.heap.uninit_str(bytes.len())?;
        // SAFETY: a fresh string has room for its bytes. If a limit ends the
        // copying, nobody ever sees it.
        unsafe { self.copy_in_pieces(bytes, data)? };
        Ok(s)
    }

    /// The bytes of a string as [`Vm::bytes`] gives them, but with looks at
    /// the limits while a long concatenation is put together.
    ///
    /// # Errors
    /// The limit that was reached.
    #[inline]
    pub fn bytes_within<'b>(&mut self, s: *mut Str) -> Result<&'b [u8]> {
        // SAFETY: callers hold live strings, as for `bytes`.
        unsafe {
            if (*s).data.is_null() && (*s).len >= PIECE {
                self.flatten_long(s)?;
            }
        }
        Ok(self.bytes(s))
    }

    #[cold]
    fn flatten_long(&mut self, s: *mut Str) -> Result<()> {
        // SAFETY: `bytes_within` found a node that isn't flattened.
        unsafe { Str::flatten_within(s, |bytes| self.tick(bytes as u64 / 8)) }
    }

    /// `a .. b` as [`Heap::concat`] makes it, but with looks at the limits
    /// while long strings are copied.
    ///
    /// # Errors
    /// No memory; the limit that was reached.
    ///
    /// # Safety
    /// Both are live.
    ///
    /// [`Heap::concat`]: crate::heap::Heap::concat
    #[inline]
    pub unsafe fn concat(&mut self, a: *mut Str, b: *mut Str) -> Result<*mut Str> {
        // SAFETY: as the caller says.
        unsafe {
            let len = (*a).len.saturating_add((*b).len);
            if len > PIECE && !crate::heap::Heap::is_node_size(len) && (*a).len > 0 && (*b).len > 0
            {
                return self.concat_long(a, b, len);
            }
            Ok(self.heap.concat(a, b)?)
        }
    }

    #[cold]
    unsafe fn concat_long(&mut self, a: *mut Str, b: *mut Str, len: usize) -> Result<*mut Str> {
        let (left, right) = (self.bytes_within(a)?, self.bytes_within(b)?);
        let (s, data) = self.heap.uninit_str(len)?;
        // SAFETY: a fresh string has room for its bytes.
        unsafe {
            self.copy_in_pieces(left, data)?;
            self.copy_in_pieces(right, data.add(left.len()))?;
        }
        Ok(s)
    }

    /// Copies `bytes` to `to` with looks at the limits.
    ///
    /// # Errors
    /// The limit that was reached: not all was copied.
    ///
    /// # Safety
    /// There is room for all of `bytes` at `to`, apart from `bytes`.
    pub unsafe fn copy_in_pieces(&mut self, bytes: &[u8], to: *mut u8) -> Result<()> {
        let mut at = 0;
        for piece in bytes.chunks(PIECE) {
            // SAFETY: `at + piece.len()` is at most `bytes.len()`.
            unsafe {
                to.add(at)
                    .copy_from_nonoverlapping(piece.as_ptr(), piece.len());
            }
            at += piece.len();
            self.tick(piece.len() as u64 / 8)?;
        }
        Ok(())
    }

    #[cold]
    fn tick_slow(&mut self) -> Result<()> {
        let steps = std::mem::take(&mut self.limits.steps);
        // An instruction takes a few nanoseconds.
        if !self.limits.charge_instructions(steps / 4) {
            return Err(Error::limit(Limit::Instructions));
        }
        if self.heap.poll.load(Ordering::Relaxed) & poll::INTERRUPT != 0 {
            self.check_interrupt()?;
        }
        Ok(())
    }
}
