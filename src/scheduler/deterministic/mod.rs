//! One thread plays all Ms of a multi_thread runtime, and a seed makes every choice.
//!
//! The problem: what goes wrong only when four threads meet in one order of thousands goes wrong once a
//! month, and never under a debugger. Here the order is an input. It is the same scheduler, with the same
//! queues, permits, wake-ups, timers and taking back of permits; but its Ms are entries in a list, and the
//! thread in `block_on` takes one step of one of them at a time.
//!
//! Protocol.
//!
//! 1. **An M is a state** (`vm.rs`): which step of `schedule`, of a search, or of its sleep comes next, and
//!    which shell it has. A step puts that shell into the thread's context, calls the scheduler's own
//!    functions, and takes the shell out again; so invariant C1 of `context.rs` holds for whoever is
//!    playing. The steps end where another thread could come between: after a look, before the permit goes
//!    idle, between leaving `nmspinning` and the second look, before the deadline is published. A poll is
//!    one step.
//! 2. **Whose turn** (`player.rs`): drawn from those that can go on. An M that sleeps can if its note or the
//!    poller was woken, by the same calls that would wake a thread; so can the future of `block_on`. The
//!    seed also says in which style it is drawn: evenly, with favourites that change, or with laggards.
//! 3. **New threads** (`newm`) become entries. There is no sysmon thread: its rounds are turns too, while
//!    there is a poll that blocks.
//! 4. **Time** is the test clock (`testclock.rs`), which stands. When nobody can go on it is moved to the
//!    next thing that waits for it; a little now and then if some go on without end. If there is none, the program waits for ever: that is a panic which
//!    names the seed. (With work left in a queue it would be a lost wake-up of ours, and says so.)
//! 5. **Inside of a poll** others play only if the poll asks for it: [`block_for`] says that it blocks its
//!    thread until then, [`point`] that others may come in here; and `block_on` in `block_in_place`. Then
//!    the game goes on above it on the stack, without the M that is under it. So two that block at the same
//!    time come back in reverse order, the first later than it asked for. Nesting is bounded.
//!
//! Why it repeats: all that a turn depends on is in here, in the scheduler, or in the program. No address,
//! no hash, no thread and no clock of the system decides anything. Sources of I/O do: they are polled for
//! real, and a program that uses them does not repeat. Neither do threads of the program's own.
//!
//! Cost: a scheduler that is not played looks at one field in `newm`, in `block_on`, and where wakers of
//! timers and sources are queued. Without the feature there is nothing.

mod player;
mod vm;

use std::task::Poll;
use std::time::Duration;

use player::{Goal, State, Turn};

use super::context;
use super::m::M;
use super::sched::{Sched, SchedRef};
use crate::primitives::note::Note;
use crate::primitives::sync::{Arc, Mutex};

pub use player::Report;

/// How deep polls that block, or let others in, are on top of each other: a few kilobytes of stack each.
/// Beyond it a poll that blocks holds everybody up.
const MAX_DEPTH: u32 = 24;

/// The same for calls of `block_on`, which cannot do without.
const MAX_ROOTS: u32 = 64;

/// Sleep in the real poller between two looks whether somebody else came, where only I/O can go on.
const REAL_LOOK: Duration = Duration::from_millis(1);

/// The game of one scheduler.
pub(crate) struct Play {
    seed: u64,
    /// Held for moments, and never while a step is taken.
    state: Mutex<State>,
}

/// A game is going on here, one deeper than before.
struct Level<'a>(&'a Play);

impl Drop for Level<'_> {
    fn drop(&mut self) {
        self.0.state.lock().depth -= 1;
    }
}

/// Hides the shell of whoever plays. Restores it also when a step panics.
struct Hidden {
    outer: *const super::p::P,
}

impl Hidden {
    fn new() -> Hidden {
        Hidden { outer: context::swap_shell(std::ptr::null()) }
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        context::swap_shell(self.outer);
    }
}

impl Play {
    pub(super) fn new(seed: u64) -> Play {
        Play { seed, state: Mutex::new(State::new(seed)) }
    }

    /// In place of a thread.
    pub(super) fn newm(&self, m: Arc<M>) {
        self.state.lock().newborn.push(m);
    }

