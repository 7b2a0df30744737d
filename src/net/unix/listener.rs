//! Accepting connections over Unix domain sockets.

use std::fmt;
use std::io;
use std::os::unix::net;
use std::path::Path;
use std::task::{Context, Poll};

use super::addr::named;
use super::SocketAddr;
use crate::io::registration::Registered;
use crate::io::Interest;
use crate::net::socket::assert_nonblocking;
use crate::net::UnixStream;
use crate::scheduler::netpoll::Direction;

/// A Unix domain socket that accepts connections.
///
/// Dropping it closes it; the file at its path stays and has to be removed before the path can be bound
/// again.
pub struct UnixListener {
    io: Registered<mio::net::UnixListener>,
}

impl UnixListener {
    /// Listens at a path. On Linux a path that begins with a NUL byte is an abstract name, which leaves
    /// no file.
    ///
    /// # Errors
    ///
    /// Of the system: the path is in use or too long. After shutdown of the runtime.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without I/O.
    #[track_caller]
    pub fn bind<P>(path: P) -> io::Result<UnixListener>
    where
        P: AsRef<Path>,
    {
        UnixListener::new(mio::net::UnixListener::bind_addr(&named(path.as_ref())?)?)
    }

    /// As [`bind`](Self::bind), at an address.
    ///
    /// # Errors
    ///
    /// See [`bind`](Self::bind).
    ///
    /// # Panics
    ///
    /// See [`bind`](Self::bind).
    #[track_caller]
    pub fn bind_addr(socket_addr: &SocketAddr) -> io::Result<UnixListener> {
        UnixListener::new(mio::net::UnixListener::bind_addr(&socket_addr.0)?)
    }

    #[track_caller]
    pub(super) fn new(listener: mio::net::UnixListener) -> io::Result<UnixListener> {
        let io = Registered::with_interest(listener, Interest::READABLE)?;
        Ok(UnixListener { io })
    }

    /// Takes a listener of the standard library over. It must be in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If it cannot be registered.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without I/O. With debug assertions also if the listener blocks.
    #[track_caller]
    pub fn from_std(listener: net::UnixListener) -> io::Result<UnixListener> {
        assert_nonblocking(&listener);
        UnixListener::new(mio::net::UnixListener::from_std(listener))
    }

    /// Gives it to the standard library. It stays in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If it cannot be deregistered.
    pub fn into_std(self) -> io::Result<net::UnixListener> {
        self.io.into_inner().map(net::UnixListener::from)
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr().map(SocketAddr)
    }

    /// `SO_ERROR`: the error that waits on the socket, which is thereby taken.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }

    /// Waits for a connection. Several tasks may wait at the same listener.
    ///
    /// # Errors
    ///
    /// See [`TcpListener::accept`](crate::net::TcpListener::accept).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a future that is dropped has accepted nothing.
    pub async fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (stream, addr) =
            self.io.registration().async_io(Interest::READABLE, || self.io.accept()).await?;
        Ok((UnixStream::accepted(stream)?, SocketAddr(addr)))
    }

    /// As [`accept`](Self::accept) in poll form. Only the last caller's waker is kept.
    ///
    /// # Errors
    ///
    /// See [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        let accepted = self.io.registration().poll_io(cx, Direction::Read, || self.io.accept());
        accepted.map(|result| {
            let (stream, addr) = result?;
            Ok((UnixStream::accepted(stream)?, SocketAddr(addr)))
        })
    }
}

impl TryFrom<net::UnixListener> for UnixListener {
    type Error = io::Error;

    /// As [`UnixListener::from_std`].
    fn try_from(listener: net::UnixListener) -> io::Result<UnixListener> {
        UnixListener::from_std(listener)
    }
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

crate::net::socket::handles!(UnixListener);
