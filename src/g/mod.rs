//! Layer 2: the G.
pub(crate) mod coop;
