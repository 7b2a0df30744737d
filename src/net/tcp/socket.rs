//! A TCP socket before it is connected or listens.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::net::{TcpListener, TcpStream};

/// A TCP socket whose options are set before it is connected or listens.
///
/// It is not known to any runtime yet: making and setting it needs none.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// let socket = gmp::net::TcpSocket::new_v4()?;
/// socket.set_reuseaddr(true)?;
/// socket.bind("127.0.0.1:0".parse().unwrap())?;
/// assert_ne!(socket.local_addr()?.port(), 0);
/// # Ok(())
/// # }
/// ```
pub struct TcpSocket {
    io: Socket,
}

impl TcpSocket {
    /// A socket for IPv4, in non-blocking mode.
    ///
    /// # Errors
    ///
    /// Of the system: no fds left.
    pub fn new_v4() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV4)
    }

    /// A socket for IPv6, in non-blocking mode.
    ///
    /// # Errors
    ///
    /// Of the system: no fds left, no IPv6.
    pub fn new_v6() -> io::Result<TcpSocket> {
        TcpSocket::new(Domain::IPV6)
    }

    fn new(domain: Domain) -> io::Result<TcpSocket> {
        let io = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        io.set_nonblocking(true)?;
        Ok(TcpSocket { io })
    }

    /// Takes over a socket of the standard library that other code has bound or configured. It is not
    /// changed; it should be in non-blocking mode and not yet connected.
    pub fn from_std_stream(std_stream: std::net::TcpStream) -> TcpSocket {
        TcpSocket { io: Socket::from(std_stream) }
    }

    /// Sets `SO_KEEPALIVE`: a connection on which nothing happens is probed, with the system's timings.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
        self.io.set_keepalive(keepalive)
    }

    /// `SO_KEEPALIVE`, see [`set_keepalive`](Self::set_keepalive).
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn keepalive(&self) -> io::Result<bool> {
        self.io.keepalive()
    }

    /// Sets `SO_REUSEADDR`: on Unix, an address may be bound on which old connections still linger.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn set_reuseaddr(&self, reuseaddr: bool) -> io::Result<()> {
        self.io.set_reuse_address(reuseaddr)
    }

    /// `SO_REUSEADDR`, see [`set_reuseaddr`](Self::set_reuseaddr).
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn reuseaddr(&self) -> io::Result<bool> {
        self.io.reuse_address()
    }

    /// Sets `SO_REUSEPORT`: several sockets may listen at the same address and share its connections.
    ///
    /// # Errors
    ///
    /// Of the system.
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))))]
    pub fn set_reuseport(&self, reuseport: bool) -> io::Result<()> {
        self.io.set_reuse_port(reuseport)
    }

    /// `SO_REUSEPORT`, see [`set_reuseport`](Self::set_reuseport).
    ///
    /// # Errors
    ///
    /// Of the system.
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))))]
    pub fn reuseport(&self) -> io::Result<bool> {
        self.io.reuse_port()
    }

    /// Sets `SO_SNDBUF`, in bytes; the system may round it.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn set_send_buffer_size(&self, size: u32) -> io::Result<()> {
        self.io.set_send_buffer_size(size as usize)
    }

    /// `SO_SNDBUF`, in bytes. Linux answers twice what was set.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn send_buffer_size(&self) -> io::Result<u32> {
        self.io.send_buffer_size().map(clamp)
    }

    /// Sets `SO_RCVBUF`, in bytes; the system may round it.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn set_recv_buffer_size(&self, size: u32) -> io::Result<()> {
        self.io.set_recv_buffer_size(size as usize)
    }

    /// `SO_RCVBUF`, in bytes. Linux answers twice what was set.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn recv_buffer_size(&self) -> io::Result<u32> {
        self.io.recv_buffer_size().map(clamp)
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
        self.io.set_linger(dur)
    }

    /// Sets a linger time of zero: closing drops what was not yet sent and resets the connection.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn set_zero_linger(&self) -> io::Result<()> {
        self.io.set_linger(Some(Duration::ZERO))
    }

    /// `SO_LINGER`: how long closing waits for what was not yet sent.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.io.linger()
    }

    /// Sets `TCP_NODELAY`: small writes are sent at once and not gathered (Nagle's algorithm).
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.io.set_tcp_nodelay(nodelay)
    }

    /// `TCP_NODELAY`, see [`set_nodelay`](Self::set_nodelay).
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.io.tcp_nodelay()
    }

    /// `IPV6_TCLASS`: the traffic class of its packets.
    ///
    /// # Errors
    ///
    /// Of the system.
    #[cfg(any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "fuchsia",
        target_os = "linux",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "cygwin"
    ))]
    pub fn tclass_v6(&self) -> io::Result<u32> {
        self.io.tclass_v6()
    }

    /// Sets `IPV6_TCLASS`.
    ///
    /// # Errors
    ///
    /// Of the system.
    #[cfg(any(
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "fuchsia",
        target_os = "linux",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "cygwin"
    ))]
    pub fn set_tclass_v6(&self, tclass: u32) -> io::Result<()> {
        self.io.set_tclass_v6(tclass)
    }

    /// `IP_TOS`: the type of service of its packets.
    ///
    /// # Errors
    ///
    /// Of the system.
    #[cfg(not(any(
        target_os = "fuchsia",
        target_os = "redox",
        target_os = "solaris",
        target_os = "illumos",
        target_os = "haiku",
        target_os = "wasi"
    )))]
    pub fn tos_v4(&self) -> io::Result<u32> {
        self.io.tos_v4()
    }

    /// Sets `IP_TOS`.
    ///
    /// # Errors
    ///
    /// Of the system.
    #[cfg(not(any(
        target_os = "fuchsia",
        target_os = "redox",
        target_os = "solaris",
        target_os = "illumos",
        target_os = "haiku",
        target_os = "wasi"
    )))]
    pub fn set_tos_v4(&self, tos: u32) -> io::Result<()> {
        self.io.set_tos_v4(tos)
    }

    /// The older name of [`tos_v4`](Self::tos_v4).
    #[doc(hidden)]
    #[deprecated(note = "see `tos_v4`")]
    #[cfg(not(any(
        target_os = "fuchsia",
        target_os = "redox",
        target_os = "solaris",
        target_os = "illumos",
        target_os = "haiku",
        target_os = "wasi"
    )))]
    pub fn tos(&self) -> io::Result<u32> {
        self.tos_v4()
    }

    /// The older name of [`set_tos_v4`](Self::set_tos_v4).
    #[doc(hidden)]
    #[deprecated(note = "see `set_tos_v4`")]
    #[cfg(not(any(
        target_os = "fuchsia",
        target_os = "redox",
        target_os = "solaris",
        target_os = "illumos",
        target_os = "haiku",
        target_os = "wasi"
    )))]
    pub fn set_tos(&self, tos: u32) -> io::Result<()> {
        self.set_tos_v4(tos)
    }

    /// `SO_BINDTODEVICE`: the interface that it is bound to, if any.
    ///
    /// # Errors
    ///
    /// Of the system.
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    pub fn device(&self) -> io::Result<Option<Vec<u8>>> {
        self.io.device()
    }

    /// Sets `SO_BINDTODEVICE`: only packets of this interface are seen; `None` lifts it.
    ///
    /// # Errors
    ///
    /// Of the system: there is no such interface, it is not allowed.
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        self.io.bind_device(interface)
    }

    /// The address that it is bound to.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        crate::net::socket::internet(&self.io.local_addr()?)
    }

    /// `SO_ERROR`: the error that waits on the socket, which is thereby taken.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }

    /// Binds it to an address of this machine. `SO_REUSEADDR` is not set unless asked for.
    ///
    /// # Errors
    ///
    /// Of the system: the address is in use or not ours.
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        self.io.bind(&SockAddr::from(addr))
    }

    /// Connects. Here the socket joins the current runtime.
    ///
    /// # Errors
    ///
    /// Of the system: nobody listens there, no route, no answer.
    ///
    /// # Panics
    ///
    /// On the first poll outside of a runtime, or in one without I/O.
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        match self.io.connect(&SockAddr::from(addr)) {
            Ok(()) => {}
            #[cfg(unix)]
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            #[cfg(windows)]
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        TcpStream::connected(mio::net::TcpStream::from_std(self.io.into())).await
    }

    /// Listens, with room for `backlog` connections that nobody has accepted yet. Here the socket joins
    /// the current runtime.
    ///
    /// # Errors
    ///
    /// Of the system.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without I/O.
    #[track_caller]
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        self.io.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        TcpListener::new(mio::net::TcpListener::from_std(self.io.into()))
    }
}

fn clamp(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

crate::net::socket::handles!(TcpSocket);
crate::net::socket::raw_handles!(TcpSocket);
