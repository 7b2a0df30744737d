//! Memory for what is made and freed all the time and lives briefly: Gs above all.
//!
//! Blocks come from the global allocator one by one and go back to it one by one; in between they are kept
//! in lists by size class, since an allocator for everybody takes 70 to 100 ns for a pair of calls that ten
//! instructions can do. The scheme is Bonwick's magazines ("Magazines and Vmem", USENIX 2001), as Go's
//! `gfget`/`gfput` keep dead goroutines:
//!
//! 1. Each thread has two **magazines** for a class, full ones of [`batch`] blocks at most. It takes from and
//!    puts into the first; when that is empty, or full, the two change places.
//! 2. Only when that does not help does it go to the class's **depot**, under a lock, for a full magazine or
//!    with one. So the lock is taken once in `batch` operations at most, and a thread that makes what another
//!    one frees is served as well as one that does both.
//! 3. The depots together keep [`DEPOT_BYTES`]; what is more goes back to the allocator. So do a thread's
//!    magazines when it ends.
//!
//! A thread's magazines need no lock and no atomic: nobody else sees them, and what a block went through is
//! ordered by the depot's lock. Threads that have not used the pool yet, and threads that are at their end
//! and have given all back, have magazines that are full and hold nothing: so either ends in the slow path,
//! and the fast one asks for nothing else.
//!
//! Under AddressSanitizer nothing is kept: it shall see each block come and go. The loom models have a pool of
//! their own (`pool_loom.rs`), for the same reason.

#![allow(unsafe_code)]

use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::sync::Mutex;

#[cfg(test)]
mod tests;

/// Sizes are rounded up to a multiple of this.
const GRAIN: usize = 16;
/// Larger blocks come from the allocator each time: what fills them takes longer than it does.
const LARGEST: usize = 1024;
const CLASSES: usize = LARGEST / GRAIN;
/// The allocator aligns to this without being asked.
const ALIGN: usize = 16;
/// How much the allocator is shown at a time, see [`widen_heap`]: below the 64 KiB from which on glibc considers
/// giving a heap's end back.
const STRIDE: usize = 60 << 10;
/// What all depots together keep, at most: a hundred thousand small Gs.
const DEPOT_BYTES: usize = 16 << 20;

/// The class of a layout, if it is for us.
#[inline(always)]
fn class(layout: Layout) -> Option<usize> {
    // A size of zero wraps to a class that there is not.
    let class = layout.size().wrapping_sub(1) / GRAIN;
    (class < CLASSES && layout.align() <= ALIGN && !cfg!(gmp_asan)).then_some(class)
}

const fn size(class: usize) -> usize {
    (class + 1) * GRAIN
}

/// How many blocks a full magazine of this class holds: about 8 KiB.
const fn batch(class: usize) -> u32 {
    let n = (8 << 10) / size(class) as u32;
    if n > 64 {
        64
    } else {
        n
    }
}

const fn layout_of(class: usize) -> Layout {
    match Layout::from_size_align(size(class), ALIGN) {
        Ok(layout) => layout,
        Err(_) => panic!("a class's layout"),
    }
}

/// What a block holds while it is free.
struct Block {
    next: *mut Block,
    /// In a depot, of the first block of a magazine: the next magazine.
    below: *mut Block,
}

const _: () = assert!(size_of::<Block>() <= GRAIN && align_of::<Block>() <= ALIGN);

/// A list of free blocks.
struct Magazine {
    first: Cell<*mut Block>,
    len: Cell<u32>,
}

impl Magazine {
    // A value to be copied into statics, not one to be shared.
    #[allow(clippy::declare_interior_mutable_const)]
    const CLOSED: Magazine =
        Magazine { first: Cell::new(std::ptr::null_mut()), len: Cell::new(u32::MAX) };

    fn set(&self, first: *mut Block, len: u32) {
        self.first.set(first);
        self.len.set(len);
    }

    fn swap(&self, other: &Magazine) {
        self.first.swap(&other.first);
        self.len.swap(&other.len);
    }

    /// Empties it: all blocks, of this class, go to the allocator.
    fn give_back(&self, class: usize) {
        while let Some(memory) = self.take() {
            // SAFETY: from `fresh`, and nobody's.
            unsafe { std::alloc::dealloc(memory.as_ptr(), layout_of(class)) };
        }
    }

