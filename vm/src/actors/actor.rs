//! Addresses and mailboxes.
//!
//! ```text
//!            message, reply, time                turn begins
//!    Idle ────────────────────────▶ Ready ──────────────────────▶ Running
//!     ▲                                                              │
//!     └──────────────────────────────────────────────────────────────┤
//!                             turn ends                              ▼
//!                                                                  Ended
//! ```
//!
//! All that concerns who runs when is in [`Mailbox`], under one lock. An actor
//! *waits* for something ([`What`]); when that has come, and the actor is idle,
//! it goes into the run queue. Nothing else puts it there, so that it is there
//! once at most. A *guest*, a VM that the host runs itself, is never idle: it
//! waits on [`Actor::changed`].

use super::Message;
use super::machine::Machine;
use super::options::{Limits, Reason};
use super::reply::{AskError, Asker, ReplyTo, SendError};
use super::supervise::{Event, Supervisor, Team};
use super::system::Inner;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use strata_runtime::Vm;
use strata_runtime::limits::Interrupter;

/// A message in a mailbox.
#[derive(Debug)]
pub(super) struct Envelope {
    pub message: Message,
    pub from: Option<ActorRef>,
    pub reply: Option<ReplyTo>,
    /// The actor is to end when its turn comes.
    pub stop: bool,
}

impl Envelope {
    pub(super) fn new(message: Message, from: Option<ActorRef>, reply: Option<ReplyTo>) -> Self {
        Envelope {
            message,
            from,
            reply,
            stop: false,
        }
    }
}

/// A message that was not sent, and why.
pub(super) type Refused = Box<(SendError, Envelope)>;

/// Where an actor is.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    Idle,
    Ready,
    Running,
    /// A VM that the host runs.
    Guest,
    Ended(Arc<Reason>),
}

/// What an actor waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// Only its turn.
    Turn,
    /// A message.
    Message,
    /// An answer: a reply, room in a mailbox, or time.
    Answer,
}

/// What somebody wants of an actor, before anything else.
#[derive(Debug)]
pub(super) enum Order {
    /// It is to end.
    End(Reason),
    /// It is to begin anew.
    Restart(Arc<Reason>),
    /// It has failed: its supervisor is to judge that.
    Fail(Reason),
}

impl Order {
    /// Why its VM ends.
    pub(super) fn reason(&self) -> Reason {
        match self {
            Order::End(reason) | Order::Fail(reason) => reason.clone(),
            Order::Restart(reason) => Reason::Supervisor(Arc::clone(reason)),
        }
    }
}

/// The part of an actor that others change.
#[derive(Debug)]
pub(super) struct Mailbox {
    pub queue: VecDeque<Envelope>,
    pub bytes: usize,
    pub stage: Stage,
    pub what: What,
    /// Counts waits: answers to older ones are late.
    pub wait: u64,
    /// When it stops waiting.
    pub until: Option<Instant>,
    /// When the timer looks at it, if it does.
    timer: Option<Instant>,
    pub answer: Option<Result<Message, AskError>>,
    pub order: Option<Order>,
    /// Actors that wait for room, and the numbers of their waits.
    room: Vec<(Weak<Actor>, u64)>,
    /// Who is told when it ends.
    watchers: Vec<ActorRef>,
    /// Stops what runs.
    pub interrupter: Option<Interrupter>,
}

impl Mailbox {
    /// Whether its turn may come.
    fn can_go_on(&self) -> bool {
        self.order.is_some()
            || match self.what {
                What::Turn => true,
                What::Message => !self.queue.is_empty() || self.answer.is_some(),
                What::Answer => self.answer.is_some(),
            }
    }

    /// Whether it has become ready now: then the caller puts it in the run queue.
    #[must_use]
    fn is_due(&mut self) -> bool {
        let due = matches!(self.stage, Stage::Idle) && self.can_go_on();
        if due {
            self.stage = Stage::Ready;
        }
        due
    }

    /// Begins to wait.
    pub(super) fn begin(&mut self, what: What, until: Option<Instant>) -> u64 {
        self.what = what;
        self.wait += 1;
        self.until = until;
        self.answer = None;
        self.wait
    }

