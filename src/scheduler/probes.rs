//! Gs put off: whose next step is a system call that would probably find nothing yet.
//!
//! A reader whose last read filled its buffer does not know whether the kernel has more. It has to ask, because
//! no event will say so; asked at once the kernel often answers that there is nothing, and an event follows
//! when the peer has answered. If the peer is a G of this M, or if what is on the way takes no longer than what is
//! queued here, then to ask a little later saves both: the call that finds nothing, and the poller. Two Gs that
//! answer each other so make four system calls for a round trip in place of eight. `io/guess.rs` knows which
//! reads are of that kind.
//!
//! Protocol.
//!
//! 1. *Put off* (`put_off`, inside a poll): the G wakes itself, and the shell notes that it did so for a probe.
//!    After the poll `execute` puts the G here and not into the ring (`put_aside`).
//! 2. *Ripe* (`ripe_probe`): with an empty ring the first one here is polled again, if all that stood in the ring
//!    before it have had their turn, one G at least has, and the poller was asked since: what that brings may
//!    be what this one waits for. As long as probes find something it need not be asked: then the Gs that
//!    they wait for are here as well.
//! 3. *Late* (`late_probes`): where the ring never runs empty, each look at the poller is preceded by one at
//!    who has been here for as long as from one such look to the next. They go into the ring.
//! 4. *Alone*: when nothing else is there to run, and the poller has brought nothing, the first one is polled. So
//!    an M with a probe never goes idle, and no G is put off twice without a system call between.
//! 5. *In the owner's hands*: thieves do not look here. Polled by another M at once, a G would only find that
//!    nothing is there yet.
//! 6. *Not forgotten*: behind a poll that lasts, sysmon moves them to the global queue (`watch.rs`); who gives its
//!    P away puts them into the ring first (`end_probes`); a shell without a permit and a scheduler without
//!    sysmon have none, there the G yields.
//!
//! The lock is for the owner and sysmon. It is a leaf: nothing is locked and no foreign code runs under it.

use std::collections::VecDeque;
// std's atomic also under loom: a hint, see `is_empty`.
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Context;

use super::context;
use super::local;
use super::p::{Role, Shell};
use super::sched::Sched;
use crate::g::raw::G;
use crate::g::waker;
use crate::primitives::sync::Mutex;

/// See the module's text.
pub(crate) struct Probes {
    /// For those who look without the lock.
    len: AtomicUsize,
    gs: Mutex<VecDeque<(Since, G)>>,
}

/// When a G was put off.
struct Since {
    /// The number of polls of this shell after which all have had their turn that stood in the ring.
    polls: u64,
    /// Looks at the poller.
    looks: u64,
}

impl Probes {
    pub(super) fn new() -> Probes {
        Probes { len: AtomicUsize::new(0), gs: Mutex::new(VecDeque::new()) }
    }

    pub(crate) fn len(&self) -> usize {
        // Relaxed: the owner alone puts, so it never misses one; for others a hint.
        self.len.load(Relaxed)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Owner only.
    fn put(&self, g: G, since: Since) {
        let mut gs = self.gs.lock();
        gs.push_back((since, g));
        self.len.store(gs.len(), Relaxed);
    }

    /// Anyone. The first one.
    pub(crate) fn first(&self) -> Option<G> {
        if self.is_empty() {
            return None;
        }
        self.take_if(|_| true)
    }

    fn take_if(&self, may: impl FnOnce(&Since) -> bool) -> Option<G> {
        let mut gs = self.gs.lock();
        let (since, _) = gs.front()?;
        if !may(since) {
            return None;
        }
        let (_, g) = gs.pop_front()?;
        self.len.store(gs.len(), Relaxed);
        Some(g)
    }
}

impl Sched {
    /// Step 1. False: not here, or the waker is not that of the G which this thread polls; go on.
    pub(crate) fn put_off(&self, cx: &mut Context<'_>) -> bool {
        let Some(shell) = context::shell_of(self) else { return false };
        if self.is_played() || local::in_turn() || !waker::is_polled_here(cx.waker()) {
            return false;
        }
        shell.note_probe();
        cx.waker().wake_by_ref();
        true
    }

    /// Step 1, after the poll. True: not here, it went into the ring.
    #[inline(never)]
    pub(super) fn put_aside(&self, shell: Shell<'_>, g: G) -> bool {
        shell.forget_probe();
        let may = match shell.role() {
            Role::Running => self.config.sysmon,
            Role::Alone => true,
            Role::Idle | Role::Root | Role::Blocked => false,
        };
        if !may {
            self.runqput(shell, g, false);
            return true;
        }
        self.put_probe(shell, g);
        self.leave_to_sysmon();
        false
    }

    pub(super) fn put_probe(&self, shell: Shell<'_>, g: G) {
        self.observe_queued(&g);
        let ahead = shell.runq.len() + usize::from(shell.runq.has_next());
        let polls = shell.stats.polls.get() + ahead as u64;
        shell.probes.put(g, Since { polls, looks: shell.looks() });
    }

    /// What a G that was put off has found.
    pub(crate) fn probed(&self, found: bool) {
        if let Some(shell) = context::shell_of(self) {
            shell.probed(found);
        }
    }

    /// Step 2, with an empty ring.
    #[inline]
    pub(super) fn ripe_probe(&self, shell: Shell<'_>) -> Option<G> {
        if shell.probes.is_empty() {
            return None;
        }
        let (polls, looks) = (shell.stats.polls.get(), shell.looks());
        let trust = shell.probes_find();
        shell.probes.take_if(|since| polls > since.polls && (trust || looks > since.looks))
    }

    /// Step 3.
    #[inline]
    pub(super) fn late_probes(&self, shell: Shell<'_>) {
        if shell.probes.is_empty() {
            return;
        }
        let on_time = shell.stats.polls.get().saturating_sub(u64::from(self.config.netpoll_tick));
        while let Some(g) = shell.probes.take_if(|since| since.polls < on_time) {
            self.runqput(shell, g, false);
        }
    }

    /// Step 4, for the current_thread scheduler.
    pub(super) fn first_probe(&self, shell: Shell<'_>) {
        if let Some(g) = shell.probes.first() {
            self.runqput(shell, g, false);
        }
    }

    /// Step 6: into the ring with them.
    pub(super) fn end_probes(&self, shell: Shell<'_>) {
        while let Some(g) = shell.probes.first() {
            self.runqput(shell, g, false);
        }
    }
}
