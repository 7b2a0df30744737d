//! What all sockets do alike: one system call at a time, into memory that need not be initialised.
//!
//! 1. Each call goes through mio's `try_io`, which on Windows re-arms the source after "would block" and
//!    elsewhere does nothing.
//! 2. The kernel only ever writes into a buffer, and says how much: that much is initialised and filled.
#![allow(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use mio::event::Source;
use socket2::SockRef;

use crate::io::registration::Registered;
use crate::io::{Interest, ReadBuf};
use crate::scheduler::netpoll::Direction;

/// mio's sockets.
pub(crate) trait Socket: Source {
    /// Makes one call on the socket.
    fn call<R>(&self, call: impl FnOnce(SockRef<'_>) -> io::Result<R>) -> io::Result<R>;
}

macro_rules! socket {
    ($($type:ty),*) => {$(
        impl Socket for $type {
            #[inline]
            fn call<R>(&self, call: impl FnOnce(SockRef<'_>) -> io::Result<R>) -> io::Result<R> {
                self.try_io(|| call(SockRef::from(self)))
            }
        }
    )*};
}

socket!(mio::net::TcpStream, mio::net::UdpSocket);
#[cfg(unix)]
socket!(mio::net::UnixStream, mio::net::UnixDatagram);

/// Receives into the unfilled part.
pub(crate) fn recv(socket: &impl Socket, buf: &mut ReadBuf<'_>) -> io::Result<usize> {
    // SAFETY: the kernel initialises what it writes, and nothing else is written.
    let unfilled = unsafe { buf.unfilled_mut() };
    let received = socket.call(|socket| socket.recv(unfilled))?;
    fill(buf, received);
    Ok(received)
}

/// Looks at what `recv` would receive.
pub(crate) fn peek(socket: &impl Socket, buf: &mut ReadBuf<'_>) -> io::Result<usize> {
    // SAFETY: the kernel initialises what it writes, and nothing else is written.
    let unfilled = unsafe { buf.unfilled_mut() };
    let received = socket.call(|socket| socket.peek(unfilled))?;
    fill(buf, received);
    Ok(received)
}

/// Receives one datagram of an internet socket, and who sent it.
pub(crate) fn recv_from(
    socket: &impl Socket,
    buf: &mut ReadBuf<'_>,
) -> io::Result<(usize, SocketAddr)> {
    // SAFETY: the kernel initialises what it writes, and nothing else is written.
    let unfilled = unsafe { buf.unfilled_mut() };
    let (received, from) = socket.call(|socket| socket.recv_from(unfilled))?;
    fill(buf, received);
    Ok((received, internet(&from)?))
}

/// Looks at what `recv_from` would receive.
pub(crate) fn peek_from(
    socket: &impl Socket,
    buf: &mut ReadBuf<'_>,
) -> io::Result<(usize, SocketAddr)> {
    // SAFETY: the kernel initialises what it writes, and nothing else is written.
    let unfilled = unsafe { buf.unfilled_mut() };
    let (received, from) = socket.call(|socket| socket.peek_from(unfilled))?;
    fill(buf, received);
    Ok((received, internet(&from)?))
}

/// An address of the internet families.
pub(crate) fn internet(addr: &socket2::SockAddr) -> io::Result<SocketAddr> {
    addr.as_socket().ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "the peer's address is neither IPv4 nor IPv6")
    })
}

fn fill(buf: &mut ReadBuf<'_>, received: usize) {
    // SAFETY: the kernel has written that many bytes at the start of the unfilled part, which is at
    // least as long.
    unsafe { buf.assume_init(received) };
    buf.advance(received);
}

