//! The event trace: what the scheduler did, for a picture.
//!
//! While a trace runs each thread that has something to tell writes into a ring of its own, which it finds
//! through a thread local; the oldest entries give way to new ones and are counted. `stop_trace` closes the
//! rings, takes what is in them and sorts it by time.
//!
//! A ring is a deque behind a lock that nobody but its thread takes until the end: an uncontended lock
//! costs less than the look at the clock before it, and needs neither a protocol nor a model. (A ring of
//! atomic slots would need one: a reader that copies while the owner goes round sees torn entries.) Locks
//! are never nested: the session's list of rings is locked only to enter or to collect, without a ring's
//! lock held; and `Sched::trace` is called without `sched.lock`.
//!
//! Time is the scheduler's clock, read before the lock, on the thread that acts. So entries of one thread
//! are in order, and those of one shell too: a shell changes hands by a release and an acquire, and the
//! clock does not step back.
//!
//! Rows: a shell has one, a thread has one. A poll is a slice in the row of its shell. If it gives the
//! shell away (`block_in_place`), its slice there ends with that, since the next owner's polls follow; the
//! rest of it, which has no P, is a slice in the row of the thread, and so is a poll that never had one
//! (`hogs.rs`). Hence slices of one row never overlap.

mod aside;
mod json;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::panic::Location;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread, ThreadId};
use std::time::Duration;

use super::super::context;
use super::super::p::P;
use super::super::sched::Sched;
use super::{Observer, TRACE};
use aside::{Aside, Asides};

/// Entries of a ring unless the caller says otherwise: 3 MiB if it is full, which takes a thread with
/// short polls some 10 ms, and one with polls of a millisecond a minute. A guess.
const EVENTS: usize = 1 << 16;

/// The most: 1 GiB or so for each thread.
const MAX_EVENTS: usize = 1 << 24;

/// What happened. In the row of this thread's shell, or, if it has none, of the thread; where a `p` is
/// named, in the row of that shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Gs were taken out of another shell's queue.
    Steal { from: u32 },
    /// The shell is given away from inside a poll.
    Handoff,
    /// The permit is given up for want of work.
    Park { p: u32 },
    /// A permit was taken up.
    Unpark,
    /// The permit was taken from a poll that lasts.
    Retake { p: u32 },
    /// A mark was taken off again, because the poll had ended.
    Unmark { p: u32 },
    /// What was in the shell of such a poll was moved to where others find it.
    Drain { p: u32, gs: u32 },
    /// A thread that had lost its permit got one again.
    Regain,
    /// A thread that had lost its permit got none, and retires its shell.
    Retire,
    /// An M was woken to look for work.
    Wakep,
    /// The poller brought so many wake-ups.
    Netpoll { ready: u32 },
}

/// How much a trace may hold; for [`Handle::start_trace`](crate::runtime::Handle::start_trace).
///
/// ```
/// let config = gmp::runtime::TraceConfig::new().events_per_thread(10_000);
/// ```
#[derive(Clone, Debug)]
pub struct TraceConfig {
    events: usize,
}

impl TraceConfig {
    /// 65536 events for each thread.
    pub fn new() -> TraceConfig {
        TraceConfig { events: EVENTS }
    }

    /// How many events are kept for each thread, the latest ones. They take about 50 bytes each, as they
    /// come. From 1 to 2^24; `start_trace` refuses others.
    pub fn events_per_thread(mut self, events: usize) -> TraceConfig {
        self.events = events;
        self
    }
}

impl Default for TraceConfig {
    fn default() -> Self {
        TraceConfig::new()
    }
}

/// A poll that has ended.
#[derive(Clone, Copy)]
pub(super) struct Slice {
    pub(super) site: &'static Location<'static>,
    pub(super) id: u64,
    pub(super) start: u64,
    pub(super) end: u64,
    /// Did it keep its shell?
    pub(super) kept: bool,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Event(Event),
    Poll { site: &'static Location<'static>, id: u64, ns: u64, goes_on: bool },
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: u64,
    /// `None`: the row of the thread.
    p: Option<u32>,
    what: What,
}

impl Entry {
    fn is_poll(&self) -> bool {
        matches!(self.what, What::Poll { .. })
    }
}

#[derive(Default)]
struct Entries {
    entries: VecDeque<Entry>,
    dropped: u64,
    closed: bool,
}

struct Ring {
    name: String,
    most: usize,
    entries: Mutex<Entries>,
}