    /// What was waited for has come.
    pub(super) fn end_wait(&mut self) {
        self.what = What::Turn;
        self.until = None;
        self.answer = None;
    }
}

/// An actor: its address, and all that belongs to it.
pub(super) struct Actor {
    pub id: u64,
    pub name: Option<Box<str>>,
    pub system: Arc<Inner>,
    /// Its function, and what it gets.
    pub body: Message,
    pub limits: Limits,
    pub supervisor: Option<Supervisor>,
    /// Supervisors that it owns.
    owns: Mutex<Vec<Weak<Team>>>,
    /// Its VM: of the worker that runs it.
    pub machine: Mutex<Option<Machine>>,
    pub mailbox: Mutex<Mailbox>,
    /// Something has happened to the mailbox that threads may wait for.
    pub changed: Condvar,
    /// Threads that wait on `changed`.
    pub sleepers: AtomicUsize,
    pub handled: AtomicU64,
    pub turns: AtomicU64,
    pub restarts: AtomicU32,
    /// Bytes of its heap when it last replied, or after its last turn.
    pub memory: AtomicUsize,
}

impl std::fmt::Debug for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "Actor({} {name:?})", self.id),
            None => write!(f, "Actor({})", self.id),
        }
    }
}

/// Who it is, to the system.
pub(super) struct Identity {
    pub id: u64,
    pub name: Option<Box<str>>,
    pub body: Message,
    pub limits: Limits,
    pub supervisor: Option<Supervisor>,
}

impl Actor {
    /// Notes how large the heap of its VM is now, for its figures.
    pub fn note_memory(&self, vm: &Vm) {
        self.memory.store(vm.heap.bytes, Ordering::Relaxed);
    }

    pub(super) fn new(system: Arc<Inner>, who: Identity, stage: Stage) -> Arc<Actor> {
        Arc::new(Actor {
            id: who.id,
            name: who.name,
            system,
            body: who.body,
            limits: who.limits,
            supervisor: who.supervisor,
            owns: Mutex::default(),
            machine: Mutex::new(None),
            mailbox: Mutex::new(Mailbox {
                queue: VecDeque::new(),
                bytes: 0,
                stage,
                what: What::Turn,
                wait: 0,
                until: None,
                timer: None,
                answer: None,
                order: None,
                room: Vec::new(),
                watchers: Vec::new(),
                interrupter: None,
            }),
            changed: Condvar::new(),
            sleepers: AtomicUsize::new(0),
            handled: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            restarts: AtomicU32::new(0),
            memory: AtomicUsize::new(0),
        })
    }

    /// A supervisor is its own from now on.
    pub(super) fn own(&self, team: &Arc<Team>) {
        let mut owns = self.owns.lock();
        owns.retain(|team| team.strong_count() > 0);
        owns.push(Arc::downgrade(team));
    }

    /// Its life is over, and so are those of all that it supervised.
    fn disown(&self, reason: &Arc<Reason>) {
        let owns = std::mem::take(&mut *self.owns.lock());
        for team in owns.iter().filter_map(Weak::upgrade) {
            team.close(reason);
        }
    }

