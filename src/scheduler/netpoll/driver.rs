//! The poller with I/O: mio's door to epoll, kqueue and IOCP.

use std::io;
use std::task::Waker;
use std::time::Duration;

use super::breaker::Breaker;
use super::slots::{Refused, Slots};
use super::source::{self, ScheduledIo};
#[cfg(all(target_os = "linux", not(miri)))]
use super::timerfd::TimerFd;
use super::Batch;
use crate::primitives::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::primitives::sync::{Arc, Mutex};

/// Time-outs from here on are rounded up to a millisecond: below a tenth of a percent late, and no
/// system call to say it more exactly.
#[cfg(all(target_os = "linux", not(miri)))]
const EXACT_BELOW: Duration = Duration::from_secs(1);

/// The poller's own tokens: the highest bit is set, which no source's token has.
const DOORBELL: mio::Token = mio::Token(usize::MAX);
const TIMER: mio::Token = mio::Token(usize::MAX - 1);

/// What everybody may use.
#[derive(Debug)]
pub(super) struct Driver {
    registry: mio::Registry,
    slots: Mutex<Slots>,
    /// The number of entries, for looks without the lock. Written under it.
    count: AtomicUsize,
    breaker: Breaker,
    doorbell: mio::Waker,
}

/// What only the holder of the right to poll may use.
#[derive(Debug)]
pub(super) struct Turn {
    poll: mio::Poll,
    events: mio::Events,
    /// For polls that do not sleep, if those are to take fewer.
    busy_events: Option<mio::Events>,
    #[cfg(all(target_os = "linux", not(miri)))]
    timer: Option<TimerFd>,
}

impl Driver {
    pub(super) fn new(batch: Batch) -> io::Result<(Driver, Turn)> {
        let poll = mio::Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let doorbell = mio::Waker::new(&registry, DOORBELL)?;
        let turn = Turn {
            events: mio::Events::with_capacity(batch.events),
            busy_events: batch.busy_events.map(mio::Events::with_capacity),
            #[cfg(all(target_os = "linux", not(miri)))]
            timer: exact_timer(&registry),
            poll,
        };
        let slots = Mutex::new(Slots::new());
        let count = AtomicUsize::new(0);
        Ok((Driver { registry, slots, count, breaker: Breaker::new(), doorbell }, turn))
    }

    pub(super) fn wake(&self) {
        if self.breaker.wake() {
            // mio empties a full counter itself. What remains are errors of a poller whose fds were
            // closed under it; its own poll reports them.
            let _ = self.doorbell.wake();
        }
    }

    #[cfg(feature = "deterministic")]
    pub(super) fn take_wake(&self) -> bool {
        self.breaker.take()
    }

    pub(super) fn register(
        &self,
        source: &mut impl mio::event::Source,
        interest: mio::Interest,
    ) -> io::Result<Arc<ScheduledIo>> {
        // The entry first: the event may come before `register` returns.
        let io = {
            let mut slots = self.slots.lock();
            let io = slots.insert().map_err(|refused| match refused {
                Refused::Shutdown => super::shutdown_error(),
                Refused::Full => io::Error::other("too many I/O sources are registered"),
            })?;
            self.note_count(&slots);
            io
        };
        if let Err(error) = self.registry.register(source, mio::Token(io.token()), interest) {
            self.remove(&io);
            return Err(error);
        }
        Ok(io)
    }

    pub(super) fn deregister(
        &self,
        io: &ScheduledIo,
        source: &mut impl mio::event::Source,
    ) -> io::Result<()> {
        // The kernel first: afterwards no new event can name the token. One that is in flight finds the
        // entry gone, or of another generation.
        let result = self.registry.deregister(source);
        self.remove(io);
        result
    }

    pub(super) fn shutdown(&self, wakers: &mut Vec<Waker>) {
        let all = self.slots.lock().shutdown();
        for (_, io) in all {
            io.shutdown(wakers);
        }
        self.wake();
    }

    /// Takes the entry out; what it holds is dropped without the lock.
    fn remove(&self, io: &ScheduledIo) {
        let removed = {
            let mut slots = self.slots.lock();
            let removed = slots.remove(io.token());
            self.note_count(&slots);
            removed
        };
        drop(removed);
    }