impl Ring {
    fn push(&self, entry: Entry) {
        let mut ring = lock(&self.entries);
        if ring.closed {
            return;
        }
        if ring.entries.len() >= self.most {
            ring.entries.pop_front();
            ring.dropped += 1;
        }
        ring.entries.push_back(entry);
    }
}

struct Session {
    number: u64,
    start: u64,
    most: usize,
    /// `GMPDEBUG=trace=file`.
    file: Option<PathBuf>,
    rings: Mutex<Vec<(ThreadId, Arc<Ring>)>>,
}

impl Session {
    fn new(start: u64, most: usize, file: Option<PathBuf>) -> Arc<Session> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        // Relaxed: only the value has to be unique.
        let number = NUMBER.fetch_add(1, Relaxed);
        Arc::new(Session { number, start, most, file, rings: Mutex::default() })
    }

    /// This thread's ring.
    fn ring(&self) -> Arc<Ring> {
        let me = thread::current();
        let mut rings = lock(&self.rings);
        if let Some((_, ring)) = rings.iter().find(|(id, _)| *id == me.id()) {
            return ring.clone();
        }
        let name = row_name(&me, rings.len());
        let ring = Arc::new(Ring { name, most: self.most, entries: Mutex::default() });
        rings.push((me.id(), ring.clone()));
        ring
    }
}

/// Names of threads are not unique.
fn row_name(thread: &Thread, number: usize) -> String {
    format!("{} {number}", thread.name().unwrap_or("thread"))
}

/// The scheduler's part.
pub(crate) struct Tracing {
    session: Mutex<Option<Arc<Session>>>,
    /// The number of the session that runs.
    current: AtomicU64,
    asides: Asides,
}

impl Tracing {
    pub(super) fn new() -> Tracing {
        Tracing { session: Mutex::new(None), current: AtomicU64::new(0), asides: Asides::default() }
    }
}

thread_local! {
    /// The ring that this thread wrote into last, with the number of its session.
    static RING: RefCell<Option<(u64, Arc<Ring>)>> = const { RefCell::new(None) };
    /// When (ns) the poll on this thread first gave its shell away; 0: it has not.
    static GAVE_AWAY: Cell<u64> = const { Cell::new(0) };
}

/// Before a poll; the answer is for [`end_poll`]. Polls nest, through `block_in_place`.
pub(super) fn begin_poll() -> u64 {
    GAVE_AWAY.with(|at| at.replace(0))
}

