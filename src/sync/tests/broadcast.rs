use super::*;
use crate::sync::broadcast::error::{RecvError, TryRecvError};
use crate::sync::broadcast::{self, Receiver, Sender};
use std::cell::Cell;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Barrier;

#[test]
fn everyone_gets_every_value_from_the_subscription_on() {
    let (tx, mut a) = broadcast::channel(4);
    assert_eq!(a.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(tx.send("one").unwrap(), 1);
    let mut b = tx.subscribe();
    let mut c = a.resubscribe();
    assert_eq!(tx.send("two").unwrap(), 3);
    assert_eq!((a.len(), b.len(), tx.len(), tx.receiver_count()), (2, 1, 2, 3));
    assert_eq!((now(a.recv()), now(a.recv())), (Ok("one"), Ok("two")));
    assert_eq!((b.try_recv(), c.try_recv()), (Ok("two"), Ok("two")));
    assert!(a.is_empty() && b.is_empty() && tx.is_empty());
    assert!(a.same_channel(&b) && tx.same_channel(&tx.clone()));
}

#[test]
fn lag_is_counted_and_goes_on_with_the_oldest_kept() {
    let (tx, mut rx) = broadcast::channel(3); // rounded up to 4
    for n in 0..10 {
        tx.send(n).unwrap();
    }
    assert_eq!((rx.len(), tx.len()), (10, 4));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(6)));
    assert_eq!(rx.len(), 4);
    assert_eq!((rx.try_recv(), now(rx.recv())), (Ok(6), Ok(7)));
    (10..15).for_each(|n| drop(tx.send(n)));
    let error = now(rx.recv()).unwrap_err();
    assert_eq!((error.to_string(), error), ("channel lagged by 3".into(), RecvError::Lagged(3)));
    assert_eq!(now(rx.recv()), Ok(11));
}

#[test]
fn the_end_comes_after_the_rest() {
    let (tx, mut rx) = broadcast::channel(4);
    let weak = tx.downgrade();
    let second = weak.upgrade().unwrap();
    assert_eq!((tx.strong_count(), weak.clone().weak_count()), (2, 2));
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (2, 1));
    drop(tx);
    second.send(1).unwrap();
    let mut late = rx.resubscribe();
    let mut waiting = Task::new(late.recv());
    assert!(waiting.is_pending() && !rx.is_closed());
    drop(second);
    assert_eq!(waiting.ready(), Err(RecvError::Closed));
    assert!(weak.upgrade().is_none() && rx.is_closed());
    assert_eq!(now(rx.recv()), Ok(1));
    assert_eq!(
        (now(rx.recv()), rx.try_recv()),
        (Err(RecvError::Closed), Err(TryRecvError::Closed))
    );
    assert_eq!(rx.blocking_recv(), Err(RecvError::Closed));
}

#[test]
fn without_receivers_the_value_comes_back() {
    let tx = Sender::new(1);
    let error = tx.send(1).unwrap_err();
    assert_eq!((error.to_string(), error.0), ("channel closed".into(), 1));
    let rx = tx.subscribe();
    tx.send(2).unwrap();
    let mut closed = Task::new(tx.closed());
    assert!(closed.is_pending());
    drop(rx);
    assert_eq!(closed.wakes(), 1);
    closed.ready();
    assert_eq!((tx.len(), tx.strong_count(), tx.weak_count()), (0, 1, 0));
    assert!(tx.send(3).is_err());
    let _rx = tx.subscribe();
    assert!(Task::new(tx.closed()).is_pending());
}

#[test]
fn wrong_capacities_panic() {
    let text = |capacity| panic_text(catch_unwind(|| drop(broadcast::channel::<u8>(capacity))));
    assert_eq!(text(0), "broadcast channel capacity cannot be zero");
    let above = (usize::MAX >> 1) + 1;
    assert_eq!(text(above), "broadcast channel capacity exceeded `usize::MAX / 2`");
}

#[test]
fn waiting_receivers_are_woken_in_order_and_cancel_loses_nothing() {
    let (tx, mut a) = broadcast::channel(4);
    let mut others: Vec<Receiver<u8>> = (0..70).map(|_| tx.subscribe()).collect();
    let mut first = Task::new(a.recv());
    assert!(first.is_pending());
    let mut tasks: Vec<_> = others.iter_mut().map(|rx| Task::new(rx.recv())).collect();
    assert!(tasks.iter_mut().all(Task::is_pending));
    tasks[3].cancel();
    tx.send(1).unwrap();
    assert!(tasks.iter().enumerate().all(|(n, task)| n == 3 || task.wakes() == 1));
    tasks[5].cancel();
    assert!(tasks.iter_mut().enumerate().all(|(n, t)| n == 3 || n == 5 || t.ready() == Ok(1)));
    drop(tasks);
    assert_eq!((others[3].try_recv(), others[5].try_recv()), (Ok(1), Ok(1)));
    assert_eq!(first.ready(), Ok(1));
}

