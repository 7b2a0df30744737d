use super::*;
use crate::sync::mpsc::{
    self,
    error::{SendError, TryRecvError, TrySendError},
};
use std::panic::{catch_unwind, AssertUnwindSafe};

#[test]
fn values_come_in_order_over_many_blocks() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    for round in 0..5 {
        for n in 0..1_000 {
            tx.send(round * 1_000 + n).unwrap();
        }
        assert_eq!(rx.len(), 1_000);
        for n in 0..1_000 {
            assert_eq!(rx.try_recv(), Ok(round * 1_000 + n));
        }
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        assert!(rx.is_empty());
    }
    drop(tx);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    assert!(rx.is_closed());
    assert_eq!(now(rx.recv()), None);
}

#[test]
fn receiver_waits_across_a_block_boundary() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    for n in 0..200 {
        let mut recv = Task::new(rx.recv());
        assert!(recv.is_pending() && recv.is_pending());
        tx.send(n).unwrap();
        assert_eq!(recv.wakes(), 1);
        assert_eq!(recv.ready(), Some(n));
    }
}

#[test]
fn a_cancelled_recv_loses_nothing() {
    let (tx, mut rx) = mpsc::channel(4);
    let mut recv = Task::new(rx.recv());
    assert!(recv.is_pending());
    tx.try_send(1).unwrap();
    assert_eq!(recv.wakes(), 1);
    recv.cancel();
    drop(recv);
    assert_eq!(now(rx.recv()), Some(1));
    let mut buffer = vec![0];
    let mut many = Task::new(rx.recv_many(&mut buffer, 3));
    assert!(many.is_pending());
    tx.try_send(2).unwrap();
    tx.try_send(3).unwrap();
    many.cancel();
    drop(many);
    assert_eq!(now(rx.recv_many(&mut buffer, 3)), 2);
    assert_eq!(buffer, [0, 2, 3]);
    assert_eq!(tx.capacity(), 4);
}

#[test]
fn recv_many_keeps_its_limit() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    for n in 0..100 {
        tx.send(n).unwrap();
    }
    let mut buffer = Vec::new();
    assert_eq!(now(rx.recv_many(&mut buffer, 0)), 0);
    assert_eq!(now(rx.recv_many(&mut buffer, 70)), 70);
    assert_eq!(rx.blocking_recv_many(&mut buffer, 70), 30);
    assert_eq!(buffer, (0..100).collect::<Vec<_>>());
    drop(tx);
    assert_eq!(now(rx.recv_many(&mut buffer, 70)), 0);
}

#[test]
fn senders_wait_in_order_for_room() {
    let (tx, mut rx) = mpsc::channel(1);
    tx.try_send(0).unwrap();
    let (mut a, mut b) = (Task::new(tx.send(1)), Task::new(tx.send(2)));
    assert!(a.is_pending() && b.is_pending());
    assert_eq!(tx.try_send(9), Err(TrySendError::Full(9)));
    assert_eq!(rx.try_recv(), Ok(0));
    assert_eq!((a.wakes(), b.wakes()), (1, 0));
    assert_eq!(tx.try_send(9), Err(TrySendError::Full(9)), "the room is promised");
    a.ready().unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
    b.ready().unwrap();
    assert_eq!(rx.try_recv(), Ok(2));
    assert_eq!((tx.capacity(), tx.max_capacity()), (1, 1));
    assert_eq!((rx.capacity(), rx.max_capacity()), (1, 1));
}

#[test]
fn s_wait_list_cancel_mpsc() {
    let (tx, mut rx) = mpsc::channel(1);
    tx.try_send(0).unwrap();
    let (value, drops) = Dropped::new();
    let (tx2, mut rx2) = mpsc::channel(1);
    tx2.try_send(value.clone()).unwrap();
    // A queued send that is dropped drops its value.
    let mut send = Task::new(tx2.send(value));
    assert!(send.is_pending());
    send.cancel();
    assert_eq!(drops.load(SeqCst), 1);
    drop(rx2.try_recv());
    assert_eq!(tx2.capacity(), 1);
    // Served, then dropped: the next one gets the room.
    let (mut a, mut b) = (Task::new(tx.reserve()), Task::new(tx.clone().reserve_owned()));
    assert!(a.is_pending() && b.is_pending());
    rx.try_recv().unwrap();
    a.cancel();
    assert_eq!(b.wakes(), 1);
    drop(b.ready().unwrap());
    assert_eq!(tx.capacity(), 1);
}

