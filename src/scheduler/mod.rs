//! Layer 3: the scheduler.
#[cfg(feature = "time")]
pub(crate) mod timers;
pub(crate) mod netpoll;
