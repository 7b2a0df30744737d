//! Channels from many senders to one receiver.
//!
//! [`channel`] is bounded: a sender waits, in a fair queue, while the channel is full. With
//! [`unbounded_channel`] it never waits, and memory is the limit. Neither needs a runtime: `send` and
//! `recv` work in any executor, `blocking_send` and `blocking_recv` in plain threads, and
//! `UnboundedSender::send` anywhere.
//!
//! The channel closes when the last sender is dropped, or when the receiver is dropped or calls `close`.
//! What was sent before is still received, then `recv` answers `None`.
//!
//! ```
//! use gmp::sync::mpsc;
//!
//! let (tx, mut rx) = mpsc::channel(4);
//! let worker = std::thread::spawn(move || {
//!     for n in 0..10 {
//!         tx.blocking_send(n).unwrap();
//!     }
//! });
//! let mut sum = 0;
//! while let Some(n) = rx.blocking_recv() {
//!     sum += n;
//! }
//! assert_eq!(sum, 45);
//! worker.join().unwrap();
//! ```
//!
//! # How it works
//!
//! Values lie in a list of blocks of 32 slots. `Tail` is the senders' end, `Head` the receiver's.
//!
//! 1. **Claim.** A sender gets its position by one addition to the tail's word. The word's lowest bit says
//!    that the tail is closed; who sees it in the word that it added to has got a void position. So of
//!    a send and the close exactly one is first, with no counter beside.
//! 2. **Find.** From the block that the tail points to, it goes on to the one of its position; a missing
//!    block is appended by whoever needs it, and who loses that race uses the winner's.
//! 3. **Write.** It writes the slot and sets its *ready* mark. If the *awaited* mark of that slot was set,
//!    it wakes the receiver. So a send is two read-modify-writes, and touches the waker only when the
//!    receiver waits for this very value.
//! 4. **The tail moves on** over a block that is full, because nobody has to find that block any more.
//!    The sender that moves it then reads the tail's word by a read-modify-write and retires the block at
//!    that position: whoever claims later sees the tail's new block, whoever may have seen the old one
//!    has a lower position.
//! 5. **Give back.** A block is free for use again when the receiver has taken everything below the position
//!    at which it was retired: all who might look at it have written by then, which is the last they do.
//!    A few free blocks are kept for the next append.
//! 6. **Take.** The receiver looks at the ready marks of its block once and takes what they show without
//!    further atomics. Values come in the order of positions.
//! 7. **Wait.** With nothing ready the receiver registers its waker, sets the awaited mark of the next slot,
//!    and looks at the ready marks that were there: the sender of that slot either came first and is seen,
//!    or sees the mark. Other reasons to wake (the last sender leaves, the last permit of a closed channel
//!    is given up) are announced by a count, then the waker; the receiver looks at the counts after it
//!    has registered.
//! 8. **Bounded**: a semaphore of as many permits as slots stands before step 1, and the receiver releases
//!    one per value. Closing closes the semaphore; the end is reached when all permits are back, because
//!    then nobody holds one to send with, and nothing is in the list.

mod block;
mod bounded;
mod chan;
mod list;
mod unbounded;

pub mod error;

pub use bounded::{channel, OwnedPermit, Permit, PermitIterator, Receiver, Sender, WeakSender};
pub use unbounded::{unbounded_channel, UnboundedReceiver, UnboundedSender, WeakUnboundedSender};
