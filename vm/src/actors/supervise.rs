//! Supervision: what becomes of actors that fail.
//!
//! A [`Supervisor`] is a set of actors and a rule. When one of them ends, the rule
//! says whether it begins anew (its program runs again, in a new VM; its address
//! and the messages that wait stay), or all of them do, or none. One that begins
//! anew too often is not worth it: then the supervisor *gives up*, and all its
//! actors end.
//!
//! A supervisor may have an *owner*, an actor, so that supervisors nest: when it gives
//! up its owner fails, which the owner's own supervisor judges, and when its owner ends
//! or begins anew, all of its actors end.

use super::actor::{Actor, ActorRef, Envelope, Order};
use super::options::Reason;
use super::{Data, Message};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Which actors begin anew when one of them is to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Strategy {
    /// That one.
    #[default]
    OneForOne,
    /// All of its supervisor.
    OneForAll,
}

/// After what an actor begins anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Restart {
    /// Nothing.
    Never,
    /// A failure.
    #[default]
    OnFailure,
    /// Whatever ended it, unless it was stopped or killed.
    Always,
}

/// Is told what happens to actors.
pub(super) type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

/// The rule of a [`Supervisor`].
#[derive(Clone)]
pub struct Supervision {
    /// Which actors begin anew.
    pub strategy: Strategy,
    /// After what.
    pub restart: Restart,
    /// How often, within [`within`](Self::within); once more, and the supervisor
    /// gives up.
    pub restarts: u32,
    /// The time in which restarts count.
    pub within: Duration,
    /// How long to wait before an actor begins anew; twice as long for each
    /// restart that counts, up to 30 s.
    pub backoff: Duration,
    /// Is told of each actor that ends, on the thread that ran it. It should be
    /// quick; a panic in it is lost.
    pub observer: Option<Observer>,
}

impl Default for Supervision {
    /// One for one, after failures, three times within five seconds, at once.
    fn default() -> Supervision {
        Supervision {
            strategy: Strategy::OneForOne,
            restart: Restart::OnFailure,
            restarts: 3,
            within: Duration::from_secs(5),
            backoff: Duration::ZERO,
            observer: None,
        }
    }
}

impl std::fmt::Debug for Supervision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Supervision({:?}, {:?}, {} within {:?})",
            self.strategy, self.restart, self.restarts, self.within
        )
    }
}

/// The end of an actor, or of one life of it.
#[derive(Clone, Debug)]
pub struct Event {
    /// Which actor.
    pub actor: ActorRef,
    /// Why.
    pub reason: Arc<Reason>,
    /// Whether it begins anew.
    pub restarted: bool,
}

impl Event {
    /// Sends it to these actors, and tells the supervisor's observer.
    pub(super) fn tell(&self, watchers: &[ActorRef]) {
        self.send(watchers);
        if let Some(supervisor) = &self.actor.0.supervisor
            && let Some(observer) = &supervisor.0.rule.observer
        {
            // What runs actors goes on, whatever an observer does.
            let _ = catch_unwind(AssertUnwindSafe(|| observer(self)));
        }
    }

    /// Sends it to these actors.
    pub(super) fn send(&self, watchers: &[ActorRef]) {
        for watcher in watchers {
            let message = Message::new()
                .with("down")
                .with(Data::Actor(self.actor.clone()))
                .with(self.reason.name())
                .with(self.reason.to_string())
                .with(self.restarted);
            // A full mailbox misses it, as it misses others.
            let _ = watcher.0.post(Envelope::new(message, None, None));
        }
    }
}

/// Who decides what becomes of a set of actors that fail.
#[derive(Clone)]
pub struct Supervisor(Arc<Team>);

pub(super) struct Team {
    rule: Supervision,
    owner: Option<Weak<Actor>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    members: Vec<Weak<Actor>>,
    /// When actors began anew, as far as it counts.
    restarts: VecDeque<Instant>,
    gave_up: bool,
    /// Its owner's life is over, for this reason.
    closed: Option<Arc<Reason>>,
}

/// What becomes of an actor that has ended.
#[derive(Debug)]
pub(super) enum Verdict {
    End,
    /// It begins anew after this time.
    Again(Duration),
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.rule.fmt(f)
    }
}

/// Longest wait before an actor begins anew.
const LONGEST: Duration = Duration::from_secs(30);

impl Supervisor {
    /// One with this rule, and no actors yet.
    pub fn new(rule: Supervision) -> Supervisor {
        Supervisor::made(rule, None)
    }

