//! Watching the scheduler: schedtrace, dumps, long polls, histograms, the event trace. In every build.
//!
//! **What it costs when off.** One word, [`Observer::flags`], says what is on. It is zero in a runtime that
//! nobody watches; `run_g` (once per poll) and `observe_queued` (once per queueing) load it and go on. It
//! lies on a line that is otherwise only read. Neither reads the clock. All the rest of this folder is
//! behind that branch, in functions that are not inlined, or is called by somebody who asked: `dump` walks
//! the all-G list, `metrics` reads counters.
//!
//! **What it costs when on.** With any flag two looks at the clock per poll. Task statistics and latencies
//! add a lock of one of 64 maps per queueing and twice per poll (`tasks.rs` says why they are not in the
//! G's header). The trace adds an entry into a ring of the thread's own.
//!
//! Protocol of a watched poll (`run_observed`):
//!
//! 1. The start is noted in the shell ([`PObserver`]), with the shell's tick, which is odd. Who reads it
//!    (sysmon, a dump, the end of a trace) takes it as going on while that is still the shell's tick.
//! 2. The G is polled. It may give the shell away: then the shell's tick moves, which says so.
//! 3. Flags are read again, since they may have changed, and the poll is entered wherever it belongs: the
//!    histogram and the long polls only if it kept its shell (a poll that gave it away holds nobody up).
//!
//! Hooks and lines on stderr come last, outside of any lock, while the shell's tick still says "in a poll":
//! should a hook block, sysmon sees it as a poll that lasts.

pub(crate) mod debug;
pub(crate) mod dump;
pub(crate) mod histogram;
pub(crate) mod longpoll;
pub(crate) mod schedtrace;
pub(crate) mod tasks;
pub(crate) mod trace;

use std::io::Write;
use std::panic::Location;
// std's types also under loom: nothing here carries a protocol of the scheduler, and the models, which
// watch nothing, would only have more objects to keep.
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::p::{Shell, P};
use super::sched::Sched;
use crate::g::raw::G;
use crate::g::run::Ran;
use debug::Debug;
use histogram::Histogram;
use longpoll::{LongPollHook, LongPolls};
use tasks::Tasks;
use trace::Tracing;

/// A trace is running.
pub(super) const TRACE: u32 = 1;
/// Poll times go into histograms.
const POLL_TIMES: u32 = 1 << 1;
/// So do the times from being queued to being polled.
const LATENCIES: u32 = 1 << 2;
/// Long polls are reported.
const LONG_POLLS: u32 = 1 << 3;
/// Each task's polls are counted and timed.
const TASKS: u32 = 1 << 4;
/// Not for whoever watches, but it lies on the way: Gs are known that are polled aside (`hogs.rs`).
pub(super) const HOGS: u32 = 1 << 5;
/// What needs to know when a G is queued.
const QUEUED: u32 = LATENCIES | TASKS;

/// What the builder and the environment asked for.
#[derive(Clone, Default)]
pub(crate) struct ObserveConfig {
    pub(crate) debug: Debug,
    pub(crate) poll_times: bool,
    pub(crate) latencies: bool,
    pub(crate) tasks: bool,
    pub(crate) on_long_poll: Option<(Duration, LongPollHook)>,
}

/// The scheduler's part. On lines of its own, see the module's text.
pub(crate) struct Observer {
    flags: AtomicU32,
    pub(super) tracing: Tracing,
    pub(super) tasks: Tasks,
    long_polls: LongPolls,
    /// When (ns) the next line of schedtrace is due.
    next_line: AtomicU64,
}

impl Observer {
    pub(crate) fn new(config: &ObserveConfig) -> Observer {
        let long = config.debug.longpoll.is_some() || config.on_long_poll.is_some();
        let flags = [
            (config.poll_times, POLL_TIMES),
            (config.latencies, LATENCIES),
            (long, LONG_POLLS),
            (config.tasks || config.debug.tasks, TASKS),
        ];
        let flags = flags.iter().filter(|(on, _)| *on).fold(0, |all, (_, flag)| all | flag);
        let observer = Observer {
            flags: AtomicU32::new(flags),
            tracing: Tracing::new(),
            tasks: Tasks::new(),
            long_polls: LongPolls::new(config),
            next_line: AtomicU64::new(0),
        };
        if let Some(path) = &config.debug.trace {
            observer.trace_from_start(path.clone());
        }
        observer
    }

    /// What is on.
    #[inline(always)]
    pub(super) fn flags(&self) -> u32 {
        // Relaxed: a poll more or less is watched.
        self.flags.load(Relaxed)
    }

    pub(super) fn set(&self, flag: u32, on: bool) {
        // Relaxed: as above; what a trace needs besides is behind its own lock.
        if on {
            self.flags.fetch_or(flag, Relaxed);
        } else {
            self.flags.fetch_and(!flag, Relaxed);
        }
    }

    pub(crate) fn poll_times_on(&self) -> bool {
        self.flags() & POLL_TIMES != 0
    }

    pub(crate) fn latencies_on(&self) -> bool {
        self.flags() & LATENCIES != 0
    }

    pub(crate) fn tasks_on(&self) -> bool {
        self.flags() & TASKS != 0
    }
}

/// A shell's part: what it is polling, while somebody watches, and its histograms.
pub(crate) struct PObserver {
    /// The last watched poll; see [`P::polling`]. A lock that only readers of pictures contend for.
    polling: Mutex<Option<Polling>>,
    /// The tick of the last poll that was reported while it went on. sysmon's.
    reported: AtomicU64,
    pub(crate) poll_times: Histogram,
    pub(crate) latencies: Histogram,
}

