//! Loom models of the scheduler, over the code that ships: the whole of it, with loom's threads as Ms, no
//! I/O and few Ps; or its parts.
//!
//! What stands in for what: the global queue is a locked deque (`globrunq.rs`), a time-out has always
//! passed (`note.rs`), a random order is always the same (`rand.rs`), counters are not modelled
//! (`stats.rs`), local queues have two places. The whole scheduler has more steps than three preemptions
//! can be tried on in seconds: those models take fewer.
//!
//! `.ci/models.txt` lists each model with its seeded breaks, which must make it fail.

mod driver;
mod handoff;
mod idle;
mod local;
mod note;
mod poller;
mod probes;
mod retake;
mod ring;
mod shutdown;
mod sysmon;

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc as StdArc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::config::{Config, Flavor, Retake};
use super::context;
use super::limits::MAX_THREADS;
use super::p::{Role, P};
use super::sched::{Sched, SchedRef};
use crate::g::join::JoinHandle;
use crate::g::models::heap::{explore, explore_some};
use crate::primitives::sync::atomic::Ordering::SeqCst;
use loom::thread;

/// A multi-threaded scheduler without I/O. `token` counts who still holds it.
fn rig(procs: usize, token: &StdArc<()>) -> SchedRef {
    rig_of(Flavor::MultiThread, procs, token)
}

fn rig_of(flavor: Flavor, procs: usize, token: &StdArc<()>) -> SchedRef {
    rig_with(flavor, procs, token, false)
}

fn rig_with(flavor: Flavor, procs: usize, token: &StdArc<()>, sysmon: bool) -> SchedRef {
    let token = token.clone();
    let config = Config {
        flavor,
        name: None,
        max_blocking: 1,
        keep_alive: Duration::from_secs(1),
        thread_name: StdArc::new(|| "m".to_owned()),
        stack_size: None,
        globrunq_tick: 61,
        globrunq_tunes: false,
        netpoll_tick: 61,
        sysmon,
        retake: Retake::default(),
        max_threads: MAX_THREADS,
        follow_limit: false,
        spin_ns: 0,
        local_to: None,
        #[cfg(feature = "test-util")]
        start_paused: false,
        #[cfg(feature = "deterministic")]
        deterministic: None,
        end_on_panic: false,
        io_batch: Default::default(),
        enable_io: false,
        enable_time: true,
        observe: Default::default(),
        on_thread_start: None,
        on_thread_stop: Some(StdArc::new(move || {
            let _ = &token;
        })),
        on_thread_park: None,
        on_thread_unpark: None,
    };
    Sched::new(procs, config).unwrap()
}

/// Starts an M with an idle P, as a searcher or not, with nothing to do yet.
fn start_m(sched: &SchedRef, spinning: bool) {
    let p = {
        let mut locked = sched.lock.lock();
        sched.pidleget(&mut locked).unwrap()
    };
    if spinning {
        sched.nmspinning.fetch_add(1, SeqCst);
    }
    sched.startm(p.get(sched), None, spinning);
}

fn spawn<F>(sched: &SchedRef, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    super::ready::newproc(sched, future, Location::caller())
}

/// Ends the scheduler; it has to be freed with the last reference.
fn end(sched: SchedRef, token: StdArc<()>) {
    let ended = super::shutdown::shutdown(&sched, None);
    drop(sched);
    drop(ended);
    assert_eq!(StdArc::strong_count(&token), 1, "the scheduler was not freed");
}

/// Wakes the thread that waits in `block_on`, or in a poll.
struct Bell(loom::sync::Notify);

impl Bell {
    fn new() -> StdArc<Bell> {
        StdArc::new(Bell(loom::sync::Notify::new()))
    }
}

impl Wake for Bell {
    fn wake(self: StdArc<Self>) {
        self.0.notify();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let bell = Bell::new();
    let waker = Waker::from(bell.clone());
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        bell.0.wait();
    }
}

/// Ready at its first poll, after it did something.
struct Once<F>(Option<F>);

impl<F> Unpin for Once<F> {}

impl<F: FnOnce()> Future for Once<F> {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        (self.0.take().unwrap())();
        Poll::Ready(())
    }
}

fn once<F: FnOnce()>(f: F) -> Once<F> {
    Once(Some(f))
}

/// Opened once. loom's `Notify` alone may wake up for nothing.
struct Gate(StdArc<Bell>, loom::sync::atomic::AtomicBool);

impl Gate {
    fn new() -> StdArc<Gate> {
        StdArc::new(Gate(Bell::new(), loom::sync::atomic::AtomicBool::new(false)))
    }

    fn open(&self) {
        self.1.store(true, SeqCst);
        self.0 .0.notify();
    }

    fn pass(&self) {
        while !self.1.load(SeqCst) {
            self.0 .0.wait();
        }
    }
}

/// Gives its waker to another thread at the first poll and waits for it.
struct Waits(Option<thread::JoinHandle<()>>);

impl Future for Waits {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(other) = self.0.take() {
            other.join().unwrap();
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        self.0 = Some(thread::spawn(move || waker.wake()));
        Poll::Pending
    }
}

/// A scheduler whose submitters wake nobody.
fn quiet_rig(procs: usize, token: &StdArc<()>) -> SchedRef {
    let sched = rig(procs, token);
    sched.nmspinning.fetch_add(1, SeqCst);
    sched
}

/// Takes a permit and its shell.
fn take_p(sched: &SchedRef) -> &P {
    let p = sched.pidleget(&mut sched.lock.lock()).expect("a permit is idle");
    p.get(sched)
}

/// For a thread that looks the shell up by itself.
fn index_of(sched: &SchedRef, p: &P) -> usize {
    sched.shells().position(|other| std::ptr::eq(other, p)).expect("it is one of these")
}

/// Gives this thread's shell back, if it has one still. What is queued goes to the global queue.
fn give_back(sched: &SchedRef) {
    if let Some(shell) = context::shell_of(sched) {
        sched.drain(shell.p());
        let p = sched.releasep(shell);
        sched.pidleput(&mut sched.lock.lock(), p);
    }
}

/// Nobody owns a shell: all permits are idle, all queues but the global one empty.
fn check_at_rest(sched: &SchedRef, procs: u32) {
    let locked = sched.lock.lock();
    assert_eq!(locked.nmarked, 0, "marks");
    assert_eq!(locked.pidle.len() as u32, procs, "idle permits");
    assert_eq!(locked.pidle.len() + locked.spare.len(), sched.nshells(), "shells");
    assert!(sched
        .shells()
        .all(|p| p.role() == Role::Idle && p.runq.is_empty() && p.probes.is_empty()));
}
