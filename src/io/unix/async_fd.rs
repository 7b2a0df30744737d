//! Any file descriptor that the system's poller takes.
//!
//! Protocol. Readiness is edge-triggered and remembered: once reported it stays until somebody says that
//! it is over.
//!
//! 1. Wait for readiness: `readable`, `writable`, `ready`, or a `poll_*` method. They answer a guard, which
//!    remembers what was seen.
//! 2. Try the operation, in non-blocking mode.
//! 3. If it would block, clear the readiness through the guard, and go to 1. The guard clears only what
//!    it has seen: an event that came meanwhile is kept.
//!
//! [`AsyncFdReadyGuard::try_io`] does 2 and 3, [`AsyncFd::async_io`] all of it.
#![allow(unsafe_code)] // `register` is an unsafe fn; nothing in here does anything unsafe

use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{ready, Context, Poll};

use mio::unix::SourceFd;

use crate::io::registration::{ready_of, Registration};
use crate::io::{Interest, Ready};
use crate::scheduler::netpoll::Event;

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

/// Waits for a file descriptor that no other type of this crate knows: an inotify queue, a device, a
/// socket of another library.
///
/// `T` owns the fd (a `File`, an `OwnedFd`, a socket of std) and must put it in non-blocking mode itself.
/// It has to be an fd that the system can poll: not a regular file. The fd joins the runtime in whose
/// context the `AsyncFd` is made.
///
/// The pattern is: wait, try, and if it would block say so; see [`AsyncFdReadyGuard::try_io`] and
/// [`async_io`](Self::async_io). Whoever forgets the last step is told "ready" again at once.
///
/// Dropping it takes the fd out of the poller, and then drops `T`, which closes it.
pub struct AsyncFd<T: AsRawFd> {
    registration: Registration,
    /// `None` only while it is taken apart.
    inner: Option<T>,
}

/// Readiness of an [`AsyncFd`], as it was seen.
#[must_use = "readiness that is not cleared is reported again at once"]
pub struct AsyncFdReadyGuard<'a, T: AsRawFd> {
    async_fd: &'a AsyncFd<T>,
    seen: Option<Seen>,
}

/// Readiness of an [`AsyncFd`] that is borrowed exclusively, as it was seen.
#[must_use = "readiness that is not cleared is reported again at once"]
pub struct AsyncFdReadyMutGuard<'a, T: AsRawFd> {
    async_fd: &'a mut AsyncFd<T>,
    seen: Option<Seen>,
}

/// What a guard remembers.
#[derive(Clone, Copy, Debug)]
struct Seen {
    event: Event,
    ready: Ready,
}

impl Seen {
    fn new(event: Event, interest: Interest) -> Option<Seen> {
        Some(Seen { event, ready: ready_of(event, interest) })
    }

    /// Says that `ready` is over, and forgets it.
    fn clear(this: &mut Option<Seen>, registration: &Registration, ready: Ready) {
        if let Some(seen) = this {
            registration.clear(seen.event, seen.ready & ready);
            seen.ready = seen.ready - ready;
        }
    }

    fn ready(this: &Option<Seen>) -> Ready {
        this.map_or(Ready::EMPTY, |seen| seen.ready)
    }
}

impl<T: AsRawFd> AsyncFd<T> {
    /// Registers `inner`'s fd for reading and writing.
    ///
    /// # Safety
    ///
    /// As long as it is registered, `inner` keeps its fd open and answers the same fd from `as_raw_fd`.
    /// (If it does not, the runtime stays sound; what is registered may then be somebody else's fd.)
    ///
    /// # Errors
    ///
    /// `inner` with the system's error: `EPERM` for an fd that cannot be polled, `EEXIST` for one that is
    /// registered already. After shutdown of the runtime: that it is being shut down.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without I/O.
    #[track_caller]
    pub unsafe fn register(inner: T) -> Result<Self, AsyncFdRegisterError<T>> {
        AsyncFd::enter(inner, BOTH)
    }

    /// As [`register`](Self::register), for the given interest only.
    ///
    /// # Safety
    ///
    /// See [`register`](Self::register).
    ///
    /// # Errors
    ///
    /// See [`register`](Self::register).
    ///
    /// # Panics
    ///
    /// See [`register`](Self::register).
    #[track_caller]
    pub unsafe fn register_with_interest(
        inner: T,
        interest: Interest,
    ) -> Result<Self, AsyncFdRegisterError<T>> {
        AsyncFd::enter(inner, interest)
    }

