//! One source of I/O and its place in the poller: the door between sockets and netpoll.
//!
//! Protocol of an operation.
//!
//! 1. Spend a unit of the poll budget, or give way.
//! 2. Look at the readiness word. Nothing there: leave a waker, answer `Pending`. No system call is made
//!    before the poller has said once that the source is ready.
//! 3. A read that would probably find nothing (`guess.rs`) is put off, once: the task has woken itself, and is
//!    polled again when others have run (`scheduler/probes.rs`).
//! 4. Make the system call. Done: answer. It would block: clear exactly the readiness that step 2 saw,
//!    and go to 2; an event that came meanwhile is kept, so the loop ends with a waker in place.
//! 5. A stream that moved less than was asked for has emptied (or filled) the kernel's buffer. On epoll
//!    the next change will be an edge, so the readiness is cleared without asking the kernel again.
//! 6. A read that moved all that was asked for, or one message, may have left something: the next one is
//!    doubtful, and how it ends is remembered.
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

use super::guess::Guess;
use super::{Interest, Ready};
use crate::g::coop::poll_proceed;
use crate::primitives::sync::Arc;
use crate::scheduler::context::{self, SchedRef};
use crate::scheduler::netpoll::{self, Direction, Event, ScheduledIo};

const IO_DISABLED: &str =
    "A Tokio 1.x context was found, but IO is disabled. Call `enable_io` on the \
                           runtime builder to enable IO.";

/// Does a short transfer prove that the kernel has no more (step 5)?
const SHORT_IS_DRAINED: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// With one of these a read does not wait.
const SURE_TO_FIND: usize = Ready::READ_CLOSED.bits() | Ready::ERROR.bits();

/// What a call that moved something has left in the kernel.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Whatever it is, the next call is made at once.
    NoMatter,
    Unknown,
    Nothing,
}

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
    guess: Guess,
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
        Ok(Registration { sched, io, guess: Guess::default() })
    }

    /// Takes it out again, before the source is closed.
    pub(crate) fn deregister(&self, source: &mut impl Source) -> io::Result<()> {
        self.sched.netpoll().deregister(&self.io, source)
    }

    /// Step 4: what `seen` saw is no longer so.
    pub(crate) fn clear(&self, seen: Event, ready: Ready) {
        self.io.clear(seen, ready.bits());
    }

    /// Step 3: is the call to be made later? Then the task was woken for it.
    #[inline]
    fn put_off(&self, cx: &mut Context<'_>, direction: Direction, seen: Event) -> bool {
        let off = direction == Direction::Read
            && self.guess.is_too_early()
            && seen.bits() & SURE_TO_FIND == 0
            && self.sched.put_off(cx);
        if off {
            self.guess.put_off();
        }
        off
    }

    /// Steps 4 to 6: what the call came to. `Err`: it would block, look again.
    #[inline]
    fn called<R>(
        &self,
        seen: Event,
        mask: usize,
        result: io::Result<R>,
        left: impl FnOnce(&R) -> Left,
    ) -> Result<io::Result<R>, io::Error> {
        let would_block =
            matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        let left = result.as_ref().map_or(Left::NoMatter, left);
        if would_block || left == Left::Nothing {
            self.io.clear(seen, mask);
        }
        if mask & Ready::READABLE.bits() != 0 {
            let was_put_off = if would_block {
                self.guess.found_nothing()
            } else {
                self.guess.found(left == Left::Unknown)
            };
            if was_put_off {
                self.sched.probed(!would_block);
            }
        }
        match result {
            Err(error) if would_block => Err(error),
            result => Ok(result),
        }
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

    /// All steps, for the last caller's waker in a direction.
    #[inline]
    fn poll_call<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut call: impl FnMut() -> io::Result<R>,
        left: impl Fn(&R) -> Left,
    ) -> Poll<io::Result<R>> {
        let unit = ready!(poll_proceed(cx));
        loop {
            let event = ready!(self.io.poll_ready(cx, direction));
            if event.is_shutdown() {
                return Poll::Ready(Err(netpoll::shutdown_error()));
            }
            if self.put_off(cx, direction, event) {
                return Poll::Pending;
            }
            if let Ok(result) = self.called(event, direction.mask(), call(), &left) {
                unit.made_progress();
                return Poll::Ready(result);
            }
        }
    }

    /// All steps with a call that moves no countable bytes. It leaves no doubt behind.
    pub(crate) fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        call: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_call(cx, direction, call, |_| Left::NoMatter)
    }

    /// All steps with a call that receives a message, or bytes of which a short count proves nothing.
    pub(crate) fn poll_message<R>(
        &self,
        cx: &mut Context<'_>,
        call: impl FnMut() -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.poll_call(cx, Direction::Read, call, |_| Left::Unknown)
    }

    /// All steps with a call that moves up to `wanted` bytes of a stream.
    #[inline]
    pub(crate) fn poll_transfer(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        wanted: usize,
        call: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        self.poll_call(cx, direction, call, |&moved| match moved {
            // The end of the stream, which stays.
            0 => Left::NoMatter,
            moved if moved < wanted && SHORT_IS_DRAINED => Left::Nothing,
            _ => Left::Unknown,
        })
    }

    /// Steps 2 (without waiting) and 4.
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
        self.called(event, interest.mask(), call(), |_| Left::NoMatter).unwrap_or_else(Err)
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

    /// All steps; any number may wait. Cancel safe, as long as `call` is one system call. It is never put off.
    pub(crate) async fn async_io<R>(
        &self,
        interest: Interest,
        mut call: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            let event = self.readiness(interest).await?;
            let unit = poll_fn(poll_proceed).await;
            if let Ok(result) = self.called(event, interest.mask(), call(), |_| Left::NoMatter) {
                unit.made_progress();
                return result;
            }
        }
    }

    /// As `async_io`, with a call that receives a message, and an interest in reading.
    pub(crate) async fn async_message<R>(
        &self,
        interest: Interest,
        mut call: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            let event = self.readiness(interest).await?;
            let unit = poll_fn(|cx| {
                if self.put_off(cx, Direction::Read, event) {
                    return Poll::Pending;
                }
                poll_proceed(cx)
            })
            .await;
            if let Ok(result) = self.called(event, interest.mask(), call(), |_| Left::Unknown) {
                unit.made_progress();
                return result;
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
