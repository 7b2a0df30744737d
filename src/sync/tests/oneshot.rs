use super::*;
use crate::sync::oneshot::{self, error::TryRecvError};

#[test]
fn sends_then_receives_and_the_reverse() {
    let (tx, rx) = oneshot::channel();
    assert!(rx.is_empty() && !rx.is_terminated());
    tx.send(1).unwrap();
    assert!(!rx.is_empty());
    assert_eq!(now(rx), Ok(1));

    let (tx, rx) = oneshot::channel();
    let mut rx = Task::new(rx);
    assert!(rx.is_pending() && rx.is_pending());
    tx.send(2).unwrap();
    assert_eq!(rx.wakes(), 1);
    assert_eq!(rx.ready(), Ok(2));
}

#[test]
fn dropped_sender_ends_it() {
    let (tx, rx) = oneshot::channel::<()>();
    let mut rx = Task::new(rx);
    assert!(rx.is_pending());
    drop(tx);
    assert_eq!(rx.wakes(), 1);
    let error = rx.ready().unwrap_err();
    assert_eq!(
        (error.to_string(), format!("{error:?}")),
        ("channel closed".into(), "RecvError(())".into())
    );
}

#[test]
fn try_recv_and_poll_mix() {
    let (tx, mut rx) = oneshot::channel();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(TryRecvError::Empty.to_string(), "channel empty");
    assert_eq!(TryRecvError::Closed.to_string(), "channel closed");
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut rx).poll(&mut cx).is_pending());
    tx.send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
    assert!(rx.is_terminated() && rx.is_empty());
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    rx.close();
    let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = Pin::new(&mut rx).poll(&mut Context::from_waker(Waker::noop()));
    }));
    assert_eq!(panic_text(polled), "called after complete");
}

#[test]
fn s_oneshot_close_gives_the_value_back() {
    let (mut tx, mut rx) = oneshot::channel();
    assert!(!tx.is_closed());
    let mut closed = Task::new(tx.closed());
    assert!(closed.is_pending() && closed.is_pending());
    rx.close();
    assert_eq!(closed.wakes(), 1);
    closed.ready();
    drop(closed);
    assert!(tx.is_closed());
    assert_eq!(tx.send(5), Err(5));
    assert!(now(rx).is_err());

    // Sent before the close: still received.
    let (tx, mut rx) = oneshot::channel();
    tx.send(6).unwrap();
    rx.close();
    assert_eq!(rx.try_recv(), Ok(6));
}

#[test]
fn dropped_receiver_wakes_the_sender_and_drops_the_value() {
    let (mut tx, rx) = oneshot::channel();
    let mut closed = Task::new(tx.closed());
    assert!(closed.is_pending());
    drop(rx);
    assert_eq!(closed.wakes(), 1);
    closed.ready();
    drop(closed);
    let (value, drops) = Dropped::new();
    drop(tx.send(value).unwrap_err());
    assert_eq!(drops.load(SeqCst), 1);

    let (tx, rx) = oneshot::channel();
    let (value, drops) = Dropped::new();
    tx.send(value).unwrap();
    drop(rx);
    assert_eq!(drops.load(SeqCst), 1);
}

#[test]
fn wakers_are_replaced_and_released() {
    let (mut tx, rx) = oneshot::channel::<()>();
    let mut rx = Task::new(rx);
    assert!(rx.is_pending());
    let first = std::mem::take(&mut rx.count);
    assert!(rx.is_pending());
    assert_eq!(Arc::strong_count(&first), 1);
    let second = rx.count.clone();
    rx.cancel();
    assert_eq!(Arc::strong_count(&second), 2, "a dropped receiver leaves no waker behind");
    now(tx.closed());

    let (mut tx, rx) = oneshot::channel::<()>();
    let mut cx_count = Arc::<Count>::default();
    for _ in 0..2 {
        let count = Arc::<Count>::default();
        let waker = Waker::from(count.clone());
        assert!(tx.poll_closed(&mut Context::from_waker(&waker)).is_pending());
        cx_count = count;
    }
    drop(tx);
    drop(rx);
    assert_eq!((Arc::strong_count(&cx_count), cx_count.0.load(SeqCst)), (1, 0));
}

#[test]
fn s_waker_dropped_under_lock_oneshot() {
    // No lock, but a waker that drops the other side in its own drop must find a sound state.
    let (tx, mut rx) = oneshot::channel::<u8>();
    let tx = std::sync::Mutex::new(Some(tx));
    let waker = meddler(move || drop(tx.lock().unwrap().take()));
    assert!(Pin::new(&mut rx).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    let polled = Pin::new(&mut rx).poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Err(_))), "the drop of the old waker dropped the sender");
}

#[test]
fn threads_race_send_close_and_drop() {
    for round in 0..2_000 {
        let (value, drops) = Dropped::new();
        let (tx, mut rx) = oneshot::channel();
        let thread = std::thread::spawn(move || tx.send(value).is_ok());
        let got = match round % 3 {
            0 => rx.blocking_recv().is_ok(),
            1 => {
                rx.close();
                rx.try_recv().is_ok()
            }
            _ => {
                drop(rx);
                false
            }
        };
        let sent = thread.join().unwrap();
        assert!(sent || !got);
        assert!(
            round % 3 == 2 || sent == got,
            "a value that was sent before the close is received"
        );
        assert_eq!(drops.load(SeqCst), 1);
    }
}

#[test]
fn blocking_recv_panics_in_async_context() {
    let (_tx, rx) = oneshot::channel::<()>();
    let _tasks = crate::g::block::forbid();
    let call = std::panic::AssertUnwindSafe(|| {
        let _ = rx.blocking_recv();
    });
    assert!(panic_text(std::panic::catch_unwind(call))
        .starts_with("Cannot block the current thread from within a runtime."));
}