    /// One that belongs to an actor, `owner`. When it gives up, `owner` fails with
    /// [`Reason::GaveUp`]; when `owner` ends or begins anew, all of its actors end. Of
    /// an owner that is no actor of a system's but a VM of the host
    /// ([`System::attach`](super::System::attach)) nothing ends.
    pub fn owned(rule: Supervision, owner: &ActorRef) -> Supervisor {
        let supervisor = Supervisor::made(rule, Some(Arc::downgrade(&owner.0)));
        owner.0.own(&supervisor.0);
        if let Some(reason) = owner.reason() {
            supervisor.0.close(&reason);
        }
        supervisor
    }

    fn made(rule: Supervision, owner: Option<Weak<Actor>>) -> Supervisor {
        Supervisor(Arc::new(Team {
            rule,
            owner,
            state: Mutex::default(),
        }))
    }

    /// Its actors that have not ended.
    pub fn actors(&self) -> Vec<ActorRef> {
        let members: Vec<_> = self.0.state.lock().members.clone();
        let all = members.iter().filter_map(Weak::upgrade).map(ActorRef);
        all.filter(|actor| actor.reason().is_none()).collect()
    }

    /// Whether it gave up: an actor began anew too often. What is spawned under it
    /// ends at once when it fails.
    pub fn gave_up(&self) -> bool {
        self.0.state.lock().gave_up
    }

    pub(super) fn add(&self, actor: &Arc<Actor>) {
        let mut state = self.0.state.lock();
        let n = state.members.len();
        if n >= 64 && n.is_power_of_two() {
            state.members.retain(|member| member.strong_count() > 0);
        }
        state.members.push(Arc::downgrade(actor));
        let closed = state.closed.clone();
        drop(state);
        if let Some(reason) = closed {
            actor.order(Order::End(Reason::Supervisor(reason)));
        }
    }

    pub(super) fn remove(&self, actor: &Arc<Actor>) {
        let mut state = self.0.state.lock();
        state
            .members
            .retain(|member| !std::ptr::eq(member.as_ptr(), Arc::as_ptr(actor)));
    }

    /// `actor` has ended: what becomes of it. Others of the set get their orders.
    pub(super) fn judge(&self, actor: &Arc<Actor>, reason: &Reason) -> Verdict {
        let rule = &self.0.rule;
        let again = match rule.restart {
            Restart::Never => false,
            Restart::OnFailure => reason.is_failure(),
            Restart::Always => reason.is_failure() || matches!(reason, Reason::Returned),
        };
        if !again || matches!(reason, Reason::Supervisor(_)) {
            return Verdict::End;
        }
        let mut state = self.0.state.lock();
        if state.gave_up {
            return Verdict::End;
        }
        let now = Instant::now();
        while let Some(first) = state.restarts.front()
            && now.duration_since(*first) > rule.within
        {
            state.restarts.pop_front();
        }
        let counted = state.restarts.len() as u32;
        state.gave_up = counted >= rule.restarts;
        let gave_up = state.gave_up;
        if !gave_up {
            state.restarts.push_back(now);
        }
        let concerns_all = gave_up || rule.strategy == Strategy::OneForAll;
        let others = match concerns_all {
            true => state.members.clone(),
            false => Vec::new(),
        };
        drop(state);
        let reason = Arc::new(reason.clone());
        for other in others.iter().filter_map(Weak::upgrade) {
            if Arc::ptr_eq(&other, actor) {
                continue;
            }
            other.order(match gave_up {
                true => Order::End(Reason::Supervisor(Arc::clone(&reason))),
                false => Order::Restart(Arc::clone(&reason)),
            });
        }
        if gave_up {
            if let Some(owner) = self.0.owner.as_ref().and_then(Weak::upgrade) {
                owner.order(Order::Fail(Reason::GaveUp(reason)));
            }
            return Verdict::End;
        }
        let factor = 1_u32.checked_shl(counted).unwrap_or(u32::MAX);
        Verdict::Again(rule.backoff.saturating_mul(factor).min(LONGEST))
    }
}

impl Team {
    /// The life of its owner is over: all of its actors end.
    pub(super) fn close(&self, reason: &Arc<Reason>) {
        let mut state = self.state.lock();
        state.gave_up = true;
        state.closed = Some(Arc::clone(reason));
        let members = state.members.clone();
        drop(state);
        for member in members.iter().filter_map(Weak::upgrade) {
            member.order(Order::End(Reason::Supervisor(Arc::clone(reason))));
        }
    }
}
