//! One source of I/O and its place in the poller: the door between sockets and netpoll.
//!
//! Protocol of an operation.
//!
//! 1. Spend a unit of the poll budget, or give way.
//! 2. Look at the readiness word. Nothing there: leave a waker, answer `Pending`. No system call is made
//!    before the poller has said once that the source is ready.
//! 3. Make the system call. Done: answer. It would block: clear exactly the readiness that step 2 saw,
//!    and go to 2; an event that came meanwhile is kept, so the loop ends with a waker in place.
//! 4. A stream that moved less than was asked for has emptied (or filled) the kernel's buffer. On epoll
//!    the next change will be an edge, so the readiness is cleared without asking the kernel again.
//!
//! Life. [`Registered`] owns the source. Dropping it deregisters first and closes then, so that no event
//! can reach whoever gets the fd's number next. The scheduler's memory stays as long as a registration
//! does; once it is shut down every wait answers an error.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::task::{ready, Context, Poll};

use mio::event::Source;

use super::{Interest, Ready};
use crate::g::coop::poll_proceed;
use crate::primitives::sync::Arc;
use crate::scheduler::context::{self, SchedRef};
use crate::scheduler::netpoll::{self, Direction, Event, ScheduledIo};

const IO_DISABLED: &str =
    "A Tokio 1.x context was found, but IO is disabled. Call `enable_io` on the \
                           runtime builder to enable IO.";

/// Does a short transfer prove that the kernel has no more (step 4)?
const SHORT_IS_DRAINED: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Panics where [`Registration::new`] would, before anything is done that should then be undone.
#[track_caller]
#[cfg(feature = "process")]
pub(crate) fn require_io() {
    if !context::current_or_panic().netpoll().io_enabled() {
        panic!("{IO_DISABLED}");
    }
}

/// A place in the poller, without the source itself.
pub(crate) struct Registration {
    sched: SchedRef,
    io: Arc<ScheduledIo>,
}

// A panic cannot leave a registration half changed: its state is one atomic word, and a lock under which
// no foreign code runs.
impl UnwindSafe for Registration {}
impl RefUnwindSafe for Registration {}

impl Registration {
    /// Enters a source with the current scheduler.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, and in one without I/O.
    #[track_caller]
    pub(crate) fn new(source: &mut impl Source, interest: Interest) -> io::Result<Registration> {
        let sched = context::current_or_panic();
        if !sched.netpoll().io_enabled() {
            panic!("{IO_DISABLED}");
        }
        let io = sched.netpoll().register(source, interest.to_mio())?;
        sched.source_added();
        Ok(Registration { sched, io })
    }

    /// Takes it out again, before the source is closed.
    pub(crate) fn deregister(&self, source: &mut impl Source) -> io::Result<()> {
        self.sched.netpoll().deregister(&self.io, source)
    }

    /// Step 3: what `seen` saw is no longer so.
    pub(crate) fn clear(&self, seen: Event, ready: Ready) {
        self.io.clear(seen, ready.bits());
    }

    /// Says that a source that was just made is ready; its first event need not be waited for.
    pub(crate) fn assume(&self, ready: Ready) {
        self.io.assume(ready.bits());
    }