#[test]
fn permits() {
    let (tx, mut rx) = mpsc::channel(3);
    let permit = now(tx.reserve()).unwrap();
    assert_eq!(tx.capacity(), 2);
    permit.send(1);
    drop(tx.try_reserve().unwrap());
    assert_eq!(tx.capacity(), 2);

    let mut many = now(tx.reserve_many(2)).unwrap();
    assert_eq!(many.len(), 2);
    assert_eq!(many.size_hint(), (2, Some(2)));
    many.next().unwrap().send(2);
    drop(many);
    assert_eq!(tx.capacity(), 1);
    assert_eq!(tx.try_reserve_many(2).unwrap_err(), TrySendError::Full(()));
    assert_eq!(tx.try_reserve_many(4).unwrap_err(), TrySendError::Full(()));
    assert_eq!(now(tx.reserve_many(4)).unwrap_err(), SendError(()));
    assert_eq!(now(tx.reserve_many(0)).unwrap().len(), 0);

    let owned = now(tx.clone().reserve_owned()).unwrap();
    assert!(owned.same_channel_as_sender(&tx));
    let full = tx.clone().try_reserve_owned().unwrap_err();
    assert!(matches!(&full, TrySendError::Full(sender) if sender.same_channel(&tx)));
    let sender = owned.release();
    let owned = sender.try_reserve_owned().unwrap();
    drop(full);
    assert_eq!(tx.strong_count(), 2);
    drop(owned.send(3));
    assert_eq!(tx.strong_count(), 1);
    let (other, _rx) = mpsc::channel::<i32>(1);
    let (a, b) = (other.clone().try_reserve_owned().unwrap(), other);
    assert!(!a.same_channel_as_sender(&tx) && a.same_channel_as_sender(&b) && a.same_channel(&a));
    drop(tx);
    assert_eq!((rx.blocking_recv(), rx.blocking_recv()), (Some(1), Some(2)));
    assert_eq!((rx.blocking_recv(), rx.blocking_recv()), (Some(3), None));
}

#[test]
fn close_waits_for_permits_that_are_out() {
    let (tx, mut rx) = mpsc::channel(2);
    let used = tx.try_reserve().unwrap();
    let unused = tx.try_reserve().unwrap();
    let mut queued = Task::new(tx.send(7));
    assert!(queued.is_pending());
    rx.close();
    assert!(tx.is_closed() && rx.is_closed());
    assert_eq!(queued.ready(), Err(SendError(7)));
    assert_eq!(tx.try_send(8), Err(TrySendError::Closed(8)));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    used.send(1);
    assert_eq!(now(rx.recv()), Some(1));
    let mut recv = Task::new(rx.recv());
    assert!(recv.is_pending());
    drop(unused);
    assert_eq!(recv.wakes(), 1, "the last permit's return is the end");
    assert_eq!(recv.ready(), None);
    drop(recv);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn a_closed_channel_ends_when_a_partly_served_waiter_leaves() {
    for cancel in [false, true] {
        let (tx, mut rx) = mpsc::channel::<()>(2);
        let held = tx.try_reserve().unwrap();
        let mut many = Task::new(tx.reserve_many(2));
        assert!(many.is_pending());
        rx.close();
        drop(held);
        let mut recv = Task::new(rx.recv());
        assert!(recv.is_pending(), "one permit is still with the waiter");
        if cancel {
            many.cancel();
        } else {
            assert!(many.ready().is_err());
        }
        assert_eq!(recv.wakes(), 1);
        assert_eq!(recv.ready(), None);
    }
}

#[test]
fn unbounded_close_is_exact() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    tx.send(1).unwrap();
    rx.close();
    assert_eq!(tx.send(2), Err(SendError(2)));
    assert_eq!(tx.send(3).unwrap_err().to_string(), "channel closed");
    assert!(tx.is_closed() && rx.is_closed());
    assert_eq!(rx.len(), 1);
    assert_eq!(now(rx.recv()), Some(1));
    assert_eq!(now(rx.recv()), None);
    assert_eq!(rx.len(), 0);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn last_sender_wakes_the_receiver() {
    let (tx, mut rx) = mpsc::channel::<()>(1);
    let weak = tx.downgrade();
    let mut recv = Task::new(rx.recv());
    assert!(recv.is_pending());
    let other = weak.upgrade().unwrap();
    assert_eq!((weak.strong_count(), weak.weak_count(), tx.weak_count()), (2, 1, 1));
    assert_eq!(weak.clone().weak_count(), 2);
    drop(tx);
    assert_eq!(recv.wakes(), 0);
    drop(other);
    assert_eq!(recv.wakes(), 1);
    assert_eq!(recv.ready(), None);
    drop(recv);
    assert!(weak.upgrade().is_none());
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (0, 1));

    let (tx, rx) = mpsc::unbounded_channel::<()>();
    let weak = tx.downgrade();
    assert!(weak.upgrade().unwrap().same_channel(&tx));
    drop((tx, rx));
    assert!(weak.clone().upgrade().is_none());
}

