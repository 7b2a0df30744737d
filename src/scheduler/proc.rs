//! Story 2, work is done: `schedule` finds a G, polls it once, and again, until there is nothing left;
//! then the M gives its P up, looks once more, and sleeps.
//!
//! The order of `find_runnable` is Go's: due timers; every 61st poll the global queue; runnext and the
//! local queue; the global queue; a look at the poller; stealing; then without a P: a second look at
//! everything, the poller, sleep. Beyond Go, the poller and the clock are looked at under full load too, and
//! queues that stand still come before the poller (`steal.rs`).
//!
//! Searcher's side of the protocol in `scheduler/mod.rs` ("parking"): give the permit up (visible in
//! `npidle`), leave `nmspinning`, full fence, look at every source again.

use std::task::Waker;
use std::time::{Duration, Instant};

use super::batch::{Batches, Kind};
use super::context;
use super::fair::Fair;
use super::hogs::Hog;
use super::netpoll::Poller;
use super::observe::trace::Event;
use super::p::{Role, Shell, P};
use super::sched::Sched;
use super::spin::Spin;
use super::steal::{StealOrder, Sticking};
use crate::g::coop;
use crate::g::id::Id;
use crate::g::raw::G;
use crate::g::run::Ran;
use crate::primitives::rand::Rand;
use crate::primitives::sync::atomic::{
    fence,
    Ordering::{Acquire, Relaxed, SeqCst},
};
use crate::primitives::sync::{broken, thread};

use super::limits::{RUNNEXT_STREAK, TIMER_COALESCE, TIMER_TICK};

/// What an M keeps to itself.
pub(super) struct Local {
    /// Counted in `nmspinning`: a promise to look at everything before it goes.
    pub(super) spinning: bool,
    pub(super) rand: Rand,
    pub(super) order: StealOrder,
    pub(super) sticking: Sticking,
    /// What the poller and the timers brought; empty between uses, so it allocates only while it grows.
    pub(super) ready: Vec<Waker>,
    pub(super) foreign: Vec<Waker>,
    spin: Spin,
    pub(super) batches: Batches,
    pub(super) fair: Fair,
    /// What was polled last.
    pub(super) polled: Option<Id>,
    /// When this M got its P.
    busy_since: Instant,
}

impl Local {
    pub(super) fn new(spin_ns: u64) -> Local {
        Local {
            spinning: false,
            rand: Rand::from_entropy(),
            order: StealOrder::new(),
            sticking: Sticking::new(),
            ready: Vec::new(),
            foreign: Vec::new(),
            spin: Spin::new(spin_ns),
            batches: Batches::new(),
            fair: Fair::new(),
            polled: None,
            busy_since: Instant::now(),
        }
    }
}

impl Local {
    /// This M has got a shell.
    fn begins(&mut self, shell: Shell<'_>) {
        self.busy_since = Instant::now();
        let short = self.fair.begin(shell.stats.polls.get(), self.busy_since);
        shell.putting_off().allow(short);
    }
}

/// What a search came to.
enum Found {
    /// A G, and whether it goes on with the slice of who readied it.
    G(G, bool),
    /// Nothing, or the scheduler is closed: the P is given up.
    NoP,
}

impl Sched {
    /// Go's `schedule`: runs Gs until this M has no P any more.
    pub(super) fn schedule(&self, local: &mut Local) {
        if let Some(shell) = context::shell_of(self) {
            local.begins(shell);
        }
        // Of a ring that this M has lost, perhaps.
        local.batches.end();
        loop {
            // Looked up anew for each G: a poll may give the shell away.
            let Some(shell) = context::shell_of(self) else { return };
            match self.find_runnable(local, shell) {
                Found::G(g, inherit) => {
                    self.run_found(local, g, inherit);
                    if local.batches.any() {
                        self.ran_of_batch(local);
                    }
                }
                Found::NoP => return,
            }
        }
    }

