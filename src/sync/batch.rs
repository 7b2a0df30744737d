//! The semaphore under `Semaphore`, `Mutex` and bounded channels: n permits at once, first come, first
//! served.
//!
//! Protocol. One word, `permits << 2 | WAITERS | CLOSED`, beside a [`WaitList`]. A queued node's value
//! is the number of permits it still lacks.
//!
//! 1. Invariant: `WAITERS` is set only while someone is queued, and then the count is 0: who queues
//!    first takes what there is. So a newcomer cannot overtake: it finds nothing.
//! 2. Invariant: while `WAITERS` is set, only the holder of the list's lock changes the word (there is
//!    nothing to take, and who gives must go through the lock). So there a plain store suffices.
//! 3. Acquire, nobody waiting: one compare-exchange on the word. Release, nobody waiting: the same.
//! 4. Acquire else: clone the waker, lock, look again (permits may have come back), take what there is,
//!    set `WAITERS`, queue for the rest.
//! 5. Release with `WAITERS`: lock, give the permits to the longest waiter; whoever lacks nothing more is
//!    served; what is left when the list is empty goes back to the word, which clears `WAITERS`.
//! 6. A waiter that goes away is unlinked, and what it had been given (all of it, or a part) is released
//!    again, to the next.
//! 7. Close: set `CLOSED` and serve every waiter as it is. One that is served while it still lacks
//!    permits learns so that the semaphore was closed. One that had been served in full, and has not
//!    looked yet, finds the bit, gives all back and fails, too: nothing is acquired after a close.
//! 8. Who comes without poll budget has to wait for its turn in the scheduler, not for a later one here:
//!    it takes its place in the queue, or what is free, before it answers Pending. It is woken at once only if
//!    it has nothing to wait for.
//!
//! What happened before a release is seen by whoever gets the permits: through the word, where every
//! change but a hand-over is a read-modify-write on top of the Release; or through the lock and the
//! node's word.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use pin_project_lite::pin_project;

use super::waitlist::{Left, Seen, WaitList, Waiter};
use crate::g::coop;
use crate::primitives::sync::atomic::{AtomicUsize, Ordering::*};
use crate::primitives::sync::broken;

/// See `Semaphore::MAX_PERMITS`.
pub(crate) const MAX_PERMITS: usize = usize::MAX >> 3;

const CLOSED: usize = 1;
const WAITERS: usize = 2;
const SHIFT: u32 = 2;

// The largest count fits above the bits, and as a node's value beside its own bit.
const _: () = assert!(MAX_PERMITS <= usize::MAX >> SHIFT);

#[track_caller]
#[cold]
fn too_many() -> ! {
    panic!("a semaphore may not have more than MAX_PERMITS permits ({MAX_PERMITS})")
}

/// The semaphore is closed.
#[derive(Debug)]
pub(crate) struct Closed;

/// Why [`BatchSemaphore::try_acquire`] got nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Closed,
    NoPermits,
}

/// See the module's text.
pub(crate) struct BatchSemaphore {
    word: AtomicUsize,
    waiters: WaitList,
}

impl BatchSemaphore {
    /// Panics when `permits` is above [`MAX_PERMITS`].
    #[track_caller]
    pub(crate) fn new(permits: usize) -> Self {
        if permits > MAX_PERMITS {
            too_many();
        }
        Self::const_new(permits)
    }

    const_unless_loom! {
        /// As `new`; in a constant the panic is a compile error.
        #[track_caller]
        pub(crate) const fn const_new(permits: usize) -> Self {
            assert!(permits <= MAX_PERMITS, "a semaphore may not have more than MAX_PERMITS permits");
            BatchSemaphore { word: AtomicUsize::new(permits << SHIFT), waiters: WaitList::new() }
        }
    }

    const_unless_loom! {
        /// One that is closed and has no permits.
        pub(crate) const fn const_new_closed() -> Self {
            BatchSemaphore { word: AtomicUsize::new(CLOSED), waiters: WaitList::new() }
        }
    }

    /// Permits that an acquire would find now.
    pub(crate) fn available(&self) -> usize {
        // Ordering(permits): Acquire: a channel concludes from a full count that all senders are done.
        self.word.load(Acquire) >> SHIFT
    }

    pub(crate) fn is_closed(&self) -> bool {
        // Ordering(permits): Acquire pairs with `close`.
        self.word.load(Acquire) & CLOSED != 0
    }