    #[inline(always)]
    fn take(&self) -> Option<NonNull<u8>> {
        let block = NonNull::new(self.first.get())?;
        // SAFETY: a block in a magazine is ours alone and holds what `put` wrote.
        self.first.set(unsafe { block.as_ref() }.next);
        self.len.set(self.len.get() - 1);
        Some(block.cast())
    }

    /// # Safety
    ///
    /// `memory` is a free block of this class, and the magazine has room.
    #[inline(always)]
    unsafe fn put(&self, memory: NonNull<u8>) {
        let block = memory.cast::<Block>();
        // SAFETY: free, and large enough.
        unsafe { (&raw mut (*block.as_ptr()).next).write(self.first.get()) };
        self.first.set(block.as_ptr());
        self.len.set(self.len.get() + 1);
    }
}

struct Pair {
    first: Magazine,
    second: Magazine,
}

struct Local([Pair; CLASSES]);

std::thread_local! {
    /// Has no destructor, so that it costs no look at a state and can be used until the last moment.
    static LOCAL: Local = const {
        Local([const { Pair { first: Magazine::CLOSED, second: Magazine::CLOSED } }; CLASSES])
    };
    static END: End = const { End(Cell::new(false)) };
}

/// Gives the thread's magazines back.
struct End(Cell<bool>);

impl Drop for End {
    fn drop(&mut self) {
        if !self.0.get() {
            return;
        }
        LOCAL.with(|local| {
            for (class, pair) in local.0.iter().enumerate() {
                for magazine in [&pair.first, &pair.second] {
                    magazine.give_back(class);
                    magazine.set(std::ptr::null_mut(), u32::MAX);
                }
            }
        });
    }
}

/// Magazines that no thread has.
struct Depot(Mutex<Stack>);

struct Stack(*mut Block);

// SAFETY: the blocks belong to whoever has the lock.
unsafe impl Send for Stack {}

static DEPOTS: [Depot; CLASSES] =
    [const { Depot(Mutex::new(Stack(std::ptr::null_mut()))) }; CLASSES];
/// What they hold, in bytes. May be a few magazines too high or too low for a moment.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// Memory for the layout, which is not of size zero. Aborts if there is none.
#[inline]
pub(crate) fn alloc(layout: Layout) -> NonNull<u8> {
    match class(layout) {
        Some(class) => LOCAL.with(|local| {
            let pair = &local.0[class];
            pair.first.take().unwrap_or_else(|| refill(pair, class))
        }),
        None => fresh(layout),
    }
}

/// Gives memory back.
///
/// # Safety
///
/// It comes from [`alloc`] with this layout, on any thread, and is not used again.
#[inline]
pub(crate) unsafe fn dealloc(memory: NonNull<u8>, layout: Layout) {
    match class(layout) {
        Some(class) => LOCAL.with(|local| {
            let pair = &local.0[class];
            if pair.first.len.get() >= batch(class) && !make_room(pair, class) {
                // SAFETY: from `fresh`, by the contract.
                return unsafe { std::alloc::dealloc(memory.as_ptr(), layout_of(class)) };
            }
            // SAFETY: free by the contract, and there is room.
            unsafe { pair.first.put(memory) }
        }),
        // SAFETY: by the contract.
        None => unsafe { std::alloc::dealloc(memory.as_ptr(), layout) },
    }
}

/// Moves a value, not of size zero, into memory of its own.
#[cfg(feature = "sync")]
#[inline]
pub(crate) fn place<T>(value: T) -> NonNull<T> {
    let memory = alloc(Layout::new::<T>()).cast::<T>();
    // SAFETY: fresh memory for a `T`.
    unsafe { memory.write(value) };
    memory
}

/// Drops a value that was [placed](place), and gives its memory back even if that panics.
///
/// # Safety
///
/// It is not used again.
#[cfg(feature = "sync")]
#[inline]
pub(crate) unsafe fn free<T>(value: NonNull<T>) {
    struct Memory<T>(NonNull<T>);
    impl<T> Drop for Memory<T> {
        fn drop(&mut self) {
            // SAFETY: from `place`; what was in it has been dropped.
            unsafe { dealloc(self.0.cast(), Layout::new::<T>()) };
        }
    }
    let memory = Memory(value);
    // SAFETY: the last use, by the contract.
    unsafe { memory.0.drop_in_place() };
}

