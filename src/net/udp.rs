//! UDP.

use std::fmt;
use std::future::ready;
use std::io;
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use socket2::SockRef;

use crate::io::registration::Registered;
use crate::io::{Interest, ReadBuf, Ready};
use crate::net::addr::{first_that_works, lookup, ToSocketAddrs};
use crate::net::socket::{self, assert_nonblocking, Socket};
use crate::scheduler::netpoll::Direction;

/// A UDP socket.
///
/// All operations take `&self`: several tasks may send and receive at once, on an `Arc` of it for
/// example. [`connect`](Self::connect) fixes the peer, for [`send`](Self::send) and [`recv`](Self::recv);
/// without it there are [`send_to`](Self::send_to) and [`recv_from`](Self::recv_from). A datagram that is
/// longer than the buffer is cut off, silently on Unix.
pub struct UdpSocket {
    io: Registered<mio::net::UdpSocket>,
}

impl UdpSocket {
    /// Binds to an address; port 0 lets the system choose. If there are several addresses, each is tried
    /// until one works.
    ///
    /// # Errors
    ///
    /// The last address's error, or that there is none. After shutdown of the runtime: that it is being
    /// shut down.
    ///
    /// # Panics
    ///
    /// On the first poll outside of a runtime, or in one without I/O.
    pub async fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<UdpSocket> {
        first_that_works(addr, |addr| {
            ready(mio::net::UdpSocket::bind(addr).and_then(UdpSocket::new))
        })
        .await
    }

    #[track_caller]
    fn new(socket: mio::net::UdpSocket) -> io::Result<UdpSocket> {
        Ok(UdpSocket { io: Registered::new(socket)? })
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
    pub fn from_std(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        assert_nonblocking(&socket);
        UdpSocket::new(mio::net::UdpSocket::from_std(socket))
    }

    /// Gives it to the standard library. It stays in non-blocking mode.
    ///
    /// # Errors
    ///
    /// If it cannot be deregistered.
    pub fn into_std(self) -> io::Result<net::UdpSocket> {
        self.io.into_inner().map(net::UdpSocket::from)
    }

    /// The address that it is bound to.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }

    /// The peer that [`connect`](Self::connect) has set.
    ///
    /// # Errors
    ///
    /// `NotConnected` without one.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.peer_addr()
    }

    /// Sets the peer: where [`send`](Self::send) sends to, and the only one from which anything is
    /// received. If there are several addresses, each is tried until one works.
    ///
    /// # Errors
    ///
    /// The last address's error, or that there is none.
    pub async fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        first_that_works(addr, |addr| ready(self.io.connect(addr))).await
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

    /// Sends a datagram to the peer set by [`connect`](Self::connect). It is sent whole or not at all.
    ///
    /// # Errors
    ///
    /// Of the system: there is no peer, the datagram is too long, an earlier one was refused.
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

