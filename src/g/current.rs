//! Which G this thread is running, and whether that G has woken itself.
//!
//! A G that wakes itself during its poll (a yield, mostly) is put back by the M that polls it, which is this
//! very thread: a note to itself does what else takes a read-modify-write of the state word. What the
//! waker wrote before is this thread's own writing, and whoever polls the G next gets it with the
//! transition that puts it back.
//!
//! A thread may run a G inside of another one's poll (`LocalSet`, `block_in_place`): each has a frame of
//! its own, and only the innermost counts as the one that wakes itself.

use std::cell::Cell;
use std::ptr;

use super::id::Id;

struct Current {
    id: Cell<Option<Id>>,
    /// The G that is polled, by the address in its wakers; null while one is only dropped.
    g: Cell<*const ()>,
    woken: Cell<bool>,
}

thread_local_const! {
    static CURRENT: Current = Current {
        id: Cell::new(None),
        g: Cell::new(ptr::null()),
        woken: Cell::new(false),
    };
}

/// The G whose future or output this thread is polling or dropping.
pub(crate) fn id() -> Option<Id> {
    CURRENT.try_with(|current| current.id.get()).ok().flatten()
}

/// Takes note that the G with these wakers wakes itself. False: it is not the one this thread polls.
#[inline]
pub(super) fn wakes_itself(g: *const ()) -> bool {
    let itself = CURRENT.try_with(|current| {
        let itself = ptr::eq(current.g.get(), g);
        if itself {
            current.woken.set(true);
        }
        itself
    });
    matches!(itself, Ok(true))
}

/// Is it the G that this thread polls, and not one outside of it?
#[inline]
pub(super) fn is_polled(g: *const ()) -> bool {
    matches!(CURRENT.try_with(|current| ptr::eq(current.g.get(), g)), Ok(true))
}

/// Makes a G the current one, until the guard is dropped, for its future or output to be dropped.
#[inline]
pub(super) fn enter(id: Id) -> Frame {
    enter_poll(id, ptr::null())
}

/// Makes a G the current one, until the guard is dropped, for its poll.
#[inline]
pub(super) fn enter_poll(id: Id, g: *const ()) -> Frame {
    let outer = CURRENT.try_with(|current| Frame {
        id: current.id.replace(Some(id)),
        g: current.g.replace(g),
        woken: current.woken.replace(false),
    });
    // Not `unwrap_or`: a frame that is dropped writes.
    outer.unwrap_or_else(|_gone| Frame { id: None, g: ptr::null(), woken: false })
}

/// The frame outside of the current one.
pub(super) struct Frame {
    id: Option<Id>,
    g: *const (),
    woken: bool,
}

impl Frame {
    /// The poll is over, the frame not yet: wakes count as others' from here on. Has the G woken itself?
    #[inline]
    pub(super) fn end_poll(&self) -> bool {
        let woken = CURRENT.try_with(|current| {
            current.g.set(ptr::null());
            current.woken.get()
        });
        matches!(woken, Ok(true))
    }
}

impl Drop for Frame {
    #[inline]
    fn drop(&mut self) {
        let _ = CURRENT.try_with(|current| {
            current.id.set(self.id);
            current.g.set(self.g);
            current.woken.set(self.woken);
        });
    }
}
