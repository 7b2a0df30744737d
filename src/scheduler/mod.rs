//! Layer 3: the scheduler.
pub(crate) mod netpoll;
#[cfg(feature = "time")]
pub(crate) mod timers;