    /// Runs what a search came to: with the P of this M, or without one.
    #[inline(always)]
    pub(super) fn run_found(&self, local: &mut Local, g: G, inherit: bool) {
        if local.spinning {
            self.resetspinning(local);
        }
        let Some(shell) = context::shell_of(self) else {
            unreachable!("find_runnable answered a G without a P")
        };
        local.polled = Some(g.header().id);
        let g = if self.knows_hogs() {
            match self.hog(g) {
                Hog::No(g) => g,
                Hog::Aside(g, why) => {
                    local.batches.end();
                    return self.run_aside(shell, g, why);
                }
                Hog::Later => return,
            }
        } else {
            g
        };
        let _queued_again = self.execute(shell, g, inherit);
    }

    /// Polls a G once, and queues it again if it was woken meanwhile (true). False also if it was put off.
    #[inline]
    pub(super) fn execute(&self, shell: Shell<'_>, g: G, inherit: bool) -> bool {
        shell.begin_slice(inherit);
        shell.stats.polls.add(1);
        shell.set_in_poll(true);
        let ran = {
            let _budget = coop::enter(Some(&shell.p().preempt));
            self.run_g(shell, g)
        };
        // The poll may have given the shell away.
        let shell = context::shell_of(self);
        if let Some(shell) = shell {
            shell.set_in_poll(false);
        }
        let Ran::Woken(g) = ran else { return false };
        match shell {
            // With its slice over it goes behind everybody.
            // Relaxed: a hint.
            Some(shell) if shell.preempt.load(Relaxed) => self.inject(g),
            Some(shell) if shell.putting_off().is_noted(shell.stats.polls.get()) => {
                return self.put_aside(shell, g)
            }
            // Yielded: behind everybody here.
            Some(shell) => {
                self.runqput(shell, g, false);
            }
            None if !broken("woken_without_p_dropped") => self.inject(g),
            None => {}
        }
        true
    }

    /// A searcher found something: it stops being one, and somebody else takes over the search if there is
    /// more. Go wakes another M in any case; a look at the queues costs less than a thread that finds
    /// nothing. It is the submitter's look and the searcher's in one: what was submitted while we searched,
    /// and woke nobody for it, is seen here, as after any search; what comes later sees us gone.
    pub(super) fn resetspinning(&self, local: &mut Local) {
        local.spinning = false;
        // Ordering(spinning): SeqCst. First leave the count, then look.
        self.nmspinning.fetch_sub(1, SeqCst);
        // Ordering(park): full fence between the count above and the looks below; pairs with the one in
        // `wakep`.
        fence(SeqCst);
        // A batch that this M runs alone is no reason.
        let alone = context::shell_of(self).filter(|_| local.batches.owes());
        let more = !self.globrunq.is_empty()
            || self
                .shells()
                .any(|p| p.runq.len() > 0 && alone.is_none_or(|own| !std::ptr::eq(p, own.p())));
        if more && !broken("no_resetspinning_wake") {
            self.wakep();
        }
    }

    /// Go's `findRunnable`. Blocks only through the poller.
    fn find_runnable(&self, local: &mut Local, shell: Shell<'_>) -> Found {
        let mut shell = shell;
        loop {
            if self.is_closed() {
                self.leave(local, shell);
                return Found::NoP;
            }
            // The permit was taken away, while we were in a poll or called foreign wakers.
            if shell.role() == Role::Blocked && !self.regain_or_stop(local, shell) {
                return Found::NoP;
            }
            let mut now = 0;
            if let Some((g, inherit)) = self.look_here(local, shell, &mut now) {
                return Found::G(g, inherit);
            }
            // At most half as many searchers as busy Ps, else they only get in each other's way. Go's.
            if local.spinning || self.may_spin() {
                self.become_spinning(local);
                if let Some(g) = self.stealwork(local, shell, now) {
                    return Found::G(g, false);
                }
                if !shell.runq.is_empty() {
                    // Timers that ran in the search readied Gs here.
                    continue;
                }
                if self.linger(local, shell) {
                    continue;
                }
            }

            if !self.give_up(local, shell) {
                continue;
            }
            // No P from here on.
            match self.search_without_p(local) {
                Some(p) => {
                    self.acquirep(p);
                    self.trace(Event::Unpark);
                    let Some(acquired) = context::shell_of(self) else {
                        unreachable!("acquirep just set the shell")
                    };
                    shell = acquired;
                    local.begins(shell);
                }
                None => return Found::NoP,
            }
        }
    }

