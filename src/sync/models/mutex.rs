use super::poll;
use crate::primitives::sync::UnsafeCell;
use crate::sync::block_on::block_on;
use crate::sync::Mutex;
use loom::sync::Arc;
use loom::thread;
use std::pin::pin;

#[allow(unsafe_code)]
fn visit(mutex: &Mutex<UnsafeCell<usize>>) {
    let guard = block_on(mutex.lock());
    // SAFETY: the guard excludes others, or loom says so.
    guard.with_mut(|data| unsafe { *data += 1 });
}

/// Two lock, a third one polls once and goes away: every visit excludes the others, none is stuck.
#[test]
fn mutex_hand_over() {
    loom::model(|| {
        let mutex = Arc::new(Mutex::new(UnsafeCell::new(0)));
        let visitor = {
            let mutex = mutex.clone();
            thread::spawn(move || visit(&mutex))
        };
        let quitter = {
            let mutex = mutex.clone();
            thread::spawn(move || {
                let mut lock = pin!(mutex.lock());
                let _ = poll(lock.as_mut());
            })
        };
        visit(&mutex);
        visitor.join().unwrap();
        quitter.join().unwrap();
        assert!(mutex.try_lock().is_ok());
    });
}
