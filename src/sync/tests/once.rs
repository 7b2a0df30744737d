//! `Barrier`, `OnceCell`, `SetOnce`.

use super::*;
use crate::sync::*;
use std::future::{pending, poll_fn};
use std::panic::{catch_unwind, AssertUnwindSafe};

#[test]
fn barrier_releases_each_generation_with_one_leader() {
    let barrier = Barrier::new(3);
    for _ in 0..3 {
        let (mut a, mut b) = (Task::new(barrier.wait()), Task::new(barrier.wait()));
        assert!(a.is_pending() && b.is_pending() && a.is_pending());
        assert!(now(barrier.wait()).is_leader());
        assert_eq!((a.wakes(), b.wakes()), (1, 1));
        assert!(!a.ready().is_leader() && !b.ready().is_leader());
    }
    assert!(now(Barrier::new(0).wait()).is_leader());
    assert!(now(Barrier::new(1).wait()).clone().is_leader());
    assert_eq!(format!("{barrier:?}"), "Barrier { n: 3, .. }");
}

#[test]
fn barrier_counts_who_arrived_and_left() {
    let barrier = Barrier::new(3);
    let (mut a, mut b) = (Task::new(barrier.wait()), Task::new(barrier.wait()));
    assert!(a.is_pending());
    a.cancel();
    assert!(b.is_pending());
    assert!(now(barrier.wait()).is_leader());
    assert!(!b.ready().is_leader());
    drop(barrier.wait()); // never polled: never arrived
    let (mut a, mut b) = (Task::new(barrier.wait()), Task::new(barrier.wait()));
    assert!(a.is_pending() && b.is_pending());
}

#[test]
fn barrier_of_more_than_a_batch_and_a_waker_that_panics() {
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic!("waker");
        }
    }
    let barrier = Barrier::new(100);
    let mut bomb = Box::pin(barrier.wait());
    let waker = Waker::from(Arc::new(Bomb));
    assert!(bomb.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let mut tasks: Vec<_> = (0..98).map(|_| Task::new(barrier.wait())).collect();
    assert!(tasks.iter_mut().all(Task::is_pending));
    let leader = catch_unwind(AssertUnwindSafe(|| assert!(now(barrier.wait()).is_leader())));
    assert_eq!(panic_text(leader), "waker");
    assert!(tasks.iter_mut().all(|task| task.wakes() == 1 && !task.ready().is_leader()));
}

#[test]
fn barrier_between_threads() {
    let barrier = Barrier::new(4);
    let (round, leaders) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for n in 0..100 {
                    let before = round.fetch_add(1, SeqCst);
                    assert!(before / 4 == n, "nobody is a round ahead");
                    let result = crate::sync::block_on::block_on(barrier.wait());
                    leaders.fetch_add(result.is_leader() as usize, SeqCst);
                }
            });
        }
    });
    assert_eq!(leaders.into_inner(), 100);
}

#[test]
fn once_cell_sets_once() {
    let mut cell = OnceCell::new();
    assert_eq!((cell.get(), cell.initialized()), (None, false));
    assert_eq!(cell.get_mut(), None);
    cell.set(1).unwrap();
    let error = cell.set(2).unwrap_err();
    assert!(error.is_already_init_err() && !error.is_initializing_err());
    assert_eq!(error.to_string(), "AlreadyInitializedError");
    assert_eq!(format!("{cell:?}"), "OnceCell { value: Some(1) }");
    assert_eq!(cell, cell.clone());
    *cell.get_mut().unwrap() = 3;
    assert_eq!(cell.take(), Some(3));
    assert_eq!((cell.get(), cell.set(4)), (None, Ok(())));
    assert_eq!(cell.into_inner(), Some(4));
    assert_eq!(OnceCell::new_with(None::<u8>).into_inner(), None);
    assert_eq!(OnceCell::from(5), OnceCell::new_with(Some(5)));
    static SET: OnceCell<u8> = OnceCell::const_new_with(6);
    assert_eq!(now(SET.get_or_init(pending)), &6);
}

