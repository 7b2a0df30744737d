//! Chains of tasks that each make the next one runnable do not starve who waits in the queue
//! (golang/go#52934).

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use crate::tools::*;

type Slot = Mutex<Option<Waker>>;

/// Two tasks that wake each other in each poll: always one of them is next.
async fn hand_over(mine: Arc<(Slot, Slot)>, second: bool, going: Going) {
    poll_fn(|cx| {
        let (my, other) = if second { (&mine.1, &mine.0) } else { (&mine.0, &mine.1) };
        let _before = my.lock().unwrap().replace(cx.waker().clone());
        let other = other.lock().unwrap().take();
        if !going.on() {
            other.into_iter().for_each(Waker::wake);
            return Poll::Ready(());
        }
        match other {
            Some(other) => other.wake(),
            // It has not run yet.
            None => cx.waker().wake_by_ref(),
        }
        Poll::Pending
    })
    .await;
}

#[test]
fn q_runnext_pingpong() {
    for procs in [1, 2] {
        let runtime = builder(procs).build().unwrap();
        let stop = Stop::new();
        let mut pairs = Vec::new();
        for _ in 0..procs {
            let pair = Arc::new((Mutex::new(None), Mutex::new(None)));
            for second in [false, true] {
                pairs.push(runtime.spawn(hand_over(pair.clone(), second, stop.going())));
            }
        }
        for _ in 0..3 {
            others_go_on(runtime.handle());
        }
        drop(stop);
        all_end(&runtime, pairs);
        b_permits_conserved(runtime.handle(), procs);
    }
}

/// Each spawns the next, and ends.
fn next(going: Going) {
    if going.on() {
        gmp::spawn(async move { next(going) });
    }
}

#[test]
fn a_chain_of_spawns() {
    for procs in [1, 2] {
        let runtime = builder(procs).build().unwrap();
        let stop = Stop::new();
        for _ in 0..procs {
            let going = stop.going();
            runtime.spawn(async move { next(going) });
        }
        for _ in 0..3 {
            others_go_on(runtime.handle());
        }
        drop(stop);
        b_permits_conserved(runtime.handle(), procs);
    }
}
