//! Sockets: TCP, UDP and, on Unix, those with a path for a name.
//!
//! # How they behave
//!
//! 1. A socket belongs to the runtime in whose context it was made, and registers with its poller there;
//!    made anywhere else, it panics. It may then be used from any task, of any runtime.
//! 2. An operation makes its system call once the poller has said that the socket is ready, and waits only
//!    if the call would block.
//! 3. `poll_*` methods keep one waker for each direction, the last caller's. The async methods queue:
//!    any number of tasks may wait, and all wake.
//! 4. `try_*` methods never wait: they answer [`WouldBlock`](std::io::ErrorKind::WouldBlock).
//! 5. Dropping a socket takes it out of the poller and closes it. After the runtime has been shut down
//!    its sockets answer errors.
//!
//! # What is where
//!
//! [`TcpListener`], [`TcpStream`] and [`TcpSocket`] (with options set before it connects), [`UdpSocket`],
//! [`UnixListener`], [`UnixStream`], [`UnixDatagram`]; the halves of streams in [`tcp`] and [`unix`];
//! [`lookup_host`] for names.

mod addr;
mod socket;
pub mod tcp;
mod udp;
#[cfg(unix)]
pub mod unix;

#[cfg(all(test, not(gmp_loom)))]
mod tests;

pub use self::addr::{lookup_host, ToSocketAddrs};
pub use self::tcp::listener::TcpListener;
pub use self::tcp::socket::TcpSocket;
pub use self::tcp::stream::TcpStream;
pub use self::udp::UdpSocket;
#[cfg(unix)]
pub use self::unix::{
    datagram::UnixDatagram, listener::UnixListener, socket::UnixSocket, stream::UnixStream,
};
