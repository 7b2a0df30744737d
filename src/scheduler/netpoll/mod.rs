//! The poller: where readiness of sockets and the passing of time reach the scheduler.
//!
//! It knows no M and no P. It takes a time-out and returns the wakers of whatever became ready; who
//! polls, when and for how long is the scheduler's business.
//!
//! Concepts.
//!
//! - One [`mio::Poll`], edge-triggered: the kernel says once that something changed, and the readiness
//!   word of the source (`source.rs`) remembers it until a system call finds it no longer true.
//! - The right to poll is a lock that is only ever tried: [`try_poller`](Netpoll::try_poller) gives it to
//!   one M at a time, which may sleep in it.
//! - Whoever has something for the sleeper (a nearer timer, work, the end) calls [`wake`](Netpoll::wake);
//!   `breaker.rs` says how that costs a system call only if somebody sleeps.
//!
//! Protocol of one event.
//!
//! 1. A source is entered in the table (`slots.rs`) and then registered under its token, which holds a
//!    generation. If the kernel refuses, the entry goes again: no slot leaks.
//! 2. `poll` sleeps without any lock but the right to poll. It then takes the table's lock once for the
//!    whole batch; each event is looked up by its token, marks the word of its source and moves the
//!    wakers of all concerned into the caller's vector. No foreign code runs: wakers are moved, not
//!    called, and the table's references are not dropped there.
//! 3. The caller wakes them, with no lock held.
//! 4. Deregistration tells the kernel first and then removes the entry. An event in flight finds no entry,
//!    or one of another generation, and is dropped; the memory lives on in whoever holds the source.
//! 5. `shutdown` closes the table, marks every source and hands out all wakers. Registration fails from
//!    then on, and so does every wait.
//!
//! Locks, outer first: right to poll, table, waiters of one source. Never is one of them held while a
//! waker runs.
//!
//! Without I/O (switched off, or none of the features that need it) the poller is a [`Note`] to sleep on.

#[cfg(any(feature = "net", feature = "process", feature = "signal"))]
mod breaker;
#[cfg(any(feature = "net", feature = "process", feature = "signal"))]
mod driver;
#[cfg(all(test, gmp_loom, any(feature = "net", feature = "process", feature = "signal")))]
mod models;
#[cfg(any(feature = "net", feature = "process", feature = "signal"))]
mod slots;
#[cfg(any(feature = "net", feature = "process", feature = "signal"))]
pub(crate) mod source;
#[cfg(all(
    test,
    unix,
    not(gmp_loom),
    any(feature = "net", feature = "process", feature = "signal")
))]
mod stress;
#[cfg(all(test, not(gmp_loom), any(feature = "net", feature = "process", feature = "signal")))]
mod tests;
#[cfg(all(
    target_os = "linux",
    not(miri),
    any(feature = "net", feature = "process", feature = "signal")
))]
mod timerfd;

use std::fmt;
use std::io;
use std::task::Waker;
use std::time::Duration;

#[cfg(any(feature = "net", feature = "process", feature = "signal"))]
use self::driver::{Driver, Turn};
#[cfg(any(feature = "net", feature = "process", feature = "signal"))]
pub(crate) use self::source::{Direction, Event, ScheduledIo};
use super::limits::IO_EVENTS;
use crate::primitives::note::Note;
use crate::primitives::sync::atomic::{AtomicU64, Ordering::Relaxed};
#[cfg(any(feature = "net", feature = "process", feature = "signal"))]
use crate::primitives::sync::Arc;
use crate::primitives::sync::{Mutex, MutexGuard};

/// How many events one poll takes from the kernel; what remains is taken by the next one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    pub(crate) events: usize,
    /// For polls that do not sleep; `None`: as many.
    pub(crate) busy_events: Option<usize>,
}

impl Default for Batch {
    fn default() -> Batch {
        Batch { events: IO_EVENTS, busy_events: None }
    }
}

/// Where there is no I/O, a turn holds nothing.
#[cfg(not(any(feature = "net", feature = "process", feature = "signal")))]
#[derive(Debug)]
enum Turn {}

/// The text of every error after shutdown: tokio's, since programs compare it.
const SHUTDOWN_TEXT: &str = "A Tokio 1.x context was found, but it is being shutdown.";

/// What an operation answers whose scheduler is gone.
pub(crate) fn shutdown_error() -> io::Error {
    io::Error::other(SHUTDOWN_TEXT)
}