    /// Lets it run if it may, and wakes threads that wait for a change.
    fn settle(self: &Arc<Self>, mut mailbox: MutexGuard<'_, Mailbox>) {
        let due = mailbox.is_due();
        drop(mailbox);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            self.changed.notify_all();
        }
        if due {
            self.system.enqueue(Arc::clone(self));
        }
    }

    /// Puts a message into the mailbox, or gives it back.
    pub(super) fn post(self: &Arc<Self>, envelope: Envelope) -> Result<(), Refused> {
        let bytes = envelope.message.bytes();
        let mut mailbox = self.mailbox.lock();
        let why = match &mailbox.stage {
            Stage::Ended(reason) => Some(SendError::Ended(Arc::clone(reason))),
            _ if envelope.stop => None,
            _ if bytes > self.limits.mailbox_bytes => {
                Some(SendError::TooLarge(bytes, self.limits.mailbox_bytes))
            }
            _ if self.is_full(&mailbox, bytes) => Some(SendError::Full),
            _ => None,
        };
        if let Some(why) = why {
            drop(mailbox);
            return Err(Box::new((why, envelope)));
        }
        mailbox.bytes += bytes;
        mailbox.queue.push_back(envelope);
        self.settle(mailbox);
        Ok(())
    }

    pub(super) fn is_full(&self, mailbox: &Mailbox, bytes: usize) -> bool {
        mailbox.queue.len() >= self.limits.mailbox
            || mailbox.bytes.saturating_add(bytes) > self.limits.mailbox_bytes
    }

    /// Takes the next message; who waits for room is told.
    pub(super) fn take(&self) -> Option<Envelope> {
        let mut mailbox = self.mailbox.lock();
        let envelope = self.take_locked(&mut mailbox)?;
        // Not one by one: half of the room is worth to be told of.
        let half = mailbox.queue.len() <= self.limits.mailbox / 2
            && mailbox.bytes <= self.limits.mailbox_bytes / 2;
        let room = match half && !mailbox.room.is_empty() {
            true => std::mem::take(&mut mailbox.room),
            false => Vec::new(),
        };
        drop(mailbox);
        if half && self.sleepers.load(Ordering::SeqCst) > 0 {
            self.changed.notify_all();
        }
        for (actor, wait) in room {
            if let Some(actor) = actor.upgrade() {
                actor.deliver(wait, Ok(Message::new()));
            }
        }
        Some(envelope)
    }

    fn take_locked(&self, mailbox: &mut Mailbox) -> Option<Envelope> {
        let envelope = mailbox.queue.pop_front()?;
        mailbox.bytes -= envelope.message.bytes();
        if mailbox.queue.is_empty() && mailbox.queue.capacity() > 1024 {
            mailbox.queue.shrink_to(64);
        }
        Some(envelope)
    }

    /// Has `actor` told, at the wait that it has begun, when there is room.
    pub(super) fn wait_for_room(&self, actor: &Arc<Actor>) {
        let wait = actor.mailbox.lock().wait;
        let mut mailbox = self.mailbox.lock();
        // Else nobody is going to take anything, and tell.
        let full = !matches!(mailbox.stage, Stage::Ended(_)) && !mailbox.queue.is_empty();
        if full {
            mailbox.room.push((Arc::downgrade(actor), wait));
        } else {
            drop(mailbox);
            actor.deliver(wait, Ok(Message::new()));
        }
    }

    /// Gives the answer to a wait, unless that is over.
    pub(super) fn deliver(self: &Arc<Self>, wait: u64, answer: Result<Message, AskError>) {
        let mut mailbox = self.mailbox.lock();
        if mailbox.wait != wait || mailbox.what == What::Turn || mailbox.answer.is_some() {
            // Dropped when the lock is free: it may hold a way back.
            drop(mailbox);
            return;
        }
        mailbox.answer = Some(answer);
        self.settle(mailbox);
    }

    /// The timer looks: whether it is to look again, and when.
    pub(super) fn time_passes(self: &Arc<Self>, now: Instant) -> Option<Instant> {
        let mut mailbox = self.mailbox.lock();
        mailbox.timer = None;
        let until = mailbox.until.filter(|_| mailbox.what != What::Turn)?;
        if until > now {
            mailbox.timer = Some(until);
            return Some(until);
        }
        if mailbox.answer.is_none() {
            mailbox.answer = Some(Err(AskError::Timeout));
        }
        self.settle(mailbox);
        None
    }

    /// A turn has ended: it may go on later, or at once.
    pub(super) fn rest(self: &Arc<Self>) {
        let mut mailbox = self.mailbox.lock();
        if !matches!(mailbox.stage, Stage::Running) {
            return;
        }
        mailbox.stage = Stage::Idle;
        if let Some(until) = mailbox.until
            && mailbox.timer.is_none_or(|at| at > until)
        {
            mailbox.timer = Some(until);
            self.system.timer.at(until, Arc::clone(self));
        }
        self.settle(mailbox);
    }

    /// Gives an order.
    pub(super) fn order(self: &Arc<Self>, order: Order) {
        let mut mailbox = self.mailbox.lock();
        match mailbox.stage {
            Stage::Ended(_) | Stage::Guest => return,
            // Who is to end is not to begin anew.
            _ if matches!(mailbox.order, Some(Order::End(_))) => return,
            _ => mailbox.order = Some(order),
        }
        if matches!(mailbox.stage, Stage::Running)
            && let Some(interrupter) = &mailbox.interrupter
        {
            interrupter.interrupt();
        }
        self.settle(mailbox);
    }

    /// It has ended, for good. Its VM is gone.
    pub(super) fn finish(self: &Arc<Self>, reason: Reason) {
        // First: who finds that it has ended finds its place free.
        self.system.forget(self);
        let reason = Arc::new(reason);
        let mut mailbox = self.mailbox.lock();
        mailbox.stage = Stage::Ended(Arc::clone(&reason));
        mailbox.interrupter = None;
        mailbox.end_wait();
        mailbox.bytes = 0;
        let queue = std::mem::take(&mut mailbox.queue);
        let room = std::mem::take(&mut mailbox.room);
        let watchers = std::mem::take(&mut mailbox.watchers);
        self.settle(mailbox);
        self.changed.notify_all();
        self.disown(&reason);
        for envelope in queue {
            if let Some(reply) = envelope.reply {
                let why = SendError::Ended(Arc::clone(&reason));
                reply.answer(Err(AskError::Send(why)));
            }
        }
        for (actor, wait) in room {
            if let Some(actor) = actor.upgrade() {
                actor.deliver(wait, Ok(Message::new()));
            }
        }
        let event = Event {
            actor: ActorRef(Arc::clone(self)),
            reason,
            restarted: false,
        };
        event.tell(&watchers);
    }

    /// It is about to begin anew.
    pub(super) fn begin_anew(self: &Arc<Self>, reason: Arc<Reason>, after: Duration) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
        let mut mailbox = self.mailbox.lock();
        mailbox.interrupter = None;
        mailbox.end_wait();
        if !after.is_zero() {
            mailbox.begin(What::Answer, Some(Instant::now() + after));
        }
        let watchers = mailbox.watchers.clone();
        drop(mailbox);
        self.disown(&reason);
        let event = Event {
            actor: ActorRef(Arc::clone(self)),
            reason,
            restarted: true,
        };
        event.tell(&watchers);
    }

    /// Waits on a thread of the host until `done` says so, or for a while.
    pub(super) fn sleep<T>(
        &self,
        until: Option<Instant>,
        mut done: impl FnMut(&mut Mailbox) -> Option<T>,
    ) -> Option<T> {
        let mut mailbox = self.mailbox.lock();
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let result = loop {
            if let Some(result) = done(&mut mailbox) {
                break Some(result);
            }
            match until {
                None => self.changed.wait(&mut mailbox),
                Some(until) => {
                    if self.changed.wait_until(&mut mailbox, until).timed_out() {
                        break done(&mut mailbox);
                    }
                }
            }
        };
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        result
    }
}

