//! smol: one executor for the process, run by N threads, as `smol::spawn` itself does with
//! `SMOL_THREADS=N`.

use std::future::Future;
use std::net::SocketAddr;
use std::ops::DerefMut;
use std::sync::Arc;
use std::time::Duration;

use smol::channel;
pub(crate) use smol::future::yield_now;
use smol::future::FutureExt as _;
use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};
use smol::lock::Mutex;
pub(crate) use smol::net::{TcpListener, TcpStream, UdpSocket};
use smol::{Executor, Task};
use smol_hyper::rt::FuturesIo;

use super::Rt;

static EXECUTOR: Executor<'static> = Executor::new();

pub(crate) struct Subject;

impl Rt for Subject {
    type Join<T: Send + 'static> = Task<T>;
    type Sender<T: Send + 'static> = channel::Sender<T>;
    type Receiver<T: Send + 'static> = channel::Receiver<T>;
    type OnceSender<T: Send + 'static> = channel::Sender<T>;
    type OnceReceiver<T: Send + 'static> = channel::Receiver<T>;
    type Mutex = Mutex<u64>;

    fn start(workers: usize) -> Self {
        for _ in 0..workers {
            std::thread::spawn(|| smol::block_on(EXECUTOR.run(std::future::pending::<()>())));
        }
        Subject
    }

    fn start_and_stop(workers: usize) -> Option<()> {
        let executor = Arc::new(Executor::new());
        let (stop, stopped) = channel::bounded::<()>(1);
        let threads: Vec<_> = (0..workers)
            .map(|_| {
                let (executor, stopped) = (Arc::clone(&executor), stopped.clone());
                std::thread::spawn(move || {
                    // An error says that the sender is gone: the signal to stop.
                    let _ = smol::block_on(executor.run(stopped.recv()));
                })
            })
            .collect();
        smol::block_on(executor.spawn(async {}));
        drop(stop);
        for thread in threads {
            thread.join().expect("no thread panics");
        }
        Some(())
    }

    fn block_on<F>(&self, future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        smol::block_on(future)
    }

    fn spawn_from_outside<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        EXECUTOR.spawn(future).detach();
    }

    fn spawn<F>(future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        EXECUTOR.spawn(future)
    }

    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        EXECUTOR.spawn(future).detach();
    }

    fn spawn_blocking<F, T>(f: F) -> Self::Join<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        smol::unblock(f)
    }

    fn yield_now() -> impl Future<Output = ()> + Send + 'static {
        yield_now()
    }

    fn channel<T: Send + 'static>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
        channel::bounded(capacity)
    }

    async fn send<T: Send + 'static>(sender: &Self::Sender<T>, value: T) {
        assert!(sender.send(value).await.is_ok(), "the receiver lives");
    }

    async fn recv<T: Send + 'static>(receiver: &mut Self::Receiver<T>) -> Option<T> {
        receiver.recv().await.ok()
    }

    fn oneshot<T: Send + 'static>() -> (Self::OnceSender<T>, Self::OnceReceiver<T>) {
        channel::bounded(1)
    }

    fn send_once<T: Send + 'static>(sender: Self::OnceSender<T>, value: T) {
        assert!(sender.try_send(value).is_ok(), "the receiver lives");
    }

    async fn recv_once<T: Send + 'static>(receiver: Self::OnceReceiver<T>) -> T {
        receiver.recv().await.expect("the sender sends")
    }

    fn mutex(value: u64) -> Self::Mutex {
        Mutex::new(value)
    }

    fn lock(
        mutex: &Self::Mutex,
    ) -> impl Future<Output = impl DerefMut<Target = u64> + Send> + Send {
        mutex.lock()
    }
}

// What `workloads::pinned` expects of a runtime's module.

pub(crate) fn pinned<F, Fut>(make: F) -> impl Future<Output = Fut::Output> + Send
where
    F: FnOnce() -> Fut + Send,
    Fut: Future + Send + 'static,
    Fut::Output: Send + 'static,
{
    EXECUTOR.spawn(make())
}

pub(crate) async fn sleep(time: Duration) {
    smol::Timer::after(time).await;
}

/// smol has no `timeout`; racing with a timer is how its documentation does it.
pub(crate) async fn timeout<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    let timer = async {
        smol::Timer::after(time).await;
        None
    };
    async { Some(future.await) }.or(timer).await
}

pub(crate) fn pinned_detached<F, Fut>(make: F)
where
    F: FnOnce() -> Fut + Send,
    Fut: Future<Output = ()> + Send + 'static,
{
    Subject::spawn_detached(make());
}

pub(crate) async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port")
}

pub(crate) async fn accept(listener: &mut TcpListener) -> TcpStream {
    listener.accept().await.expect("a connection").0
}

pub(crate) async fn open(accepted: TcpStream) -> TcpStream {
    accepted.set_nodelay(true).expect("TCP_NODELAY");
    accepted
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
