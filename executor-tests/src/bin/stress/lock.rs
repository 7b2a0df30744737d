//! std's mutex, or, for ThreadSanitizer, one that is compiled with us: std's slow path is precompiled and
//! not instrumented, so everything it guards would be reported.

#[cfg(not(gmp_tsan))]
mod imp {
    /// No poisoning: a panic ends the program.
    #[derive(Default)]
    pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

    impl<T> Mutex<T> {
        /// Runs `f` under the lock.
        pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
            f(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
        }
    }
}

#[cfg(gmp_tsan)]
mod imp {
    use std::sync::atomic::{
        AtomicBool,
        Ordering::{Acquire, Release},
    };

    /// A flag, and beside it std's mutex for the access: never contended, so never in its slow path.
    #[derive(Default)]
    pub(crate) struct Mutex<T> {
        flag: AtomicBool,
        value: std::sync::Mutex<T>,
    }

    impl<T> Mutex<T> {
        /// Runs `f` under the lock.
        pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
            while self.flag.swap(true, Acquire) {
                std::thread::yield_now();
            }
            let result =
                f(&mut self.value.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
            self.flag.store(false, Release);
            result
        }
    }
}

pub(crate) use imp::Mutex;
