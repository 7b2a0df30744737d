//! Layer 3: the scheduler.
pub(crate) mod context;
pub(crate) mod handoff;
pub(crate) mod netpoll;
#[cfg(feature = "rt")]
pub(crate) mod procs;
#[cfg(feature = "time")]
pub(crate) mod timers;