    /// Step 3's first half.
    #[inline]
    pub(crate) fn try_acquire(&self, n: usize) -> Result<(), Refused> {
        // Relaxed: the compare-exchange acquires.
        let mut word = self.word.load(Relaxed);
        loop {
            if word & CLOSED != 0 {
                return Err(Refused::Closed);
            }
            if word >> SHIFT < n {
                return Err(Refused::NoPermits);
            }
            // A mutex's uncontended lock is this one operation.
            let order = if broken("semaphore-acquire-relaxed") { Relaxed } else { Acquire };
            // Ordering(permits): Acquire pairs with `release`; Relaxed on failure: only the value is
            // used.
            match self.word.compare_exchange_weak(word, word - (n << SHIFT), order, Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => word = now,
            }
        }
    }

    /// A future for `n` permits at once.
    #[inline]
    pub(crate) fn acquire(&self, n: usize) -> Acquire<'_> {
        // More than can ever be there waits for ever, as more than there are does; it only has to fit.
        let n = n.min(MAX_PERMITS + 1);
        Acquire { semaphore: self, n, stage: Stage::New, node: Waiter::new() }
    }

    /// Gives `n` permits back, or adds them. Panics when the sum is above [`MAX_PERMITS`].
    #[track_caller]
    #[inline]
    pub(crate) fn release(&self, n: usize) {
        if n > MAX_PERMITS {
            too_many();
        }
        if n == 0 {
            return;
        }
        // Relaxed: the compare-exchange, or the lock, does the rest.
        let mut word = self.word.load(Relaxed);
        loop {
            if word & WAITERS != 0 && !broken("semaphore-release-overlooks-waiters") {
                match self.hand_over(n) {
                    0 => return,
                    // They all left before the lock was ours.
                    left => return self.release(left),
                }
            }
            if (word >> SHIFT) + n > MAX_PERMITS {
                too_many();
            }
            // Ordering(permits): Release pairs with `try_acquire`; Relaxed on failure: only the value
            // is used.
            match self.word.compare_exchange_weak(word, word + (n << SHIFT), Release, Relaxed) {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }

    /// Step 5. Answers how many permits it could not place because nobody waited any more.
    #[cold]
    fn hand_over(&self, n: usize) -> usize {
        let mut left = n;
        self.waiters.drain(|list, wakes| {
            while left > 0 && wakes.can_push() {
                match list.front_value() {
                    Some(lacks) if lacks <= left => {
                        left -= lacks;
                        list.finish_front(0, wakes);
                    }
                    Some(lacks) => {
                        list.set_front_value(lacks - left);
                        left = 0;
                    }
                    None => break,
                }
            }
            if list.is_empty() {
                // Relaxed: invariant 2, or the bit is gone and nothing is done here.
                let word = self.word.load(Relaxed);
                if word & WAITERS != 0 {
                    // Ordering(permits): Release, as in `release`. The count was 0 (invariant 1), so no
                    // earlier release's chain is cut.
                    self.word.store((word & CLOSED) | left << SHIFT, Release);
                    left = 0;
                }
                return false;
            }
            left > 0
        });
        left
    }

    /// Takes up to `n` free permits away for good; answers how many.
    pub(crate) fn forget(&self, n: usize) -> usize {
        // Relaxed: as `try_acquire`.
        let mut word = self.word.load(Relaxed);
        loop {
            let taken = n.min(word >> SHIFT);
            if taken == 0 {
                return 0;
            }
            // Ordering(permits): as `try_acquire`.
            match self.word.compare_exchange_weak(word, word - (taken << SHIFT), Acquire, Relaxed) {
                Ok(_) => return taken,
                Err(now) => word = now,
            }
        }
    }

    /// Step 7.
    pub(crate) fn close(&self) {
        self.waiters.drain(|list, wakes| {
            // Ordering(permits): Release: who sees the bit sees what came before. Under the lock, so
            // that nobody queues behind it.
            self.word.fetch_or(CLOSED, AcqRel);
            if broken("semaphore-close-forgets-waiters") {
                return false;
            }
            while let Some(lacks) = list.front_value() {
                if !wakes.can_push() {
                    return true;
                }
                list.finish_front(lacks, wakes);
            }
            self.word.fetch_and(!WAITERS, AcqRel);
            false
        });
    }
}

impl fmt::Debug for BatchSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("permits", &self.available())
            .field("closed", &self.is_closed())
            .finish()
    }
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Stage {
    New,
    Queued,
    /// It has all its permits, and no budget to say so (step 8).
    Held,
    /// Answered: permits, if any, are the caller's.
    Over,
}

pin_project! {
    /// Waits for permits. Dropped early, it gives back what it has and leaves its place.
    #[derive(Debug)]
    pub(crate) struct Acquire<'a> {
        semaphore: &'a BatchSemaphore,
        n: usize,
        stage: Stage,
        #[pin]
        node: Waiter,
    }

    impl PinnedDrop for Acquire<'_> {
        fn drop(this: Pin<&mut Self>) {
            match this.stage {
                Stage::New | Stage::Over => {}
                Stage::Queued => this.cancel(),
                Stage::Held => this.semaphore.release(this.n),
            }
        }
    }
}

