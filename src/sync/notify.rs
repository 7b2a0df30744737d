//! `Notify`: wakes tasks, carries no value.
//!
//! Protocol. One word, `generation << 2 | state`, beside a [`WaitList`]. The state is `EMPTY`, `NOTIFIED`
//! (one permit is stored) or `WAITING`. A queued node's value is the generation in which it was queued.
//!
//! 1. A `Notified` remembers the generation at its creation. `notify_waiters` begins the next one, and so
//!    reaches every `Notified` that exists, polled or not.
//! 2. Invariant: `WAITING` means that a node of the current generation is queued. While it is set, only
//!    the holder of the list's lock changes the word.
//! 3. `notify_one`, `notify_last`: without `WAITING` one compare-exchange stores the permit (also when one
//!    is stored already: what came before must become visible to whoever takes it). With it: lock, serve
//!    the longest or the newest node of the current generation, and go back to `EMPTY` if it was the last.
//! 4. `notify_waiters`: without `WAITING` one compare-exchange begins the next generation. With it: lock,
//!    begin the next generation, then serve all nodes of older ones, in batches. Nodes are queued in the
//!    order of their generations, so those are at the front; between two batches others may queue, leave,
//!    or notify, and `notify_one` passes over the old ones, who have been notified already.
//! 5. A first poll is ready if the generation has moved on, takes the permit if one is stored, and else
//!    queues under the lock after a second look. In this order: who was told together with all others
//!    leaves the permit to somebody else.
//! 6. A `Notified` that is dropped after a `notify_one` or `notify_last` chose it, but before it could
//!    tell, passes the notification on in the same manner.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{ready, Context, Poll, Waker};

use pin_project_lite::pin_project;

use super::waitlist::{Left, Locked, Seen, WaitList, Waiter};
use crate::primitives::sync::atomic::{AtomicUsize, Ordering::*};
use crate::primitives::sync::broken;

const EMPTY: usize = 0;
const WAITING: usize = 1;
const NOTIFIED: usize = 2;
const STATE: usize = 3;
const GENERATION: usize = 4;

/// Generations are kept as nodes' values, which have one bit less than a word.
const fn generation(word: usize) -> usize {
    word >> 2
}

const fn with_state(word: usize, state: usize) -> usize {
    (word & !STATE) | state
}

/// Outcomes of a node: who served it. Only the first two are passed on.
const BY_ONE: usize = 1;
const BY_LAST: usize = 2;
const BY_ALL: usize = 3;

/// Tells one task, or all that wait, that something has happened.
///
/// It is a semaphore that starts with no permit and stores one at most: [`notify_one`](Notify::notify_one)
/// before anybody waits lets the next `notified().await` go on at once. No value is passed: put that
/// elsewhere, then notify.
///
/// ```
/// use gmp::sync::Notify;
/// use std::future::Future;
/// use std::pin::pin;
/// use std::task::{Context, Waker};
///
/// let bell = Notify::new();
/// let mut cx = Context::from_waker(Waker::noop());
/// let mut waiting = pin!(bell.notified());
/// assert!(waiting.as_mut().poll(&mut cx).is_pending());
/// bell.notify_one();
/// assert!(waiting.as_mut().poll(&mut cx).is_ready());
/// ```
///
/// To wait for a condition, make the future first, look at the condition, then await: a notification
/// that comes in between is not lost.
///
/// It needs no runtime.
#[derive(Debug)]
pub struct Notify {
    word: AtomicUsize,
    waiters: WaitList,
}

impl Notify {
    /// Makes one without a stored permit.
    pub fn new() -> Notify {
        Notify { word: AtomicUsize::new(EMPTY), waiters: WaitList::new() }
    }

    const_unless_loom! {
        /// As [`Notify::new`], for statics.
        pub const fn const_new() -> Notify {
            Notify { word: AtomicUsize::new(EMPTY), waiters: WaitList::new() }
        }
    }

    fn wait(&self) -> Wait {
        // Ordering(notify): Acquire: a generation that is seen comes with what preceded it, so a look at
        // the condition after this call is not older than the generation.
        Wait {
            generation: generation(self.word.load(Acquire)),
            stage: Stage::New,
            node: Waiter::new(),
        }
    }

