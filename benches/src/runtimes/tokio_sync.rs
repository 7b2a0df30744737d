//! The part of an adapter that is about channels and the mutex, for runtimes that have tokio's: gmp and
//! tokio their own, nio those of tokio.

/// `tokio_sync!(krate)` within an implementation of `Rt`.
macro_rules! tokio_sync {
    ($krate:ident) => {
        type Sender<T: Send + 'static> = ::$krate::sync::mpsc::Sender<T>;
        type Receiver<T: Send + 'static> = ::$krate::sync::mpsc::Receiver<T>;
        type OnceSender<T: Send + 'static> = ::$krate::sync::oneshot::Sender<T>;
        type OnceReceiver<T: Send + 'static> = ::$krate::sync::oneshot::Receiver<T>;
        type Mutex = ::$krate::sync::Mutex<u64>;

        fn channel<T: Send + 'static>(capacity: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
            ::$krate::sync::mpsc::channel(capacity)
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
            ::$krate::sync::oneshot::channel()
        }

        fn send_once<T: Send + 'static>(sender: Self::OnceSender<T>, value: T) {
            assert!(sender.send(value).is_ok(), "the receiver lives");
        }

        fn recv_once<T: Send + 'static>(
            receiver: Self::OnceReceiver<T>,
        ) -> impl Future<Output = T> + Send {
            $crate::runtimes::Unwrapped::new(receiver)
        }

        fn mutex(value: u64) -> Self::Mutex {
            ::$krate::sync::Mutex::new(value)
        }

        fn lock(
            mutex: &Self::Mutex,
        ) -> impl Future<Output = impl std::ops::DerefMut<Target = u64> + Send> + Send {
            mutex.lock()
        }
    };
}
pub(super) use tokio_sync;
