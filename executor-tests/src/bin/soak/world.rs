//! What the lanes share.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::Arc;

use gmp::runtime::Handle;

use super::case::Case;
use super::rand::Rand;
use super::tally::{broken, progress, Tally};

pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// One round of a lane.
pub(crate) type Round = fn(Arc<World>, Rand) -> Boxed<()>;

pub(crate) struct World {
    pub(crate) tally: Arc<Tally>,
    pub(crate) handle: Handle,
    pub(crate) messages: Arc<Messages>,
    pub(crate) over: AtomicBool,
}

impl World {
    pub(crate) fn new(case: &Case, handle: Handle) -> Arc<World> {
        let messages = Arc::default();
        Arc::new(World {
            tally: case.tally.clone(),
            handle,
            messages,
            over: AtomicBool::new(false),
        })
    }

    pub(crate) fn message(&self, from: usize, number: usize) -> Message {
        self.messages.made.fetch_add(1, Relaxed);
        Message { messages: self.messages.clone(), from, number, dropped: false }
    }

    /// When all lanes have ended.
    pub(crate) fn settle(&self) {
        let (made, dropped) = (self.messages.made.load(SeqCst), self.messages.dropped.load(SeqCst));
        if made != dropped {
            broken(&format!("{}", self.messages));
        }
    }
}

#[derive(Default)]
pub(crate) struct Messages {
    made: AtomicU64,
    dropped: AtomicU64,
}

impl fmt::Display for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (made, dropped) = (self.made.load(SeqCst), self.dropped.load(SeqCst));
        write!(f, "messages made {made}, dropped {dropped}")
    }
}

/// Sent from one task to another. Cannot be cloned; counted when made and when dropped.
pub(crate) struct Message {
    messages: Arc<Messages>,
    pub(crate) from: usize,
    pub(crate) number: usize,
    dropped: bool,
}

impl Drop for Message {
    fn drop(&mut self) {
        if std::mem::replace(&mut self.dropped, true) {
            broken("a message was dropped twice");
        }
        self.messages.dropped.fetch_add(1, SeqCst);
    }
}

pub(crate) struct Lane {
    pub(crate) name: &'static str,
    pub(crate) rounds: AtomicU64,
    pub(crate) ended: AtomicBool,
}

impl Lane {
    /// Spawns it: rounds until it is over, one at least.
    pub(crate) fn start(
        name: &'static str,
        round: Round,
        world: &Arc<World>,
        mut rand: Rand,
    ) -> Arc<Lane> {
        let rounds = AtomicU64::new(0);
        let lane = Arc::new(Lane { name, rounds, ended: AtomicBool::new(false) });
        let (world, mine) = (world.clone(), lane.clone());
        world.handle.clone().spawn(async move {
            loop {
                round(world.clone(), rand.fork()).await;
                mine.rounds.fetch_add(1, Relaxed);
                progress();
                if world.over.load(SeqCst) {
                    break;
                }
            }
            mine.ended.store(true, SeqCst);
        });
        lane
    }
}