/// Runs a receiving call on the spare room of a `BufMut`, and counts what it filled.
#[cfg(feature = "io-util")]
pub(crate) fn into_buf_mut<B: bytes::BufMut, R>(
    buf: &mut B,
    receive: impl FnOnce(&mut ReadBuf<'_>) -> io::Result<R>,
) -> io::Result<R> {
    // SAFETY: a ReadBuf only ever initialises the memory behind it.
    let spare = unsafe { buf.chunk_mut().as_uninit_slice_mut() };
    let mut spare = ReadBuf::uninit(spare);
    let result = receive(&mut spare)?;
    let filled = spare.filled().len();
    // SAFETY: the first `filled` bytes of the spare room are initialised: that is ReadBuf's invariant.
    unsafe { buf.advance_mut(filled) };
    Ok(result)
}

/// One read of a stream socket: protocol of `io::registration`, step 5 included.
#[inline]
pub(crate) fn poll_recv<S: Socket>(
    socket: &Registered<S>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let wanted = buf.remaining();
    let registration = socket.registration();
    registration.poll_transfer(cx, Direction::Read, wanted, || recv(&**socket, buf)).map_ok(|_| ())
}

/// Does one call now if the poller has said that the socket is readable.
pub(crate) fn try_read<S: Socket, R>(
    socket: &Registered<S>,
    call: impl FnOnce(&S) -> io::Result<R>,
) -> io::Result<R> {
    socket.registration().try_io(Interest::READABLE, || call(socket))
}

/// Does one call now if the poller has said that the socket is writable.
pub(crate) fn try_write<S: Socket, R>(
    socket: &Registered<S>,
    call: impl FnOnce(&S) -> io::Result<R>,
) -> io::Result<R> {
    socket.registration().try_io(Interest::WRITABLE, || call(socket))
}

/// The text is tokio's: it names the cfg by which a program says that it knows better.
const BLOCKING: &str = "Registering a blocking socket with the tokio runtime is unsupported. If you wish \
                        to do anyways, please add `--cfg tokio_allow_from_blocking_fd` to your RUSTFLAGS. \
                        See github.com/tokio-rs/tokio/issues/7172 for details.";

/// A blocking socket would stop the thread at the first wait: say so.
///
/// # Panics
///
/// In a build with debug assertions, if the socket blocks; without them it prints a warning.
#[track_caller]
#[cfg(unix)]
#[allow(unexpected_cfgs)]
pub(crate) fn assert_nonblocking(socket: &impl std::os::fd::AsFd) {
    if cfg!(tokio_allow_from_blocking_fd) {
        return;
    }
    if matches!(SockRef::from(socket).nonblocking(), Ok(false)) {
        if cfg!(debug_assertions) {
            panic!("{BLOCKING}");
        }
        eprintln!("{BLOCKING}");
    }
}

/// Windows does not tell whether a socket blocks.
#[cfg(not(unix))]
pub(crate) fn assert_nonblocking<S>(_socket: &S) {}

/// The system's handles of a type with a field `io`.
macro_rules! handles {
    ($type:ty) => {
        #[cfg(unix)]
        impl std::os::fd::AsRawFd for $type {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.io.as_raw_fd()
            }
        }

        #[cfg(unix)]
        impl std::os::fd::AsFd for $type {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.io.as_fd()
            }
        }

        #[cfg(windows)]
        impl std::os::windows::io::AsRawSocket for $type {
            fn as_raw_socket(&self) -> std::os::windows::io::RawSocket {
                self.io.as_raw_socket()
            }
        }

        #[cfg(windows)]
        impl std::os::windows::io::AsSocket for $type {
            fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
                self.io.as_socket()
            }
        }
    };
}

/// Sockets that are made of, and into, the system's handles. The type has one field `io`, a
/// [`socket2::Socket`].
macro_rules! raw_handles {
    ($type:ident) => {
        #[cfg(unix)]
        impl std::os::fd::IntoRawFd for $type {
            fn into_raw_fd(self) -> std::os::fd::RawFd {
                self.io.into_raw_fd()
            }
        }

        #[cfg(unix)]
        #[allow(unsafe_code)]
        impl std::os::fd::FromRawFd for $type {
            /// Takes over an fd, which should be in non-blocking mode.
            ///
            /// # Safety
            ///
            /// The fd is open, a socket of this kind, and owned by nobody else.
            unsafe fn from_raw_fd(fd: std::os::fd::RawFd) -> $type {
                // SAFETY: this function's own contract.
                let io = unsafe { std::os::fd::FromRawFd::from_raw_fd(fd) };
                $type { io }
            }
        }

        #[cfg(windows)]
        impl std::os::windows::io::IntoRawSocket for $type {
            fn into_raw_socket(self) -> std::os::windows::io::RawSocket {
                self.io.into_raw_socket()
            }
        }

        #[cfg(windows)]
        #[allow(unsafe_code)]
        impl std::os::windows::io::FromRawSocket for $type {
            /// Takes over a socket, which should be in non-blocking mode.
            ///
            /// # Safety
            ///
            /// The socket is open, of this kind, and owned by nobody else.
            unsafe fn from_raw_socket(socket: std::os::windows::io::RawSocket) -> $type {
                // SAFETY: this function's own contract.
                let io = unsafe { std::os::windows::io::FromRawSocket::from_raw_socket(socket) };
                $type { io }
            }
        }
    };
}

pub(crate) use handles;
pub(crate) use raw_handles;
