//! Functions that another thread compiles.
//!
//! The baseline compiler's first part, lowering, reads bytecode, feedback and
//! inline caches, so the VM's thread does it. The second, most of the work, is
//! a job of the [`queue`](super::queue). Until its result is taken at a
//! safepoint the function is *pending*: interpreted, or in the code that it has
//! already, if it is compiled again. What its code needs
//! besides machine code lies in its state, so that it goes with the function if
//! that is collected. Assumptions are listed from the first part on: if one
//! breaks the function isn't pending any more.
//!
//! A function without code that is still waiting after some time is taken back: where
//! other programs keep the processors busy, the other thread would be late.
//!
//! The VM's thread does everything itself if the threshold `background` is 0
//! (as under stress, unless that has a say in when results are handed over),
//! where code is listed, and where there is only one processor.

use super::learned::Learned;
use super::queue::{Options, Queue};
use super::{FuncState, events, policy, state_mut};
use crate::interp;
use crate::stress::Delivery;
use crate::tier1::codegen::Job;
use crate::tier1::{self, Failure, Lowered};
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use strata_profiler::{FuncName, Why};
use strata_runtime::Vm;
use strata_runtime::object::ProtoObj;

/// Jobs that may wait: more are hot only where everything is.
const WAITING: usize = 256;

/// How long a function waits for the other thread to begin. Where there is a
/// processor for it, that takes a tenth of this.
const PATIENCE: Duration = Duration::from_millis(1);

/// The tier of the code, and whose it is.
const BY: (u8, &str) = (1, "cranelift");

/// What is kept of a function whose machine code is to come.
pub(crate) struct Pending {
    /// What its code needs.
    pub lowered: Lowered,
    /// The feedback it is made from.
    pub learned: Learned,
    /// Why it is compiled.
    pub reason: &'static str,
    /// Why it is compiled again, if it is.
    pub again: Option<Why>,
    /// Time spent on it so far.
    pub took: Duration,
    /// When it was submitted.
    since: Duration,
    /// The key of its job, and what says that it is still wanted.
    job: Option<(u64, Arc<Ticket>)>,
}

