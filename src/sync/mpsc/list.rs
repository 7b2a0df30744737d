#![allow(unsafe_code)]
//! The list of blocks between senders and the receiver; the protocol is in the folder's text.

use std::ptr;

use super::block::{slot_of, start_of, Block, SPAN, STEP};
use crate::primitives::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};
use crate::primitives::sync::{broken, Explored};

/// In the tail's word: no position is given out any more.
const CLOSED: usize = 1;

/// Empty blocks kept for later: enough that a channel in which both sides keep up allocates nothing.
/// Off where a recycled block would hide an error from a checker.
const SPARES: usize = if cfg!(any(miri, gmp_asan, gmp_tsan, all(test, gmp_loom))) { 0 } else { 4 };

/// The senders' end.
pub(super) struct Tail<T> {
    /// The next position to give out, and `CLOSED`.
    word: AtomicUsize,
    /// The block of that position or an earlier one, never later than that of an unwritten position.
    block: AtomicPtr<Block<T>>,
    spares: [AtomicPtr<Block<T>>; SPARES],
}

/// The receiver's end.
pub(super) struct Head<T> {
    /// The position to take next.
    position: usize,
    /// The block of that position; the one before it, while there is no such block.
    block: *mut Block<T>,
    /// The oldest block that was not given back yet.
    oldest: *mut Block<T>,
    /// Ready marks of `block`, as last seen.
    ready: usize,
    /// Where the channel ends, once the receiver has closed the tail.
    end: Option<usize>,
    /// The receiver wants no more sends.
    closed: bool,
}

/// A position given out: it will be written, or the tail was closed before.
pub(super) struct Ticket(usize);

pub(super) fn new<T>() -> (Tail<T>, Head<T>) {
    let block = Box::into_raw(Block::new(0));
    let tail = Tail {
        word: AtomicUsize::new(0),
        block: AtomicPtr::new(block),
        spares: std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
    };
    (tail, Head { position: 0, block, oldest: block, ready: 0, end: None, closed: false })
}

impl<T> Tail<T> {
    /// Step 1. `None` when the tail is closed.
    #[inline]
    pub(super) fn claim(&self) -> Option<Ticket> {
        // Ordering(mpsc-claim): Acquire pairs with the read-modify-write in `find`: who gets a later
        // position than a retired block's mark finds the tail beyond that block.
        let word = self.word.fetch_add(STEP, Acquire);
        if word & CLOSED == 0 || broken("mpsc-claim-when-closed") {
            Some(Ticket(word & !CLOSED))
        } else {
            None
        }
    }

    /// Steps 2 and 3. True when the receiver is to be woken.
    #[inline]
    pub(super) fn write(&self, ticket: Ticket, value: T) -> bool {
        let block = self.find(ticket.0);
        // SAFETY: `find` answers the block of the position, alive until the position is written; a
        // ticket is used once.
        unsafe { (*block).write(slot_of(ticket.0), value) }
    }

    /// Step 2.
    #[inline]
    fn find(&self, position: usize) -> *mut Block<T> {
        let start = start_of(position);
        // Ordering(mpsc-block): Acquire: the block's content.
        let block = self.block.load_explored(Acquire);
        // SAFETY: alive: it is given back only when every position that was given out before the tail
        // left it has been written, and ours has not.
        if unsafe { &*block }.start() == start {
            return block;
        }
        self.walk(block, start)
    }

    #[cold]
    fn walk(&self, mut block: *mut Block<T>, start: usize) -> *mut Block<T> {
        let mut at_tail = true;
        loop {
            // SAFETY: as in `find`; blocks after it in the list are younger still.
            let this = unsafe { &*block };
            if this.start() == start {
                return block;
            }
            assert!(
                start.wrapping_sub(this.start()) as isize >= 0,
                "Tail::walk: the tail is ahead"
            );
            // Ordering(mpsc-block): Acquire: the next block's content.
            let next = match this.next.load(Acquire) {
                next if next.is_null() => self.grow(this),
                next => next,
            };
            // Step 4: the tail goes on when nobody has to find the block any more.
            if at_tail && (this.is_full() || broken("mpsc-tail-leaves-early")) {
                // Ordering(mpsc-block): Release: the next block's content, for those who load it.
                at_tail = self.block.compare_exchange(block, next, AcqRel, Relaxed).is_ok();
                if at_tail {
                    // Ordering(mpsc-claim): Release, a read-modify-write: whoever claims after it sees
                    // the tail's move; those who claimed before are below this position.
                    let last = self.word.fetch_add(0, AcqRel) & !CLOSED;
                    let last = if broken("mpsc-retired-early") { start } else { last };
                    this.retire(last);
                }
            } else {
                at_tail = false;
            }
            block = next;
        }
    }

    /// The block after `last`, which had none a moment ago.
    fn grow(&self, last: &Block<T>) -> *mut Block<T> {
        let new = self.take_spare(last.start().wrapping_add(SPAN));
        // Ordering(mpsc-block): Release: the block's content; Acquire: that of another one who was
        // faster.
        match last.next.compare_exchange(ptr::null_mut(), new, AcqRel, Acquire) {
            Ok(_) => new,
            Err(next) => {
                // SAFETY: never published, and empty.
                unsafe { self.give_back(new) };
                next
            }
        }
    }

    fn take_spare(&self, start: usize) -> *mut Block<T> {
        for spare in &self.spares {
            // Relaxed: a look first, it is null most of the time.
            if spare.load(Relaxed).is_null() {
                continue;
            }
            // Ordering(mpsc-spare): Acquire pairs with `give_back`.
            let block = spare.swap(ptr::null_mut(), Acquire);
            if !block.is_null() {
                // SAFETY: taken out of the place, so it is ours alone; blocks are given back empty.
                unsafe { (*block).renew(start) };
                return block;
            }
        }
        Box::into_raw(Block::new(start))
    }

