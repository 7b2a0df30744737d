//! A Unix domain socket before it is connected or listens.

use std::fmt;
use std::io;
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::net::{UnixDatagram, UnixListener, UnixStream};

/// A Unix domain socket that is not yet connected and does not listen yet.
///
/// It is not known to any runtime: making and binding it needs none.
pub struct UnixSocket {
    io: Socket,
}

impl UnixSocket {
    /// A socket for datagrams, in non-blocking mode.
    ///
    /// # Errors
    ///
    /// Of the system: no fds left.
    pub fn new_datagram() -> io::Result<UnixSocket> {
        UnixSocket::new(Type::DGRAM)
    }

    /// A socket for streams, in non-blocking mode.
    ///
    /// # Errors
    ///
    /// Of the system: no fds left.
    pub fn new_stream() -> io::Result<UnixSocket> {
        UnixSocket::new(Type::STREAM)
    }

    fn new(ty: Type) -> io::Result<UnixSocket> {
        let io = Socket::new(Domain::UNIX, ty, None)?;
        io.set_nonblocking(true)?;
        Ok(UnixSocket { io })
    }

    /// Binds it to a path, where it makes a file that stays after the socket is gone. On Linux a path
    /// that begins with a NUL byte is an abstract name.
    ///
    /// # Errors
    ///
    /// Of the system: the path is in use or too long.
    pub fn bind(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.io.bind(&SockAddr::unix(path)?)
    }

    /// Listens, with room for `backlog` connections that nobody has accepted yet. Here the socket joins
    /// the current runtime.
    ///
    /// # Errors
    ///
    /// If it is a socket for datagrams; else of the system.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without I/O.
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<UnixListener> {
        self.expect(Type::STREAM, "listen cannot be called on a datagram socket")?;
        self.io.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        UnixListener::new(mio::net::UnixListener::from_std(self.io.into()))
    }

    /// Connects to the listener at `path`. Here the socket joins the current runtime.
    ///
    /// # Errors
    ///
    /// If it is a socket for datagrams; else of the system.
    ///
    /// # Panics
    ///
    /// On the first poll outside of a runtime, or in one without I/O.
    pub async fn connect(self, path: impl AsRef<Path>) -> io::Result<UnixStream> {
        self.expect(Type::STREAM, "connect cannot be called on a datagram socket")?;
        match self.io.connect(&SockAddr::unix(path)?) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        UnixStream::connected(mio::net::UnixStream::from_std(self.io.into())).await
    }

    /// Makes a [`UnixDatagram`] of it. Here the socket joins the current runtime.
    ///
    /// # Errors
    ///
    /// If it is a socket for streams.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without I/O.
    #[track_caller]
    pub fn datagram(self) -> io::Result<UnixDatagram> {
        self.expect(Type::DGRAM, "datagram cannot be called on a stream socket")?;
        UnixDatagram::new(mio::net::UnixDatagram::from_std(self.io.into()))
    }

    fn expect(&self, ty: Type, otherwise: &'static str) -> io::Result<()> {
        if self.io.r#type()? == ty {
            Ok(())
        } else {
            Err(io::Error::other(otherwise))
        }
    }
}

impl fmt::Debug for UnixSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

crate::net::socket::handles!(UnixSocket);
crate::net::socket::raw_handles!(UnixSocket);