    fn note_count(&self, slots: &Slots) {
        // Relaxed: a hint, see `has_sources`.
        self.count.store(slots.len(), Relaxed);
    }

    /// Is there any source? Without the lock: a source that is registered at this very moment may be
    /// missed, but not by a look that comes after its waiter went to sleep.
    #[inline]
    pub(super) fn has_sources(&self) -> bool {
        // Relaxed: a hint.
        self.count.load(Relaxed) != 0
    }

    pub(super) fn sources(&self) -> usize {
        self.slots.lock().len()
    }

    /// Shows the wakers of all who wait for a source; true: to write.
    pub(super) fn for_each_waker(&self, f: &mut dyn FnMut(&Waker, bool)) {
        // Out of the table first: events must not wait for this.
        let sources: Vec<_> = self.slots.lock().iter().cloned().collect();
        sources.iter().for_each(|io| io.for_each_waker(f));
    }

    /// One poll. The number of events is the answer.
    pub(super) fn poll(
        &self,
        turn: &mut Turn,
        timeout: Option<Duration>,
        ready: &mut Vec<Waker>,
    ) -> io::Result<usize> {
        let busy = timeout == Some(Duration::ZERO);
        let result = if busy || !self.breaker.block() {
            let Turn { poll, events, busy_events, .. } = turn;
            let events = busy_events.as_mut().filter(|_| busy).unwrap_or(events);
            poll.poll(events, Some(Duration::ZERO))
        } else {
            let result = turn.sleep(timeout);
            self.breaker.unblock();
            result
        };
        match result {
            Ok(()) => Ok(self.deliver(turn, busy, ready)),
            // A signal: the caller looks at its work and the clock, and comes back if it likes.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }

    fn deliver(&self, turn: &mut Turn, busy: bool, ready: &mut Vec<Waker>) -> usize {
        let events = turn.busy_events.as_ref().filter(|_| busy).unwrap_or(&turn.events);
        if events.is_empty() {
            return 0;
        }
        let mut count = 0;
        let slots = self.slots.lock();
        for event in events {
            match event.token() {
                DOORBELL => {}
                TIMER =>
                {
                    #[cfg(all(target_os = "linux", not(miri)))]
                    if let Some(timer) = &mut turn.timer {
                        timer.fired();
                    }
                }
                mio::Token(token) => {
                    count += 1;
                    if let Some(io) = slots.get(token) {
                        io.set(bits_of(event), ready);
                    }
                }
            }
        }
        count
    }
}

impl Turn {
    /// Sleeps as exactly as the system can.
    fn sleep(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        #[cfg(all(target_os = "linux", not(miri)))]
        if let Some(timer) = &mut self.timer {
            let set = match timeout {
                Some(t) if t < EXACT_BELOW && t.subsec_nanos() % 1_000_000 != 0 => timer.arm(t),
                _ => timer.disarm(),
            };
            if set.is_err() {
                self.timer = None; // milliseconds will do
            }
        }
        self.poll.poll(&mut self.events, timeout.map(whole_ms))
    }
}

/// mio hands whole milliseconds to the kernel and rounds up on some systems only: so it is done here.
fn whole_ms(timeout: Duration) -> Duration {
    let below = timeout.subsec_nanos() % 1_000_000;
    if below == 0 {
        return timeout;
    }
    timeout.saturating_add(Duration::from_nanos(u64::from(1_000_000 - below)))
}

/// Without it (a sandbox that forbids timerfd) time-outs are rounded up.
#[cfg(all(target_os = "linux", not(miri)))]
fn exact_timer(registry: &mio::Registry) -> Option<TimerFd> {
    let timer = TimerFd::new().ok()?;
    registry
        .register(&mut mio::unix::SourceFd(&timer.raw_fd()), TIMER, mio::Interest::READABLE)
        .ok()?;
    Some(timer)
}

fn bits_of(event: &mio::event::Event) -> usize {
    let mut bits = 0;
    let mut add = |set: bool, bit: usize| bits |= if set { bit } else { 0 };
    add(event.is_readable(), source::READABLE);
    add(event.is_writable(), source::WRITABLE);
    add(event.is_read_closed(), source::READ_CLOSED);
    add(event.is_write_closed(), source::WRITE_CLOSED);
    add(event.is_priority(), source::PRIORITY);
    add(event.is_error(), source::ERROR);
    bits
}