/// Is it [`shutdown_error`]'s?
pub(crate) fn is_shutdown_error(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Other
        && error.get_ref().is_some_and(|inner| inner.to_string() == SHUTDOWN_TEXT)
}

/// See the module's text.
pub(crate) struct Netpoll {
    kind: Kind,
    /// The right to poll. Only ever tried, so nobody waits for it. `None` without I/O.
    turn: Mutex<Option<Turn>>,
    stats: Stats,
}

enum Kind {
    Note(Note),
    #[cfg(any(feature = "net", feature = "process", feature = "signal"))]
    Io(Driver),
}

/// Written by the holder of the right to poll, read by anyone.
#[derive(Debug)]
struct Stats {
    polls: AtomicU64,
    events: AtomicU64,
    /// Written by whoever registers.
    registered: AtomicU64,
}

impl Netpoll {
    /// A poller with I/O if asked for and compiled in.
    ///
    /// # Errors
    ///
    /// What the system says when it has no fds left for it.
    #[cfg(all(test, not(gmp_loom)))]
    pub(crate) fn new(enable_io: bool) -> io::Result<Netpoll> {
        Netpoll::with_batch(enable_io, Batch::default())
    }

    /// As `new`, with other numbers of events.
    pub(crate) fn with_batch(enable_io: bool, batch: Batch) -> io::Result<Netpoll> {
        let stats = Stats {
            polls: AtomicU64::new(0),
            events: AtomicU64::new(0),
            registered: AtomicU64::new(0),
        };
        #[cfg(any(feature = "net", feature = "process", feature = "signal"))]
        if enable_io {
            let (driver, turn) = Driver::new(batch)?;
            return Ok(Netpoll { kind: Kind::Io(driver), turn: Mutex::new(Some(turn)), stats });
        }
        let _ = (enable_io, batch);
        Ok(Netpoll { kind: Kind::Note(Note::new()), turn: Mutex::new(None), stats })
    }

    /// Can sources be registered?
    pub(crate) fn io_enabled(&self) -> bool {
        match &self.kind {
            Kind::Note(_) => false,
            #[cfg(any(feature = "net", feature = "process", feature = "signal"))]
            Kind::Io(_) => true,
        }
    }

