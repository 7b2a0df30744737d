//! "Parking" in `scheduler/mod.rs`: work that arrives as an M goes idle is found. A lost wake-up leaves
//! the model's thread waiting for a G that nobody runs, which loom reports as a deadlock.

use super::*;

/// While it lives somebody seems to sleep in the poller: an M that finds nothing to do sleeps on its note.
struct Polled<'a> {
    sched: &'a SchedRef,
    _poller: crate::scheduler::netpoll::Poller<'a>,
}

fn polled(sched: &SchedRef) -> Polled<'_> {
    let poller = sched.netpoll.try_poller().unwrap();
    sched.publish_poll_until(u64::MAX);
    Polled { sched, _poller: poller }
}

impl Drop for Polled<'_> {
    fn drop(&mut self) {
        self.sched.publish_poll_until(0);
    }
}

/// A submitter without a P, while the only M goes idle and sleeps on its note.
fn submit_while_idling(spinning: bool) {
    explore_some(2, 12, move || {
        let token = StdArc::new(());
        let sched = rig(1, &token);
        let poller = polled(&sched);
        start_m(&sched, spinning);
        block_on(spawn(&sched, once(|| ()))).unwrap();
        drop(poller);
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

/// The same, where the M sleeps in the poller, after one more look. Breaks: `wakep_no_fence`,
/// `recheck_skips_global`.
#[test]
fn idle_in_poller() {
    explore_some(2, 12, || {
        let token = StdArc::new(());
        let sched = rig(1, &token);
        start_m(&sched, true);
        block_on(spawn(&sched, once(|| ()))).unwrap();
        end(sched, token);
    });
}

/// Two submitters, one M. Break: `wakep_no_fence`.
#[test]
fn idle_two_submitters() {
    explore_some(1, 12, || {
        let token = StdArc::new(());
        let sched = rig(1, &token);
        let poller = polled(&sched);
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
        drop(poller);
        end(sched, token);
    });
}

/// A submitter with a P, whose poll then waits for what it submitted, while a spinner goes idle: the
/// spinner's second look takes in the rings. It has no break: the M that runs the submitter starts the
/// spinner only when there is something to find.
#[test]
fn idle_local_submit() {
    explore_some(1, 12, || {
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

/// What a thread in `block_on` queued, while the only M goes idle. Break: `recheck_skips_roots`.
#[test]
fn idle_root_submit() {
    explore_some(2, 12, || {
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
    explore_some(1, 12, || {
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
