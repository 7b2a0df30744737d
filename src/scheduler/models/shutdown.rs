//! The end against those who still spawn: every future is dropped once, every M ends, and the scheduler is
//! freed.

use std::sync::atomic::AtomicUsize;

use super::*;
use crate::scheduler::shutdown;

struct Counted(StdArc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A future that is never ready.
fn forever(drops: &StdArc<AtomicUsize>) -> impl Future<Output = ()> {
    let counted = Counted(drops.clone());
    async move {
        let _counted = counted;
        std::future::pending::<()>().await;
    }
}

/// Close, against a spawn by a thread without a shell, and no M at all. Break: `spawn_ignores_close`.
#[test]
fn shutdown_vs_spawn() {
    explore(2, || {
        let token = StdArc::new(());
        let drops = StdArc::new(AtomicUsize::new(0));
        let sched = rig(1, &token);
        // Nobody runs it: there is no permit to run it with.
        let p = sched.pidleget(&mut sched.lock.lock()).unwrap();
        let spawner = {
            let (sched, drops) = (sched.clone(), drops.clone());
            thread::spawn(move || drop(spawn(&sched, forever(&drops))))
        };
        drop(shutdown::shutdown(&sched, None));
        spawner.join().unwrap();
        assert_eq!(drops.load(SeqCst), 1, "the future outlives its scheduler");
        sched.pidleput(&mut sched.lock.lock(), p.get(&sched));
        drop(sched);
        assert_eq!(StdArc::strong_count(&token), 1, "the scheduler was not freed");
    });
}

/// Close, against a worker that goes idle. Break: `stopm_overlooks_close`.
#[test]
fn shutdown_vs_worker() {
    explore(2, || {
        let token = StdArc::new(());
        let sched = rig(1, &token);
        start_m(&sched, false);
        end(sched, token);
    });
}

/// Close, against a worker that runs a G which spawns another. Break: `shutdown_no_walk`.
#[test]
fn shutdown_vs_worker_spawn() {
    explore(1, || {
        let token = StdArc::new(());
        let drops = StdArc::new(AtomicUsize::new(0));
        let sched = rig(1, &token);
        let (home, inner) = (sched.clone(), drops.clone());
        let spawned = StdArc::new(AtomicUsize::new(0));
        let count = spawned.clone();
        drop(spawn(
            &sched,
            once(move || {
                count.fetch_add(1, SeqCst);
                drop(spawn(&home, forever(&inner)));
            }),
        ));
        end(sched, token);
        assert_eq!(drops.load(SeqCst), spawned.load(SeqCst), "the future outlives its scheduler");
    });
}

/// Close, against a thread in `block_on` that spawns. Break: `shutdown_root_no_walk`.
#[test]
fn shutdown_vs_root() {
    explore(1, || {
        let token = StdArc::new(());
        let drops = StdArc::new(AtomicUsize::new(0));
        let sched = rig(1, &token);
        let p = sched.pidleget(&mut sched.lock.lock()).unwrap();
        let root = {
            let (sched, drops) = (sched.clone(), drops.clone());
            thread::spawn(move || {
                let home = sched.clone();
                crate::scheduler::root::block_on(&sched, async move {
                    drop(spawn(&home, forever(&drops)));
                });
            })
        };
        drop(shutdown::shutdown(&sched, None));
        root.join().unwrap();
        assert_eq!(drops.load(SeqCst), 1, "the future outlives its scheduler");
        sched.pidleput(&mut sched.lock.lock(), p.get(&sched));
        drop(sched);
        assert_eq!(StdArc::strong_count(&token), 1, "the scheduler was not freed");
    });
}

/// Gives its waker away at its first poll, and waits for ever.
struct Woken {
    slot: StdArc<loom::sync::Mutex<Option<Waker>>>,
    /// Opened once.
    polled: Option<StdArc<Gate>>,
    _counted: Counted,
}

impl Future for Woken {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        *self.slot.lock().unwrap() = Some(cx.waker().clone());
        if let Some(polled) = self.polled.take() {
            polled.open();
        }
        Poll::Pending
    }
}

/// Close, against a wake by a thread without a shell: whichever comes first, the G is dropped once, and the
/// reference that the wake queued too; and no M is started that the closer does not wait for. Breaks:
/// `wake_after_close_stays_queued`, `newm_ignores_close`.
#[test]
fn shutdown_vs_wake() {
    explore(1, || {
        let token = StdArc::new(());
        let drops = StdArc::new(AtomicUsize::new(0));
        let sched = rig(1, &token);
        let (slot, polled) = (StdArc::new(loom::sync::Mutex::new(None)), Gate::new());
        drop(spawn(
            &sched,
            Woken {
                slot: slot.clone(),
                polled: Some(polled.clone()),
                _counted: Counted(drops.clone()),
            },
        ));
        polled.pass();
        let waker: Waker = slot.lock().unwrap().take().expect("it was polled");
        let waking = thread::spawn(move || waker.wake());
        drop(shutdown::shutdown(&sched, None));
        waking.join().unwrap();
        // Woken before the close it may have been polled again.
        drop(slot.lock().unwrap().take());
        assert_eq!(drops.load(SeqCst), 1, "the future outlives its scheduler");
        end(sched, token);
    });
}