    /// The right to poll, unless somebody has it.
    pub(crate) fn try_poller(&self) -> Option<Poller<'_>> {
        let turn = self.turn.try_lock()?;
        Some(Poller { netpoll: self, turn })
    }

    /// Go's `netpollBreak`: the poll that sleeps, or the next that would, returns at once.
    pub(crate) fn wake(&self) {
        match &self.kind {
            Kind::Note(note) => note.wakeup(),
            #[cfg(any(feature = "net", feature = "process", feature = "signal"))]
            Kind::Io(driver) => driver.wake(),
        }
    }

    /// Was it woken, since this was last asked? For a sleeper that is only played.
    #[cfg(feature = "deterministic")]
    pub(crate) fn take_wake(&self) -> bool {
        match &self.kind {
            Kind::Note(note) => note.take(),
            #[cfg(any(feature = "net", feature = "signal"))]
            Kind::Io(driver) => driver.take_wake(),
        }
    }

    /// Marks every source shut down and hands out all who wait; wakes the poller. Later registrations
    /// fail. May be called again.
    pub(crate) fn shutdown(&self, wakers: &mut Vec<Waker>) {
        match &self.kind {
            Kind::Note(note) => {
                let _ = wakers;
                note.wakeup();
            }
            #[cfg(any(feature = "net", feature = "process", feature = "signal"))]
            Kind::Io(driver) => driver.shutdown(wakers),
        }
    }

    /// Enters a source.
    ///
    /// # Errors
    ///
    /// [`shutdown_error`] after `shutdown`; whatever the system answers (EPERM for a regular file, EEXIST
    /// for an fd that is registered already, ENOSPC).
    ///
    /// # Panics
    ///
    /// If there is no I/O: the caller asks [`io_enabled`](Self::io_enabled) first.
    #[cfg(any(feature = "net", feature = "process", feature = "signal"))]
    pub(crate) fn register(
        &self,
        source: &mut impl mio::event::Source,
        interest: mio::Interest,
    ) -> io::Result<Arc<ScheduledIo>> {
        match &self.kind {
            Kind::Note(_) => panic!("Netpoll::register: there is no I/O"),
            Kind::Io(driver) => {
                let io = driver.register(source, interest)?;
                // Relaxed: a statistic.
                self.stats.registered.fetch_add(1, Relaxed);
                Ok(io)
            }
        }
    }

    /// Removes a source. To be called before its fd is closed; fine after `shutdown`.
    ///
    /// # Errors
    ///
    /// What the system says; the source is out of the table all the same.
    #[cfg(any(feature = "net", feature = "process", feature = "signal"))]
    pub(crate) fn deregister(
        &self,
        io: &ScheduledIo,
        source: &mut impl mio::event::Source,
    ) -> io::Result<()> {
        match &self.kind {
            Kind::Note(_) => Ok(()),
            Kind::Io(driver) => driver.deregister(io, source),
        }
    }

    /// Is there any source? A hint that takes no lock.
    #[inline]
    pub(crate) fn has_sources(&self) -> bool {
        match &self.kind {
            Kind::Note(_) => false,
            #[cfg(any(feature = "net", feature = "process", feature = "signal"))]
            Kind::Io(driver) => driver.has_sources(),
        }
    }

    /// How many sources are registered.
    pub(crate) fn sources(&self) -> usize {
        match &self.kind {
            Kind::Note(_) => 0,
            #[cfg(any(feature = "net", feature = "process", feature = "signal"))]
            Kind::Io(driver) => driver.sources(),
        }
    }

    /// Shows the wakers of all who wait for a source; true: to write. Under the sources' locks, so `f`
    /// only looks.
    #[cfg_attr(not(feature = "rt"), allow(dead_code))]
    pub(crate) fn for_each_waker(&self, mut f: impl FnMut(&Waker, bool)) {
        match &self.kind {
            Kind::Note(_) => {
                let _ = &mut f;
            }
            #[cfg(any(feature = "net", feature = "process", feature = "signal"))]
            Kind::Io(driver) => driver.for_each_waker(&mut f),
        }
    }

    /// How many sources were ever registered.
    #[cfg_attr(not(feature = "rt"), allow(dead_code))]
    pub(crate) fn registered(&self) -> u64 {
        // Relaxed: a statistic.
        self.stats.registered.load(Relaxed)
    }

    /// How often the kernel was asked.
    pub(crate) fn polls(&self) -> u64 {
        // Relaxed: a statistic.
        self.stats.polls.load(Relaxed)
    }

    /// How many events of sources it gave.
    pub(crate) fn events(&self) -> u64 {
        // Relaxed: a statistic.
        self.stats.events.load(Relaxed)
    }
}

impl fmt::Debug for Netpoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Netpoll")
            .field("io", &self.io_enabled())
            .field("sources", &self.sources())
            .field("polls", &self.polls())
            .field("events", &self.events())
            .finish()
    }
}

/// The right to poll. At most one exists for a [`Netpoll`]; dropping it gives the right back.
pub(crate) struct Poller<'a> {
    netpoll: &'a Netpoll,
    turn: MutexGuard<'a, Option<Turn>>,
}

impl Poller<'_> {
    /// Looks for events, and sleeps until there is one if need be: for ever with `None`, not at all with
    /// `Some(Duration::ZERO)`. Appends the wakers of whatever became ready to `ready`, runs none.
    ///
    /// It may return early and with nothing: woken, interrupted by a signal, or for an event that
    /// concerned nobody.
    ///
    /// # Errors
    ///
    /// What the system says when the poller itself is broken (its fds were closed by somebody).
    pub(crate) fn poll(
        &mut self,
        timeout: Option<Duration>,
        ready: &mut Vec<Waker>,
    ) -> io::Result<()> {
        let stats = &self.netpoll.stats;
        bump(&stats.polls, 1);
        match &self.netpoll.kind {
            Kind::Note(note) => {
                let _ = (ready, &mut self.turn);
                match timeout {
                    None => note.sleep(),
                    Some(Duration::ZERO) => {}
                    // Woken or timed out: the caller looks at its work either way.
                    Some(timeout) => {
                        let _ = note.sleep_timeout(timeout);
                    }
                }
                Ok(())
            }
            #[cfg(any(feature = "net", feature = "process", feature = "signal"))]
            Kind::Io(driver) => {
                if let Some(turn) = self.turn.as_mut() {
                    bump(&stats.events, driver.poll(turn, timeout, ready)? as u64);
                }
                Ok(())
            }
        }
    }
}

/// Adds to a counter that only the holder of the right to poll writes.
fn bump(counter: &AtomicU64, by: u64) {
    // Relaxed: one writer, and nothing hangs on the value.
    counter.store(counter.load(Relaxed).wrapping_add(by), Relaxed);
}
