//! The meter: what a compilation has cost since its budget was last asked,
//! and what memory it holds.
//!
//! The passes run one after the other but share the meter: the lexer reports
//! bytes skipped, the parser tokens, the emitter expressions and statements.
//! Between two looks at the budget lie some 4 KiB of source or a thousand
//! tree nodes, well below a millisecond.

use crate::lexer::Fault;
use bumpalo::Bump;
use std::any::Any;
use std::cell::{Cell, RefCell};
use strata_spec::{Budget, Stopped};

/// Bytes copied or skipped between two looks at the budget.
pub(crate) const CHUNK: usize = 1 << 16;

/// Steps that parsing a byte of source takes, about.
const STEPS_PER_BYTE: u64 = 16;

/// Tree nodes emitted between two looks.
const NODES: u32 = 1 << 10;

/// Steps that emitting a node takes, about.
const STEPS_PER_NODE: u64 = 64;

pub(crate) struct Meter<'b> {
    budget: RefCell<&'b mut dyn Budget>,
    arena: &'b Bump,
    /// Nodes until the next look.
    nodes: Cell<u32>,
    /// Bytes that the finished part of the module takes.
    module: Cell<usize>,
}

/// A meter inside of another one's work.
impl Budget for &Meter<'_> {
    fn spend(&mut self, steps: u64, held: usize) -> Result<(), Stopped> {
        self.budget.borrow_mut().spend(steps, held)
    }
}

impl<'b> Meter<'b> {
    pub(crate) fn new(budget: &'b mut dyn Budget, arena: &'b Bump) -> Meter<'b> {
        Meter {
            budget: RefCell::new(budget),
            arena,
            nodes: Cell::new(NODES),
            module: Cell::new(0),
        }
    }

    /// Charges work on `bytes` bytes at full cost; `held` is what the pass
    /// holds outside of the arena.
    pub(crate) fn parsed(&self, bytes: usize, held: usize) -> Result<(), Box<Fault>> {
        self.spend(bytes as u64 * STEPS_PER_BYTE, held)
    }

    /// Charges bytes that were only copied, hashed or skipped.
    pub(crate) fn skimmed(&self, bytes: usize) -> Result<(), Box<Fault>> {
        self.spend(bytes as u64 / 4, 0)
    }

    /// Charges the emission of a node. `held` is asked for what the emitter
    /// holds, now and then.
    #[inline]
    pub(crate) fn node(&self, held: impl FnOnce() -> usize) -> Result<(), Box<Fault>> {
        let left = self.nodes.get() - 1;
        self.nodes.set(left);
        if left == 0 {
            self.nodes.set(NODES);
            self.spend(u64::from(NODES) * STEPS_PER_NODE, held())
        } else {
            Ok(())
        }
    }

    /// The module has grown by so many bytes.
    #[inline]
    pub(crate) fn module_grows(&self, bytes: usize) {
        self.module.set(self.module.get() + bytes);
    }

    #[cold]
    fn spend(&self, steps: u64, held: usize) -> Result<(), Box<Fault>> {
        // The arena takes ever larger pieces; what it has not touched yet
        // costs nothing.
        let arena = self.arena.allocated_bytes() - self.arena.chunk_capacity();
        let held = held + arena + self.module.get();
        let outcome = self.budget.borrow_mut().spend(steps, held);
        outcome.map_err(|Stopped| Box::new(Fault::Stopped))
    }

    /// Leaves something large to whoever pays.
    pub(crate) fn discard(&self, garbage: Box<dyn Any + Send>) {
        self.budget.borrow_mut().discard(garbage);
    }
}
