#![allow(unsafe_code)]
//! A lock that may be held across `.await`.
//!
//! Protocol. A [`BatchSemaphore`] of one permit guards a cell.
//!
//! 1. Who holds the permit may touch the value; a guard is that permit.
//! 2. `lock` takes the permit: one compare-exchange when it is free, else a place in the queue.
//! 3. Dropping the guard releases the permit: one compare-exchange when nobody waits, else it goes to
//!    the longest waiter without ever being free, so nobody barges in.
//! 4. A panic while a guard is held unlocks and leaves no mark: the value's state is the user's concern.
//!
//! The semaphore is never closed.

use std::cell::UnsafeCell;
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::Arc;

use super::batch::BatchSemaphore;
use super::block_on::block_on;

/// A mutual exclusion lock for async code: a task that cannot have it waits without blocking its thread,
/// and the guard may be held across `.await`.
///
/// It is fair: waiters get it in the order in which they came, and an unlock hands it to the first of
/// them. It is not reentrant, and a panic does not poison it. Where no `.await` happens under the lock,
/// `std::sync::Mutex` is the cheaper choice.
///
/// It needs no runtime.
///
/// ```
/// use gmp::sync::Mutex;
///
/// static TOTAL: Mutex<u32> = Mutex::const_new(0);
///
/// async fn add(n: u32) {
///     *TOTAL.lock().await += n;
/// }
///
/// # let mut add = std::pin::pin!(add(3));
/// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// # assert!(std::future::Future::poll(add.as_mut(), &mut cx).is_ready());
/// assert_eq!(*TOTAL.blocking_lock(), 3);
/// ```
pub struct Mutex<T: ?Sized> {
    permit: BatchSemaphore,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through a guard, by one thread at a time (module text), so sharing the
// mutex means at most sending the value.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

/// The right to use the value of a [`Mutex`], borrowed from it. Dropping it unlocks, and never blocks.
#[must_use = "dropping the guard unlocks the mutex at once"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized> {
    lock: &'a Mutex<T>,
    /// As shareable as the reference that it hands out.
    _value: PhantomData<&'a mut T>,
}

/// A [`MutexGuard`] that keeps the mutex alive by an [`Arc`], so that it can move into a task.
#[clippy::has_significant_drop]
pub struct OwnedMutexGuard<T: ?Sized> {
    lock: Arc<Mutex<T>>,
    /// As shareable as the value.
    _value: PhantomData<Box<T>>,
}

/// A [`MutexGuard`] that shows a part of the value only. The whole mutex stays locked.
#[must_use = "dropping the guard unlocks the mutex at once"]
#[clippy::has_significant_drop]
pub struct MappedMutexGuard<'a, T: ?Sized> {
    permit: &'a BatchSemaphore,
    part: *mut T,
    _part: PhantomData<&'a mut T>,
}

// SAFETY: it stands for a `&mut T` and a reference to the semaphore, which is `Sync`.
unsafe impl<T: ?Sized + Send> Send for MappedMutexGuard<'_, T> {}
// SAFETY: as above; shared, it hands out `&T` only.
unsafe impl<T: ?Sized + Sync> Sync for MappedMutexGuard<'_, T> {}

/// An [`OwnedMutexGuard`] that shows a part of the value only. The whole mutex stays locked.
#[must_use = "dropping the guard unlocks the mutex at once"]
#[clippy::has_significant_drop]
pub struct OwnedMappedMutexGuard<T: ?Sized, U: ?Sized = T> {
    lock: Arc<Mutex<T>>,
    part: *mut U,
    _part: PhantomData<Box<U>>,
}

// SAFETY: it stands for the mutex's `Arc`, which is `Send` when `T` is, and a `&mut U`.
unsafe impl<T: ?Sized + Send, U: ?Sized + Send> Send for OwnedMappedMutexGuard<T, U> {}
// SAFETY: as above; shared, it hands out `&U` only.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedMappedMutexGuard<T, U> {}

/// The mutex is held by someone, or has been promised to a waiter.
#[derive(Debug)]
pub struct TryLockError(pub(super) ());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("operation would block")
    }
}

impl Error for TryLockError {}

impl<T: ?Sized> Mutex<T> {
    /// Makes an unlocked mutex with this value.
    #[track_caller]
    pub fn new(t: T) -> Self
    where
        T: Sized,
    {
        Mutex { permit: BatchSemaphore::new(1), value: UnsafeCell::new(t) }
    }

