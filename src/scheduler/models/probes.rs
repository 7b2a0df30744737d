//! `probes.rs`: who is put off is in one place, and is run although its P's owner does not come to it.

use super::*;
use crate::scheduler::handoff;
use crate::scheduler::hogs::Why;

/// Spawns a G on this thread's shell, and puts it off.
fn spawn_put_off(sched: &SchedRef, future: impl Future<Output = ()> + 'static) {
    drop(spawn(sched, future));
    let shell = context::shell_of(sched).expect("the caller owns a shell");
    let g = shell.runq.take_next().expect("it was spawned here");
    sched.put_probe(shell, g);
}

/// The owner comes out of a poll and takes one of two, while sysmon moves them, with the permit or without.
/// Break: `drain_skips_probes`.
#[test]
fn probes_vs_sysmon() {
    explore(2, || {
        let token = StdArc::new(());
        let sched = quiet_rig(1, &token);
        let id = index_of(&sched, take_p(&sched));
        let owner = {
            let sched = sched.clone();
            thread::spawn(move || {
                sched.acquirep(sched.shell(id));
                for _ in 0..2 {
                    spawn_put_off(&sched, once(|| ()));
                }
                let shell = context::shell_of(&sched).unwrap();
                shell.set_in_poll(true);
                shell.set_in_poll(false);
                let mut mine = 0;
                if shell.role() != Role::Blocked || sched.regain(shell) {
                    mine = usize::from(shell.probes.first().is_some());
                    give_back(&sched);
                }
                mine
            })
        };
        let monitor = {
            let sched = sched.clone();
            thread::spawn(move || {
                let p = sched.shell(id);
                sched.drain_probes(p);
                let tick = p.tick.load(SeqCst);
                if tick & 1 == 1 && sched.retake(p, tick, Why::Blocks) {
                    return sched.pidleget(&mut sched.lock.lock()).is_some();
                }
                false
            })
        };
        let mine = owner.join().unwrap();
        if monitor.join().unwrap() {
            let spare = sched.shells().find(|p| p.role() == Role::Running).expect("the permit's");
            sched.pidleput(&mut sched.lock.lock(), spare);
        }
        check_at_rest(&sched, 1);
        assert_eq!(sched.globrunq.len() + mine, 2, "each is in one place");
        end(sched, token);
    });
}

/// A poll that blocks in place waits for a G that is put off, with the only permit.
///
/// No break: with no other permit the P goes to an M, which would find the G where it was. The test
/// `i_put_off_and_the_p_is_handed_over` has more of them.
#[test]
fn probes_hand_over() {
    explore_some(1, 8, || {
        let token = StdArc::new(());
        let sched = rig(1, &token);
        let outer = {
            let home = sched.clone();
            spawn(
                &sched,
                once(move || {
                    let gate = Gate::new();
                    let opens = gate.clone();
                    spawn_put_off(&home, once(move || opens.open()));
                    handoff::block_in_place(|| gate.pass());
                }),
            )
        };
        block_on(outer).unwrap();
        end(sched, token);
    });
}