impl Pending {
    /// Of a function that was lowered.
    pub(super) fn new(
        lowered: Lowered,
        learned: Learned,
        (reason, again): (&'static str, Option<Why>),
        took: Duration,
    ) -> Pending {
        Pending {
            lowered,
            learned,
            reason,
            again,
            took,
            since: Duration::ZERO,
            job: None,
        }
    }
}

/// Says that a prototype is there, and pending.
#[derive(Debug)]
struct Ticket {
    /// Its address.
    proto: usize,
}

/// The functions of a VM that are pending.
#[derive(Debug)]
pub(crate) struct Background {
    /// `None`: the VM's thread does everything.
    queue: Option<Queue<Job>>,
    tickets: HashMap<u64, (Weak<Ticket>, FuncName)>,
    submitted: u64,
}

impl Background {
    fn new(vm: &mut Vm) -> Background {
        let waker = vm.waker();
        let seed = vm.heap.seed();
        let data = interp::data(vm);
        let crew = data.jit.threads.as_ref().map(|t| t.baseline().clone());
        let delivery = data.stress.modes.queue;
        let share = data.jit.options.thresholds.background;
        let now = delivery == Delivery::Ready
            && (share == 0 || std::thread::available_parallelism().is_ok_and(|n| n.get() == 1));
        let options = Options {
            length: WAITING,
            delivery,
            seed,
            share,
            ..Options::default()
        };
        Background {
            queue: (!now).then(|| Queue::new(options, crew, move || waker.wake())),
            tickets: HashMap::new(),
            submitted: 0,
        }
    }
}

/// Whether functions are to be compiled by another thread.
pub(super) fn is_on(vm: &mut Vm) -> bool {
    let jit = &interp::data(vm).jit;
    if jit.listings.is_some() || jit.at_once {
        return false;
    }
    if interp::data(vm).jit.background.is_none() {
        let background = Background::new(vm);
        interp::data(vm).jit.background = Some(background);
    }
    let background = &interp::data(vm).jit.background;
    background.as_ref().is_some_and(|b| b.queue.is_some())
}

/// Has another thread go on with `p`. That it has new code now is never true.
///
/// # Safety
/// `p` is live.
pub(super) unsafe fn submit(vm: &mut Vm, p: *mut ProtoObj, job: Job, mut pending: Pending) -> bool {
    // SAFETY: the caller says that `p` is live.
    let proto = unsafe { &mut *p };
    let again = pending.again;
    let name = events::name(proto);
    // All are about as hot; those that had code before are called more.
    let priority = u32::from(again.is_some());
    let b = interp::data(vm).jit.background.as_mut();
    let submitted = b.and_then(|b| {
        b.submitted += 1;
        let queue = b.queue.as_mut()?;
        queue.submit(b.submitted, priority, job).ok()?;
        let ticket = Arc::new(Ticket { proto: p as usize });
        b.tickets
            .insert(b.submitted, (Arc::downgrade(&ticket), name));
        Some((b.submitted, ticket))
    });
    if submitted.is_none() {
        policy::put_off(proto, again);
        return false;
    }
    pending.job = submitted;
    pending.since = interp::data(vm).jit.profiler.elapsed();
    state_mut(proto).pending = Some(Box::new(pending));
    events::queued(vm, proto, BY.0, BY.1);
    if !state_mut(proto).has_code() {
        wait(vm, proto);
    }
    false
}

/// Grants `p`, which is pending, what it may run until it is asked after.
fn wait(vm: &mut Vm, p: &mut ProtoObj) {
    let thresholds = &interp::data(vm).jit.options.thresholds;
    let budget = |n: u32| i32::try_from(n.max(1)).unwrap_or(i32::MAX);
    p.grant_calls(budget(thresholds.calls));
    p.grant_loops(budget(thresholds.back_edges));
}

/// `p` has used up what it was granted as it is pending: whether it has code
/// now. If nobody has begun with it for some time, other programs keep the
/// processors busy, and the VM's thread does it.
///
/// # Safety
/// `p` is live, and pending.
pub(super) unsafe fn still_pending(vm: &mut Vm, p: *mut ProtoObj) -> bool {
    // SAFETY: the caller says that `p` is live.
    let proto = unsafe { &mut *p };
    let now = interp::data(vm).jit.profiler.elapsed();
    let pending = state_mut(proto).pending.as_ref();
    let late = pending.filter(|p| now.saturating_sub(p.since) >= PATIENCE);
    let key = late.and_then(|pending| Some(pending.job.as_ref()?.0));
    let b = interp::data(vm).jit.background.as_mut();
    let job = b.zip(key).and_then(|(b, key)| {
        let job = b.queue.as_mut()?.take_back(key)?;
        b.tickets.remove(&key);
        Some(job)
    });
    let Some(job) = job else {
        wait(vm, proto);
        return false;
    };
    let Some(pending) = state_mut(proto).pending.take() else {
        return false;
    };
    let emitted = tier1::generate(vm, p, job);
    // SAFETY: all of this is of `p`, which is live.
    unsafe { policy::finish(vm, p, *pending, emitted) }
}

/// The function isn't pending any more, if it was, for this reason: what is kept of it.
pub(super) fn cancel(vm: &mut Vm, s: &mut FuncState, why: &'static str) -> Option<Box<Pending>> {
    let pending = s.pending.take()?;
    if let (Some((key, _)), Some(b)) = (&pending.job, &mut interp::data(vm).jit.background) {
        let ticket = b.tickets.remove(key);
        if let Some(queue) = &mut b.queue {
            queue.cancel(*key);
        }
        if let Some((_, name)) = ticket {
            events::cancelled(vm, &name, BY, why);
        }
    }
    Some(pending)
}

/// At a safepoint: installs the code that is there.
#[cold]
pub(super) fn look(vm: &mut Vm) {
    let Some(b) = &mut interp::data(vm).jit.background else {
        return;
    };
    let Some(queue) = &mut b.queue else {
        return;
    };
    if queue.len() == 0 {
        return;
    }
    let ready: Vec<_> = queue.take_ready().collect();
    for (key, result) in ready {
        let b = interp::data(vm).jit.background.as_mut();
        let Some((ticket, name)) = b.and_then(|b| b.tickets.remove(&key)) else {
            continue;
        };
        let Some(ticket) = ticket.upgrade() else {
            events::cancelled(vm, &name, BY, events::GONE);
            continue;
        };
        let p = ticket.proto as *mut ProtoObj;
        // SAFETY: the ticket belongs to the prototype's state, so that it is
        // there; it is only marked for collection if nobody can call it.
        unsafe {
            let Some(pending) = state_mut(&mut *p).pending.take() else {
                continue;
            };
            let result = match result {
                Ok(emitted) => emitted.map_err(Failure::Unsupported),
                Err(super::queue::Failure::Panicked(why)) => Err(Failure::Unsupported(why)),
                Err(super::queue::Failure::Dropped) => {
                    events::cancelled(vm, &name, BY, "others are more wanted");
                    policy::put_off(&mut *p, pending.again);
                    continue;
                }
            };
            policy::finish(vm, p, *pending, result);
        }
    }
}
