#![allow(unsafe_code)]
//! The guards that keep the lock alive by an `Arc`, so that they can move into tasks.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::Arc;

use super::RwLock;
use crate::sync::mutex::print_as_value;

/// A [`RwLockReadGuard`](super::RwLockReadGuard) that keeps the lock alive by an [`Arc`]. `U` is what it
/// shows: the value or a part.
#[clippy::has_significant_drop]
pub struct OwnedRwLockReadGuard<T: ?Sized, U: ?Sized = T> {
    pub(super) lock: Arc<RwLock<T>>,
    pub(super) part: *const U,
    pub(super) _part: PhantomData<Box<U>>,
}

// SAFETY: it stands for the lock's `Arc`, which is `Send` when `T` is `Send` and `Sync`, and a `&U`.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Sync> Send for OwnedRwLockReadGuard<T, U> {}
// SAFETY: as above; shared, it hands out `&U` only.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync> Sync for OwnedRwLockReadGuard<T, U> {}

/// A [`RwLockWriteGuard`](super::RwLockWriteGuard) that keeps the lock alive by an [`Arc`].
#[clippy::has_significant_drop]
pub struct OwnedRwLockWriteGuard<T: ?Sized> {
    pub(super) lock: Arc<RwLock<T>>,
    /// As shareable as the value.
    pub(super) _value: PhantomData<Box<T>>,
}

/// An [`OwnedRwLockWriteGuard`] that shows a part of the value only. The whole lock stays locked.
#[clippy::has_significant_drop]
pub struct OwnedRwLockMappedWriteGuard<T: ?Sized, U: ?Sized = T> {
    lock: Arc<RwLock<T>>,
    part: *mut U,
    _part: PhantomData<Box<U>>,
}

// SAFETY: it stands for the lock's `Arc`, which is `Send` when `T` is `Send` and `Sync`, and a `&mut U`.
unsafe impl<T, U> Send for OwnedRwLockMappedWriteGuard<T, U>
where
    T: ?Sized + Send + Sync,
    U: ?Sized + Send + Sync,
{
}
// SAFETY: as above; shared, it hands out `&U` only.
unsafe impl<T, U> Sync for OwnedRwLockMappedWriteGuard<T, U>
where
    T: ?Sized + Send + Sync,
    U: ?Sized + Send + Sync,
{
}

