use super::*;
use crate::sync::{MappedMutexGuard, Mutex, MutexGuard, OwnedMappedMutexGuard, OwnedMutexGuard};

#[test]
fn locks_and_prints() {
    let mut mutex = Mutex::new(1);
    let mut guard = now(mutex.lock());
    *guard += 1;
    assert_eq!((format!("{guard:?}"), format!("{guard}")), ("2".into(), "2".into()));
    assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
    let error = mutex.try_lock().unwrap_err();
    assert_eq!(error.to_string(), "operation would block");
    assert_eq!(format!("{error:?}"), "TryLockError(())");
    assert!(std::ptr::eq(MutexGuard::mutex(&guard), &mutex));
    drop(guard);
    assert_eq!(format!("{mutex:?}"), "Mutex { data: 2 }");
    *mutex.get_mut() = 3;
    assert_eq!(mutex.into_inner(), 3);
    assert_eq!(Mutex::<u8>::default().into_inner(), Mutex::from(0).into_inner());
}

#[test]
fn hands_over_in_order_and_nobody_barges_in() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let (mut a, mut b) = (Task::new(mutex.lock()), Task::new(mutex.lock()));
    assert!(a.is_pending() && b.is_pending());
    drop(guard);
    assert_eq!((a.wakes(), b.wakes()), (1, 0));
    assert!(mutex.try_lock().is_err(), "promised to the first waiter");
    let guard = a.ready();
    assert!(b.is_pending());
    drop(guard);
    drop(b.ready());
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn s_wait_list_cancel_mutex() {
    let mutex = Mutex::new(());
    let guard = mutex.try_lock().unwrap();
    let (mut a, mut b) = (Task::new(mutex.lock()), Task::new(mutex.lock()));
    assert!(a.is_pending() && b.is_pending());
    drop(guard);
    a.cancel();
    assert_eq!(b.wakes(), 1);
    b.cancel();
    assert!(mutex.try_lock().is_ok());
}

#[test]
fn a_panic_unlocks_without_poison() {
    let mutex = Mutex::new(1);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut guard = mutex.try_lock().unwrap();
        *guard = 2;
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    assert_eq!(*mutex.try_lock().unwrap(), 2);
}

#[test]
fn mapped_guards_keep_the_whole_lock() {
    let mutex = Mutex::new(((1, 2), Some("x")));
    let guard = MutexGuard::map(mutex.try_lock().unwrap(), |all| &mut all.0);
    let guard = MappedMutexGuard::try_map(guard, |_| None::<&mut i32>).unwrap_err();
    let mut guard = MappedMutexGuard::map(guard, |pair| &mut pair.1);
    *guard += 5;
    assert_eq!(format!("{guard} {guard:?}"), "7 7");
    assert!(mutex.try_lock().is_err());
    drop(guard);
    let guard = MutexGuard::try_map(mutex.try_lock().unwrap(), |all| all.1.as_mut()).unwrap();
    let guard = MappedMutexGuard::try_map(guard, |text| Some(text)).unwrap();
    assert_eq!(*guard, "x");
    drop(guard);
    let whole = MutexGuard::try_map(mutex.try_lock().unwrap(), |_| None::<&mut ()>).unwrap_err();
    assert_eq!(whole.0, (1, 7));
}

#[test]
fn owned_guards_keep_the_mutex() {
    let mutex = Arc::new(Mutex::new((1, Some(2))));
    let guard = now(mutex.clone().lock_owned());
    assert!(Arc::ptr_eq(OwnedMutexGuard::mutex(&guard), &mutex));
    assert!(mutex.clone().try_lock_owned().is_err());
    let guard = OwnedMutexGuard::try_map(guard, |_| None::<&mut ()>).unwrap_err();
    let guard = OwnedMutexGuard::map(guard, |pair| &mut pair.1);
    let guard = OwnedMappedMutexGuard::try_map(guard, |_| None::<&mut ()>).unwrap_err();
    let mut guard = OwnedMappedMutexGuard::try_map(guard, |part| part.as_mut()).unwrap();
    *guard = 3;
    let guard = OwnedMappedMutexGuard::map(guard, |number| number);
    let weak = Arc::downgrade(&mutex);
    drop(mutex);
    assert_eq!(format!("{guard} {guard:?}"), "3 3");
    drop(guard);
    assert!(weak.upgrade().is_none(), "every guard gives its reference back");
}

#[test]
fn unsized_values() {
    let mutex: Arc<Mutex<[u8]>> = Arc::new(Mutex::new([1, 2, 3]));
    mutex.try_lock().unwrap()[0] = 9;
    assert_eq!(now(mutex.clone().lock_owned()).len(), 3);
    assert_eq!(format!("{mutex:?}"), "Mutex { data: [9, 2, 3] }");
}

#[test]
fn threads_count_up() {
    let mutex = Arc::new(Mutex::new(0));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let mutex = mutex.clone();
            std::thread::spawn(move || {
                for _ in 0..2_000 {
                    *mutex.blocking_lock() += 1;
                }
                *mutex.blocking_lock_owned() += 1;
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(*mutex.try_lock().unwrap(), 8_004);
}

#[test]
fn blocking_lock_panics_in_async_context() {
    let mutex = Arc::new(Mutex::new(0));
    let _tasks = crate::g::block::forbid();
    let calls: [Box<dyn Fn()>; 2] = [
        Box::new(|| drop(mutex.blocking_lock())),
        Box::new(|| drop(mutex.clone().blocking_lock_owned())),
    ];
    for call in calls {
        let text = panic_text(std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)));
        assert!(text.starts_with("Cannot block the current thread from within a runtime."));
    }
}
