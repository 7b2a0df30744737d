//! Lanes about channels. Every message has a number from its sender; none may be lost or come twice, and
//! those of one sender come in order.

use std::sync::Arc;

use gmp::sync::{broadcast as gmp_broadcast, mpsc as gmp_mpsc, oneshot as gmp_oneshot};
use gmp::sync::{watch as gmp_watch, Notify};
use gmp::task::yield_now;

use super::rand::Rand;
use super::tally::broken;
use super::world::{Boxed, Message, World};

const SENDERS: usize = 6;
const EACH: usize = 200;

/// What one receiver has seen of each sender.
#[derive(Default)]
struct Seen([usize; SENDERS]);

impl Seen {
    fn take(&mut self, message: &Message) {
        let expected = &mut self.0[message.from];
        if message.number != *expected {
            let (from, got) = (message.from, message.number);
            broken(&format!("from sender {from} came {got} instead of {expected}"));
        }
        *expected += 1;
    }

    fn total(&self) -> usize {
        self.0.iter().sum()
    }
}

/// Bounded or not, one by one or in heaps, to the end or until the receiver has enough.
pub(crate) fn mpsc(world: Arc<World>, mut rand: Rand) -> Boxed<()> {
    if rand.one_in(3) {
        return unbounded(world, rand);
    }
    Box::pin(async move {
        let (tx, mut rx) = gmp_mpsc::channel(1 + rand.below(32));
        let enough = if rand.one_in(3) { rand.below(SENDERS * EACH) } else { usize::MAX };
        let senders: Vec<_> = (0..SENDERS)
            .map(|from| {
                let (tx, of) = (tx.clone(), world.clone());
                gmp::spawn(world.tally.watch(async move {
                    let mut sent = 0;
                    for number in 0..EACH {
                        match tx.send(of.message(from, number)).await {
                            Ok(()) => sent += 1,
                            // It comes back, and there is nobody for the next.
                            Err(_) => break,
                        }
                    }
                    sent
                }))
            })
            .collect();
        drop(tx);
        let (mut seen, mut heap) = (Seen::default(), Vec::new());
        let in_heaps = rand.one_in(2);
        loop {
            if seen.total() >= enough {
                // What is under way still comes.
                rx.close();
            }
            if in_heaps {
                if rx.recv_many(&mut heap, 16).await == 0 {
                    break;
                }
                heap.drain(..).for_each(|message| seen.take(&message));
            } else {
                let Some(message) = rx.recv().await else { break };
                seen.take(&message);
            }
        }
        let mut sent = 0;
        for sender in senders {
            sent += world.tally.join(sender).await.unwrap_or(0);
        }
        if sent != seen.total() || (enough == usize::MAX && sent != SENDERS * EACH) {
            broken(&format!("mpsc: {sent} were sent, {} came", seen.total()));
        }
    })
}

fn unbounded(world: Arc<World>, mut rand: Rand) -> Boxed<()> {
    Box::pin(async move {
        let (tx, mut rx) = gmp_mpsc::unbounded_channel();
        for from in 0..SENDERS {
            let (tx, of, pause) = (tx.clone(), world.clone(), 1 + rand.below(64));
            gmp::spawn(world.tally.watch(async move {
                for number in 0..EACH {
                    // Fails when the receiver has gone.
                    let _sent = tx.send(of.message(from, number));
                    if number % pause == 0 {
                        yield_now().await;
                    }
                }
            }));
        }
        drop(tx);
        let enough = if rand.one_in(3) { rand.below(SENDERS * EACH) } else { usize::MAX };
        let mut seen = Seen::default();
        while seen.total() < enough {
            let Some(message) = rx.recv().await else { break };
            seen.take(&message);
        }
        if enough == usize::MAX && seen.total() != SENDERS * EACH {
            broken(&format!("unbounded: {} of {} came", seen.total(), SENDERS * EACH));
        }
        // Else it is dropped full.
    })
}