/// After it.
pub(super) fn end_poll(outer: u64) {
    GAVE_AWAY.with(|at| at.set(outer));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Observer {
    /// For a scheduler that is being made.
    pub(super) fn trace_from_start(&self, file: PathBuf) {
        let began = self.begin_session(Session::new(0, EVENTS, Some(file)));
        debug_assert!(began, "trace_from_start: a trace before the start");
    }

    /// False: one runs already.
    fn begin_session(&self, session: Arc<Session>) -> bool {
        let mut running = lock(&self.tracing.session);
        if running.is_some() {
            return false;
        }
        // Relaxed: a thread that sees the flag before the number looks at the session itself.
        self.tracing.current.store(session.number, Relaxed);
        *running = Some(session);
        self.set(TRACE, true);
        true
    }

    /// Calls `f` with this thread's ring in the session that runs.
    fn with_ring(&self, f: impl FnOnce(&Ring)) {
        let current = self.tracing.current.load(Relaxed);
        // An error: the thread is ending and its locals are gone. Nothing is traced there.
        let _ = RING.try_with(|cached| {
            let mut cached = cached.borrow_mut();
            if let Some((number, ring)) = &*cached {
                if *number == current {
                    return f(ring);
                }
            }
            let Some(session) = lock(&self.tracing.session).clone() else { return };
            let ring = session.ring();
            f(&ring);
            *cached = Some((session.number, ring));
        });
    }
}

impl Sched {
    /// Enters an event into the trace, if one runs. Not under `sched.lock`.
    #[inline(always)]
    pub(crate) fn trace(&self, event: Event) {
        if self.observe.flags() & TRACE != 0 {
            self.trace_event(event);
        }
    }

    #[cold]
    #[inline(never)]
    fn trace_event(&self, event: Event) {
        let at = self.now();
        let p = match event {
            Event::Park { p }
            | Event::Retake { p }
            | Event::Unmark { p }
            | Event::Drain { p, .. } => Some(p),
            _ => context::shell_of(self).map(|shell| shell.id),
        };
        if event == Event::Handoff {
            let _ = GAVE_AWAY.try_with(|gave| {
                if gave.get() == 0 {
                    gave.set(at.max(1));
                }
            });
        }
        self.observe.with_ring(|ring| ring.push(Entry { at, p, what: What::Event(event) }));
    }

    /// Enters a poll that has ended.
    pub(super) fn trace_poll(&self, p: &P, slice: Slice) {
        let Slice { site, id, start, end, kept } = slice;
        let part = |p, from: u64, to: u64| {
            let what = What::Poll { site, id, ns: to.saturating_sub(from), goes_on: false };
            Entry { at: from, p, what }
        };
        let gave_away = GAVE_AWAY.with(Cell::get);
        self.observe.with_ring(|ring| {
            if kept {
                ring.push(part(Some(p.id), start, end));
            } else if gave_away >= start {
                ring.push(part(Some(p.id), start, gave_away));
                ring.push(part(None, gave_away, end));
            } else {
                // It gave the shell away before the trace began.
                ring.push(part(None, start, end));
            }
        });
    }

    /// A poll without a shell begins.
    pub(super) fn begin_aside(&self, site: &'static Location<'static>, id: u64, start: u64) {
        self.observe.tracing.asides.enter(site, id, start);
    }

    /// It has ended; `traced` if it is to be entered.
    pub(super) fn end_aside(&self, slice: Slice, traced: bool) {
        let Slice { site, id, start, end, .. } = slice;
        if traced {
            let what = What::Poll { site, id, ns: end.saturating_sub(start), goes_on: false };
            self.observe.with_ring(|ring| ring.push(Entry { at: start, p: None, what }));
        }
        self.observe.tracing.asides.leave(id);
    }

    /// See [`Handle::start_trace`](crate::runtime::Handle::start_trace).
    pub(crate) fn start_trace(&self, config: &TraceConfig) -> io::Result<()> {
        if !(1..=MAX_EVENTS).contains(&config.events) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("events_per_thread is {}; accepted: 1 to {MAX_EVENTS}", config.events),
            ));
        }
        if !self.observe.begin_session(Session::new(self.now(), config.events, None)) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a trace is running already"));
        }
        Ok(())
    }

    /// See [`Handle::stop_trace`](crate::runtime::Handle::stop_trace).
    pub(crate) fn stop_trace(&self) -> Option<Trace> {
        let session = {
            let mut running = lock(&self.observe.tracing.session);
            let session = running.take()?;
            self.observe.set(TRACE, false);
            session
        };
        let trace = self.collect(&session);
        if let Some(path) = &session.file {
            write_file(&trace, path);
        }
        Some(trace)
    }

    /// The scheduler has ended, or does not wait for who goes on.
    pub(crate) fn trace_at_end(&self) {
        let from_environment =
            lock(&self.observe.tracing.session).as_ref().is_some_and(|s| s.file.is_some());
        if from_environment {
            // Written by it.
            let _trace = self.stop_trace();
        }
    }

    fn collect(&self, session: &Session) -> Trace {
        let rings = std::mem::take(&mut *lock(&session.rings));
        let mut trace = Trace {
            process: match &self.config.name {
                Some(name) => format!("gmp {name}"),
                None => format!("gmp {}", self.id),
            },
            threads: Vec::new(),
            ps: BTreeSet::new(),
            entries: Vec::new(),
            dropped: 0,
            start: session.start,
            end: 0,
        };
        let mut threads = Vec::new();
        for (thread, (id, ring)) in rings.into_iter().enumerate() {
            threads.push(id);
            let mut taken = lock(&ring.entries);
            taken.closed = true;
            trace.dropped += taken.dropped;
            trace.entries.extend(taken.entries.drain(..).map(|entry| (thread, entry)));
            drop(taken);
            trace.threads.push(ring.name.clone());
        }
        // All rings are closed: what goes on now is in none of them, but for a poll that has just been
        // entered and is not quite over.
        let asides = self.observe.tracing.asides.all();
        trace.end = self.now();
        for p in self.shells() {
            let Some(polling) = p.polling().filter(|polling| polling.since < trace.end) else {
                continue;
            };
            let entered = |entry: &Entry| entry.p == Some(p.id) && entry.at == polling.since;
            if trace.entries.iter().any(|(_, entry)| entered(entry)) {
                continue;
            }
            let ns = trace.end - polling.since;
            let what = What::Poll { site: polling.site, id: polling.id, ns, goes_on: true };
            trace.entries.push((0, Entry { at: polling.since, p: Some(p.id), what }));
        }
        for Aside { site, id, since, thread } in asides {
            let row = threads.iter().position(|other| *other == thread.id()).unwrap_or_else(|| {
                // It has told nothing since the start.
                threads.push(thread.id());
                trace.threads.push(row_name(&thread, trace.threads.len()));
                trace.threads.len() - 1
            });
            let entered = |(other, entry): &(usize, Entry)| {
                *other == row && entry.p.is_none() && entry.at == since && entry.is_poll()
            };
            if since < trace.end && !trace.entries.iter().any(entered) {
                let what = What::Poll { site, id, ns: trace.end - since, goes_on: true };
                trace.entries.push((row, Entry { at: since, p: None, what }));
            }
        }
        trace.tidy_up();
        // One without a poll or an event was idle all along, and that is to be seen. Not more of them than
        // there are permits: a shell that retired has no part in the picture.
        let idle: Vec<u32> = (0..).filter(|p| !trace.ps.contains(p)).take(self.procs()).collect();
        let missing = self.procs().saturating_sub(trace.ps.len());
        trace.ps.extend(idle.into_iter().take(missing));
        trace
    }
}

