//! A TCP connection.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{ready, Context, Poll};
use std::time::Duration;

use socket2::SockRef;

use super::split::split;
use super::split_owned::split_owned;
use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::io::registration::Registered;
use crate::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use crate::net::addr::{lookup, no_address, ToSocketAddrs};
use crate::net::socket::{self, assert_nonblocking};
use crate::scheduler::netpoll::Direction;

/// Does the first event of a socket that connects tell how that ended? epoll gives a socket's state as it is
/// when it is registered, and one that could not connect has an error or is closed.
const EVENTS_TELL: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// A TCP connection.
///
/// Reading and writing go through [`AsyncRead`] and [`AsyncWrite`]. Nothing is buffered: flushing does
/// nothing, shutting down takes effect at once. Dropping it closes the connection.
///
/// Two tasks may use it at a time, one to read and one to write: see [`split`](Self::split) and
/// [`into_split`](Self::into_split). For more, the methods that take `&self` ([`readable`](Self::readable),
/// [`try_read`](Self::try_read)…) queue any number of tasks.
pub struct TcpStream {
    io: Registered<mio::net::TcpStream>,
}

impl TcpStream {
    /// Connects to an address. If there are several, each is tried in turn until one answers.
    ///
    /// There is no time limit but the system's own.
    ///
    /// # Errors
    ///
    /// The last address's error, or that there is none. After shutdown of the runtime: that it is being
    /// shut down.
    ///
    /// # Panics
    ///
    /// On the first poll outside of a runtime, or in one without I/O.
    pub async fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        // Not `first_that_works`, and nothing that is alive in an await need not be: this future is part of
        // every client's task.
        let lookup = lookup(&addr);
        drop(addr);
        let addrs = lookup.await?;
        let mut last = None;
        for addr in addrs {
            let begun = match mio::net::TcpStream::connect(addr) {
                Ok(begun) => begun,
                Err(error) => {
                    last = Some(error);
                    continue;
                }
            };
            match TcpStream::connected(begun).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(no_address))
    }

    /// Waits until a connection that was begun is made, or has failed.
    pub(super) async fn connected(begun: mio::net::TcpStream) -> io::Result<TcpStream> {
        let stream = TcpStream::new(begun)?;
        poll_fn(|cx| stream.poll_connected(cx)).await?;
        Ok(stream)
    }

    fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let registration = self.io.registration();
        loop {
            let event = ready!(registration.poll_write_ready(cx))?;
            let ready = Ready::from_bits(event.bits());
            if EVENTS_TELL && !ready.is_error() && !ready.is_write_closed() {
                return Poll::Ready(Ok(()));
            }
            if let Some(error) = self.io.take_error()? {
                return Poll::Ready(Err(error));
            }
            // Writable is a hint: the peer's address says whether the connection is there.
            match self.io.peer_addr() {
                Ok(_) => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                    registration.clear(event, Ready::WRITABLE);
                    if ready.is_write_closed() {
                        // Closed before it was made, and no error left to take.
                        return Poll::Ready(Err(error));
                    }
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    #[track_caller]
    pub(super) fn new(stream: mio::net::TcpStream) -> io::Result<TcpStream> {
        Ok(TcpStream { io: Registered::new(stream)? })
    }

    /// A connection that a listener gave: it can be written to at once, and its client may well have sent
    /// something already; the first read finds out.
    pub(super) fn accepted(stream: mio::net::TcpStream) -> io::Result<TcpStream> {
        let stream = TcpStream::new(stream)?;
        stream.io.registration().assume(Ready::READABLE | Ready::WRITABLE);
        Ok(stream)
    }

    /// Takes a stream of the standard library over. It must be connected and in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If it cannot be registered.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without I/O. With debug assertions also if the stream blocks.
    #[track_caller]
    pub fn from_std(stream: net::TcpStream) -> io::Result<TcpStream> {
        assert_nonblocking(&stream);
        TcpStream::new(mio::net::TcpStream::from_std(stream))
    }

    /// Gives it to the standard library. It stays in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If it cannot be deregistered.
    pub fn into_std(self) -> io::Result<net::TcpStream> {
        self.io.into_inner().map(net::TcpStream::from)
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// Of the system: `NotConnected` once the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr()
    }

    /// `SO_ERROR`: the error that waits on the socket, which is thereby taken.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }

    /// Reads without taking: the next read sees the same bytes. Waits until there are any; 0 is the end
    /// of the stream. The waker is shared with [`poll_read`](AsyncRead::poll_read): the last caller's is
    /// kept.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<usize>> {
        self.io.registration().poll_io(cx, Direction::Read, || socket::peek(&*self.io, buf))
    }

    /// As [`poll_peek`](Self::poll_peek); any number of tasks may wait.
    ///
    /// # Errors
    ///
    /// Of the system.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is taken in any case.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buf);
        self.io
            .registration()
            .async_io(Interest::READABLE, || socket::peek(&*self.io, &mut buf))
            .await
    }

    /// Waits until one of `interest` is ready and says what is. Any number of tasks may wait. It may be
    /// a false alarm; nothing is taken.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        self.io.registration().ready(interest).await
    }

    /// Waits until there is something to read, or the end. Meant to be followed by
    /// [`try_read`](Self::try_read). Any number of tasks may wait. It may be a false alarm.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await.map(|_| ())
    }

    /// As [`readable`](Self::readable) in poll form. The waker is shared with
    /// [`poll_read`](AsyncRead::poll_read) and [`poll_peek`](Self::poll_peek): the last caller's is kept.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.registration().poll_read_ready(cx).map_ok(|_| ())
    }

    /// Waits until something can be written. Meant to be followed by [`try_write`](Self::try_write). Any
    /// number of tasks may wait. It may be a false alarm.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await.map(|_| ())
    }

    /// As [`writable`](Self::writable) in poll form. The waker is shared with
    /// [`poll_write`](AsyncWrite::poll_write): the last caller's is kept.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.registration().poll_write_ready(cx).map_ok(|_| ())
    }

    /// Reads what is there, without waiting. 0 is the end of the stream (or an empty `buf`).
    ///
    /// # Errors
    ///
    /// `WouldBlock` when nothing is there; else of the system.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        socket::try_read(&self.io, |mut stream| stream.read(buf))
    }

    /// As [`try_read`](Self::try_read) into several buffers in a row.
    ///
    /// # Errors
    ///
    /// See [`try_read`](Self::try_read).
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        socket::try_read(&self.io, |mut stream| stream.read_vectored(bufs))
    }

    /// As [`try_read`](Self::try_read) into the spare room of `buf`, whose filled part grows.
    ///
    /// # Errors
    ///
    /// See [`try_read`](Self::try_read).
    #[cfg(feature = "io-util")]
    pub fn try_read_buf<B: bytes::BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        socket::try_read(&self.io, |stream| {
            socket::into_buf_mut(buf, |buf| socket::recv(stream, buf))
        })
    }

    /// Writes what fits, without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when nothing fits; else of the system.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        socket::try_write(&self.io, |mut stream| stream.write(buf))
    }

    /// As [`try_write`](Self::try_write) from several buffers in a row.
    ///
    /// # Errors
    ///
    /// See [`try_write`](Self::try_write).
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        socket::try_write(&self.io, |mut stream| stream.write_vectored(bufs))
    }

    /// Runs `f`, which does I/O on this socket by other means, if the poller has said that the socket is
    /// ready for `interest`. When `f` answers `WouldBlock` the readiness is cleared; `f` must not answer
    /// it for any other reason, and must not use the methods of this stream.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when it is not ready; else those of `f`.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        f: impl FnOnce() -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.registration().try_io(interest, || self.io.try_io(f))
    }

    /// As [`try_io`](Self::try_io), but waits and tries again until `f` answers something else than
    /// `WouldBlock`.
    ///
    /// # Errors
    ///
    /// Those of `f`; after shutdown of the runtime.
    pub async fn async_io<R>(
        &self,
        interest: Interest,
        mut f: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.registration().async_io(interest, || self.io.try_io(&mut f)).await
    }

    /// Shuts a direction down at once; what the trait's `poll_shutdown` does for writing.
    pub(super) fn shutdown_std(&self, how: Shutdown) -> io::Result<()> {
        self.io.shutdown(how)
    }

    /// `TCP_NODELAY`: are small writes sent at once?
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.io.nodelay()
    }

    /// Sets `TCP_NODELAY`: small writes are sent at once and not gathered (Nagle's algorithm).
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.io.set_nodelay(nodelay)
    }

    /// `TCP_QUICKACK`: are acknowledgements sent at once?
    ///
    /// # Errors
    ///
    /// Of the system.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    pub fn quickack(&self) -> io::Result<bool> {
        SockRef::from(&*self.io).tcp_quickack()
    }

    /// Sets `TCP_QUICKACK`. The system may reset it: it has to be set again now and then.
    ///
    /// # Errors
    ///
    /// Of the system.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia"))]
    pub fn set_quickack(&self, quickack: bool) -> io::Result<()> {
        SockRef::from(&*self.io).set_tcp_quickack(quickack)
    }

    /// `SO_LINGER`: how long closing waits for what was not yet sent.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(&*self.io).linger()
    }

    /// Sets `SO_LINGER`.
    ///
    /// # Errors
    ///
    /// Of the system.
    #[deprecated(
        note = "a linger time makes the thread wait when the socket is dropped; see `set_zero_linger`"
    )]
    pub fn set_linger(&self, dur: Option<Duration>) -> io::Result<()> {
        SockRef::from(&*self.io).set_linger(dur)
    }

    /// Sets a linger time of zero: closing drops what was not yet sent and resets the connection.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        SockRef::from(&*self.io).set_linger(Some(Duration::ZERO))
    }

    /// `IP_TTL`: over how many routers its packets may go.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.ttl()
    }

    /// Sets `IP_TTL`.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.set_ttl(ttl)
    }

    /// Borrows it as two halves, which may be used at the same time within one task. Costs nothing.
    pub fn split<'a>(&'a mut self) -> (ReadHalf<'a>, WriteHalf<'a>) {
        split(self)
    }

    /// Makes two halves of it that can go to tasks of their own. Dropping the writing half shuts the
    /// writing direction down.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        split_owned(self)
    }

    pub(super) fn poll_read_shared(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        socket::poll_recv(&self.io, cx, buf)
    }

    pub(super) fn poll_write_shared(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let registration = self.io.registration();
        registration.poll_transfer(cx, Direction::Write, buf.len(), || (&*self.io).write(buf))
    }

    pub(super) fn poll_write_vectored_shared(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wanted = bufs.iter().fold(0usize, |sum, buf| sum.saturating_add(buf.len()));
        let registration = self.io.registration();
        registration
            .poll_transfer(cx, Direction::Write, wanted, || (&*self.io).write_vectored(bufs))
    }

    pub(super) fn poll_shutdown_shared(&self) -> Poll<io::Result<()>> {
        Poll::Ready(match self.shutdown_std(Shutdown::Write) {
            // The peer has reset the connection: there is nothing left to shut down.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            done => done,
        })
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_read_shared(cx, buf)
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_shared(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored_shared(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing is buffered: always done.
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_shutdown_shared()
    }
}

impl AsRef<TcpStream> for TcpStream {
    fn as_ref(&self) -> &TcpStream {
        self
    }
}

impl TryFrom<net::TcpStream> for TcpStream {
    type Error = io::Error;

    /// As [`TcpStream::from_std`].
    fn try_from(stream: net::TcpStream) -> io::Result<TcpStream> {
        TcpStream::from_std(stream)
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

crate::net::socket::handles!(TcpStream);
