use super::*;
use crate::sync::*;
use std::panic::{catch_unwind, AssertUnwindSafe};

#[test]
fn many_readers_or_one_writer() {
    let lock = RwLock::new(1);
    let (a, b) = (now(lock.read()), lock.try_read().unwrap());
    assert_eq!((*a, *b), (1, 1));
    assert_eq!(lock.try_write().unwrap_err().to_string(), "operation would block");
    drop((a, b));
    let mut writer = now(lock.write());
    *writer = 2;
    assert!(lock.try_read().is_err() && lock.try_write().is_err());
    assert_eq!(format!("{lock:?} {writer:?} {writer}"), "RwLock { data: <locked> } 2 2");
    drop(writer);
    assert_eq!(format!("{lock:?}"), "RwLock { data: 2 }");
    assert_eq!(lock.into_inner(), 2);
    let mut lock = RwLock::from(3);
    *lock.get_mut() += 1;
    assert_eq!(*lock.blocking_write() + *RwLock::<i32>::default().blocking_read(), 4);
}

#[test]
fn a_waiting_writer_stops_later_readers_and_all_are_served_in_order() {
    let lock = RwLock::new(0);
    let reader = now(lock.read());
    let mut writer = Task::new(lock.write());
    let mut late = Task::new(lock.read());
    let mut later = Task::new(lock.write());
    assert!(writer.is_pending() && late.is_pending() && later.is_pending());
    assert!(lock.try_read().is_err());
    drop(reader);
    assert_eq!((writer.wakes(), late.wakes(), later.wakes()), (1, 0, 0));
    drop(writer.ready());
    assert_eq!((late.wakes(), later.wakes()), (1, 0));
    drop(late.ready());
    drop(later.ready());
    assert!(lock.try_write().is_ok());
}

#[test]
fn cancelled_waiters_hold_nobody_up() {
    let lock = RwLock::new(0);
    let reader = now(lock.read());
    let mut writer = Task::new(lock.write());
    let mut late = Task::new(lock.read());
    assert!(writer.is_pending() && late.is_pending());
    writer.cancel();
    assert_eq!(late.wakes(), 1, "the permits that the writer had collected go on");
    drop((reader, late.ready()));
    // Served, but dropped before it knows.
    let held = lock.try_write().unwrap();
    let (mut a, mut b) = (Task::new(lock.write()), Task::new(lock.read()));
    assert!(a.is_pending() && b.is_pending());
    drop(held);
    assert_eq!((a.wakes(), b.wakes()), (1, 0));
    a.cancel();
    assert_eq!(b.wakes(), 1);
    drop(b.ready());
    assert!(lock.try_write().is_ok(), "all permits are back");
}

#[test]
fn limits_of_readers() {
    let lock = RwLock::with_max_readers((), 2);
    let readers = (lock.try_read().unwrap(), lock.try_read().unwrap());
    assert!(lock.try_read().is_err());
    drop(readers);
    drop(lock.try_write().unwrap());
    let made = catch_unwind(|| drop(RwLock::with_max_readers((), 0)));
    assert_eq!(panic_text(made), "a RwLock may not be created with 0 readers");
    let made = catch_unwind(|| drop(RwLock::with_max_readers((), (u32::MAX >> 3) + 1)));
    assert_eq!(panic_text(made), "a RwLock may not be created with more than 536870911 readers");
    static STATIC: RwLock<u8> = RwLock::const_with_max_readers(5, 1);
    assert_eq!(*STATIC.try_read().unwrap(), 5);
}

#[test]
fn downgrade_lets_readers_in_and_no_writer() {
    let lock = RwLock::new(0);
    let mut writer = now(lock.write());
    let mut reader = Task::new(lock.read());
    let mut other = Task::new(lock.write());
    assert!(reader.is_pending() && other.is_pending());
    *writer = 1;
    let guard = writer.downgrade();
    assert_eq!((*guard, *reader.ready(), other.wakes()), (1, 1, 0));
    assert!(other.is_pending());
    drop(guard);
    drop(other.ready());
    assert!(lock.try_write().is_ok());
}