/// A poll that goes on.
#[derive(Clone, Copy)]
pub(super) struct Polling {
    pub(super) site: &'static Location<'static>,
    pub(super) id: u64,
    /// ns.
    pub(super) since: u64,
    /// The shell's tick during it.
    pub(super) tick: u64,
}

impl PObserver {
    pub(super) fn new() -> Box<PObserver> {
        Box::new(PObserver {
            polling: Mutex::new(None),
            reported: AtomicU64::new(0),
            poll_times: Histogram::new(),
            latencies: Histogram::new(),
        })
    }

    fn last(&self) -> MutexGuard<'_, Option<Polling>> {
        // Nothing panics under it.
        self.polling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl P {
    /// The watched poll that goes on here, if there is one.
    pub(super) fn polling(&self) -> Option<Polling> {
        let polling = (*self.observe.last())?;
        // Relaxed: the lock showed us the tick that was stored before the entry, or a later one. The same
        // one: that poll goes on, or did a moment ago.
        (self.tick.load(Relaxed) == polling.tick).then_some(polling)
    }
}

impl Sched {
    /// Polls a G, under the eyes of whoever watches.
    #[inline(always)]
    pub(super) fn run_g(&self, shell: Shell<'_>, g: G) -> Ran {
        if self.observe.flags() & !HOGS == 0 {
            g.run()
        } else {
            self.run_observed(shell, g)
        }
    }

    #[cold]
    #[inline(never)]
    fn run_observed(&self, shell: Shell<'_>, g: G) -> Ran {
        let p = shell.p();
        let (id, site) = (g.header().id, g.header().spawned_at);
        let start = self.now();
        // Relaxed: our own shell's.
        let tick = p.tick.load(Relaxed);
        *p.observe.last() = Some(Polling { site, id: id.0.get(), since: start, tick });
        let flags = self.observe.flags();
        if flags & QUEUED != 0 {
            let queued = self.observe.tasks.begin(id, start);
            if let (Some(queued), true) = (queued, flags & LATENCIES != 0) {
                p.observe.latencies.add(start.saturating_sub(queued));
            }
        }
        let gave_away = trace::begin_poll();

        let ran = g.run();

        let end = self.now();
        let ns = end.saturating_sub(start);
        // Relaxed: it moved if this poll gave the shell away, by this thread's own doing.
        let kept = p.tick.load(Relaxed) == tick;
        // Again: somebody may have begun to watch, or stopped.
        let flags = self.observe.flags();
        if flags & QUEUED != 0 {
            self.observe.tasks.end(id, ns, matches!(ran, Ran::Done));
        }
        if flags & TRACE != 0 {
            self.trace_poll(p, trace::Slice { site, id: id.0.get(), start, end, kept });
        }
        trace::end_poll(gave_away);
        if kept {
            self.stats.longest_poll.raise(ns);
            if flags & POLL_TIMES != 0 {
                p.observe.poll_times.add(ns);
            }
            if flags & LONG_POLLS != 0 {
                self.observe.long_polls.finished(&self.stats, end, id, site, ns);
            }
        }
        ran
    }

    /// Polls a G without a shell. In a trace it is in the row of the thread.
    pub(super) fn run_g_aside(&self, g: G) -> Ran {
        let (id, site) = (g.header().id, g.header().spawned_at);
        let start = self.now();
        if self.observe.flags() & QUEUED != 0 {
            self.observe.tasks.begin(id, start);
        }
        self.begin_aside(site, id.0.get(), start);
        let ran = g.run();
        let end = self.now();
        let ns = end.saturating_sub(start);
        let flags = self.observe.flags();
        let slice = trace::Slice { site, id: id.0.get(), start, end, kept: false };
        self.end_aside(slice, flags & TRACE != 0);
        if flags & QUEUED != 0 {
            self.observe.tasks.end(id, ns, matches!(ran, Ran::Done));
        }
        if flags & !HOGS != 0 {
            self.stats.longest_poll.raise(ns);
        }
        if flags & LONG_POLLS != 0 {
            self.observe.long_polls.finished(&self.stats, end, id, site, ns);
        }
        ran
    }

    /// A G was made Runnable and is about to be queued.
    #[inline(always)]
    pub(super) fn observe_queued(&self, g: &G) {
        if self.observe.flags() & QUEUED != 0 {
            self.note_queued(g);
        }
    }

    #[cold]
    #[inline(never)]
    fn note_queued(&self, g: &G) {
        self.observe.tasks.queued(g.header().id, self.now());
    }

    /// sysmon's part, once per round: lines of schedtrace that are due, long polls that go on. Answers how
    /// long it may sleep at most; `None`: as long as it likes.
    pub(super) fn observe_round(&self) -> Option<Duration> {
        if self.observe.flags() & LONG_POLLS != 0 {
            let now = self.now();
            for p in self.shells() {
                self.observe.long_polls.going_on(p, now);
            }
        }
        self.schedtrace_due()
    }

    /// current_thread has no sysmon: the driver does its part before it sleeps, no longer than until the next
    /// line is due.
    pub(super) fn observe_bound(&self, timeout: Option<Duration>) -> Option<Duration> {
        match self.schedtrace_due() {
            None => timeout,
            Some(most) => Some(timeout.map_or(most, |timeout| timeout.min(most))),
        }
    }

    /// Must sysmon run from the beginning, although nobody has left it anything?
    pub(super) fn observe_from_start(&self) -> bool {
        self.config.observe.debug.schedtrace.is_some()
    }
}

/// A line on stderr. Not `eprintln!`: a closed stderr is no reason to panic. One write, so that lines of
/// several threads do not mix.
pub(super) fn say(line: &str) {
    let _closed = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}