/// The address of an actor. It stays the same when the actor begins anew, and
/// goes on to exist when it has ended.
#[derive(Clone)]
pub struct ActorRef(pub(super) Arc<Actor>);

/// What there is to say of an actor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Figures {
    /// Messages that it has handled.
    pub handled: u64,
    /// How often it has run on a thread: for some messages, or for a part of one.
    pub turns: u64,
    /// Messages that wait.
    pub waiting: usize,
    /// How often it has begun anew.
    pub restarts: u32,
    /// Bytes of its heap, when it last replied or after its last turn.
    pub memory: usize,
}

impl ActorRef {
    /// A number that no other actor of its system has, or had.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Its name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Sends a message and goes on.
    ///
    /// # Errors
    /// The actor has ended; its mailbox is full; the message is larger than
    /// that.
    pub fn send(&self, message: Message) -> Result<(), SendError> {
        let sent = self.0.post(Envelope::new(message, None, None));
        sent.map_err(|refused| refused.0)
    }

    /// The same, but waits while the mailbox is full.
    ///
    /// # Errors
    /// As of [`send`](Self::send); it was full all the time.
    pub fn send_within(&self, message: Message, time: Duration) -> Result<(), SendError> {
        let envelope = Envelope::new(message, None, None);
        let sent = self.post_within(envelope, Instant::now().checked_add(time));
        sent.map_err(|refused| refused.0)
    }

