//! `Semaphore` and its permits: a public face over [`BatchSemaphore`](super::batch), where the protocol
//! is told.
//!
//! A permit is a number and a reference: dropping it releases that number, `split` and `merge` only
//! move the number about, `forget` sets it to zero.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::batch::{self, BatchSemaphore, Refused};
use super::block_on::block_on;

/// Limits how many may do something at the same time: a number of permits that are taken and given back.
///
/// Waiters are served in the order in which they came, also when the first one wants many permits and
/// later ones few: then those wait behind it. A permit gives itself back when it is dropped.
///
/// It needs no runtime: the futures may be polled by any executor.
///
/// ```
/// use gmp::sync::{Semaphore, TryAcquireError};
///
/// let tables = Semaphore::new(2);
/// let first = tables.try_acquire().unwrap();
/// let second = tables.try_acquire().unwrap();
/// assert_eq!(tables.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
/// drop(first);
/// assert_eq!(tables.available_permits(), 1);
/// # drop(second);
/// ```
#[derive(Debug)]
pub struct Semaphore {
    inner: BatchSemaphore,
}

/// One or more permits of a [`Semaphore`], borrowed from it. Dropping it gives them back.
#[must_use]
#[derive(Debug)]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    permits: usize,
}

/// One or more permits of a [`Semaphore`] in an [`Arc`]. Dropping it gives them back.
#[must_use]
#[derive(Debug)]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    permits: usize,
}

/// The semaphore was closed, and no permit can be had any more.
#[derive(Debug)]
pub struct AcquireError(());

/// Why `try_acquire` and its kin got no permit.
#[derive(Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore was closed: no permit can be had any more.
    Closed,
    /// There are too few free permits at this moment.
    NoPermits,
}

impl Semaphore {
    /// The most permits that a semaphore can have: `usize::MAX >> 3`.
    pub const MAX_PERMITS: usize = batch::MAX_PERMITS;

    /// Makes a semaphore with this number of free permits.
    ///
    /// # Panics
    ///
    /// When `permits` is above [`Semaphore::MAX_PERMITS`].
    #[track_caller]
    pub fn new(permits: usize) -> Self {
        Semaphore { inner: BatchSemaphore::new(permits) }
    }

    const_unless_loom! {
        /// As [`Semaphore::new`], for statics.
        ///
        /// ```
        /// use gmp::sync::Semaphore;
        ///
        /// static SLOTS: Semaphore = Semaphore::const_new(8);
        /// assert_eq!(SLOTS.available_permits(), 8);
        /// ```
        ///
        /// # Panics
        ///
        /// When `permits` is above [`Semaphore::MAX_PERMITS`]; in a constant that is a compile error.
        #[track_caller]
        pub const fn const_new(permits: usize) -> Self {
            Semaphore { inner: BatchSemaphore::const_new(permits) }
        }
    }

    /// The number of free permits at this moment.
    pub fn available_permits(&self) -> usize {
        self.inner.available()
    }

    /// Adds `n` permits, which go to waiters first.
    ///
    /// # Panics
    ///
    /// When there would be more than [`Semaphore::MAX_PERMITS`].
    #[track_caller]
    pub fn add_permits(&self, n: usize) {
        self.inner.release(n);
    }

    /// Takes away up to `n` permits that are free at this moment, and answers how many it took.
    pub fn forget_permits(&self, n: usize) -> usize {
        self.inner.forget(n)
    }

