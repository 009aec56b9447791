//! What programs call: the library `actors`, and the methods of references.
//!
//! | function | does |
//! |---|---|
//! | `spawn` (f \[, options\]) | starts an actor; its reference |
//! | `supervisor` (\[options\]) | a supervisor, for `spawn` |
//! | `self` () | the reference of this actor |
//! | `sender` () | who sent the message at hand, if that is an actor |
//! | `reply` (…) | replies to the message at hand: whether anyone waits |
//! | `forward` (ref, …) | sends a request on; the reply goes to who asked |
//! | `receive` (\[seconds\]) | the values of the next message; none if there is none in time |
//! | `sleep` (seconds) | waits |
//! | `find` (name) | the actor with this name |
//! | `monitor` (ref) | has this actor told when that one fails or ends |
//!
//! | method | does |
//! |---|---|
//! | `send` (…) | sends a message: `true`, or `false` and why not |
//! | `send_within` (seconds, …) | likewise; waits while the mailbox is full |
//! | `ask` (…), `ask_within` (seconds, …) | sends it, waits, and returns the reply |
//! | `stop` (), `kill` () | has it end: when it has handled what came before, or at once |
//! | `join` (\[seconds\]) | waits until it has ended: the reason (not in actors) |
//! | `id` (), `name` (), `alive` (), `info` () | what there is to say of it |
//!
//! A function that waits notes what for and yields from the coroutine that drives
//! the actor. In a VM that the host runs (a [`Host::Thread`]) its thread waits.

use super::actor::{Actor, ActorRef, Envelope, Stage, What};
use super::context::{
    Context, Held, Host, KEY, Letter, check_actor, context, installed, reference,
};
use super::copy_out::{Refusal, copy_out};
use super::machine::Pause;
use super::reply::{AskError, Asker, ReplyTo, SendError};
use super::{Message, spawning};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use strata_runtime::Vm;
use strata_runtime::error::Result;
use strata_runtime::heap::poll;
use strata_runtime::metatable::set_metatable;
use strata_runtime::native::{Ctl, Cx, Ret, cont, ret};
use strata_runtime::object::{NativeKind, Table};
use strata_runtime::stdlib::{self, Entry, package};
use strata_runtime::value::{NIL, Value};

const FUNCTIONS: &[Entry] = &[
    ("find", find),
    ("forward", forward),
    ("monitor", monitor),
    ("receive", receive),
    ("reply", reply),
    ("self", this),
    ("sender", sender),
    ("sleep", sleep),
    ("spawn", spawning::spawn),
    ("supervisor", spawning::supervisor),
];

const METHODS: &[Entry] = &[
    ("alive", alive),
    ("ask", ask),
    ("ask_within", ask_within),
    ("id", id),
    ("info", info),
    ("join", join),
    ("kill", kill),
    ("name", name),
    ("send", send),
    ("send_within", send_within),
    ("stop", stop),
];

/// Its name.
pub(super) const NAME: &[u8] = b"actors";
/// How long `ask` waits.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a thread that waits looks at its VM's limits.
const LOOK: Duration = Duration::from_millis(20);

/// Functions of the library, with the context as their upvalue.
fn add(vm: &mut Vm, t: *mut Table, entries: &[Entry], upvalue: Value) -> Result<()> {
    for (name, f) in entries {
        let f = vm.heap.new_native(*f, name, NativeKind::Plain, &[upvalue]);
        stdlib::set_field(vm, t, name.as_bytes(), Value::native(f))?;
    }
    Ok(())
}