    /// The first half of a search: what is due, and what is queued where this P looks first. `now` becomes
    /// the clock, if it was read.
    #[inline(always)]
    pub(super) fn look_here(
        &self,
        local: &mut Local,
        shell: Shell<'_>,
        now: &mut u64,
    ) -> Option<(G, bool)> {
        let tick = shell.schedtick();
        let busy_tick = tick % self.config.netpoll_tick == 0;

        // Timers: the clock is read only if there are any, and not at each short poll.
        if shell.timers.earliest() != u64::MAX && (tick % TIMER_TICK == 0 || shell.runq.is_empty())
        {
            *now = self.timers_now();
            self.run_timers(local, shell, shell.p(), *now);
        }
        if local.fair.is_due(shell.stats.polls.get()) {
            if let Some(g) = self.fair_look(local, shell) {
                return Some((g, false));
            }
        }
        if busy_tick && self.netpoll.has_sources() {
            self.netpoll_look(local, shell);
        }
        if shell.putting_off().anyone_late(shell.stats.polls.get()) {
            self.late_probes(shell);
        }
        if let Some(found) = self.runqget(shell) {
            return Some(found);
        }
        if let Some(g) = self.globrunqget(shell) {
            return Some((g, false));
        }
        // Now and then a ring that stands still comes first.
        if !busy_tick {
            if let Some(g) = self.ripe_probe(shell) {
                return Some((g, false));
            }
        }
        if self.netpoll.has_sources() {
            if let Some(g) = self.steal_from_stuck(local, shell) {
                return Some((g, false));
            }
            if self.netpoll_look(local, shell) {
                if let Some(found) = self.runqget(shell) {
                    return Some(found);
                }
            }
        }
        // Step 4 of `probes.rs`.
        shell.probes.first().map(|g| (g, false))
    }

    /// A searcher that is about to give up waits a little for work to arrive, if that has paid lately.
    /// While it does, submitters see it in `nmspinning` and wake nobody. One at a time.
    fn linger(&self, local: &mut Local, shell: Shell<'_>) -> bool {
        // Relaxed: a rule of thumb.
        if self.nmspinning.load(Relaxed) != 1 {
            return false;
        }
        let mut spin = std::mem::replace(&mut local.spin, Spin::off());
        let mut looks = 0u32;
        let found = spin.until(|| {
            looks += 1;
            if self.is_closed() || !self.globrunq.is_empty() {
                return true;
            }
            if self.shells().any(|p| p.runq.len() > 0) {
                return true;
            }
            // The poller is a system call: less often.
            looks % 8 == 0 && self.netpoll.has_sources() && self.netpoll_look(local, shell)
        });
        local.spin = spin;
        found
    }

    /// Runnext, then the ring. A chain of hand-overs through runnext goes on with one slice, and ends
    /// when the slice is over or the chain is long: then the ring gets its turn.
    #[inline]
    pub(super) fn runqget(&self, shell: Shell<'_>) -> Option<(G, bool)> {
        // Relaxed: a hint.
        if shell.streak() >= RUNNEXT_STREAK || shell.preempt.load(Relaxed) {
            if let Some(g) = shell.runq.take_next() {
                self.runqput(shell, g, false);
            }
        } else if let Some(g) = shell.runq.take_next() {
            return Some((g, true));
        }
        shell.runq.get().map(|g| (g, false))
    }

    /// Every 61st poll (`fair.rs`): one G from the global queue, or, if threads in `block_on` have work queued that
    /// only others run, some of theirs; so that neither waits for a P that runs dry. They take turns in who
    /// comes first: under load neither need ever be empty.
    fn fair_look(&self, local: &mut Local, shell: Shell<'_>) -> Option<G> {
        let (tunes, now) = match self.is_played() {
            // Time that passes there says nothing, and Gs are not put off.
            true => (false, local.busy_since),
            false => (self.config.globrunq_tunes, Instant::now()),
        };
        let polls = shell.stats.polls.get();
        let short = local.fair.looks(polls, self.config.globrunq_tick, tunes, now);
        shell.putting_off().allow(short && !self.is_played());
        // Relaxed: a hint; a searcher that goes idle looks at all shells.
        let unattended = self.nunattended.load(Relaxed) > 0;
        let theirs_first = unattended && local.fair.turn();
        if theirs_first {
            if let Some(g) = self.steal_from_unattended(shell) {
                return Some(g);
            }
        }
        if let Some(g) = self.globrunq.get() {
            return Some(g);
        }
        if unattended && !theirs_first {
            return self.steal_from_unattended(shell);
        }
        None
    }

