//! The queue's thread.

use super::{Failure, Job, Options, Shared, State, Waiting};
use crate::stress::Delivery;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
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
    while let Some(job) = next(shared) {
        perform(shared, &mut tools, job);
    }
}

/// Jobs of workers that are not patient, of all VMs: they share the processors.
static HURRIED: AtomicUsize = AtomicUsize::new(0);

/// How often a patient worker looks whether there are any.
const LOOK: Duration = Duration::from_millis(1);

/// How long a worker waits before it looks again whether it may begin; `since`: from
/// when on it has waited with its job.
pub(super) fn lets_pass(options: &Options, since: &mut Option<Instant>) -> Option<Duration> {
    if !options.patient || HURRIED.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let waited = since.get_or_insert_with(Instant::now).elapsed();
    (waited < options.patience).then_some(LOOK)
}

/// Does one job: how long it took.
pub(super) fn perform<J: Job>(
    shared: &Shared<J>,
    tools: &mut J::Tools,
    Waiting { serial, job, .. }: Waiting<J>,
) -> Duration {
    let start = Instant::now();
    let hurried = usize::from(!shared.options.patient);
    HURRIED.fetch_add(hurried, Ordering::Relaxed);
    let result = catch_unwind(AssertUnwindSafe(|| job.run(tools)));
    let result = result.map_err(|panic| {
        // Whatever state they are in, they are not used again.
        let broken = std::mem::take(tools);
        let _ = catch_unwind(AssertUnwindSafe(|| drop(broken)));
        Failure::Panicked(crate::panic_text(&*panic))
    });
    HURRIED.fetch_sub(hurried, Ordering::Relaxed);
    let took = start.elapsed();
    let mut state = shared.state.lock();
    state.worked += took;
    if !state.quit && state.cancelled != Some(serial) {
        state.done.push((serial, result));
        drop(state);
        shared.finished.notify_all();
        (shared.wake)();
    }
    took
}

/// The hottest job, when there is one and time for it; `None` when the queue
/// is closed, or there was none for long.
fn next<J: Job>(shared: &Shared<J>) -> Option<Waiting<J>> {
    let mut state = shared.state.lock();
    let mut since = None;
    loop {
        if state.quit {
            return None;
        }
        if state.waiting.is_empty() {
            let waited = shared.work.wait_for(&mut state, shared.options.idle);
            if waited.timed_out() && state.waiting.is_empty() && !state.quit {
                state.idle = true;
                return None;
            }
            continue;
        }
        let over = match shared.options.delivery {
            Delivery::Ready => overtime(&shared.options, state.worked, shared.started)
                .or_else(|| lets_pass(&shared.options, &mut since)),
            _ => None,
        };
        match over {
            None => return take_hottest(shared, &mut state),
            Some(rest) => {
                shared.work.wait_for(&mut state, rest);
            }
        }
    }
}

/// The hottest job that waits.
pub(super) fn take_hottest<J: Job>(shared: &Shared<J>, state: &mut State<J>) -> Option<Waiting<J>> {
    let all = state.waiting.iter().enumerate();
    let (n, _) = all.min_by_key(|(_, w)| w.rank(shared.options.patient))?;
    Some(state.waiting.swap_remove(n))
}

/// How long a thread has to rest that has worked so long since it was started, if
/// that is too much.
pub(super) fn overtime(options: &Options, worked: Duration, started: Instant) -> Option<Duration> {
    let over = worked.checked_sub(options.advance)?;
    // So much time has to pass until that is the worker's share of it.
    let needed = over * 100 / options.share.max(1);
    needed
        .checked_sub(started.elapsed())
        .filter(|rest| !rest.is_zero())
}