    const_unless_loom! {
        /// As [`Mutex::new`], for statics.
        pub const fn const_new(t: T) -> Self
        where
            T: Sized,
        {
            Mutex { permit: BatchSemaphore::const_new(1), value: UnsafeCell::new(t) }
        }
    }

    #[inline]
    async fn acquire(&self) {
        if self.permit.acquire(1).await.is_err() {
            unreachable!("a mutex's semaphore is never closed");
        }
    }

    /// The guard for a permit that was just taken.
    fn guard(&self) -> MutexGuard<'_, T> {
        MutexGuard { lock: self, _value: PhantomData }
    }

    /// Waits for the lock. It does not wait at all when the lock is free.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in the queue and nothing else.
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        self.acquire().await;
        self.guard()
    }

    /// Blocks the thread until it has the lock. For code that shares the value with async code but is not
    /// async itself; works without a runtime.
    ///
    /// # Panics
    ///
    /// Inside an async context, where the thread must not block.
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        block_on(self.lock())
    }

    /// As [`blocking_lock`](Mutex::blocking_lock), with a guard that keeps the mutex alive.
    ///
    /// # Panics
    ///
    /// Inside an async context, where the thread must not block.
    #[track_caller]
    pub fn blocking_lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        block_on(self.lock_owned())
    }

    /// Waits for the lock, with a guard that keeps the mutex alive.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the place in the queue and nothing else.
    pub async fn lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        self.acquire().await;
        OwnedMutexGuard { lock: self, _value: PhantomData }
    }

    /// Takes the lock if it is free at this moment.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] when it is held, or when others wait for it.
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        match self.permit.try_acquire(1) {
            Ok(()) => Ok(self.guard()),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// The value, without locking: `&mut self` shows that nobody else can have it.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// As [`try_lock`](Mutex::try_lock), with a guard that keeps the mutex alive.
    ///
    /// # Errors
    ///
    /// As [`try_lock`](Mutex::try_lock).
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        match self.permit.try_acquire(1) {
            Ok(()) => Ok(OwnedMutexGuard { lock: self, _value: PhantomData }),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// Takes the value out of the mutex.
    pub fn into_inner(self) -> T
    where
        T: Sized,
    {
        self.value.into_inner()
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => out.field("data", &&*guard),
            Err(_) => out.field("data", &format_args!("<locked>")),
        };
        out.finish()
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Narrows the guard to a part of the value.
    ///
    /// ```
    /// use gmp::sync::{Mutex, MutexGuard};
    ///
    /// let pair = Mutex::new((1, "one"));
    /// let mut number = MutexGuard::map(pair.try_lock().unwrap(), |pair| &mut pair.0);
    /// *number = 2;
    /// drop(number);
    /// assert_eq!(*pair.try_lock().unwrap(), (2, "one"));
    /// ```
    pub fn map<U, F>(this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let mut this = this;
        let part: *mut U = f(&mut this);
        MappedMutexGuard { permit: &ManuallyDrop::new(this).lock.permit, part, _part: PhantomData }
    }

    /// Narrows the guard to a part of the value, if there is one.
    ///
    /// # Errors
    ///
    /// The guard as it was, when `f` answers `None`.
    pub fn try_map<U, F>(this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let mut this = this;
        let part: *mut U = match f(&mut this) {
            Some(part) => part,
            None => return Err(this),
        };
        let permit = &ManuallyDrop::new(this).lock.permit;
        Ok(MappedMutexGuard { permit, part, _part: PhantomData })
    }

    /// The mutex that it locks.
    pub fn mutex(this: &Self) -> &'a Mutex<T> {
        this.lock
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.permit.release(1);
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard is the permit (module text, 1).
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard is the permit, and it is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    /// Narrows the guard to a part of the value.
    pub fn map<U, F>(this: Self, f: F) -> OwnedMappedMutexGuard<T, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let mut this = this;
        let part: *mut U = f(&mut this);
        OwnedMappedMutexGuard { lock: this.into_lock(), part, _part: PhantomData }
    }

    /// Narrows the guard to a part of the value, if there is one.
    ///
    /// # Errors
    ///
    /// The guard as it was, when `f` answers `None`.
    pub fn try_map<U, F>(this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let mut this = this;
        let part: *mut U = match f(&mut this) {
            Some(part) => part,
            None => return Err(this),
        };
        Ok(OwnedMappedMutexGuard { lock: this.into_lock(), part, _part: PhantomData })
    }

    /// The mutex that it locks.
    pub fn mutex(this: &Self) -> &Arc<Mutex<T>> {
        &this.lock
    }

    /// Gives the permit, by its owner's reference, to another kind of guard.
    fn into_lock(self) -> Arc<Mutex<T>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped, so the `Arc` is moved out, not copied.
        unsafe { ptr::read(&this.lock) }
    }
}