/// Takes the `Arc` out of a guard without running the guard's drop: the permits go to another kind of
/// guard.
macro_rules! into_lock {
    ($guard:expr) => {{
        let guard = ManuallyDrop::new($guard);
        // SAFETY: `guard` is not dropped, so the `Arc` is moved out, not copied.
        unsafe { ptr::read(&guard.lock) }
    }};
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockReadGuard<T, U> {
    /// Narrows the guard to a part of what it shows.
    pub fn map<F, V: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, V>
    where
        F: FnOnce(&U) -> &V,
    {
        let part: *const V = f(&this);
        OwnedRwLockReadGuard { lock: into_lock!(this), part, _part: PhantomData }
    }

    /// Narrows the guard to a part of what it shows, if there is one.
    ///
    /// # Errors
    ///
    /// The guard as it was, when `f` answers `None`.
    pub fn try_map<F, V: ?Sized>(this: Self, f: F) -> Result<OwnedRwLockReadGuard<T, V>, Self>
    where
        F: FnOnce(&U) -> Option<&V>,
    {
        let part: *const V = match f(&this) {
            Some(part) => part,
            None => return Err(this),
        };
        Ok(OwnedRwLockReadGuard { lock: into_lock!(this), part, _part: PhantomData })
    }

    /// The lock that it holds.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}

impl<T: ?Sized, U: ?Sized> Drop for OwnedRwLockReadGuard<T, U> {
    fn drop(&mut self) {
        self.lock.permits.release(1);
    }
}

impl<T: ?Sized, U: ?Sized> Deref for OwnedRwLockReadGuard<T, U> {
    type Target = U;

    fn deref(&self) -> &U {
        // SAFETY: the guard is a permit, and its `Arc` keeps the value alive.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized> OwnedRwLockWriteGuard<T> {
    fn into_part<U: ?Sized>(this: Self, part: *mut U) -> OwnedRwLockMappedWriteGuard<T, U> {
        OwnedRwLockMappedWriteGuard { lock: into_lock!(this), part, _part: PhantomData }
    }

    /// The lock's step 3, second half.
    fn into_reader<U: ?Sized>(this: Self, part: *const U) -> OwnedRwLockReadGuard<T, U> {
        let guard = OwnedRwLockReadGuard { lock: into_lock!(this), part, _part: PhantomData };
        guard.lock.permits.release(guard.lock.all() - 1);
        guard
    }

    /// Narrows the guard to a part of the value.
    pub fn map<F, U: ?Sized>(this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, U>
    where
        F: FnOnce(&mut T) -> &mut U,
    {
        let mut this = this;
        let part: *mut U = f(&mut this);
        OwnedRwLockWriteGuard::into_part(this, part)
    }

    /// Becomes a reader of a part of the value; see
    /// [`RwLockWriteGuard::downgrade_map`](super::RwLockWriteGuard::downgrade_map).
    pub fn downgrade_map<F, U: ?Sized>(this: Self, f: F) -> OwnedRwLockReadGuard<T, U>
    where
        F: FnOnce(&T) -> &U,
    {
        let part: *const U = f(&this);
        OwnedRwLockWriteGuard::into_reader(this, part)
    }

    /// Narrows the guard to a part of the value, if there is one.
    ///
    /// # Errors
    ///
    /// The guard as it was, when `f` answers `None`.
    pub fn try_map<F, U: ?Sized>(
        this: Self,
        f: F,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, U>, Self>
    where
        F: FnOnce(&mut T) -> Option<&mut U>,
    {
        let mut this = this;
        let part: *mut U = match f(&mut this) {
            Some(part) => part,
            None => return Err(this),
        };
        Ok(OwnedRwLockWriteGuard::into_part(this, part))
    }

    /// Becomes a reader of a part of the value, if there is one.
    ///
    /// # Errors
    ///
    /// The guard as it was, still for writing, when `f` answers `None`.
    pub fn try_downgrade_map<F, U: ?Sized>(
        this: Self,
        f: F,
    ) -> Result<OwnedRwLockReadGuard<T, U>, Self>
    where
        F: FnOnce(&T) -> Option<&U>,
    {
        let part: *const U = match f(&this) {
            Some(part) => part,
            None => return Err(this),
        };
        Ok(OwnedRwLockWriteGuard::into_reader(this, part))
    }

    /// A mapped guard for the whole value, where one type is wanted for both kinds.
    pub fn into_mapped(this: Self) -> OwnedRwLockMappedWriteGuard<T> {
        let part = this.lock.value.get();
        OwnedRwLockWriteGuard::into_part(this, part)
    }

    /// Becomes a reader, without a moment in between in which another writer could change the value.
    /// Readers that wait at the head of the queue go on.
    pub fn downgrade(self) -> OwnedRwLockReadGuard<T> {
        let part = self.lock.value.get();
        OwnedRwLockWriteGuard::into_reader(self, part)
    }

    /// The lock that it holds.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}

impl<T: ?Sized> Drop for OwnedRwLockWriteGuard<T> {
    fn drop(&mut self) {
        self.lock.permits.release(self.lock.all());
    }
}

impl<T: ?Sized> Deref for OwnedRwLockWriteGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard is all permits, and its `Arc` keeps the value alive.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for OwnedRwLockWriteGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and it is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized, U: ?Sized> OwnedRwLockMappedWriteGuard<T, U> {
    /// Narrows the guard further.
    pub fn map<F, V: ?Sized>(this: Self, f: F) -> OwnedRwLockMappedWriteGuard<T, V>
    where
        F: FnOnce(&mut U) -> &mut V,
    {
        let mut this = this;
        let part: *mut V = f(&mut this);
        OwnedRwLockMappedWriteGuard { lock: into_lock!(this), part, _part: PhantomData }
    }

    /// Narrows the guard further, if the part exists.
    ///
    /// # Errors
    ///
    /// The guard as it was, when `f` answers `None`.
    pub fn try_map<F, V: ?Sized>(
        this: Self,
        f: F,
    ) -> Result<OwnedRwLockMappedWriteGuard<T, V>, Self>
    where
        F: FnOnce(&mut U) -> Option<&mut V>,
    {
        let mut this = this;
        let part: *mut V = match f(&mut this) {
            Some(part) => part,
            None => return Err(this),
        };
        Ok(OwnedRwLockMappedWriteGuard { lock: into_lock!(this), part, _part: PhantomData })
    }

    /// The lock that it holds.
    pub fn rwlock(this: &Self) -> &Arc<RwLock<T>> {
        &this.lock
    }
}

impl<T: ?Sized, U: ?Sized> Drop for OwnedRwLockMappedWriteGuard<T, U> {
    fn drop(&mut self) {
        self.lock.permits.release(self.lock.all());
    }
}

impl<T: ?Sized, U: ?Sized> Deref for OwnedRwLockMappedWriteGuard<T, U> {
    type Target = U;

    fn deref(&self) -> &U {
        // SAFETY: the guard is all permits, and its `Arc` keeps the value alive.
        unsafe { &*self.part }
    }
}

impl<T: ?Sized, U: ?Sized> DerefMut for OwnedRwLockMappedWriteGuard<T, U> {
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: as in `deref`, and it is borrowed exclusively.
        unsafe { &mut *self.part }
    }
}

print_as_value! {
    [T: ?Sized, U: ?Sized] OwnedRwLockReadGuard<T, U>, U;
    [T: ?Sized] OwnedRwLockWriteGuard<T>, T;
    [T: ?Sized, U: ?Sized] OwnedRwLockMappedWriteGuard<T, U>, U;
}