    /// As [`register`](Self::register), without saying what `inner` has to promise.
    ///
    /// # Errors
    ///
    /// See [`register`](Self::register); `inner` is dropped.
    ///
    /// # Panics
    ///
    /// See [`register`](Self::register).
    #[track_caller]
    #[deprecated(note = "`register` names what the caller has to promise")]
    pub fn new(inner: T) -> io::Result<Self> {
        AsyncFd::enter(inner, BOTH).map_err(io::Error::from)
    }

    /// As [`register_with_interest`](Self::register_with_interest), without saying what `inner` has to
    /// promise.
    ///
    /// # Errors
    ///
    /// See [`register`](Self::register); `inner` is dropped.
    ///
    /// # Panics
    ///
    /// See [`register`](Self::register).
    #[track_caller]
    #[deprecated(note = "`register_with_interest` names what the caller has to promise")]
    pub fn with_interest(inner: T, interest: Interest) -> io::Result<Self> {
        AsyncFd::enter(inner, interest).map_err(io::Error::from)
    }

    /// As [`register`](Self::register), without saying what `inner` has to promise.
    ///
    /// # Errors
    ///
    /// See [`register`](Self::register).
    ///
    /// # Panics
    ///
    /// See [`register`](Self::register).
    #[track_caller]
    #[deprecated(note = "`register` names what the caller has to promise")]
    pub fn try_new(inner: T) -> Result<Self, AsyncFdRegisterError<T>> {
        AsyncFd::enter(inner, BOTH)
    }

    /// As [`register_with_interest`](Self::register_with_interest), without saying what `inner` has to
    /// promise.
    ///
    /// # Errors
    ///
    /// See [`register`](Self::register).
    ///
    /// # Panics
    ///
    /// See [`register`](Self::register).
    #[track_caller]
    #[deprecated(note = "`register_with_interest` names what the caller has to promise")]
    pub fn try_with_interest(
        inner: T,
        interest: Interest,
    ) -> Result<Self, AsyncFdRegisterError<T>> {
        AsyncFd::enter(inner, interest)
    }

    #[track_caller]
    fn enter(inner: T, interest: Interest) -> Result<Self, AsyncFdRegisterError<T>> {
        let fd = inner.as_raw_fd();
        match Registration::new(&mut SourceFd(&fd), interest) {
            Ok(registration) => Ok(AsyncFd { registration, inner: Some(inner) }),
            Err(error) => Err(AsyncFdRegisterError { inner, error }),
        }
    }

    /// What was registered.
    pub fn get_ref(&self) -> &T {
        match &self.inner {
            Some(inner) => inner,
            None => unreachable!("AsyncFd: the inner value is there until it is taken apart"),
        }
    }

    /// What was registered. Its fd must stay the same and open.
    pub fn get_mut(&mut self) -> &mut T {
        match &mut self.inner {
            Some(inner) => inner,
            None => unreachable!("AsyncFd: the inner value is there until it is taken apart"),
        }
    }

    /// Takes the fd out of the poller and gives the inner value back.
    pub fn into_inner(mut self) -> T {
        match self.leave() {
            Some(inner) => inner,
            None => unreachable!("AsyncFd: the inner value is there until it is taken apart"),
        }
    }

    fn leave(&mut self) -> Option<T> {
        let inner = self.inner.take()?;
        let fd = inner.as_raw_fd();
        // Fails only if the fd was closed behind our back; then there is nothing to deregister.
        let _ = self.registration.deregister(&mut SourceFd(&fd));
        Some(inner)
    }

