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
//!    After the poll `execute` puts the G here and not into the ring (`put_aside`). Only where polls are
//!    short: who waits here waits for those before it.
//! 2. *Ripe* (`ripe_probe`): with an empty ring the first one here is polled again, if all that stood in the ring
//!    before it have had their turn, one G at least has, and the poller was asked since: what that brings may
//!    be what this one waits for. As long as probes find something it need not be asked: then the Gs that
//!    they wait for are here as well.
//! 3. *Late* (`late_probes`): who has waited for as many polls as Gs stood in the ring, and for [`LATE_POLLS`]
//!    more, goes to its end, behind what the poller has brought meanwhile, and is anybody's to take. So a ring
//!    that never runs empty holds up nobody, and where many are put off other Ms get their share.
//! 4. *Alone*: when nothing else is there to run, and the poller has brought nothing, the first one is polled. So
//!    an M with a probe never goes idle. A source is put off once, and then its call is made.
//! 5. *In the owner's hands*: thieves do not look here. Polled by another M at once, a G would only find that
//!    nothing is there yet. But from an owner that stands in one poll for longer than the short ones take they
//!    take them (`is_stuck`), and so does sysmon (`watch.rs`), into the global queue.
//! 6. *Not forgotten*: who gives its P away puts them into the ring first (`end_probes`). A shell without a permit
//!    and a multi_thread scheduler without sysmon have none, there the G yields.
//!
//! The lock is for the owner, thieves and sysmon. It is a leaf: nothing is locked and no foreign code runs under
//! it.

use std::cell::Cell;
use std::collections::VecDeque;
// std's atomic also under loom: a hint, see `len`.
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Context;
use std::time::Duration;

use super::context;
use super::limits::LATE_POLLS;
use super::local;
use super::p::{Role, Shell, P};
use super::sched::Sched;
use super::steal;
use crate::g::raw::G;
use crate::g::waker;
use crate::primitives::sync::Mutex;

/// How long an owner must stay inside one poll before thieves take what is put off: several short polls, with
/// their system calls.
const GRACE: Duration = Duration::from_micros(20);

/// See the module's text.
pub(crate) struct Probes {
    /// For those who look without the lock.
    len: AtomicUsize,
    gs: Mutex<VecDeque<(Since, G)>>,
}

/// When a G was put off.
struct Since {
    /// The number of polls of this shell after which as many Gs have had their turn as stood in the ring.
    ripe_at: u64,
    /// Looks at the poller.
    looks: u64,
}

impl Since {
    fn late_at(&self) -> u64 {
        self.ripe_at + LATE_POLLS
    }
}

/// What the owner of a shell alone knows of it.
pub(crate) struct PuttingOff {
    /// The number of the last poll in which the G has woken itself for a probe.
    noted: Cell<u64>,
    /// Polls are short.
    may: Cell<bool>,
    /// The number of polls after which the first one is late, or less; if there is none, never.
    late_at: Cell<u64>,
    /// Looks at the poller.
    looks: Cell<u64>,
    /// Did the last probe find something?
    pays: Cell<bool>,
}

impl PuttingOff {
    pub(super) fn new() -> PuttingOff {
        PuttingOff {
            noted: Cell::new(u64::MAX),
            may: Cell::new(false),
            late_at: Cell::new(u64::MAX),
            looks: Cell::new(0),
            pays: Cell::new(false),
        }
    }

    /// Has the G woken itself for a probe in the poll of this number?
    #[inline]
    pub(super) fn is_noted(&self, poll: u64) -> bool {
        self.noted.get() == poll
    }

    /// Says whether polls are short.
    pub(super) fn allow(&self, may: bool) {
        self.may.set(may);
    }

    /// The poller was asked what is ready.
    #[inline]
    pub(super) fn looked(&self) {
        self.looks.set(self.looks.get() + 1);
    }

    /// After so many polls, may somebody be late?
    #[inline]
    pub(super) fn anyone_late(&self, polls: u64) -> bool {
        polls >= self.late_at.get()
    }
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

    /// Is there any? If the answer is no, whoever puts one from now on sees what the caller wrote before.
    pub(super) fn any_or_tells(&self) -> bool {
        !self.gs.lock().is_empty()
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

    fn first_is_late_at(&self) -> u64 {
        self.gs.lock().front().map_or(u64::MAX, |(since, _)| since.late_at())
    }
}

/// Do Gs that are put off have to be taken from the owner of `p`?
pub(super) fn are_stuck(p: &P) -> bool {
    steal::is_stuck(p, GRACE, || !p.probes.is_empty())
}

impl Sched {
    /// Step 1. False: not here, or the waker is not that of the G which this thread polls; go on.
    pub(crate) fn put_off(&self, cx: &mut Context<'_>) -> bool {
        let Some(shell) = context::shell_of(self) else { return false };
        let own = shell.putting_off();
        if !own.may.get() || local::in_turn() || !waker::is_polled_here(cx.waker()) {
            return false;
        }
        own.noted.set(shell.stats.polls.get());
        cx.waker().wake_by_ref();
        true
    }

    /// Step 1, after the poll. True: not here, it went into the ring.
    #[inline(never)]
    pub(super) fn put_aside(&self, shell: Shell<'_>, g: G) -> bool {
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
        let own = shell.putting_off();
        let ahead = shell.runq.len() + usize::from(shell.runq.has_next());
        let ripe_at = shell.stats.polls.get() + ahead.max(1) as u64;
        let since = Since { ripe_at, looks: own.looks.get() };
        own.late_at.set(own.late_at.get().min(since.late_at()));
        shell.probes.put(g, since);
    }

    /// What a G that was put off has found.
    pub(crate) fn probed(&self, found: bool) {
        if let Some(shell) = context::shell_of(self) {
            shell.putting_off().pays.set(found);
        }
    }

    /// Step 2, with an empty ring.
    #[inline]
    pub(super) fn ripe_probe(&self, shell: Shell<'_>) -> Option<G> {
        if shell.probes.is_empty() {
            return None;
        }
        let own = shell.putting_off();
        let (polls, looks) = (shell.stats.polls.get(), own.looks.get());
        let pays = own.pays.get();
        shell.probes.take_if(|since| polls >= since.ripe_at && (pays || looks > since.looks))
    }

    /// Step 3.
    #[cold]
    pub(super) fn late_probes(&self, shell: Shell<'_>) {
        let polls = shell.stats.polls.get();
        while let Some(g) = shell.probes.take_if(|since| polls >= since.late_at()) {
            self.runqput(shell, g, false);
        }
        shell.putting_off().late_at.set(shell.probes.first_is_late_at());
        // `is_waited_for` may have looked at the ring before, and here after.
        self.leave_to_sysmon();
    }

    /// Step 6: into the ring with them.
    pub(super) fn end_probes(&self, shell: Shell<'_>) {
        while let Some(g) = shell.probes.first() {
            self.runqput(shell, g, false);
        }
    }

    /// Step 5: what was put off behind a poll that lasts goes where everybody looks. Answers how much.
    pub(super) fn drain_probes(&self, p: &P) -> usize {
        let mut moved = 0;
        self.globrunq.put_all(std::iter::from_fn(|| p.probes.first()).inspect(|_| moved += 1));
        if moved > 0 {
            self.stats.drained.add(moved as u64);
        }
        moved
    }
}