/// Failing to write a file that was asked for in the environment is no reason to fail.
fn write_file(trace: &Trace, path: &std::path::Path) {
    static FILES: AtomicU64 = AtomicU64::new(0);
    // Relaxed: only the value has to be unique.
    let path = match FILES.fetch_add(1, Relaxed) {
        0 => path.to_owned(),
        // Another runtime of this process.
        n => PathBuf::from(format!("{}.{}", path.display(), n + 1)),
    };
    let written = File::create(&path).and_then(|file| {
        let mut out = BufWriter::new(file);
        trace.write_json(&mut out)?;
        out.flush()
    });
    if let Err(error) = written {
        super::say(&format!("gmp: cannot write the trace to {}: {error}", path.display()));
    }
}

/// What the scheduler did for a while; from [`Handle::stop_trace`](crate::runtime::Handle::stop_trace).
///
/// [`write_json`](Self::write_json) writes it in the format that <https://ui.perfetto.dev> and Chrome's
/// `chrome://tracing` open: a row for each P, with polls as slices that are named after the place where
/// the task was spawned, and with what the scheduler decided as instants between them; and a row for each
/// thread, with what it did while it had no P: polls of tasks that are known to block or to compute for
/// long, among others.
///
/// A P whose permit was taken from a poll that lasts keeps its row while that poll goes on, and another P
/// takes its place. So there may be more rows than permits, and their numbers need not be the first ones.
#[derive(Clone)]
pub struct Trace {
    process: String,
    /// Names.
    threads: Vec<String>,
    ps: BTreeSet<u32>,
    /// With the index of the thread that entered them.
    entries: Vec<(usize, Entry)>,
    dropped: u64,
    start: u64,
    end: u64,
}

impl Trace {
    /// Sorts, and cuts off what lies before the start.
    fn tidy_up(&mut self) {
        for (_, entry) in &mut self.entries {
            self.ps.extend(entry.p);
            let early = self.start.saturating_sub(entry.at);
            entry.at += early;
            if let What::Poll { ns, .. } = &mut entry.what {
                *ns = ns.saturating_sub(early);
            }
        }
        self.entries.sort_by_key(|(_, entry)| entry.at);
    }