    /// A future that waits for a notification.
    ///
    /// The place in the queue is taken by the first poll or by [`Notified::enable`]. A
    /// [`notify_waiters`](Notify::notify_waiters) counts from this call on, even before that.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up its place; a `notify_one` that had chosen it goes to the next waiter.
    pub fn notified(&self) -> Notified<'_> {
        Notified { notify: self, wait: self.wait() }
    }

    /// As [`notified`](Notify::notified), with a future that keeps the `Notify` alive.
    pub fn notified_owned(self: Arc<Self>) -> OwnedNotified {
        let wait = self.wait();
        OwnedNotified { notify: self, wait }
    }

    /// Wakes the task that waits longest, or stores the permit for the next one that will wait. Permits
    /// do not add up: one is stored at most.
    pub fn notify_one(&self) {
        self.notify(BY_ONE);
    }

    /// As [`notify_one`](Notify::notify_one), but wakes the task that has waited for the shortest time.
    pub fn notify_last(&self) {
        self.notify(BY_LAST);
    }

    /// Step 3.
    fn notify(&self, whom: usize) {
        // Relaxed: the compare-exchange, or the lock, does the rest.
        let mut word = self.word.load(Relaxed);
        while word & STATE != WAITING {
            let order = if broken("notify-store-relaxed") { Relaxed } else { AcqRel };
            // Ordering(notify): Release publishes what preceded the notification to whoever takes it.
            match self.word.compare_exchange_weak(word, with_state(word, NOTIFIED), order, Relaxed)
            {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        self.notify_waiting(whom);
    }

    #[cold]
    fn notify_waiting(&self, whom: usize) {
        self.waiters.drain(|list, wakes| {
            // Relaxed: under `WAITING` the lock orders; otherwise the compare-exchange does.
            let mut word = self.word.load(Relaxed);
            while word & STATE != WAITING {
                // The last waiter left before the lock was ours.
                // Ordering(notify): as in `notify`.
                match self.word.compare_exchange(word, with_state(word, NOTIFIED), AcqRel, Relaxed)
                {
                    Ok(_) => return false,
                    Err(now) => word = now,
                }
            }
            let now = generation(word);
            let served = match whom {
                // The newest is of the current generation, or none is.
                BY_LAST => list.finish_back(BY_LAST, wakes),
                _ => list.finish_first_with(now, BY_ONE, wakes),
            };
            debug_assert!(served, "Notify: WAITING without a waiter");
            self.settle(list, word);
            false
        });
    }

    /// Under the lock, after a node of `word`'s generation has gone: is another one queued?
    fn settle(&self, list: &Locked<'_>, word: usize) {
        if word & STATE == WAITING && list.back_value() != Some(generation(word)) {
            // Ordering(notify): Release: the chain of earlier notifications is not cut.
            self.word.store(with_state(word, EMPTY), Release);
        }
    }

    /// Wakes every task that waits, and lets every [`Notified`] that exists go on when it is polled.
    /// Stores nothing for later ones.
    pub fn notify_waiters(&self) {
        // Step 4.
        // Relaxed: the compare-exchange, or the lock, does the rest.
        let mut word = self.word.load(Relaxed);
        while word & STATE != WAITING {
            // Ordering(notify): Release, as in `notify`.
            match self.word.compare_exchange_weak(
                word,
                word.wrapping_add(GENERATION),
                AcqRel,
                Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        self.notify_all_waiting();
    }

    #[cold]
    fn notify_all_waiting(&self) {
        let mut begun = false;
        self.waiters.drain(|list, wakes| {
            if !begun {
                begun = true;
                // Relaxed: the compare-exchange does the rest; a loop because without `WAITING`
                // others change the word without the lock.
                let mut word = self.word.load(Relaxed);
                loop {
                    let next = word.wrapping_add(GENERATION);
                    let next = if word & STATE == WAITING { with_state(next, EMPTY) } else { next };
                    // Ordering(notify): Release, as in `notify`.
                    match self.word.compare_exchange(word, next, AcqRel, Relaxed) {
                        Ok(_) => break,
                        Err(now) => word = now,
                    }
                }
            }
            // Relaxed: the generation changes under the lock only while older nodes are queued, or
            // belongs to a later call, which has the same to do.
            let now = generation(self.word.load(Relaxed));
            while list.front_value().is_some_and(|queued| queued != now) {
                if !wakes.can_push() {
                    return true;
                }
                list.finish_front(BY_ALL, wakes);
            }
            false
        });
    }
}

impl Default for Notify {
    fn default() -> Notify {
        Notify::new()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Queued,
    Over,
}

pin_project! {
    /// What the two futures have in common.
    #[derive(Debug)]
    struct Wait {
        generation: usize,
        stage: Stage,
        #[pin]
        node: Waiter,
    }
}

impl Wait {
    fn poll(self: Pin<&mut Self>, notify: &Notify, cx: &mut Context<'_>) -> Poll<()> {
        match self.stage {
            Stage::New => self.begin(notify, Some(cx.waker())),
            Stage::Queued => {
                let this = self.project();
                ready!(notify.waiters.repoll(this.node, cx));
                *this.stage = Stage::Over;
                Poll::Ready(())
            }
            Stage::Over => Poll::Ready(()),
        }
    }

    /// Step 5.
    fn begin(self: Pin<&mut Self>, notify: &Notify, waker: Option<&Waker>) -> Poll<()> {
        let this = self.project();
        // Ordering(notify): Acquire pairs with the Release that began the generation.
        let word = notify.word.load(Acquire);
        if broken("notify-generation-late") {
            *this.generation = generation(word);
        }
        // Told together with all others; a stored permit stays for somebody else.
        if generation(word) != *this.generation {
            *this.stage = Stage::Over;
            return Poll::Ready(());
        }
        if word & STATE == NOTIFIED
            // Ordering(notify): Acquire pairs with `notify`; Release keeps the chain.
            && notify.word.compare_exchange(word, with_state(word, EMPTY), AcqRel, Relaxed).is_ok()
        {
            *this.stage = Stage::Over;
            return Poll::Ready(());
        }
        let waker = waker.cloned();
        let mut list = notify.waiters.lock();
        // Ordering(notify): Acquire as above.
        let mut word = notify.word.load(Acquire);
        let queue = loop {
            if generation(word) != *this.generation {
                break false;
            }
            let (next, queue) = match word & STATE {
                WAITING => break true,
                NOTIFIED => (with_state(word, EMPTY), false),
                _ => (with_state(word, WAITING), true),
            };
            // Ordering(notify): Acquire for the permit that may be taken; Release: a notifier that sees
            // `WAITING` comes through the lock, one that does not is ordered before this.
            match notify.word.compare_exchange(word, next, AcqRel, Acquire) {
                Ok(_) => break queue,
                Err(now) => word = now,
            }
        };
        if !queue {
            drop(list);
            drop(waker);
            *this.stage = Stage::Over;
            return Poll::Ready(());
        }
        list.push_back(this.node, *this.generation, waker);
        drop(list);
        *this.stage = Stage::Queued;
        Poll::Pending
    }

    fn enable(self: Pin<&mut Self>, notify: &Notify) -> bool {
        match self.stage {
            Stage::New => self.begin(notify, None).is_ready(),
            Stage::Queued => {
                let this = self.project();
                let notified = this.node.look() != Seen::Queued;
                if notified {
                    *this.stage = Stage::Over;
                }
                notified
            }
            Stage::Over => true,
        }
    }

    /// Step 6, from the futures' drop.
    fn leave(self: Pin<&mut Self>, notify: &Notify) {
        if self.stage != Stage::Queued {
            return;
        }
        let this = self.project();
        let outcome = match this.node.look() {
            Seen::Done(outcome) => outcome,
            Seen::Queued => {
                let mut list = notify.waiters.lock();
                match list.leave(this.node) {
                    Left::Done(outcome) => outcome,
                    Left::Queued(_, waker) => {
                        // Relaxed: under `WAITING` the lock orders; otherwise nothing is done.
                        notify.settle(&list, notify.word.load(Relaxed));
                        drop(list);
                        drop(waker);
                        return;
                    }
                }
            }
        };
        if outcome != BY_ALL && !broken("notify-drop-eats") {
            notify.notify(outcome);
        }
    }
}

pin_project! {
    /// Waits for a notification of a [`Notify`]; made by [`Notify::notified`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Notified<'a> {
        notify: &'a Notify,
        #[pin]
        wait: Wait,
    }

    impl PinnedDrop for Notified<'_> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.wait.leave(this.notify);
        }
    }
}

pin_project! {
    /// Waits for a notification of a [`Notify`] that it keeps alive; made by [`Notify::notified_owned`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct OwnedNotified {
        notify: Arc<Notify>,
        #[pin]
        wait: Wait,
    }

    impl PinnedDrop for OwnedNotified {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.wait.leave(this.notify);
        }
    }
}

impl Notified<'_> {
    /// Takes the place in the queue now, without waiting for the first poll. True when the notification
    /// is there already, and a poll will be ready.
    ///
    /// ```
    /// use gmp::sync::Notify;
    /// use std::pin::pin;
    ///
    /// let bell = Notify::new();
    /// let mut waiting = pin!(bell.notified());
    /// assert!(!waiting.as_mut().enable());
    /// bell.notify_one();
    /// assert!(waiting.as_mut().enable());
    /// ```
    pub fn enable(self: Pin<&mut Self>) -> bool {
        let this = self.project();
        this.wait.enable(this.notify)
    }
}

impl OwnedNotified {
    /// Takes the place in the queue now, without waiting for the first poll. True when the notification
    /// is there already, and a poll will be ready.
    pub fn enable(self: Pin<&mut Self>) -> bool {
        let this = self.project();
        this.wait.enable(this.notify)
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.wait.poll(this.notify, cx)
    }
}

impl Future for OwnedNotified {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.wait.poll(this.notify, cx)
    }
}