/// Each receiver gets each message, or is told how many it missed.
pub(crate) fn broadcast(world: Arc<World>, mut rand: Rand) -> Boxed<()> {
    Box::pin(async move {
        let (tx, _) = gmp_broadcast::channel(1 << rand.below(7));
        let receivers: Vec<_> = (0..SENDERS)
            .map(|_| {
                let mut rx = tx.subscribe();
                gmp::spawn(world.tally.watch(async move {
                    let mut next = 0;
                    loop {
                        match rx.recv().await {
                            Ok(message) => {
                                let message: Arc<Message> = message;
                                if message.number != next {
                                    let got = message.number;
                                    broken(&format!("broadcast: {got} instead of {next}"));
                                }
                                next += 1;
                            }
                            Err(gmp_broadcast::error::RecvError::Lagged(missed)) => {
                                next += missed as usize;
                            }
                            Err(gmp_broadcast::error::RecvError::Closed) => return next,
                        }
                    }
                }))
            })
            .collect();
        for number in 0..EACH {
            // Fails only without receivers: they end when this sender does.
            if tx.send(Arc::new(world.message(0, number))).is_err() {
                broken("broadcast: there are receivers");
            }
            if rand.one_in(8) {
                yield_now().await;
            }
        }
        drop(tx);
        for receiver in receivers {
            if world.tally.join(receiver).await != Some(EACH) {
                broken("broadcast: a receiver did not see the end");
            }
        }
    })
}

/// Each receiver sees values in order, and the last one.
pub(crate) fn watch(world: Arc<World>, mut rand: Rand) -> Boxed<()> {
    Box::pin(async move {
        let (tx, rx) = gmp_watch::channel(Arc::new(world.message(0, 0)));
        let receivers: Vec<_> = (0..SENDERS)
            .map(|_| {
                let mut rx = rx.clone();
                gmp::spawn(world.tally.watch(async move {
                    let mut last = 0;
                    while rx.changed().await.is_ok() {
                        let now = rx.borrow_and_update().number;
                        if now < last {
                            broken(&format!("watch: {now} after {last}"));
                        }
                        last = now;
                    }
                    rx.borrow().number
                }))
            })
            .collect();
        drop(rx);
        for number in 1..=EACH {
            if tx.send(Arc::new(world.message(0, number))).is_err() {
                broken("watch: there are receivers");
            }
            if rand.one_in(4) {
                yield_now().await;
            }
        }
        drop(tx);
        for receiver in receivers {
            if world.tally.join(receiver).await != Some(EACH) {
                broken("watch: a receiver did not see the last value");
            }
        }
    })
}

/// Sent, or given back, or dropped by either side in the middle; a `Notify` beside each.
pub(crate) fn oneshot(world: Arc<World>, mut rand: Rand) -> Boxed<()> {
    Box::pin(async move {
        let mut waiting = Vec::new();
        for number in 0..100 {
            let (tx, rx) = gmp_oneshot::channel();
            let (of, manner, bell) = (world.clone(), rand.below(4), Arc::new(Notify::new()));
            let rings = bell.clone();
            let sender = gmp::spawn(world.tally.watch(async move {
                rings.notified().await;
                if manner != 0 {
                    // Comes back if nobody waits.
                    drop(tx.send(of.message(0, number)));
                }
            }));
            let receiver = gmp::spawn(world.tally.watch(async move {
                bell.notify_one();
                match rx.await {
                    Ok(message) => manner != 0 && message.number == number,
                    Err(_) => manner == 0,
                }
            }));
            if manner == 1 {
                receiver.abort();
            }
            waiting.push((manner, sender, receiver));
        }
        for (manner, sender, receiver) in waiting {
            let answer = world.tally.join(receiver).await;
            if answer != Some(true) && !(manner == 1 && answer.is_none()) {
                broken(&format!("oneshot: manner {manner} ended in {answer:?}"));
            }
            if manner == 1 {
                // Its bell may never ring.
                sender.abort();
            }
            let _ended = world.tally.join(sender).await;
        }
    })
}