#[test]
fn closed_tells_every_sender() {
    let (tx, rx) = mpsc::channel::<()>(1);
    let tx2 = tx.clone();
    let (mut a, mut b) = (Task::new(tx.closed()), Task::new(tx2.closed()));
    assert!(a.is_pending() && b.is_pending());
    drop(rx);
    assert_eq!((a.wakes(), b.wakes()), (1, 1));
    a.ready();
    b.ready();
    now(tx.closed());
    let (tx, mut rx) = mpsc::unbounded_channel::<()>();
    let mut closed = Task::new(tx.closed());
    assert!(closed.is_pending());
    rx.close();
    assert_eq!(closed.wakes(), 1);
    closed.ready();
}

#[test]
fn every_value_is_dropped_once() {
    let (value, drops) = Dropped::new();
    let (tx, rx) = mpsc::channel(100);
    for _ in 0..40 {
        tx.try_send(value.clone()).unwrap();
    }
    let permit = tx.try_reserve().unwrap();
    drop(rx);
    assert_eq!(drops.load(SeqCst), 40, "the receiver drops what is queued");
    permit.send(value.clone());
    assert_eq!(drops.load(SeqCst), 40);
    drop(tx);
    assert_eq!(drops.load(SeqCst), 41);
    let (tx, rx) = mpsc::unbounded_channel();
    for _ in 0..70 {
        tx.send(value.clone()).unwrap();
    }
    drop(tx);
    drop(rx);
    assert_eq!(drops.load(SeqCst), 111);
}

#[test]
fn texts() {
    let zero = catch_unwind(|| drop(mpsc::channel::<()>(0)));
    assert_eq!(panic_text(zero), "mpsc bounded channel requires buffer > 0");
    let huge = catch_unwind(|| drop(mpsc::channel::<()>(usize::MAX)));
    assert!(
        panic_text(huge).starts_with("a semaphore may not have more than MAX_PERMITS permits (")
    );
    let (full, closed) = (TrySendError::Full(1), TrySendError::from(SendError(2)));
    assert_eq!(format!("{full} {full:?}"), "no available capacity \"Full(..)\"");
    assert_eq!(format!("{closed} {closed:?}"), "channel closed \"Closed(..)\"");
    assert_eq!((full.into_inner(), closed.into_inner()), (1, 2));
    let send = SendError(std::cell::Cell::new(1));
    assert_eq!(format!("{send} {send:?}"), "channel closed SendError { .. }");
    assert_eq!(TryRecvError::Empty.to_string(), "receiving on an empty channel");
    assert_eq!(TryRecvError::Disconnected.to_string(), "receiving on a closed channel");
    assert_eq!(format!("{:?}", TryRecvError::Empty), "Empty");
}

#[test]
fn s_waker_dropped_under_lock_mpsc() {
    let (tx, mut rx) = mpsc::channel::<()>(1);
    let other = tx.clone();
    // Replaced, then woken, then dropped: each time it uses the channel.
    for _ in 0..2 {
        let other = other.clone();
        let waker = meddler(move || {
            let mut send = Task::new(other.send(()));
            let _ = send.poll();
        });
        let _ = rx.poll_recv(&mut Context::from_waker(&waker));
    }
    drop(tx);
    let _ = rx.poll_recv(&mut Context::from_waker(Waker::noop()));
    rx.close();
}