#[test]
fn values_are_dropped_when_the_last_has_seen_them() {
    let (value, drops) = Dropped::new();
    let (tx, mut a) = broadcast::channel(2);
    let b = tx.subscribe();
    tx.send(value.clone()).unwrap();
    drop(a.try_recv().unwrap());
    assert_eq!(drops.load(SeqCst), 1, "a clone; the original waits for b");
    drop(b);
    assert_eq!(drops.load(SeqCst), 2);
    tx.send(value.clone()).unwrap();
    let original = a.try_recv().unwrap();
    assert_eq!((drops.load(SeqCst), tx.len()), (2, 0), "moved out for the last one");
    drop(original);
    (0..3).for_each(|_| drop(tx.send(value.clone())));
    assert_eq!(drops.load(SeqCst), 4, "overwritten");
    drop((tx, a));
    assert_eq!(drops.load(SeqCst), 6);
}

/// `Clone` calls a function of the test's.
struct Hooked(Arc<dyn Fn() + Send + Sync>);

impl Clone for Hooked {
    fn clone(&self) -> Self {
        (self.0)();
        Hooked(self.0.clone())
    }
}

#[test]
fn clone_that_panics_counts_as_seen() {
    let (tx, mut a) = broadcast::channel(2);
    let mut b = tx.subscribe();
    tx.send(Hooked(Arc::new(|| panic!("clone")))).ok().unwrap();
    let result = catch_unwind(AssertUnwindSafe(|| drop(a.try_recv())));
    assert_eq!(panic_text(result), "clone");
    assert_eq!(a.try_recv().err(), Some(TryRecvError::Empty));
    assert!(b.try_recv().is_ok(), "the original");
    assert_eq!(tx.len(), 0);
    assert_eq!(tx.send(Hooked(Arc::new(|| ()))).ok(), Some(2));
    assert!(a.try_recv().is_ok() && b.try_recv().is_ok());
}

#[test]
fn clone_that_sends_and_overwrites_itself_does_not_deadlock() {
    let (value, drops) = Dropped::new();
    let (tx, mut a) = broadcast::channel(1);
    let (mut b, inner) = (tx.subscribe(), tx.clone());
    let again = Arc::new(AtomicUsize::new(0));
    let hook = move || {
        let _captured = &value;
        if again.fetch_add(1, SeqCst) == 0 {
            for _ in 0..3 {
                assert_eq!(inner.send(Hooked(Arc::new(|| ()))).ok(), Some(2));
            }
            assert_eq!((inner.len(), inner.receiver_count()), (1, 2));
        }
    };
    tx.send(Hooked(Arc::new(hook))).ok().unwrap();
    let first = a.try_recv().ok().unwrap();
    assert_eq!(a.try_recv().err(), Some(TryRecvError::Lagged(2)));
    assert!(a.try_recv().is_ok());
    assert_eq!(b.try_recv().err(), Some(TryRecvError::Lagged(3)));
    assert!(b.try_recv().is_ok());
    assert_eq!(tx.len(), 0);
    assert_eq!(drops.load(SeqCst), 0);
    drop(first);
    assert_eq!(drops.load(SeqCst), 1, "the orphan was emptied when the clone was done");
}

#[test]
fn clone_that_drops_and_subscribes() {
    let (tx, mut a) = broadcast::channel(2);
    let held = Arc::new(std::sync::Mutex::new(None));
    let (slot, inner) = (held.clone(), tx.clone());
    let hook = move || {
        let mine = slot.lock().unwrap().take();
        drop::<Option<Receiver<Hooked>>>(mine);
        drop(inner.subscribe());
    };
    let mut b = tx.subscribe();
    tx.send(Hooked(Arc::new(hook))).ok().unwrap();
    *held.lock().unwrap() = Some(tx.subscribe());
    assert!(a.try_recv().is_ok() && b.try_recv().is_ok());
    assert_eq!(tx.receiver_count(), 2);
}

/// RUSTSEC-2025-0023: values need not be `Sync`.
#[test]
fn s_broadcast_clone() {
    struct NotSync(Cell<usize>);
    impl Clone for NotSync {
        fn clone(&self) -> Self {
            let before = self.0.get();
            self.0.set(before + 1);
            std::thread::yield_now();
            assert_eq!(self.0.get(), before + 1, "two threads clone one value");
            NotSync(self.0.clone())
        }
    }
    let start = Barrier::new(4);
    let (tx, rx) = broadcast::channel::<NotSync>(8);
    let others: Vec<_> = (0..3).map(|_| tx.subscribe()).collect();
    std::thread::scope(|scope| {
        for mut rx in others.into_iter().chain([rx]) {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                loop {
                    match rx.blocking_recv() {
                        Ok(value) => assert!(value.0.get() <= 4),
                        Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => break,
                    }
                }
            });
        }
        scope.spawn(move || (0..2000).for_each(|_| drop(tx.send(NotSync(Cell::new(0))))));
    });
}

