//! `std::task::Waker` over a G: clone is a reference, wake is edge 4 of the state word.

#![allow(unsafe_code)]

use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::cell::Header;
use super::current;
use super::raw::{self, G};
use super::state::Wake;
use crate::primitives::sync::broken;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// A waker that borrows a reference: the caller keeps it from being dropped.
///
/// # Safety
///
/// The G is alive for as long as the waker is used, and the waker is not dropped (clones are counted).
#[inline]
pub(super) unsafe fn borrowed(header: NonNull<Header>) -> Waker {
    // SAFETY: the vtable's functions keep the contract of RawWaker for a live G.
    unsafe { Waker::from_raw(RawWaker::new(header.as_ptr() as *const (), &VTABLE)) }
}

/// If this is a waker of a G: makes the G Runnable and hands it out to be queued, or `None` if there was
/// nothing to do. A foreign waker comes back. Batches from the poller and the timers use it, to queue
/// their Gs in one go before any foreign code runs.
pub(crate) fn take_g(waker: Waker) -> Result<Option<G>, Waker> {
    if !std::ptr::eq(waker.vtable(), &VTABLE) {
        return Err(waker);
    }
    let waker = ManuallyDrop::new(waker);
    let header = header_of(waker.data());
    // SAFETY: the waker's reference keeps the G alive, and is handed over.
    Ok(unsafe { wake_g(header) })
}

/// The address of the header of the G that this waker wakes, if it is one of a G; to be compared, not
/// followed.
#[cfg_attr(not(feature = "rt"), allow(dead_code))]
pub(crate) fn address_of_g(waker: &Waker) -> Option<*const ()> {
    std::ptr::eq(waker.vtable(), &VTABLE).then(|| waker.data())
}

/// Is this the waker of the G that this thread polls? Waking it is then a yield.
#[cfg_attr(not(any(feature = "net", feature = "process", feature = "signal")), allow(dead_code))]
pub(crate) fn is_polled_here(waker: &Waker) -> bool {
    address_of_g(waker).is_some_and(current::is_polled)
}

fn header_of(data: *const ()) -> NonNull<Header> {
    NonNull::new(data as *mut Header).expect("a G's waker has an address")
}

/// # Safety
///
/// The caller hands over a reference.
unsafe fn wake_g(header: NonNull<Header>) -> Option<G> {
    // SAFETY: the reference keeps the G alive.
    match unsafe { header.as_ref() }.state.wake_by_val() {
        // SAFETY: the reference is the queue's now.
        Wake::Submit => Some(unsafe { G::from_raw(header) }),
        Wake::DoNothing => None,
        Wake::Dealloc => {
            // SAFETY: no reference is left.
            unsafe { raw::free(header) };
            None
        }
    }
}

unsafe fn clone(data: *const ()) -> RawWaker {
    let header = header_of(data);
    // SAFETY: a waker holds a reference (or borrows one that is held).
    unsafe { header.as_ref() }.state.ref_inc();
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    let header = header_of(data);
    // SAFETY: waking by value gives up the waker's reference.
    if let Some(g) = unsafe { wake_g(header) } {
        let header = g.into_raw();
        // SAFETY: Runnable, with the queue's reference.
        unsafe { (header.as_ref().vtable.ready)(header) }
        if broken("wake_touches_after_submit") {
            // SAFETY: none: the seeded break. The reference went into the queue.
            let _ = unsafe { header.as_ref() }.state.load();
        }
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    if current::wakes_itself(data) {
        return;
    }
    let header = header_of(data);
    // SAFETY: the waker's reference keeps the G alive.
    let this = unsafe { header.as_ref() };
    if this.state.wake_by_ref() {
        // SAFETY: `wake_by_ref` made the queue's reference.
        unsafe { (this.vtable.ready)(header) }
    }
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the waker's own reference.
    unsafe { raw::ref_dec(header_of(data)) }
}