#[test]
fn receives_spend_the_budget() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    for n in 0..300 {
        tx.send(n).unwrap();
    }
    let _scope = crate::g::coop::enter(None);
    let mut received = 0;
    let mut task = Task::new(async {
        while rx.recv().await.is_some() {
            received += 1;
        }
    });
    assert!(task.is_pending());
    drop(task);
    assert_eq!(received, crate::g::coop::BUDGET);
}

#[test]
fn threads_send_all_and_in_each_ones_order() {
    const SENDERS: usize = 4;
    const EACH: usize = 5_000;
    for bound in [None, Some(1), Some(7), Some(100)] {
        let mut next = [0; SENDERS];
        let mut check = |(who, n): (usize, usize)| {
            assert_eq!(next[who], n);
            next[who] += 1;
        };
        match bound {
            None => {
                let (tx, mut rx) = mpsc::unbounded_channel();
                for who in 0..SENDERS {
                    let tx = tx.clone();
                    std::thread::spawn(move || {
                        for n in 0..EACH {
                            tx.send((who, n)).unwrap();
                        }
                    });
                }
                drop(tx);
                while let Some(value) = rx.blocking_recv() {
                    check(value);
                }
            }
            Some(bound) => {
                let (tx, mut rx) = mpsc::channel(bound);
                for who in 0..SENDERS {
                    let tx = tx.clone();
                    std::thread::spawn(move || {
                        for n in 0..EACH {
                            tx.blocking_send((who, n)).unwrap();
                        }
                    });
                }
                drop(tx);
                let mut buffer = Vec::new();
                while rx.blocking_recv_many(&mut buffer, 16) > 0 {
                    buffer.drain(..).for_each(&mut check);
                }
            }
        }
        assert_eq!(next, [EACH; SENDERS]);
    }
}

#[test]
fn threads_race_close_against_sends() {
    for round in 0..300 {
        let (value, drops) = Dropped::new();
        let (tx, mut rx) = mpsc::unbounded_channel();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (tx, value) = (tx.clone(), value.clone());
                std::thread::spawn(move || {
                    (0..50).filter(|_| tx.send(value.clone()).is_ok()).count()
                })
            })
            .collect();
        let mut received = 0;
        while received < round % 100 && rx.try_recv().is_ok() {
            received += 1;
        }
        rx.close();
        while rx.blocking_recv().is_some() {
            received += 1;
        }
        let sent: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(sent, received, "what was sent with success is received");
        drop((tx, rx));
        // 150 values, and the clones that the threads made them from.
        assert_eq!(drops.load(SeqCst), 153);
    }
}

#[test]
fn blocking_calls_panic_in_async_context() {
    let (tx, mut rx) = mpsc::channel(4);
    let (_utx, mut urx) = mpsc::unbounded_channel::<()>();
    let _tasks = crate::g::block::forbid();
    let mut buffer = Vec::new();
    let texts = [
        panic_text(catch_unwind(AssertUnwindSafe(|| {
            let _ = tx.blocking_send(());
        }))),
        panic_text(catch_unwind(AssertUnwindSafe(|| {
            let _ = rx.blocking_recv();
        }))),
        panic_text(catch_unwind(AssertUnwindSafe(|| {
            rx.blocking_recv_many(&mut Vec::new(), 1);
        }))),
        panic_text(catch_unwind(AssertUnwindSafe(|| {
            let _ = urx.blocking_recv();
        }))),
        panic_text(catch_unwind(AssertUnwindSafe(|| {
            urx.blocking_recv_many(&mut buffer, 1);
        }))),
    ];
    for text in texts {
        assert!(text.starts_with("Cannot block the current thread from within a runtime."));
    }
}

#[test]
fn send_timeout_errors_print_without_their_value() {
    use crate::sync::mpsc::error::SendTimeoutError;
    struct Plain;
    let (late, closed) = (SendTimeoutError::Timeout(Plain), SendTimeoutError::Closed(Plain));
    assert_eq!(format!("{late:?} {closed:?}"), r#""Timeout(..)" "Closed(..)""#);
    assert_eq!(format!("{late}, {closed}"), "timed out waiting on send operation, channel closed");
    let (Plain, Plain) = (late.into_inner(), closed.into_inner());
}
