//! Wakes: before, while, between and after polls, once and often, from anywhere, and much too late.

use std::future::{pending, poll_fn, Future};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use gmp::executor::{Executor, TaskHandle};

use crate::kit::{block_on, Count, Drops, Gate, Harness, Kit};

/// However often a task is woken during its poll, by reference and by value: one more poll.
pub fn w_while_running<H: Harness>(kit: Kit<H>) {
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = polls.clone();
    drop(kit.spawn(poll_fn(move |cx| {
        if counted.fetch_add(1, SeqCst) == 0 {
            for _ in 0..10 {
                cx.waker().wake_by_ref();
                let clone = cx.waker().clone();
                clone.wake();
            }
        }
        Poll::<()>::Pending
    })));
    kit.until("polled again", || polls.load(SeqCst) >= 2);
    kit.settle();
    assert_eq!(polls.load(SeqCst), 2);
}

/// Woken during its poll by another thread, which comes back first: one more poll.
pub fn w_while_running_from_elsewhere<H: Harness>(kit: Kit<H>) {
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = polls.clone();
    drop(kit.spawn(poll_fn(move |cx| {
        if counted.fetch_add(1, SeqCst) == 0 {
            let waker = cx.waker().clone();
            thread::spawn(move || waker.wake()).join().expect("a wake does not panic");
        }
        Poll::<()>::Pending
    })));
    kit.until("polled again", || polls.load(SeqCst) >= 2);
    kit.settle();
    assert_eq!(polls.load(SeqCst), 2);
}

fn woken_by_itself<H: Harness>(kit: &Kit<H>, wake: fn(&Waker)) {
    let mut left = 1000;
    let task = kit.spawn(poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        wake(cx.waker());
        Poll::Pending
    }));
    kit.block_on(task).expect("it ends");
}

/// A task that wakes itself by reference goes on.
pub fn w_self_by_ref<H: Harness>(kit: Kit<H>) {
    woken_by_itself(&kit, |waker| waker.wake_by_ref());
}

/// A task that wakes itself by a clone goes on.
pub fn w_self_by_val<H: Harness>(kit: Kit<H>) {
    woken_by_itself(&kit, |waker| {
        let clone = waker.clone();
        clone.wake();
    });
}

/// Woken by many at once while it waits: polled once, or once for each that came too late for that; then
/// never again, and never by two threads at a time.
pub fn w_double<H: Harness>(kit: Kit<H>) {
    for _ in 0..100 {
        let (gate, busy) = (Gate::new(), Arc::new(AtomicBool::new(false)));
        let mut pass = gate.pass();
        let task = kit.spawn(poll_fn(move |cx| {
            assert!(!busy.swap(true, SeqCst), "two polls at a time");
            let polled = Pin::new(&mut pass).poll(cx);
            busy.store(false, SeqCst);
            polled
        }));
        kit.until("polled", || gate.polls() > 0);
        let waker = gate.waker().expect("it was polled");
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let waker = waker.clone();
                thread::spawn(move || waker.wake())
            })
            .collect();
        for thread in threads {
            thread.join().expect("a wake does not panic");
        }
        let polls = gate.polls();
        kit.until("polled again", || gate.polls() > 1);
        assert!((2..=4).contains(&gate.polls()), "{polls}, then {}", gate.polls());
        gate.open();
        kit.block_on(task).expect("it ends");
    }
}

/// The wake comes while the poll is on its way out: not lost.
pub fn w_between_pending_and_idle<H: Harness>(kit: Kit<H>) {
    const ROUNDS: usize = 2000;
    let slot: Arc<Mutex<Option<Waker>>> = Arc::default();
    let over = Arc::new(AtomicBool::new(false));
    let other = thread::spawn({
        let (slot, over) = (slot.clone(), over.clone());
        move || {
            while !over.load(SeqCst) {
                let waker = slot.lock().expect("nobody panics").take();
                match waker {
                    Some(waker) => waker.wake(),
                    None => std::hint::spin_loop(),
                }
            }
        }
    });
    let mut left = ROUNDS;
    let task = kit.spawn(poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        *slot.lock().expect("nobody panics") = Some(cx.waker().clone());
        Poll::Pending
    }));
    kit.block_on(task).expect("it ends");
    over.store(true, SeqCst);
    other.join().expect("no panic");
}