    /// Puts a message into the mailbox, when there is room.
    fn post_within(&self, mut envelope: Envelope, until: Option<Instant>) -> Result<(), Refused> {
        loop {
            match self.0.post(envelope) {
                Err(refused) if matches!(refused.0, SendError::Full) => envelope = refused.1,
                done => return done,
            }
            let bytes = envelope.message.bytes();
            let has_room = |mailbox: &mut Mailbox| {
                let ended = matches!(mailbox.stage, Stage::Ended(_));
                (ended || !self.0.is_full(mailbox, bytes)).then_some(())
            };
            // Looks now and then, as not all room is told of.
            let look = Instant::now() + Duration::from_millis(20);
            let next = until.map_or(look, |until| until.min(look));
            let room = self.0.sleep(Some(next), has_room);
            if room.is_none() && until.is_some_and(|until| until <= Instant::now()) {
                return Err(Box::new((SendError::Full, envelope)));
            }
        }
    }

    /// Sends a message, when there is room for it, and waits for the reply. Not to be
    /// called from functions
    /// that actors call: these would keep their worker.
    ///
    /// # Errors
    /// It can't be sent; the actor ends before it replies; no reply comes within
    /// `time`.
    pub fn ask(&self, message: Message, time: Duration) -> Result<Message, AskError> {
        let (sender, receiver) = crossbeam_channel::bounded(1);
        let reply = ReplyTo::new(Asker::Thread(sender));
        let until = Instant::now().checked_add(time);
        let envelope = Envelope::new(message, None, Some(reply));
        if let Err(refused) = self.post_within(envelope, until) {
            let (why, envelope) = *refused;
            if let Some(reply) = envelope.reply {
                reply.forget();
            }
            return Err(why.into());
        }
        let answer = match until {
            Some(until) => receiver.recv_deadline(until).ok(),
            None => receiver.recv().ok(),
        };
        answer.unwrap_or(Err(AskError::Timeout))
    }

    /// Has it end when it has handled what it was sent before.
    pub fn stop(&self) {
        let mut envelope = Envelope::new(Message::new(), None, None);
        envelope.stop = true;
        // If it has ended, all the better.
        let _ = self.0.post(envelope);
    }

    /// Has it end as soon as it looks, in the middle of what it does. Its
    /// supervisor does not start it again.
    pub fn kill(&self) {
        self.0.order(Order::End(Reason::Killed));
    }

    /// Why it has ended, if it has.
    pub fn reason(&self) -> Option<Arc<Reason>> {
        match &self.0.mailbox.lock().stage {
            Stage::Ended(reason) => Some(Arc::clone(reason)),
            _ => None,
        }
    }

    /// Waits until it has ended: why; `None`: it has not, within this time.
    pub fn join(&self, time: Duration) -> Option<Arc<Reason>> {
        let until = Instant::now().checked_add(time);
        self.0.sleep(until, |mailbox| match &mailbox.stage {
            Stage::Ended(reason) => Some(Arc::clone(reason)),
            _ => None,
        })
    }

    /// Has `watcher` told when this actor fails or ends, by a message: `"down"`,
    /// this actor, the reason in a word and in full, and whether it begins anew.
    pub fn monitor(&self, watcher: &ActorRef) {
        let mut mailbox = self.0.mailbox.lock();
        if let Stage::Ended(reason) = &mailbox.stage {
            let event = Event {
                actor: self.clone(),
                reason: Arc::clone(reason),
                restarted: false,
            };
            drop(mailbox);
            event.send(std::slice::from_ref(watcher));
        } else if !mailbox.watchers.contains(watcher) {
            mailbox.watchers.push(watcher.clone());
        }
    }

    /// Its figures now.
    pub fn figures(&self) -> Figures {
        Figures {
            handled: self.0.handled.load(Ordering::Relaxed),
            turns: self.0.turns.load(Ordering::Relaxed),
            waiting: self.0.mailbox.lock().queue.len(),
            restarts: self.0.restarts.load(Ordering::Relaxed),
            memory: self.0.memory.load(Ordering::Relaxed),
        }
    }
}

impl PartialEq for ActorRef {
    /// The same actor.
    fn eq(&self, other: &ActorRef) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ActorRef {}

impl std::hash::Hash for ActorRef {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

impl std::fmt::Debug for ActorRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
