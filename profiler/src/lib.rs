//! Placeholder crate root, filled next.
