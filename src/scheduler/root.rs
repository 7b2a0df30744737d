//! `block_on` of the multi-threaded flavour: a future on the caller's thread.
//!
//! The thread gets a shell but no permit. What the future spawns and wakes goes into the shell's ring,
//! which the Ms steal by halves: no shared queue, no lock per spawn. The thread itself runs none of it,
//! so a G that blocks cannot hold the root up. While the future is Pending the thread sleeps on its note.
//!
//! Because the owner of such a shell never runs its Gs, everybody's second look before sleeping includes
//! it, and busy Ms come for its Gs at every 61st poll (`fair_look`).

use std::future::Future;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::context;
use super::p::{Role, Shell, P};
use super::ready::newproc;
use super::sched::{PPtr, Sched, SchedRef};
use super::spin::Spin;
use super::sysmon::StandIn;
use crate::g::join::JoinError;
use crate::g::{block, coop};
use crate::primitives::note::Note;
use crate::primitives::sync::atomic::Ordering::Relaxed;
use crate::primitives::sync::broken;

/// Where the thread of a `block_on` sleeps; its waker.
pub(crate) struct Root {
    pub(super) note: Note,
    /// current_thread: the thread may be asleep in the poller instead.
    pub(super) poller: Option<SchedRef>,
}

impl Wake for Root {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.note.wakeup();
        if let Some(sched) = self.poller.as_ref().filter(|_| !broken("root_wake_leaves_the_poller"))
        {
            sched.netpoll().wake();
        }
    }
}

/// Panics where a thread that drives tasks would block itself.
#[track_caller]
pub(super) fn assert_may_block_on() {
    if !block::may_block() {
        panic!(
            "Cannot start a runtime from within a runtime. This happens because a function (like \
             `block_on`) attempted to block the current thread while the thread is being used to \
             drive asynchronous tasks. If you are in an async function, use `.await` on the future \
             instead of blocking on it."
        );
    }
}

/// Runs the future to its end on this thread. Panics inside of a runtime's task.
#[track_caller]
pub(crate) fn block_on<F: Future>(sched: &SchedRef, future: F) -> F::Output {
    block_on_made(sched, |_| future)
}

/// Runs the future as a G, and waits for it on this thread. Panics as `block_on`.
#[track_caller]
pub(crate) fn block_on_spawned<F>(
    sched: &SchedRef,
    future: F,
    spawned_at: &'static Location<'static>,
) -> Result<F::Output, JoinError>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    block_on_made(sched, |stand_in| {
        // Before an M can have the G: from here on nothing of the user's is polled here until we sleep.
        stand_in.begin();
        newproc(sched, future, spawned_at)
    })
}

#[track_caller]
fn block_on_made<F: Future>(sched: &SchedRef, make: impl FnOnce(&mut StandIn) -> F) -> F::Output {
    assert_may_block_on();
    let _entered = context::enter(sched);
    let _driving = block::forbid();
    let _root = RootShell::acquire(sched);
    let root = Arc::new(Root { note: Note::new(), poller: None });
    let waker = Waker::from(root.clone());
    let mut stand_in = StandIn::new(sched);
    let mut future = pin!(make(&mut stand_in));
    #[cfg(feature = "deterministic")]
    if let Some(play) = &sched.play {
        return play.root(sched, &root.note, || poll_once(future.as_mut(), &waker));
    }
    let mut spin = Spin::new(sched.config.spin_ns);
    loop {
        if let Poll::Ready(output) = poll_once(future.as_mut(), &waker) {
            return output;
        }
        stand_in.sleep(&root.note, &mut spin);
    }
}

/// One poll of a root future, with a budget of its own.
pub(super) fn poll_once<F: Future>(
    future: std::pin::Pin<&mut F>,
    waker: &Waker,
) -> Poll<F::Output> {
    let _budget = coop::enter(None);
    future.poll(&mut Context::from_waker(waker))
}

/// The shell of a `block_on` caller, until it returns or panics.
struct RootShell<'a> {
    sched: &'a SchedRef,
    /// The shell of an outer `block_on` on this thread (through `block_in_place`).
    outer: *const P,
}

impl<'a> RootShell<'a> {
    fn acquire(sched: &'a SchedRef) -> RootShell<'a> {
        let p = {
            let mut locked = sched.lock.lock();
            sched.spare_shell(&mut locked)
        };
        let p = p.get(sched);
        if sched.is_closed() {
            // It may have been made after all timers were ended.
            sched.end_timers(p);
        }
        p.set_role(Role::Root);
        // Relaxed: a hint for `fair_look`; second looks go by the role.
        sched.nunattended.fetch_add(1, Relaxed);
        RootShell { sched, outer: context::swap_shell(p) }
    }
}

impl Drop for RootShell<'_> {
    fn drop(&mut self) {
        let sched: &Sched = self.sched;
        let Some(shell) = context::shell_of(sched) else {
            unreachable!("a root's shell is given up by its own guard")
        };
        let p = shell.p();
        sched.retire_root(shell);
        context::swap_shell(self.outer);
        let mut locked = sched.lock.lock();
        if sched.is_closed() && !broken("shutdown_root_no_walk") {
            // The closer may have walked our shard before our last insert.
            drop(locked);
            p.allg.walk(|g| g.shutdown());
            locked = sched.lock.lock();
        }
        locked.spare.push(PPtr::new(p));
    }
}

impl Sched {
    /// Leaves nothing in the shell but timers, which others run.
    fn retire_root(&self, shell: Shell<'_>) {
        let mut moved = false;
        let next = || shell.runq.get().or_else(|| shell.runq.take_next());
        self.globrunq.put_all(std::iter::from_fn(next).inspect(|_| moved = true));
        shell.set_role(Role::Idle);
        self.nunattended.fetch_sub(1, Relaxed);
        if moved {
            self.wakep();
        }
        // The stock goes back with each root: the next one may be of another thread, long after. Last,
        // because `wakep` may make a reference.
        self.return_refs(shell.drain_sched_refs());
    }
}
