//! What takes time: waits that end, and limits on time.
//!
//! One thread for a whole system. An actor is on its list once at most: when it
//! comes up, the actor says whether its wait is over or when to look again, so
//! that waits which are over sooner, as most are, cost nothing here. What runs is
//! watched, a *watch* for each worker; while anything does, the thread looks each
//! [`TICK`]: whether a limit on time was reached, and whether others wait for a thread
//! that an actor has had for its *quantum*: then that is asked to give way.

use super::actor::Actor;
use parking_lot::{Condvar, Mutex};
use std::cmp::Ordering as Order;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use strata_runtime::limits::Interrupter;

/// How often what runs is looked at.
const TICK: Duration = Duration::from_millis(5);
/// Looks without anything to watch after which there are none until there is.
const IDLE: u32 = 100;

struct Entry {
    at: Instant,
    actor: Arc<Actor>,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        self.at == other.at
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Entry) -> Option<Order> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The earliest is the greatest.
    fn cmp(&self, other: &Entry) -> Order {
        other.at.cmp(&self.at)
    }
}

#[derive(Default)]
struct State {
    entries: BinaryHeap<Entry>,
    quit: bool,
}

/// What a worker runs.
pub(super) struct Running {
    interrupter: Interrupter,
    /// When it has to be stopped.
    until: Option<Instant>,
    /// How often it was looked at.
    looks: u32,
}

impl Running {
    pub(super) fn new(interrupter: Interrupter, until: Option<Instant>) -> Running {
        Running {
            interrupter,
            until,
            looks: 0,
        }
    }
}

/// The list, and what the thread needs.
pub(super) struct Timer {
    state: Mutex<State>,
    changed: Condvar,
    watches: Box<[Mutex<Option<Running>>]>,
    /// Looks after which what runs gives way.
    quantum: Option<u32>,
    /// The thread looks at the watches.
    ticking: AtomicBool,
}

impl Timer {
    pub(super) fn new(workers: usize, quantum: Option<Duration>) -> Timer {
        let looks = |time: Duration| time.as_nanos().div_ceil(TICK.as_nanos()).max(1);
        let looks = quantum.map(|time| u32::try_from(looks(time)).unwrap_or(u32::MAX));
        Timer {
            state: Mutex::default(),
            changed: Condvar::new(),
            watches: (0..workers).map(|_| Mutex::default()).collect(),
            quantum: looks,
            ticking: AtomicBool::new(false),
        }
    }

    /// Has `actor` looked at then.
    pub(super) fn at(&self, at: Instant, actor: Arc<Actor>) {
        let mut state = self.state.lock();
        let first = state.entries.peek().is_none_or(|e| at < e.at);
        state.entries.push(Entry { at, actor });
        drop(state);
        if first {
            self.changed.notify_one();
        }
    }

    /// What `worker` runs from now on.
    pub(super) fn watch(&self, worker: usize, running: Option<Running>) {
        let some = running.is_some();
        let before = std::mem::replace(&mut *self.watches[worker].lock(), running);
        drop(before);
        // Most often it is ticking: then nothing is written.
        let ticks =
            || self.ticking.load(Ordering::SeqCst) || self.ticking.swap(true, Ordering::SeqCst);
        if some && !ticks() {
            // Taken, so that the thread is either before its look, or waits.
            drop(self.state.lock());
            self.changed.notify_one();
        }
    }

    /// Moves the limit of what `worker` runs.
    pub(super) fn extend(&self, worker: usize, until: Instant) {
        if let Some(running) = &mut *self.watches[worker].lock() {
            running.until = Some(until);
        }
    }

    /// Ends the thread.
    pub(super) fn quit(&self) {
        let entries = {
            let mut state = self.state.lock();
            state.quit = true;
            std::mem::take(&mut state.entries)
        };
        drop(entries);
        self.changed.notify_one();
    }

    /// What the thread does. `waiting`: whether actors wait for a thread.
    pub(super) fn run(&self, waiting: impl Fn() -> bool) {
        let mut idle = 0;
        loop {
            let mut state = self.state.lock();
            if state.quit {
                return;
            }
            let now = Instant::now();
            let mut due = Vec::new();
            while state.entries.peek().is_some_and(|e| e.at <= now) {
                due.extend(state.entries.pop());
            }
            if due.is_empty() {
                let next = state.entries.peek().map(|e| e.at);
                let tick = self.ticking.load(Ordering::SeqCst).then(|| now + TICK);
                match next.into_iter().chain(tick).min() {
                    Some(at) => {
                        self.changed.wait_until(&mut state, at);
                    }
                    None => self.changed.wait(&mut state),
                }
            }
            drop(state);
            for Entry { actor, .. } in due {
                if let Some(at) = actor.time_passes(now) {
                    self.at(at, actor);
                }
            }
            if self.ticking.load(Ordering::SeqCst) {
                idle = match self.look(&waiting) {
                    true => 0,
                    false => idle + 1,
                };
                if idle > IDLE {
                    idle = 0;
                    self.ticking.store(false, Ordering::SeqCst);
                    // One may have come since the look.
                    if self.look(&waiting) {
                        self.ticking.store(true, Ordering::SeqCst);
                    }
                }
            }
        }
    }

    /// Looks at what runs: whether anything does.
    fn look(&self, waiting: &impl Fn() -> bool) -> bool {
        let now = Instant::now();
        let mut any = false;
        for watch in &self.watches {
            if let Some(running) = &mut *watch.lock() {
                any = true;
                running.looks = running.looks.saturating_add(1);
                if running.until.is_some_and(|until| until <= now) {
                    running.interrupter.check_deadline();
                }
                // The first look may have come just after its turn began.
                if self.quantum.is_some_and(|most| running.looks > most) && waiting() {
                    running.interrupter.give_way();
                }
            }
        }
        any
    }
}
