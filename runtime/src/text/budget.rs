//! Work in steps: the budget that long-running byte algorithms report to.
//!
//! An algorithm whose running time depends on its input calls
//! [`Budget::charge`] about once every [`STEPS_PER_CHARGE`] steps, a step being
//! in the order of one to ten nanoseconds. The caller stops it by returning an
//! error, which travels out unchanged. That is how instruction and time limits
//! hold inside a pattern match that would take years.

/// Roughly how many steps pass between two calls of [`Budget::charge`].
pub const STEPS_PER_CHARGE: u32 = 1024;

/// Who pays for the work; closures from a step count to a `Result` implement it.
pub trait Budget {
    /// What stops the work.
    type Error;

    /// Accounts for `steps` more steps.
    fn charge(&mut self, steps: u64) -> Result<(), Self::Error>;
}

impl<E, F: FnMut(u64) -> Result<(), E>> Budget for F {
    type Error = E;

    #[inline]
    fn charge(&mut self, steps: u64) -> Result<(), E> {
        self(steps)
    }
}

/// The budget that never runs out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unlimited;

impl Budget for Unlimited {
    type Error = std::convert::Infallible;

    #[inline]
    fn charge(&mut self, _steps: u64) -> Result<(), Self::Error> {
        Ok(())
    }
}