/// Gives a VM the library, on behalf of `actor`.
///
/// # Errors
/// It has it already; its memory limit.
pub(super) fn install(vm: &mut Vm, actor: &Arc<Actor>, host: Host) -> Result<Arc<Context>> {
    if installed(vm).is_some() {
        return Err(vm.error_at(0, b"the VM is attached to a system of actors already"));
    }
    let methods = stdlib::new_library(vm, &[])?;
    let meta = stdlib::new_library(vm, &[])?;
    let weak = stdlib::new_library(vm, &[])?;
    let references = stdlib::new_library(vm, &[])?;
    let pause = vm.heap.new_native(pause, "pause", NativeKind::Plain, &[]);
    let values = [
        Value::table(meta),
        Value::table(references),
        Value::native(pause),
    ];
    let [meta_held, references_held, pause_held] = values.map(|v| vm.handles.hold(v));
    let mode = vm.str_value(b"v")?;
    stdlib::set_field(vm, weak, b"__mode", mode)?;
    // SAFETY: both were just made.
    unsafe { set_metatable(vm, references, weak) };
    let context = Arc::new(Context {
        actor: Arc::clone(actor),
        host,
        state: Mutex::default(),
        held: Held {
            meta: meta_held,
            references: references_held,
            pause: pause_held,
        },
    });
    let u = vm.heap.new_userdata(Box::new(Arc::clone(&context)), 0, 0);
    let upvalue = Value::userdata(u);
    let registry = vm.registry;
    stdlib::set_field(vm, registry, KEY, upvalue)?;
    add(vm, methods, METHODS, upvalue)?;
    add(vm, meta, &[("__tostring", show)], upvalue)?;
    stdlib::set_field(vm, meta, b"__index", Value::table(methods))?;
    stdlib::set_field(vm, meta, b"__metatable", Value::bool(false))?;
    let name = vm.str_value(b"actor")?;
    stdlib::set_field(vm, meta, b"__name", name)?;
    let library = stdlib::new_library(vm, &[])?;
    add(vm, library, FUNCTIONS, upvalue)?;
    let library = Value::table(library);
    package::set_loaded(vm, "actors", library)?;
    if host == Host::Worker {
        // Programs of actors may have no `require`.
        let globals = vm.globals;
        stdlib::set_field(vm, globals, b"actors", library)?;
    }
    Ok(context)
}

// ---- the driver

/// What `driver.lua` gets.
pub(super) fn driver_functions(vm: &mut Vm, context: &Arc<Context>) -> [Value; 4] {
    let upvalue = Value::userdata(vm.heap.new_userdata(Box::new(Arc::clone(context)), 0, 0));
    let all: [Entry; 4] = [
        ("next", next),
        ("unknown", unknown),
        ("type", kind_of),
        ("wrong", wrong),
    ];
    all.map(|(name, f)| Value::native(vm.heap.new_native(f, name, NativeKind::Plain, &[upvalue])))
}

/// Sends the reply, and gets the next message.
fn next(cx: &mut Cx<'_>) -> Result<Ret> {
    let context = context(cx)?;
    let (letter, received) = {
        let mut state = context.state.lock();
        (state.handled.take(), state.received.take())
    };
    drop(received);
    if let Some(reply) = letter.and_then(|letter| letter.reply) {
        answer(cx, &context, reply, 0)?;
    }
    next_message(cx, &context)
}

/// The next message, if there is one and its turn is not over.
fn take_in_turn(context: &Context) -> Option<Envelope> {
    {
        let mut state = context.state.lock();
        state.batch = state.batch.saturating_sub(1);
        if state.batch == 0 {
            return None;
        }
    }
    context.actor.take()
}

/// Yields until there is a message, or because this one asks it to stop.
fn wait_for_message(
    cx: &mut Cx<'_>,
    context: &Context,
    stop: bool,
    (pause, until): (Pause, Option<Instant>),
) -> Result<Ret> {
    if !stop {
        context.actor.mailbox.lock().begin(What::Message, until);
    }
    context.state.lock().pause = if stop { Pause::Stop } else { pause };
    suspend(cx)
}

fn next_message(cx: &mut Cx<'_>, context: &Context) -> Result<Ret> {
    match take_in_turn(context) {
        Some(envelope) if !envelope.stop => hand_over(cx, context, envelope, true),
        stop => wait_for_message(cx, context, stop.is_some(), (Pause::Next, None)),
    }
}

/// The values of a message as results.
fn hand_over(
    cx: &mut Cx<'_>,
    context: &Context,
    envelope: Envelope,
    for_handler: bool,
) -> Result<Ret> {
    let message = context.accept(cx.vm, envelope, for_handler);
    let n = message.len();
    context.copy_in(cx.vm, message)?;
    cx.ret_pushed(n)
}

/// There is no handler for a message.
fn unknown(cx: &mut Cx<'_>) -> Result<Ret> {
    let context = context(cx)?;
    let name = match cx.arg(0) {
        v if v.is_str() => String::from_utf8_lossy(cx.vm.bytes(v.as_str())).into_owned(),
        v if v.is_number() => {
            let s = cx.vm.number_to_str(v);
            String::from_utf8_lossy(cx.vm.bytes(s)).into_owned()
        }
        v => format!("a {} value", v.type_name()),
    };
    let letter = context.state.lock().handled.take();
    match letter.and_then(|letter| letter.reply) {
        Some(reply) => reply.answer(Err(AskError::NoHandler(name))),
        None => {
            let text = format!("an actor has no handler '{name}'; the message is dropped");
            cx.vm.warning(text.as_bytes(), false);
        }
    }
    next_message(cx, &context)
}

