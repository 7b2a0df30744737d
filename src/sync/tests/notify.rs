use super::*;
use crate::sync::Notify;

#[test]
fn one_permit_is_stored() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    notify.notify_last();
    now(notify.notified());
    assert!(Task::new(notify.notified()).is_pending());
}

#[test]
fn fifo_lifo_and_all() {
    let notify = Notify::const_new();
    let mut tasks: Vec<_> = (0..4).map(|_| Task::new(notify.notified())).collect();
    assert!(tasks.iter_mut().all(Task::is_pending));
    notify.notify_one();
    notify.notify_last();
    let wakes: Vec<_> = tasks.iter().map(Task::wakes).collect();
    assert_eq!(wakes, [1, 0, 0, 1]);
    notify.notify_waiters();
    assert!(tasks.iter_mut().all(|task| task.wakes() == 1 && task.poll().is_ready()));
    assert!(Task::new(notify.notified()).is_pending(), "nothing is stored");
}

#[test]
fn notify_waiters_reaches_what_exists_but_was_not_polled() {
    let notify = Arc::new(Notify::new());
    let mut before = Task::new(notify.notified());
    let mut owned = Task::new(notify.clone().notified_owned());
    notify.notify_waiters();
    let mut after = Task::new(notify.notified());
    assert!(after.is_pending());
    before.ready();
    owned.ready();
    assert!(after.is_pending());
}

#[test]
fn notify_waiters_keeps_the_stored_permit() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_waiters();
    now(notify.notified());
    assert!(Task::new(notify.notified()).is_pending());
}

#[test]
fn enable_queues_without_a_poll() {
    let notify = Notify::new();
    let mut first = Box::pin(notify.notified());
    assert!(!first.as_mut().enable());
    let mut second = Task::new(notify.notified());
    assert!(second.is_pending());
    notify.notify_one();
    assert_eq!(second.wakes(), 0, "the first has the place");
    assert!(first.as_mut().enable());
    notify.notify_one();
    assert_eq!(second.wakes(), 1);
    let mut third = Box::pin(notify.notified());
    notify.notify_one();
    assert!(third.as_mut().enable(), "takes the stored permit");
    assert!(!Box::pin(notify.notified()).as_mut().enable());
    // Enabled, then polled: the waker arrives with the poll.
    let mut task = Task::new(notify.notified());
    assert!(!task.future.as_mut().unwrap().as_mut().enable());
    assert!(task.is_pending());
    notify.notify_one();
    assert_eq!(task.wakes(), 1);
    task.ready();
}

#[test]
fn s_wait_list_cancel_notify() {
    let notify = Arc::new(Notify::new());
    // Chosen, then dropped: the next one gets it, in the manner it was given.
    let mut tasks: Vec<_> = (0..3).map(|_| Task::new(notify.notified())).collect();
    assert!(tasks.iter_mut().all(Task::is_pending));
    notify.notify_one();
    tasks[0].cancel();
    assert_eq!((tasks[1].wakes(), tasks[2].wakes()), (1, 0));
    tasks[1].cancel();
    assert_eq!(tasks[2].wakes(), 1);
    tasks[2].cancel();
    now(notify.notified());

    let mut tasks: Vec<_> = (0..3).map(|_| Task::new(notify.clone().notified_owned())).collect();
    assert!(tasks.iter_mut().all(Task::is_pending));
    notify.notify_last();
    tasks[2].cancel();
    assert_eq!((tasks[0].wakes(), tasks[1].wakes()), (0, 1));
    tasks.clear();
    now(notify.notified());

    // Dropped while queued: nothing to pass on, and the next permit is stored.
    let mut task = Task::new(notify.notified());
    assert!(task.is_pending());
    task.cancel();
    notify.notify_one();
    now(notify.notified());

    // Woken by notify_waiters, then dropped: nothing is passed on.
    let mut task = Task::new(notify.notified());
    assert!(task.is_pending());
    notify.notify_waiters();
    task.cancel();
    assert!(Task::new(notify.notified()).is_pending());
}

#[test]
fn many_waiters_and_wakers_that_come_back() {
    let notify = Arc::new(Notify::new());
    let mut tasks: Vec<_> = (0..100).map(|_| Task::new(notify.notified())).collect();
    // In the middle of the first batch's wake-ups another notify_one and a newcomer arrive.
    let again = notify.clone();
    let mut first = Box::pin(notify.notified());
    let waker = meddler(move || {
        let mut newcomer = Task::new(again.notified());
        if newcomer.is_pending() {
            again.notify_one();
            assert_eq!(newcomer.wakes(), 1, "those who were notified already are passed over");
        }
    });
    assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    assert!(tasks.iter_mut().all(Task::is_pending));
    notify.notify_waiters();
    assert!(tasks.iter().all(|task| task.wakes() == 1));
    drop(first);
}

#[test]
fn s_waker_dropped_under_lock_notify() {
    static NOTIFY: Notify = Notify::const_new();
    let meddle = || {
        let mut task = Task::new(NOTIFY.notified());
        let _ = task.poll();
        NOTIFY.notify_waiters();
    };
    let poll = |future: Pin<&mut crate::sync::futures::Notified<'_>>| {
        future.poll(&mut Context::from_waker(&meddler(meddle))).is_pending()
    };
    let mut a = Box::pin(NOTIFY.notified());
    assert!(poll(a.as_mut()));
    let _ = poll(a.as_mut());
    drop(a);
    let mut a = Box::pin(NOTIFY.notified());
    assert!(poll(a.as_mut()));
    NOTIFY.notify_one();
    drop(a);
}

#[test]
fn threads_ping_pong() {
    let (ping, pong) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let thread = {
        let (ping, pong) = (ping.clone(), pong.clone());
        std::thread::spawn(move || {
            for _ in 0..2_000 {
                crate::sync::block_on::block_on(ping.notified());
                pong.notify_one();
            }
        })
    };
    for _ in 0..2_000 {
        ping.notify_one();
        crate::sync::block_on::block_on(pong.notified());
    }
    thread.join().unwrap();
}
