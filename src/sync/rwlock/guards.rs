#![allow(unsafe_code)]
//! The guards that borrow the lock.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

use super::RwLock;
use crate::primitives::sync::broken;
use crate::sync::batch::BatchSemaphore;
use crate::sync::mutex::print_as_value;

/// The right to read the value of a [`RwLock`], or a part of it, borrowed from the lock. Dropping it gives
/// the right back, and never blocks.
#[must_use = "dropping the guard unlocks the lock at once"]
#[clippy::has_significant_drop]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    pub(super) permits: &'a BatchSemaphore,
    pub(super) part: *const T,
    pub(super) _part: PhantomData<&'a T>,
}

// SAFETY: it stands for a `&T` and a reference to the semaphore, which is `Sync`.
unsafe impl<T: ?Sized + Sync> Send for RwLockReadGuard<'_, T> {}
// SAFETY: as above; shared, it hands out `&T` only.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockReadGuard<'_, T> {}

/// The right to change the value of a [`RwLock`], borrowed from the lock. Dropping it gives the right back,
/// and never blocks.
#[must_use = "dropping the guard unlocks the lock at once"]
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    pub(super) lock: &'a RwLock<T>,
    /// As shareable as the reference that it hands out.
    pub(super) _value: PhantomData<&'a mut T>,
}

/// A [`RwLockWriteGuard`] that shows a part of the value only. The whole lock stays locked.
#[clippy::has_significant_drop]
pub struct RwLockMappedWriteGuard<'a, T: ?Sized> {
    permits: &'a BatchSemaphore,
    /// How many permits it holds: all.
    count: usize,
    part: *mut T,
    _part: PhantomData<&'a mut T>,
}

