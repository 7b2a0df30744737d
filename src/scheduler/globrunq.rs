//! The global run queue: where Gs go that have no P to go to, that a full ring spills, or whose slice is
//! over. A FIFO in segments behind a lock of its own.
//!
//! Half a ring comes here in one go and leaves in one go: a lock taken once for 513 Gs costs each of them
//! nothing, where a lock-free queue of single Gs (`crossbeam_deque::Injector`, which was here) costs two
//! contended read-modify-writes for each. A thread without a P brings one G at a time, and pays a lock that
//! is free instead of a compare-and-swap. Nothing is done under the lock but to copy addresses, and now and
//! then to allocate a segment; under it only that of who is put off (`probes.rs`) is taken.
//!
//! The lock orders who puts and who gets, and shows the Gs. It does not order a look at the length, which
//! takes none: what Go's `sched.lock` gives there, the order of a push against a searcher's last look, comes
//! from full fences: a submitter fences between its push and its look for idle Ps (`wakep`), a searcher
//! between giving up its P and its look at this queue.

use std::collections::VecDeque;

use super::limits::{GLOBRUNQ_BATCH, GLOBRUNQ_SEGMENT};
use crate::g::raw::G;
use crate::primitives::padded::Padded;
use crate::primitives::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::primitives::sync::Mutex;

/// See the module's text.
pub(crate) struct Globrunq {
    gs: Padded<Mutex<Segments>>,
    /// Written under the lock.
    len: Padded<AtomicUsize>,
}

type Segment = Box<[Option<G>]>;

/// The Gs are in slots `head..` of the first segment to `..tail` of the last. A queue that has been long
/// gives its memory back as it gets shorter, and never copies what it holds.
struct Segments {
    segments: VecDeque<Segment>,
    head: usize,
    tail: usize,
    len: usize,
    /// The last one that was emptied.
    spare: Option<Segment>,
}

impl Segments {
    fn push(&mut self, g: G) {
        if self.tail == GLOBRUNQ_SEGMENT || self.segments.is_empty() {
            let segment =
                self.spare.take().unwrap_or_else(|| (0..GLOBRUNQ_SEGMENT).map(|_| None).collect());
            self.segments.push_back(segment);
            self.tail = 0;
        }
        if let Some(last) = self.segments.back_mut() {
            last[self.tail] = Some(g);
            self.tail += 1;
            self.len += 1;
        }
    }

    fn pop(&mut self) -> Option<G> {
        let g = self.segments.front_mut()?.get_mut(self.head)?.take()?;
        self.head += 1;
        self.len -= 1;
        if self.head == GLOBRUNQ_SEGMENT {
            self.spare = self.segments.pop_front();
            self.head = 0;
        } else if self.len == 0 {
            // The one segment that is left starts anew.
            self.head = 0;
            self.tail = 0;
        }
        Some(g)
    }
}

impl Globrunq {
    pub(crate) fn new() -> Globrunq {
        Globrunq {
            gs: Padded(Mutex::new(Segments {
                segments: VecDeque::new(),
                head: 0,
                tail: 0,
                len: 0,
                spare: None,
            })),
            len: Padded(AtomicUsize::new(0)),
        }
    }

    /// Appends one G. The caller then calls `wakep`.
    #[inline]
    pub(crate) fn put(&self, g: G) {
        self.put_all(std::iter::once(g));
    }

    /// Appends Gs, next to each other. The caller then calls `wakep`. The iterator runs under the lock but for
    /// its first step: where there is nothing to append, no lock is taken.
    #[inline]
    pub(crate) fn put_all(&self, mut from: impl Iterator<Item = G>) {
        let Some(first) = from.next() else { return };
        let mut gs = self.gs.lock();
        gs.push(first);
        from.for_each(|g| gs.push(g));
        // Relaxed: the callers' fences order it, see above.
        self.len.store(gs.len, Relaxed);
    }

    /// The oldest G.
    #[inline]
    pub(crate) fn get(&self) -> Option<G> {
        self.get_share(usize::MAX, 0, |_none| {})
    }

    /// A fair share for one of `procs` Ps, Go's `globrunqgetbatch`: the oldest G, and, through `others`, no
    /// more than `room` that come after it. `others` runs under the lock.
    #[inline]
    pub(crate) fn get_share(
        &self,
        procs: usize,
        room: usize,
        mut others: impl FnMut(G),
    ) -> Option<G> {
        // Nothing to take: no lock. As good as coming earlier.
        if self.is_empty() {
            return None;
        }
        let mut gs = self.gs.lock();
        let share = (gs.len / procs + 1).min(GLOBRUNQ_BATCH).min(gs.len);
        let first = gs.pop();
        for _ in 1..share.min(room.saturating_add(1)) {
            if let Some(g) = gs.pop() {
                others(g);
            }
        }
        // Relaxed: as in `put_all`.
        self.len.store(gs.len, Relaxed);
        first
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        // Relaxed: a hint, or ordered by the caller's fence.
        self.len.load(Relaxed)
    }
}
