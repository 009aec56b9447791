//! The background queue: compiles that another thread does while the program
//! runs on.
//!
//! ```text
//!  VM's thread │ submit ──▶ waiting jobs ─┐              ┌──▶ take_ready (at a safepoint)
//!  ────────────┼──────────────────────────┼──────────────┼───────────────────────────────
//!  worker      │                          └──▶ run ──▶ results, poll word
//! ```
//!
//! A *job* ([`Job`]) owns all it needs, a snapshot of what it compiles, and
//! makes an output. It has a *key*, the function it is for, and a *priority*:
//! of the jobs that wait the hottest is next. The worker is one thread per
//! queue, started by the first job, and ended when the queue is closed; or the
//! queue belongs to a [`Crew`], which several share. It
//! never touches the VM, except that it makes a running program look at its
//! results ([`Waker`](strata_runtime::limits::Waker)).
//!
//! - The program never waits for the worker, except in [`close`](Queue::close):
//!   a job that runs can't be interrupted. For a crew it does not wait.
//! - The number of jobs that wait is bounded; the coldest makes room.
//! - The worker's time is bounded by a share of the time that has passed.
//! - [`cancel`](Queue::cancel) forgets a job: if it runs already, its result is
//!   dropped. A job for a key replaces one that has not been taken yet.
//! - Who would rather do a job than wait any longer may take it back, unless the
//!   worker has begun it.
//! - A job that panics is a [`Failure`] like others.
//!
//! # Determinism
//! When a result arrives is a matter of chance. For tests a [`Delivery`] other
//! than *when ready* fixes that: the number of [`take_ready`](Queue::take_ready)
//! calls (of safepoints) after which a result is handed over is known when the
//! job is submitted, and whoever takes it then waits for it.

mod crew;
#[cfg(test)]
mod tests;
mod worker;

pub(crate) use crew::Crew;

use crate::stress::Delivery;
use parking_lot::{Condvar, Mutex};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Work for the queue's thread.
pub(crate) trait Job: Send + 'static {
    /// What it makes.
    type Output: Send + 'static;
    /// What the thread keeps from one job to the next, such as a compiler.
    /// Made anew after a job that panicked.
    type Tools: Default;

    /// Does it.
    fn run(self, tools: &mut Self::Tools) -> Self::Output;
}

/// Why a job has no output.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// It panicked.
    #[error("it panicked: {0}")]
    Panicked(String),
    /// It made room for a hotter one, or its result was thrown away for a test.
    #[error("it was dropped")]
    Dropped,
}

/// Why a job was not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// As many as may wait do, and all are hotter.
    #[error("the queue is full")]
    Full,
    /// The queue is closed.
    #[error("the queue is closed")]
    Closed,
    /// The thread can't be started.
    #[error("no thread: {0}")]
    Thread(#[from] io::Error),
}

/// How far apart results may be when they are reordered, in looks.
const APART: u64 = 64;

/// How a queue works.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Options {
    /// Jobs that may wait.
    pub length: usize,
    /// How much of the time that has passed the worker may have worked, in
    /// percent.
    pub share: u32,
    /// Time it may work in addition, for the beginning.
    pub advance: Duration,
    /// Time without work after which the worker ends, and frees what it holds.
    pub idle: Duration,
    /// When results are handed over. If not when they are ready, the worker's
    /// time is not bounded.
    pub delivery: Delivery,
    /// Seed of what is random.
    pub seed: u64,
    /// The worker makes way for other threads, and of jobs that are equally hot
    /// it does the newest first: that one is for what runs now.
    pub patient: bool,
    /// How long a patient worker waits with a job while others, those that are not
    /// patient, have work: with few processors what it takes from them and from the
    /// program is more than its code gains.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            length: 64,
            share: 50,
            advance: Duration::from_millis(250),
            idle: Duration::from_secs(5),
            delivery: Delivery::Ready,
            seed: 1,
            patient: false,
            patience: Duration::from_millis(100),
        }
    }
}

/// Identifies a job among all of its queue, also those of the same key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Serial(u64);

/// A job that waits.
struct Waiting<J> {
    serial: Serial,
    priority: u32,
    job: J,
}

impl<J> Waiting<J> {
    /// Ascending in the order in which they are done: the hottest first, of
    /// equals the oldest, or the newest.
    fn rank(&self, patient: bool) -> (Reverse<u32>, u64) {
        let Serial(n) = self.serial;
        (Reverse(self.priority), if patient { !n } else { n })
    }
}

