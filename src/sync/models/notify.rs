use super::poll;
use crate::primitives::sync::UnsafeCell;
use crate::sync::block_on::block_on;
use crate::sync::Notify;
use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::sync::Arc;
use loom::thread;
use std::pin::pin;

struct Shared {
    notify: Notify,
    data: UnsafeCell<usize>,
}

#[allow(unsafe_code)]
// SAFETY: loom reports what would be a race.
unsafe impl Sync for Shared {}

/// Steps 3 and 5: the notification is kept or delivered, and brings along what preceded it.
#[test]
#[allow(unsafe_code)]
fn notify_one() {
    loom::model(|| {
        let shared = Arc::new(Shared { notify: Notify::new(), data: UnsafeCell::new(0) });
        let notifier = {
            let shared = shared.clone();
            thread::spawn(move || {
                // SAFETY: before the notification nobody else looks, or loom says so.
                shared.data.with_mut(|data| unsafe { *data = 1 });
                shared.notify.notify_one();
            })
        };
        block_on(shared.notify.notified());
        // SAFETY: after the notification nobody writes, or loom says so.
        assert_eq!(shared.data.with(|data| unsafe { *data }), 1);
        notifier.join().unwrap();
    });
}

/// Step 6: of two waiters one goes away at any moment; the other one gets the notification.
#[test]
fn s_wait_list_cancel_notify() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let quitter = {
            let notify = notify.clone();
            thread::spawn(move || {
                let mut notified = pin!(notify.notified());
                if poll(notified.as_mut()).is_ready() {
                    notify.notify_one();
                }
            })
        };
        let notifier = {
            let notify = notify.clone();
            thread::spawn(move || notify.notify_one())
        };
        block_on(notify.notified());
        quitter.join().unwrap();
        notifier.join().unwrap();
    });
}

/// Steps 1 and 4: future first, then a look at the condition: the notification is not missed.
#[test]
fn notify_waiters() {
    loom::model(|| {
        let shared = Arc::new((Notify::new(), AtomicBool::new(false)));
        let waiters = [(); 2].map(|()| {
            let shared = shared.clone();
            thread::spawn(move || {
                let notified = shared.0.notified();
                if !shared.1.load(Relaxed) {
                    block_on(notified);
                }
                assert!(shared.1.load(Relaxed));
            })
        });
        shared.1.store(true, Relaxed);
        shared.0.notify_waiters();
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
}
