//! Send, Sync, Unpin and unwind safety of the public types, as a table.

use super::now;
use crate::sync::*;
use std::cell::Cell;
use std::marker::{PhantomData, PhantomPinned};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::Arc;

/// Answers whether a type has an auto trait, by method resolution on a concrete type: the inherent
/// method exists only where the trait holds.
macro_rules! has {
    ($ty:ty: $($bound:tt)+) => {{
        struct Probe<T: ?Sized>(PhantomData<T>);
        // One of the two answers is never asked.
        #[allow(dead_code)]
        trait Otherwise {
            fn answer(&self) -> bool {
                false
            }
        }
        impl<T: ?Sized> Otherwise for Probe<T> {}
        #[allow(dead_code)]
        impl<T: ?Sized + $($bound)+> Probe<T> {
            fn answer(&self) -> bool {
                true
            }
        }
        Probe::<$ty>(PhantomData).answer()
    }};
}

type NotSync = Cell<u8>;
type NotSend = std::sync::MutexGuard<'static, u8>;
type Neither = Rc<u8>;

macro_rules! table {
    ($($ty:ty => $send:literal $sync:literal $unpin:literal;)*) => {$(
        assert_eq!(
            (has!($ty: Send), has!($ty: Sync), has!($ty: Unpin)),
            ($send, $sync, $unpin),
            stringify!($ty)
        );
    )*};
}

