//! Statistics of each task: when it was seen first, when it was queued, how often and how long it was
//! polled.
//!
//! They are kept beside the Gs, by id, in maps behind locks, and only while somebody asked for them
//! (`Builder::enable_task_statistics`, the latency histogram, `GMPDEBUG=tasks=1`). In the G's header they
//! would take 32 bytes of each G in every program, half as much again as it has now, and the clock would
//! be read for each poll; a field that only some builds have would be a second layout to test. A map costs
//! a program that is watched some 50 ns per poll, and others nothing. 64 maps, so that Ps rarely meet.
//!
//! An entry is made when a G is queued the first time, and goes when a poll ends in its end. Gs that are
//! dropped by the shutdown leave theirs to be dropped with the maps.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::g::id::Id;
use crate::primitives::padded::Padded;

/// How many maps. A power of two.
const MAPS: usize = 64;

/// Ids are small consecutive numbers: multiplied by an odd constant they spread over the word.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0 ^ n).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 ^= self.0 >> 32;
    }
}

/// What is known of a task.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TaskStats {
    /// ns: when it was queued first, at its spawning.
    pub(crate) born: u64,
    /// ns: when it was queued for the poll to come; 0 if it is not.
    queued: u64,
    /// ns: when its last poll began; 0 before the first.
    pub(crate) last_poll: u64,
    pub(crate) polls: u64,
    pub(crate) longest_ns: u64,
    pub(crate) total_ns: u64,
}

type Map = HashMap<u64, TaskStats, BuildHasherDefault<IdHasher>>;

/// See the module's text.
pub(crate) struct Tasks {
    /// Made with the first entry.
    maps: OnceLock<Box<[Padded<Mutex<Map>>]>>,
}

impl Tasks {
    pub(super) fn new() -> Tasks {
        Tasks { maps: OnceLock::new() }
    }

    fn map(&self, id: Id) -> MutexGuard<'_, Map> {
        let maps = self.maps.get_or_init(|| (0..MAPS).map(|_| Padded(Mutex::default())).collect());
        lock(&maps[id.0.get() as usize % MAPS])
    }

    /// It goes into a queue. Moving it on from queue to queue changes nothing.
    pub(super) fn queued(&self, id: Id, now: u64) {
        let mut map = self.map(id);
        let stats = map.entry(id.0.get()).or_insert(TaskStats { born: now, ..Default::default() });
        if stats.queued == 0 {
            stats.queued = now.max(1);
        }
    }

    /// A poll begins. Answers when it was queued for it.
    pub(super) fn begin(&self, id: Id, now: u64) -> Option<u64> {
        let mut map = self.map(id);
        let stats = map.get_mut(&id.0.get())?;
        stats.last_poll = now.max(1);
        let queued = std::mem::take(&mut stats.queued);
        (queued != 0).then_some(queued)
    }

    /// A poll has ended, and the task with it if `done`.
    pub(super) fn end(&self, id: Id, ns: u64, done: bool) {
        let mut map = self.map(id);
        if done {
            map.remove(&id.0.get());
            return;
        }
        // It may have been woken, polled by another M, and have ended meanwhile: then nothing is entered.
        let Some(stats) = map.get_mut(&id.0.get()) else { return };
        stats.polls += 1;
        stats.longest_ns = stats.longest_ns.max(ns);
        stats.total_ns = stats.total_ns.saturating_add(ns);
    }

    /// What is known of one.
    pub(super) fn get(&self, id: Id) -> Option<TaskStats> {
        let maps = self.maps.get()?;
        lock(&maps[id.0.get() as usize % MAPS]).get(&id.0.get()).copied()
    }
}

/// Nothing panics under these locks but the allocator; statistics survive that.
fn lock(map: &Mutex<Map>) -> MutexGuard<'_, Map> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use crate::g::id::next_single;

    fn len(tasks: &Tasks) -> usize {
        tasks.maps.get().map_or(0, |maps| maps.iter().map(|map| lock(map).len()).sum())
    }

    #[test]
    fn a_life() {
        let tasks = Tasks::new();
        let id = next_single();
        assert!(tasks.get(id).is_none());
        tasks.queued(id, 10);
        tasks.queued(id, 11);
        assert_eq!(tasks.begin(id, 20), Some(10), "moving between queues keeps the first time");
        tasks.end(id, 5, false);
        assert_eq!(tasks.begin(id, 30), None, "not queued in between, as far as we were told");
        tasks.end(id, 3, false);
        let stats = tasks.get(id).unwrap();
        assert_eq!((stats.born, stats.polls, stats.longest_ns, stats.total_ns), (10, 2, 5, 8));
        tasks.begin(id, 40);
        tasks.end(id, 1, true);
        tasks.end(id, 1, false);
        assert_eq!(len(&tasks), 0, "the dead are forgotten");
    }

    #[test]
    fn entries_spread_over_the_maps() {
        let tasks = Tasks::new();
        for _ in 0..1000 {
            tasks.queued(next_single(), 1);
        }
        let most = tasks.maps.get().unwrap().iter().map(|map| lock(map).len()).max();
        assert_eq!(len(&tasks), 1000);
        assert!(most < Some(200), "{most:?}");
    }
}
