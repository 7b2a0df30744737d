//! The allocator of every run: the system's, with counters that are off except in the rows that
//! ask for them. Off, they cost one relaxed load of a word that nobody writes.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// Relaxed throughout: the counters publish nothing; they are read when the tasks that were counted
// have finished, or have been seen (through an acquiring load) to wait.
static ON: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicI64 = AtomicI64::new(0);

/// What happened since [`count`] began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    /// Calls that hand out memory.
    pub(crate) calls: u64,
    /// Bytes handed out less bytes given back.
    pub(crate) live: i64,
}

/// Starts to count from zero.
pub(crate) fn count() {
    CALLS.store(0, Relaxed);
    LIVE.store(0, Relaxed);
    ON.store(true, Relaxed);
}

/// Stops counting.
pub(crate) fn counted() -> Counted {
    ON.store(false, Relaxed);
    Counted { calls: CALLS.load(Relaxed), live: LIVE.load(Relaxed) }
}

fn note(calls: u64, bytes: i64) {
    if ON.load(Relaxed) {
        CALLS.fetch_add(calls, Relaxed);
        LIVE.fetch_add(bytes, Relaxed);
    }
}

fn signed(bytes: usize) -> i64 {
    // A layout is never larger than isize::MAX.
    bytes as i64
}

// SAFETY: every method passes its arguments on to `System` unchanged and returns its answer; the
// counters beside it do not allocate and do not unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, signed(layout.size()));
        // SAFETY: the caller keeps `alloc`'s contract, which is `System.alloc`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(1, signed(layout.size()));
        // SAFETY: the caller keeps `alloc_zeroed`'s contract, which is `System.alloc_zeroed`'s.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        note(0, -signed(layout.size()));
        // SAFETY: `ptr` came from `System` through this allocator, with this layout.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(1, signed(size) - signed(layout.size()));
        // SAFETY: `ptr` came from `System` through this allocator, with this layout.
        unsafe { System.realloc(ptr, layout, size) }
    }
}
