//! From compiled code back to interpreter frames.
//!
//! The places where compiled code may be left, or its frame looked at by
//! somebody else, are its *sites*: exits of guards, polls, calls and steps.
//! For each site the compiler records a [`Site`]; together with the function's
//! liveness it says what its *frame map* is (`spec/frames.md`).
//!
//! ```text
//!  compiled code ──exit──▶ restore(Recorded) ──▶ frames in the VM stack ──▶ interpreter
//!                             │
//!      tier 1: InPlace        ├ all live registers are in their slots
//!      optimised code: Map    └ values by representation and place, sunk
//!                               objects, several frames with their links
//! ```
//!
//! Tier 1 writes every register to its slot at once. So the map of one of its
//! sites follows from the pc alone, and nothing else is recorded: 4 bytes a
//! site. It is built ([`Site::map`]) when somebody asks: the printer, the
//! checker, the stress mode `poison`.
//!
//! - `site`: sites, their maps, checking and printing
//! - [`restore`]: the one way from a map to frames
//! - `poison`: overwrites what no map speaks of
//! - `waiting`: the links between frames

mod poison;
mod restore;
mod site;
mod waiting;

pub(crate) use restore::{Recorded, restore};
pub(crate) use site::{Site, SiteKind, check_sites};
pub(crate) use waiting::Waiting;

#[cfg(test)]
mod tests;