/// Many senders and receivers with lag: order holds for each sender, and nothing is lost unannounced.
#[test]
fn threads_lose_nothing_unannounced() {
    let (value, drops) = Dropped::new();
    let (tx, rx) = broadcast::channel(4);
    let senders = 2;
    let each = 1000u64;
    std::thread::scope(|scope| {
        for mut rx in (0..2).map(|_| tx.subscribe()).chain([rx]) {
            scope.spawn(move || {
                let (mut got, mut missed, mut last) = (0, 0, [0; 2]);
                loop {
                    match rx.blocking_recv() {
                        Ok((sender, n, _value)) => {
                            let sender: usize = sender;
                            assert!(n > last[sender]);
                            last[sender] = n;
                            got += 1;
                        }
                        Err(RecvError::Lagged(n)) => missed += n,
                        Err(RecvError::Closed) => break,
                    }
                }
                assert_eq!(got + missed, each * senders);
            });
        }
        for sender in 0..senders as usize {
            let (tx, value) = (tx.clone(), value.clone());
            scope.spawn(move || {
                (1..=each).for_each(|n| drop(tx.send((sender, n, value.clone()))));
            });
        }
        drop(tx);
    });
    let left = Arc::strong_count(&value.0);
    assert_eq!(left, 2, "every clone of the value is gone but the first");
    assert!(drops.load(SeqCst) as u64 >= each * senders);
}

#[test]
fn a_value_whose_drop_panics_keeps_the_others_counted() {
    struct Bomb(Arc<AtomicUsize>);
    impl Clone for Bomb {
        fn clone(&self) -> Self {
            Bomb(self.0.clone())
        }
    }
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
            if !std::thread::panicking() {
                panic!("drop");
            }
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let (tx, rx) = broadcast::channel(4);
    (0..3).for_each(|_| drop(tx.send(Bomb(drops.clone()))));
    let result = catch_unwind(AssertUnwindSafe(|| drop(rx)));
    assert_eq!(panic_text(result), "drop");
    assert_eq!((drops.load(SeqCst), tx.receiver_count(), tx.len()), (3, 0, 0));
}

#[test]
fn who_waits_for_a_slow_clone_sleeps_and_is_woken() {
    let inside = Arc::new(Barrier::new(4));
    let calls = Arc::new(AtomicUsize::new(0));
    let (start, counted) = (inside.clone(), calls.clone());
    let hook = move || {
        if counted.fetch_add(1, SeqCst) == 0 {
            start.wait();
            // Long enough for the others to go to sleep, as a rule; the result does not depend on it.
            std::thread::sleep(std::time::Duration::from_millis(30));
        }
    };
    let (tx, rx) = broadcast::channel(1);
    let others: Vec<_> = (0..3).map(|_| tx.subscribe()).collect();
    tx.send(Hooked(Arc::new(hook))).ok().unwrap();
    std::thread::scope(|scope| {
        let mut first = rx;
        scope.spawn(move || assert!(first.try_recv().is_ok()));
        for mut rx in others {
            let inside = &inside;
            scope.spawn(move || {
                inside.wait();
                assert!(rx.try_recv().is_ok());
            });
        }
    });
    assert_eq!((calls.load(SeqCst), tx.len()), (3, 0), "the last one got the original");
}

/// Many steps in one thread, held against a model of numbers: lag, lengths, who comes and who goes.
#[test]
fn lengths_and_lag_agree_with_a_model() {
    const CAPACITY: u64 = 8;
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % below
    };
    let tx = Sender::new(CAPACITY as usize);
    let mut end = 0;
    let mut receivers: Vec<(Receiver<u64>, u64)> = vec![(tx.subscribe(), 0)];
    for _ in 0..20_000 {
        let at = random(receivers.len().max(1));
        match random(16) {
            0 if receivers.len() < 5 => receivers.push((tx.subscribe(), end)),
            1 if receivers.len() > 1 => drop(receivers.swap_remove(at)),
            2..=6 => {
                assert_eq!(tx.send(end).unwrap(), receivers.len());
                end += 1;
            }
            _ => {
                let (rx, next) = &mut receivers[at];
                let kept = end.saturating_sub(CAPACITY);
                let expected = match *next {
                    next if next == end => Err(TryRecvError::Empty),
                    next if next < kept => Err(TryRecvError::Lagged(kept - next)),
                    next => Ok(next),
                };
                assert_eq!(rx.try_recv(), expected);
                match expected {
                    Ok(_) => *next += 1,
                    Err(TryRecvError::Lagged(_)) => *next = kept,
                    Err(_) => {}
                }
            }
        }
        assert!(receivers.iter().all(|(rx, next)| rx.len() as u64 == end - next));
        let slowest = receivers.iter().map(|(_, next)| end - next).max().unwrap();
        assert_eq!(tx.len() as u64, slowest.min(CAPACITY));
    }
}
