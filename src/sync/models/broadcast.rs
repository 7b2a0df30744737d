use crate::g::models::heap::explore;
use crate::sync::block_on::block_on;
use crate::sync::broadcast;
use crate::sync::broadcast::error::{RecvError, TryRecvError};
use loom::thread;

/// Steps 1, 2 and 6: a value is received whenever it comes.
#[test]
fn broadcast_send_recv() {
    loom::model(|| {
        let (tx, mut rx) = broadcast::channel(2);
        let receiver = thread::spawn(move || {
            assert_eq!(block_on(rx.recv()), Ok(Box::new(1)));
        });
        tx.send(Box::new(1)).unwrap();
        receiver.join().unwrap();
        assert!(tx.is_empty());
    });
}

/// Steps 4 and 5: a sender overwrites what a receiver is cloning; one of them empties the orphan.
#[test]
fn broadcast_orphan() {
    loom::model(|| {
        let (tx, mut rx) = broadcast::channel(1);
        let _slow = tx.subscribe();
        tx.send(Box::new(1)).unwrap();
        let receiver = thread::spawn(move || match rx.try_recv() {
            Ok(value) => assert!(*value == 1 || *value == 2),
            Err(error) => assert_eq!(error, TryRecvError::Lagged(1)),
        });
        tx.send(Box::new(2)).unwrap();
        receiver.join().unwrap();
        tx.shared().assert_tidy();
        drop(tx);
    });
}

/// Steps 2 to 5: two receivers share a value that is overwritten meanwhile; who finds the index of an extra
/// cell finds the cell, and the duty to empty the orphan may go from one to the other.
#[test]
fn broadcast_extra_cell() {
    explore(2, || {
        let (tx, rx) = broadcast::channel(1);
        let (second, _slow) = (tx.subscribe(), tx.subscribe());
        tx.send(Box::new(1)).unwrap();
        let receivers = [rx, second].map(|mut rx| {
            thread::spawn(move || match rx.try_recv() {
                Ok(value) => assert!(*value == 1 || *value == 2),
                Err(error) => assert_eq!(error, TryRecvError::Lagged(1)),
            })
        });
        tx.send(Box::new(2)).unwrap();
        for receiver in receivers {
            receiver.join().unwrap();
        }
        tx.shared().assert_tidy();
    });
}

/// Step 7: the rest, then the end.
#[test]
fn broadcast_close() {
    loom::model(|| {
        let (tx, mut rx) = broadcast::channel(2);
        let receiver = thread::spawn(move || {
            assert_eq!(block_on(rx.recv()), Ok(1));
            assert_eq!(block_on(rx.recv()), Err(RecvError::Closed));
        });
        tx.send(1).unwrap();
        drop(tx);
        receiver.join().unwrap();
    });
}

/// Step 7: the last receiver counts its values down and tells who waits for that.
#[test]
fn broadcast_deserted() {
    loom::model(|| {
        let (tx, rx) = broadcast::channel(2);
        tx.send(Box::new(1)).unwrap();
        let receiver = thread::spawn(move || drop(rx));
        block_on(tx.closed());
        receiver.join().unwrap();
        assert!(tx.is_empty() && tx.send(Box::new(2)).is_err());
    });
}

/// Steps 1 and 2 of `cell.rs`: two receivers want one value at the same moment; the second to come sleeps
/// until the first is done.
#[test]
fn broadcast_crowd() {
    loom::model(|| {
        let (tx, mut first) = broadcast::channel(1);
        let mut second = tx.subscribe();
        tx.send(Box::new(1)).unwrap();
        let receiver = thread::spawn(move || assert_eq!(second.try_recv(), Ok(Box::new(1))));
        assert_eq!(first.try_recv(), Ok(Box::new(1)));
        receiver.join().unwrap();
        assert!(tx.is_empty());
    });
}
