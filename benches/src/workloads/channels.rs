//! Each runtime's own channels.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::in_task;
use super::slot::Slot;
use crate::runtimes::Rt;

/// Two channels with room for one; the operation is a round trip.
pub(crate) async fn mpsc_round_trips<R: Rt>(ops: u64) -> Duration {
    let (there, mut asked) = R::channel::<u64>(1);
    let (back, mut answered) = R::channel::<u64>(1);
    let answers = R::spawn(async move {
        while let Some(n) = R::recv(&mut asked).await {
            R::send(&back, n + 1).await;
        }
    });
    let asks = R::spawn(async move {
        let start = Instant::now();
        for n in 0..ops {
            R::send(&there, n).await;
            assert_eq!(R::recv(&mut answered).await, Some(n + 1));
        }
        start.elapsed()
    });
    let elapsed = asks.await;
    answers.await;
    elapsed
}

pub(crate) fn ping_pong_mpsc<R: Rt>(rt: &R, ops: u64) -> Duration {
    in_task(rt, mpsc_round_trips::<R>(ops))
}

/// A question carries the oneshot for its answer; it travels by a [`Slot`], so that the oneshot is
/// the only channel of the row. The operation is a round trip: one oneshot made, sent, received.
pub(crate) async fn oneshot_round_trips<R: Rt>(ops: u64) -> Duration {
    let questions = Arc::new(Slot::new());
    let answers = {
        let questions = Arc::clone(&questions);
        R::spawn(async move {
            for _ in 0..ops {
                let (n, reply): (u64, R::OnceSender<u64>) = questions.take().await;
                R::send_once::<u64>(reply, n + 1);
            }
        })
    };
    let asks = R::spawn(async move {
        let start = Instant::now();
        for n in 0..ops {
            let (reply, answer) = R::oneshot::<u64>();
            questions.put((n, reply));
            assert_eq!(R::recv_once::<u64>(answer).await, n + 1);
        }
        start.elapsed()
    });
    answers.await;
    asks.await
}

pub(crate) fn ping_pong_oneshot<R: Rt>(rt: &R, ops: u64) -> Duration {
    in_task(rt, oneshot_round_trips::<R>(ops))
}

/// One message goes round 503 tasks; the operation is a hop.
pub(crate) fn ring<R: Rt>(rt: &R, ops: u64) -> Duration {
    const TASKS: u64 = 503;
    in_task(rt, async move {
        let (first, mut from) = R::channel::<u64>(1);
        // All but the last task of the ring: this one closes it.
        for _ in 1..TASKS {
            let (to, next) = R::channel::<u64>(1);
            let mut here = std::mem::replace(&mut from, next);
            R::spawn_detached(async move {
                while let Some(n) = R::recv(&mut here).await {
                    R::send(&to, n + 1).await;
                }
            });
        }
        let mut last = from;
        let closes = R::spawn(async move {
            let start = Instant::now();
            let mut hops = 0;
            for _ in 0..ops / TASKS {
                R::send(&first, hops + 1).await;
                hops = R::recv(&mut last).await.expect("the ring holds");
            }
            assert_eq!(hops, ops / TASKS * TASKS);
            start.elapsed()
        });
        closes.await
    })
}

/// Eight senders, one receiver, room for 128; the operation is a message.
pub(crate) fn fan_in<R: Rt>(rt: &R, ops: u64) -> Duration {
    const SENDERS: u64 = 8;
    in_task(rt, async move {
        let (to, mut from) = R::channel::<u64>(128);
        let start = Instant::now();
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                let to = to.clone();
                R::spawn(async move {
                    for n in 0..ops / SENDERS {
                        R::send(&to, n).await;
                    }
                })
            })
            .collect();
        drop(to);
        let mut received = 0;
        while R::recv(&mut from).await.is_some() {
            received += 1;
        }
        let elapsed = start.elapsed();
        assert_eq!(received, ops);
        for sender in senders {
            sender.await;
        }
        elapsed
    })
}
