//! nio 0.1.4: N worker threads beside the caller.
//!
//! Its `block_on` runs the root as a task of worker 0. Its timers and sockets belong to the worker
//! that made them, so the rows that use them spawn with `spawn_pinned`, as nio's own example does.
//! Its threads cannot be stopped. It has no channel, no mutex and no `yield_now`: the first two are
//! tokio's here, the last is the usual future that wakes itself once.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use nio::net::TcpConnection;
pub(crate) use nio::net::{TcpListener, TcpStream, UdpSocket};
pub(crate) use nio::{sleep, timeout};
use nio::{JoinHandle, Runtime, RuntimeBuilder};
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use smol_hyper::rt::FuturesIo;

use super::{Rt, Unwrapped};

pub(crate) struct Subject(Runtime);

impl Rt for Subject {
    type Join<T: Send + 'static> = Unwrapped<JoinHandle<T>>;

    super::tokio_sync::tokio_sync!(tokio);

    fn start(workers: usize) -> Self {
        let workers = u8::try_from(workers).expect("nio has at most 255 workers");
        Subject(RuntimeBuilder::new().worker_threads(workers).rt().expect("the runtime starts"))
    }

    fn start_and_stop(_workers: usize) -> Option<()> {
        None
    }

    fn block_on<F>(&self, future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.block_on(move || future)
    }

    fn spawn_from_outside<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(self.0.spawn(future));
    }

    fn spawn<F>(future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Unwrapped::new(nio::spawn(future))
    }

    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        drop(nio::spawn(future));
    }

    fn spawn_blocking<F, T>(f: F) -> Self::Join<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Unwrapped::new(nio::spawn_blocking(f))
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        yield_now()
    }
}

/// Wakes its own task and is pending once.
pub(crate) struct YieldNow(bool);

pub(crate) fn yield_now() -> YieldNow {
    YieldNow(false)
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

// What `workloads::pinned` expects of a runtime's module.

pub(crate) fn pinned<F, Fut>(make: F) -> impl Future<Output = Fut::Output> + Send
where
    F: FnOnce() -> Fut + Send,
    Fut: Future + 'static,
    Fut::Output: Send + 'static,
{
    Unwrapped::new(nio::spawn_pinned(make))
}

pub(crate) fn pinned_detached<F, Fut>(make: F)
where
    F: FnOnce() -> Fut + Send,
    Fut: Future<Output = ()> + 'static,
{
    drop(nio::spawn_pinned(make));
}

pub(crate) async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port")
}

pub(crate) async fn accept(listener: &mut TcpListener) -> TcpConnection {
    listener.accept().await.expect("a connection")
}

pub(crate) async fn open(accepted: TcpConnection) -> TcpStream {
    accepted.set_nodelay(true).expect("TCP_NODELAY");
    accepted.connect().await.expect("the worker takes the socket")
}

pub(crate) async fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).await.expect("the server accepts");
    stream.set_nodelay(true).expect("TCP_NODELAY");
    stream
}

pub(crate) fn hyper_io(stream: TcpStream) -> FuturesIo<TcpStream> {
    FuturesIo::new(stream)
}

pub(crate) async fn read(stream: &mut TcpStream, buf: &mut [u8]) -> usize {
    stream.read(buf).await.expect("read")
}

pub(crate) async fn read_exact(stream: &mut TcpStream, buf: &mut [u8]) {
    stream.read_exact(buf).await.expect("read");
}

pub(crate) async fn write_all(stream: &mut TcpStream, buf: &[u8]) {
    stream.write_all(buf).await.expect("write");
}

pub(crate) async fn udp() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.expect("a free port")
}

pub(crate) async fn send_to(socket: &mut UdpSocket, buf: &[u8], to: SocketAddr) {
    let sent = socket.send_to(buf, to).await.expect("send");
    assert_eq!(sent, buf.len());
}

pub(crate) async fn recv_from(socket: &mut UdpSocket, buf: &mut [u8]) -> (usize, SocketAddr) {
    socket.recv_from(buf).await.expect("receive")
}
