use super::poll;
use crate::primitives::sync::UnsafeCell;
use crate::sync::batch::BatchSemaphore;
use crate::sync::block_on::block_on;
use loom::sync::Arc;
use loom::thread;
use std::pin::pin;

struct Shared {
    semaphore: BatchSemaphore,
    data: UnsafeCell<usize>,
}

// The model itself checks that the cell is used by one at a time.
#[allow(unsafe_code)]
// SAFETY: loom reports what would be a race.
unsafe impl Sync for Shared {}

fn shared(permits: usize) -> Arc<Shared> {
    Arc::new(Shared { semaphore: BatchSemaphore::new(permits), data: UnsafeCell::new(0) })
}

/// Takes a permit, touches the data, gives the permit back.
fn visit(shared: &Shared, permits: usize) {
    block_on(shared.semaphore.acquire(permits)).unwrap();
    #[allow(unsafe_code)]
    // SAFETY: the permit excludes others, or loom says so.
    shared.data.with_mut(|data| unsafe { *data += 1 });
    shared.semaphore.release(permits);
}

/// Steps 3 to 5.
#[test]
fn semaphore_hand_over() {
    loom::model(|| {
        let shared = shared(1);
        let threads = [(); 2].map(|()| {
            let shared = shared.clone();
            thread::spawn(move || visit(&shared, 1))
        });
        for thread in threads {
            thread.join().unwrap();
        }
        visit(&shared, 1);
        assert_eq!(shared.semaphore.available(), 1);
    });
}

/// Step 6: one that leaves, at any moment, loses no permit.
#[test]
fn s_wait_list_cancel_semaphore() {
    loom::model(|| {
        let shared = shared(0);
        let quitter = {
            let shared = shared.clone();
            thread::spawn(move || {
                let mut acquire = pin!(shared.semaphore.acquire(1));
                if poll(acquire.as_mut()).is_ready() {
                    shared.semaphore.release(1);
                }
            })
        };
        shared.semaphore.release(1);
        block_on(shared.semaphore.acquire(1)).unwrap();
        shared.semaphore.release(1);
        quitter.join().unwrap();
        assert_eq!(shared.semaphore.available(), 1);
    });
}

/// The wait list's step 3: a poll that no wake-up caused may find the node served, and free it at once.
#[test]
fn semaphore_spurious_poll() {
    loom::model(|| {
        let shared = shared(1);
        block_on(shared.semaphore.acquire(1)).unwrap();
        let poller = {
            let shared = shared.clone();
            thread::spawn(move || {
                let mut acquire = Box::pin(shared.semaphore.acquire(1));
                if poll(acquire.as_mut()).is_ready() || poll(acquire.as_mut()).is_ready() {
                    drop(acquire);
                    #[allow(unsafe_code)]
                    // SAFETY: the permit excludes others, or loom says so.
                    shared.data.with_mut(|data| unsafe { *data += 1 });
                    shared.semaphore.release(1);
                }
            })
        };
        #[allow(unsafe_code)]
        // SAFETY: as above.
        shared.data.with_mut(|data| unsafe { *data += 1 });
        shared.semaphore.release(1);
        poller.join().unwrap();
        assert_eq!(shared.semaphore.available(), 1);
    });
}

/// Step 7: who waits, or comes, learns it.
#[test]
fn semaphore_close() {
    loom::model(|| {
        let shared = shared(1);
        let waiter = {
            let shared = shared.clone();
            thread::spawn(move || block_on(shared.semaphore.acquire(2)).is_err())
        };
        shared.semaphore.close();
        assert!(waiter.join().unwrap());
        assert_eq!(shared.semaphore.available(), 1, "the part that it had is back");
    });
}

/// Step 1: a big request collects, and a small one does not starve it.
#[test]
fn semaphore_many() {
    loom::model(|| {
        let shared = shared(2);
        let threads = [2, 1].map(|permits| {
            let shared = shared.clone();
            thread::spawn(move || {
                block_on(shared.semaphore.acquire(permits)).unwrap();
                shared.semaphore.release(permits);
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(shared.semaphore.available(), 2);
    });
}