#[test]
fn send_sync_unpin() {
    table! {
        Semaphore => true true true;
        SemaphorePermit<'static> => true true true;
        OwnedSemaphorePermit => true true true;
        AcquireError => true true true;
        TryAcquireError => true true true;
        TryLockError => true true true;
        Notify => true true true;
        futures::Notified<'static> => true true false;
        futures::OwnedNotified => true true false;

        Mutex<u8> => true true true;
        Mutex<NotSync> => true true true;
        Mutex<Neither> => false false true;
        MutexGuard<'static, u8> => true true true;
        MutexGuard<'static, NotSync> => true false true;
        MutexGuard<'static, Neither> => false false true;
        MappedMutexGuard<'static, u8> => true true true;
        MappedMutexGuard<'static, NotSync> => true false true;
        MappedMutexGuard<'static, Neither> => false false true;
        OwnedMutexGuard<u8> => true true true;
        OwnedMutexGuard<NotSync> => true false true;
        OwnedMutexGuard<Neither> => false false true;
        OwnedMutexGuard<PhantomPinned> => true true true;
        OwnedMappedMutexGuard<u8> => true true true;
        OwnedMappedMutexGuard<u8, NotSync> => true false true;
        OwnedMappedMutexGuard<NotSync, u8> => true false true;
        OwnedMappedMutexGuard<Neither, u8> => false false true;
        OwnedMappedMutexGuard<u8, Neither> => false false true;

        RwLock<u8> => true true true;
        RwLock<NotSync> => true false true;
        RwLock<Neither> => false false true;
        RwLockReadGuard<'static, u8> => true true true;
        RwLockReadGuard<'static, NotSync> => false false true;
        RwLockReadGuard<'static, NotSend> => true false true;
        RwLockReadGuard<'static, Neither> => false false true;
        RwLockWriteGuard<'static, u8> => true true true;
        RwLockWriteGuard<'static, NotSync> => false false true;
        RwLockWriteGuard<'static, NotSend> => false false true;
        RwLockWriteGuard<'static, Neither> => false false true;
        RwLockMappedWriteGuard<'static, u8> => true true true;
        RwLockMappedWriteGuard<'static, NotSync> => false false true;
        RwLockMappedWriteGuard<'static, NotSend> => false false true;
        OwnedRwLockReadGuard<u8> => true true true;
        OwnedRwLockReadGuard<u8, NotSync> => false false true;
        OwnedRwLockReadGuard<u8, NotSend> => true false true;
        OwnedRwLockReadGuard<NotSync, u8> => false false true;
        OwnedRwLockReadGuard<PhantomPinned> => true true true;
        OwnedRwLockWriteGuard<u8> => true true true;
        OwnedRwLockWriteGuard<NotSync> => false false true;
        OwnedRwLockWriteGuard<NotSend> => false false true;
        OwnedRwLockWriteGuard<PhantomPinned> => true true true;
        OwnedRwLockMappedWriteGuard<u8> => true true true;
        OwnedRwLockMappedWriteGuard<u8, NotSync> => false false true;
        OwnedRwLockMappedWriteGuard<u8, NotSend> => false false true;
        OwnedRwLockMappedWriteGuard<NotSync, u8> => false false true;
        OwnedRwLockMappedWriteGuard<Neither, u8> => false false true;
        Barrier => true true true;
        BarrierWaitResult => true true true;
        OnceCell<u8> => true true true;
        OnceCell<NotSync> => true false true;
        OnceCell<NotSend> => false false true;
        OnceCell<Neither> => false false true;
        SetOnce<u8> => true true true;
        SetOnce<NotSync> => true false true;
        SetOnce<NotSend> => false false true;
        SetOnce<Neither> => false false true;
        SetError<NotSync> => true false true;
        SetOnceError<NotSync> => true false true;

        broadcast::Sender<NotSync> => true true true;
        broadcast::Sender<Neither> => false false true;
        broadcast::WeakSender<NotSync> => true true true;
        broadcast::WeakSender<Neither> => false false true;
        broadcast::Receiver<NotSync> => true true true;
        broadcast::Receiver<Neither> => false false true;
        broadcast::Receiver<PhantomPinned> => true true true;
        broadcast::error::SendError<NotSync> => true false true;
        broadcast::error::RecvError => true true true;
        broadcast::error::TryRecvError => true true true;

        watch::Sender<u8> => true true true;
        watch::Sender<NotSync> => false false true;
        watch::Sender<Neither> => false false true;
        watch::Receiver<u8> => true true true;
        watch::Receiver<NotSync> => false false true;
        watch::Receiver<PhantomPinned> => true true true;
        watch::Ref<'static, u8> => false true true;
        watch::Ref<'static, NotSync> => false false true;
        watch::error::SendError<NotSync> => true false true;
        watch::error::RecvError => true true true;

        oneshot::Sender<NotSync> => true true true;
        oneshot::Receiver<NotSync> => true true true;
        oneshot::Sender<Neither> => false false true;
        oneshot::Receiver<Neither> => false false true;
        oneshot::Receiver<PhantomPinned> => true true true;
        oneshot::error::RecvError => true true true;
        oneshot::error::TryRecvError => true true true;

        mpsc::Sender<NotSync> => true true true;
        mpsc::Sender<Neither> => false false true;
        mpsc::Receiver<NotSync> => true true true;
        mpsc::Receiver<Neither> => false false true;
        mpsc::WeakSender<NotSync> => true true true;
        mpsc::WeakSender<Neither> => false false true;
        mpsc::Permit<'static, NotSync> => true true true;
        mpsc::Permit<'static, Neither> => false false true;
        mpsc::PermitIterator<'static, NotSync> => true true true;
        mpsc::PermitIterator<'static, Neither> => false false true;
        mpsc::OwnedPermit<NotSync> => true true true;
        mpsc::OwnedPermit<Neither> => false false true;
        mpsc::UnboundedSender<NotSync> => true true true;
        mpsc::UnboundedSender<Neither> => false false true;
        mpsc::UnboundedReceiver<NotSync> => true true true;
        mpsc::UnboundedReceiver<Neither> => false false true;
        mpsc::WeakUnboundedSender<NotSync> => true true true;
        mpsc::WeakUnboundedSender<Neither> => false false true;
        mpsc::error::SendError<NotSync> => true false true;
        mpsc::error::TrySendError<Neither> => false false true;
        mpsc::error::SendTimeoutError<NotSync> => true false true;
        mpsc::error::TryRecvError => true true true;
    }
}

#[test]
fn unwind_safety_of_others() {
    assert!(has!(SetOnce<u8>: UnwindSafe));
    assert!(has!(BarrierWaitResult: UnwindSafe + RefUnwindSafe));
    assert!(has!(SetError<u8>: UnwindSafe + RefUnwindSafe));
    assert!(has!(watch::error::SendError<u8>: UnwindSafe + RefUnwindSafe));
}