    /// A fair share of the global queue: the first one to run, the others into the ring.
    fn globrunqget(&self, shell: Shell<'_>) -> Option<G> {
        shell.runq.fill(|room, put| self.globrunq.get_share(self.procs(), room, put))
    }

    /// Runs the due timers of `p`, ours or another's. True: something was readied.
    pub(super) fn run_timers(&self, local: &mut Local, shell: Shell<'_>, p: &P, now: u64) -> bool {
        if p.timers.earliest() > now {
            return false;
        }
        p.timers.check(now, &mut local.ready);
        let any = !local.ready.is_empty();
        self.deliver(local, shell, Kind::Timers);
        any
    }

    /// Queues what became ready. Foreign wakers may take their time, and this M does
    /// not search meanwhile: who counted on it would wait for them.
    fn deliver(&self, local: &mut Local, shell: Shell<'_>, kind: Kind) {
        if self.queue_wakers(Some(shell), &mut local.ready, &mut local.foreign) {
            self.brought(local, shell, kind);
        }
        if local.foreign.is_empty() {
            return;
        }
        if local.batches.owes() {
            // Nobody runs our ring meanwhile.
            local.batches.end();
            self.wakep();
        }
        if local.spinning {
            self.resetspinning(local);
        }
        self.wake_foreign(Some(shell), &mut local.foreign);
    }

    /// A look at the poller that does not block. True: something became ready.
    fn netpoll_look(&self, local: &mut Local, shell: Shell<'_>) -> bool {
        let Some(mut poller) = self.netpoll.try_poller() else { return false };
        shell.putting_off().looked();
        self.netpoll_once(&mut poller, Some(Duration::ZERO), &mut local.ready);
        drop(poller);
        let any = !local.ready.is_empty();
        self.deliver(local, shell, Kind::Events);
        any
    }

    pub(super) fn may_spin(&self) -> bool {
        // Relaxed (both): a rule of thumb.
        let procs = self.procs() as u32;
        2 * self.nmspinning.load(Relaxed) < procs - self.npidle.load(Relaxed).min(procs)
    }

    pub(super) fn become_spinning(&self, local: &mut Local) {
        if !local.spinning {
            local.spinning = true;
            // Ordering(spinning): SeqCst: submitters that see it rely on our coming looks.
            self.nmspinning.fetch_add(1, SeqCst);
            // Relaxed: whoever set it wanted exactly this search.
            self.needspinning.store(false, Relaxed);
        }
    }

    /// Go's steps 14 and 15: gives the permit up with its empty shell, unless there is a reason not to
    /// (false).
    pub(super) fn give_up(&self, local: &mut Local, shell: Shell<'_>) -> bool {
        let mut locked = self.lock.lock();
        // Relaxed: set under the lock.
        if !local.spinning
            && self.needspinning.load(Relaxed)
            && !broken("give_up_ignores_needspinning")
        {
            drop(locked);
            self.become_spinning(local);
            return false;
        }
        if !self.globrunq.is_empty() || !shell.runq.is_empty() || self.is_closed() {
            return false;
        }
        shell.stats.busy_ns.add(local.busy_since.elapsed().as_nanos() as u64);
        local.batches.end();
        let p = self.releasep(shell);
        self.pidleput(&mut locked, p);
        let all_idle = locked.pidle.len() >= self.procs();
        drop(locked);
        self.trace(Event::Park { p: p.id });
        if all_idle {
            self.let_sysmon_sleep();
        }
        true
    }

