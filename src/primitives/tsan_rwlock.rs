//! The reader-writer lock of builds for ThreadSanitizer (`--cfg gmp_tsan`); why there is one is told in
//! [`super::tsan_mutex`]. A count of readers, or `WRITER`; it spins.

#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{
    AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

const WRITER: usize = usize::MAX;

/// See the module's text. No poisoning.
pub(crate) struct RwLock<T> {
    word: AtomicUsize,
    value: UnsafeCell<T>,
}

// SAFETY: many threads look at the value, or one changes it.
unsafe impl<T: Send + Sync> Sync for RwLock<T> {}

pub(crate) struct RwLockReadGuard<'a, T> {
    lock: &'a RwLock<T>,
    _not_send: PhantomData<*const ()>,
}

// SAFETY: it gives shared access only.
unsafe impl<T: Sync> Sync for RwLockReadGuard<'_, T> {}

pub(crate) struct RwLockWriteGuard<'a, T> {
    lock: &'a RwLock<T>,
    _not_send: PhantomData<*const ()>,
}

impl<T> RwLock<T> {
    pub(crate) fn new(value: T) -> Self {
        RwLock { word: AtomicUsize::new(0), value: UnsafeCell::new(value) }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
        loop {
            if let Some(guard) = self.try_read() {
                return guard;
            }
            std::thread::yield_now();
        }
    }

    pub(crate) fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        let up = |word| (word != WRITER).then_some(word + 1);
        // Ordering(tsan-rwlock): Acquire, pairs with the guards' drops.
        self.word.fetch_update(Acquire, Relaxed, up).ok()?;
        Some(RwLockReadGuard { lock: self, _not_send: PhantomData })
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
        // Ordering(tsan-rwlock): Acquire, pairs with the guards' drops.
        while self.word.compare_exchange(0, WRITER, Acquire, Relaxed).is_err() {
            std::thread::yield_now();
        }
        RwLockWriteGuard { lock: self, _not_send: PhantomData }
    }
}

impl<T> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: we are counted: nobody writes.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        // Ordering(tsan-rwlock): Release, pairs with `write`.
        self.lock.word.fetch_sub(1, Release);
    }
}

impl<T> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the lock is ours.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is ours, and so is the guard.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        // Ordering(tsan-rwlock): Release, pairs with `read` and `write`.
        self.lock.word.store(0, Release);
    }
}