    /// As [`readable`](Self::readable) in poll form. The waker is shared by all `poll_recv*` and
    /// `poll_peek*` methods: the last caller's is kept.
    ///
    /// # Errors
    ///
    /// After shutdown of the runtime.
    pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.registration().poll_read_ready(cx).map_ok(|_| ())
    }

    /// Receives a datagram from the peer set by [`connect`](Self::connect), and says how long it is.
    ///
    /// # Errors
    ///
    /// Of the system: an earlier datagram was refused.
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
        socket::try_read(&self.io, |socket| {
            socket::into_buf_mut(buf, |buf| socket::recv_from(socket, buf))
        })
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
        self.receive(|socket| socket::into_buf_mut(buf, |buf| socket::recv_from(socket, buf))).await
    }

    /// Sends a datagram to `addr`: to the first address, if it has several.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if there is no address; else of the system.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a future that is dropped has sent nothing.
    pub async fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        let target = lookup(&addr).await?.next().ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, "no addresses to send data to")
        })?;
        self.io.registration().async_io(Interest::WRITABLE, || self.io.send_to(buf, target)).await
    }

    /// As [`send_to`](Self::send_to) in poll form. The last caller's waker is kept.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        target: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.io.registration().poll_io(cx, Direction::Write, || self.io.send_to(buf, target))
    }

    /// As [`send_to`](Self::send_to), without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if it would wait; else of the system.
    pub fn try_send_to(&self, buf: &[u8], target: SocketAddr) -> io::Result<usize> {
        socket::try_write(&self.io, |socket| socket.send_to(buf, target))
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
        let mut buf = ReadBuf::new(buf);
        self.receive(|socket| socket::recv_from(socket, &mut buf)).await
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
        self.poll_receive(cx, |socket| socket::recv_from(socket, buf)).map_ok(|(_, from)| from)
    }

    /// As [`recv_from`](Self::recv_from), without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing is there; else of the system.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        socket::try_read(&self.io, |socket| socket::recv_from(socket, &mut ReadBuf::new(buf)))
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

    /// As [`recv`](Self::recv), but leaves the datagram where it is.
    ///
    /// # Errors
    ///
    /// See [`recv`](Self::recv).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buf);
        self.receive(|socket| socket::peek(socket, &mut buf)).await
    }

    /// As [`peek`](Self::peek) in poll form. The last caller's waker is kept.
    ///
    /// # Errors
    ///
    /// See [`recv`](Self::recv).
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_receive(cx, |socket| socket::peek(socket, buf)).map_ok(|_| ())
    }

    /// As [`peek`](Self::peek), without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing is there; else see [`recv`](Self::recv).
    pub fn try_peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        socket::try_read(&self.io, |socket| socket::peek(socket, &mut ReadBuf::new(buf)))
    }

    /// As [`recv_from`](Self::recv_from), but leaves the datagram where it is.
    ///
    /// # Errors
    ///
    /// Of the system.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let mut buf = ReadBuf::new(buf);
        self.receive(|socket| socket::peek_from(socket, &mut buf)).await
    }

    /// As [`peek_from`](Self::peek_from) in poll form. The last caller's waker is kept.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<SocketAddr>> {
        self.poll_receive(cx, |socket| socket::peek_from(socket, buf)).map_ok(|(_, from)| from)
    }

    /// As [`peek_from`](Self::peek_from), without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing is there; else of the system.
    pub fn try_peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        socket::try_read(&self.io, |socket| socket::peek_from(socket, &mut ReadBuf::new(buf)))
    }

    /// Who sent the next datagram, which stays where it is.
    ///
    /// # Errors
    ///
    /// Of the system.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn peek_sender(&self) -> io::Result<SocketAddr> {
        self.receive(peek_sender).await
    }

    /// As [`peek_sender`](Self::peek_sender) in poll form. The last caller's waker is kept.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn poll_peek_sender(&self, cx: &mut Context<'_>) -> Poll<io::Result<SocketAddr>> {
        self.poll_receive(cx, peek_sender)
    }

    /// As [`peek_sender`](Self::peek_sender), without waiting.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if nothing is there; else of the system.
    pub fn try_peek_sender(&self) -> io::Result<SocketAddr> {
        socket::try_read(&self.io, peek_sender)
    }

    /// `SO_BROADCAST`: may datagrams go to a broadcast address?
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.io.broadcast()
    }

    /// Sets `SO_BROADCAST`.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.io.set_broadcast(on)
    }

    /// `IP_MULTICAST_LOOP`: do its own multicasts come back to this machine?
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.io.multicast_loop_v4()
    }

    /// Sets `IP_MULTICAST_LOOP`.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.io.set_multicast_loop_v4(on)
    }

    /// `IP_MULTICAST_TTL`: over how many routers its multicasts may go.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.io.multicast_ttl_v4()
    }

    /// Sets `IP_MULTICAST_TTL`.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.io.set_multicast_ttl_v4(ttl)
    }

    /// `IPV6_MULTICAST_LOOP`: do its own multicasts come back to this machine?
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.io.multicast_loop_v6()
    }

    /// Sets `IPV6_MULTICAST_LOOP`.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        self.io.set_multicast_loop_v6(on)
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
        SockRef::from(&*self.io).tclass_v6()
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
        SockRef::from(&*self.io).set_tclass_v6(tclass)
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
        SockRef::from(&*self.io).tos_v4()
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
        SockRef::from(&*self.io).set_tos_v4(tos)
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
        SockRef::from(&*self.io).device()
    }

    /// Sets `SO_BINDTODEVICE`: only packets of this interface are seen; `None` lifts it.
    ///
    /// # Errors
    ///
    /// Of the system: there is no such interface, it is not allowed.
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    pub fn bind_device(&self, interface: Option<&[u8]>) -> io::Result<()> {
        SockRef::from(&*self.io).bind_device(interface)
    }

    /// Joins a multicast group on the interface with that address; `0.0.0.0` lets the system choose.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn join_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.io.join_multicast_v4(&multiaddr, &interface)
    }

    /// Joins a multicast group on the interface with that index; 0 lets the system choose.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io.join_multicast_v6(multiaddr, interface)
    }

    /// Leaves a group, see [`join_multicast_v4`](Self::join_multicast_v4).
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn leave_multicast_v4(&self, multiaddr: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.io.leave_multicast_v4(&multiaddr, &interface)
    }

    /// Leaves a group, see [`join_multicast_v6`](Self::join_multicast_v6).
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io.leave_multicast_v6(multiaddr, interface)
    }

    /// `SO_ERROR`: the error that waits on the socket, which is thereby taken.
    ///
    /// # Errors
    ///
    /// Of the system.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.take_error()
    }

    async fn receive<R>(
        &self,
        mut call: impl FnMut(&mio::net::UdpSocket) -> io::Result<R>,
    ) -> io::Result<R> {
        // An error that waits on the socket (an ICMP answer, say) comes without anything to read.
        let interest = Interest::READABLE | Interest::ERROR;
        self.io.registration().async_message(interest, || call(&self.io)).await
    }

    fn poll_receive<R>(
        &self,
        cx: &mut Context<'_>,
        mut call: impl FnMut(&mio::net::UdpSocket) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.io.registration().poll_message(cx, || call(&self.io))
    }
}

fn peek_sender(socket: &mio::net::UdpSocket) -> io::Result<SocketAddr> {
    let sender = socket.call(|socket| socket.peek_sender())?;
    socket::internet(&sender)
}

impl TryFrom<net::UdpSocket> for UdpSocket {
    type Error = io::Error;

    /// As [`UdpSocket::from_std`].
    fn try_from(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        UdpSocket::from_std(socket)
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

crate::net::socket::handles!(UdpSocket);