fn kind_of(cx: &mut Cx<'_>) -> Result<Ret> {
    let name = cx.arg(0).type_name();
    cx.ret_bytes(name.as_bytes())
}

fn wrong(cx: &mut Cx<'_>) -> Result<Ret> {
    let what = String::from_utf8_lossy(cx.check_bytes(0)?).into_owned();
    let text = format!(
        "the program of an actor returned a {what} value; a function or a table of functions expected"
    );
    Err(cx.vm.error_at(usize::MAX, text.as_bytes()))
}

// ---- waiting

/// Yields from the driver.
fn suspend(cx: &mut Cx<'_>) -> Result<Ret> {
    cx.vm.ctl = Ctl {
        at: 0,
        n: 0,
        cont: 0,
        thread: std::ptr::null_mut(),
        wrap: false,
    };
    Ok(ret::YIELD)
}

fn pause(cx: &mut Cx<'_>) -> Result<Ret> {
    suspend(cx)
}

/// Fails where an actor can't wait.
fn check_can_wait(cx: &mut Cx<'_>, context: &Context) -> Result<()> {
    if context.host == Host::Thread {
        return Ok(());
    }
    let driver = context.state.lock().driver;
    // SAFETY: the running thread is live.
    let host_calls = unsafe { (*cx.vm.cur).host_calls };
    if cx.vm.cur as usize != driver {
        return Err(cx.error("an actor cannot wait inside of a coroutine of its own"));
    }
    if host_calls > 0 {
        return Err(cx.error("an actor cannot wait inside of a function that a library calls"));
    }
    Ok(())
}

/// Waits for `pause`; what it is resumed with says whether the results follow, or
/// what to raise.
fn wait_for(cx: &mut Cx<'_>, context: &Context, pause: Pause) -> Result<Ret> {
    context.state.lock().pause = pause;
    let f = cx.vm.handles.get(context.held.pause);
    cx.push_call_then(f, &[], cont::RAISE)
}

/// A thread of the host waits until `done` says so; `None`: time is up.
fn block<T>(
    cx: &mut Cx<'_>,
    context: &Context,
    until: Option<Instant>,
    mut done: impl FnMut(&mut super::actor::Mailbox) -> Option<T>,
    of: &Actor,
) -> Result<Option<T>> {
    cx.vm.lib.flush();
    let closing = &context.actor.system.closing;
    loop {
        let look = Instant::now() + LOOK;
        let next = until.map_or(look, |until| until.min(look));
        if let Some(result) = of.sleep(Some(next), &mut done) {
            return Ok(Some(result));
        }
        if until.is_some_and(|until| until <= Instant::now()) {
            return Ok(None);
        }
        if cx.vm.heap.poll.load(Ordering::Relaxed) & poll::INTERRUPT != 0 {
            cx.vm.check_interrupt()?;
        }
        if closing.load(Ordering::SeqCst) {
            return Err(cx.error("the system of actors was shut down"));
        }
    }
}

/// Argument `i` as a time from now on. One beyond the end of time is no end.
fn check_time(cx: &mut Cx<'_>, i: usize) -> Result<Option<Instant>> {
    let seconds = cx.check_num(i)?;
    if seconds.is_nan() || seconds < 0.0 {
        return Err(cx.arg_error(i, "a time in seconds expected"));
    }
    let time = Duration::try_from_secs_f64(seconds).ok();
    Ok(time.and_then(|time| Instant::now().checked_add(time)))
}

// ---- messages

/// The message of the arguments from `first` on, which has to fit a mailbox of
/// `most` bytes.
pub(super) fn message_of(
    cx: &mut Cx<'_>,
    context: &Context,
    first: usize,
    most: usize,
) -> Result<Message> {
    let mut few = [NIL; 6];
    let n = cx.n.saturating_sub(first);
    let many: Vec<Value>;
    let values = if n <= few.len() {
        for (i, v) in few.iter_mut().enumerate().take(n) {
            *v = cx.slot(first + i);
        }
        &few[..n]
    } else {
        many = (first..cx.n).map(|i| cx.slot(i)).collect();
        &many
    };
    let copied = copy_out(cx.vm, values, most, &context.actor.system.modules);
    copied.map_err(|refusal| match refusal {
        Refusal::Vm(e) => e,
        Refusal::Value(why) => cx.error(&why),
    })
}