    /// Waits for a permit.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] when the semaphore is closed, now or while waiting.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in the queue and nothing else.
    pub async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire_usize(1).await
    }

    /// Waits for `n` permits at once. While it is the first in the queue it collects what becomes free,
    /// so later and smaller requests do not keep it waiting for ever.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] when the semaphore is closed, now or while waiting.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives back what it had collected, and its place in the queue.
    pub async fn acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire_usize(n as usize).await
    }

    #[inline]
    async fn acquire_usize(&self, permits: usize) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.inner.acquire(permits).await.map_err(AcquireError::from)?;
        Ok(SemaphorePermit { semaphore: self, permits })
    }

    /// Takes a permit if one is free. What waiters have been given already is not free.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError::NoPermits`] when none is free, [`TryAcquireError::Closed`] when the semaphore
    /// is closed.
    pub fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if so many are free.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Semaphore::try_acquire); it takes all or none.
    pub fn try_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        let permits = n as usize;
        self.inner.try_acquire(permits)?;
        Ok(SemaphorePermit { semaphore: self, permits })
    }

    /// Blocks the thread until it has a permit.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] when the semaphore is closed, now or while waiting.
    ///
    /// # Panics
    ///
    /// Inside an async context, where the thread must not block.
    #[track_caller]
    pub fn blocking_acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on(self.acquire_usize(1))
    }

    /// Blocks the thread until it has `n` permits.
    ///
    /// # Errors
    ///
    /// As [`blocking_acquire`](Semaphore::blocking_acquire).
    ///
    /// # Panics
    ///
    /// Inside an async context, where the thread must not block.
    #[track_caller]
    pub fn blocking_acquire_many(&self, n: u32) -> Result<SemaphorePermit<'_>, AcquireError> {
        block_on(self.acquire_usize(n as usize))
    }

    /// Waits for a permit that keeps the semaphore alive, so that it can move into a task.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] when the semaphore is closed, now or while waiting.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in the queue and nothing else.
    pub async fn acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        self.acquire_many_owned(1).await
    }

    /// Waits for `n` permits that keep the semaphore alive.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] when the semaphore is closed, now or while waiting.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire_many`](Semaphore::acquire_many).
    pub async fn acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        let permits = n as usize;
        self.inner.acquire(permits).await.map_err(AcquireError::from)?;
        Ok(OwnedSemaphorePermit { semaphore: self, permits })
    }

    /// Takes a permit that keeps the semaphore alive, if one is free.
    ///
    /// # Errors
    ///
    /// As [`try_acquire`](Semaphore::try_acquire).
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// Takes `n` permits that keep the semaphore alive, if so many are free.
    ///
    /// # Errors
    ///
    /// As [`try_acquire_many`](Semaphore::try_acquire_many).
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, TryAcquireError> {
        let permits = n as usize;
        self.inner.try_acquire(permits)?;
        Ok(OwnedSemaphorePermit { semaphore: self, permits })
    }

    /// Blocks the thread until it has a permit that keeps the semaphore alive.
    ///
    /// # Errors
    ///
    /// As [`blocking_acquire`](Semaphore::blocking_acquire).
    ///
    /// # Panics
    ///
    /// Inside an async context, where the thread must not block.
    #[track_caller]
    pub fn blocking_acquire_owned(self: Arc<Self>) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on(self.acquire_many_owned(1))
    }

    /// Blocks the thread until it has `n` permits that keep the semaphore alive.
    ///
    /// # Errors
    ///
    /// As [`blocking_acquire`](Semaphore::blocking_acquire).
    ///
    /// # Panics
    ///
    /// Inside an async context, where the thread must not block.
    #[track_caller]
    pub fn blocking_acquire_many_owned(
        self: Arc<Self>,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        block_on(self.acquire_many_owned(n))
    }

    /// Closes it: whoever waits, and whoever asks later, gets an error. Permits that are out stay valid.
    pub fn close(&self) {
        self.inner.close();
    }

    /// Was it closed?
    pub fn is_closed(&self) -> bool {
        self.inner.is_closed()
    }
}

impl<'a> SemaphorePermit<'a> {
    /// Drops the permit without giving anything back: the semaphore has that many fewer from now on.
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Adds another permit of the same semaphore to this one.
    ///
    /// # Panics
    ///
    /// When the two are from different semaphores.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            std::ptr::eq(self.semaphore, other.semaphore),
            "merging permits from different semaphore instances"
        );
        self.permits += std::mem::take(&mut other.permits);
    }

    /// Moves `n` of its permits into a permit of their own; `None`, and no change, when it holds fewer.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n)?;
        Some(SemaphorePermit { semaphore: self.semaphore, permits: n })
    }

    /// The semaphore it belongs to.
    pub fn semaphore(&self) -> &'a Semaphore {
        self.semaphore
    }

    /// How many permits it holds.
    pub fn num_permits(&self) -> usize {
        self.permits
    }
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        self.semaphore.inner.release(self.permits);
    }
}

impl OwnedSemaphorePermit {
    /// Drops the permit without giving anything back: the semaphore has that many fewer from now on.
    pub fn forget(mut self) {
        self.permits = 0;
    }

    /// Adds another permit of the same semaphore to this one.
    ///
    /// # Panics
    ///
    /// When the two are from different semaphores.
    #[track_caller]
    pub fn merge(&mut self, mut other: Self) {
        assert!(
            Arc::ptr_eq(&self.semaphore, &other.semaphore),
            "merging permits from different semaphore instances"
        );
        self.permits += std::mem::take(&mut other.permits);
    }

    /// Moves `n` of its permits into a permit of their own; `None`, and no change, when it holds fewer.
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.permits = self.permits.checked_sub(n)?;
        Some(OwnedSemaphorePermit { semaphore: self.semaphore.clone(), permits: n })
    }

    /// The semaphore it belongs to.
    pub fn semaphore(&self) -> &Arc<Semaphore> {
        &self.semaphore
    }

    /// How many permits it holds.
    pub fn num_permits(&self) -> usize {
        self.permits
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        self.semaphore.inner.release(self.permits);
    }
}

impl From<batch::Closed> for AcquireError {
    fn from(_: batch::Closed) -> Self {
        AcquireError(())
    }
}

impl From<Refused> for TryAcquireError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Closed => TryAcquireError::Closed,
            Refused::NoPermits => TryAcquireError::NoPermits,
        }
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("semaphore closed")
    }
}

impl Error for AcquireError {}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryAcquireError::Closed => "semaphore closed",
            TryAcquireError::NoPermits => "no permits available",
        })
    }
}

impl Error for TryAcquireError {}