impl<T: ?Sized> Drop for OwnedMutexGuard<T> {
    fn drop(&mut self) {
        self.lock.permit.release(1);
    }
}

impl<T: ?Sized> Deref for OwnedMutexGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard is the permit.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for OwnedMutexGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard is the permit, and it is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<'a, T: ?Sized> MappedMutexGuard<'a, T> {
    /// Narrows the guard further.
    pub fn map<U, F>(this: Self, f: F) -> MappedMutexGuard<'a, U>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> &mut U,
    {
        let mut this = this;
        let part: *mut U = f(&mut this);
        MappedMutexGuard { permit: ManuallyDrop::new(this).permit, part, _part: PhantomData }
    }

    /// Narrows the guard further, if the part exists.
    ///
    /// # Errors
    ///
    /// The guard as it was, when `f` answers `None`.
    pub fn try_map<U, F>(this: Self, f: F) -> Result<MappedMutexGuard<'a, U>, Self>
    where
        U: ?Sized,
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let mut this = this;
        let part: *mut U = match f(&mut this) {
            Some(part) => part,
            None => return Err(this),
        };
        Ok(MappedMutexGuard { permit: ManuallyDrop::new(this).permit, part, _part: PhantomData })
    }
}

impl<T: ?Sized> Drop for MappedMutexGuard<'_, T> {
    fn drop(&mut self) {
        self.permit.release(1);
    }
}

impl<T: ?Sized> Deref for MappedMutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard is the permit of the mutex whose value the part belongs to.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized> DerefMut for MappedMutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and it is borrowed exclusively.
        unsafe { &mut *self.part }
    }
}

impl<T: ?Sized, U: ?Sized> OwnedMappedMutexGuard<T, U> {
    /// Narrows the guard further.
    pub fn map<S, F>(this: Self, f: F) -> OwnedMappedMutexGuard<T, S>
    where
        S: ?Sized,
        F: FnOnce(&mut U) -> &mut S,
    {
        let mut this = this;
        let part: *mut S = f(&mut this);
        OwnedMappedMutexGuard { lock: this.into_lock(), part, _part: PhantomData }
    }

    /// Narrows the guard further, if the part exists.
    ///
    /// # Errors
    ///
    /// The guard as it was, when `f` answers `None`.
    pub fn try_map<S, F>(this: Self, f: F) -> Result<OwnedMappedMutexGuard<T, S>, Self>
    where
        S: ?Sized,
        F: FnOnce(&mut U) -> Option<&mut S>,
    {
        let mut this = this;
        let part: *mut S = match f(&mut this) {
            Some(part) => part,
            None => return Err(this),
        };
        Ok(OwnedMappedMutexGuard { lock: this.into_lock(), part, _part: PhantomData })
    }

    fn into_lock(self) -> Arc<Mutex<T>> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped, so the `Arc` is moved out, not copied.
        unsafe { ptr::read(&this.lock) }
    }
}

impl<T: ?Sized, U: ?Sized> Drop for OwnedMappedMutexGuard<T, U> {
    fn drop(&mut self) {
        self.lock.permit.release(1);
    }
}

impl<T: ?Sized, U: ?Sized> Deref for OwnedMappedMutexGuard<T, U> {
    type Target = U;

    fn deref(&self) -> &U {
        // SAFETY: the guard is the permit, and its `Arc` keeps the value alive.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized, U: ?Sized> DerefMut for OwnedMappedMutexGuard<T, U> {
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: as in `deref`, and it is borrowed exclusively.
        unsafe { &mut *self.part }
    }
}

/// A guard prints as what it shows.
macro_rules! print_as_value {
    ($([$($generics:tt)*] $guard:ty, $shown:ident;)*) => {$(
        impl<$($generics)*> fmt::Debug for $guard
        where
            $shown: fmt::Debug,
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&**self, f)
            }
        }

        impl<$($generics)*> fmt::Display for $guard
        where
            $shown: fmt::Display,
        {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&**self, f)
            }
        }
    )*};
}

pub(super) use print_as_value;

print_as_value! {
    [T: ?Sized] MutexGuard<'_, T>, T;
    [T: ?Sized] OwnedMutexGuard<T>, T;
    [T: ?Sized] MappedMutexGuard<'_, T>, T;
    [T: ?Sized, U: ?Sized] OwnedMappedMutexGuard<T, U>, U;
}
