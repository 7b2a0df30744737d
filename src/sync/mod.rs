//! Synchronisation for async code: channels, locks and signals.
//!
//! | to | use |
//! |---|---|
//! | pass one value once | [`oneshot`] |
//! | pass many values from many tasks to one | [`mpsc`] |
//! | wake a task without a value | [`Notify`] |
//! | limit how many do something at a time | [`Semaphore`] |
//! | share a value across `.await` | [`Mutex`] |
//!
//! Nothing here needs a runtime: every future works in any executor, and outlives any. Whoever waits
//! stands in a fair queue, in the order of the first polls; a future that is dropped leaves the queue and
//! passes on what it was given. Methods named `blocking_*` block the thread and panic inside an async
//! context.

mod batch;
mod block_on;
mod waitlist;

mod mutex;
mod notify;
mod semaphore;

pub mod mpsc;
pub mod oneshot;

#[cfg(all(test, gmp_loom))]
mod models;
#[cfg(all(test, not(gmp_loom)))]
mod tests;

pub use mutex::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard, TryLockError,
};
pub use notify::Notify;
pub use semaphore::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};

/// Named futures of this module's types.
pub mod futures {
    pub use super::notify::{Notified, OwnedNotified};
}