    /// Waits until it is readable, in poll form. Only the last caller's waker is kept; it is another than
    /// those of the tasks that wait in [`readable`](Self::readable).
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    pub fn poll_read_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let event = ready!(self.registration.poll_read_ready(cx))?;
        let seen = Seen::new(event, Interest::READABLE);
        Poll::Ready(Ok(AsyncFdReadyGuard { async_fd: self, seen }))
    }

    /// As [`poll_read_ready`](Self::poll_read_ready), for exclusive use.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    pub fn poll_read_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let event = ready!(self.registration.poll_read_ready(cx))?;
        let seen = Seen::new(event, Interest::READABLE);
        Poll::Ready(Ok(AsyncFdReadyMutGuard { async_fd: self, seen }))
    }

    /// Waits until it is writable, in poll form. Only the last caller's waker is kept; it is another than
    /// those of the tasks that wait in [`writable`](Self::writable).
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    pub fn poll_write_ready<'a>(
        &'a self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        let event = ready!(self.registration.poll_write_ready(cx))?;
        let seen = Seen::new(event, Interest::WRITABLE);
        Poll::Ready(Ok(AsyncFdReadyGuard { async_fd: self, seen }))
    }

    /// As [`poll_write_ready`](Self::poll_write_ready), for exclusive use.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    pub fn poll_write_ready_mut<'a>(
        &'a mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<AsyncFdReadyMutGuard<'a, T>>> {
        let event = ready!(self.registration.poll_write_ready(cx))?;
        let seen = Seen::new(event, Interest::WRITABLE);
        Poll::Ready(Ok(AsyncFdReadyMutGuard { async_fd: self, seen }))
    }

    /// Waits until one of `interest` is ready. Any number of tasks may wait. It may be a false alarm.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn ready(&self, interest: Interest) -> io::Result<AsyncFdReadyGuard<'_, T>> {
        let event = self.registration.readiness(interest).await?;
        Ok(AsyncFdReadyGuard { async_fd: self, seen: Seen::new(event, interest) })
    }

    /// As [`ready`](Self::ready), for exclusive use.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn ready_mut(
        &mut self,
        interest: Interest,
    ) -> io::Result<AsyncFdReadyMutGuard<'_, T>> {
        let event = self.registration.readiness(interest).await?;
        Ok(AsyncFdReadyMutGuard { async_fd: self, seen: Seen::new(event, interest) })
    }

    /// Waits until it is readable. Any number of tasks may wait. It may be a false alarm.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    #[allow(clippy::needless_lifetimes)] // as the API spells it
    pub async fn readable<'a>(&'a self) -> io::Result<AsyncFdReadyGuard<'a, T>> {
        self.ready(Interest::READABLE).await
    }

    /// As [`readable`](Self::readable), for exclusive use.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    #[allow(clippy::needless_lifetimes)] // as the API spells it
    pub async fn readable_mut<'a>(&'a mut self) -> io::Result<AsyncFdReadyMutGuard<'a, T>> {
        self.ready_mut(Interest::READABLE).await
    }

    /// Waits until it is writable. Any number of tasks may wait. It may be a false alarm.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    #[allow(clippy::needless_lifetimes)] // as the API spells it
    pub async fn writable<'a>(&'a self) -> io::Result<AsyncFdReadyGuard<'a, T>> {
        self.ready(Interest::WRITABLE).await
    }

    /// As [`writable`](Self::writable), for exclusive use.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    #[allow(clippy::needless_lifetimes)] // as the API spells it
    pub async fn writable_mut<'a>(&'a mut self) -> io::Result<AsyncFdReadyMutGuard<'a, T>> {
        self.ready_mut(Interest::WRITABLE).await
    }

    /// Waits for readiness and runs `f`, until it answers something else than `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Those of `f`; after shutdown of the runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe if `f` is one system call.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut f: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration.async_io(interest, || f(self.get_ref())).await
    }

    /// As [`async_io`](Self::async_io), for exclusive use.
    ///
    /// # Errors
    ///
    /// Those of `f`; after shutdown of the runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe if `f` is one system call.
    pub async fn async_io_mut<R>(
        &mut self,
        interest: Interest,
        mut f: impl FnMut(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        let AsyncFd { registration, inner } = self;
        let Some(inner) = inner else {
            unreachable!("AsyncFd: the inner value is there until it is taken apart")
        };
        registration.async_io(interest, || f(inner)).await
    }

    /// Runs `f` if it is ready for `interest`; clears the readiness if `f` answers `WouldBlock`.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when it is not ready; else those of `f`.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        f: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.registration.try_io(interest, || f(self.get_ref()))
    }

    /// As [`try_io`](Self::try_io), for exclusive use.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when it is not ready; else those of `f`.
    pub fn try_io_mut<R>(
        &mut self,
        interest: Interest,
        f: impl FnOnce(&mut T) -> io::Result<R>,
    ) -> io::Result<R> {
        let AsyncFd { registration, inner } = self;
        let Some(inner) = inner else {
            unreachable!("AsyncFd: the inner value is there until it is taken apart")
        };
        registration.try_io(interest, || f(inner))
    }
}

impl<T: AsRawFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.get_ref().as_raw_fd()
    }
}

