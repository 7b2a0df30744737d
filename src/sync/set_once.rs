//! `SetOnce`: a value that somebody sets once, and that others may wait for.
//!
//! Protocol. A [`Slot`] beside a [`WaitList`].
//!
//! 1. `set` puts the value under the list's lock, then serves all who wait, in batches.
//! 2. `wait` looks at the slot; without a value it locks, looks again, and queues. So either it sees the
//!    value, or `set` sees it in the list.
//! 3. Who is served finds the value: the node's word was stored after it was put.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use pin_project_lite::pin_project;

use super::slot::Slot;
use super::waitlist::{WaitList, Waiter};
use crate::g::coop;
use crate::primitives::sync::broken;

/// A cell that is set once, and can be waited for. Unlike with [`OnceCell`](super::OnceCell), who waits
/// brings no initialiser along.
///
/// It needs no runtime.
///
/// ```
/// use gmp::sync::SetOnce;
///
/// static ADDRESS: SetOnce<&str> = SetOnce::const_new();
///
/// let asking = std::thread::spawn(|| {
///     let runtime = gmp::runtime::Builder::new_current_thread().build().unwrap();
///     runtime.block_on(async { *ADDRESS.wait().await })
/// });
/// ADDRESS.set("here").unwrap();
/// assert_eq!(asking.join().unwrap(), "here");
/// ```
pub struct SetOnce<T> {
    slot: Slot<T>,
    waiters: WaitList,
}

impl<T> SetOnce<T> {
    /// Makes an empty cell.
    pub fn new() -> Self {
        SetOnce { slot: Slot::new(), waiters: WaitList::new() }
    }

    const_unless_loom! {
        /// As [`SetOnce::new`], for statics.
        pub const fn const_new() -> Self {
            SetOnce { slot: Slot::new(), waiters: WaitList::new() }
        }
    }

    /// Makes a cell with this value, or an empty one.
    pub fn new_with(value: Option<T>) -> Self {
        match value {
            Some(value) => SetOnce::const_new_with(value),
            None => SetOnce::new(),
        }
    }

    const_unless_loom! {
        /// Makes a cell that is set already, for statics.
        pub const fn const_new_with(value: T) -> Self {
            SetOnce { slot: Slot::new_set(value), waiters: WaitList::new() }
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

    /// Sets the value, and wakes all who wait for it.
    ///
    /// # Errors
    ///
    /// The value, in a [`SetOnceError`], when there is one already.
    pub fn set(&self, value: T) -> Result<(), SetOnceError<T>> {
        if self.slot.is_set() {
            return Err(SetOnceError(value));
        }
        let mut value = Some(value);
        let mut refused = None;
        self.waiters.drain(|list, wakes| {
            if let Some(value) = value.take() {
                // Under the lock: a second `set` that is refused finds the value in place.
                if let Err(value) = self.slot.put(value) {
                    refused = Some(value);
                    return false;
                }
            }
            while !list.is_empty() {
                if !wakes.can_push() {
                    return true;
                }
                list.finish_front(0, wakes);
            }
            false
        });
        match refused {
            Some(value) => Err(SetOnceError(value)),
            None => Ok(()),
        }
    }

    /// Takes the value out of the cell.
    pub fn into_inner(mut self) -> Option<T> {
        self.slot.take()
    }

    /// Waits for the value; does not wait at all when it is there.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn wait(&self) -> &T {
        loop {
            if let Some(value) = self.slot.get() {
                return value;
            }
            Wait { cell: self, queued: false, node: Waiter::new() }.await;
        }
    }
}

pin_project! {
    /// Ready when the cell has been set.
    struct Wait<'a, T> {
        cell: &'a SetOnce<T>,
        queued: bool,
        #[pin]
        node: Waiter,
    }

    impl<T> PinnedDrop for Wait<'_, T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if *this.queued {
                // What it learns is nothing that must be passed on; the waker is dropped after the lock.
                let left = this.cell.waiters.lock().leave(this.node);
                drop(left);
            }
        }
    }
}

impl<T> Future for Wait<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let unit = ready!(coop::poll_proceed(cx));
        let this = self.project();
        if *this.queued {
            ready!(this.cell.waiters.repoll(this.node, cx));
            *this.queued = false;
        } else if !this.cell.slot.is_set() {
            let waker = cx.waker().clone();
            let mut list = this.cell.waiters.lock();
            if this.cell.slot.is_set() && !broken("set-once-no-second-look") {
                drop(list);
                drop(waker);
            } else {
                list.push_back(this.node, 0, Some(waker));
                *this.queued = true;
                return Poll::Pending;
            }
        }
        unit.made_progress();
        Poll::Ready(())
    }
}

impl<T> Default for SetOnce<T> {
    fn default() -> SetOnce<T> {
        SetOnce::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for SetOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetOnce").field("value", &self.slot).finish()
    }
}

impl<T: Clone> Clone for SetOnce<T> {
    fn clone(&self) -> SetOnce<T> {
        SetOnce::new_with(self.get().cloned())
    }
}

impl<T: PartialEq> PartialEq for SetOnce<T> {
    fn eq(&self, other: &SetOnce<T>) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for SetOnce<T> {}

impl<T> From<T> for SetOnce<T> {
    fn from(value: T) -> Self {
        SetOnce::const_new_with(value)
    }
}

/// The cell was set already; here is the value that was not put.
#[derive(Debug, PartialEq, Eq)]
pub struct SetOnceError<T>(pub T);

impl<T> fmt::Display for SetOnceError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SetOnceError")
    }
}

impl<T: fmt::Debug> Error for SetOnceError<T> {}
