//! `retake.rs`: a poll that ends, goes on or spawns while its permit is taken away.
//!
//! The waits of a poll are gates, not wakers: it blocks its thread. Where no whole M is needed a thread plays the owner of a shell by hand, and a search that is under way
//! (`nmspinning`) keeps `wakep` from starting one.

use super::*;
use crate::scheduler::hogs::Why;

/// One poll on this thread's shell, and the end of it. False: the shell is gone.
fn poll(sched: &SchedRef, inside: impl FnOnce()) -> bool {
    let Some(shell) = context::shell_of(sched) else { return false };
    shell.set_in_poll(true);
    inside();
    shell.set_in_poll(false);
    shell.role() != Role::Blocked || sched.regain(shell)
}

/// The owner queues more than its ring holds, and its poll ends, while it is marked and drained: each G is
/// in exactly one queue. Breaks: `retire_no_drain`, `drain_skips_runnext`, `runq_tail_relaxed`.
#[test]
fn retake_conserves_gs() {
    explore(3, || {
        let token = StdArc::new(());
        let sched = quiet_rig(1, &token);
        let id = index_of(&sched, take_p(&sched));
        let owner = {
            let sched = sched.clone();
            thread::spawn(move || {
                sched.acquirep(sched.shell(id));
                poll(&sched, || {
                    for _ in 0..2 {
                        drop(spawn(&sched, once(|| ())));
                    }
                });
                give_back(&sched);
            })
        };
        let monitor = {
            let sched = sched.clone();
            thread::spawn(move || {
                let p = sched.shell(id);
                let tick = p.tick.load(SeqCst);
                if tick & 1 == 1 && sched.retake(p, tick, Why::Blocks) {
                    // Unless the owner was faster it has to retire its shell.
                    let permit = sched.pidleget(&mut sched.lock.lock());
                    return permit.is_some();
                }
                false
            })
        };
        owner.join().unwrap();
        if monitor.join().unwrap() {
            let spare = sched.shells().find(|p| p.role() == Role::Running).expect("the permit's");
            sched.pidleput(&mut sched.lock.lock(), spare);
        }
        check_at_rest(&sched, 1);
        assert_eq!(sched.globrunq.len(), 2, "Gs in the global queue");
        end(sched, token);
    });
}

/// Two polls, each of which may be marked, and another M that takes an idle permit and gives it back:
/// there is one permit at all times. Breaks: `retake_keeps_permit`, `undo_keeps_mark`,
/// `blocked_gives_permit`.
#[test]
fn retake_permits() {
    explore(2, || {
        let token = StdArc::new(());
        let sched = quiet_rig(1, &token);
        let id = index_of(&sched, take_p(&sched));
        let owner = {
            let sched = sched.clone();
            thread::spawn(move || {
                sched.acquirep(sched.shell(id));
                for _ in 0..2 {
                    if !poll(&sched, || ()) {
                        break;
                    }
                }
                give_back(&sched);
            })
        };
        let worker = {
            let sched = sched.clone();
            thread::spawn(move || {
                let idle = sched.pidleget(&mut sched.lock.lock());
                if let Some(p) = idle {
                    sched.pidleput(&mut sched.lock.lock(), p.get(&sched));
                }
                drop(sched);
            })
        };
        let monitor = {
            let sched = sched.clone();
            thread::spawn(move || {
                let p = sched.shell(id);
                for _ in 0..2 {
                    let tick = p.tick.load(SeqCst);
                    if tick & 1 == 1 {
                        sched.retake(p, tick, Why::Blocks);
                    }
                }
            })
        };
        owner.join().unwrap();
        worker.join().unwrap();
        monitor.join().unwrap();
        check_at_rest(&sched, 1);
        end(sched, token);
    });
}

/// A poll waits for what it spawned, with the only permit. sysmon takes that away, after the spawn or at
/// any time, and comes again later. The G runs.
fn wait_for_own_child(spawn_first: bool) {
    explore_some(1, 8, move || {
        let token = StdArc::new(());
        let sched = rig(1, &token);
        let (begun, pushed, ran) = (Gate::new(), Gate::new(), Gate::new());
        let outer = {
            let (home, begun, pushed) = (sched.clone(), begun.clone(), pushed.clone());
            spawn(
                &sched,
                once(move || {
                    if !spawn_first {
                        begun.open();
                    }
                    let rings = ran.clone();
                    drop(spawn(&home, once(move || rings.open())));
                    begun.open();
                    pushed.open();
                    ran.pass();
                }),
            )
        };
        begun.pass();
        let p = sched.shells().find(|p| p.role() == Role::Running).expect("it is in a poll");
        let tick = p.tick.load(SeqCst);
        sched.retake(p, tick, Why::Blocks);
        pushed.pass();
        // The next round.
        if p.role() == Role::Blocked && sched.drain(p) > 0 {
            sched.wakep();
        }
        block_on(outer).unwrap();
        end(sched, token);
    });
}

/// Break: `retake_no_wakep`.
#[test]
fn retake_after_push() {
    wait_for_own_child(true);
}

/// No break: a push that sees the mark wakes somebody itself, one that does not is found by the next round.
#[test]
fn retake_vs_push() {
    wait_for_own_child(false);
}

/// The end comes while a permit is being taken from a poll that spawns: every future is dropped, every M
/// ends, permits are as many as they were. Break: `blocked_gives_permit`.
#[test]
fn retake_vs_shutdown() {
    explore_some(1, 8, || {
        let token = StdArc::new(());
        let sched = rig(1, &token);
        let (begun, go) = (Gate::new(), Gate::new());
        {
            let (home, begun, go) = (sched.clone(), begun.clone(), go.clone());
            drop(spawn(
                &sched,
                once(move || {
                    begun.open();
                    go.pass();
                    drop(spawn(&home, std::future::pending::<()>()));
                }),
            ));
        }
        begun.pass();
        let monitor = {
            let sched = sched.clone();
            thread::spawn(move || {
                let p = sched.shell(0);
                let tick = p.tick.load(SeqCst);
                if tick & 1 == 1 {
                    sched.retake(p, tick, Why::Blocks);
                }
                drop(sched);
            })
        };
        go.open();
        drop(super::super::shutdown::shutdown(&sched, None));
        monitor.join().unwrap();
        check_at_rest(&sched, 1);
        end(sched, token);
    });
}

/// One P less, while two owners end their polls: one of them, or the idle permit, goes. Break:
/// `resize_forgets_running`.
#[test]
fn resize_vs_poll_end() {
    explore(2, || {
        let token = StdArc::new(());
        let sched = quiet_rig(2, &token);
        let owners: Vec<_> = (0..2)
            .map(|_| {
                let id = index_of(&sched, take_p(&sched));
                let sched = sched.clone();
                thread::spawn(move || {
                    sched.acquirep(sched.shell(id));
                    poll(&sched, || ());
                    give_back(&sched);
                })
            })
            .collect();
        sched.procresize(1);
        for owner in owners {
            owner.join().unwrap();
        }
        check_at_rest(&sched, 1);
        end(sched, token);
    });
}
