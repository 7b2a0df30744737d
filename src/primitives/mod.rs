//! Layer 1: what the rest is made of. Imports std and libc only.

#[macro_use]
pub(crate) mod sync;

pub(crate) mod appendvec;
pub(crate) mod atomic_waker;
#[cfg(feature = "__scheduler")]
pub(crate) mod early;
pub(crate) mod foreign;
#[cfg(any(all(test, not(gmp_loom)), gmp_fuzz))]
pub(crate) mod fuzz;
pub(crate) mod list;
pub(crate) mod note;
pub(crate) mod padded;
#[cfg(any(feature = "__scheduler", feature = "sync"))]
#[cfg_attr(all(test, gmp_loom), path = "pool_loom.rs")]
pub(crate) mod pool;
pub(crate) mod prefetch;
pub(crate) mod rand;
#[cfg(feature = "__scheduler")]
pub(crate) mod thread_clock;
#[cfg(gmp_tsan)]
pub(crate) mod tsan_mutex;
#[cfg(gmp_tsan)]
pub(crate) mod tsan_rwlock;
pub(crate) mod wakelist;