/// Replies with the arguments from `first` on.
fn answer(cx: &mut Cx<'_>, context: &Context, reply: ReplyTo, first: usize) -> Result<()> {
    let most = context.actor.limits.mailbox_bytes;
    match message_of(cx, context, first, most) {
        Ok(message) => {
            // Who asks may look at its figures next.
            context.actor.note_memory(cx.vm);
            reply.answer(Ok(message));
            Ok(())
        }
        Err(e) => {
            // It fails with this: then its asker is told why.
            context.state.lock().handled = Some(Letter {
                from: None,
                reply: Some(reply),
            });
            Err(e)
        }
    }
}

/// A word for why a message was not sent.
pub(super) fn word(why: &SendError) -> &'static str {
    match why {
        SendError::Ended(_) => "ended",
        SendError::Full => "full",
        SendError::TooLarge(..) => "too large",
    }
}

/// The reference of this actor, for messages that it sends; guests have one, too.
fn sender_of(context: &Context) -> Option<ActorRef> {
    Some(ActorRef(Arc::clone(&context.actor)))
}

fn send(cx: &mut Cx<'_>) -> Result<Ret> {
    let context = context(cx)?;
    let to = check_actor(cx, 0)?;
    let message = message_of(cx, &context, 1, to.0.limits.mailbox_bytes)?;
    let sent = to.0.post(Envelope::new(message, sender_of(&context), None));
    match sent {
        Ok(()) => cx.ret_bool(true),
        Err(refused) => {
            let why = cx.vm.str_value(word(&refused.0).as_bytes())?;
            cx.ret2(Value::bool(false), why)
        }
    }
}

fn send_within(cx: &mut Cx<'_>) -> Result<Ret> {
    let context = context(cx)?;
    let to = check_actor(cx, 0)?;
    let until = check_time(cx, 1)?;
    check_can_wait(cx, &context)?;
    let message = message_of(cx, &context, 2, to.0.limits.mailbox_bytes)?;
    let envelope = Envelope::new(message, sender_of(&context), None);
    // Most often there is room.
    let envelope = match to.0.post(envelope) {
        Ok(()) => return cx.ret_bool(true),
        Err(refused) => refused.1,
    };
    context.actor.mailbox.lock().begin(What::Answer, until);
    match post_within(cx, &context, to, envelope, until)? {
        Posted::Later(pause) => wait_for(cx, &context, pause),
        posted => {
            context.end_wait();
            match posted {
                Posted::Refused(why) => {
                    let why = cx.vm.str_value(word(&why).as_bytes())?;
                    cx.ret2(Value::bool(false), why)
                }
                _ => cx.ret_bool(true),
            }
        }
    }
}

/// What became of a message that may wait for room.
enum Posted {
    Sent,
    Refused(SendError),
    /// The driver has to wait for room.
    Later(Pause),
}

/// Sends a message that may wait for room until then; the actor's wait has begun.
fn post_within(
    cx: &mut Cx<'_>,
    context: &Context,
    to: ActorRef,
    mut envelope: Envelope,
    until: Option<Instant>,
) -> Result<Posted> {
    let me = &context.actor;
    loop {
        let why = match to.0.post(envelope) {
            Ok(()) => return Ok(Posted::Sent),
            Err(refused) => {
                envelope = refused.1;
                refused.0
            }
        };
        // There is never room for who waits for itself.
        let full = matches!(why, SendError::Full) && !Arc::ptr_eq(me, &to.0);
        let refused = match Some(why).filter(|_| !full) {
            None if context.host == Host::Worker => {
                to.0.wait_for_room(me);
                return Ok(Posted::Later(Pause::Room(to, Box::new(envelope))));
            }
            None => {
                let bytes = envelope.message.bytes();
                let room = |mailbox: &mut super::actor::Mailbox| {
                    let ended = matches!(mailbox.stage, Stage::Ended(_));
                    (ended || !to.0.is_full(mailbox, bytes)).then_some(())
                };
                match block(cx, context, until, room, &to.0)? {
                    Some(()) => continue,
                    None => SendError::Full,
                }
            }
            Some(why) => why,
        };
        if let Some(reply) = envelope.reply {
            reply.forget();
        }
        return Ok(Posted::Refused(refused));
    }
}