    /// # Safety
    ///
    /// The block is the caller's alone, and its slots are empty.
    unsafe fn give_back(&self, block: *mut Block<T>) {
        for spare in &self.spares {
            // Relaxed: a look first.
            if !spare.load(Relaxed).is_null() {
                continue;
            }
            // Ordering(mpsc-spare): Release: all earlier touches of the block.
            if spare.compare_exchange(ptr::null_mut(), block, Release, Relaxed).is_ok() {
                return;
            }
        }
        // SAFETY: the caller's alone; made by `Box::into_raw`.
        unsafe { free(block) };
    }

    pub(super) fn is_closed(&self) -> bool {
        // Ordering(mpsc-claim): Acquire: what preceded the close is visible.
        self.word.load(Acquire) & CLOSED != 0
    }

    fn position(&self) -> usize {
        // Ordering(mpsc-claim): Acquire, for the same reason.
        self.word.load(Acquire) & !CLOSED
    }
}

/// # Safety
///
/// The block is the caller's alone, its slots are empty, and it was made by `Box::into_raw`.
unsafe fn free<T>(block: *mut Block<T>) {
    // SAFETY: the caller's.
    let block = unsafe { Box::from_raw(block) };
    block.assert_alone();
}

impl<T> Head<T> {
    /// Takes the next value, if it is ready.
    #[inline]
    pub(super) fn pop(&mut self, tail: &Tail<T>) -> Option<T> {
        let slot = slot_of(self.position);
        if slot == 0 && !self.enter_block(tail) {
            return None;
        }
        // SAFETY: the receiver gives blocks back itself, and only those behind this one.
        let block = unsafe { &*self.block };
        if self.ready & (1 << slot) == 0 {
            self.ready = block.ready();
            if self.ready & (1 << slot) == 0 {
                return None;
            }
        }
        // SAFETY: the mark was seen with Acquire; the position moves on, so it is read once.
        let value = unsafe { block.read(slot) };
        self.position = self.position.wrapping_add(STEP);
        Some(value)
    }

    /// At a block's first position: makes `block` that block. False when it does not exist yet.
    fn enter_block(&mut self, tail: &Tail<T>) -> bool {
        // SAFETY: as in `pop`.
        let block = unsafe { &*self.block };
        if block.start() == self.position {
            return true;
        }
        // Ordering(mpsc-block): Acquire: the next block's content.
        let next = block.next.load(Acquire);
        if next.is_null() {
            return false;
        }
        self.move_to(next, tail);
        true
    }

    /// Step 5.
    fn move_to(&mut self, next: *mut Block<T>, tail: &Tail<T>) {
        self.block = next;
        self.ready = 0;
        while self.oldest != self.block {
            // SAFETY: not given back yet.
            let oldest = unsafe { &*self.oldest };
            if !oldest.is_retired_at(self.position) {
                break;
            }
            // Relaxed: the receiver has been through this pointer.
            let next = oldest.next.load(Relaxed);
            // SAFETY: every sender that may have seen the block held a position below the mark, and all
            // those positions have been taken; all values in it, too.
            unsafe { tail.give_back(self.oldest) };
            self.oldest = next;
        }
    }

    /// Marks the next position as awaited. True when there is nothing to take: its sender will wake.
    /// The waker is registered before.
    pub(super) fn wait(&mut self, tail: &Tail<T>) -> bool {
        let slot = slot_of(self.position);
        if slot == 0 && !self.enter_block(tail) {
            // SAFETY: as in `pop`.
            let next = tail.grow(unsafe { &*self.block });
            self.move_to(next, tail);
        }
        // SAFETY: as in `pop`.
        self.ready = unsafe { &*self.block }.wait(slot);
        self.ready & (1 << slot) == 0
    }

    /// Remembers that the receiver has closed the channel.
    pub(super) fn set_closed(&mut self) {
        self.closed = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Closes the tail: positions from here on are void.
    pub(super) fn close_tail(&mut self, tail: &Tail<T>) {
        if self.end.is_none() {
            // Ordering(mpsc-claim): Release: what preceded the close is visible to whoever is refused.
            self.end = Some(tail.word.fetch_or(CLOSED, AcqRel) & !CLOSED);
        }
    }

    /// Has everything been taken from a closed tail?
    pub(super) fn is_at_end(&self) -> bool {
        self.end == Some(self.position)
    }

    /// Positions given out and not taken, half-written ones included.
    pub(super) fn len(&self, tail: &Tail<T>) -> usize {
        let end = self.end.unwrap_or_else(|| tail.position());
        end.wrapping_sub(self.position) / STEP
    }

    /// Frees all blocks.
    ///
    /// # Safety
    ///
    /// Both ends are the caller's alone, nobody uses them again, and what was sent has been taken.
    pub(super) unsafe fn free_all(&mut self, tail: &Tail<T>) {
        let mut block = self.oldest;
        while !block.is_null() {
            // SAFETY: in the list, not freed yet. Relaxed: all is the caller's.
            let next = unsafe { &*block }.next.load(Relaxed);
            // SAFETY: the caller's alone, and empty.
            unsafe { free(block) };
            block = next;
        }
        for spare in &tail.spares {
            let block = spare.swap(ptr::null_mut(), Relaxed);
            if !block.is_null() {
                // SAFETY: as above.
                unsafe { free(block) };
            }
        }
    }
}
