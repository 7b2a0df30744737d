//! Gs whose polls last, time and again.
//!
//! The problem: a poll that lasts holds its permit until sysmon takes it, a few milliseconds for one that
//! blocks, a slice for one that computes. A task that does so in each poll does so in the next one too. A
//! handful of them keeps every permit in use much of the time; and each that lost its permit and still
//! computes is one thread more that competes for the CPUs, with sysmon and with those who serve the rest.
//!
//! Protocol.
//!
//! 1. **Learn**: an M that finds, at the end of a poll, that its permit was taken enters the G's id, with
//!    the reason.
//! 2. **Step aside**: who is about to poll such a G first hands its P over, as for a system call, and polls
//!    without one. At most so many at a time: of those that compute as many as there are Ps, which is what
//!    CPUs there are; of those that block as many as may lose their permits, four for each P. The others
//!    wait in line; who leaves puts the first of them back into the global queue.
//! 3. **Forget**: a poll that was short after all, or the last; ten seconds without one that lasted. And
//!    sysmon forgets one that has waited in line for long: those that run may never come back, and a permit
//!    for a while is better than nothing.
//!
//! Each poll looks at one flag, among those of `observe`, and, while it is set, at a filter of what is known.
//!
//! What it changes for such a G: it has no shell while it is polled, so what it readies goes through the
//! global queue; `block_in_place` in it has nothing to hand over.

use std::collections::VecDeque;
use std::time::Instant;

use super::limits::{HOGS_KNOWN, HOG_MEMORY, HOG_PATIENCE};
use super::observe::trace::Event;
use super::observe::{Observer, HOGS};
use super::p::Shell;
use super::sched::Sched;
use crate::g::coop;
use crate::g::id::Id;
use crate::g::raw::G;
use crate::g::run::Ran;
use crate::primitives::padded::Padded;
use crate::primitives::sync::Mutex;
// std's also under loom: a filter that is out of date polls a G the wrong way once.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Why a poll lasted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Blocks,
    Computes,
}

/// See the module's text.
pub(super) struct Hogs {
    /// For each known id the bit of its last six bits: who is not in here is not known. Written under the
    /// lock.
    filter: Padded<AtomicU64>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// A few at most, or a program has other problems.
    hogs: VecDeque<Entry>,
    lines: [Line; 2],
}

/// A known G.
struct Entry {
    id: Id,
    why: Why,
    /// Its last poll that lasted.
    at: Instant,
}

/// Those of one kind.
#[derive(Default)]
struct Line {
    running: usize,
    waiting: VecDeque<(G, Instant)>,
}

impl Known {
    fn line(&mut self, why: Why) -> &mut Line {
        &mut self.lines[usize::from(why == Why::Computes)]
    }

    fn why(&self, id: Id) -> Option<Why> {
        self.hogs.iter().find(|hog| hog.id == id).map(|hog| hog.why)
    }

    fn forget(&mut self, id: Id) {
        self.hogs.retain(|hog| hog.id != id);
    }
}

/// What to do with a G that is next.
pub(super) enum Hog {
    /// Poll it as any other.
    No(G),
    /// Poll it without a permit.
    Aside(G, Why),
    /// It waits in line: poll another.
    Later,
}

impl Hogs {
    pub(super) fn new() -> Hogs {
        Hogs { filter: Padded(AtomicU64::new(0)), known: Mutex::new(Known::default()) }
    }

    /// May it be one?
    fn maybe(&self, id: Id) -> bool {
        // Relaxed: a hint.
        self.filter.load(Relaxed) & bit(id) != 0
    }

    /// Is any G known for its long polls?
    #[cfg(feature = "deterministic")]
    pub(super) fn any(&self) -> bool {
        // Relaxed: a hint.
        self.filter.load(Relaxed) != 0
    }

    /// After a change of what is known, under the lock.
    fn refilter(&self, known: &Known, observer: &Observer) {
        self.filter.store(known.hogs.iter().fold(0, |bits, hog| bits | bit(hog.id)), Relaxed);
        observer.set(HOGS, !known.hogs.is_empty());
    }
}

fn bit(id: Id) -> u64 {
    1 << (id.0.get() % 64)
}