fn ask(cx: &mut Cx<'_>) -> Result<Ret> {
    let until = Instant::now().checked_add(PATIENCE);
    request(cx, until, 1)
}

fn ask_within(cx: &mut Cx<'_>) -> Result<Ret> {
    let until = check_time(cx, 1)?;
    request(cx, until, 2)
}

/// Sends the arguments from `first` on to argument 0 and waits for the reply.
fn request(cx: &mut Cx<'_>, until: Option<Instant>, first: usize) -> Result<Ret> {
    let context = context(cx)?;
    let to = check_actor(cx, 0)?;
    let me = &context.actor;
    check_can_wait(cx, &context)?;
    if Arc::ptr_eq(me, &to.0) {
        return Err(cx.error("an actor cannot ask itself"));
    }
    let message = message_of(cx, &context, first, to.0.limits.mailbox_bytes)?;
    let wait = me.mailbox.lock().begin(What::Answer, until);
    let reply = ReplyTo::new(Asker::Actor(Arc::clone(me), wait));
    let envelope = Envelope::new(message, sender_of(&context), Some(reply));
    match post_within(cx, &context, to, envelope, until)? {
        Posted::Later(pause) => return wait_for(cx, &context, pause),
        Posted::Refused(why) => {
            context.end_wait();
            return Err(cx.error(&why.to_string()));
        }
        Posted::Sent if context.host == Host::Worker => {
            return wait_for(cx, &context, Pause::Answer);
        }
        Posted::Sent => {}
    }
    let answer = block(cx, &context, until, |mailbox| mailbox.answer.take(), me);
    context.end_wait();
    match answer? {
        Some(Ok(message)) => {
            let n = message.len();
            context.copy_in(cx.vm, message)?;
            cx.ret_pushed(n)
        }
        Some(Err(why)) => Err(cx.error(&why.to_string())),
        None => Err(cx.error(&AskError::Timeout.to_string())),
    }
}

fn receive(cx: &mut Cx<'_>) -> Result<Ret> {
    let context = context(cx)?;
    let until = match cx.is_none_or_nil(0) {
        true => None,
        false => check_time(cx, 0)?,
    };
    check_can_wait(cx, &context)?;
    // The one before has had its reply, or gets none.
    let before = context.state.lock().received.take();
    drop(before);
    let me = &context.actor;
    if context.host == Host::Thread {
        me.mailbox.lock().begin(What::Message, until);
        let full = |mailbox: &mut super::actor::Mailbox| (!mailbox.queue.is_empty()).then_some(());
        block(cx, &context, until, full, me)?;
        context.end_wait();
        return match me.take() {
            Some(envelope) => hand_over(cx, &context, envelope, false),
            None => cx.ret0(),
        };
    }
    match take_in_turn(&context) {
        Some(envelope) if !envelope.stop => hand_over(cx, &context, envelope, false),
        stop => wait_for_message(cx, &context, stop.is_some(), (Pause::Receive, until)),
    }
}

fn sleep(cx: &mut Cx<'_>) -> Result<Ret> {
    let context = context(cx)?;
    let until = check_time(cx, 0)?;
    check_can_wait(cx, &context)?;
    if context.host == Host::Thread {
        block(cx, &context, until, |_| None::<()>, &context.actor)?;
        return cx.ret0();
    }
    context.actor.mailbox.lock().begin(What::Answer, until);
    context.state.lock().pause = Pause::Sleep;
    suspend(cx)
}

fn reply(cx: &mut Cx<'_>) -> Result<Ret> {
    let context = context(cx)?;
    let way = {
        let mut state = context.state.lock();
        state.letter().and_then(|letter| letter.reply.take())
    };
    match way {
        None => cx.ret_bool(false),
        Some(way) => {
            answer(cx, &context, way, 0)?;
            cx.ret_bool(true)
        }
    }
}

fn forward(cx: &mut Cx<'_>) -> Result<Ret> {
    let context = context(cx)?;
    let to = check_actor(cx, 0)?;
    let message = message_of(cx, &context, 1, to.0.limits.mailbox_bytes)?;
    let (from, reply) = {
        let mut state = context.state.lock();
        let letter = state.letter();
        letter.map_or((None, None), |letter| {
            (letter.from.clone(), letter.reply.take())
        })
    };
    match to.0.post(Envelope::new(message, from, reply)) {
        Ok(()) => cx.ret_bool(true),
        Err(refused) => {
            let (why, envelope) = *refused;
            let text = word(&why);
            if let Some(reply) = envelope.reply {
                reply.answer(Err(AskError::Send(why)));
            }
            let why = cx.vm.str_value(text.as_bytes())?;
            cx.ret2(Value::bool(false), why)
        }
    }
}

