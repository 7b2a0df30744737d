//! Send, Sync, Unpin and unwind safety of the public types, as a table.

use crate::sync::*;
use std::cell::Cell;
use std::marker::PhantomData;
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
        OwnedMutexGuard<std::marker::PhantomPinned> => true true true;
        OwnedMappedMutexGuard<u8> => true true true;
        OwnedMappedMutexGuard<u8, NotSync> => true false true;
        OwnedMappedMutexGuard<NotSync, u8> => true false true;
        OwnedMappedMutexGuard<Neither, u8> => false false true;
        OwnedMappedMutexGuard<u8, Neither> => false false true;

        oneshot::Sender<NotSync> => true true true;
        oneshot::Receiver<NotSync> => true true true;
        oneshot::Sender<Neither> => false false true;
        oneshot::Receiver<Neither> => false false true;
        oneshot::Receiver<std::marker::PhantomPinned> => true true true;
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
        mpsc::error::TryRecvError => true true true;
    }
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
    let (tx, mut rx) = mpsc::channel::<u8>(1);
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
