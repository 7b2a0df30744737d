#![allow(unsafe_code)]
//! A lock for one writer or many readers, that may be held across `.await`.
//!
//! Protocol. A [`BatchSemaphore`] of as many permits as there may be readers guards a cell.
//!
//! 1. Who holds a permit may look at the value, who holds all of them may change it. A read guard is one
//!    permit, a write guard is all.
//! 2. `read` and `write` take their permits: one compare-exchange when they are free, else a place in the
//!    one queue. A writer at its head collects permits as readers leave, and whoever came later waits
//!    behind it: so neither side starves the other.
//! 3. A guard's drop releases its permits. A write guard that is downgraded releases all but one: there
//!    is no moment at which another writer could have them all.
//! 4. Mapped guards hold the same permits and the address of a part. A panic while a guard is held unlocks
//!    and leaves no mark.
//!
//! The semaphore is never closed.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::batch::BatchSemaphore;
use super::block_on::block_on;
use super::mutex::TryLockError;

mod guards;
mod owned;

pub use guards::{RwLockMappedWriteGuard, RwLockReadGuard, RwLockWriteGuard};
pub use owned::{OwnedRwLockMappedWriteGuard, OwnedRwLockReadGuard, OwnedRwLockWriteGuard};

/// The most readers at a time, and the number that `new` allows. tokio's; it fits a semaphore of any
/// platform.
const MAX_READS: u32 = u32::MAX >> 3;

const _: () = assert!(MAX_READS as usize <= super::batch::MAX_PERMITS);

/// A reader-writer lock for async code: many may read at the same time, or one may write. Who cannot have
/// it waits without blocking its thread, and guards may be held across `.await`.
///
/// It is fair: everybody is served in the order in which they came, so a waiting writer stops later
/// readers. A task that reads, and asks to read again while a writer waits, waits for itself. It is not
/// poisoned by panics.
///
/// It needs no runtime.
///
/// ```
/// use gmp::sync::RwLock;
///
/// let lock = RwLock::new(vec![1, 2]);
/// {
///     let first = lock.try_read().unwrap();
///     let second = lock.try_read().unwrap();
///     assert_eq!(first.len(), second.len());
///     assert!(lock.try_write().is_err());
/// }
/// lock.blocking_write().push(3);
/// assert_eq!(*lock.blocking_read(), [1, 2, 3]);
/// ```
pub struct RwLock<T: ?Sized> {
    permits: BatchSemaphore,
    max_reads: u32,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through guards, by many threads as `&T` or by one as `&mut T` (module text,
// 1), so sharing the lock means sharing and sending the value.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T: ?Sized> RwLock<T> {
    /// Makes an unlocked lock with this value, for up to `u32::MAX >> 3` readers at a time.
    #[track_caller]
    pub fn new(value: T) -> RwLock<T>
    where
        T: Sized,
    {
        RwLock::with_max_readers(value, MAX_READS)
    }

    /// Makes an unlocked lock with this value, for up to `max_reads` readers at a time; 0 counts as 1.
    ///
    /// ```
    /// use gmp::sync::RwLock;
    ///
    /// let lock = RwLock::with_max_readers((), 1);
    /// let _reader = lock.try_read().unwrap();
    /// assert!(lock.try_read().is_err());
    /// ```
    ///
    /// # Panics
    ///
    /// When `max_reads` is 0 or above `u32::MAX >> 3`.
    #[track_caller]
    pub fn with_max_readers(value: T, max_reads: u32) -> RwLock<T>
    where
        T: Sized,
    {
        RwLock::const_with_max_readers(value, max_reads)
    }

    const_unless_loom! {
        /// As [`RwLock::new`], for statics.
        ///
        /// ```
        /// use gmp::sync::RwLock;
        ///
        /// static LIMIT: RwLock<u32> = RwLock::const_new(10);
        /// assert_eq!(*LIMIT.blocking_read(), 10);
        /// ```
        pub const fn const_new(value: T) -> RwLock<T>
        where
            T: Sized,
        {
            RwLock::const_with_max_readers(value, MAX_READS)
        }
    }

    const_unless_loom! {
        /// As [`RwLock::with_max_readers`], for statics.
        ///
        /// # Panics
        ///
        /// When `max_reads` is 0 or above `u32::MAX >> 3`; in a constant that is a compile error.
        #[track_caller]
        pub const fn const_with_max_readers(value: T, max_reads: u32) -> RwLock<T>
        where
            T: Sized,
        {
            assert!(
                max_reads <= MAX_READS,
                "a RwLock may not be created with more than 536870911 readers"
            );
            // Without a permit, two writers would each hold all there are.
            assert!(max_reads != 0, "a RwLock may not be created with 0 readers");
            RwLock {
                permits: BatchSemaphore::const_new(max_reads as usize),
                max_reads,
                value: UnsafeCell::new(value),
            }
        }
    }

    #[inline]
    async fn acquire(&self, permits: usize) {
        if self.permits.acquire(permits).await.is_err() {
            unreachable!("a lock's semaphore is never closed");
        }
    }

    fn try_acquire(&self, permits: usize) -> Result<(), TryLockError> {
        self.permits.try_acquire(permits).map_err(|_| TryLockError(()))
    }

    /// Step 1: what a writer holds.
    #[inline]
    fn all(&self) -> usize {
        self.max_reads as usize
    }

    /// The guard for one permit that was just taken.
    fn read_guard(&self) -> RwLockReadGuard<'_, T> {
        RwLockReadGuard { permits: &self.permits, part: self.value.get(), _part: PhantomData }
    }

