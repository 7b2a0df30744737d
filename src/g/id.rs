//! Ids of Gs.

use std::fmt;
use std::num::NonZeroU64;

/// Names a task. Unique among the tasks of this process, and never used again.
///
/// The number (its `Display`) grows with the time of spawning on one worker, but not across workers,
/// which take ids in batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub(crate) NonZeroU64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Ids that one P takes from the process at a time. Go's `_GoidCacheBatch`.
pub(crate) const ID_BATCH: u64 = 16;

/// The next id that nobody has. std's atomic also under loom: ids carry no protocol.
static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);

/// The first id of a fresh batch of [`ID_BATCH`].
pub(crate) fn next_batch() -> u64 {
    // Relaxed: only the value has to be unique.
    NEXT.fetch_add(ID_BATCH, std::sync::atomic::Ordering::Relaxed)
}

/// One id, for a spawner without a P.
pub(crate) fn next_single() -> Id {
    // Relaxed: only the value has to be unique.
    let id = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    Id(NonZeroU64::new(id).expect("ids start at one"))
}
