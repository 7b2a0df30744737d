//! The one switch between std and loom.
//!
//! Everything that another thread can see goes through this module: atomics, cells, locks, threads. A
//! normal build gets std's types at no cost; `cfg(all(test, gmp_loom))` gets loom's, so that the models
//! explore the very code that ships. The cfg has a private name because `--cfg loom` would flip
//! dependencies too.
//!
//! `UnsafeCell` has loom's closure form (`with`, `with_mut`) in both builds: a bare `&mut *cell.get()`
//! would be invisible to the checker.

/// Declares a `const fn` that becomes an ordinary one under loom, whose constructors are not const.
macro_rules! const_unless_loom {
    ($(#[$meta:meta])* $vis:vis const unsafe fn $($rest:tt)*) => {
        $(#[$meta])*
        #[cfg(not(all(test, gmp_loom)))]
        $vis const unsafe fn $($rest)*
        $(#[$meta])*
        #[cfg(all(test, gmp_loom))]
        $vis unsafe fn $($rest)*
    };
    ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => {
        $(#[$meta])*
        #[cfg(not(all(test, gmp_loom)))]
        $vis const fn $($rest)*
        $(#[$meta])*
        #[cfg(all(test, gmp_loom))]
        $vis fn $($rest)*
    };
}

/// Declares a thread local with a constant initial value. loom's threads are coroutines on one thread of
/// the system, so they need loom's kind.
#[allow(unused_macros)] // a build with few features has no use for it
macro_rules! thread_local_const {
    ($(#[$meta:meta])* static $name:ident: $type:ty = $init:expr;) => {
        #[cfg(not(all(test, gmp_loom)))]
        std::thread_local! {
            $(#[$meta])*
            static $name: $type = const { $init };
        }
        #[cfg(all(test, gmp_loom))]
        loom::thread_local! {
            $(#[$meta])*
            static $name: $type = $init;
        }
    };
}

#[cfg(all(test, gmp_loom))]
pub(crate) use loomed::*;
#[cfg(not(all(test, gmp_loom)))]
pub(crate) use real::*;

/// A load that the models explore against every later store. loom sets a store against the last access
/// of its object only, so a storing thread that has just loaded the word itself would hide an earlier load
/// by another thread; in the models this is a read-modify-write that changes nothing. A word that is loaded
/// so must be changed by read-modify-writes, or by `store_explored`, which is one in the models: loom does
/// not order a plain store after another thread's read-modify-write.
pub(crate) trait Explored {
    type Value;

    fn load_explored(&self, order: atomic::Ordering) -> Self::Value;

    fn store_explored(&self, value: Self::Value, order: atomic::Ordering);
}

impl Explored for atomic::AtomicUsize {
    type Value = usize;

    #[inline(always)]
    fn load_explored(&self, order: atomic::Ordering) -> usize {
        if cfg!(all(test, gmp_loom)) {
            self.fetch_add(0, order)
        } else {
            self.load(order)
        }
    }

    #[inline(always)]
    fn store_explored(&self, value: usize, order: atomic::Ordering) {
        if cfg!(all(test, gmp_loom)) {
            self.swap(value, order);
        } else {
            self.store(value, order);
        }
    }
}

impl<T> Explored for atomic::AtomicPtr<T> {
    type Value = *mut T;

    #[inline(always)]
    fn load_explored(&self, order: atomic::Ordering) -> *mut T {
        if cfg!(all(test, gmp_loom)) {
            let none = std::ptr::null_mut();
            self.compare_exchange(none, none, order, order).unwrap_or_else(|value| value)
        } else {
            self.load(order)
        }
    }

    #[inline(always)]
    fn store_explored(&self, value: *mut T, order: atomic::Ordering) {
        if cfg!(all(test, gmp_loom)) {
            self.swap(value, order);
        } else {
            self.store(value, order);
        }
    }
}

/// Is this break seeded? Only models ask: each weakens one ordering or drops one step under a name, and
/// must then fail. In any other build the answer is a constant.
#[cfg(not(all(test, gmp_loom)))]
#[inline(always)]
pub(crate) const fn broken(_name: &str) -> bool {
    false
}

/// Is this break seeded? The models' build reads the name from `GMP_BREAK`.
#[cfg(all(test, gmp_loom))]
pub(crate) fn broken(name: &str) -> bool {
    static SEEDED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    SEEDED.get_or_init(|| std::env::var("GMP_BREAK").ok()).as_deref() == Some(name)
}

#[cfg(not(all(test, gmp_loom)))]
mod real {
    pub(crate) use std::hint;
    pub(crate) use std::sync::atomic;
    pub(crate) use std::sync::Arc;
    pub(crate) use std::thread;

    #[cfg(gmp_tsan)]
    pub(crate) use super::super::tsan_mutex::{Mutex, MutexGuard};
    #[cfg(gmp_tsan)]
    #[allow(unused_imports)] // `sync` alone uses it
    pub(crate) use super::super::tsan_rwlock::{RwLock, RwLockReadGuard};
    #[cfg(not(gmp_tsan))]
    pub(crate) use std_mutex::{Mutex, MutexGuard};
    #[cfg(not(gmp_tsan))]
    #[allow(unused_imports)] // `sync` alone uses it
    pub(crate) use std_rwlock::{RwLock, RwLockReadGuard};

    #[cfg(not(gmp_tsan))]
    #[allow(dead_code)] // `sync` alone uses it
    mod std_rwlock {
        use std::sync::{PoisonError, RwLockWriteGuard, TryLockError};

        /// A reader-writer lock without poisoning. What it guards is a caller's value, and what a panic of
        /// the caller's makes of that is the caller's concern.
        pub(crate) struct RwLock<T>(std::sync::RwLock<T>);

        pub(crate) type RwLockReadGuard<'a, T> = std::sync::RwLockReadGuard<'a, T>;

        impl<T> RwLock<T> {
            pub(crate) const fn new(value: T) -> Self {
                RwLock(std::sync::RwLock::new(value))
            }

            #[inline]
            pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
                self.0.read().unwrap_or_else(PoisonError::into_inner)
            }

            pub(crate) fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
                match self.0.try_read() {
                    Ok(guard) => Some(guard),
                    Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                    Err(TryLockError::WouldBlock) => None,
                }
            }

            #[inline]
            pub(crate) fn write(&self) -> RwLockWriteGuard<'_, T> {
                self.0.write().unwrap_or_else(PoisonError::into_inner)
            }
        }
    }

    #[cfg(not(gmp_tsan))]
    mod std_mutex {
        use std::sync::PoisonError;

        /// A mutex without poisoning: no foreign code runs under the locks of this crate, so a panic cannot
        /// leave what they guard half changed.
        #[derive(Debug, Default)]
        pub(crate) struct Mutex<T: ?Sized>(std::sync::Mutex<T>);

        pub(crate) type MutexGuard<'a, T> = std::sync::MutexGuard<'a, T>;

        impl<T> Mutex<T> {
            pub(crate) const fn new(value: T) -> Self {
                Mutex(std::sync::Mutex::new(value))
            }

            pub(crate) fn into_inner(self) -> T {
                self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
            }
        }

        impl<T: ?Sized> Mutex<T> {
            #[inline]
            pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
                self.0.lock().unwrap_or_else(PoisonError::into_inner)
            }

            #[inline]
            pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
                match self.0.try_lock() {
                    Ok(guard) => Some(guard),
                    Err(std::sync::TryLockError::Poisoned(p)) => Some(p.into_inner()),
                    Err(std::sync::TryLockError::WouldBlock) => None,
                }
            }

            #[inline]
            pub(crate) fn get_mut(&mut self) -> &mut T {
                self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
            }
        }
    }

    /// `std::cell::UnsafeCell` in loom's closure form.
    #[derive(Debug)]
    #[repr(transparent)]
    pub(crate) struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        #[inline]
        pub(crate) const fn new(value: T) -> Self {
            UnsafeCell(std::cell::UnsafeCell::new(value))
        }
    }

    impl<T: ?Sized> UnsafeCell<T> {
        /// Shared access: the caller argues that nobody writes meanwhile.
        #[inline(always)]
        pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        /// Exclusive access: the caller argues that nobody else looks meanwhile.
        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

#[cfg(all(test, gmp_loom))]
mod loomed {
    pub(crate) use loom::hint;
    pub(crate) use loom::sync::atomic;
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::MutexGuard;

    /// loom's threads. It has no clock: who parks with a time-out is told at once that it has passed.
    pub(crate) mod thread {
        pub(crate) use loom::thread::*;

        pub(crate) fn park_timeout(_: std::time::Duration) {
            yield_now();
        }
    }

    /// loom's mutex under the signature of the real one.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T: Default> Default for Mutex<T> {
        fn default() -> Self {
            Mutex::new(T::default())
        }
    }

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Mutex(loom::sync::Mutex::new(value))
        }

        pub(crate) fn into_inner(self) -> T {
            match self.0.into_inner() {
                Ok(value) => value,
                Err(poisoned) => poisoned.into_inner(),
            }
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            match self.0.lock() {
                Ok(guard) => guard,
                Err(poisoned) => poisoned.into_inner(),
            }
        }

        pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            self.0.try_lock().ok()
        }

        pub(crate) fn get_mut(&mut self) -> &mut T {
            match self.0.get_mut() {
                Ok(value) => value,
                Err(poisoned) => poisoned.into_inner(),
            }
        }
    }

    #[allow(unused_imports)]
    pub(crate) use loom::sync::RwLockReadGuard;

    /// loom's reader-writer lock under the signature of the real one.
    #[allow(dead_code)]
    pub(crate) struct RwLock<T>(loom::sync::RwLock<T>);

    #[allow(dead_code)]
    impl<T> RwLock<T> {
        pub(crate) fn new(value: T) -> Self {
            RwLock(loom::sync::RwLock::new(value))
        }

        pub(crate) fn read(&self) -> RwLockReadGuard<'_, T> {
            match self.0.read() {
                Ok(guard) => guard,
                Err(poisoned) => poisoned.into_inner(),
            }
        }

        pub(crate) fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
            self.0.try_read().ok()
        }

        pub(crate) fn write(&self) -> loom::sync::RwLockWriteGuard<'_, T> {
            match self.0.write() {
                Ok(guard) => guard,
                Err(poisoned) => poisoned.into_inner(),
            }
        }
    }

    /// loom's cell.
    #[derive(Debug)]
    pub(crate) struct UnsafeCell<T>(loom::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) fn new(value: T) -> Self {
            UnsafeCell(loom::cell::UnsafeCell::new(value))
        }

        pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            self.0.with(f)
        }

        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            self.0.with_mut(f)
        }
    }
}
