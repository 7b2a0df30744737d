//! Send, Sync, Unpin and the unwind traits of the public types and futures.

use std::panic::{RefUnwindSafe, UnwindSafe};

use crate::io::{Interest, Ready};
use crate::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};

fn all<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
fn shared<T: Send + Sync>(_: T) {}

#[test]
fn types() {
    all::<TcpListener>();
    all::<TcpStream>();
    all::<TcpSocket>();
    all::<UdpSocket>();
    all::<crate::net::tcp::OwnedReadHalf>();
    all::<crate::net::tcp::OwnedWriteHalf>();
    all::<crate::net::tcp::ReadHalf<'static>>();
    all::<crate::net::tcp::WriteHalf<'static>>();
    all::<crate::net::tcp::ReuniteError>();
    all::<Interest>();
    all::<Ready>();
    #[cfg(unix)]
    {
        all::<crate::net::UnixListener>();
        all::<crate::net::UnixStream>();
        all::<crate::net::UnixDatagram>();
        all::<crate::net::UnixSocket>();
        all::<crate::net::unix::OwnedReadHalf>();
        all::<crate::net::unix::OwnedWriteHalf>();
        all::<crate::net::unix::SocketAddr>();
        all::<crate::net::unix::UCred>();
        all::<crate::net::unix::pipe::Sender>();
        all::<crate::net::unix::pipe::Receiver>();
        all::<crate::net::unix::pipe::OpenOptions>();
        all::<crate::io::unix::AsyncFd<std::fs::File>>();
        all::<crate::io::unix::TryIoError>();
    }
}

#[test]
fn futures() {
    // Never run: only the types matter.
    fn check(listener: &TcpListener, stream: &TcpStream, udp: &UdpSocket, buf: &mut [u8]) {
        shared(TcpListener::bind("a:1"));
        shared(TcpStream::connect("a:1"));
        shared(crate::net::lookup_host("a:1"));
        shared(listener.accept());
        shared(stream.readable());
        shared(stream.writable());
        shared(stream.ready(Interest::READABLE));
        shared(stream.peek(buf));
        shared(udp.recv_from(buf));
        shared(udp.send_to(buf, "a:1"));
    }
    let _ = check;
}