/// A thread without an executor wakes a task of one that sleeps.
pub fn w_foreign_thread<H: Harness>(kit: Kit<H>) {
    for round in 0..100 {
        let gate = Gate::new();
        let task = kit.spawn(gate.pass());
        let opener = thread::spawn({
            let gate = gate.clone();
            move || {
                while gate.polls() == 0 {
                    thread::yield_now();
                }
                if round % 2 == 0 {
                    // Long enough to fall asleep.
                    thread::sleep(std::time::Duration::from_millis(2));
                }
                gate.open();
            }
        });
        kit.block_on(task).expect("it ends");
        opener.join().expect("no panic");
    }
}

/// Tasks that wake each other in a ring, each from inside of the poll of another.
pub fn in_a_ring<H: Harness>(kit: Kit<H>) {
    const TASKS: usize = 50;
    const ROUNDS: usize = 20;
    let wakers: Arc<Mutex<Vec<Option<Waker>>>> = Arc::new(Mutex::new(vec![None; TASKS]));
    let turn = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..TASKS)
        .map(|me| {
            let (wakers, turn) = (wakers.clone(), turn.clone());
            let mut seen = 0;
            kit.spawn(poll_fn(move |cx| {
                wakers.lock().expect("nobody panics")[me] = Some(cx.waker().clone());
                if turn.load(SeqCst) % TASKS == me {
                    turn.fetch_add(1, SeqCst);
                    seen += 1;
                    let next = wakers.lock().expect("nobody panics")[(me + 1) % TASKS].take();
                    if let Some(next) = next {
                        next.wake();
                    }
                }
                if seen == ROUNDS {
                    return Poll::Ready(());
                }
                Poll::Pending
            }))
        })
        .collect();
    kit.block_on(async {
        for task in tasks {
            task.await.expect("it ends");
        }
    });
}

/// An old clone wakes as well as the newest one.
pub fn by_a_waker_of_an_earlier_poll<H: Harness>(kit: Kit<H>) {
    let gate = Gate::new();
    let task = kit.spawn(gate.pass());
    kit.until("polled", || gate.polls() == 1);
    let first = gate.take_waker().expect("it was polled");
    for polls in 2..10 {
        first.wake_by_ref();
        kit.until("polled again", || gate.polls() == polls);
    }
    drop(gate.take_waker());
    gate.open_silently();
    first.wake();
    kit.block_on(task).expect("it ends");
}

