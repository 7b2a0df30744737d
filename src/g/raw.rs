//! The type-erased G: one pointer, a table of functions, and all reference counting.

#![allow(unsafe_code)]

use std::alloc::Layout;
use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;
use std::task::Waker;

use super::cell::{Cell, Header, Place};
use super::id::Id;
use super::run::{self, Ran};
use super::state::Released;
use super::Schedule;

/// What can be done to a G without knowing its type. Each function's contract is that of the method
/// with its name below.
pub(crate) struct Vtable {
    pub(super) run: unsafe fn(NonNull<Header>) -> Ran,
    pub(super) ready: unsafe fn(NonNull<Header>),
    pub(super) shutdown: unsafe fn(NonNull<Header>),
    pub(super) scheduler: unsafe fn(NonNull<Header>) -> *const (),
    pub(super) free: unsafe fn(NonNull<Header>),
    /// Writes a `Poll<Result<T, JoinError>>` through the pointer if the result is there, else keeps
    /// the waker. With a null pointer the result, if it is there, stays.
    pub(super) poll_join: unsafe fn(NonNull<Header>, *mut (), &Waker),
    pub(super) drop_join_handle: unsafe fn(NonNull<Header>),
}

struct VtableOf<T, S>(std::marker::PhantomData<(T, S)>);

impl<T: Future, S: Schedule> VtableOf<T, S> {
    const TABLE: Vtable = Vtable {
        run: run::run::<T, S>,
        ready: run::ready::<T, S>,
        shutdown: run::shutdown::<T, S>,
        scheduler: run::scheduler::<T, S>,
        free: run::free::<T, S>,
        poll_join: run::poll_join::<T, S>,
        drop_join_handle: run::drop_join_handle::<T, S>,
    };
}

/// A Runnable G with the reference that travels through the queues. Whoever has it puts it into a queue,
/// runs it, or drops it (which only gives up the reference).
pub(crate) struct G(NonNull<Header>);

// SAFETY: a G is a counted reference to memory whose parts are guarded by the state word; futures that
// are not Send only get here through constructors that keep them on their thread.
unsafe impl Send for G {}

/// Another counted reference to a G, of no queue: for handles and for walks over the all-G list.
pub(crate) struct GRef(NonNull<Header>);

// SAFETY: as for `G`.
unsafe impl Send for GRef {}
// SAFETY: all that a shared GRef offers goes through the state word.
unsafe impl Sync for GRef {}

/// Allocates a G. The result holds the references: queue, join handle and, with `listed`, the all-G
/// list's (taken over by who inserts it).
pub(crate) fn new_g<T: Future, S: Schedule>(
    future: T,
    scheduler: S,
    id: Id,
    spawned_at: &'static Location<'static>,
    listed: bool,
) -> (G, NonNull<Header>) {
    let refs = if listed { 3 } else { 2 };
    let layout = Layout::new::<Cell<T, S>>();
    let memory = S::alloc(layout).cast::<Cell<T, S>>();
    let cell = Cell::new(future, scheduler, &VtableOf::<T, S>::TABLE, id, spawned_at, refs);
    // SAFETY: `alloc` answers memory for this layout, not in use by anyone.
    unsafe { memory.as_ptr().write(cell) };
    let header = memory.cast::<Header>();
    (G(header), header)
}

impl G {
    /// The address, for a queue slot. The reference goes with it.
    #[inline]
    pub(crate) fn into_raw(self) -> NonNull<Header> {
        let header = self.0;
        std::mem::forget(self);
        header
    }

    /// Back from a queue slot.
    ///
    /// # Safety
    ///
    /// `header` comes from `into_raw`, and nobody else takes it out of the same slot.
    #[inline]
    pub(crate) unsafe fn from_raw(header: NonNull<Header>) -> G {
        G(header)
    }