    /// Steps 1 and 2 for the last caller's waker in a direction.
    pub(crate) fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
    ) -> Poll<io::Result<Event>> {
        let unit = ready!(poll_proceed(cx));
        let event = ready!(self.io.poll_ready(cx, direction));
        unit.made_progress();
        if event.is_shutdown() {
            return Poll::Ready(Err(netpoll::shutdown_error()));
        }
        Poll::Ready(Ok(event))
    }

    pub(crate) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Event>> {
        self.poll_ready(cx, Direction::Read)
    }

    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<Event>> {
        self.poll_ready(cx, Direction::Write)
    }

    /// All steps with a call that moves no countable bytes, or whole messages.
    pub(crate) fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut call: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let unit = ready!(poll_proceed(cx));
        loop {
            let event = ready!(self.io.poll_ready(cx, direction));
            if event.is_shutdown() {
                return Poll::Ready(Err(netpoll::shutdown_error()));
            }
            match call() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.io.clear(event, direction.mask());
                }
                result => {
                    unit.made_progress();
                    return Poll::Ready(result);
                }
            }
        }
    }

    /// All steps with a call that moves up to `wanted` bytes of a stream.
    #[inline]
    pub(crate) fn poll_transfer(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        wanted: usize,
        mut call: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let unit = ready!(poll_proceed(cx));
        loop {
            let event = ready!(self.io.poll_ready(cx, direction));
            if event.is_shutdown() {
                return Poll::Ready(Err(netpoll::shutdown_error()));
            }
            match call() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.io.clear(event, direction.mask());
                }
                result => {
                    if let Ok(moved) = result {
                        // Zero is the end of the stream, which stays.
                        if SHORT_IS_DRAINED && 0 < moved && moved < wanted {
                            self.io.clear(event, direction.mask());
                        }
                    }
                    unit.made_progress();
                    return Poll::Ready(result);
                }
            }
        }
    }

    /// Steps 2 (without waiting) and 3.
    pub(crate) fn try_io<R>(
        &self,
        interest: Interest,
        call: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        let event = self.io.look();
        if event.bits() & interest.mask() == 0 {
            return Err(if event.is_shutdown() {
                netpoll::shutdown_error()
            } else {
                io::ErrorKind::WouldBlock.into()
            });
        }
        let result = call();
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            self.io.clear(event, interest.mask());
        }
        result
    }

    /// Waits for readiness; any number may. Spends no budget. Cancel safe.
    pub(crate) async fn readiness(&self, interest: Interest) -> io::Result<Event> {
        let event = self.io.readiness(interest.mask()).await;
        if event.is_shutdown() {
            return Err(netpoll::shutdown_error());
        }
        Ok(event)
    }

    /// As `readiness`, in the words of the API: what was asked for and is so.
    pub(crate) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        Ok(ready_of(self.readiness(interest).await?, interest))
    }

    /// All steps; any number may wait. Cancel safe, as long as `call` is one system call.
    pub(crate) async fn async_io<R>(
        &self,
        interest: Interest,
        mut call: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            let event = self.readiness(interest).await?;
            let unit = poll_fn(poll_proceed).await;
            match call() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.io.clear(event, interest.mask());
                }
                result => {
                    unit.made_progress();
                    return result;
                }
            }
        }
    }
}

/// What `event` says about `interest`. That a side is closed is told to those who asked for that side.
pub(crate) fn ready_of(event: Event, interest: Interest) -> Ready {
    Ready::from_bits(event.bits() & interest.mask())
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("io", &self.io).finish_non_exhaustive()
    }
}

/// A source and its registration. Derefs to the source; see the module's text.
pub(crate) struct Registered<S: Source> {
    /// `None` only while it is taken apart.
    source: Option<S>,
    registration: Registration,
}

impl<S: Source> Registered<S> {
    /// Registers for reading and writing.
    ///
    /// # Panics
    ///
    /// See [`Registration::new`].
    #[track_caller]
    pub(crate) fn new(source: S) -> io::Result<Registered<S>> {
        Registered::with_interest(source, Interest::READABLE.add(Interest::WRITABLE))
    }

    /// Registers for `interest`.
    ///
    /// # Panics
    ///
    /// See [`Registration::new`].
    #[track_caller]
    pub(crate) fn with_interest(mut source: S, interest: Interest) -> io::Result<Registered<S>> {
        let registration = Registration::new(&mut source, interest)?;
        Ok(Registered { source: Some(source), registration })
    }

    pub(crate) fn registration(&self) -> &Registration {
        &self.registration
    }

    /// Deregisters and gives the source back.
    pub(crate) fn into_inner(mut self) -> io::Result<S> {
        match self.source.take() {
            Some(mut source) => {
                self.registration.deregister(&mut source)?;
                Ok(source)
            }
            None => unreachable!(
                "Registered::into_inner: the source is there until it or Drop takes it"
            ),
        }
    }
}

impl<S: Source> Deref for Registered<S> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        match &self.source {
            Some(source) => source,
            None => unreachable!("Registered::deref: the source is there until it is taken apart"),
        }
    }
}

impl<S: Source> Drop for Registered<S> {
    fn drop(&mut self) {
        if let Some(mut source) = self.source.take() {
            // Fails only if the fd was closed behind our back; then there is nothing to deregister.
            let _ = self.registration.deregister(&mut source);
        }
    }
}

impl<S: Source + fmt::Debug> fmt::Debug for Registered<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => source.fmt(f),
            None => f.write_str("(taken)"),
        }
    }
}