/// What both threads see.
struct State<J: Job> {
    waiting: Vec<Waiting<J>>,
    done: Vec<(Serial, Result<J::Output, Failure>)>,
    /// Time the worker has worked.
    worked: Duration,
    /// The job that runs was cancelled, if it is this one.
    cancelled: Option<Serial>,
    /// The worker is to end.
    quit: bool,
    /// It has ended for want of work, and starts again when there is some.
    idle: bool,
}

struct Shared<J: Job> {
    state: Mutex<State<J>>,
    /// There is a job, or the worker is to end.
    work: Condvar,
    /// There is a result.
    finished: Condvar,
    options: Options,
    started: Instant,
    /// Called when there is a result, on the worker's thread.
    wake: Box<dyn Fn() + Send + Sync>,
}

/// A job that was submitted, neither taken nor cancelled.
struct Pending {
    serial: Serial,
    /// The look at which it is handed over, if that is fixed.
    due: Option<u64>,
    /// It is thrown away then.
    thrown_away: bool,
}

/// The queue. It belongs to the VM's thread; the worker is inside.
pub(crate) struct Queue<J: Job> {
    shared: Arc<Shared<J>>,
    worker: Option<JoinHandle<()>>,
    /// Does the jobs instead of a worker of its own.
    crew: Option<Crew<J>>,
    pending: HashMap<u64, Pending>,
    /// Jobs so far.
    submitted: u64,
    /// Calls of `take_ready` so far.
    looks: u64,
    /// State of a generator of random numbers.
    random: u64,
    closed: bool,
}

impl<J: Job> std::fmt::Debug for Queue<J> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Queue({} pending)", self.pending.len())
    }
}