/// Clones and drops of wakers, on any thread, wake nobody and lose nothing.
pub fn clones_and_drops_are_silent<H: Harness>(kit: Kit<H>) {
    let gate = Gate::new();
    let task = kit.spawn(gate.pass());
    kit.until("polled", || gate.polls() == 1);
    let waker = gate.waker().expect("it was polled");
    assert!(waker.will_wake(&waker.clone()));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let waker = waker.clone();
            thread::spawn(move || {
                let mut clones = Vec::new();
                for n in 0..1000 {
                    clones.push(waker.clone());
                    if n % 3 == 0 {
                        clones.clear();
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("no panic");
    }
    drop(waker);
    kit.settle();
    assert_eq!(gate.polls(), 1);
    gate.open();
    kit.block_on(task).expect("it ends");
}

/// The task's end, then its wakers: nothing happens.
pub fn w_after_complete<H: Harness>(kit: Kit<H>) {
    let gate = Gate::new();
    let task = kit.spawn(gate.pass());
    kit.until("polled", || gate.polls() == 1);
    let waker = gate.waker().expect("it was polled");
    gate.open();
    kit.block_on(task).expect("it ends");
    let polls = gate.polls();
    waker.wake_by_ref();
    let clone = waker.clone();
    clone.wake();
    thread::spawn(move || waker.wake()).join().expect("no panic");
    kit.settle();
    assert_eq!((gate.polls(), gate.drops().count()), (polls, 1));
}

/// The last thing that is left of a waiting task is a waker: waking by it works.
pub fn w_last_ref<H: Harness>(kit: Kit<H>) {
    for _ in 0..50 {
        let gate = Gate::new();
        drop(kit.spawn(gate.pass()));
        kit.until("polled", || gate.polls() == 1);
        let waker = gate.take_waker().expect("it was polled");
        gate.open_silently();
        thread::spawn(move || waker.wake()).join().expect("no panic");
        kit.until("dropped", || gate.drops().count() == 1);
    }
}

/// A waker that is never dropped costs its memory and nothing else.
pub fn w_waker_leaked<H: Harness>(mut kit: Kit<H>) {
    let gate = Gate::new();
    let task = kit.spawn(gate.pass());
    kit.until("polled", || gate.polls() == 1);
    std::mem::forget(gate.waker());
    std::mem::forget(gate.take_waker());
    kit.stop();
    assert_eq!(gate.drops().count(), 1);
    assert!(block_on(task).is_err_and(|error| error.is_cancelled()));
}

/// A future that keeps its own waker is dropped at the end like any other.
pub fn w_waker_in_own_future<H: Harness>(mut kit: Kit<H>) {
    let drops = Drops::default();
    let polls = Arc::new(AtomicUsize::new(0));
    for _ in 0..2 {
        let (guard, polls) = (drops.guard(), polls.clone());
        let mut own: Option<Waker> = None;
        drop(kit.spawn(poll_fn(move |cx| {
            let _guard = &guard;
            drop(own.replace(cx.waker().clone()));
            polls.fetch_add(1, SeqCst);
            Poll::<()>::Pending
        })));
    }
    kit.until("polled", || polls.load(SeqCst) == 2);
    kit.stop();
    assert_eq!(drops.count(), 2);
}

/// Two tasks that wait for each other are dropped at the end.
pub fn w_join_cycle<H: Harness>(mut kit: Kit<H>) {
    type Slot<E> = Arc<Mutex<Option<<E as Executor>::Handle<()>>>>;
    let slots: [Slot<H::Executor>; 2] = [Arc::default(), Arc::default()];
    let gates = [Gate::new(), Gate::new()];
    let waiting = Arc::new(AtomicUsize::new(0));
    for n in 0..2 {
        let (theirs, pass, waiting) = (slots[1 - n].clone(), gates[n].pass(), waiting.clone());
        let task = kit.spawn(async move {
            let mut pass = pass;
            (&mut pass).await;
            let task = theirs.lock().expect("nobody panics").take().expect("spawned");
            waiting.fetch_add(1, SeqCst);
            let _cancelled = task.await;
        });
        *slots[n].lock().expect("nobody panics") = Some(task);
    }
    gates.iter().for_each(Gate::open);
    kit.until("both wait", || waiting.load(SeqCst) == 2);
    kit.settle();
    kit.stop();
    assert!(gates.iter().all(|gate| gate.drops().count() == 1));
}

/// Wakers of tasks that ended with their executor: cloned, woken and dropped on any thread.
pub fn w_waker_outlives_runtime<H: Harness>(mut kit: Kit<H>) {
    let gates: Vec<_> = (0..4).map(|_| Gate::new()).collect();
    for gate in &gates {
        drop(kit.spawn(gate.pass()));
    }
    kit.until("all polled", || gates.iter().all(|gate| gate.polls() == 1));
    kit.stop();
    for gate in &gates {
        assert_eq!(gate.drops().count(), 1, "dropped by the stop, not by a waker");
    }
    let wakers: Vec<_> = gates.iter().map(|gate| gate.take_waker().expect("polled")).collect();
    thread::spawn(move || {
        for (n, waker) in wakers.into_iter().enumerate() {
            let clone = waker.clone();
            match n {
                0 => waker.wake(),
                1 => waker.wake_by_ref(),
                2 => drop(waker),
                _ => clone.wake_by_ref(),
            }
            clone.wake();
        }
    })
    .join()
    .expect("no panic");
    assert!(gates.iter().all(|gate| gate.polls() == 1 && gate.drops().count() == 1));
}

/// Wakes that arrive while the executor stops.
pub fn while_stopping<H: Harness>(mut kit: Kit<H>) {
    let gates: Vec<_> = (0..20).map(|_| Gate::new()).collect();
    for gate in &gates {
        drop(kit.spawn(gate.pass()));
    }
    kit.until("all polled", || gates.iter().all(|gate| gate.polls() == 1));
    let over = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let wakers: Vec<_> = gates.iter().map(|g| g.waker().expect("polled")).collect();
            let over = over.clone();
            thread::spawn(move || {
                while !over.load(SeqCst) {
                    wakers.iter().for_each(Waker::wake_by_ref);
                }
                wakers.into_iter().for_each(Waker::wake);
            })
        })
        .collect();
    kit.stop();
    over.store(true, SeqCst);
    for thread in threads {
        thread.join().expect("no panic");
    }
    assert!(gates.iter().all(|gate| gate.drops().count() == 1));
}

/// `wake` returns at once: it never polls, and never drops a future, on the stack of its caller.
pub fn t_wake_never_drops_inline<H: Harness>(kit: Kit<H>) {
    for _ in 0..50 {
        let gate = Gate::new();
        drop(kit.spawn(gate.pass()));
        kit.until("polled", || gate.polls() == 1);
        let waker = gate.take_waker().expect("it was polled");
        gate.open_silently();
        let waking = thread::spawn(move || {
            waker.wake();
            thread::current().id()
        });
        let id = waking.join().expect("no panic");
        kit.until("dropped", || gate.drops().count() == 1);
        assert_ne!(gate.drops().threads(), [id]);
    }
}

/// The future of `block_on` is woken by a thread, by a task and by itself.
pub fn of_block_on<H: Harness>(kit: Kit<H>) {
    for _ in 0..50 {
        let gate = Gate::new();
        let opener = thread::spawn({
            let gate = gate.clone();
            move || {
                while gate.polls() == 0 {
                    thread::yield_now();
                }
                gate.open();
            }
        });
        kit.block_on(gate.pass());
        opener.join().expect("no panic");
        let gate = Gate::new();
        let (opens, executor) = (gate.clone(), kit.executor().clone());
        drop(kit.spawn(async move {
            while opens.polls() == 0 {
                executor.yield_now().await;
            }
            opens.open();
        }));
        kit.block_on(gate.pass());
    }
    let mut left = 100;
    kit.block_on(poll_fn(|cx| {
        left -= 1;
        cx.waker().wake_by_ref();
        if left == 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
}

/// A waker of a `block_on` that is over is good for nothing and does no harm.
pub fn of_a_block_on_that_is_over<H: Harness>(kit: Kit<H>) {
    let mut old = Vec::new();
    for _ in 0..10 {
        kit.block_on(poll_fn(|cx| {
            old.push(cx.waker().clone());
            Poll::Ready(())
        }));
        old.iter().for_each(Waker::wake_by_ref);
        let gate = Gate::new();
        let opener = thread::spawn({
            let (gate, old) = (gate.clone(), old.clone());
            move || {
                old.iter().for_each(Waker::wake_by_ref);
                while gate.polls() == 0 {
                    thread::yield_now();
                }
                gate.open();
            }
        });
        kit.block_on(gate.pass());
        opener.join().expect("no panic");
    }
    drop(kit);
    old.into_iter().for_each(Waker::wake);
}

/// A waker that itself wakes a task, inside of the wake by which a task's end is told.
pub fn t_schedule_reentrant<H: Harness>(kit: Kit<H>) {
    struct Relay {
        target: Waker,
        count: AtomicUsize,
    }
    impl Wake for Relay {
        fn wake(self: Arc<Self>) {
            self.count.fetch_add(1, SeqCst);
            self.target.wake_by_ref();
        }
    }
    impl Drop for Relay {
        fn drop(&mut self) {
            self.target.wake_by_ref();
        }
    }
    let (gate, other) = (Gate::new(), Gate::new());
    let mut first = kit.spawn(gate.pass());
    let second = kit.spawn(other.pass());
    kit.until("both polled", || gate.polls() == 1 && other.polls() == 1);
    let target = other.take_waker().expect("polled");
    let relay = Arc::new(Relay { target, count: AtomicUsize::new(0) });
    let waker = Waker::from(relay.clone());
    assert!(Pin::new(&mut first).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    other.open_silently();
    gate.open();
    kit.block_on(second).expect("it ends");
    assert_eq!(relay.count.load(SeqCst), 1);
    drop(relay);
    kit.still_works();
}

/// A handle's waker is called once, by the end of the task, and let go.
pub fn of_a_handle_once<H: Harness>(kit: Kit<H>) {
    for _ in 0..100 {
        let gate = Gate::new();
        let mut task = kit.spawn(gate.pass());
        let (count, waker) = Count::waker();
        let mut cx = Context::from_waker(&waker);
        let done = Pin::new(&mut task).poll(&mut cx).is_ready();
        assert!(!done);
        kit.until("polled", || gate.polls() > 0);
        assert_eq!(count.get(), 0);
        gate.open();
        kit.until("woken", || count.get() > 0);
        assert!(Pin::new(&mut task).poll(&mut cx).is_ready());
        assert_eq!(count.get(), 1);
    }
}

/// Tasks with nothing to do are not polled.
pub fn nobody_woke_nobody_polls<H: Harness>(kit: Kit<H>) {
    let polls = Arc::new(AtomicUsize::new(0));
    for _ in 0..20 {
        let polls = polls.clone();
        kit.spawn(poll_fn(move |_| {
            polls.fetch_add(1, SeqCst);
            Poll::<()>::Pending
        }))
        .detach();
    }
    kit.until("each polled", || polls.load(SeqCst) == 20);
    for _ in 0..20 {
        kit.still_works();
    }
    assert_eq!(polls.load(SeqCst), 20);
    kit.spawn(pending::<()>()).detach();
    kit.settle();
    assert_eq!(polls.load(SeqCst), 20);
}
