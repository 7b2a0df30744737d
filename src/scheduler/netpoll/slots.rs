//! The table from tokens to sources.
//!
//! A token is an index into a slab and, above it, a generation that is new for every registration. An
//! event whose generation is not the entry's was meant for somebody before: the source was deregistered
//! while the event was in flight, or its fd lives on in a duplicate. It is dropped. Should a generation
//! ever come round again within one batch of events, the worst is one look for nothing: readiness is
//! always a hint.

use slab::Slab;

use super::source::ScheduledIo;
use crate::primitives::sync::{broken, Arc};

/// Bits of the index: 2^32 sources where a word has 64 bits, 2^20 where it has 32.
const INDEX_BITS: u32 = if usize::BITS == 64 { 32 } else { 20 };
const INDEX_MASK: usize = (1 << INDEX_BITS) - 1;
/// The highest bit stays zero, so that no source gets one of the poller's own tokens.
const GENERATION_MASK: usize = (1 << (usize::BITS - INDEX_BITS - 1)) - 1;

/// The table is full or closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Full,
    Shutdown,
}

/// See the module's text. Lives behind a lock.
#[derive(Debug)]
pub(super) struct Slots {
    slab: Slab<Arc<ScheduledIo>>,
    generation: usize,
    shutdown: bool,
}

impl Slots {
    pub(super) fn new() -> Slots {
        Slots { slab: Slab::new(), generation: 0, shutdown: false }
    }

    /// Makes a source and gives it a token.
    pub(super) fn insert(&mut self) -> Result<Arc<ScheduledIo>, Refused> {
        if self.shutdown {
            return Err(Refused::Shutdown);
        }
        let entry = self.slab.vacant_entry();
        if entry.key() > INDEX_MASK {
            return Err(Refused::Full);
        }
        self.generation = self.generation.wrapping_add(1) & GENERATION_MASK;
        let token = self.generation << INDEX_BITS | entry.key();
        let io = Arc::new(ScheduledIo::new(token));
        entry.insert(io.clone());
        Ok(io)
    }

    /// The source with exactly this token.
    pub(super) fn get(&self, token: usize) -> Option<&Arc<ScheduledIo>> {
        let io = self.slab.get(token & INDEX_MASK)?;
        (io.token() == token || broken("slots_ignore_generation")).then_some(io)
    }

    /// Takes a source out. The caller drops it outside of the lock. None after `shutdown`.
    #[must_use = "drop it outside of the lock"]
    pub(super) fn remove(&mut self, token: usize) -> Option<Arc<ScheduledIo>> {
        self.get(token)?;
        self.slab.try_remove(token & INDEX_MASK)
    }

    /// Closes the table and hands all sources out, to be told outside of the lock.
    #[must_use = "every source must be told"]
    pub(super) fn shutdown(&mut self) -> Slab<Arc<ScheduledIo>> {
        self.shutdown = true;
        std::mem::take(&mut self.slab)
    }

    /// All sources.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<ScheduledIo>> {
        self.slab.iter().map(|(_, io)| io)
    }

    pub(super) fn len(&self) -> usize {
        self.slab.len()
    }
}