#[test]
fn once_cell_one_initialiser_at_a_time_and_the_next_after_a_failure() {
    let cell = OnceCell::new();
    let mut first = Task::new(cell.get_or_init(pending::<u8>));
    let mut second = Task::new(cell.get_or_try_init(|| async { Err::<u8, _>("no") }));
    let mut third = Task::new(cell.get_or_init(|| async { 3 }));
    let mut fourth = Task::new(cell.get_or_init(|| async { 4 }));
    assert!(first.is_pending() && second.is_pending() && third.is_pending() && fourth.is_pending());
    let error = cell.set(9).unwrap_err();
    assert!(error.is_initializing_err() && error == SetError::InitializingError(9));
    assert_eq!(error.to_string(), "InitializingError");
    first.cancel();
    assert_eq!((second.wakes(), third.wakes()), (1, 0));
    assert_eq!(second.ready(), Err("no"));
    assert_eq!((third.wakes(), fourth.wakes()), (1, 0));
    assert_eq!(third.ready(), &3);
    assert_eq!(fourth.wakes(), 1);
    assert_eq!(fourth.ready(), &3);
    assert_eq!(now(cell.get_or_try_init(|| async { Err("late") })), Ok(&3));
}

#[test]
fn once_cell_panicking_initialiser_leaves_it_empty() {
    let cell = OnceCell::new();
    let mut waiting = Task::new(cell.get_or_init(|| async { 2 }));
    let mut first = true;
    let mut panicking = Task::new(cell.get_or_init(|| {
        poll_fn(move |_| match std::mem::take(&mut first) {
            true => Poll::Pending,
            false => panic!("boom"),
        })
    }));
    assert!(panicking.is_pending() && waiting.is_pending());
    let result = catch_unwind(AssertUnwindSafe(|| panicking.poll().is_ready()));
    assert_eq!(panic_text(result.map(drop)), "boom");
    panicking.cancel();
    assert_eq!(waiting.ready(), &2);
}

#[test]
fn once_cell_and_set_once_drop_their_value_once() {
    let (value, drops) = Dropped::new();
    let cell = OnceCell::new();
    cell.set(value.clone()).unwrap();
    drop(cell);
    assert_eq!(drops.load(SeqCst), 1);
    let cell = SetOnce::new_with(Some(value.clone()));
    drop(cell.set(value.clone()));
    assert_eq!(drops.load(SeqCst), 2);
    drop(cell);
    assert_eq!(drops.load(SeqCst), 3);
    drop(SetOnce::from(value).into_inner());
    assert_eq!(drops.load(SeqCst), 4);
}

#[test]
fn set_once_wakes_all_who_wait() {
    let cell = SetOnce::new();
    assert_eq!((cell.get(), cell.initialized()), (None, false));
    let mut tasks: Vec<_> = (0..50).map(|_| Task::new(cell.wait())).collect();
    assert!(tasks.iter_mut().all(Task::is_pending));
    tasks[7].cancel();
    cell.set(1).unwrap();
    let error = cell.set(2).unwrap_err();
    assert_eq!((error.to_string(), error.0), ("SetOnceError".into(), 2));
    tasks.pop().unwrap().cancel();
    for (n, task) in tasks.iter_mut().enumerate().filter(|(n, _)| *n != 7) {
        assert_eq!((task.wakes(), task.ready()), (1, &1), "{n}");
    }
    assert_eq!(now(cell.wait()), &1);
    assert_eq!(format!("{cell:?}"), "SetOnce { value: Some(1) }");
    assert_eq!((cell.clone() == cell, cell == SetOnce::default()), (true, false));
    static SET: SetOnce<u8> = SetOnce::const_new_with(3);
    assert_eq!(SET.get(), Some(&3));
}

#[test]
fn set_once_no_waker_under_the_lock() {
    static CELL: SetOnce<u8> = SetOnce::const_new();
    let waker = meddler(|| drop(CELL.set(2)));
    let mut task = Box::pin(CELL.wait());
    assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let other = meddler(|| assert!(CELL.get().is_none_or(|value| *value == 2)));
    assert!(task.as_mut().poll(&mut Context::from_waker(&other)).is_pending());
    drop(waker);
    assert_eq!(CELL.get(), Some(&2), "the stale waker's drop came outside of the lock");
    assert!(task.as_mut().poll(&mut Context::from_waker(&other)).is_ready());
}

#[test]
fn set_once_from_threads() {
    for _ in 0..100 {
        let cell = SetOnce::new();
        let set = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for n in 0..2 {
                let (cell, set) = (&cell, &set);
                scope.spawn(move || {
                    set.fetch_add(cell.set(n).is_ok() as usize, SeqCst);
                    assert!(cell.get().is_some(), "also after a set that was refused");
                });
            }
            scope.spawn(|| crate::sync::block_on::block_on(cell.wait()));
        });
        assert_eq!(set.into_inner(), 1);
    }
}
