//! What the functions of the library share in one VM ([`Context`]), and the values
//! that stand for actors there.

use super::Message;
use super::actor::{Actor, ActorRef, Envelope};
use super::copy_in::Loaded;
use super::machine::Pause;
use super::reply::ReplyTo;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use strata_runtime::Vm;
use strata_runtime::error::Result;
use strata_runtime::metatable::set_userdata_metatable;
use strata_runtime::native::Cx;
use strata_runtime::ops::meta::set_error;
use strata_runtime::table;
use strata_runtime::value::{Value, tag};

/// Where the registry keeps what natives of a VM share.
pub(super) const KEY: &[u8] = b"strata.actors";

/// Who runs a VM.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Host {
    /// The workers of a system.
    Worker,
    /// A thread of the host, which may wait.
    Thread,
}

/// What the functions of one VM share.
pub(super) struct Context {
    pub actor: Arc<Actor>,
    pub host: Host,
    pub state: Mutex<State>,
    pub held: Held,
}

/// Handles of what the library needs at hand.
pub(super) struct Held {
    /// The metatable of references.
    pub meta: u32,
    /// References by the numbers of their actors; weak.
    pub references: u32,
    /// The function that waits.
    pub pause: u32,
}

/// The part that changes.
#[derive(Default)]
pub(super) struct State {
    /// Address of the coroutine that drives the actor.
    pub driver: usize,
    pub worker: usize,
    /// Messages that it may handle in this turn.
    pub batch: u32,
    /// What the driver waits for.
    pub pause: Pause,
    /// The message that a handler handles.
    pub handled: Option<Letter>,
    /// The message that `receive` gave it last.
    pub received: Option<Letter>,
    pub loaded: Loaded,
    /// Time left for the message at hand, while it waits.
    pub left: Option<Duration>,
}

/// What is kept of a message while it is handled.
pub(super) struct Letter {
    pub from: Option<ActorRef>,
    pub reply: Option<ReplyTo>,
}

impl State {
    /// The message at hand.
    pub(super) fn letter(&mut self) -> Option<&mut Letter> {
        self.received.as_mut().or(self.handled.as_mut())
    }
}

impl Context {
    /// A worker begins a turn.
    pub(super) fn begin_turn(&self, worker: usize, batch: u32) {
        let mut state = self.state.lock();
        state.worker = worker;
        state.batch = batch;
    }

    /// A message is about to be handled, by a handler or by who called `receive`:
    /// its values.
    pub(super) fn accept(&self, vm: &mut Vm, envelope: Envelope, for_handler: bool) -> Message {
        let Envelope {
            message,
            from,
            reply,
            ..
        } = envelope;
        let limits = &self.actor.limits;
        if let Some(n) = limits.instructions {
            vm.limits.instructions = i64::try_from(n).unwrap_or(i64::MAX);
        }
        if let Some(time) = limits.time {
            self.limit_time(vm, time);
        }
        self.actor.handled.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state.lock();
        let letter = Some(Letter { from, reply });
        let old = match for_handler {
            true => std::mem::replace(&mut state.handled, letter),
            false => std::mem::replace(&mut state.received, letter),
        };
        drop(state);
        // Its reply, if there was none, is that there is none.
        drop(old);
        message
    }

    /// The ways back of the messages at hand.
    pub(super) fn take_replies(&self) -> Vec<ReplyTo> {
        let mut state = self.state.lock();
        let letters = [state.received.take(), state.handled.take()];
        let replies = letters.into_iter().flatten();
        replies.filter_map(|letter| letter.reply).collect()
    }

    /// Forgets all that it waits for.
    pub(super) fn end_wait(&self) {
        self.actor.mailbox.lock().end_wait();
    }
}

// ---- references

/// The context of a VM, if it takes part.
pub(super) fn installed(vm: &mut Vm) -> Option<Arc<Context>> {
    let registry = Value::table(vm.registry);
    let key = vm.heap.str(KEY);
    // SAFETY: the registry is live.
    let v = unsafe { table::get_str(registry.as_table(), key) };
    of_value(v)
}

fn of_value(v: Value) -> Option<Arc<Context>> {
    if v.tag != tag::USERDATA {
        return None;
    }
    // SAFETY: the tag says that it is a userdata; the caller's value is live.
    let data = unsafe { (*v.as_userdata()).data.as_ref()? };
    data.downcast_ref::<Arc<Context>>().cloned()
}

/// The context of the running function of the library.
pub(super) fn context(cx: &mut Cx<'_>) -> Result<Arc<Context>> {
    let v = cx.upval(0);
    of_value(v).ok_or_else(|| cx.error("the actor has ended"))
}

/// The value that stands for an actor in a VM: always the same as long as the VM
/// has it.
///
/// # Errors
/// The VM takes part in no system; its memory limit.
pub(super) fn reference(vm: &mut Vm, actor: ActorRef) -> Result<Value> {
    let Some(context) = installed(vm) else {
        let text = b"a reference to an actor came to a VM that is attached to no system";
        return Err(vm.error_at(0, text));
    };
    let references = vm.handles.get(context.held.references).as_table();
    let id = actor.id() as i64;
    // SAFETY: the table is held.
    let known = unsafe { table::get_int(references, id) };
    if known.tag == tag::USERDATA {
        return Ok(known);
    }
    let meta = vm.handles.get(context.held.meta).as_table();
    let u = vm.heap.new_userdata(Box::new(actor), 0, 0);
    // SAFETY: the userdata was just made; both tables are held.
    unsafe {
        set_userdata_metatable(vm, u, meta);
        let set = table::set_int(vm, references, id, Value::userdata(u));
        set.map_err(|e| set_error(vm, e))?;
    }
    Ok(Value::userdata(u))
}

/// Argument `i`, which must be a reference.
pub(super) fn check_actor(cx: &mut Cx<'_>, i: usize) -> Result<ActorRef> {
    let v = cx.arg(i);
    if v.tag == tag::USERDATA {
        // SAFETY: the tag says that it is a userdata, which its slot keeps.
        let data = unsafe { (*v.as_userdata()).data.as_ref() };
        if let Some(actor) = data.and_then(|data| data.downcast_ref::<ActorRef>()) {
            return Ok(actor.clone());
        }
    }
    Err(cx.type_error(i, "actor"))
}
