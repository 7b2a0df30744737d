//! Values that belong to a task: `task_local!`.
//!
//! Protocol. The value lives in the future ([`TaskLocalFuture`]); a thread local is its place while that
//! future runs. Around each poll, and around the future's drop, the two are swapped: whoever is polled
//! inside finds the value, and an outer scope's value waits in the future until the poll is over, also
//! when it ends in a panic. A task that moves to another thread takes its values along, and a spawned task
//! inherits none.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use pin_project_lite::pin_project;

/// Declares keys of values that belong to a task.
///
/// `[attributes] [pub] static NAME: TYPE;`, any number of them. Each makes a
/// [`LocalKey`](crate::task::LocalKey), which has no value until [`scope`](crate::task::LocalKey::scope)
/// gives it one.
///
/// # Examples
///
/// ```
/// gmp::task_local! {
///     /// Who asked.
///     pub static USER: String;
///     static DEPTH: u32;
/// }
///
/// async fn greet() -> String {
///     USER.with(|user| format!("hello, {user}"))
/// }
///
/// # gmp::runtime::Runtime::new().unwrap().block_on(async {
/// assert_eq!(USER.scope("gopher".into(), greet()).await, "hello, gopher");
/// assert_eq!(DEPTH.sync_scope(3, || DEPTH.get()), 3);
/// assert!(DEPTH.try_get().is_err());
/// # });
/// ```
#[macro_export]
macro_rules! task_local {
    ($($(#[$attribute:meta])* $vis:vis static $name:ident: $type:ty);* $(;)?) => {
        $(
            $(#[$attribute])*
            $vis static $name: $crate::task::LocalKey<$type> = {
                ::std::thread_local! {
                    static PLACE: ::std::cell::RefCell<::std::option::Option<$type>> =
                        const { ::std::cell::RefCell::new(::std::option::Option::None) };
                }
                $crate::task::LocalKey { inner: PLACE }
            };
        )*
    };
}

/// The key of a value that belongs to a task; made by [`task_local!`](crate::task_local).
pub struct LocalKey<T: 'static> {
    #[doc(hidden)]
    pub inner: thread::LocalKey<RefCell<Option<T>>>,
}

/// Why a value could not be put into its place.
#[derive(Debug, Clone, Copy)]
enum ScopeError {
    /// Somebody looks at it by `with`.
    Borrowed,
    /// The thread is ending.
    Destroyed,
}

impl ScopeError {
    #[track_caller]
    fn panic(self) -> ! {
        match self {
            ScopeError::Borrowed => {
                panic!("cannot enter a task-local scope while the task-local storage is borrowed")
            }
            ScopeError::Destroyed => panic!(
                "cannot enter a task-local scope during or after destruction of the underlying \
                 thread-local"
            ),
        }
    }
}

impl<T: 'static> LocalKey<T> {
    /// Gives the key a value for as long as the future runs, its drop included. Scopes nest: the inner one
    /// counts.
    ///
    /// # Panics
    ///
    /// Polling the result panics inside of a [`with`](Self::with) of the same key, and while the thread's
    /// locals are torn down.
    pub fn scope<F>(&'static self, value: T, f: F) -> TaskLocalFuture<T, F>
    where
        F: Future,
    {
        TaskLocalFuture { key: self, value: Some(value), future: Some(f) }
    }

    /// Gives the key a value for the time of a call.
    ///
    /// # Panics
    ///
    /// Inside of a [`with`](Self::with) of the same key, and while the thread's locals are torn down.
    #[track_caller]
    pub fn sync_scope<F, R>(&'static self, value: T, f: F) -> R
    where
        F: FnOnce() -> R,
    {
        let mut value = Some(value);
        match self.with_value_of(&mut value, f) {
            Ok(result) => result,
            Err(error) => error.panic(),
        }
    }

    /// Calls `f` with `waiting` swapped into the place, and swaps back afterwards in any case.
    fn with_value_of<F, R>(&'static self, waiting: &mut Option<T>, f: F) -> Result<R, ScopeError>
    where
        F: FnOnce() -> R,
    {
        struct Back<'a, T: 'static> {
            key: &'static LocalKey<T>,
            waiting: &'a mut Option<T>,
        }
        impl<T: 'static> Drop for Back<'_, T> {
            fn drop(&mut self) {
                // Whoever borrowed it inside is gone, and a place that was there is there still, as the
                // thread is in the middle of a call.
                let _same = self.key.swap(self.waiting);
            }
        }
        self.swap(waiting)?;
        let _back = Back { key: self, waiting };
        Ok(f())
    }

    fn swap(&'static self, waiting: &mut Option<T>) -> Result<(), ScopeError> {
        self.inner
            .try_with(|place| match place.try_borrow_mut() {
                Ok(mut place) => {
                    std::mem::swap(&mut *place, waiting);
                    Ok(())
                }
                Err(_) => Err(ScopeError::Borrowed),
            })
            .unwrap_or(Err(ScopeError::Destroyed))
    }

    /// Calls `f` with the value.
    ///
    /// # Panics
    ///
    /// Outside of a [`scope`](Self::scope) of this key.
    #[track_caller]
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        match self.try_with(f) {
            Ok(result) => result,
            Err(_) => {
                panic!("cannot access a task-local storage value without setting it first")
            }
        }
    }

    /// Calls `f` with the value, if there is one.
    ///
    /// # Errors
    ///
    /// Outside of a [`scope`](Self::scope) of this key; `f` is not called then.
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        self.inner
            .try_with(|place| place.borrow().as_ref().map(f))
            .ok()
            .flatten()
            .ok_or(AccessError { _private: () })
    }
}

impl<T: Clone + 'static> LocalKey<T> {
    /// A clone of the value.
    ///
    /// # Panics
    ///
    /// Outside of a [`scope`](Self::scope) of this key.
    #[track_caller]
    pub fn get(&'static self) -> T {
        self.with(T::clone)
    }

    /// A clone of the value, if there is one.
    ///
    /// # Errors
    ///
    /// Outside of a [`scope`](Self::scope) of this key.
    pub fn try_get(&'static self) -> Result<T, AccessError> {
        self.try_with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

pin_project! {
    /// A future with a value for a key; from [`LocalKey::scope`].
    #[project(!Unpin)]
    #[must_use = "futures do nothing unless polled"]
    pub struct TaskLocalFuture<T, F>
    where
        T: 'static,
    {
        key: &'static LocalKey<T>,
        value: Option<T>,
        #[pin]
        future: Option<F>,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                // Without a place for the value (the thread is ending) the future is dropped without it.
                let future = &mut this.future;
                let _without = this.key.with_value_of(this.value, || future.set(None));
            }
        }
    }
}

impl<T, F> TaskLocalFuture<T, F> {
    /// Takes the value out, also after the future is done. `None`: it was taken before.
    ///
    /// If the future is not done, it finds no value from now on.
    ///
    /// ```
    /// gmp::task_local! {
    ///     static SUM: std::cell::Cell<u32>;
    /// }
    /// # gmp::runtime::Runtime::new().unwrap().block_on(async {
    /// let mut scoped = Box::pin(SUM.scope(0.into(), async {
    ///     SUM.with(|sum| sum.set(sum.get() + 7));
    /// }));
    /// scoped.as_mut().await;
    /// assert_eq!(scoped.as_mut().take_value().unwrap().get(), 7);
    /// assert!(scoped.as_mut().take_value().is_none());
    /// # });
    /// ```
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().value.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let future = &mut this.future;
        let polled = this.key.with_value_of(this.value, || {
            let Some(running) = future.as_mut().as_pin_mut() else {
                panic!("`TaskLocalFuture` polled after completion")
            };
            let polled = running.poll(cx);
            if polled.is_ready() {
                future.set(None);
            }
            polled
        });
        match polled {
            Ok(polled) => polled,
            Err(error) => error.panic(),
        }
    }
}

impl<T: fmt::Debug + 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLocalFuture").field("value", &self.value).finish_non_exhaustive()
    }
}

/// There is no value for this key here; from [`LocalKey::try_with`] and [`LocalKey::try_get`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccessError {
    _private: (),
}

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessError").finish()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task-local value not set")
    }
}

impl Error for AccessError {}
