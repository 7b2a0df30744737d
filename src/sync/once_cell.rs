//! `OnceCell`: a value that is made once, by whoever needs it first, with an initialiser that may wait.
//!
//! Protocol. A [`BatchSemaphore`] of one permit stands before a [`Slot`].
//!
//! 1. Who holds the permit is the one initialiser. It puts the value, **then** closes the semaphore: who
//!    is told that the semaphore is closed finds the value.
//! 2. An initialiser that fails, panics or is dropped gives the permit back unused: the longest waiter
//!    gets it and tries with its own closure.
//! 3. `set` takes the permit only if it is free; when it is out, somebody initialises, and when the
//!    semaphore is closed, somebody has.
//! 4. With the value there, all look at the slot and at nothing else.

use std::error::Error;
use std::fmt;
use std::future::Future;

use super::batch::{BatchSemaphore, Refused};
use super::slot::Slot;
use crate::primitives::sync::broken;

/// A cell that is set once, mostly by an async initialiser that the first caller brings along.
///
/// One initialiser runs at a time. When it fails, panics or is cancelled, the next caller that waits
/// tries with its own. Nothing needs a runtime.
///
/// ```
/// use gmp::sync::OnceCell;
///
/// static CONFIG: OnceCell<String> = OnceCell::const_new();
///
/// async fn config() -> &'static String {
///     CONFIG.get_or_init(|| async { String::from("loaded") }).await
/// }
///
/// # let mut config = std::pin::pin!(config());
/// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
/// # assert!(std::future::Future::poll(config.as_mut(), &mut cx).is_ready());
/// assert_eq!(CONFIG.get().map(String::as_str), Some("loaded"));
/// ```
pub struct OnceCell<T> {
    permit: BatchSemaphore,
    slot: Slot<T>,
}

/// The right to initialise; unused, it goes to the next.
struct Turn<'a>(&'a BatchSemaphore);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !broken("once-cell-turn-kept") {
            self.0.release(1);
        }
    }
}

impl<T> OnceCell<T> {
    /// Makes an empty cell.
    pub fn new() -> Self {
        OnceCell { permit: BatchSemaphore::new(1), slot: Slot::new() }
    }

    const_unless_loom! {
        /// As [`OnceCell::new`], for statics.
        pub const fn const_new() -> Self {
            OnceCell { permit: BatchSemaphore::const_new(1), slot: Slot::new() }
        }
    }

    /// Makes a cell with this value, or an empty one.
    pub fn new_with(value: Option<T>) -> Self {
        match value {
            Some(value) => OnceCell::const_new_with(value),
            None => OnceCell::new(),
        }
    }

    const_unless_loom! {
        /// Makes a cell that is set already, for statics.
        pub const fn const_new_with(value: T) -> Self {
            OnceCell { permit: BatchSemaphore::const_new_closed(), slot: Slot::new_set(value) }
        }
    }

    /// Is the value there?
    pub fn initialized(&self) -> bool {
        self.slot.is_set()
    }

    /// The value, if it is there.
    pub fn get(&self) -> Option<&T> {
        self.slot.get()
    }

    /// The value, if it is there.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.slot.get_mut()
    }

    /// Step 1's second half: with the turn in hand.
    fn finish(&self, turn: Turn<'_>, value: T) -> &T {
        if self.slot.put(value).is_err() {
            unreachable!("a cell is set by the holder of its one permit");
        }
        std::mem::forget(turn);
        self.permit.close();
        self.set_value()
    }

    /// The value, when the semaphore is known to be closed.
    fn set_value(&self) -> &T {
        match self.slot.get() {
            Some(value) => value,
            None => unreachable!("a cell's semaphore is closed after the value was put"),
        }
    }

    /// Sets the value.
    ///
    /// ```
    /// use gmp::sync::{OnceCell, SetError};
    ///
    /// let cell = OnceCell::new();
    /// cell.set(1).unwrap();
    /// assert_eq!(cell.set(2), Err(SetError::AlreadyInitializedError(2)));
    /// assert_eq!(cell.get(), Some(&1));
    /// ```
    ///
    /// # Errors
    ///
    /// The value, in [`SetError::AlreadyInitializedError`] when there is one already, in
    /// [`SetError::InitializingError`] while an initialiser runs.
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        match self.permit.try_acquire(1) {
            Ok(()) => {
                self.finish(Turn(&self.permit), value);
                Ok(())
            }
            Err(Refused::NoPermits) => Err(SetError::InitializingError(value)),
            Err(Refused::Closed) => Err(SetError::AlreadyInitializedError(value)),
        }
    }

    /// The value; if there is none, `f`'s future makes it. When others are at it already, waits for them.
    ///
    /// An initialiser that asks the same cell waits for itself.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the initialiser, if it was this one's that ran; the next caller that waits
    /// starts its own.
    pub async fn get_or_init<F, Fut>(&self, f: F) -> &T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        if let Some(value) = self.slot.get() {
            return value;
        }
        match self.permit.acquire(1).await {
            Ok(()) => {
                let turn = Turn(&self.permit);
                let value = f().await;
                self.finish(turn, value)
            }
            Err(_) => self.set_value(),
        }
    }

    /// As [`get_or_init`](OnceCell::get_or_init), with an initialiser that may fail; then the cell stays
    /// empty, and the next caller tries.
    ///
    /// # Errors
    ///
    /// What this caller's own initialiser failed with.
    ///
    /// # Cancel safety
    ///
    /// As [`get_or_init`](OnceCell::get_or_init).
    pub async fn get_or_try_init<E, F, Fut>(&self, f: F) -> Result<&T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        if let Some(value) = self.slot.get() {
            return Ok(value);
        }
        match self.permit.acquire(1).await {
            Ok(()) => {
                let turn = Turn(&self.permit);
                let value = f().await?;
                Ok(self.finish(turn, value))
            }
            Err(_) => Ok(self.set_value()),
        }
    }

    /// Takes the value out of the cell.
    pub fn into_inner(mut self) -> Option<T> {
        self.slot.take()
    }

    /// Takes the value out, and leaves an empty cell that can be set again.
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> OnceCell<T> {
        OnceCell::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell").field("value", &self.slot).finish()
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    fn clone(&self) -> OnceCell<T> {
        OnceCell::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &OnceCell<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> Self {
        OnceCell::const_new_with(value)
    }
}

/// Why [`OnceCell::set`] did not set; the value is in it.
#[derive(Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// The cell has a value already.
    AlreadyInitializedError(T),
    /// An initialiser runs at this moment.
    InitializingError(T),
}

impl<T> SetError<T> {
    /// Had the cell a value already?
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, SetError::AlreadyInitializedError(_))
    }

    /// Was an initialiser running?
    pub fn is_initializing_err(&self) -> bool {
        matches!(self, SetError::InitializingError(_))
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SetError::AlreadyInitializedError(_) => "AlreadyInitializedError",
            SetError::InitializingError(_) => "InitializingError",
        })
    }
}

impl<T: fmt::Debug> Error for SetError<T> {}
