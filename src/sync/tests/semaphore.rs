use super::*;
use crate::sync::{Semaphore, TryAcquireError};
use std::panic::{catch_unwind, AssertUnwindSafe};

#[test]
fn counts_and_errors() {
    let semaphore = Semaphore::new(3);
    let two = semaphore.try_acquire_many(2).unwrap();
    assert_eq!(semaphore.available_permits(), 1);
    assert_eq!(semaphore.try_acquire_many(2).unwrap_err(), TryAcquireError::NoPermits);
    assert_eq!(semaphore.try_acquire_many(2).unwrap_err().to_string(), "no permits available");
    drop(now(semaphore.acquire()).unwrap());
    drop(two);
    assert_eq!(semaphore.available_permits(), 3);
    assert_eq!(semaphore.forget_permits(2), 2);
    assert_eq!(semaphore.forget_permits(2), 1);
    assert_eq!(semaphore.forget_permits(2), 0);
    drop(now(semaphore.acquire_many(0)).unwrap());
    semaphore.add_permits(1);
    semaphore.close();
    assert!(semaphore.is_closed());
    assert_eq!(now(semaphore.acquire()).unwrap_err().to_string(), "semaphore closed");
    assert_eq!(format!("{:?}", now(semaphore.acquire()).unwrap_err()), "AcquireError(())");
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    assert_eq!(semaphore.try_acquire().unwrap_err().to_string(), "semaphore closed");
}

#[test]
fn too_many_permits_panic() {
    let text = format!(
        "a semaphore may not have more than MAX_PERMITS permits ({})",
        Semaphore::MAX_PERMITS
    );
    let new = catch_unwind(|| drop(Semaphore::new(Semaphore::MAX_PERMITS + 1)));
    assert_eq!(panic_text(new), text);
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    let add = catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(1)));
    assert_eq!(panic_text(add), text);
    let add = catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(usize::MAX)));
    assert_eq!(panic_text(add), text);
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
}

#[test]
fn permits_split_merge_and_forget() {
    let semaphore = Arc::new(Semaphore::new(5));
    let mut all = semaphore.try_acquire_many(5).unwrap();
    assert!(all.split(6).is_none());
    let part = all.split(2).unwrap();
    assert_eq!((all.num_permits(), part.num_permits()), (3, 2));
    all.merge(part);
    drop(all.split(1));
    assert_eq!(semaphore.available_permits(), 1);
    all.forget();
    assert_eq!(semaphore.available_permits(), 1);

    let mut owned = semaphore.clone().try_acquire_owned().unwrap();
    let other = Arc::new(Semaphore::new(1));
    let foreign = other.clone().try_acquire_owned().unwrap();
    let merged = catch_unwind(AssertUnwindSafe(|| owned.merge(foreign)));
    assert_eq!(panic_text(merged), "merging permits from different semaphore instances");
    assert_eq!(other.available_permits(), 1, "the refused permit is given back");
    assert!(Arc::ptr_eq(owned.semaphore(), &semaphore));
    assert_eq!(owned.split(1).unwrap().num_permits(), 1);
    assert_eq!(owned.num_permits(), 0);
}

#[test]
fn fifo_and_a_big_request_is_not_overtaken() {
    let semaphore = Semaphore::new(1);
    let mut big = Task::new(semaphore.acquire_many(3));
    let mut small = Task::new(semaphore.acquire());
    assert!(big.is_pending() && small.is_pending());
    assert_eq!(semaphore.available_permits(), 0, "the first in the queue collects");
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    semaphore.add_permits(1);
    assert!(big.is_pending() && small.is_pending());
    semaphore.add_permits(2);
    assert_eq!((big.wakes(), small.wakes()), (1, 1));
    assert_eq!(big.ready().unwrap().num_permits(), 3, "and gives its 3 back here, to nobody");
    drop(small.ready().unwrap());
    assert_eq!(semaphore.available_permits(), 4);
}

