//! Layer 2: the G, a spawned future.
//!
//! A G is one allocation (`cell.rs`) behind one state word (`state.rs`, where the picture is). The type
//! of its future is known only to the functions in `run.rs`, which everyone else reaches through a table
//! (`raw.rs`). Wakers (`waker.rs`) and handles (`join.rs`) are counted references. A live G stands in the
//! all-G list (`allg.rs`) so that shutdown and dumps can find it.
//!
//! This layer knows no scheduler. It calls up through [`Schedule`] alone.

#![allow(unsafe_code)]

pub(crate) mod allg;
pub(crate) mod block;
pub(crate) mod cell;
pub(crate) mod coop;
pub(crate) mod current;
pub(crate) mod id;
pub(crate) mod join;
#[cfg(all(test, gmp_loom))]
pub(crate) mod models;
pub(crate) mod raw;
pub(crate) mod run;
pub(crate) mod state;
pub(crate) mod waker;

use std::alloc::Layout;
use std::ptr::NonNull;

use cell::{Header, Place};
use raw::G;

/// What a G needs from whoever schedules it. A value of this type lives in each G.
pub(crate) trait Schedule: Send + Sync + 'static {
    /// Queues a Runnable G.
    ///
    /// # Safety
    ///
    /// `this` lives in `g`, so it is valid until `g` is where another thread can take it: that thread
    /// may run the G to its end and free it. The implementation copies what it needs first.
    unsafe fn ready(this: *const Self, g: G);

    /// An address that tells this scheduler from others.
    fn identity(&self) -> *const ();

    /// Takes a G that has ended off the all-G list. True: it was on it, and the list's reference is the
    /// caller's now.
    fn retire(&self, header: NonNull<Header>, place: Place) -> bool;

    /// The poll of a G has ended in a panic, which its handle will answer.
    fn panicked(&self) {}

    /// Memory for a G. Aborts when there is none.
    fn alloc(layout: Layout) -> NonNull<u8>;

    /// Gives memory from `alloc` back.
    fn dealloc(memory: NonNull<u8>, layout: Layout);
}
