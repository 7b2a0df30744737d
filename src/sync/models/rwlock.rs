use crate::primitives::sync::UnsafeCell;
use crate::sync::block_on::block_on;
use crate::sync::RwLock;
use loom::sync::Arc;
use loom::thread;

/// The lock guards a cell of the checker's, which reports access that is not ordered.
struct Shared {
    lock: RwLock<()>,
    data: UnsafeCell<usize>,
}

#[allow(unsafe_code)]
// SAFETY: loom reports what would be a race.
unsafe impl Sync for Shared {}

impl Shared {
    fn new() -> Arc<Shared> {
        Arc::new(Shared { lock: RwLock::with_max_readers((), 2), data: UnsafeCell::new(0) })
    }

    fn get(&self) -> usize {
        #[allow(unsafe_code)]
        // SAFETY: the caller holds a guard, or loom says so.
        self.data.with(|data| unsafe { *data })
    }

    fn add(&self) {
        #[allow(unsafe_code)]
        // SAFETY: the caller holds a write guard, or loom says so.
        self.data.with_mut(|data| unsafe { *data += 1 })
    }
}

/// Steps 1 and 2.
#[test]
fn rwlock_exclusion() {
    loom::model(|| {
        let shared = Shared::new();
        let writer = {
            let shared = shared.clone();
            thread::spawn(move || {
                let _guard = block_on(shared.lock.write());
                shared.add();
            })
        };
        let reader = {
            let shared = shared.clone();
            thread::spawn(move || {
                let _guard = block_on(shared.lock.read());
                assert!(shared.get() <= 1);
            })
        };
        writer.join().unwrap();
        reader.join().unwrap();
        let _all = shared.lock.try_write().unwrap();
        assert_eq!(shared.get(), 1);
    });
}

/// Step 3: no writer comes between writing and reading on.
#[test]
fn rwlock_downgrade() {
    loom::model(|| {
        let shared = Shared::new();
        let other = {
            let shared = shared.clone();
            thread::spawn(move || {
                let _guard = block_on(shared.lock.write());
                shared.add();
            })
        };
        let writer = block_on(shared.lock.write());
        shared.add();
        let mine = shared.get();
        let reader = writer.downgrade();
        assert_eq!(shared.get(), mine);
        drop(reader);
        other.join().unwrap();
        let _all = shared.lock.try_write().unwrap();
        assert_eq!(shared.get(), 2);
    });
}