#[test]
fn s_wait_list_cancel_semaphore() {
    let semaphore = Semaphore::new(2);
    // While queued, with a part of what it wants.
    let mut big = Task::new(semaphore.acquire_many(3));
    let mut small = Task::new(semaphore.acquire());
    assert!(big.is_pending() && small.is_pending());
    big.cancel();
    assert_eq!(small.wakes(), 1, "the part goes to the next");
    let permit = small.ready().unwrap();
    assert_eq!(semaphore.available_permits(), 1);
    // After it was served, before it knows.
    let rest = semaphore.try_acquire().unwrap();
    let (mut a, mut b, mut c) = (
        Task::new(semaphore.acquire()),
        Task::new(semaphore.acquire()),
        Task::new(semaphore.acquire()),
    );
    assert!(a.is_pending() && b.is_pending() && c.is_pending());
    drop(permit);
    assert_eq!((a.wakes(), b.wakes()), (1, 0));
    a.cancel();
    assert_eq!((b.wakes(), c.wakes()), (1, 0));
    // From the middle and the end, with nothing in hand.
    let permit = b.ready().unwrap();
    c.cancel();
    drop(permit);
    drop(rest);
    assert_eq!(semaphore.available_permits(), 2);
    // Before the first poll.
    drop(semaphore.acquire_many(2));
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn close_wakes_all_and_keeps_permits_valid() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    let mut waiting: Vec<_> = (0..100).map(|_| Task::new(semaphore.acquire_many(2))).collect();
    assert!(waiting.iter_mut().all(Task::is_pending));
    semaphore.close();
    assert!(waiting.iter().all(|task| task.wakes() == 1));
    waiting.pop().unwrap().cancel();
    assert!(waiting.iter_mut().all(|task| task.ready().is_err()));
    drop(held);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn the_last_waker_is_the_one_woken() {
    let semaphore = Semaphore::new(0);
    let mut task = Task::new(semaphore.acquire());
    assert!(task.is_pending());
    let first = std::mem::take(&mut task.count);
    assert!(task.is_pending());
    assert_eq!(Arc::strong_count(&first), 1, "the stale waker is gone");
    semaphore.add_permits(1);
    assert_eq!((first.0.load(SeqCst), task.wakes()), (0, 1));
}

#[test]
fn s_waker_dropped_under_lock_semaphore() {
    static SEMAPHORE: Semaphore = Semaphore::const_new(0);
    let meddle = || {
        // Both take the lock of the list.
        drop(Task::new(SEMAPHORE.acquire()).poll());
        SEMAPHORE.add_permits(0);
    };
    let poll = |future: &mut Pin<Box<_>>, waker: Waker| {
        let future: &mut Pin<Box<dyn Future<Output = _>>> = future;
        future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending()
    };
    let acquire = || -> Pin<Box<dyn Future<Output = _>>> { Box::pin(SEMAPHORE.acquire()) };
    // Replaced.
    let mut a = acquire();
    assert!(poll(&mut a, meddler(meddle)));
    assert!(poll(&mut a, meddler(meddle)));
    // Cancelled.
    drop(a);
    // Woken.
    let mut a = acquire();
    assert!(poll(&mut a, meddler(meddle)));
    SEMAPHORE.add_permits(1);
    assert!(!poll(&mut a, meddler(meddle)));
}

#[test]
fn a_panicking_waker_strands_nobody() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("on purpose");
        }
    }
    let semaphore = Semaphore::new(0);
    let mut first = Box::pin(semaphore.acquire());
    let waker = Waker::from(Arc::new(Panics));
    assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let mut others: Vec<_> = (0..50).map(|_| Task::new(semaphore.acquire())).collect();
    assert!(others.iter_mut().all(Task::is_pending));
    let added = catch_unwind(AssertUnwindSafe(|| semaphore.add_permits(51)));
    assert_eq!(panic_text(added), "on purpose");
    assert!(others.iter().all(|task| task.wakes() == 1));
}

