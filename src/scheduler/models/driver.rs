//! current_thread: the driver sleeps in the poller, others wait for its place.

use super::*;
use crate::primitives::note::Note;
use crate::scheduler::driver::{self, Driver};
use crate::scheduler::root::Root;

fn current_rig(token: &StdArc<()>) -> SchedRef {
    rig_of(Flavor::CurrentThread, 1, token)
}

/// The future of `block_on` is woken by another thread as its driver goes to sleep. Break:
/// `root_wake_leaves_the_poller`.
#[test]
fn driver_wake_root() {
    explore(3, || {
        let token = StdArc::new(());
        let sched = current_rig(&token);
        driver::block_on(&sched, Waits(None));
        end(sched, token);
    });
}

/// At its first poll has another thread spawn a G that will wake it.
struct Spawns(SchedRef, Option<thread::JoinHandle<()>>);

impl Future for Spawns {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(other) = self.1.take() {
            other.join().unwrap();
            return Poll::Ready(());
        }
        let (sched, waker) = (self.0.clone(), cx.waker().clone());
        let spawns = move || drop(spawn(&sched, once(move || waker.wake())));
        self.1 = Some(thread::spawn(spawns));
        Poll::Pending
    }
}

/// A G is spawned by another thread as the driver goes to sleep. Break: `inject_leaves_the_poller`.
#[test]
fn driver_inject() {
    explore(3, || {
        let token = StdArc::new(());
        let sched = current_rig(&token);
        driver::block_on(&sched, Spawns(sched.clone(), None));
        end(sched, token);
    });
}

/// Two are in `block_on`. The one that drives has no more to do than to leave; the other waits for a G
/// that only a driver runs. Break: `driver_leaves_in_silence`.
#[test]
fn driver_hand_over() {
    explore(3, || {
        let token = StdArc::new(());
        let sched = current_rig(&token);
        let task = spawn(&sched, once(|| ()));
        let leaves = {
            let sched = sched.clone();
            thread::spawn(move || driver::block_on(&sched, std::future::ready(())))
        };
        driver::block_on(&sched, task).unwrap();
        leaves.join().unwrap();
        end(sched, token);
    });
}

/// Two wait for the place of the driver, which leaves; the one that is chosen may need it no more by then.
/// Breaks: `chosen_driver_keeps_silent`, `driver_leaves_in_silence`.
#[test]
fn driver_passed_on() {
    explore_some(2, 8, || {
        let token = StdArc::new(());
        let sched = current_rig(&token);
        let task = spawn(&sched, once(|| ()));
        let root = StdArc::new(Root { note: Note::new(), poller: Some(sched.clone()) });
        let leaves = Driver::acquire(&sched, &root).expect("nobody else is there");
        let waits = {
            let sched = sched.clone();
            thread::spawn(move || driver::block_on(&sched, task).unwrap())
        };
        let chosen = {
            let sched = sched.clone();
            thread::spawn(move || driver::block_on(&sched, Waits(None)))
        };
        drop(leaves);
        waits.join().unwrap();
        chosen.join().unwrap();
        drop(root);
        end(sched, token);
    });
}
