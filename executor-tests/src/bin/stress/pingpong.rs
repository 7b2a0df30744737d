//! Pairs that hand a number to and fro: through channels of one place, and through `Notify`.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;

use gmp::sync::{mpsc, oneshot, Notify};

use super::case::Case;

async fn channels(rounds: usize) -> usize {
    let (ping, mut pinged) = mpsc::channel::<(usize, oneshot::Sender<usize>)>(1);
    let other = async move {
        while let Some((n, answer)) = pinged.recv().await {
            if answer.send(n + 1).is_err() {
                super::tally::broken("a receiver that waits was closed");
            }
        }
    };
    let other = gmp::spawn(other);
    let mut n = 0;
    for _ in 0..rounds {
        let (answer, answered) = oneshot::channel();
        ping.send((n, answer)).await.expect("the other side lives");
        n = answered.await.expect("the other side answers");
    }
    drop(ping);
    other.await.expect("the other side ends");
    n
}

async fn notifies(rounds: usize) -> usize {
    struct Table {
        ball: AtomicUsize,
        left: Notify,
        right: Notify,
    }
    let table =
        Arc::new(Table { ball: AtomicUsize::new(0), left: Notify::new(), right: Notify::new() });
    let other = gmp::spawn({
        let table = table.clone();
        async move {
            for _ in 0..rounds {
                table.right.notified().await;
                table.ball.fetch_add(1, SeqCst);
                table.left.notify_one();
            }
        }
    });
    for round in 0..rounds {
        table.right.notify_one();
        table.left.notified().await;
        if table.ball.load(SeqCst) != round + 1 {
            super::tally::broken("the ball is not where it was played to");
        }
    }
    other.await.expect("the other side ends");
    rounds
}

pub(crate) fn run(case: &Case) {
    let runtime = case.runtime();
    let rounds = case.scale(2_000);
    let pairs = 2 * case.procs.min(8) + 1;
    let tally = &case.tally;
    let handles: Vec<_> = (0..pairs)
        .map(|pair| match pair % 2 {
            0 => runtime.spawn(tally.watch(channels(rounds))),
            _ => runtime.spawn(tally.watch(notifies(rounds))),
        })
        .collect();
    runtime.block_on(async {
        for handle in handles {
            assert_eq!(tally.join(handle).await, Some(rounds));
        }
    });
}
