//! `poll_until` against `timer_added`: a timer that becomes the earliest as somebody goes to sleep in the
//! poller is known to the sleeper, or breaks the sleep.

use super::*;
use crate::scheduler::timers::{Look, TimerEntry};

/// Breaks: `poll_until_no_fence`, `timer_added_no_fence`, `poll_until_no_second_look`, `note_token_lost`.
#[test]
fn poll_until_vs_timer_added() {
    explore(3, || {
        let token = StdArc::new(());
        let sched = rig(1, &token);
        // Out of the way: nobody is there to become the poller but us.
        let p = sched.pidleget(&mut sched.lock.lock()).unwrap();
        let adder = {
            let sched = sched.clone();
            thread::spawn(move || {
                let mut entry = Box::pin(TimerEntry::new(sched));
                assert_eq!(entry.as_mut().register(1 << 40, None), Look::Waiting);
                entry
            })
        };
        sleep_until_told(&sched);
        adder.join().unwrap().as_mut().cancel();
        sched.pidleput(&mut sched.lock.lock(), p.get(&sched));
        end(sched, token);
    });
}

/// The part of `poll_blocking` that has the right to poll. It must not sleep for ever.
fn sleep_until_told(sched: &SchedRef) {
    let mut poller = sched.netpoll.try_poller().unwrap();
    if sched.publish_earliest(0) == u64::MAX {
        poller.poll(None, &mut Vec::new()).unwrap();
    }
    sched.publish_poll_until(0);
}
