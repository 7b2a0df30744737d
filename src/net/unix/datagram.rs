//! Datagrams over Unix domain sockets.

use std::fmt;
use std::io;
use std::net::Shutdown;
use std::os::unix::net;
use std::path::Path;
use std::task::{Context, Poll};

use super::addr::named;
use super::SocketAddr;
use crate::io::registration::Registered;
use crate::io::{Interest, ReadBuf, Ready};
use crate::net::socket::{self, assert_nonblocking};
use crate::scheduler::netpoll::Direction;

/// A Unix domain socket for datagrams.
///
/// All operations take `&self`: several tasks may send and receive at once. Datagrams are neither lost nor
/// reordered; sending waits while the receiver's queue is full. One that is longer than the buffer is cut
/// off silently.
pub struct UnixDatagram {
    io: Registered<mio::net::UnixDatagram>,
}

impl UnixDatagram {
    /// Binds to a path, where it makes a file that stays after the socket is gone. On Linux a path that
    /// begins with a NUL byte is an abstract name.
    ///
    /// # Errors
    ///
    /// Of the system: the path is in use or too long. After shutdown of the runtime.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without I/O.
    #[track_caller]
    pub fn bind<P>(path: P) -> io::Result<UnixDatagram>
    where
        P: AsRef<Path>,
    {
        UnixDatagram::new(mio::net::UnixDatagram::bind_addr(&named(path.as_ref())?)?)
    }

    #[track_caller]
    pub(super) fn new(socket: mio::net::UnixDatagram) -> io::Result<UnixDatagram> {
        Ok(UnixDatagram { io: Registered::new(socket)? })
    }