    /// How many events it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Has it none?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many events were lost because a thread had more than
    /// [`TraceConfig::events_per_thread`]. They are the oldest ones.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// From the start of the trace to its stop.
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.end.saturating_sub(self.start))
    }

    /// Writes it as JSON in Chrome's trace event format.
    ///
    /// # Errors
    ///
    /// The writer's. It is given small pieces: wrap a file into a `BufWriter`.
    pub fn write_json(&self, mut out: impl Write) -> io::Result<()> {
        json::write(self, &mut out)
    }

    /// The JSON as a string; see [`write_json`](Self::write_json).
    pub fn to_json(&self) -> String {
        let mut out = Vec::new();
        self.write_json(&mut out).expect("a Vec takes everything");
        String::from_utf8(out).expect("made of strings")
    }
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trace")
            .field("events", &self.len())
            .field("dropped", &self.dropped)
            .field("duration", &self.duration())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use crate::scheduler::testing::undriven;

    fn entry(at: u64) -> Entry {
        Entry { at, p: None, what: What::Event(Event::Wakep) }
    }

    #[test]
    fn a_full_ring_drops_the_oldest_and_counts() {
        let ring = Ring { name: String::new(), most: 3, entries: Mutex::default() };
        (0..10).for_each(|at| ring.push(entry(at)));
        let mut taken = lock(&ring.entries);
        let kept: Vec<u64> = taken.entries.iter().map(|e| e.at).collect();
        assert_eq!((kept, taken.dropped), (vec![7, 8, 9], 7));
        taken.closed = true;
        drop(taken);
        ring.push(entry(11));
        assert_eq!(lock(&ring.entries).entries.len(), 3, "closed");
    }

    #[test]
    fn off_nothing_is_kept_and_a_session_takes_all_threads() {
        let sched = undriven(false, false).unwrap();
        sched.trace(Event::Wakep);
        assert!(sched.stop_trace().is_none());
        sched.start_trace(&TraceConfig::new()).unwrap();
        let again = sched.start_trace(&TraceConfig::new()).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        sched.trace(Event::Wakep);
        std::thread::scope(|scope| {
            scope.spawn(|| (0..5).for_each(|_| sched.trace(Event::Retake { p: 0 })));
        });
        let trace = sched.stop_trace().unwrap();
        assert_eq!((trace.len(), trace.dropped(), trace.threads.len()), (6, 0, 2));
        // The next one starts afresh, also on threads that have a ring of the last.
        sched.start_trace(&TraceConfig::new()).unwrap();
        sched.trace(Event::Regain);
        let trace = sched.stop_trace().unwrap();
        assert_eq!(trace.len(), 1);
        assert!(matches!(trace.entries[0].1.what, What::Event(Event::Regain)));
    }

    #[test]
    fn a_poll_without_a_shell_is_in_the_row_of_its_thread() {
        let sched = undriven(false, false).unwrap();
        let site = Location::caller();
        let begin = |id| {
            let start = sched.now();
            sched.begin_aside(site, id, start);
            Slice { site, id, start, end: start + 5, kept: false }
        };
        let polls = |trace: &Trace| -> Vec<(u64, bool)> {
            let poll = |(_, entry): &(usize, Entry)| match entry.what {
                What::Poll { id, goes_on, .. } => (id, goes_on),
                What::Event(_) => unreachable!("nothing happened"),
            };
            assert!(trace.entries.iter().all(|(_, entry)| entry.p.is_none()));
            trace.entries.iter().map(poll).collect()
        };
        // One that began before the trace and goes on, one within, one that nobody watched.
        let long = begin(1);
        sched.end_aside(begin(2), false);
        sched.start_trace(&TraceConfig::new()).unwrap();
        sched.end_aside(begin(3), true);
        let trace = sched.stop_trace().unwrap();
        assert_eq!((polls(&trace), trace.threads.len()), (vec![(1, true), (3, false)], 1));
        // It goes on through a trace in which nothing else happens, and ends.
        sched.start_trace(&TraceConfig::new()).unwrap();
        let trace = sched.stop_trace().unwrap();
        assert_eq!((polls(&trace), trace.threads.len()), (vec![(1, true)], 1));
        sched.end_aside(long, false);
        sched.start_trace(&TraceConfig::new()).unwrap();
        assert!(sched.stop_trace().unwrap().is_empty());
    }

    #[test]
    fn the_number_of_events_is_checked() {
        let sched = undriven(false, false).unwrap();
        for events in [0, MAX_EVENTS + 1] {
            let config = TraceConfig::new().events_per_thread(events);
            let error = sched.start_trace(&config).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(&format!("is {events}; accepted: 1 to")), "{error}");
        }
        assert!(sched.stop_trace().is_none());
    }

    #[test]
    fn what_began_before_the_trace_is_cut_off() {
        let site = Location::caller();
        let poll = |at, ns| {
            let what = What::Poll { site, id: 1, ns, goes_on: false };
            (0, Entry { at, p: Some(3), what })
        };
        let mut trace = Trace {
            process: String::new(),
            threads: vec!["a".to_owned()],
            ps: BTreeSet::from([0]),
            entries: vec![poll(150, 20), poll(90, 30)],
            dropped: 0,
            start: 100,
            end: 200,
        };
        trace.tidy_up();
        let times: Vec<(u64, u64)> = trace
            .entries
            .iter()
            .map(|(_, entry)| match entry.what {
                What::Poll { ns, .. } => (entry.at, ns),
                What::Event(_) => unreachable!(),
            })
            .collect();
        assert_eq!(times, [(100, 20), (150, 20)]);
        assert_eq!(trace.ps, BTreeSet::from([0, 3]));
    }
}