impl Acquire<'_> {
    /// Step 6.
    #[cold]
    fn cancel(self: Pin<&mut Self>) {
        let this = self.project();
        let lacks = match this.node.look() {
            Seen::Done(lacks) => lacks,
            Seen::Queued => {
                let mut list = this.semaphore.waiters.lock();
                match list.leave(this.node) {
                    Left::Done(lacks) => lacks,
                    Left::Queued(lacks, waker) => {
                        if list.is_empty() {
                            // Relaxed: invariant 2, or the bit is gone and nothing is done here.
                            let word = this.semaphore.word.load(Relaxed);
                            if word & WAITERS != 0 {
                                // Ordering(permits): nothing is given here; Release keeps the rule that
                                // every store of the word has it.
                                this.semaphore.word.store(word & CLOSED, Release);
                            }
                        }
                        drop(list);
                        drop(waker);
                        lacks
                    }
                }
            }
        };
        if !broken("semaphore-cancel-keeps-permits") {
            this.semaphore.release(*this.n - lacks);
        }
    }
}

impl Future for Acquire<'_> {
    type Output = Result<(), Closed>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(unit) = coop::proceed() else {
            if self.without_budget(cx).is_ready() {
                coop::give_way(cx);
            }
            return Poll::Pending;
        };
        let outcome = match self.stage {
            Stage::New => match self.semaphore.try_acquire(self.n) {
                Ok(()) => {
                    *self.as_mut().project().stage = Stage::Over;
                    Poll::Ready(Ok(()))
                }
                Err(_) => self.queue(cx),
            },
            Stage::Queued => self.served(cx),
            Stage::Held => Poll::Ready(self.let_go()),
            Stage::Over => panic!("acquire polled after completion"),
        };
        if outcome.is_ready() {
            unit.made_progress();
        }
        outcome
    }
}

impl Acquire<'_> {
    /// Step 4.
    #[cold]
    fn queue(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let this = self.project();
        let (word, n) = (&this.semaphore.word, *this.n);
        let waker = cx.waker().clone();
        let mut list = this.semaphore.waiters.lock();
        // Relaxed: the compare-exchange acquires.
        let mut now = word.load(Relaxed);
        let outcome = loop {
            if now & CLOSED != 0 {
                break Err(Err(Closed));
            }
            if now & WAITERS != 0 {
                // Invariant 1: nothing is free, and the bit is there already.
                break Ok(n);
            }
            let free = now >> SHIFT;
            let next = if free >= n { now - (n << SHIFT) } else { WAITERS };
            // Ordering(permits): Acquire for the permits taken, Relaxed on failure.
            match word.compare_exchange(now, next, Acquire, Relaxed) {
                Ok(_) if free >= n => break Err(Ok(())),
                Ok(_) => break Ok(n - free),
                Err(actual) => now = actual,
            }
        };
        let waker = match outcome {
            Ok(lacks) => {
                list.push_back(this.node, lacks, Some(waker));
                None
            }
            Err(_) => Some(waker),
        };
        drop(list);
        drop(waker);
        match outcome {
            Err(result) => {
                *this.stage = Stage::Over;
                Poll::Ready(result)
            }
            Ok(_) => {
                *this.stage = Stage::Queued;
                Poll::Pending
            }
        }
    }

    /// Step 8. Ready: with budget there would be an answer.
    #[cold]
    fn without_budget(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.stage {
            Stage::New => {
                // That the semaphore is closed the next poll finds out, too.
                let result = ready!(self.as_mut().queue(cx));
                *self.project().stage = if result.is_ok() { Stage::Held } else { Stage::New };
                Poll::Ready(())
            }
            // The node keeps what it was told.
            Stage::Queued => {
                let this = self.project();
                this.semaphore.waiters.repoll(this.node, cx).map(drop)
            }
            Stage::Held | Stage::Over => Poll::Ready(()),
        }
    }

    /// Step 8's end; and step 7, if the semaphore was closed meanwhile.
    #[cold]
    fn let_go(self: Pin<&mut Self>) -> Result<(), Closed> {
        let this = self.project();
        *this.stage = Stage::Over;
        if this.semaphore.is_closed() {
            this.semaphore.release(*this.n);
            return Err(Closed);
        }
        Ok(())
    }

    /// The later polls.
    fn served(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let this = self.project();
        let lacks = ready!(this.semaphore.waiters.repoll(this.node, cx));
        *this.stage = Stage::Over;
        if lacks == 0 && !this.semaphore.is_closed() {
            return Poll::Ready(Ok(()));
        }
        // Step 7: what it had been given goes back.
        this.semaphore.release(*this.n - lacks);
        Poll::Ready(Err(Closed))
    }
}
