use crate::sync::block_on::block_on;
use crate::sync::mpsc::{self, error::TryRecvError};
use loom::sync::Arc;
use loom::thread;
use std::task::{Context, Poll, Waker};

/// Steps 3 and 7: the receiver waits for the slot, or sees the value at its second look.
#[test]
fn mpsc_send_recv() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let sender = {
            let tx = tx.clone();
            thread::spawn(move || tx.send(Box::new(1)).unwrap())
        };
        assert_eq!(block_on(rx.recv()), Some(Box::new(1)));
        sender.join().unwrap();
    });
}

/// Steps 1 to 4: one writes the last slot of a block while the other needs the next block.
#[test]
fn mpsc_two_senders() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        tx.send(Box::new(1)).unwrap();
        let senders = [2, 3].map(|n| {
            let tx = tx.clone();
            thread::spawn(move || tx.send(Box::new(n)).unwrap())
        });
        for sender in senders {
            sender.join().unwrap();
        }
        assert_eq!(rx.try_recv(), Ok(Box::new(1)));
        assert_eq!(*rx.try_recv().unwrap() + *rx.try_recv().unwrap(), 5);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    });
}

/// Steps 4 and 5: two senders find the same new block while the receiver would like the old one back.
#[test]
fn mpsc_retire() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        for n in 0..2 {
            tx.send(n).unwrap();
            rx.try_recv().unwrap();
        }
        let senders = [2, 3].map(|n| {
            let tx = tx.clone();
            thread::spawn(move || tx.send(n).unwrap())
        });
        let mut cx = Context::from_waker(Waker::noop());
        let mut sum = 0;
        // The first poll moves on to the senders' block, where it must not give the old one back.
        for _ in 0..2 {
            if let Poll::Ready(n) = rx.poll_recv(&mut cx) {
                sum += n.unwrap();
            }
        }
        for sender in senders {
            sender.join().unwrap();
        }
        // Moves on to the third block and gives the first one back.
        while let Poll::Ready(n) = rx.poll_recv(&mut cx) {
            sum += n.unwrap();
        }
        assert_eq!(sum, 5);
    });
}

/// Step 1: what was sent with success is received, the rest comes back.
#[test]
fn mpsc_close() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let sender = thread::spawn(move || tx.send(Arc::new(())).is_ok());
        rx.close();
        let got = block_on(rx.recv()).is_some();
        assert!(block_on(rx.recv()).is_none());
        assert_eq!(sender.join().unwrap(), got);
    });
}

/// Step 7: the last sender's drop wakes.
#[test]
fn mpsc_last_sender() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::channel::<()>(1);
        let sender = thread::spawn(move || drop(tx));
        assert_eq!(block_on(rx.recv()), None);
        sender.join().unwrap();
    });
}

/// Who sees that no sender is left sees what they sent.
#[test]
fn mpsc_last_value() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let sender = thread::spawn(move || tx.send(1).unwrap());
        match rx.try_recv() {
            Ok(1) | Err(TryRecvError::Empty) => {}
            other => panic!("{other:?}"),
        }
        sender.join().unwrap();
    });
}

/// Step 8: a sender waits for room and gets it.
#[test]
fn mpsc_bounded() {
    loom::model(|| {
        let (tx, mut rx) = mpsc::channel(1);
        let sender = thread::spawn(move || {
            block_on(tx.send(1)).unwrap();
            block_on(tx.send(2)).unwrap();
        });
        assert_eq!(block_on(rx.recv()), Some(1));
        assert_eq!(block_on(rx.recv()), Some(2));
        sender.join().unwrap();
    });
}

/// Step 8: a closed channel ends when the last permit comes back, used or not.
#[test]
fn mpsc_close_with_permit() {
    for send in [true, false] {
        loom::model(move || {
            let (tx, mut rx) = mpsc::channel(1);
            let permit = tx.clone().try_reserve_owned().unwrap();
            let sender = thread::spawn(move || match send {
                true => drop(permit.send(1)),
                false => drop(permit.release()),
            });
            rx.close();
            let received = block_on(rx.recv());
            assert_eq!(received, send.then_some(1));
            assert_eq!(block_on(rx.recv()), None);
            sender.join().unwrap();
            drop(tx);
        });
    }
}

/// Values die with the channel, whoever goes last.
#[test]
fn mpsc_drop_both() {
    loom::model(|| {
        let (tx, rx) = mpsc::unbounded_channel();
        let sender = thread::spawn(move || {
            let _ = tx.send(Arc::new(()));
        });
        drop(rx);
        sender.join().unwrap();
    });
}