fn fresh(layout: Layout) -> NonNull<u8> {
    // SAFETY: not of size zero, by the contract of `alloc`.
    let memory = unsafe { std::alloc::alloc(layout) };
    NonNull::new(memory).unwrap_or_else(|| std::alloc::handle_alloc_error(layout))
}

/// May this thread keep blocks? Opens its magazines at the first call; not any more once it has given all back.
fn open(pair: &Pair) -> bool {
    if pair.first.len.get() != u32::MAX {
        return true;
    }
    let alive = END.try_with(|end| end.0.set(true)).is_ok();
    if alive {
        pair.first.set(std::ptr::null_mut(), 0);
        pair.second.set(std::ptr::null_mut(), 0);
    }
    alive
}

/// The first magazine is empty.
#[cold]
fn refill(pair: &Pair, class: usize) -> NonNull<u8> {
    if open(pair) {
        if pair.second.len.get() > 0 {
            pair.first.swap(&pair.second);
        } else if let Some(magazine) = DEPOTS[class].take() {
            // Relaxed: a rule of thumb.
            HELD.fetch_sub(batch(class) as usize * size(class), Relaxed);
            pair.first.set(magazine.as_ptr(), batch(class));
        }
    }
    pair.first.take().unwrap_or_else(|| {
        widen_heap(size(class));
        fresh(layout_of(class))
    })
}

/// One more block of so many bytes comes from the allocator. After each [`STRIDE`] of them it is shown how much
/// more will be wanted: glibc lets the heap of a thread (any but the process's first) grow by just the pages that
/// a block needs, with a system call for each, but keeps at its end what was taken there and given back.
fn widen_heap(bytes: usize) {
    std::thread_local! {
        static SINCE: Cell<usize> = const { Cell::new(0) };
    }
    const AHEAD: Layout = match Layout::from_size_align(STRIDE, ALIGN) {
        Ok(layout) => layout,
        Err(_) => panic!("ALIGN is a power of two"),
    };
    let since = SINCE.get() + bytes;
    SINCE.set(since % STRIDE);
    if since >= STRIDE && cfg!(all(target_env = "gnu", not(gmp_asan))) {
        // The optimiser removes pairs of calls that it sees through.
        let memory = std::hint::black_box(fresh(AHEAD));
        // SAFETY: just allocated with this layout, and nobody's.
        unsafe { std::alloc::dealloc(memory.as_ptr(), AHEAD) };
    }
}

/// The first magazine is full. False: this thread keeps nothing any more.
#[cold]
fn make_room(pair: &Pair, class: usize) -> bool {
    if !open(pair) {
        return false;
    }
    if pair.first.len.get() < batch(class) {
        return true;
    }
    pair.first.swap(&pair.second);
    if pair.first.len.get() == 0 {
        return true;
    }
    let bytes = batch(class) as usize * size(class);
    // Relaxed: a rule of thumb.
    if HELD.fetch_add(bytes, Relaxed) + bytes <= DEPOT_BYTES {
        DEPOTS[class].put(NonNull::new(pair.first.first.get()).expect("a full magazine"));
        pair.first.set(std::ptr::null_mut(), 0);
    } else {
        HELD.fetch_sub(bytes, Relaxed);
        pair.first.give_back(class);
    }
    true
}

impl Depot {
    fn take(&self) -> Option<NonNull<Block>> {
        let mut stack = self.0.lock();
        let magazine = NonNull::new(stack.0)?;
        // SAFETY: with the lock the blocks are ours; `put` wrote the field.
        stack.0 = unsafe { (*magazine.as_ptr()).below };
        Some(magazine)
    }

    fn put(&self, magazine: NonNull<Block>) {
        let mut stack = self.0.lock();
        // SAFETY: a full magazine of the caller's.
        unsafe { (&raw mut (*magazine.as_ptr()).below).write(stack.0) };
        stack.0 = magazine.as_ptr();
    }
}
