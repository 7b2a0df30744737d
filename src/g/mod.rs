//! Layer 2: the G.
pub(crate) mod block;
pub(crate) mod coop;
