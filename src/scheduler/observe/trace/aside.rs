//! Polls without a shell that go on.
//!
//! A poll is entered into a ring when it has ended. One that goes on when the trace stops is found in its
//! shell; those of `hogs.rs` have none, so they are listed here from their beginning, watched or not: a
//! trace that was started because a poll does not end has to show that poll. It costs such a poll a lock
//! that is held for a moment, beside the handoff and two locks that it costs anyway; others pay nothing.
//!
//! A poll is entered into its ring before it leaves the list, and the rings are closed before the list is
//! read: so it is in one of them or in both, and the reader leaves out what it has already.

use std::panic::Location;
use std::sync::Mutex;
use std::thread::{self, Thread};

use super::lock;

#[derive(Clone)]
pub(super) struct Aside {
    pub(super) site: &'static Location<'static>,
    pub(super) id: u64,
    /// ns.
    pub(super) since: u64,
    pub(super) thread: Thread,
}

#[derive(Default)]
pub(super) struct Asides {
    list: Mutex<Vec<Aside>>,
}

impl Asides {
    pub(super) fn enter(&self, site: &'static Location<'static>, id: u64, since: u64) {
        let thread = thread::current();
        lock(&self.list).push(Aside { site, id, since, thread });
    }

    /// Nobody else polls this G.
    pub(super) fn leave(&self, id: u64) {
        lock(&self.list).retain(|aside| aside.id != id);
    }

    pub(super) fn all(&self) -> Vec<Aside> {
        lock(&self.list).clone()
    }
}
