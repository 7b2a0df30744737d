use super::poll;
use crate::sync::block_on::block_on;
use crate::sync::oneshot;
use loom::sync::Arc;
use loom::thread;
use std::pin::Pin;

/// Steps 1 and 2: the receiver is woken, or sees the value at its second look.
#[test]
fn oneshot_send_recv() {
    loom::model(|| {
        let (tx, rx) = oneshot::channel();
        let sender = thread::spawn(move || tx.send(Box::new(7)).unwrap());
        assert_eq!(block_on(rx), Ok(Box::new(7)));
        sender.join().unwrap();
    });
}

/// Steps 1 and 3: of a send and a close exactly one wins, with a poll before.
#[test]
fn s_oneshot_close() {
    loom::model(|| {
        let (tx, mut rx) = oneshot::channel();
        let value = Arc::new(());
        let sender = thread::spawn(move || tx.send(value).is_ok());
        let polled = poll(Pin::new(&mut rx)).is_ready();
        let got = polled || {
            rx.close();
            rx.try_recv().is_ok()
        };
        assert_eq!(sender.join().unwrap(), got);
    });
}

/// Step 5: freed once, by the last, whoever that is; the value dies with it.
#[test]
fn oneshot_drop_both() {
    for send in [true, false] {
        loom::model(move || {
            let (tx, mut rx) = oneshot::channel();
            assert!(poll(Pin::new(&mut rx)).is_pending());
            let value = Arc::new(());
            let sender = thread::spawn(move || match send {
                true => drop(tx.send(value)),
                false => drop(tx),
            });
            drop(rx);
            sender.join().unwrap();
        });
    }
}

/// Step 3: the sender is woken.
#[test]
fn oneshot_closed() {
    loom::model(|| {
        let (mut tx, rx) = oneshot::channel::<()>();
        let receiver = thread::spawn(move || drop(rx));
        block_on(tx.closed());
        assert!(tx.is_closed());
        receiver.join().unwrap();
    });
}
