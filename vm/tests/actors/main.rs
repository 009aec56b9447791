//! Actors: VMs of their own on a pool of threads, which exchange messages.
#![cfg(feature = "actors")]

mod lifecycle;
mod messages;
mod supervision;
mod turns;
