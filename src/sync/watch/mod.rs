//! A channel for the latest value: senders replace it, receivers look at it and wait for changes.
//!
//! Receivers see the newest value, not each value: whoever is slow misses the ones in between. It suits
//! configuration, progress, and telling many tasks to stop. Nothing needs a runtime.
//!
//! ```
//! use gmp::sync::watch;
//!
//! # let runtime = gmp::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! let (tx, mut rx) = watch::channel("starting");
//! let task = gmp::spawn(async move {
//!     rx.wait_for(|state| *state == "ready").await.map(|state| *state)
//! });
//! tx.send("loading").unwrap();
//! tx.send("ready").unwrap();
//! assert_eq!(task.await.unwrap().unwrap(), "ready");
//! # });
//! ```
//!
//! # How it works
//!
//! A value under a reader-writer lock; a word, `version << 1 | CLOSED`; a [`Notify`] for each direction.
//!
//! 1. **Send.** With the write lock held the value is replaced and the version goes up by one. Then the
//!    lock is released, all receivers are notified, and last the old value is dropped.
//! 2. **Look.** A receiver remembers the version that it has seen. With the read lock held, version and
//!    value belong together.
//! 3. **Wait.** A receiver makes its `Notified` first and compares versions then: a send in between counts
//!    for that `Notified`. The version goes before the closed bit, so the last value is reported
//!    before the end.
//! 4. **The end.** The last sender sets the bit and notifies all receivers; the last receiver brings the
//!    count to zero and notifies the senders that wait in `closed`, who look at the count again: a
//!    `subscribe` may have been faster.
//!
//! Only the closures of `send_modify`, `send_if_modified` and `wait_for`, and holders of a [`Ref`], use the
//! value under its lock, which is what these are for. A panic in a closure unlocks.

mod receiver;
mod sender;

pub mod error;

pub use receiver::Receiver;
pub use sender::Sender;

use std::fmt;
use std::ops::Deref;

use crate::primitives::sync::atomic::{AtomicUsize, Ordering::*};
use crate::primitives::sync::{broken, Arc, RwLock, RwLockReadGuard};
use crate::sync::Notify;

const CLOSED: usize = 1;
const VERSION: usize = 2;

/// A version, shifted as in the word. It wraps around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version(usize);

impl Version {
    const fn previous(self) -> Version {
        Version(self.0.wrapping_sub(VERSION))
    }
}

/// See the module's text.
struct Shared<T> {
    value: RwLock<T>,
    word: AtomicUsize,
    receivers: AtomicUsize,
    senders: AtomicUsize,
    /// For receivers.
    changed: Notify,
    /// For senders.
    deserted: Notify,
}

impl<T> Shared<T> {
    fn new(value: T, receivers: usize) -> Arc<Shared<T>> {
        Arc::new(Shared {
            value: RwLock::new(value),
            word: AtomicUsize::new(0),
            receivers: AtomicUsize::new(receivers),
            senders: AtomicUsize::new(1),
            changed: Notify::new(),
            deserted: Notify::new(),
        })
    }

    /// The version, and whether the channel is closed.
    #[inline]
    fn state(&self) -> (Version, bool) {
        // Ordering(watch-closed): Acquire pairs with the last sender's drop. Versions need no more: who uses
        // the value takes its lock.
        let word = self.word.load(Acquire);
        (Version(word & !CLOSED), word & CLOSED != 0)
    }

    /// Step 1, with the write lock held.
    fn next_version(&self) {
        // Ordering(watch-closed): Release, so that the chain to the word's other readers is not cut.
        self.word.fetch_add(VERSION, Release);
    }

    /// Step 2; `seen` is what the receiver has seen before.
    fn look(&self, seen: Version) -> (Ref<'_, T>, Version) {
        let value = self.value.read();
        let (version, _) = self.state();
        (Ref { has_changed: version != seen, value }, version)
    }

    /// Step 3: the version that is newer than `seen`, or the end.
    async fn changed(&self, seen: Version) -> Result<Version, error::RecvError> {
        loop {
            let notified = match broken("watch-notified-late") {
                true => None,
                false => Some(self.changed.notified()),
            };
            let (version, closed) = self.state();
            if version != seen {
                return Ok(version);
            }
            if closed {
                return Err(error::RecvError(()));
            }
            notified.unwrap_or_else(|| self.changed.notified()).await;
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Shared");
        match self.value.try_read() {
            Some(value) => out.field("value", &*value),
            None => out.field("value", &format_args!("<locked>")),
        };
        let (version, closed) = self.state();
        out.field("version", &(version.0 / VERSION)).field("closed", &closed).finish()
    }
}

/// Makes a channel with this value, which the receiver counts as seen.
pub fn channel<T>(init: T) -> (Sender<T>, Receiver<T>) {
    let shared = Shared::new(init, 1);
    let seen = Version(0);
    (Sender { shared: shared.clone() }, Receiver { shared, seen })
}

/// The channel's value, borrowed. Senders that want to change it wait, and block their threads, as long as
/// this is held: keep it short. It cannot be held across an `.await` of a task that may change threads.
#[derive(Debug)]
pub struct Ref<'a, T> {
    value: RwLockReadGuard<'a, T>,
    has_changed: bool,
}

impl<T> Ref<'_, T> {
    /// Was the value new to the receiver that borrowed it? Always false when a sender did.
    ///
    /// ```
    /// use gmp::sync::watch;
    ///
    /// let (tx, mut rx) = watch::channel(0);
    /// tx.send(1).unwrap();
    /// assert!(rx.borrow_and_update().has_changed());
    /// assert!(!rx.borrow_and_update().has_changed());
    /// ```
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
