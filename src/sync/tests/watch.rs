use super::*;
use crate::sync::watch::{self, error};
use std::panic::{catch_unwind, AssertUnwindSafe};

#[test]
fn changes_are_seen_once_and_skipped_values_never() {
    let (tx, mut rx) = watch::channel(0);
    assert!(!rx.has_changed().unwrap());
    let mut other = rx.clone();
    let mut task = Task::new(rx.changed());
    assert!(task.is_pending());
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert_eq!(task.wakes(), 1);
    task.ready().unwrap();
    drop(task);
    assert!(Task::new(rx.changed()).is_pending());
    assert_eq!(*rx.borrow(), 2);
    assert!(other.has_changed().unwrap());
    assert!(other.borrow().has_changed(), "borrow does not mark as seen");
    assert!(other.borrow_and_update().has_changed());
    assert!(!other.borrow().has_changed() && !tx.borrow().has_changed());
    assert!(Task::new(other.changed()).is_pending());
}

#[test]
fn marks() {
    let (tx, mut rx) = watch::channel(0);
    rx.mark_changed();
    assert!(rx.has_changed().unwrap() && rx.clone().has_changed().unwrap());
    now(rx.changed()).unwrap();
    tx.send(1).unwrap();
    rx.mark_unchanged();
    assert!(!rx.has_changed().unwrap());
    assert!(Task::new(rx.changed()).is_pending());
    let late = tx.subscribe();
    assert!(!late.has_changed().unwrap(), "the present value counts as seen");
    assert!(late.same_channel(&rx) && tx.same_channel(&tx.clone()));
}

#[test]
fn the_last_value_is_reported_before_the_end() {
    let (tx, mut rx) = watch::channel(0);
    let mut idle = rx.clone();
    let mut waiting = Task::new(idle.changed());
    assert!(waiting.is_pending());
    let second = tx.clone();
    assert_eq!(tx.sender_count(), 2);
    drop(tx);
    assert_eq!(waiting.wakes(), 0);
    second.send(1).unwrap();
    drop(second);
    assert!(rx.is_closed());
    assert_eq!(rx.has_changed().unwrap_err().to_string(), "channel closed");
    now(rx.changed()).unwrap();
    now(rx.changed()).unwrap_err();
    assert_eq!(*rx.borrow(), 1);
    waiting.ready().unwrap();
    drop(waiting);
    let result = catch_unwind(AssertUnwindSafe(|| drop(now(idle.wait_for(|_| panic!("in f"))))));
    assert_eq!(panic_text(result), "in f");
    assert_eq!(*now(idle.wait_for(|value| *value == 1)).unwrap(), 1);
    assert!(now(idle.wait_for(|value| *value == 2)).is_err());
}

#[test]
fn wait_for_asks_about_the_present_value_first() {
    let (tx, mut rx) = watch::channel(1);
    assert!(!now(rx.wait_for(|value| *value == 1)).unwrap().has_changed());
    let mut asked = Vec::new();
    let mut task = Task::new(rx.wait_for(|value| {
        asked.push(*value);
        *value > 2
    }));
    assert!(task.is_pending());
    tx.send(2).unwrap();
    assert!(task.is_pending());
    tx.send(3).unwrap();
    let value = task.ready().unwrap();
    assert!(*value == 3 && value.has_changed());
    drop((value, task));
    assert_eq!(asked, [1, 2, 3]);
    // Cancelled: what it was asked about counts as seen, what comes then does not.
    let mut task = Task::new(rx.wait_for(|_| false));
    assert!(task.is_pending());
    task.cancel();
    drop(task);
    assert!(!rx.has_changed().unwrap());
    tx.send(4).unwrap();
    assert!(rx.has_changed().unwrap());
}

#[test]
fn senders_methods() {
    let (tx, rx) = watch::channel(1);
    assert_eq!(tx.send_replace(2), 1);
    tx.send_modify(|value| *value += 1);
    assert!(!tx.send_if_modified(|value| {
        *value = 10;
        false
    }));
    assert_eq!(*rx.borrow(), 10);
    drop(rx);
    assert!(tx.is_closed());
    let error = tx.send(11).unwrap_err();
    assert_eq!(format!("{error} {error:?} {}", error.0), "channel closed SendError { .. } 11");
    assert!(error == error::SendError(11));
    assert_eq!(*tx.borrow(), 10);
    assert_eq!(tx.send_replace(12), 10);
    let rx = tx.subscribe();
    assert!(!tx.is_closed() && !rx.has_changed().unwrap());
    assert_eq!((*rx.borrow(), tx.receiver_count()), (12, 1));
    assert!(format!("{tx:?}{rx:?}").contains("value: 12"));
    assert_eq!(*watch::Sender::<u8>::default().borrow(), 0);
}

#[test]
fn a_panic_in_modify_notifies_nobody_and_unlocks() {
    let (tx, mut rx) = watch::channel(1);
    let mut task = Task::new(rx.changed());
    assert!(task.is_pending());
    let result = catch_unwind(AssertUnwindSafe(|| {
        tx.send_modify(|value| {
            *value = 2;
            panic!("boom");
        })
    }));
    assert_eq!(panic_text(result), "boom");
    assert_eq!(task.wakes(), 0);
    assert_eq!(*tx.borrow(), 2);
    tx.send(3).unwrap();
    task.ready().unwrap();
}

#[test]
fn closed_waits_for_the_last_receiver() {
    let (tx, rx) = watch::channel(1);
    let second = rx.clone();
    let mut task = Task::new(tx.closed());
    assert!(task.is_pending());
    drop(rx);
    assert_eq!(task.wakes(), 0);
    drop(second);
    assert_eq!(task.wakes(), 1);
    let third = tx.subscribe();
    assert!(task.is_pending(), "a new one came in between");
    drop(third);
    task.ready();
    now(tx.closed());
}

#[test]
fn cancelled_waits_lose_nothing() {
    let (tx, mut rx) = watch::channel(1);
    let mut task = Task::new(rx.changed());
    assert!(task.is_pending());
    tx.send(2).unwrap();
    task.cancel();
    drop(task);
    now(rx.changed()).unwrap();
}

#[test]
fn old_values_are_dropped_outside_of_the_lock() {
    struct Nosy(Option<watch::Sender<Nosy>>);
    impl Drop for Nosy {
        fn drop(&mut self) {
            if let Some(tx) = &self.0 {
                tx.send_if_modified(|_| false);
            }
        }
    }
    let (tx, rx) = watch::channel(Nosy(None));
    tx.send(Nosy(Some(tx.clone()))).ok().unwrap();
    tx.send(Nosy(None)).ok().unwrap();
    drop(rx);
}

#[test]
fn threads_see_the_last_value() {
    for _ in 0..20 {
        let (tx, rx) = watch::channel(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                let mut rx = rx.clone();
                scope.spawn(move || {
                    crate::sync::block_on::block_on(async {
                        let mut last = 0;
                        while rx.changed().await.is_ok() {
                            let value = *rx.borrow_and_update();
                            assert!(value >= last);
                            last = value;
                        }
                        assert_eq!(*rx.borrow(), 100);
                    });
                });
            }
            scope.spawn(move || (1..=100).for_each(|n| assert!(tx.send_replace(n) < n)));
        });
    }
}
