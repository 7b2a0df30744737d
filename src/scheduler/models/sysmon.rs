//! sysmon's deep sleep, against a permit that is taken: whoever takes it wakes sysmon, or is seen.

use super::*;

/// A permit is taken, and kept, as sysmon announces its sleep. Break: `deep_sleep_unlocked`.
#[test]
fn sysmon_deep_sleep() {
    explore(3, || {
        let token = StdArc::new(());
        let sched = rig(1, &token);
        let sysmon = {
            let sched = sched.clone();
            thread::spawn(move || {
                if sched.announce_deep_sleep() {
                    sched.sysmon_note.sleep();
                }
            })
        };
        sched.acquirep(take_p(&sched));
        sysmon.join().unwrap();
        give_back(&sched);
        end(sched, token);
    });
}
