//! Layer 3: the scheduler.
#[cfg(feature = "rt")]
pub(crate) mod context;
#[cfg(feature = "rt")]
pub(crate) mod handoff;
pub(crate) mod netpoll;
#[cfg(feature = "rt")]
pub(crate) mod procs;
#[cfg(feature = "time")]
pub(crate) mod timers;
#[cfg(all(not(feature = "rt"), any(feature = "net", feature = "signal")))]
mod without_rt;

#[cfg(all(not(feature = "rt"), any(feature = "net", feature = "signal")))]
pub(crate) use self::without_rt::context;
#[cfg(all(not(feature = "rt"), feature = "net"))]
pub(crate) use self::without_rt::handoff;
