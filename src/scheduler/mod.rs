//! Layer 3: the scheduler.
#[cfg(all(feature = "rt", feature = "time"))]
pub(crate) mod context;
pub(crate) mod netpoll;
#[cfg(feature = "rt")]
pub(crate) mod procs;
#[cfg(feature = "time")]
pub(crate) mod timers;
