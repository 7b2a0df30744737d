//! The adapter of a runtime that has tokio's API: written once, used for tokio and for gmp, so that
//! the two differ in nothing but the crate's name.

/// `tokio_shaped!(krate, |rt, future| run as main)` fills a module with the adapter.
macro_rules! tokio_shaped {
    ($krate:ident, |$rt:ident, $future:ident| $main:expr) => {
        use std::future::Future;
        use std::net::SocketAddr;
        use std::ops::DerefMut;

        use ::$krate::io::{AsyncReadExt, AsyncWriteExt};
        pub(crate) use ::$krate::net::{TcpListener, TcpStream};
        use ::$krate::runtime::{Builder, Runtime};
        use ::$krate::sync::{mpsc, oneshot, Mutex};
        pub(crate) use ::$krate::task::yield_now;
        pub(crate) use ::$krate::time::{sleep, timeout};

        use super::{Rt, Unwrapped};

        pub(crate) struct Subject(Runtime);

        impl Rt for Subject {
            type Join<T: Send + 'static> = Unwrapped<::$krate::task::JoinHandle<T>>;
            type Sender<T: Send + 'static> = mpsc::Sender<T>;
            type Receiver<T: Send + 'static> = mpsc::Receiver<T>;
            type OnceSender<T: Send + 'static> = oneshot::Sender<T>;
            type OnceReceiver<T: Send + 'static> = oneshot::Receiver<T>;
            type Mutex = Mutex<u64>;

            fn start(workers: usize) -> Self {
                let runtime =
                    Builder::new_multi_thread().worker_threads(workers).enable_all().build();
                Subject(runtime.expect("the runtime starts"))
            }

            fn start_and_stop(workers: usize) -> Option<()> {
                let runtime = Self::start(workers);
                runtime.main(async { Self::spawn(async {}).await });
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

            fn channel<T: Send + 'static>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
                mpsc::channel(capacity)
            }

            async fn send<T: Send + 'static>(sender: &Self::Sender<T>, value: T) {
                assert!(sender.send(value).await.is_ok(), "the receiver lives");
            }

            fn recv<T: Send + 'static>(
                receiver: &mut Self::Receiver<T>,
            ) -> impl Future<Output = Option<T>> + Send {
                receiver.recv()
            }

            fn oneshot<T: Send + 'static>() -> (Self::OnceSender<T>, Self::OnceReceiver<T>) {
                oneshot::channel()
            }

            fn send_once<T: Send + 'static>(sender: Self::OnceSender<T>, value: T) {
                assert!(sender.send(value).is_ok(), "the receiver lives");
            }

            fn recv_once<T: Send + 'static>(
                receiver: Self::OnceReceiver<T>,
            ) -> impl Future<Output = T> + Send {
                Unwrapped::new(receiver)
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
            Subject::spawn(make())
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

        pub(crate) async fn read(stream: &mut TcpStream, buf: &mut [u8]) -> usize {
            stream.read(buf).await.expect("read")
        }

        pub(crate) async fn read_exact(stream: &mut TcpStream, buf: &mut [u8]) {
            stream.read_exact(buf).await.expect("read");
        }

        pub(crate) async fn write_all(stream: &mut TcpStream, buf: &[u8]) {
            stream.write_all(buf).await.expect("write");
        }
    };
}
pub(super) use tokio_shaped;