impl<J: Job> Queue<J> {
    /// A queue without a thread yet, or whose jobs a crew does where results are
    /// handed over when they are ready. `wake` is called, on another thread, when
    /// there is something to take.
    pub(crate) fn new(
        options: Options,
        crew: Option<Crew<J>>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Queue<J> {
        Queue {
            pending: HashMap::new(),
            worker: None,
            crew: crew.filter(|_| options.delivery == Delivery::Ready),
            submitted: 0,
            looks: 0,
            random: options.seed | 1,
            closed: false,
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    waiting: Vec::new(),
                    done: Vec::new(),
                    worked: Duration::ZERO,
                    cancelled: None,
                    quit: false,
                    idle: false,
                }),
                work: Condvar::new(),
                finished: Condvar::new(),
                options,
                started: Instant::now(),
                wake: Box::new(wake),
            }),
        }
    }

    /// Has `job` done for `key`; what was submitted for it before is
    /// cancelled.
    ///
    /// # Errors
    /// It isn't going to be done.
    pub(crate) fn submit(&mut self, key: u64, priority: u32, job: J) -> Result<(), Refused> {
        if self.closed {
            return Err(Refused::Closed);
        }
        self.cancel(key);
        self.submitted += 1;
        let serial = Serial(self.submitted);
        let waiting = Waiting {
            serial,
            priority,
            job,
        };
        // Dropped when the lock is free again.
        let mut colder = None;
        {
            let mut state = self.shared.state.lock();
            if state.waiting.len() >= self.shared.options.length {
                let all = state.waiting.iter().enumerate();
                let rank = |w: &Waiting<J>| w.rank(self.shared.options.patient);
                match all.max_by_key(|(_, w)| rank(w)).map(|(n, _)| n) {
                    Some(n) if state.waiting[n].priority < priority => {
                        let out = state.waiting.swap_remove(n);
                        state.done.push((out.serial, Err(Failure::Dropped)));
                        colder = Some(out);
                    }
                    _ => return Err(Refused::Full),
                }
            }
            state.waiting.push(waiting);
        }
        if colder.is_some() {
            self.shared.finished.notify_all();
            (self.shared.wake)();
        }
        if let Err(e) = self.start() {
            self.shared.state.lock().waiting.clear();
            return Err(e.into());
        }
        self.shared.work.notify_one();
        let pending = self.expect(serial);
        self.pending.insert(key, pending);
        Ok(())
    }

    /// Starts the worker, if there is none.
    fn start(&mut self) -> io::Result<()> {
        if let Some(crew) = &self.crew {
            return crew.submitted(&self.shared);
        }
        if std::mem::take(&mut self.shared.state.lock().idle)
            && let Some(ended) = self.worker.take()
        {
            // It can't have panicked: jobs that do are caught.
            let _ = ended.join();
        }
        if self.worker.is_none() {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new()
                .name("strata-compile".into())
                .stack_size(worker::STACK)
                .spawn(move || worker::run(&shared))?;
            self.worker = Some(thread);
        }
        Ok(())
    }

    /// When and how a job's result is handed over.
    fn expect(&mut self, serial: Serial) -> Pending {
        let looks = self.looks;
        let (due, thrown_away) = match self.shared.options.delivery {
            Delivery::Ready => (None, false),
            Delivery::Sync => (Some(looks + 1), false),
            Delivery::Delay(n) => (Some(looks + u64::from(n)), false),
            Delivery::Reorder => (Some(looks + 1 + self.random() % APART), false),
            Delivery::Drop => (Some(looks + 1), self.random() & 1 == 0),
        };
        Pending {
            serial,
            due,
            thrown_away,
        }
    }

    /// A random number (xorshift; its high bits are the better ones).
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 32
    }

    /// Forgets the job of `key`, if there is one.
    pub(crate) fn cancel(&mut self, key: u64) {
        let Some(Pending { serial, .. }) = self.pending.remove(&key) else {
            return;
        };
        let mut state = self.shared.state.lock();
        let found = state.waiting.iter().position(|w| w.serial == serial);
        let job = found.map(|n| state.waiting.swap_remove(n));
        let found = state.done.iter().position(|(s, _)| *s == serial);
        let result = found.map(|n| state.done.swap_remove(n));
        state.cancelled = match (&job, &result) {
            (None, None) => Some(serial),
            _ => state.cancelled,
        };
        drop(state);
        drop((job, result));
    }

    /// Takes back the job of `key` if the worker has not begun it, for whoever
    /// would rather do it than wait. Where it is fixed when a result is handed
    /// over, no job is given back.
    pub(crate) fn take_back(&mut self, key: u64) -> Option<J> {
        let pending = self.pending.get(&key).filter(|p| p.due.is_none())?;
        let mut state = self.shared.state.lock();
        let waiting = &mut state.waiting;
        let n = waiting.iter().position(|w| w.serial == pending.serial)?;
        let job = waiting.swap_remove(n).job;
        drop(state);
        self.pending.remove(&key);
        Some(job)
    }

    /// Whether a job of `key` was submitted and its result is not taken.
    #[allow(dead_code, reason = "the optimizing compiler asks it")]
    pub(crate) fn pending(&self, key: u64) -> bool {
        self.pending.contains_key(&key)
    }

    /// Jobs whose results are not taken.
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// The results there are: keys, and outputs or why there are none.
    pub(crate) fn take_ready(
        &mut self,
    ) -> impl Iterator<Item = (u64, Result<J::Output, Failure>)> + use<J> {
        self.looks += 1;
        let mut ready = Vec::new();
        for (serial, key) in self.due() {
            let result = self.wait_for(serial);
            match self.pending.remove(&key) {
                Some(p) if p.thrown_away => ready.push((key, Err(Failure::Dropped))),
                _ => ready.push((key, result)),
            }
        }
        let done = match self.shared.options.delivery {
            Delivery::Ready => std::mem::take(&mut self.shared.state.lock().done),
            _ => Vec::new(),
        };
        for (serial, result) in done {
            let key = self.pending.iter().find(|(_, p)| p.serial == serial);
            if let Some(key) = key.map(|(key, _)| *key) {
                self.pending.remove(&key);
                ready.push((key, result));
            }
        }
        ready.into_iter()
    }

    /// The jobs that are handed over at this look, where that is fixed.
    fn due(&self) -> Vec<(Serial, u64)> {
        let due = |(key, p): (&u64, &Pending)| {
            let look = p.due.filter(|look| *look <= self.looks)?;
            Some((look, p.serial, *key))
        };
        let mut all: Vec<_> = self.pending.iter().filter_map(due).collect();
        all.sort_unstable();
        all.into_iter()
            .map(|(_, serial, key)| (serial, key))
            .collect()
    }

    /// The result of a job that was not cancelled, as soon as there is one.
    fn wait_for(&self, serial: Serial) -> Result<J::Output, Failure> {
        let mut state = self.shared.state.lock();
        loop {
            if let Some(n) = state.done.iter().position(|(s, _)| *s == serial) {
                return state.done.swap_remove(n).1;
            }
            self.shared.finished.wait(&mut state);
        }
    }

    /// Drops the jobs that wait and ends the worker, which finishes the job it
    /// is at. A crew is not waited for.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.pending.clear();
        let mut state = self.shared.state.lock();
        state.quit = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop(waiting);
        self.shared.work.notify_all();
        if let Some(worker) = self.worker.take() {
            // It can't have panicked: jobs that do are caught.
            let _ = worker.join();
        }
        let done = std::mem::take(&mut self.shared.state.lock().done);
        drop(done);
    }
}

impl<J: Job> Drop for Queue<J> {
    fn drop(&mut self) {
        self.close();
    }
}