#[test]
fn mapped_guards() {
    let lock = RwLock::new((1, 2));
    let read = RwLockReadGuard::map(lock.try_read().unwrap(), |pair| &pair.0);
    let read = RwLockReadGuard::try_map(read, |_| None::<&u8>).unwrap_err();
    assert_eq!(*RwLockReadGuard::try_map(read, |part| Some(part)).unwrap(), 1);
    let write = RwLockWriteGuard::try_map(lock.try_write().unwrap(), |_| None::<&mut u8>);
    let mut write = RwLockWriteGuard::map(write.unwrap_err(), |pair| &mut pair.1);
    *write = 3;
    let write = RwLockMappedWriteGuard::try_map(write, |_| None::<&mut u8>).unwrap_err();
    assert_eq!(*RwLockMappedWriteGuard::map(write, |part| part), 3);
    let whole = RwLockWriteGuard::into_mapped(lock.try_write().unwrap());
    assert!(lock.try_read().is_err());
    *RwLockMappedWriteGuard::try_map(whole, |pair| Some(&mut pair.0)).unwrap() = 7;
    let write = lock.try_write().unwrap();
    let write = RwLockWriteGuard::try_downgrade_map(write, |_| None::<&u8>).unwrap_err();
    assert!(lock.try_read().is_err(), "still a writer");
    let read = RwLockWriteGuard::try_downgrade_map(write, |pair| Some(&pair.0)).unwrap();
    assert_eq!((*read, lock.try_read().unwrap().0), (7, 7));
    drop(read);
    let read = RwLockWriteGuard::downgrade_map(lock.try_write().unwrap(), |pair| &pair.1);
    assert_eq!(*read, 3);
    drop(read);
    assert!(lock.try_write().is_ok(), "nothing is lost or left over");
}

#[test]
fn owned_guards() {
    let lock = Arc::new(RwLock::new((1, 2)));
    let read = OwnedRwLockReadGuard::map(now(lock.clone().read_owned()), |pair| &pair.0);
    let read = OwnedRwLockReadGuard::try_map(read, |_| None::<&u8>).unwrap_err();
    assert!(Arc::ptr_eq(OwnedRwLockReadGuard::rwlock(&read), &lock));
    assert_eq!(*OwnedRwLockReadGuard::try_map(read, |part| Some(part)).unwrap(), 1);
    let mut write = now(lock.clone().write_owned());
    write.0 = 5;
    assert!(lock.clone().try_read_owned().is_err() && lock.clone().try_write_owned().is_err());
    assert!(Arc::ptr_eq(OwnedRwLockWriteGuard::rwlock(&write), &lock));
    let write = OwnedRwLockWriteGuard::try_map(write, |_| None::<&mut u8>).unwrap_err();
    let write = OwnedRwLockWriteGuard::try_downgrade_map(write, |_| None::<&u8>).unwrap_err();
    let mut part = OwnedRwLockWriteGuard::map(write, |pair| &mut pair.1);
    *part = 6;
    let part = OwnedRwLockMappedWriteGuard::try_map(part, |_| None::<&mut u8>).unwrap_err();
    assert!(Arc::ptr_eq(OwnedRwLockMappedWriteGuard::rwlock(&part), &lock));
    drop(OwnedRwLockMappedWriteGuard::map(part, |part| part));
    drop(OwnedRwLockWriteGuard::into_mapped(lock.clone().try_write_owned().unwrap()));
    let read = lock.clone().try_write_owned().unwrap().downgrade();
    let part = OwnedRwLockReadGuard::map(lock.clone().try_read_owned().unwrap(), |pair| &pair.1);
    assert_eq!((read.0, *part), (5, 6));
    drop((read, part));
    let part =
        OwnedRwLockWriteGuard::downgrade_map(lock.clone().try_write_owned().unwrap(), |pair| {
            &pair.0
        });
    assert_eq!(*part, 5);
    drop(part);
    assert_eq!(Arc::strong_count(&lock), 1);
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_panic_under_a_guard_unlocks() {
    let lock = RwLock::new(0);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let _guard = lock.try_write().unwrap();
        panic!("boom");
    }));
    assert_eq!(panic_text(result), "boom");
    let mapping = catch_unwind(AssertUnwindSafe(|| {
        let _never =
            RwLockWriteGuard::map(lock.try_write().unwrap(), |_| -> &mut u8 { panic!("in map") });
    }));
    assert_eq!(panic_text(mapping), "in map");
    assert!(lock.try_write().is_ok());
}

#[test]
fn unsized_values() {
    let lock: Arc<RwLock<[u8]>> = Arc::new(RwLock::new([1, 2, 3]));
    assert_eq!(lock.try_read().unwrap().len(), 3);
    lock.clone().try_write_owned().unwrap()[0] = 9;
    assert_eq!(lock.try_read().unwrap()[0], 9);
}

#[test]
fn threads_exclude_each_other() {
    let lock = RwLock::new((0u32, 0u32));
    std::thread::scope(|scope| {
        for n in 0..4 {
            let lock = &lock;
            scope.spawn(move || {
                for i in 0..300 {
                    if (i + n) % 3 == 0 {
                        let mut pair = lock.blocking_write();
                        pair.0 += 1;
                        std::thread::yield_now();
                        pair.1 += 1;
                    } else {
                        let pair = lock.blocking_read();
                        assert_eq!(pair.0, pair.1);
                    }
                }
            });
        }
    });
    assert_eq!(lock.into_inner(), (400, 400));
}