    /// No order is promised among those that become ready at once.
    pub(super) fn shuffle<T>(&self, ready: &mut [T]) {
        if ready.len() > 1 {
            let state = self.state.lock();
            for i in (1..ready.len()).rev() {
                ready.swap(i, state.rand.below(i as u32 + 1) as usize);
            }
        }
    }

    fn report(&self, sched: &Sched) -> Report {
        let state = self.state.lock();
        Report {
            seed: self.seed,
            procs: sched.procs(),
            time: Duration::from_nanos(sched.now()),
            ..state.report.clone()
        }
    }

    /// Does this thread play?
    fn is_here(&self) -> bool {
        let state = self.state.lock();
        state.depth > 0 && state.thread == Some(std::thread::current().id())
    }

    fn deeper(&self) -> Option<Level<'_>> {
        let mut state = self.state.lock();
        if state.depth >= MAX_DEPTH {
            return None;
        }
        state.depth += 1;
        Some(Level(self))
    }

    /// `block_on`: plays until the root future is ready.
    #[track_caller]
    pub(super) fn root<R>(
        &self,
        sched: &SchedRef,
        note: &Note,
        mut poll: impl FnMut() -> Poll<R>,
    ) -> R {
        let level = self.enter();
        // The first poll needs no wake-up.
        note.wakeup();
        let output = loop {
            match self.turn(sched, Some(note), Goal::Root) {
                Turn::Root => {
                    note.take();
                    if let Poll::Ready(output) = poll() {
                        break output;
                    }
                }
                turn => self.act(sched, turn),
            }
        };
        drop(level);
        if sched.is_closed() {
            self.to_the_end(sched);
        }
        output
    }

    #[track_caller]
    fn enter(&self) -> Level<'_> {
        let here = std::thread::current().id();
        let mut state = self.state.lock();
        let other = state.depth > 0 && state.thread != Some(here);
        let too_deep = state.depth >= MAX_ROOTS;
        if !other && !too_deep {
            state.thread = Some(here);
            state.depth += 1;
            return Level(self);
        }
        drop(state);
        if other {
            panic!(
                "a deterministic runtime is played by one thread, and another is in `block_on` now"
            );
        }
        panic!(
            "{MAX_ROOTS} calls of `block_on` and `block_for` are inside of each other: one thread has \
             no stack for more"
        );
    }

    /// Plays a closed scheduler until its Ms have ended. False: some are below us on the stack, and end
    /// when they come back.
    pub(super) fn to_the_end(&self, sched: &SchedRef) -> bool {
        {
            let mut state = self.state.lock();
            if state.depth > 0 {
                return false;
            }
            state.depth = 1;
            state.thread = Some(std::thread::current().id());
        }
        let _level = Level(self);
        loop {
            match self.turn(sched, None, Goal::Now) {
                Turn::Nothing => return self.state.lock().all_gone(),
                turn => self.act(sched, turn),
            }
        }
    }

    /// See [`block_for`].
    fn block_until(&self, sched: &SchedRef, until: u64) {
        let Some(_level) = self.deeper() else {
            // As if the whole machine had stopped.
            sched.clock_reach(until);
            return;
        };
        self.state.lock().blocked += 1;
        let _over = Blocked(self);
        loop {
            match self.turn(sched, None, Goal::Until(until)) {
                Turn::Over => return,
                turn => self.act(sched, turn),
            }
        }
    }

    /// See [`point`].
    fn others(&self, sched: &SchedRef) {
        let steps = {
            let state = self.state.lock();
            let many = 1 + state.nms() as u32;
            // Whoever comes in has points too. So few of those let others in that it comes to an end.
            let odds = if state.points == 0 { 2 } else { 16 * many };
            if state.rand.below(odds) != 0 {
                return;
            }
            1 + state.rand.below(8 * many)
        };
        let Some(_level) = self.deeper() else { return };
        self.state.lock().points += 1;
        let _over = Pointed(self);
        for _ in 0..steps {
            match self.turn(sched, None, Goal::Now) {
                Turn::Nothing => return,
                turn => self.act(sched, turn),
            }
        }
    }

    fn turn(&self, sched: &SchedRef, root: Option<&Note>, goal: Goal) -> Turn {
        self.state.lock().turn(sched, root, goal)
    }

    /// Does what is not for the caller alone.
    fn act(&self, sched: &SchedRef, turn: Turn) {
        match turn {
            Turn::Step(mut vm) => {
                vm.step(sched, self);
                self.state.lock().put_back(vm);
            }
            Turn::Sysmon(mut rounds) => {
                let look = {
                    let _hidden = Hidden::new();
                    rounds.round(sched)
                };
                self.state.lock().round_over(sched, rounds, look.acted);
            }
            Turn::Idle(next) => self.idle(sched, next),
            Turn::Root | Turn::Over | Turn::Nothing => {}
        }
    }

    /// Nobody can go on: I/O, then time.
    fn idle(&self, sched: &SchedRef, next: Option<player::Next>) {
        if sched.netpoll().has_sources() {
            let timeout = if next.is_some() { Duration::ZERO } else { REAL_LOOK };
            if self.look_for_real(sched, timeout) || next.is_none() {
                return;
            }
        }
        let Some(next) = next else { self.stuck(sched) };
        self.state.lock().time_moves();
        match next {
            player::Next::Timer(at) => sched.auto_advance(at),
            player::Next::Exact(at) => sched.clock_reach(at),
        }
    }

    /// Polls the system's poller. True: something came of it.
    fn look_for_real(&self, sched: &SchedRef, timeout: Duration) -> bool {
        let mut ready = Vec::new();
        let Some(mut poller) = sched.netpoll().try_poller() else { return false };
        sched.netpoll_once(&mut poller, Some(timeout), &mut ready);
        drop(poller);
        if ready.is_empty() {
            return false;
        }
        let left = self.state.lock().give_poller(ready);
        if let Some(ready) = left {
            let _hidden = Hidden::new();
            sched.inject_wakers(None, &mut { ready }, &mut Vec::new());
        }
        true
    }

    #[cold]
    fn stuck(&self, sched: &Sched) -> ! {
        let seed = self.seed;
        let queued = sched.global_len() + sched.shells().map(|p| p.runq.len()).sum::<usize>();
        if queued > 0 || sched.earliest_timer() != u64::MAX {
            panic!(
                "gmp lost a wake-up: {queued} tasks are queued or a timer is set, and every thread \
                 sleeps. Deterministic runtime, seed {seed}, {} Ps. Please report it.",
                sched.procs(),
            );
        }
        panic!(
            "deadlock: nothing can run, no timer is set, and {} tasks wait. Deterministic runtime, \
             seed {seed}, {} Ps: the same seed and number of Ps play it again.",
            sched.live_gs(),
            sched.procs(),
        );
    }
}