    /// Go's steps 16 to 18, without a P. Answers a P to go on with, or nothing: then this M has no
    /// reason to stay awake.
    fn search_without_p<'s>(&'s self, local: &mut Local) -> Option<&'s P> {
        let early =
            broken("search_looks_before_leaving").then(|| self.anything_queued(local.spinning));
        let was_spinning = self.leave_search(local);
        if self.is_closed() {
            return None;
        }
        if early.unwrap_or_else(|| self.anything_queued(was_spinning)) {
            if let Some(p) = self.search_on(local) {
                return Some(p);
            }
        }
        self.poll_blocking(local, was_spinning)
    }

    /// Was it a searcher? It is none any more.
    pub(super) fn leave_search(&self, local: &mut Local) -> bool {
        let was_spinning = std::mem::take(&mut local.spinning);
        if was_spinning {
            // Ordering(spinning): SeqCst. First leave the count, then look.
            self.nmspinning.fetch_sub(1, SeqCst);
        }
        if !broken("search_no_fence") {
            // Ordering(park): full fence between `npidle`/`nmspinning` above and the looks that follow;
            // pairs with the one in `wakep`.
            fence(SeqCst);
        }
        was_spinning
    }

    /// The second look has found something: a permit for it. Without one all are busy, and whoever has them
    /// looks at the queues before going idle.
    pub(super) fn search_on<'s>(&'s self, local: &mut Local) -> Option<&'s P> {
        let p = {
            let mut locked = self.lock.lock();
            self.pidleget_spinning(&mut locked)?
        };
        self.become_spinning(local);
        Some(p.get(self))
    }

    /// The second look. Who did not search never promised to find local work of others; what no P owns
    /// (the global queue, the shells of `block_on` callers) everybody looks at.
    pub(super) fn anything_queued(&self, was_spinning: bool) -> bool {
        if !self.globrunq.is_empty() && !broken("recheck_skips_global") {
            return true;
        }
        self.shells().any(|p| match p.role() {
            Role::Root => !p.runq.is_empty() && !broken("recheck_skips_roots"),
            Role::Blocked => !p.runq.is_empty(),
            _ => was_spinning && (p.runq.len() > 0 || super::steal::next_is_stuck(p)),
        })
    }

    /// The earliest deadline of all timers, whoever holds their shells.
    pub(super) fn earliest_timer(&self) -> u64 {
        self.shells().map(|p| p.timers.earliest()).min().unwrap_or(u64::MAX)
    }

    /// Says until when (ns) somebody sleeps in the poller; 0: nobody does.
    pub(super) fn publish_poll_until(&self, until: u64) {
        // Ordering(poll-until): publish, full fence, then the caller looks at the timers (again);
        // `timer_added` does it the other way round, so one of the two sees the other.
        self.poll_until.store(until, SeqCst);
        if !broken("poll_until_no_fence") {
            fence(SeqCst);
        }
    }

    /// Says until when this M, which has the right to poll, will sleep: until the earliest timer, but not
    /// before `limit`. Who adds one from now on sees that, and need not break a sleep that ends at the
    /// limit.
    pub(super) fn publish_earliest(&self, limit: u64) -> u64 {
        let deadline = self.earliest_timer();
        self.publish_poll_until(if deadline <= limit { 1 } else { deadline });
        if broken("poll_until_no_second_look") {
            return deadline;
        }
        deadline.min(self.earliest_timer())
    }

    /// One M sleeps in the poller, without a P; the others leave it to that one.
    fn poll_blocking<'s>(&'s self, local: &mut Local, was_spinning: bool) -> Option<&'s P> {
        let mut poller = loop {
            if self.is_called_from_poller() {
                return None;
            }
            if let Some(poller) = self.netpoll.try_poller() {
                break poller;
            }
            // Acquire: nothing rides on it.
            let until = self.poll_until.load(Acquire);
            if until != 0 {
                // Somebody sleeps in it. If past one of our timers, it has to know.
                if self.earliest_timer() < until {
                    self.netpoll.wake();
                }
                return None;
            }
            // Somebody only looks, or is coming or going: that takes no time, and whoever it is may be
            // about to run Gs for long. Leave only when a sleeper is there.
            thread::yield_now();
        };
        // Timers that come thick and fast are taken together: at most one wake-up for them in
        // TIMER_COALESCE. A sleep that ends at that limit needs no break for a nearer timer.
        // Relaxed: only the holder of the poller uses it.
        let limit = self.timers_ran.load(Relaxed).saturating_add(TIMER_COALESCE);
        let deadline = self.publish_earliest(limit);
        let timeout = match deadline {
            u64::MAX => None,
            _ => Some(Duration::from_nanos(deadline.max(limit).saturating_sub(self.now()))),
        };
        // Everything that was queued before we gave the P up was looked at; what comes later finds an
        // idle permit and starts an M, which need not be this one. The closer wakes the poller.
        if !self.is_closed() && !self.anything_queued(false) {
            self.hook(&self.config.on_thread_park);
            self.netpoll_once(&mut poller, timeout, &mut local.ready);
            self.hook(&self.config.on_thread_unpark);
        }
        let events = local.ready.len();
        self.publish_poll_until(0);
        if deadline != u64::MAX {
            self.poller_timers(local);
        }
        let kind = match events {
            0 => Kind::Timers,
            all if all == local.ready.len() => Kind::Events,
            _ => Kind::Both,
        };
        drop(poller);
        self.back_from_poller(local, was_spinning, kind)
    }

    /// Timers of all shells, by the M that has the right to poll.
    pub(super) fn poller_timers(&self, local: &mut Local) {
        let now = self.timers_now();
        let mut ran = false;
        for p in self.shells().filter(|p| p.timers.earliest() <= now) {
            p.timers.check(now, &mut local.ready);
            ran = true;
        }
        if ran {
            // Relaxed: only the holder of the poller uses it.
            self.timers_ran.store(now, Relaxed);
        }
    }

    /// What the poller and the timers brought is queued, with a permit if one is idle: it is the answer.
    pub(super) fn back_from_poller<'s>(
        &'s self,
        local: &mut Local,
        was_spinning: bool,
        kind: Kind,
    ) -> Option<&'s P> {
        let p = {
            let mut locked = self.lock.lock();
            self.pidleget(&mut locked)
        };
        match p {
            Some(p) => {
                let p = p.get(self);
                self.acquirep(p);
                let Some(shell) = context::shell_of(self) else {
                    unreachable!("acquirep just set the shell")
                };
                self.deliver(local, shell, kind);
                // Looked up anew: foreign wakers may have given the shell away.
                let shell = context::shell_of(self)?;
                // With something to run this M is no searcher: it comes straight from the source.
                if shell.runq.is_empty() && was_spinning {
                    self.become_spinning(local);
                }
                Some(self.releasep(shell))
            }
            None => {
                self.inject_wakers(None, &mut local.ready, &mut local.foreign);
                None
            }
        }
    }

    /// One poll of the poller. A poller that is broken for good (its fds were closed by somebody) ends
    /// the process: nothing could ever become ready again.
    pub(super) fn netpoll_once(
        &self,
        poller: &mut Poller<'_>,
        timeout: Option<Duration>,
        ready: &mut Vec<Waker>,
    ) {
        let before = ready.len();
        let polled = poller.poll(timeout, ready);
        if ready.len() > before {
            self.trace(Event::Netpoll { ready: (ready.len() - before) as u32 });
        }
        if let Err(error) = polled {
            eprintln!(
                "gmp: the I/O poller failed: {error}. Was one of its file descriptors closed?"
            );
            std::process::abort();
        }
    }

    /// The shutdown has begun: give everything up.
    pub(super) fn leave(&self, local: &mut Local, shell: Shell<'_>) {
        self.abandon(shell);
        shell.stats.busy_ns.add(local.busy_since.elapsed().as_nanos() as u64);
        let p = self.releasep(shell);
        let mut locked = self.lock.lock();
        self.pidleput(&mut locked, p);
        drop(locked);
        if std::mem::take(&mut local.spinning) {
            // Ordering(spinning): SeqCst, as wherever a searcher leaves.
            self.nmspinning.fetch_sub(1, SeqCst);
        }
        // Pushes that came before the permit was seen idle are ours to drop.
        fence(SeqCst);
        self.drop_global();
    }
}
