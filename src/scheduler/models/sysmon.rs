//! sysmon's deep sleep, against permits that are taken and given: one that stays in use wakes sysmon, with an
//! alarm or without; and so does a call.

use super::*;
use crate::scheduler::sysmon::NOTHING;

/// A scheduler whose sysmon would have an alarm; the model's thread plays it.
fn rig_with_alarm(procs: usize, token: &StdArc<()>) -> SchedRef {
    let sched = rig_with(Flavor::MultiThread, procs, token, true);
    sched.sysmon_wants.store(NOTHING, SeqCst);
    assert!(sched.alarm.is_some());
    sched
}

/// A permit is taken, and kept, as sysmon announces its sleep.
fn taken_and_kept(sched: SchedRef, token: StdArc<()>) {
    let sysmon = {
        let sched = sched.clone();
        thread::spawn(move || {
            if sched.announce_deep_sleep(Duration::ZERO, u64::MAX) {
                sched.sleep_deeply();
            }
        })
    };
    sched.acquirep(take_p(&sched));
    sysmon.join().unwrap();
    give_back(&sched);
    end(sched, token);
}

/// Break: `deep_sleep_unlocked`.
#[test]
fn sysmon_deep_sleep() {
    explore(3, || {
        let token = StdArc::new(());
        taken_and_kept(rig(1, &token), token);
    });
}

/// Break: `deep_sleep_unlocked`.
#[test]
fn sysmon_alarm_set() {
    explore(3, || {
        let token = StdArc::new(());
        taken_and_kept(rig_with_alarm(1, &token), token);
    });
}

/// A permit is taken and given by one M while another one takes one, and keeps it. Break:
/// `alarm_no_second_look`.
#[test]
fn sysmon_alarm_stopped_and_set() {
    explore(2, || {
        let token = StdArc::new(());
        let sched = rig_with_alarm(2, &token);
        assert!(sched.announce_deep_sleep(Duration::ZERO, u64::MAX));
        let up = Gate::new();
        let keeps = {
            let (sched, up) = (sched.clone(), up.clone());
            thread::spawn(move || {
                sched.acquirep(take_p(&sched));
                up.pass();
                give_back(&sched);
            })
        };
        let gives = {
            let sched = sched.clone();
            thread::spawn(move || take_and_give(&sched))
        };
        sched.sleep_deeply();
        up.open();
        keeps.join().unwrap();
        gives.join().unwrap();
        end(sched, token);
    });
}

/// sysmon is called, by the closer say, while an M stops the alarm. Break: `alarm_stop_ignores_the_note`.
#[test]
fn sysmon_alarm_called() {
    explore(3, || {
        let token = StdArc::new(());
        let sched = rig_with_alarm(1, &token);
        assert!(sched.announce_deep_sleep(Duration::ZERO, u64::MAX));
        let gives = {
            let sched = sched.clone();
            thread::spawn(move || take_and_give(&sched))
        };
        let calls = {
            let sched = sched.clone();
            thread::spawn(move || sched.call_sysmon())
        };
        sched.sleep_deeply();
        gives.join().unwrap();
        calls.join().unwrap();
        end(sched, token);
    });
}

/// What an M does that is woken for an event, as far as sysmon sees it.
fn take_and_give(sched: &SchedRef) {
    sched.acquirep(take_p(sched));
    give_back(sched);
    if sched.npidle.load(SeqCst) as usize == sched.procs() {
        sched.let_sysmon_sleep();
    }
}
