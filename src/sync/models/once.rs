//! `Barrier`, `OnceCell`, `SetOnce`.

use crate::primitives::sync::UnsafeCell;
use crate::sync::block_on::block_on;
use crate::sync::{Barrier, OnceCell, SetOnce};
use loom::sync::Arc;
use loom::thread;

struct Meeting {
    barrier: Barrier,
    data: UnsafeCell<usize>,
}

#[allow(unsafe_code)]
// SAFETY: loom reports what would be a race.
unsafe impl Sync for Meeting {}

/// Both steps: what happened before an arrival is seen by all who leave, also in the next generation.
#[test]
#[allow(unsafe_code)]
fn barrier_generations() {
    loom::model(|| {
        let shared = Arc::new(Meeting { barrier: Barrier::new(2), data: UnsafeCell::new(0) });
        let other = {
            let shared = shared.clone();
            thread::spawn(move || {
                // SAFETY: before the first meeting nobody else looks, or loom says so.
                shared.data.with_mut(|data| unsafe { *data = 1 });
                let first = block_on(shared.barrier.wait()).is_leader();
                let second = block_on(shared.barrier.wait()).is_leader();
                // SAFETY: after the second meeting it is ours again, or loom says so.
                assert_eq!(shared.data.with(|data| unsafe { *data }), 2);
                (first, second)
            })
        };
        let first = block_on(shared.barrier.wait()).is_leader();
        // SAFETY: between the meetings it is ours, or loom says so.
        shared.data.with_mut(|data| unsafe { *data += 1 });
        let second = block_on(shared.barrier.wait()).is_leader();
        assert_eq!(other.join().unwrap(), (!first, !second), "one leader each");
    });
}

/// Step 2: the leader serves all.
#[test]
fn barrier_three() {
    loom::model(|| {
        let barrier = Arc::new(Barrier::new(3));
        let others = [(); 2].map(|()| {
            let barrier = barrier.clone();
            thread::spawn(move || block_on(barrier.wait()).is_leader())
        });
        let mut leaders = usize::from(block_on(barrier.wait()).is_leader());
        for other in others {
            leaders += usize::from(other.join().unwrap());
        }
        assert_eq!(leaders, 1);
    });
}

/// Step 1: one of them initialises, and both see the value.
#[test]
fn once_cell_two_initialisers() {
    loom::model(|| {
        let cell = Arc::new(OnceCell::new());
        let other = {
            let cell = cell.clone();
            thread::spawn(move || *block_on(cell.get_or_init(|| async { Box::new(1) })).as_ref())
        };
        let mine = *block_on(cell.get_or_init(|| async { Box::new(2) })).as_ref();
        assert_eq!(other.join().unwrap(), mine);
    });
}

/// Step 2: an initialiser that fails lets the next one try.
#[test]
fn once_cell_failure() {
    loom::model(|| {
        let cell = Arc::new(OnceCell::new());
        let other = {
            let cell = cell.clone();
            thread::spawn(move || {
                block_on(cell.get_or_try_init(|| async { Err(()) })).map(|value: &u8| *value)
            })
        };
        assert_eq!(block_on(cell.get_or_init(|| async { 2 })), &2);
        assert!(matches!(other.join().unwrap(), Ok(2) | Err(())));
    });
}

/// Step 2: a value that comes between the look and the queue is seen.
#[test]
fn set_once_wait() {
    loom::model(|| {
        let cell = Arc::new(SetOnce::new());
        let setter = {
            let cell = cell.clone();
            thread::spawn(move || cell.set(Box::new(1)).unwrap())
        };
        assert_eq!(**block_on(cell.wait()), 1);
        setter.join().unwrap();
    });
}

/// The slot's protocol, and step 1: one of two wins, and the other one finds its value.
#[test]
fn set_once_get() {
    loom::model(|| {
        let cell = Arc::new(SetOnce::new());
        let setters = [1, 2].map(|n| {
            let cell = cell.clone();
            thread::spawn(move || {
                let won = cell.set(Box::new(n)).is_ok();
                assert!(cell.get().is_some_and(|value| (**value == n) == won));
            })
        });
        if let Some(value) = cell.get() {
            assert!(**value > 0);
        }
        for setter in setters {
            setter.join().unwrap();
        }
    });
}