    #[inline]
    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the reference keeps the memory alive.
        unsafe { self.0.as_ref() }
    }

    /// Polls the future once, or drops it if the G was aborted. The answer says what became of it.
    #[inline]
    pub(crate) fn run(self) -> Ran {
        let header = self.into_raw();
        // SAFETY: the vtable belongs to this G; our reference is handed over.
        unsafe { (header.as_ref().vtable.run)(header) }
    }

    /// Which scheduler it belongs to; see [`Schedule::identity`].
    pub(crate) fn scheduler(&self) -> *const () {
        // SAFETY: the vtable belongs to this G, which our reference keeps alive.
        unsafe { (self.header().vtable.scheduler)(self.0) }
    }

    /// Queues the Runnable G with the scheduler that it belongs to.
    pub(crate) fn ready(self) {
        let header = self.into_raw();
        // SAFETY: Runnable, with the queue's reference, which is handed over.
        unsafe { (header.as_ref().vtable.ready)(header) }
    }

    /// Drops the future without polling it, unless somebody else has it, and gives up the reference.
    pub(crate) fn cancel(self) {
        // SAFETY: the vtable belongs to this G, which our reference keeps alive.
        unsafe { (self.header().vtable.shutdown)(self.0) }
    }

    /// Its place in the all-G list.
    #[inline]
    pub(crate) fn place(&self) -> Place {
        // SAFETY: written only before the G was published.
        self.header().place.with(|place| unsafe { *place })
    }

    /// Makes the G's place in the all-G list known. Only before the G is published.
    pub(crate) fn set_place(&self, place: Place) {
        self.header().place.with_mut(|p| {
            // SAFETY: the G is not in any queue yet and its handle not given out: nobody else looks.
            unsafe { *p = place }
        });
    }
}

impl Drop for G {
    fn drop(&mut self) {
        // SAFETY: gives up our own reference, once.
        unsafe { ref_dec(self.0) }
    }
}

impl GRef {
    /// A new reference.
    ///
    /// # Safety
    ///
    /// The G is alive: somebody holds a reference throughout the call.
    pub(crate) unsafe fn new(header: NonNull<Header>) -> GRef {
        // SAFETY: alive by the contract.
        unsafe { header.as_ref() }.state.ref_inc();
        GRef(header)
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the reference keeps the memory alive.
        unsafe { self.0.as_ref() }
    }

    /// Asks for the G's end: it is dropped by the M that takes it from its queue or runs it.
    pub(crate) fn abort(&self) {
        if self.header().state.cancel() {
            // SAFETY: `cancel` made a reference for the queue, which is handed over.
            unsafe { (self.header().vtable.ready)(self.0) }
        }
    }

    /// Drops the future here unless it is running (then its M does) or done.
    pub(crate) fn shutdown(&self) {
        // SAFETY: the vtable belongs to this G, which our reference keeps alive.
        unsafe { (self.header().vtable.shutdown)(self.0) }
    }
}

impl Clone for GRef {
    fn clone(&self) -> Self {
        // SAFETY: alive, by our own reference.
        unsafe { GRef::new(self.0) }
    }
}

impl Drop for GRef {
    fn drop(&mut self) {
        // SAFETY: gives up our own reference, once.
        unsafe { ref_dec(self.0) }
    }
}

/// Gives up one reference, and the memory with the last.
///
/// # Safety
///
/// The caller owns a reference and does not use it again.
#[inline]
pub(super) unsafe fn ref_dec(header: NonNull<Header>) {
    // SAFETY: alive until our reference is gone.
    if unsafe { header.as_ref() }.state.ref_dec() == Released::Last {
        // SAFETY: it was the last one.
        unsafe { free(header) }
    }
}

/// Frees the memory.
///
/// # Safety
///
/// There is no reference left.
#[cold]
pub(super) unsafe fn free(header: NonNull<Header>) {
    // SAFETY: the vtable is static, the memory still there; freed once, by the contract.
    unsafe { (header.as_ref().vtable.free)(header) }
}
