//! Threads that several queues share.
//!
//! A host with many VMs does not want a compile thread for each. A *crew* is a
//! thread that does the jobs of all queues that were made
//! with it ([`Queue::new`](super::Queue::new)): each submission puts the queue on the
//! crew's list, and when that comes up the queue's hottest job is done, so that
//! queues take turns. The time that a crew may work is bounded as a worker's is,
//! for all queues together.
//!
//! Closing a queue does not wait for a job of it that runs: its result is dropped.
//! The thread ends, and is waited for, when the last handle of the crew is
//! dropped; as a worker does, it also ends for want of work.

use super::worker::{STACK, lets_pass, overtime, perform, take_hottest};
use super::{Job, Options, Shared};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A handle of a crew.
pub(crate) struct Crew<J: Job>(Arc<Owner<J>>);

impl<J: Job> Clone for Crew<J> {
    fn clone(&self) -> Crew<J> {
        Crew(Arc::clone(&self.0))
    }
}

/// Ends the thread with the last handle.
struct Owner<J: Job>(Arc<Inner<J>>);

struct Inner<J: Job> {
    state: Mutex<State<J>>,
    work: Condvar,
    options: Options,
    started: Instant,
}

struct State<J: Job> {
    /// Queues with jobs, once for each submission.
    queues: VecDeque<Arc<Shared<J>>>,
    thread: Option<JoinHandle<()>>,
    /// The thread has ended for want of work.
    idle: bool,
    quit: bool,
    worked: Duration,
}

impl<J: Job> Crew<J> {
    /// One without a thread yet; of the options, those that are about the thread
    /// count.
    pub(crate) fn new(options: Options) -> Crew<J> {
        Crew(Arc::new(Owner(Arc::new(Inner {
            state: Mutex::new(State {
                queues: VecDeque::new(),
                thread: None,
                idle: false,
                quit: false,
                worked: Duration::ZERO,
            }),
            work: Condvar::new(),
            options,
            started: Instant::now(),
        }))))
    }

    /// A job was submitted to this queue.
    pub(super) fn submitted(&self, queue: &Arc<Shared<J>>) -> io::Result<()> {
        let inner = &self.0.0;
        let mut state = inner.state.lock();
        if std::mem::take(&mut state.idle)
            && let Some(ended) = state.thread.take()
        {
            // It can't have panicked: jobs that do are caught. It needs the lock no
            // more.
            let _ = ended.join();
        }
        if state.thread.is_none() {
            let shared = Arc::clone(inner);
            let thread = std::thread::Builder::new()
                .name("strata-compile".into())
                .stack_size(STACK)
                .spawn(move || shared.run())?;
            state.thread = Some(thread);
        }
        state.queues.push_back(Arc::clone(queue));
        drop(state);
        inner.work.notify_one();
        Ok(())
    }
}

impl<J: Job> Inner<J> {
    fn run(&self) {
        if self.options.patient {
            strata_runtime::os::make_way();
        }
        let mut tools = J::Tools::default();
        while let Some(queue) = self.next() {
            let job = take_hottest(&queue, &mut queue.state.lock());
            // Else it was cancelled, or taken back.
            if let Some(job) = job {
                let took = perform(&queue, &mut tools, job);
                self.state.lock().worked += took;
            }
        }
    }

    /// The queue whose turn it is; `None`: there was none for long, or the crew
    /// ends.
    fn next(&self) -> Option<Arc<Shared<J>>> {
        let mut state = self.state.lock();
        let mut since = None;
        loop {
            if state.quit {
                return None;
            }
            if state.queues.is_empty() {
                let waited = self.work.wait_for(&mut state, self.options.idle);
                if waited.timed_out() && state.queues.is_empty() && !state.quit {
                    state.idle = true;
                    return None;
                }
                continue;
            }
            let over = overtime(&self.options, state.worked, self.started)
                .or_else(|| lets_pass(&self.options, &mut since));
            match over {
                None => return state.queues.pop_front(),
                Some(rest) => {
                    self.work.wait_for(&mut state, rest);
                }
            }
        }
    }
}

impl<J: Job> Drop for Owner<J> {
    fn drop(&mut self) {
        let (thread, queues) = {
            let mut state = self.0.state.lock();
            state.quit = true;
            (state.thread.take(), std::mem::take(&mut state.queues))
        };
        drop(queues);
        self.0.work.notify_all();
        if let Some(thread) = thread {
            // It can't have panicked: jobs that do are caught.
            let _ = thread.join();
        }
    }
}