    /// Two sockets that are connected to each other and have no names.
    ///
    /// # Errors
    ///
    /// Of the system: no fds left. After shutdown of the runtime.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without I/O.
    #[track_caller]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (a, b) = mio::net::UnixDatagram::pair()?;
        let (a, b) = (UnixDatagram::new(a)?, UnixDatagram::new(b)?);
        a.io.registration().assume(Ready::WRITABLE);
        b.io.registration().assume(Ready::WRITABLE);
        Ok((a, b))
    }

    /// Takes a socket of the standard library over. It must be in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If it cannot be registered.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without I/O. With debug assertions also if the socket blocks.
    #[track_caller]
    pub fn from_std(datagram: net::UnixDatagram) -> io::Result<UnixDatagram> {
        assert_nonblocking(&datagram);
        UnixDatagram::new(mio::net::UnixDatagram::from_std(datagram))
    }

    /// Gives it to the standard library. It stays in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If it cannot be deregistered.
    pub fn into_std(self) -> io::Result<net::UnixDatagram> {
        self.io.into_inner().map(net::UnixDatagram::from)
    }

    /// A socket without a name: it can send, but nobody can answer.
    ///
    /// # Errors
    ///
    /// Of the system: no fds left. After shutdown of the runtime.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without I/O.
    #[track_caller]
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::new(mio::net::UnixDatagram::unbound()?)
    }

    /// Sets the peer: where [`send`](Self::send) sends to, and the only one from which anything is
    /// received.
    ///
    /// # Errors
    ///
    /// Of the system: nobody is bound there.
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        let addr = socket2_addr(path.as_ref())?;
        socket2::SockRef::from(&*self.io).connect(&addr)
    }

    /// The address that it is bound to.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr().map(SocketAddr)
    }

    /// The peer that [`connect`](Self::connect) has set.
    ///
    /// # Errors
    ///
    /// `NotConnected` without one.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr().map(SocketAddr)
    }

    /// Shuts one direction down, or both, at once.
    ///
    /// # Errors
    ///
    /// Of the system: there is no peer.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.io.shutdown(how)
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

    /// Waits until a datagram can be sent. Any number of tasks may wait. It may be a false alarm.
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

    /// As [`writable`](Self::writable) in poll form. The waker is shared by all `poll_send*` methods: the
    /// last caller's is kept.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    pub fn poll_send_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.registration().poll_write_ready(cx).map_ok(|_| ())
    }

    /// Waits until a datagram is there. Any number of tasks may wait. It may be a false alarm.
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

    /// As [`readable`](Self::readable) in poll form. The waker is shared by all `poll_recv*`
    /// methods: the last caller's is kept.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.registration().poll_read_ready(cx).map_ok(|_| ())
    }

    /// Sends a datagram to the peer set by [`connect`](Self::connect). It is sent whole or not at all.
    ///
    /// # Errors
    ///
    /// Of the system: there is no peer, it is gone, the datagram is too long.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a future that is dropped has sent nothing.
    pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.registration().async_io(Interest::WRITABLE, || self.io.send(buf)).await
    }

    /// As [`send`](Self::send) in poll form. The last caller's waker is kept.
    ///
    /// # Errors
    ///
    /// See [`send`](Self::send).
    pub fn poll_send(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io.registration().poll_io(cx, Direction::Write, || self.io.send(buf))
    }

    /// As [`send`](Self::send), without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if it would wait; else see [`send`](Self::send).
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        socket::try_write(&self.io, |socket| socket.send(buf))
    }

    /// Receives a datagram from the peer set by [`connect`](Self::connect), and says how long it is.
    ///
    /// # Errors
    ///
    /// Of the system.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a future that is dropped has received nothing.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buf);
        self.receive(|socket| socket::recv(socket, &mut buf)).await
    }

    /// As [`recv`](Self::recv) in poll form. The last caller's waker is kept.
    ///
    /// # Errors
    ///
    /// See [`recv`](Self::recv).
    pub fn poll_recv(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_receive(cx, |socket| socket::recv(socket, buf)).map_ok(|_| ())
    }

    /// As [`recv`](Self::recv), without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing is there; else see [`recv`](Self::recv).
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        socket::try_read(&self.io, |socket| socket::recv(socket, &mut ReadBuf::new(buf)))
    }

    /// As [`try_recv`](Self::try_recv) into the spare room of `buf`, whose filled part grows.
    ///
    /// # Errors
    ///
    /// See [`try_recv`](Self::try_recv).
    #[cfg(feature = "io-util")]
    pub fn try_recv_buf<B: bytes::BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        socket::try_read(&self.io, |socket| {
            socket::into_buf_mut(buf, |buf| socket::recv(socket, buf))
        })
    }

    /// As [`recv`](Self::recv) into the spare room of `buf`, whose filled part grows.
    ///
    /// # Errors
    ///
    /// See [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    #[cfg(feature = "io-util")]
    pub async fn recv_buf<B: bytes::BufMut>(&self, buf: &mut B) -> io::Result<usize> {
        self.receive(|socket| socket::into_buf_mut(buf, |buf| socket::recv(socket, buf))).await
    }

    /// Runs `f`, which does I/O on this socket by other means, if the poller has said that the socket is
    /// ready for `interest`. When `f` answers `WouldBlock` the readiness is cleared; `f` must not answer
    /// it for any other reason, and must not use the methods of this socket.
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

    /// Sends a datagram to the socket bound at `target`.
    ///
    /// # Errors
    ///
    /// Of the system: nobody is bound there, the datagram is too long.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a future that is dropped has sent nothing.
    pub async fn send_to<P>(&self, buf: &[u8], target: P) -> io::Result<usize>
    where
        P: AsRef<Path>,
    {
        let target = socket2_addr(target.as_ref())?;
        let send = || send_to(&self.io, buf, &target);
        self.io.registration().async_io(Interest::WRITABLE, send).await
    }

    /// As [`send_to`](Self::send_to) in poll form. The last caller's waker is kept.
    ///
    /// # Errors
    ///
    /// See [`send_to`](Self::send_to).
    pub fn poll_send_to<P>(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: P,
    ) -> Poll<io::Result<usize>>
    where
        P: AsRef<Path>,
    {
        let target = match socket2_addr(target.as_ref()) {
            Ok(target) => target,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let send = || send_to(&self.io, buf, &target);
        self.io.registration().poll_io(cx, Direction::Write, send)
    }

    /// As [`send_to`](Self::send_to), without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if it would wait; else see [`send_to`](Self::send_to).
    pub fn try_send_to<P>(&self, buf: &[u8], target: P) -> io::Result<usize>
    where
        P: AsRef<Path>,
    {
        let target = socket2_addr(target.as_ref())?;
        socket::try_write(&self.io, |socket| send_to(socket, buf, &target))
    }

    /// Receives a datagram, and says how long it is and who sent it.
    ///
    /// # Errors
    ///
    /// Of the system.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a future that is dropped has received nothing.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.receive(|socket| recv_from(socket, &mut ReadBuf::new(buf))).await
    }

    /// As [`recv_from`](Self::recv_from) in poll form. The last caller's waker is kept.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        self.poll_receive(cx, |socket| recv_from(socket, buf)).map_ok(|(_, from)| from)
    }

    /// As [`recv_from`](Self::recv_from), without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing is there; else of the system.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        socket::try_read(&self.io, |socket| recv_from(socket, &mut ReadBuf::new(buf)))
    }

    /// As [`try_recv_from`](Self::try_recv_from) into the spare room of `buf`, whose filled part grows.
    ///
    /// # Errors
    ///
    /// See [`try_recv_from`](Self::try_recv_from).
    #[cfg(feature = "io-util")]
    pub fn try_recv_buf_from<B: bytes::BufMut>(
        &self,
        buf: &mut B,
    ) -> io::Result<(usize, SocketAddr)> {
        socket::try_read(&self.io, |socket| socket::into_buf_mut(buf, |buf| recv_from(socket, buf)))
    }

    /// As [`recv_from`](Self::recv_from) into the spare room of `buf`, whose filled part grows.
    ///
    /// # Errors
    ///
    /// See [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    #[cfg(feature = "io-util")]
    pub async fn recv_buf_from<B: bytes::BufMut>(
        &self,
        buf: &mut B,
    ) -> io::Result<(usize, SocketAddr)> {
        self.receive(|socket| socket::into_buf_mut(buf, |buf| recv_from(socket, buf))).await
    }

    async fn receive<R>(
        &self,
        mut call: impl FnMut(&mio::net::UnixDatagram) -> io::Result<R>,
    ) -> io::Result<R> {
        self.io.registration().async_message(Interest::READABLE, || call(&self.io)).await
    }

    fn poll_receive<R>(
        &self,
        cx: &mut Context<'_>,
        mut call: impl FnMut(&mio::net::UnixDatagram) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.io.registration().poll_message(cx, || call(&self.io))
    }
}

/// A path in the system's form; std's address cannot be given to a socket that exists already.
fn socket2_addr(path: &Path) -> io::Result<socket2::SockAddr> {
    socket2::SockAddr::unix(path)
}

fn send_to(
    socket: &mio::net::UnixDatagram,
    buf: &[u8],
    target: &socket2::SockAddr,
) -> io::Result<usize> {
    socket.try_io(|| socket2::SockRef::from(socket).send_to(buf, target))
}

/// Initialises the buffer first: std's call, which knows unnamed senders, wants plain bytes.
fn recv_from(
    socket: &mio::net::UnixDatagram,
    buf: &mut ReadBuf<'_>,
) -> io::Result<(usize, SocketAddr)> {
    let (received, from) = socket.recv_from(buf.initialize_unfilled())?;
    buf.advance(received);
    Ok((received, SocketAddr(from)))
}

impl TryFrom<net::UnixDatagram> for UnixDatagram {
    type Error = io::Error;

    /// As [`UnixDatagram::from_std`].
    fn try_from(datagram: net::UnixDatagram) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(datagram)
    }
}

impl fmt::Debug for UnixDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

crate::net::socket::handles!(UnixDatagram);
