//! Synchronisation for async code: channels, locks and signals.
//!
//! | to | use |
//! |---|---|
//! | pass one value once | [`oneshot`] |
//! | pass many values from many tasks to one | [`mpsc`] |
//! | pass each value to many tasks | [`broadcast`] |
//! | show the latest value to many tasks | [`watch`] |
//! | wake a task without a value | [`Notify`] |
//! | limit how many do something at a time | [`Semaphore`] |
//! | share a value across `.await` | [`Mutex`], [`RwLock`] |
//! | wait until all have come | [`Barrier`] |
//! | make a value once, when it is first needed | [`OnceCell`] |
//! | wait for a value that is set once | [`SetOnce`] |
//!
//! Nothing here needs a runtime: every future works in any executor, and outlives any. Whoever waits
//! stands in a fair queue, in the order of the first polls; a future that is dropped leaves the queue and
//! passes on what it was given. Methods named `blocking_*` block the thread and panic inside an async
//! context.

mod batch;
mod block_on;
mod budget;
mod slot;
mod waitlist;

mod barrier;
mod mutex;
mod notify;
mod once_cell;
mod rwlock;
mod semaphore;
mod set_once;

pub mod broadcast;
pub mod mpsc;
pub mod oneshot;
pub mod watch;

#[cfg(all(test, gmp_loom))]
mod models;
#[cfg(all(test, not(gmp_loom)))]
mod tests;

pub use barrier::{Barrier, BarrierWaitResult};
pub use mutex::{
    MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard, TryLockError,
};
pub use notify::Notify;
pub use once_cell::{OnceCell, SetError};
pub use rwlock::{
    OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock,
    RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard,
};
pub use semaphore::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};
pub use set_once::{SetOnce, SetOnceError};

/// Named futures of this module's types.
pub mod futures {
    pub use super::notify::{Notified, OwnedNotified};
}
