use crate::sync::block_on::block_on;
use crate::sync::watch;
use loom::thread;

/// Steps 1 to 3: a send is noticed whenever it comes, and brings its value.
#[test]
fn watch_send_changed() {
    loom::model(|| {
        let (tx, mut rx) = watch::channel(0);
        let receiver = thread::spawn(move || {
            block_on(rx.changed()).unwrap();
            assert_eq!(*rx.borrow_and_update(), 1);
        });
        tx.send(1).unwrap();
        receiver.join().unwrap();
        drop(tx);
    });
}

/// Steps 3 and 4: the last value comes before the end, and the end comes.
#[test]
fn watch_last_value() {
    loom::model(|| {
        let (tx, mut rx) = watch::channel(0);
        let receiver = thread::spawn(move || {
            let mut changes = 0;
            while block_on(rx.changed()).is_ok() {
                changes += 1;
            }
            assert_eq!((changes, *rx.borrow()), (1, 1));
        });
        tx.send(1).unwrap();
        drop(tx);
        receiver.join().unwrap();
    });
}

/// Step 4: the last of two receivers tells who waits for that.
#[test]
fn watch_deserted() {
    loom::model(|| {
        let (tx, rx) = watch::channel(0);
        let second = rx.clone();
        let receivers = [rx, second].map(|rx| thread::spawn(move || drop(rx)));
        block_on(tx.closed());
        assert!(tx.send(1).is_err());
        for receiver in receivers {
            receiver.join().unwrap();
        }
    });
}
