//! A graph of joins: each task awaits the handles of a few that were spawned before it; some of them
//! panic, some are aborted, and some handles are polled by one task and then given to another.

use std::future::poll_fn;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use gmp::task::JoinHandle;

use super::case::Case;
use super::rand::Rand;
use super::tally::planned_panic;

type Sum = JoinHandle<u64>;

/// Polls a handle once and leaves its waker there, as a `select!` that went the other way does.
async fn touch(handle: &mut Sum) -> Option<u64> {
    poll_fn(|cx| match Pin::new(&mut *handle).poll(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result.unwrap_or(0))),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

async fn node(mut parents: Vec<Sum>, mut rand: Rand, end: usize) -> u64 {
    let mut sum = 1;
    if let Some(first) = parents.first_mut() {
        if let Some(early) = touch(first).await {
            sum += early;
            drop(parents.remove(0));
        }
    }
    for parent in parents {
        if rand.one_in(32) {
            parent.abort();
        }
        match parent.await {
            Ok(n) => sum += n,
            Err(error) => assert!(error.is_cancelled() || error.is_panic()),
        }
    }
    if end == 0 {
        planned_panic();
    }
    sum
}

pub(crate) fn run(case: &Case) {
    let mut rand = case.rand();
    let runtime = case.runtime();
    let tally = &case.tally;
    let total = case.scale(30_000);
    let lossy = rand.one_in(2);
    let mut open: Vec<Sum> = Vec::new();
    for _ in 0..total {
        let parents: Vec<_> = (0..rand.below(4))
            .filter_map(|_| {
                if open.is_empty() {
                    return None;
                }
                let at = rand.below(open.len());
                Some(open.swap_remove(at))
            })
            .collect();
        let end = if lossy { rand.below(64) } else { 1 };
        let fork = if lossy { rand.fork() } else { Rand::new(0x5eed) };
        open.push(runtime.spawn(tally.watch(async move {
            if lossy {
                node(parents, fork, end).await
            } else {
                let mut sum = 1;
                for parent in parents {
                    sum += parent.await.expect("nobody fails in this one");
                }
                sum
            }
        })));
    }
    let sum = runtime.block_on(async {
        let mut sum = 0;
        for handle in open {
            sum += tally.join(handle).await.unwrap_or(0);
        }
        sum
    });
    if !lossy {
        assert_eq!(sum, total as u64, "each task counts itself once");
    }
}
