//! Layer 3: the scheduler.
#[cfg(all(feature = "rt", feature = "time"))]
pub(crate) mod context;
#[cfg(feature = "time")]
pub(crate) mod timers;
pub(crate) mod netpoll;
