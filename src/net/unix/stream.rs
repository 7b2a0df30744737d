//! A connection over a Unix domain socket.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::unix::net;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::addr::named;
use super::split::split;
use super::split_owned::split_owned;
use super::ucred::peer_cred;
use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, SocketAddr, UCred, WriteHalf};
use crate::io::registration::Registered;
use crate::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use crate::net::socket::{self, assert_nonblocking};
use crate::scheduler::netpoll::Direction;

/// A connection between two processes of this machine, over a Unix domain socket.
///
/// Used as [`TcpStream`](crate::net::TcpStream) is: reading and writing go through [`AsyncRead`] and
/// [`AsyncWrite`], nothing is buffered, dropping it closes the connection.
pub struct UnixStream {
    io: Registered<mio::net::UnixStream>,
}

impl UnixStream {
    /// Connects to the listener at `path`. On Linux a path that begins with a NUL byte is an abstract
    /// name.
    ///
    /// # Errors
    ///
    /// Of the system: nobody listens there, its queue is full, the path is too long. After shutdown of
    /// the runtime: that it is being shut down.
    ///
    /// # Panics
    ///
    /// On the first poll outside of a runtime, or in one without I/O.
    pub async fn connect<P>(path: P) -> io::Result<UnixStream>
    where
        P: AsRef<Path>,
    {
        let addr = named(path.as_ref())?;
        UnixStream::connected(mio::net::UnixStream::connect_addr(&addr)?).await
    }

    /// As [`connect`](Self::connect), to an address.
    ///
    /// # Errors
    ///
    /// See [`connect`](Self::connect).
    ///
    /// # Panics
    ///
    /// See [`connect`](Self::connect).
    pub async fn connect_addr(socket_addr: &SocketAddr) -> io::Result<UnixStream> {
        UnixStream::connected(mio::net::UnixStream::connect_addr(&socket_addr.0)?).await
    }

    /// Waits until a connection that was begun is made, or has failed.
    pub(super) async fn connected(stream: mio::net::UnixStream) -> io::Result<UnixStream> {
        let stream = UnixStream::new(stream)?;
        stream.writable().await?;
        match stream.io.take_error()? {
            Some(error) => Err(error),
            None => Ok(stream),
        }
    }

    #[track_caller]
    pub(super) fn new(stream: mio::net::UnixStream) -> io::Result<UnixStream> {
        Ok(UnixStream { io: Registered::new(stream)? })
    }

    /// A connection that a listener gave: it can be written to at once, and its client may well have sent
    /// something already; the first read finds out.
    #[track_caller]
    pub(super) fn accepted(stream: mio::net::UnixStream) -> io::Result<UnixStream> {
        let stream = UnixStream::new(stream)?;
        stream.io.registration().assume(Ready::READABLE | Ready::WRITABLE);
        Ok(stream)
    }

    /// One that was born connected: nobody has sent anything.
    #[track_caller]
    fn born(stream: mio::net::UnixStream) -> io::Result<UnixStream> {
        let stream = UnixStream::new(stream)?;
        stream.io.registration().assume(Ready::WRITABLE);
        Ok(stream)
    }

    /// Two streams that are connected to each other and have no names.
    ///
    /// # Errors
    ///
    /// Of the system: no fds left. After shutdown of the runtime.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without I/O.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (a, b) = mio::net::UnixStream::pair()?;
        Ok((UnixStream::born(a)?, UnixStream::born(b)?))
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
    pub fn from_std(stream: net::UnixStream) -> io::Result<UnixStream> {
        assert_nonblocking(&stream);
        UnixStream::new(mio::net::UnixStream::from_std(stream))
    }

    /// Gives it to the standard library. It stays in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If it cannot be deregistered.
    pub fn into_std(self) -> io::Result<net::UnixStream> {
        self.io.into_inner().map(net::UnixStream::from)
    }

    /// The address of this end, most often unnamed.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr().map(SocketAddr)
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr().map(SocketAddr)
    }

    /// Who the process at the other end was when it connected.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn peer_cred(&self) -> io::Result<UCred> {
        peer_cred(self)
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
    /// [`poll_read`](AsyncRead::poll_read): the last caller's is kept.
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

    /// `SO_ERROR`: the error that waits on the socket, which is thereby taken.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
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

    /// Shuts a direction down at once; what the trait's `poll_shutdown` does for writing.
    pub(super) fn shutdown_std(&self, how: Shutdown) -> io::Result<()> {
        match self.io.shutdown(how) {
            // The peer is gone already: nothing is left to shut down.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }

    pub(super) fn poll_read_shared(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Not `poll_transfer`: a read also ends short where a message with fds or credentials begins, so
        // a short one does not prove that nothing is left.
        let registration = self.io.registration();
        registration.poll_message(cx, || socket::recv(&*self.io, buf)).map_ok(|_| ())
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
        Poll::Ready(self.shutdown_std(Shutdown::Write))
    }
}

impl AsyncRead for UnixStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_read_shared(cx, buf)
    }
}

impl AsyncWrite for UnixStream {
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

impl AsRef<UnixStream> for UnixStream {
    fn as_ref(&self) -> &UnixStream {
        self
    }
}

impl TryFrom<net::UnixStream> for UnixStream {
    type Error = io::Error;

    /// As [`UnixStream::from_std`].
    fn try_from(stream: net::UnixStream) -> io::Result<UnixStream> {
        UnixStream::from_std(stream)
    }
}

impl fmt::Debug for UnixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

crate::net::socket::handles!(UnixStream);