impl Sched {
    /// Step 1.
    #[cold]
    pub(super) fn learn_hog(&self, id: Id, why: Why) {
        let mut known = self.hogs.known.lock();
        known.forget(id);
        if known.hogs.len() == HOGS_KNOWN {
            known.hogs.pop_front();
        }
        known.hogs.push_back(Entry { id, why, at: self.clock_now() });
        self.hogs.refilter(&known, &self.observe);
    }

    /// Is any known? Once per poll, and the flags are loaded there anyway.
    #[inline(always)]
    pub(super) fn knows_hogs(&self) -> bool {
        self.observe.flags() & HOGS != 0
    }

    /// Step 2, for the G that is next.
    pub(super) fn hog(&self, g: G) -> Hog {
        if !self.hogs.maybe(g.header().id) || !self.has_m_for_p() {
            return Hog::No(g);
        }
        let mut known = self.hogs.known.lock();
        let Some(why) = known.why(g.header().id) else { return Hog::No(g) };
        let most = match why {
            Why::Computes => self.procs(),
            Why::Blocks => self.max_extra(),
        };
        let line = known.line(why);
        if line.running >= most {
            line.waiting.push_back((g, self.clock_now()));
            return Hog::Later;
        }
        line.running += 1;
        Hog::Aside(g, why)
    }

    /// Is there an M for the P that is handed over, or may one be made? Not if that failed the last time.
    fn has_m_for_p(&self) -> bool {
        let locked = self.lock.lock();
        // Relaxed: written under the lock.
        self.has_m(&locked) && (!locked.midle.is_empty() || !self.no_threads.load(Relaxed))
    }

    /// Polls it without a permit. This M has no P then, unless one is idle.
    #[cold]
    pub(super) fn run_aside(&self, shell: Shell<'_>, g: G, why: Why) {
        shell.stats.polls.add(1);
        self.stats.set_aside.add(1);
        let id = g.header().id;
        self.trace(Event::Handoff);
        self.end_probes(shell);
        let p = self.releasep(shell);
        self.handoffp(p);
        let start = self.clock_now();
        let ran = {
            let _budget = coop::enter(None);
            self.run_g_aside(g)
        };
        let policy = &self.config.retake;
        let short = match why {
            Why::Blocks => policy.blocked_after,
            Why::Computes => policy.computing_after,
        };
        let end = self.clock_now();
        let next = {
            let mut known = self.hogs.known.lock();
            if end - start < short / 2 || matches!(ran, Ran::Done) {
                known.forget(id);
                self.hogs.refilter(&known, &self.observe);
            } else if let Some(hog) = known.hogs.iter_mut().find(|hog| hog.id == id) {
                hog.at = end;
            }
            let line = known.line(why);
            line.running -= 1;
            line.waiting.pop_front()
        };
        if let Some((next, _)) = next {
            self.inject(next);
        }
        if let Ran::Woken(g) = ran {
            self.inject(g);
        }
        self.exitsyscall(false);
    }

    /// Step 3, for those that were seen last long ago, and one that has waited too long; sysmon's. True:
    /// there was such a one.
    pub(super) fn release_hogs(&self, now: Instant) -> bool {
        // Relaxed: a hint. Nobody waits in line who is not known.
        if self.hogs.filter.load(Relaxed) == 0 {
            return false;
        }
        let mut known = self.hogs.known.lock();
        let is_late = |line: &&mut Line| {
            let first = line.waiting.front();
            first.is_some_and(|(_, since)| now.saturating_duration_since(*since) >= HOG_PATIENCE)
        };
        let late = known.lines.iter_mut().find(is_late).and_then(|line| line.waiting.pop_front());
        if let Some((g, _)) = &late {
            known.forget(g.header().id);
        }
        let waiting = known.lines.iter().any(|line| !line.waiting.is_empty());
        if !waiting {
            known.hogs.retain(|hog| now.saturating_duration_since(hog.at) < HOG_MEMORY);
        }
        self.hogs.refilter(&known, &self.observe);
        drop(known);
        late.map(|(g, _)| self.inject(g)).is_some()
    }

    /// Gives up the references of those that wait in line: the scheduler is closed, and the all-G list has
    /// them.
    pub(super) fn drop_hogs(&self) {
        let waiting: Vec<_> = {
            let mut known = self.hogs.known.lock();
            known.lines.iter_mut().flat_map(|line| line.waiting.drain(..)).collect()
        };
        drop(waiting);
    }
}
