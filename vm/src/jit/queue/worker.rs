//! The queue's thread.

use super::{Failure, Job, Shared, State, Waiting};
use crate::stress::Delivery;
use parking_lot::MutexGuard;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Native stack: passes of an optimizer are recursive.
pub(super) const STACK: usize = 16 << 20;

/// Does jobs until the queue is closed.
pub(super) fn run<J: Job>(shared: &Shared<J>) {
    // A program that waits for it is not to wait longer.
    if shared.options.patient && shared.options.delivery == Delivery::Ready {
        strata_runtime::os::make_way();
    }
    let mut tools = J::Tools::default();
    while let Some(Waiting { serial, job, .. }) = next(shared) {
        let start = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| job.run(&mut tools)));
        let result = result.map_err(|panic| {
            // Whatever state they are in, they are not used again.
            let broken = std::mem::take(&mut tools);
            let _ = catch_unwind(AssertUnwindSafe(|| drop(broken)));
            Failure::Panicked(message(&*panic))
        });
        let mut state = shared.state.lock();
        state.worked += start.elapsed();
        if state.quit {
            return;
        }
        if state.cancelled == Some(serial) {
            drop(state);
            continue;
        }
        state.done.push((serial, result));
        drop(state);
        shared.finished.notify_all();
        (shared.wake)();
    }
}

/// The hottest job, when there is one and time for it; `None` when the queue
/// is closed, or there was none for long.
fn next<J: Job>(shared: &Shared<J>) -> Option<Waiting<J>> {
    let mut state = shared.state.lock();
    loop {
        if state.quit {
            return None;
        }
        let all = state.waiting.iter().enumerate();
        let Some((n, _)) = all.min_by_key(|(_, w)| w.rank(shared.options.patient)) else {
            let waited = shared.work.wait_for(&mut state, shared.options.idle);
            if waited.timed_out() && state.waiting.is_empty() && !state.quit {
                state.idle = true;
                return None;
            }
            continue;
        };
        match overtime(shared, &state) {
            None => return Some(state.waiting.swap_remove(n)),
            Some(rest) => {
                shared.work.wait_for(&mut state, rest);
            }
        }
    }
}

/// How long the worker has to rest, if it has worked too much.
fn overtime<J: Job>(shared: &Shared<J>, state: &MutexGuard<'_, State<J>>) -> Option<Duration> {
    let options = &shared.options;
    if options.delivery != Delivery::Ready {
        return None;
    }
    let over = state.worked.checked_sub(options.advance)?;
    // So much time has to pass until that is the worker's share of it.
    let needed = over * 100 / options.share.max(1);
    needed
        .checked_sub(shared.started.elapsed())
        .filter(|rest| !rest.is_zero())
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("unknown").to_string()
}
