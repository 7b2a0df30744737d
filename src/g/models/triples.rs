//! The M that runs a waiting G, against each pair of: wake by value, wake by reference, abort, join and
//! drop the handle, drop a waker, the closer's claim.

use super::*;
use crate::g::raw::GRef;
use heap::explore;
use loom::thread;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Op {
    WakeVal,
    WakeRef,
    Abort,
    /// Polls the handle once, then drops it.
    Join,
    DropHandle,
    DropWaker,
    /// What the closer does to each G.
    Claim,
}

/// What one operation needs.
struct Means {
    gate: Arc<Gate>,
    waker: Option<Waker>,
    handle: Option<JoinHandle<Probed>>,
    g: GRef,
}

fn act(op: Op, mut means: Means) {
    match op {
        Op::WakeVal => {
            means.gate.set(1);
            means.waker.take().unwrap().wake();
        }
        Op::WakeRef => {
            means.gate.set(1);
            means.waker.as_ref().unwrap().wake_by_ref();
        }
        Op::Abort => means.g.abort(),
        Op::Join => {
            let mut handle = means.handle.take().unwrap();
            let _ = Pin::new(&mut handle).poll(&mut Context::from_waker(Waker::noop()));
        }
        Op::DropHandle => drop(means.handle.take()),
        Op::DropWaker => drop(means.waker.take()),
        Op::Claim => means.g.shutdown(),
    }
}

fn triple(first: Op, second: Op) {
    explore(2, move || {
        let Waiting { bed, gate, future, output, mut wakers, handle } = waiting(1);
        // SAFETY: the handle keeps the G alive.
        let g = unsafe { GRef::new(handle.raw()) };
        let mut handle = Some(handle);
        let mut means = |op: Op| Means {
            gate: gate.clone(),
            waker: wakers.pop(),
            handle: if matches!(op, Op::Join | Op::DropHandle) { handle.take() } else { None },
            g: g.clone(),
        };
        let (mine, theirs) = (means(first), means(second));
        // It is queued once more already, so that there is a poll for the others to meet.
        Waker::wake_by_ref(mine.waker.as_ref().unwrap());
        let other = thread::spawn(move || act(second, theirs));
        let me = thread::spawn(move || act(first, mine));
        bed.run_queued();
        me.join().unwrap();
        other.join().unwrap();
        bed.run_queued();
        let ends = |op| matches!(op, Op::WakeVal | Op::WakeRef | Op::Abort | Op::Claim);
        let complete = g.header().state.load().is_complete();
        assert_eq!(complete, ends(first) || ends(second), "{first:?}, {second:?}");
        g.shutdown();
        assert_eq!(future.drops(), 1, "{first:?}, {second:?}");
        drop((g, handle));
        assert!(output.drops() <= 1);
    });
}

fn all_with(first: Op, rest: &[Op]) {
    rest.iter().for_each(|&second| triple(first, second));
}

/// Breaks: `wake_running_lost`, `end_poll_store`.
#[test]
fn triples_wake_val() {
    all_with(Op::WakeVal, &[Op::WakeVal, Op::WakeRef, Op::Abort, Op::Join, Op::Claim]);
}

/// Breaks: `wake_running_lost`, `end_poll_store`.
#[test]
fn triples_wake_ref() {
    all_with(Op::WakeRef, &[Op::Abort, Op::DropHandle, Op::DropWaker, Op::Claim]);
}

/// Breaks: `abort_running_lost`.
#[test]
fn triples_abort() {
    all_with(Op::Abort, &[Op::Abort, Op::Join, Op::DropHandle, Op::DropWaker, Op::Claim]);
}

/// Break: `claim_running` (the closer drops the future under a poll).
#[test]
fn triples_claim() {
    all_with(Op::Claim, &[Op::Claim, Op::Join, Op::DropHandle, Op::DropWaker]);
}

/// Break: `end_poll_keeps_ref`.
#[test]
fn triples_drop() {
    all_with(Op::DropWaker, &[Op::DropWaker, Op::Join, Op::DropHandle]);
}
