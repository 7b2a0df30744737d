//! The process stands still for a while, as on a machine that was suspended.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::*;
use crate::tools::*;

const TIMES: usize = 3;

#[test]
fn x_suspend() {
    // `$$` in the background is the shell, which becomes the test.
    let before = format!(
        "( for _ in $(seq {TIMES}); do sleep 0.4; kill -STOP $$; sleep 0.8; kill -CONT $$; done ) \
         >/dev/null 2>&1 &"
    );
    if child_succeeds("suspend::x_suspend", &before, &[]).is_some() {
        return;
    }
    let gaps = Arc::new(AtomicUsize::new(0));
    thread::spawn({
        let gaps = gaps.clone();
        move || loop {
            let before = Instant::now();
            thread::sleep(Duration::from_millis(5));
            gaps.fetch_add(usize::from(before.elapsed() > Duration::from_millis(500)), SeqCst);
        }
    });
    let runtime = builder(2).build().unwrap();
    let stop = Stop::new();
    for _ in 0..4 {
        // Somebody is always blocked, or on the way.
        let going = stop.going();
        runtime.spawn(async move {
            while going.on() {
                thread::sleep(Duration::from_millis(20));
                gmp::task::yield_now().await;
            }
        });
    }
    let ticks = Arc::new(AtomicUsize::new(0));
    let ticker = runtime.spawn({
        let (going, ticks) = (stop.going(), ticks.clone());
        async move {
            let start = Instant::now();
            let mut interval = gmp::time::interval(Duration::from_millis(10));
            while going.on() {
                interval.tick().await;
                let due = ticks.fetch_add(1, SeqCst) as u32 * Duration::from_millis(10);
                assert!(start.elapsed() + Duration::from_millis(1) >= due, "ahead of its time");
            }
        }
    });
    eventually("it was suspended", || {
        others_go_on(runtime.handle());
        gaps.load(SeqCst) >= TIMES
    });
    let seen = ticks.load(SeqCst);
    eventually("the interval goes on", || ticks.load(SeqCst) > seen + 10);
    others_go_on(runtime.handle());
    drop(stop);
    all_end(&runtime, vec![ticker]);
    b_permits_conserved(runtime.handle(), 2);
}
