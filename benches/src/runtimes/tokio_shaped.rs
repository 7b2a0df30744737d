//! The adapter of a runtime that has tokio's API: written once, used for tokio and for gmp, so that
//! the two differ in nothing but the crate's name.

/// `tokio_shaped!(krate, |rt, future| run as main, a socket for hyper)` fills a module with the adapter.
macro_rules! tokio_shaped {
    ($krate:ident, |$rt:ident, $future:ident| $main:expr, $hyper_io:ident) => {
        use std::future::Future;
        use std::net::SocketAddr;

        use ::$krate::io::{AsyncReadExt, AsyncWriteExt};
        pub(crate) use ::$krate::net::{TcpListener, TcpStream, UdpSocket};
        use ::$krate::runtime::{Builder, Runtime};
        pub(crate) use ::$krate::task::yield_now;
        pub(crate) use ::$krate::time::{sleep, timeout};

        use super::{Rt, Unwrapped};

        pub(crate) struct Subject(Runtime);

        impl Rt for Subject {
            type Join<T: Send + 'static> = Unwrapped<::$krate::task::JoinHandle<T>>;

            super::tokio_sync::tokio_sync!($krate);

            fn start(workers: usize) -> Self {
                let runtime =
                    Builder::new_multi_thread().worker_threads(workers).enable_all().build();
                Subject(runtime.expect("the runtime starts"))
            }

            fn start_and_stop(workers: usize) -> Option<()> {
                let runtime = Self::start(workers);
                // Not `main`, which is a task on one of them and none on the other: one task on both.
                runtime.block_on(async { Self::spawn(async {}).await });
                drop(runtime);
                Some(())
            }

            fn block_on<F>(&self, future: F) -> F::Output
            where
                F: Future + Send + 'static,
                F::Output: Send + 'static,
            {
                self.0.block_on(future)
            }

            fn main<F>(&self, $future: F) -> F::Output
            where
                F: Future + Send + 'static,
                F::Output: Send + 'static,
            {
                let $rt = &self.0;
                $main
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
                Unwrapped::new(::$krate::spawn(future))
            }

            fn spawn_detached<F>(future: F)
            where
                F: Future<Output = ()> + Send + 'static,
            {
                drop(::$krate::spawn(future));
            }

            fn spawn_blocking<F, T>(f: F) -> Self::Join<T>
            where
                F: FnOnce() -> T + Send + 'static,
                T: Send + 'static,
            {
                Unwrapped::new(::$krate::task::spawn_blocking(f))
            }

            fn yield_now() -> impl Future<Output = ()> + Send + 'static {
                yield_now()
            }
        }

        // What `workloads::pinned` expects of a runtime's module.

        pub(crate) fn pinned<F, Fut>(make: F) -> impl Future<Output = Fut::Output> + Send
        where
            F: FnOnce() -> Fut + Send,
            Fut: Future + Send + 'static,
            Fut::Output: Send + 'static,
        {
            Subject::spawn(make())
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

        pub(crate) fn hyper_io(stream: TcpStream) -> $hyper_io<TcpStream> {
            $hyper_io::new(stream)
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

        pub(crate) async fn recv_from(
            socket: &mut UdpSocket,
            buf: &mut [u8],
        ) -> (usize, SocketAddr) {
            socket.recv_from(buf).await.expect("receive")
        }
    };
}
pub(super) use tokio_shaped;