// SAFETY: it stands for a `&mut T` and a reference to the semaphore, which is `Sync`.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockMappedWriteGuard<'_, T> {}
// SAFETY: as above; shared, it hands out `&T` only.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLockMappedWriteGuard<'_, T> {}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// Narrows the guard to a part of the value.
    ///
    /// ```
    /// use gmp::sync::{RwLock, RwLockReadGuard};
    ///
    /// let pair = RwLock::new((1, "one"));
    /// let name = RwLockReadGuard::map(pair.try_read().unwrap(), |pair| &pair.1);
    /// assert_eq!(*name, "one");
    /// ```
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let part: *const U = f(&this);
        RwLockReadGuard { permits: ManuallyDrop::new(this).permits, part, _part: PhantomData }
    }

    /// Narrows the guard to a part of the value, if there is one.
    ///
    /// # Errors
    ///
    /// The guard as it was, when `f` answers `None`.
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let part: *const U = match f(&this) {
            Some(part) => part,
            None => return Err(this),
        };
        Ok(RwLockReadGuard { permits: ManuallyDrop::new(this).permits, part, _part: PhantomData })
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        self.permits.release(1);
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard is a permit of the lock whose value the part belongs to.
        unsafe { &*self.part }
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// The mapped guard for a part of this one's value.
    fn into_part<U: ?Sized>(this: Self, part: *mut U) -> RwLockMappedWriteGuard<'a, U> {
        let lock = ManuallyDrop::new(this).lock;
        RwLockMappedWriteGuard {
            permits: &lock.permits,
            count: lock.all(),
            part,
            _part: PhantomData,
        }
    }

    /// Step 3's second half.
    fn into_reader<U: ?Sized>(this: Self, part: *const U) -> RwLockReadGuard<'a, U> {
        let lock = ManuallyDrop::new(this).lock;
        let guard = RwLockReadGuard { permits: &lock.permits, part, _part: PhantomData };
        // Made before: a waker that panics finds one permit in a guard's hands.
        lock.permits.release(lock.all() - usize::from(!broken("rwlock-downgrade-gives-all")));
        guard
    }

    /// Narrows the guard to a part of the value.
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let mut this = this;
        let part: *mut U = f(&mut this);
        RwLockWriteGuard::into_part(this, part)
    }

    /// Becomes a reader of a part of the value, as [`downgrade`](Self::downgrade) with a
    /// [`map`](RwLockReadGuard::map). The closure gets `&T`: with `&mut T` it could keep the right to change
    /// what others read.
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> RwLockReadGuard<'a, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let part: *const U = f(&this);
        RwLockWriteGuard::into_reader(this, part)
    }

    /// Narrows the guard to a part of the value, if there is one.
    ///
    /// # Errors
    ///
    /// The guard as it was, when `f` answers `None`.
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let mut this = this;
        let part: *mut U = match f(&mut this) {
            Some(part) => part,
            None => return Err(this),
        };
        Ok(RwLockWriteGuard::into_part(this, part))
    }

    /// Becomes a reader of a part of the value, if there is one.
    ///
    /// # Errors
    ///
    /// The guard as it was, still for writing, when `f` answers `None`.
    pub fn try_downgrade_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockReadGuard<'a, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let part: *const U = match f(&this) {
            Some(part) => part,
            None => return Err(this),
        };
        Ok(RwLockWriteGuard::into_reader(this, part))
    }

    /// A mapped guard for the whole value, where one type is wanted for both kinds.
    pub fn into_mapped(this: Self) -> RwLockMappedWriteGuard<'a, T> {
        let part = this.lock.value.get();
        RwLockWriteGuard::into_part(this, part)
    }

    /// Becomes a reader, without a moment in between in which another writer could change the value.
    /// Readers that wait at the head of the queue go on.
    ///
    /// ```
    /// use gmp::sync::RwLock;
    ///
    /// let lock = RwLock::new(0);
    /// let mut writer = lock.try_write().unwrap();
    /// *writer = 1;
    /// let reader = writer.downgrade();
    /// assert_eq!((*reader, *lock.try_read().unwrap()), (1, 1));
    /// assert!(lock.try_write().is_err());
    /// ```
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        let part = self.lock.value.get();
        RwLockWriteGuard::into_reader(self, part)
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.permits.release(self.lock.all());
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard is all permits (module text, 1).
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard is all permits, and it is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<'a, T: ?Sized> RwLockMappedWriteGuard<'a, T> {
    fn into_part<U: ?Sized>(this: Self, part: *mut U) -> RwLockMappedWriteGuard<'a, U> {
        let this = ManuallyDrop::new(this);
        RwLockMappedWriteGuard {
            permits: this.permits,
            count: this.count,
            part,
            _part: PhantomData,
        }
    }

    /// Narrows the guard further.
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> RwLockMappedWriteGuard<'a, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let mut this = this;
        let part: *mut U = f(&mut this);
        RwLockMappedWriteGuard::into_part(this, part)
    }

    /// Narrows the guard further, if the part exists.
    ///
    /// # Errors
    ///
    /// The guard as it was, when `f` answers `None`.
    pub fn try_map<F, U: ?Sized>(this: Self, f: F) -> Result<RwLockMappedWriteGuard<'a, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let mut this = this;
        let part: *mut U = match f(&mut this) {
            Some(part) => part,
            None => return Err(this),
        };
        Ok(RwLockMappedWriteGuard::into_part(this, part))
    }
}

impl<T: ?Sized> Drop for RwLockMappedWriteGuard<'_, T> {
    fn drop(&mut self) {
        self.permits.release(self.count);
    }
}

impl<T: ?Sized> Deref for RwLockMappedWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard is all permits of the lock whose value the part belongs to.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized> DerefMut for RwLockMappedWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and it is borrowed exclusively.
        unsafe { &mut *self.part }
    }
}

print_as_value! {
    [T: ?Sized] RwLockReadGuard<'_, T>, T;
    [T: ?Sized] RwLockWriteGuard<'_, T>, T;
    [T: ?Sized] RwLockMappedWriteGuard<'_, T>, T;
}