impl<T: AsRawFd + AsFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFd<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncFd").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<T: AsRawFd> Drop for AsyncFd<T> {
    fn drop(&mut self) {
        // The registration first, then the value, which closes the fd.
        drop(self.leave());
    }
}

impl<'a, T: AsRawFd> AsyncFdReadyGuard<'a, T> {
    /// Says that what was seen is over: the next wait waits. An event that came since then is kept.
    pub fn clear_ready(&mut self) {
        Seen::clear(&mut self.seen, &self.async_fd.registration, Ready::ALL);
    }

    /// As [`clear_ready`](Self::clear_ready), for a part of what was seen.
    pub fn clear_ready_matching(&mut self, ready: Ready) {
        Seen::clear(&mut self.seen, &self.async_fd.registration, ready);
    }

    /// Does nothing: the readiness is kept unless it is cleared. For code that wants to say so.
    pub fn retain_ready(&mut self) {}

    /// What was seen and not cleared.
    pub fn ready(&self) -> Ready {
        Seen::ready(&self.seen)
    }

    /// Runs `f`; if it answers `WouldBlock`, clears the readiness.
    ///
    /// # Errors
    ///
    /// [`TryIoError`] if `f` would block: wait again. Other errors of `f` are in the inner result.
    pub fn try_io<R>(
        &mut self,
        f: impl FnOnce(&'a AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        match f(self.async_fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(TryIoError(()))
            }
            result => Ok(result),
        }
    }

    /// The `AsyncFd`.
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.async_fd
    }

    /// What was registered.
    pub fn get_inner(&self) -> &'a T {
        self.async_fd.get_ref()
    }
}

impl<T: AsRawFd> AsyncFdReadyMutGuard<'_, T> {
    /// Says that what was seen is over: the next wait waits. An event that came since then is kept.
    pub fn clear_ready(&mut self) {
        Seen::clear(&mut self.seen, &self.async_fd.registration, Ready::ALL);
    }

    /// As [`clear_ready`](Self::clear_ready), for a part of what was seen.
    pub fn clear_ready_matching(&mut self, ready: Ready) {
        Seen::clear(&mut self.seen, &self.async_fd.registration, ready);
    }

    /// Does nothing: the readiness is kept unless it is cleared. For code that wants to say so.
    pub fn retain_ready(&mut self) {}

    /// What was seen and not cleared.
    pub fn ready(&self) -> Ready {
        Seen::ready(&self.seen)
    }

    /// Runs `f`; if it answers `WouldBlock`, clears the readiness.
    ///
    /// # Errors
    ///
    /// [`TryIoError`] if `f` would block: wait again. Other errors of `f` are in the inner result.
    pub fn try_io<R>(
        &mut self,
        f: impl FnOnce(&mut AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        match f(self.async_fd) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.clear_ready();
                Err(TryIoError(()))
            }
            result => Ok(result),
        }
    }

    /// The `AsyncFd`.
    pub fn get_ref(&self) -> &AsyncFd<T> {
        self.async_fd
    }

    /// The `AsyncFd`.
    pub fn get_mut(&mut self) -> &mut AsyncFd<T> {
        self.async_fd
    }

    /// What was registered.
    pub fn get_inner(&self) -> &T {
        self.async_fd.get_ref()
    }

    /// What was registered.
    pub fn get_inner_mut(&mut self) -> &mut T {
        self.async_fd.get_mut()
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFdReadyGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyGuard").field("async_fd", &self.async_fd).finish_non_exhaustive()
    }
}

impl<T: AsRawFd + fmt::Debug> fmt::Debug for AsyncFdReadyMutGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MutReadyGuard").field("async_fd", &self.async_fd).finish_non_exhaustive()
    }
}

/// The operation would have blocked, and the readiness is cleared: wait again.
#[derive(Debug)]
pub struct TryIoError(());

/// An fd could not be registered; what owns it is given back.
pub struct AsyncFdRegisterError<T> {
    inner: T,
    error: io::Error,
}

impl<T> AsyncFdRegisterError<T> {
    /// What was to be registered, and why it was not.
    pub fn into_parts(self) -> (T, io::Error) {
        (self.inner, self.error)
    }
}

impl<T> fmt::Display for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> fmt::Debug for AsyncFdRegisterError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T> Error for AsyncFdRegisterError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl<T> From<AsyncFdRegisterError<T>> for io::Error {
    fn from(error: AsyncFdRegisterError<T>) -> io::Error {
        error.error
    }
}
