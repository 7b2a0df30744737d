//! Timers on one thread: an ordered set of deadlines, and a sleep until the first.

use std::future::Future;
use std::pin::{pin, Pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::exec::{add_timer, current, remove_timer, run, spawn, yield_now};
use crate::clock;
use crate::workloads::pinned::{lateness as late, spread};

/// In the set from its first poll until it is due or dropped.
struct Sleep {
    at: Instant,
    task: Option<usize>,
}

fn sleep(time: Duration) -> Sleep {
    Sleep { at: Instant::now() + time, task: None }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match self.task {
            // Nobody else wakes a task that sleeps here, but for the timeouts, which look at the other
            // future first and are over by then.
            Some(_) => {
                self.task = None;
                Poll::Ready(())
            }
            None => {
                let task = current();
                add_timer(self.at, task);
                self.task = Some(task);
                Poll::Pending
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(task) = self.task {
            remove_timer(self.at, task);
        }
    }
}

pub(super) fn dropped(ops: u64) -> Duration {
    run(async move {
        let start = Instant::now();
        for _ in 0..ops {
            let mut sleep = pin!(sleep(Duration::from_secs(1)));
            let ready =
                std::future::poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx).is_ready())).await;
            assert!(!ready, "a second has not passed");
        }
        start.elapsed()
    })
}

pub(super) fn timeouts(ops: u64) -> Duration {
    run(async move {
        let start = Instant::now();
        for _ in 0..ops {
            let mut sleep = pin!(sleep(Duration::from_secs(1)));
            let mut future = pin!(yield_now());
            std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(()),
                Poll::Pending => sleep.as_mut().poll(cx),
            })
            .await;
        }
        start.elapsed()
    })
}

/// CPU time of tasks that sleep for 100 to 500 ms.
pub(super) fn many_cpu(sleeps: u64) -> Option<Duration> {
    let before = clock::process_cpu();
    run(async move {
        let joins: Vec<_> = (0..sleeps).map(|n| spawn(sleep(spread(n)))).collect();
        for join in joins {
            join.await;
        }
    });
    clock::process_cpu().zip(before).map(|(after, before)| after - before)
}

pub(super) fn lateness(times: u64) -> Vec<f64> {
    run(async move {
        let asked = Duration::from_millis(1);
        let mut samples = Vec::new();
        for _ in 0..times {
            let start = Instant::now();
            sleep(asked).await;
            samples.push(late(asked, start.elapsed()));
        }
        samples
    })
}
