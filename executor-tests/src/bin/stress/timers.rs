//! Timers: inserted, moved, cancelled and dropped by their own tasks, by others, and on threads without a
//! runtime.

use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use gmp::sync::mpsc::{unbounded_channel, UnboundedSender};
use gmp::time::{sleep, timeout, Sleep};

use super::case::Case;
use super::rand::Rand;
use super::tally::{broken, progress};

type Pinned = Pin<Box<Sleep>>;

fn micros(rand: &mut Rand) -> Duration {
    Duration::from_micros(rand.below(3_000) as u64)
}

/// Registers a timer without waiting for it.
async fn touch(sleep: &mut Pinned) {
    poll_fn(|cx| {
        let _either = sleep.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

async fn one(mut rand: Rand, elsewhere: UnboundedSender<Pinned>) {
    let start = Instant::now();
    let wait = micros(&mut rand);
    match rand.below(6) {
        0 => {
            sleep(wait).await;
            not_early(start, wait);
        }
        1 => {
            // Moved, both ways.
            let mut timer = Box::pin(sleep(wait));
            touch(&mut timer).await;
            let other = micros(&mut rand);
            timer.as_mut().reset(gmp::time::Instant::from_std(start + other));
            timer.await;
            not_early(start, other);
        }
        2 => {
            // Cancelled.
            let mut timer = Box::pin(sleep(wait));
            touch(&mut timer).await;
            if rand.one_in(2) {
                gmp::task::yield_now().await;
            }
        }
        3 => {
            // Dropped or awaited by somebody else.
            let mut timer = Box::pin(sleep(wait));
            touch(&mut timer).await;
            let _gone = elsewhere.send(timer);
        }
        4 => {
            let result = timeout(wait, std::future::pending::<()>()).await;
            assert!(result.is_err());
            not_early(start, wait);
        }
        _ => {
            // Registered by one task, awaited by another.
            let mut timer = Box::pin(sleep(wait));
            touch(&mut timer).await;
            gmp::spawn(timer).await.expect("a sleep ends");
            not_early(start, wait);
        }
    }
}

fn not_early(start: Instant, wait: Duration) {
    progress();
    if start.elapsed() < wait {
        broken("a timer fired early");
    }
}

pub(crate) fn run(case: &Case) {
    let mut rand = case.rand();
    let runtime = case.runtime();
    let (elsewhere, mut timers) = unbounded_channel::<Pinned>();
    let dropper = thread::spawn({
        let (handle, mut rand) = (runtime.handle().clone(), rand.fork());
        move || {
            while let Some(mut timer) = timers.blocking_recv() {
                match rand.below(3) {
                    0 => drop(timer),
                    1 => {
                        timer.as_mut().reset(gmp::time::Instant::now());
                        handle.block_on(timer);
                    }
                    _ => handle.block_on(timer),
                }
                progress();
            }
        }
    });
    let tasks: Vec<_> = (0..case.scale(10_000))
        .map(|_| runtime.spawn(case.tally.watch(one(rand.fork(), elsewhere.clone()))))
        .collect();
    drop(elsewhere);
    runtime.block_on(async {
        for task in tasks {
            case.tally.join(task).await;
        }
        // The dropper needs the timers to go on, and on current_thread this thread drives them.
        while !dropper.is_finished() {
            sleep(Duration::from_millis(1)).await;
        }
    });
    dropper.join().expect("the dropper");
    // Timers that nobody waits for any more when the runtime goes.
    let left: Vec<Pinned> = runtime.block_on(async {
        let mut left = Vec::new();
        for _ in 0..100 {
            let mut timer = Box::pin(sleep(micros(&mut rand)));
            touch(&mut timer).await;
            left.push(timer);
        }
        left
    });
    drop(runtime);
    drop(left);
}
