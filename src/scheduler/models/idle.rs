//! "Parking" in `scheduler/mod.rs`: work that arrives as an M goes idle is found. A lost wake-up leaves
//! the model's thread waiting for a G that nobody runs, which loom reports as a deadlock.

use super::*;
use loom::thread;

/// A submitter without a P, while the only M, which does not search, goes idle.
///
/// Break: `recheck_skips_global` together with the look under the lock is not lost here: the submitter
/// sees the idle permit. `wakep_no_fence` and `search_no_fence` are.
fn submit_while_idling(spinning: bool) {
    explore(2, move || {
        let token = StdArc::new(());
        let sched = rig(1, &token);
        start_m(&sched, spinning);
        block_on(spawn(&sched, once(|| ()))).unwrap();
        end(sched, token);
    });
}

/// A non-spinner. Breaks: `wakep_no_fence`, `search_no_fence`.
#[test]
fn idle_non_spinner() {
    submit_while_idling(false);
}

/// A spinner. Breaks: `wakep_no_fence`, `search_no_fence`, `search_looks_before_leaving`,
/// `recheck_skips_global`.
#[test]
fn idle_spinner() {
    submit_while_idling(true);
}

/// Two submitters, one M. Break: `recheck_skips_global`.
#[test]
fn idle_two_submitters() {
    explore(1, || {
        let token = StdArc::new(());
        let sched = rig(1, &token);
        start_m(&sched, true);
        let other = {
            let sched = sched.clone();
            thread::spawn(move || {
                block_on(spawn(&sched, once(|| ()))).unwrap();
                drop(sched);
            })
        };
        block_on(spawn(&sched, once(|| ()))).unwrap();
        other.join().unwrap();
        end(sched, token);
    });
}

/// A submitter with a P, whose poll then waits for what it submitted, while a spinner goes idle: the
/// spinner's second look takes in the rings. Breaks: `recheck_skips_rings`, `search_no_fence`.
#[test]
fn idle_local_submit() {
    explore(1, || {
        let token = StdArc::new(());
        let sched = rig(2, &token);
        let home = sched.clone();
        let outer = spawn(
            &sched,
            once(move || {
                let bell = Bell::new();
                for _ in 0..2 {
                    // The second one kicks the first out of runnext, into the ring.
                    let bell = bell.clone();
                    drop(spawn(&home, once(move || bell.0.notify())));
                }
                bell.0.wait();
            }),
        );
        block_on(outer).unwrap();
        end(sched, token);
    });
}

/// What a thread in `block_on` queued, while the only M goes idle. Breaks: `recheck_skips_roots`.
#[test]
fn idle_root_submit() {
    explore(2, || {
        let token = StdArc::new(());
        let sched = rig(1, &token);
        start_m(&sched, false);
        let home = sched.clone();
        crate::scheduler::root::block_on(&sched, async move {
            spawn(&home, once(|| ())).await.unwrap();
        });
        end(sched, token);
    });
}

/// The last searcher finds work and stops searching, while a second G arrived that relied on it: it
/// starts the next searcher. The first G waits for the second. Break: `no_resetspinning_wake`.
#[test]
fn last_spinner() {
    explore(1, || {
        let token = StdArc::new(());
        let sched = rig(2, &token);
        start_m(&sched, true);
        let bell = Bell::new();
        let rings = bell.clone();
        let first = spawn(&sched, once(move || bell.0.wait()));
        drop(spawn(&sched, once(move || rings.0.notify())));
        block_on(first).unwrap();
        end(sched, token);
    });
}
