//! Actors: isolated VMs on a pool of threads, which exchange messages.
//!
//! ```text
//!   send, ask ──▶ mailbox ──▶ run queue ──▶ worker ──▶ VM of the actor
//!                    ▲                                   │ send, reply
//!                    └───────────────────────────────────┘
//! ```
//!
//! A [`System`] owns the threads. An *actor* is an address ([`ActorRef`]) with a
//! mailbox, and a VM of its own behind it. It is in the run queue at most once,
//! and handles some messages, one after the other, when its turn comes; so an
//! actor needs no locks, and a thousand of them need no thousand threads.
//!
//! - `message`: values on their way; `copy_out`, `copy_in`: from VMs and to VMs
//! - `actor`: addresses, mailboxes and what an actor waits for
//! - `reply`: who waits for a reply
//! - `machine`: the VM of an actor, and one turn of it
//! - `context`: what a VM keeps for it, and references in VMs
//! - `library`: what programs call, `spawning`: and how they start actors; `driver.lua`: what calls their handlers
//! - `supervise`: what becomes of actors that fail
//! - `offer`: a system for programs that want one
//! - `system`: threads, spawning, shutting down; `timer`: whatever takes time
//!
//! `spec/actors.md` tells what programs see.
//!
//! ```
//! use std::time::Duration;
//! use strata::actors::{Message, Options, System};
//!
//! let system = System::new(Default::default())?;
//! let counter = system.program(
//!     "local n = ...; return { add = function(k) n = n + k; return n end }",
//!     "counter",
//! )?;
//! let options = Options { args: Message::new().with(40), ..Options::default() };
//! let counter = system.spawn(&counter, options)?;
//! let reply = counter.ask(Message::new().with("add").with(2), Duration::from_secs(30))?;
//! assert_eq!(reply.integer(0), Some(42));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod actor;
mod context;
mod copy_in;
mod copy_out;
mod library;
mod machine;
mod message;
mod offer;
mod options;
mod reply;
mod spawning;
mod supervise;
mod system;
mod timer;

pub use actor::{ActorRef, Figures};
pub use message::{Data, Item, Message, TableItem};
#[doc(hidden)]
pub use offer::Offer;
pub use options::{Config, Limits, Options, Reason, Setup};
pub use reply::{AskError, SendError};
pub use supervise::{Event, Restart, Strategy, Supervision, Supervisor};
pub use system::{Program, SpawnError, System};
