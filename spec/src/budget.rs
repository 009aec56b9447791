//! Budgets: what work on input of any size, compiling and verifying, may
//! cost, and how it is stopped.
//!
//! Such work reports to a [`Budget`] every fraction of a millisecond. Who
//! pays (a VM with a deadline and a memory limit) answers [`Stopped`] when a
//! limit is reached and remembers which; the work ends as soon as it can.

use std::any::Any;

/// The budget is used up: the work has to end without a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped: a limit was reached")
    }
}

impl std::error::Error for Stopped {}

/// Who pays for the work.
pub trait Budget {
    /// Accounts for `steps` more steps, a step being about a nanosecond's
    /// worth, and says that the work holds `held` bytes of memory at the
    /// moment, beyond its input.
    ///
    /// # Errors
    /// A limit was reached; all later calls must say so too.
    fn spend(&mut self, steps: u64, held: usize) -> Result<(), Stopped>;

    /// Takes something large that is no longer needed. Freeing it may take
    /// milliseconds; who watches a deadline does it elsewhere.
    fn discard(&mut self, garbage: Box<dyn Any + Send>) {
        drop(garbage);
    }
}

/// The budget that never runs out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlimited;

impl Budget for Unlimited {
    #[inline]
    fn spend(&mut self, _steps: u64, _held: usize) -> Result<(), Stopped> {
        Ok(())
    }
}
