//! What takes time: waits that end, and limits on time.
//!
//! One thread for a whole system. An actor is on its list once at most: when it
//! comes up, the actor says whether its wait is over or when to look again, so
//! that waits which are over sooner, as most are, cost nothing here. Limits are
//! watched for the actors that run, a *watch* for each worker; while there are
//! any the thread looks each [`TICK`].

use super::actor::Actor;
use parking_lot::{Condvar, Mutex};
use std::cmp::Ordering as Order;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use strata_runtime::limits::Interrupter;

/// How often limits on time are looked at.
const TICK: Duration = Duration::from_millis(5);
/// Looks without a limit to watch after which there are none until there is one.
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

/// A limit on time of what a worker runs.
pub(super) type Watch = Mutex<Option<(Instant, Interrupter)>>;

/// The list, and what the thread needs.
pub(super) struct Timer {
    state: Mutex<State>,
    changed: Condvar,
    watches: Box<[Watch]>,
    /// The thread looks at the watches.
    ticking: AtomicBool,
}

impl Timer {
    pub(super) fn new(workers: usize) -> Timer {
        Timer {
            state: Mutex::default(),
            changed: Condvar::new(),
            watches: (0..workers).map(|_| Mutex::default()).collect(),
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

    /// What `worker` runs has to be stopped then.
    pub(super) fn watch(&self, worker: usize, limit: Option<(Instant, Interrupter)>) {
        let some = limit.is_some();
        *self.watches[worker].lock() = limit;
        if some && !self.ticking.swap(true, Ordering::SeqCst) {
            // Taken, so that the thread is either before its look, or waits.
            drop(self.state.lock());
            self.changed.notify_one();
        }
    }

    /// Moves the limit of what `worker` runs.
    pub(super) fn extend(&self, worker: usize, until: Instant) {
        if let Some((at, _)) = &mut *self.watches[worker].lock() {
            *at = until;
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

    /// What the thread does.
    pub(super) fn run(&self) {
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
                idle = match self.look() {
                    true => 0,
                    false => idle + 1,
                };
                if idle > IDLE {
                    idle = 0;
                    self.ticking.store(false, Ordering::SeqCst);
                    // One may have come since the look.
                    if self.look() {
                        self.ticking.store(true, Ordering::SeqCst);
                    }
                }
            }
        }
    }

    /// Looks at the limits on time: whether there are any.
    fn look(&self) -> bool {
        let now = Instant::now();
        let mut any = false;
        for watch in &self.watches {
            if let Some((at, interrupter)) = &*watch.lock() {
                any = true;
                if *at <= now {
                    interrupter.check_deadline();
                }
            }
        }
        any
    }
}