#[test]
fn unwind_safety_of_channels_and_notify() {
    assert!(has!(Notify: UnwindSafe + RefUnwindSafe));
    assert!(has!(mpsc::Sender<NotSync>: UnwindSafe + RefUnwindSafe));
    assert!(has!(mpsc::Receiver<NotSync>: UnwindSafe + RefUnwindSafe));
    assert!(has!(mpsc::WeakSender<NotSync>: UnwindSafe + RefUnwindSafe));
    assert!(has!(mpsc::Permit<'static, NotSync>: UnwindSafe + RefUnwindSafe));
    assert!(has!(mpsc::PermitIterator<'static, NotSync>: UnwindSafe + RefUnwindSafe));
    assert!(has!(mpsc::OwnedPermit<NotSync>: UnwindSafe + RefUnwindSafe));
    assert!(has!(mpsc::UnboundedSender<NotSync>: UnwindSafe + RefUnwindSafe));
    assert!(has!(mpsc::UnboundedReceiver<NotSync>: UnwindSafe + RefUnwindSafe));
    assert!(has!(mpsc::WeakUnboundedSender<NotSync>: UnwindSafe + RefUnwindSafe));
}

/// Futures of async methods: whether a function that must return a `Send` future can.
#[test]
fn futures_are_send_and_sync() {
    fn check<T: Send + Sync>(_: &T) {}
    let semaphore = Arc::new(Semaphore::new(1));
    check(&semaphore.acquire());
    check(&semaphore.acquire_many(1));
    check(&semaphore.clone().acquire_owned());
    let mutex = Arc::new(Mutex::new(1));
    check(&mutex.lock());
    check(&mutex.clone().lock_owned());
    let lock = Arc::new(RwLock::new(1));
    check(&lock.read());
    check(&lock.write());
    check(&lock.clone().read_owned());
    check(&lock.clone().write_owned());
    check(&Barrier::new(1).wait());
    let once = OnceCell::new();
    check(&once.get_or_init(|| std::future::ready(1)));
    check(&once.get_or_try_init(|| std::future::ready(Ok::<_, ()>(1))));
    check(&SetOnce::<u8>::new().wait());
    let (tx, mut rx) = broadcast::channel::<NotSync>(1);
    check(&rx.recv());
    check(&tx.closed());
    let (tx, mut rx) = watch::channel(1);
    check(&rx.changed());
    check(&tx.closed());
    fn send<T: Send>(_: &T) {}
    send(&rx.wait_for(|_| true));
    let (tx, mut rx) = mpsc::channel::<u8>(1);
    send(&tx.send_timeout(1, std::time::Duration::ZERO));
    check(&tx.send(1));
    check(&tx.reserve());
    check(&tx.reserve_many(1));
    check(&tx.clone().reserve_owned());
    check(&tx.closed());
    check(&rx.recv());
    check(&rx.recv_many(&mut Vec::new(), 1));
    let (mut tx, _rx) = oneshot::channel::<u8>();
    check(&tx.closed());
}

#[test]
fn sizes_stay_small() {
    use std::mem::size_of;
    assert_eq!(size_of::<mpsc::Sender<u8>>(), 8);
    assert_eq!(size_of::<oneshot::Receiver<u8>>(), 8);
    assert!(size_of::<Semaphore>() <= 40);
    assert!(size_of::<Mutex<()>>() <= 40);
    assert!(size_of::<Notify>() <= 40);
}

/// A program that denies warnings and compiles on tokio compiles here: these may be dropped where they are made.
#[test]
#[deny(unused_must_use)]
fn may_be_dropped_unused() {
    now(async {
        let mutex = Arc::new(Mutex::new(1u8));
        mutex.clone().lock_owned().await;
        assert!(mutex.try_lock().is_ok());

        let lock = Arc::new(RwLock::new(1u8));
        lock.clone().read_owned().await;
        lock.clone().write_owned().await;
        OwnedRwLockWriteGuard::map(lock.clone().write_owned().await, |value| value);
        RwLockWriteGuard::map(lock.write().await, |value| value);
        assert!(lock.try_write().is_ok());

        let (sender, _receiver) = mpsc::channel::<u8>(2);
        sender.reserve().await.expect("open");
        sender.clone().reserve_owned().await.expect("open");
        sender.reserve_many(2).await.expect("open");
        assert_eq!(sender.capacity(), 2);

        let (sender, receiver) = oneshot::channel::<u8>();
        std::convert::identity(receiver);
        assert!(sender.is_closed());
    });
}