fn sender(cx: &mut Cx<'_>) -> Result<Ret> {
    let context = context(cx)?;
    let from = {
        let mut state = context.state.lock();
        state.letter().and_then(|letter| letter.from.clone())
    };
    match from {
        Some(from) => {
            let v = reference(cx.vm, from)?;
            cx.ret(v)
        }
        None => cx.ret_nil(),
    }
}

fn this(cx: &mut Cx<'_>) -> Result<Ret> {
    let context = context(cx)?;
    let v = reference(cx.vm, ActorRef(Arc::clone(&context.actor)))?;
    cx.ret(v)
}

fn find(cx: &mut Cx<'_>) -> Result<Ret> {
    let context = context(cx)?;
    let name = String::from_utf8_lossy(cx.check_bytes(0)?).into_owned();
    match context.actor.system.find(&name) {
        Some(actor) => {
            let v = reference(cx.vm, actor)?;
            cx.ret(v)
        }
        None => cx.ret_nil(),
    }
}

fn monitor(cx: &mut Cx<'_>) -> Result<Ret> {
    let context = context(cx)?;
    let of = check_actor(cx, 0)?;
    of.monitor(&ActorRef(Arc::clone(&context.actor)));
    cx.ret0()
}

// ---- what there is to say of an actor

fn stop(cx: &mut Cx<'_>) -> Result<Ret> {
    check_actor(cx, 0)?.stop();
    cx.ret0()
}

fn kill(cx: &mut Cx<'_>) -> Result<Ret> {
    check_actor(cx, 0)?.kill();
    cx.ret0()
}

fn join(cx: &mut Cx<'_>) -> Result<Ret> {
    let context = context(cx)?;
    let of = check_actor(cx, 0)?;
    let until = match cx.is_none_or_nil(1) {
        true => None,
        false => check_time(cx, 1)?,
    };
    if context.host == Host::Worker {
        return Err(cx.error("actors do not join others: they monitor them"));
    }
    let ended = |mailbox: &mut super::actor::Mailbox| match &mailbox.stage {
        Stage::Ended(reason) => Some(Arc::clone(reason)),
        _ => None,
    };
    match block(cx, &context, until, ended, &of.0)? {
        Some(reason) => {
            let name = cx.vm.str_value(reason.name().as_bytes())?;
            let text = cx.vm.str_value(reason.to_string().as_bytes())?;
            cx.ret2(name, text)
        }
        None => cx.ret_nil(),
    }
}

fn alive(cx: &mut Cx<'_>) -> Result<Ret> {
    let alive = check_actor(cx, 0)?.reason().is_none();
    cx.ret_bool(alive)
}

fn id(cx: &mut Cx<'_>) -> Result<Ret> {
    let id = check_actor(cx, 0)?.id();
    cx.ret_int(id as i64)
}

fn name(cx: &mut Cx<'_>) -> Result<Ret> {
    match check_actor(cx, 0)?.name() {
        Some(name) => cx.ret_bytes(name.as_bytes()),
        None => cx.ret_nil(),
    }
}

fn info(cx: &mut Cx<'_>) -> Result<Ret> {
    let actor = check_actor(cx, 0)?;
    let figures = actor.figures();
    let t = stdlib::new_library(cx.vm, &[])?;
    let numbers = [
        ("handled", figures.handled),
        ("turns", figures.turns),
        ("waiting", figures.waiting as u64),
        ("restarts", figures.restarts.into()),
        ("memory", figures.memory as u64),
    ];
    for (name, n) in numbers {
        stdlib::set_field(cx.vm, t, name.as_bytes(), Value::int(n as i64))?;
    }
    cx.ret(Value::table(t))
}

fn show(cx: &mut Cx<'_>) -> Result<Ret> {
    let actor = check_actor(cx, 0)?;
    let text = match actor.name() {
        Some(name) => format!("actor {} ({name})", actor.id()),
        None => format!("actor {}", actor.id()),
    };
    cx.ret_bytes(text.as_bytes())
}
