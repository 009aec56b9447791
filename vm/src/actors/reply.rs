//! Who waits for a reply.
//!
//! A request carries a [`ReplyTo`]: the way back. It is used once. If it is
//! dropped unused, with a message that nobody handles or with the VM of an actor
//! that failed, the asker is told so at once.

use super::actor::Actor;
use super::options::Reason;
use super::{Message, SpawnError};
use crossbeam_channel::Sender;
use std::sync::Arc;

/// Why a message was not sent.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The actor has ended.
    #[error("the actor has ended: {0}")]
    Ended(Arc<Reason>),
    /// Its mailbox is full.
    #[error("the mailbox is full")]
    Full,
    /// The message is larger than its mailbox.
    #[error("a message of {0} bytes; the mailbox holds {1}")]
    TooLarge(usize, usize),
}

/// Why there is no reply.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// The request was not sent.
    #[error("{0}")]
    Send(#[from] SendError),
    /// No reply came in time.
    #[error("no reply in time")]
    Timeout,
    /// The actor ended before it replied.
    #[error("the actor ended before it replied: {0}")]
    Ended(Arc<Reason>),
    /// It has no handler for this.
    #[error("the actor has no handler '{0}'")]
    NoHandler(String),
    /// It went on without a reply.
    #[error("the actor did not reply")]
    NoReply,
}

/// Who gets the reply.
#[derive(Debug)]
pub(super) enum Asker {
    /// An actor, and the number of its wait.
    Actor(Arc<Actor>, u64),
    /// A thread of the host.
    Thread(Sender<Result<Message, AskError>>),
}

/// The way back of a request.
#[derive(Debug)]
pub(super) struct ReplyTo(Option<Asker>);

impl ReplyTo {
    pub(super) fn new(asker: Asker) -> ReplyTo {
        ReplyTo(Some(asker))
    }

    /// Replies.
    pub(super) fn answer(mut self, answer: Result<Message, AskError>) {
        self.give(answer);
    }

    /// The asker knows already.
    pub(super) fn forget(mut self) {
        self.0 = None;
    }

    fn give(&mut self, answer: Result<Message, AskError>) {
        match self.0.take() {
            Some(Asker::Actor(actor, wait)) => actor.deliver(wait, answer),
            Some(Asker::Thread(sender)) => {
                // Nobody waits any longer, or there is room for the one reply.
                let _ = sender.try_send(answer);
            }
            None => {}
        }
    }
}

impl Drop for ReplyTo {
    fn drop(&mut self) {
        self.give(Err(AskError::NoReply));
    }
}

impl From<SpawnError> for crate::api::Error {
    fn from(e: SpawnError) -> crate::api::Error {
        crate::api::Error::external(e)
    }
}
