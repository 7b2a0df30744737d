//! Accepting TCP connections.

use std::fmt;
use std::future::ready;
use std::io;
use std::net::{self, SocketAddr};
use std::task::{Context, Poll};

use crate::io::registration::Registered;
use crate::io::Interest;
use crate::net::addr::{first_that_works, ToSocketAddrs};
use crate::net::socket::assert_nonblocking;
use crate::net::TcpStream;
use crate::scheduler::netpoll::Direction;

/// A TCP socket that accepts connections.
///
/// Dropping it closes it at once.
pub struct TcpListener {
    io: Registered<mio::net::TcpListener>,
}

impl TcpListener {
    /// Listens at an address; port 0 lets the system choose one, see [`local_addr`](Self::local_addr).
    ///
    /// If there are several addresses, each is tried until one works. On Unix `SO_REUSEADDR` is set, so
    /// that a server can be restarted. For other options make a [`TcpSocket`](crate::net::TcpSocket).
    ///
    /// # Errors
    ///
    /// The last address's error, or that there is none. After shutdown of the runtime: that it is being
    /// shut down.
    ///
    /// # Panics
    ///
    /// On the first poll outside of a runtime, or in one without I/O.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        first_that_works(addr, |addr| {
            ready(mio::net::TcpListener::bind(addr).and_then(TcpListener::new))
        })
        .await
    }

    #[track_caller]
    pub(super) fn new(listener: mio::net::TcpListener) -> io::Result<TcpListener> {
        let io = Registered::with_interest(listener, Interest::READABLE)?;
        Ok(TcpListener { io })
    }

    /// Waits for a connection. Several tasks may wait at the same listener.
    ///
    /// # Errors
    ///
    /// Errors that concern one connection only (it was aborted, the process has no fds left) are given to
    /// the caller, and the listener goes on. A server should treat them as such: wait a moment and accept
    /// again.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a future that is dropped has accepted nothing.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, addr) =
            self.io.registration().async_io(Interest::READABLE, || self.io.accept()).await?;
        Ok((TcpStream::accepted(stream)?, addr))
    }

    /// As [`accept`](Self::accept) in poll form. Only the last caller's waker is kept.
    ///
    /// # Errors
    ///
    /// See [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let accepted = self.io.registration().poll_io(cx, Direction::Read, || self.io.accept());
        accepted.map(|result| {
            let (stream, addr) = result?;
            Ok((TcpStream::accepted(stream)?, addr))
        })
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
    pub fn from_std(listener: net::TcpListener) -> io::Result<TcpListener> {
        assert_nonblocking(&listener);
        TcpListener::new(mio::net::TcpListener::from_std(listener))
    }

    /// Gives it to the standard library. It stays in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If it cannot be deregistered.
    pub fn into_std(self) -> io::Result<net::TcpListener> {
        self.io.into_inner().map(net::TcpListener::from)
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// `IP_TTL`: over how many routers its packets may go.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.ttl()
    }

    /// Sets `IP_TTL`. Accepted connections inherit it on most systems.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.set_ttl(ttl)
    }
}

impl TryFrom<net::TcpListener> for TcpListener {
    type Error = io::Error;

    /// As [`TcpListener::from_std`].
    fn try_from(listener: net::TcpListener) -> io::Result<TcpListener> {
        TcpListener::from_std(listener)
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

crate::net::socket::handles!(TcpListener);