/// One poll less that blocks.
struct Blocked<'a>(&'a Play);

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        self.0.state.lock().blocked -= 1;
    }
}

/// One place less that lets others in.
struct Pointed<'a>(&'a Play);

impl Drop for Pointed<'_> {
    fn drop(&mut self) {
        self.0.state.lock().points -= 1;
    }
}

/// Calls `f` with the game that this thread plays, if it plays one.
fn here<R>(f: impl FnOnce(&SchedRef, &Play) -> R) -> Option<R> {
    context::with_current(|sched| match &sched.play {
        Some(play) if play.is_here() => Some(f(sched, play)),
        _ => None,
    })
    .ok()
    .flatten()
}

/// What was counted, if it is played.
pub(crate) fn report(sched: &SchedRef) -> Option<Report> {
    sched.play.as_ref().map(|play| play.report(sched))
}

/// This poll blocks its thread for so long. Elsewhere it does so really.
pub(crate) fn block_for(duration: Duration) {
    let played = here(|sched, play| {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        play.block_until(sched, sched.now().saturating_add(ns).min(u64::MAX - 1));
    });
    if played.is_none() {
        std::thread::sleep(duration);
    }
}

/// Here other threads may come in, for a while.
pub(crate) fn point() {
    here(|sched, play| play.others(sched));
}

/// A number below `n` from the seed, on the thread that plays.
pub(crate) fn draw(n: u32) -> Option<u32> {
    here(|_, play| play.state.lock().rand.below(n))
}

/// Turns taken so far, on the thread that plays.
pub(crate) fn steps() -> Option<u64> {
    here(|_, play| play.state.lock().report.steps)
}