#[test]
fn threads_never_exceed_the_permits() {
    let semaphore = Arc::new(Semaphore::new(3));
    let inside = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..8)
        .map(|i| {
            let (semaphore, inside) = (semaphore.clone(), inside.clone());
            std::thread::spawn(move || {
                for round in 0..500 {
                    let n = 1 + (i + round) % 3;
                    let permit = semaphore.blocking_acquire_many(n as u32).unwrap();
                    assert!(inside.fetch_add(n, SeqCst) + n <= 3);
                    if round % 8 == 0 {
                        std::thread::yield_now();
                    }
                    inside.fetch_sub(n, SeqCst);
                    drop(permit);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(semaphore.available_permits(), 3);
}

/// Spends what the scope has left.
fn spend_the_budget() {
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(unit) = crate::g::coop::poll_proceed(&mut cx) {
        unit.made_progress();
    }
}

#[test]
fn without_budget_one_still_takes_ones_place() {
    let semaphore = Semaphore::new(1);
    let held = now(semaphore.acquire()).unwrap();
    let mut first = Task::new(semaphore.acquire());
    {
        let _scope = crate::g::coop::enter(None);
        spend_the_budget();
        assert!(first.is_pending());
    }
    let mut second = Task::new(semaphore.acquire());
    assert!(second.is_pending());
    drop(held);
    assert!(second.is_pending(), "the first is before it");
    assert_eq!(
        (first.wakes(), second.wakes()),
        (1, 0),
        "woken with the permit, not for want of budget"
    );
    drop(first.ready().unwrap());
    drop(second.ready().unwrap());
}

#[test]
fn what_was_free_is_taken_without_budget_and_given_back() {
    let semaphore = Semaphore::new(3);
    let poll_without_budget = |n| {
        let mut acquire = Task::new(semaphore.acquire_many(n));
        let _scope = crate::g::coop::enter(None);
        spend_the_budget();
        assert!(acquire.is_pending());
        assert_eq!(acquire.wakes(), 1);
        acquire
    };
    let dropped = poll_without_budget(2);
    assert_eq!(semaphore.available_permits(), 1);
    drop(dropped);
    assert_eq!(semaphore.available_permits(), 3);
    let mut answered = poll_without_budget(2);
    drop(answered.ready().unwrap());
    assert_eq!(semaphore.available_permits(), 3);
    let mut closed = poll_without_budget(2);
    semaphore.close();
    assert!(closed.ready().is_err());
    assert_eq!(semaphore.available_permits(), 3);
    assert!(poll_without_budget(1).ready().is_err(), "closed before");
}

#[test]
fn budget_ends_a_loop_of_acquires() {
    let semaphore = Semaphore::new(1);
    let _scope = crate::g::coop::enter(None);
    let mut acquired = 0;
    let mut task = Task::new(async {
        loop {
            drop(semaphore.acquire().await);
            acquired += 1;
        }
        #[allow(unreachable_code)]
        ()
    });
    assert!(task.is_pending());
    assert_eq!(task.wakes(), 1);
    drop(task);
    assert_eq!(acquired, crate::g::coop::BUDGET);
}

#[test]
fn blocking_acquire_panics_in_async_context() {
    let semaphore = Arc::new(Semaphore::new(4));
    let _tasks = crate::g::block::forbid();
    let calls: [Box<dyn Fn()>; 4] = [
        Box::new(|| drop(semaphore.blocking_acquire())),
        Box::new(|| drop(semaphore.blocking_acquire_many(2))),
        Box::new(|| drop(semaphore.clone().blocking_acquire_owned())),
        Box::new(|| drop(semaphore.clone().blocking_acquire_many_owned(2))),
    ];
    for call in calls {
        let text = panic_text(catch_unwind(AssertUnwindSafe(call)));
        assert!(text.starts_with("Cannot block the current thread from within a runtime."));
    }
}