    /// As `read_guard`.
    fn read_guard_owned(self: Arc<Self>) -> OwnedRwLockReadGuard<T> {
        let part = self.value.get();
        OwnedRwLockReadGuard { lock: self, part, _part: PhantomData }
    }

    /// Waits until it may read: until no writer holds the lock or came before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in the queue and nothing else.
    pub async fn read(&self) -> RwLockReadGuard<'_, T> {
        self.acquire(1).await;
        self.read_guard()
    }

    /// Blocks the thread until it may read. Works without a runtime.
    ///
    /// # Panics
    ///
    /// Inside an async context, where the thread must not block.
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        block_on(self.read())
    }

    /// As [`read`](RwLock::read), with a guard that keeps the lock alive.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in the queue and nothing else.
    pub async fn read_owned(self: Arc<Self>) -> OwnedRwLockReadGuard<T> {
        self.acquire(1).await;
        self.read_guard_owned()
    }

    /// Takes the right to read if that needs no waiting.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] when a writer holds the lock or waits for it.
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        self.try_acquire(1)?;
        Ok(self.read_guard())
    }

    /// As [`try_read`](RwLock::try_read), with a guard that keeps the lock alive.
    ///
    /// # Errors
    ///
    /// As [`try_read`](RwLock::try_read).
    pub fn try_read_owned(self: Arc<Self>) -> Result<OwnedRwLockReadGuard<T>, TryLockError> {
        self.try_acquire(1)?;
        Ok(self.read_guard_owned())
    }

    /// Waits until it may write: until nobody else holds the lock or came before.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in the queue, and readers that waited behind it go on.
    pub async fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.acquire(self.all()).await;
        RwLockWriteGuard { lock: self, _value: PhantomData }
    }

    /// Blocks the thread until it may write. Works without a runtime.
    ///
    /// # Panics
    ///
    /// Inside an async context, where the thread must not block.
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        block_on(self.write())
    }

    /// As [`write`](RwLock::write), with a guard that keeps the lock alive.
    ///
    /// # Cancel safety
    ///
    /// As [`write`](RwLock::write).
    pub async fn write_owned(self: Arc<Self>) -> OwnedRwLockWriteGuard<T> {
        self.acquire(self.all()).await;
        OwnedRwLockWriteGuard { lock: self, _value: PhantomData }
    }

    /// Takes the right to write if that needs no waiting.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] when anybody holds the lock or waits for it.
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        self.try_acquire(self.all())?;
        Ok(RwLockWriteGuard { lock: self, _value: PhantomData })
    }

    /// As [`try_write`](RwLock::try_write), with a guard that keeps the lock alive.
    ///
    /// # Errors
    ///
    /// As [`try_write`](RwLock::try_write).
    pub fn try_write_owned(self: Arc<Self>) -> Result<OwnedRwLockWriteGuard<T>, TryLockError> {
        self.try_acquire(self.all())?;
        Ok(OwnedRwLockWriteGuard { lock: self, _value: PhantomData })
    }

    /// The value, without locking: `&mut self` shows that nobody else can have it.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Takes the value out of the lock.
    pub fn into_inner(self) -> T
    where
        T: Sized,
    {
        self.value.into_inner()
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => out.field("data", &&*guard),
            Err(_) => out.field("data", &format_args!("<locked>")),
        };
        out.finish()
    }
}
