//! The scheduler's shared state: what `sched.lock` guards, and the atomics beside it.
//!
//! `sched.lock` guards the lists of idle permits (each with a shell), spare shells, idle Ms, and the
//! accounts of threads. It is taken to go idle, to be woken, and by blocking closures; never by spawn,
//! wake or timers while every P is busy. No foreign code, no allocation of unbounded size and no system
//! call happens under it.
//!
//! The scheduler counts its references itself ([`SchedRef`]), so that a shell can hold a stock of them
//! and making a G does not touch the shared count.

#![allow(unsafe_code)]

use std::alloc::Layout;
use std::io;
use std::ptr::NonNull;
use std::time::Instant;

use super::blocking::Blocking;
use super::config::Config;
use super::context;
use super::doze::Alarm;
use super::errands::Errands;
use super::globrunq::Globrunq;
use super::hogs::Hogs;
use super::m::M;
use super::netpoll::Netpoll;
use super::observe::Observer;
use super::p::{Shell, P};
use super::root::Root;
use super::stats::Global;
use super::sysmon;
use super::timers::Timers;
use super::wakeups::WakeUps;
use crate::g::allg::{self, Shard};
use crate::g::cell::{Header, Place};
use crate::g::raw::{GRef, G};
use crate::g::Schedule;
use crate::primitives::appendvec::AppendVec;
use crate::primitives::note::Note;
use crate::primitives::padded::Padded;
use crate::primitives::prefetch;
use crate::primitives::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicU8, AtomicUsize,
    Ordering::{AcqRel, Relaxed, Release, SeqCst},
};
use crate::primitives::sync::{thread, Arc, Mutex};

/// The number of the all-G shard that serves threads without a shell.
const FOREIGN_SHARD: u32 = u32::MAX - 1;

/// See the module's text.
pub(crate) struct Sched {
    refs: Padded<AtomicUsize>,
    pub(super) lock: Padded<Mutex<Locked>>,
    /// Idle permits; written under `sched.lock`.
    pub(super) npidle: Padded<AtomicU32>,
    /// Ms that search for work and promise to find it.
    pub(super) nmspinning: AtomicU32,
    /// Somebody wanted a P and found none, while an M may be about to give one up. Set under the lock.
    pub(super) needspinning: AtomicBool,
    /// The deadline (ns) of the M that is blocked in the poller; `u64::MAX` without one, 0 if no M is.
    pub(super) poll_until: AtomicU64,
    /// sysmon looks every few milliseconds, unasked.
    pub(super) sysmon_brisk: AtomicBool,
    pub(super) wake_ups: WakeUps,
    /// When (ns) the poller last woke up for timers. Written by its holder.
    pub(super) timers_ran: AtomicU64,
    /// Shells whose owners run nothing of what is in them: of threads in `block_on`, and `Blocked` ones.
    pub(super) nunattended: AtomicU32,
    closed: AtomicBool,
    /// A G has panicked, and the builder wants the runtime to end with it.
    pub(super) panicked: AtomicBool,
    /// What sysmon wants to be told; see there.
    pub(super) sysmon_wants: AtomicU8,
    /// sysmon sleeps for good, until a permit stays in use. Set under the lock.
    pub(super) sysmon_waits: AtomicBool,
    /// The last try to start a thread failed: Ms look at the global queue once more before they sleep.
    /// Written under the lock.
    pub(super) no_threads: AtomicBool,
    /// A closure waits for the M that sleeps in the poller, see `blocking.rs`. Set under the lock.
    pub(super) poller_called: AtomicBool,
    pub(super) sysmon_note: Note,
    /// What ends sysmon's deep sleep, where there is such a thing.
    pub(super) alarm: Option<Alarm>,
    /// Go's `gomaxprocs`. Written under the lock.
    nprocs: AtomicU32,
    /// How many there were at first. For metrics, see `worker`.
    first_procs: usize,
    /// Somebody has said how many.
    pub(super) procs_set: AtomicBool,
    pub(crate) stats: Global,
    pub(super) globrunq: Globrunq,
    /// Every shell there ever was, by id; shells are freed with the scheduler.
    shells: AppendVec<AtomicPtr<P>>,
    pub(super) netpoll: Netpoll,
    pub(super) blocking: Blocking,
    pub(super) errands: Errands,
    pub(super) hogs: Hogs,
    /// The all-G shard of threads without a shell, whose owner is who holds this lock.
    foreign: Mutex<Shard>,
    pub(crate) observe: Padded<Observer>,
    pub(crate) config: Config,
    pub(crate) id: u64,
    epoch: Instant,
    #[cfg(feature = "test-util")]
    pub(super) clock: super::testclock::TestClock,
    #[cfg(feature = "deterministic")]
    pub(super) play: Option<super::deterministic::Play>,
}

/// Guarded by `sched.lock`.
pub(super) struct Locked {
    /// Idle permits, each with an empty shell. LIFO: the others stay cold.
    pub(super) pidle: Vec<PPtr>,
    /// Shells without a permit, of nobody.
    pub(super) spare: Vec<PPtr>,
    /// Sleeping Ms without a P. LIFO.
    pub(super) midle: Vec<Arc<M>>,
    /// Threads that have been started and not yet ended.
    pub(super) threads: Vec<Thread>,
    pub(super) sysmon_started: bool,
    pub(super) sysmon: Option<thread::JoinHandle<()>>,
    /// Threads in `block_on` that stand in for sysmon, and whether something was left to them.
    pub(super) stand_ins: usize,
    pub(super) sysmon_owed: bool,
    /// After the close: Ms that have ended.
    pub(super) mexited: usize,
    /// After the close: the last M to end does step 6 of the shutdown.
    pub(super) remainder_left: bool,
    /// Shells that are `Blocked`.
    pub(super) nmarked: usize,
    /// Ms that run blocking closures, or are on the way to.
    pub(super) nblocking: usize,
    /// One of those has been started and has not yet taken its place: the number of that start.
    pub(super) blocking_starting: Option<u64>,
    /// How many of them were started, and so the number of the last start.
    pub(super) blocking_starts: u64,
    /// The M that slept in the poller has left it for a closure, and nobody was there to sleep instead.
    pub(super) poller_left: bool,
    /// current_thread: callers of `block_on` that wait for the P.
    pub(super) drivers: Vec<std::sync::Arc<Root>>,
    /// Wakes who waits for `threads` to become empty.
    pub(super) closer: Option<thread::Thread>,
}

/// A thread of the scheduler's.
pub(super) struct Thread {
    pub(super) m: Arc<M>,
    /// `None` for the moment between the decision to make it and its making.
    pub(super) join: Option<thread::JoinHandle<()>>,
}

/// The address of a shell on a list.
#[derive(Clone, Copy)]
pub(super) struct PPtr(NonNull<P>);

// SAFETY: P is Sync; the address stays valid as long as the scheduler.
unsafe impl Send for PPtr {}

impl PPtr {
    pub(super) fn new(p: &P) -> PPtr {
        PPtr(NonNull::from(p))
    }

    /// The address of a shell that was handed over, if it is not null.
    pub(super) fn from_raw(p: *mut P) -> Option<PPtr> {
        NonNull::new(p).map(PPtr)
    }

    /// The shell, for as long as its scheduler is borrowed.
    pub(super) fn get(self, sched: &Sched) -> &P {
        // SAFETY: shells are freed with their scheduler, which is borrowed.
        let p = unsafe { self.0.as_ref() };
        debug_assert!(std::ptr::eq(p.sched, sched));
        p
    }
}

impl Sched {
    /// A scheduler with `procs` permits and as many shells, all idle. No thread is started.
    #[allow(clippy::new_ret_no_self)] // a scheduler exists behind counted references only
    pub(crate) fn new(procs: usize, config: Config) -> io::Result<SchedRef> {
        let netpoll = Netpoll::with_batch(config.enable_io, config.io_batch)?;
        let epoch = Instant::now();
        let sched = Box::new(Sched {
            refs: Padded(AtomicUsize::new(1)),
            lock: Padded(Mutex::new(Locked {
                pidle: Vec::with_capacity(procs),
                spare: Vec::new(),
                midle: Vec::with_capacity(procs + 1),
                threads: Vec::with_capacity(procs + 1),
                sysmon_started: false,
                sysmon: None,
                stand_ins: 0,
                sysmon_owed: false,
                mexited: 0,
                remainder_left: false,
                nmarked: 0,
                nblocking: 0,
                blocking_starting: None,
                blocking_starts: 0,
                poller_left: false,
                drivers: Vec::new(),
                closer: None,
            })),
            npidle: Padded(AtomicU32::new(0)),
            nmspinning: AtomicU32::new(0),
            needspinning: AtomicBool::new(false),
            poll_until: AtomicU64::new(0),
            sysmon_brisk: AtomicBool::new(false),
            wake_ups: WakeUps::new(),
            timers_ran: AtomicU64::new(0),
            nunattended: AtomicU32::new(0),
            closed: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
            sysmon_wants: AtomicU8::new(if config.sysmon {
                sysmon::START
            } else {
                sysmon::NOTHING
            }),
            sysmon_waits: AtomicBool::new(false),
            no_threads: AtomicBool::new(false),
            poller_called: AtomicBool::new(false),
            sysmon_note: Note::new(),
            alarm: if config.sysmon { Alarm::new() } else { None },
            nprocs: AtomicU32::new(0),
            first_procs: procs,
            procs_set: AtomicBool::new(false),
            stats: Global::new(),
            globrunq: Globrunq::new(),
            shells: AppendVec::new(),
            netpoll,
            blocking: Blocking::new(),
            errands: Errands::new(),
            hogs: Hogs::new(),
            foreign: Mutex::new(Shard::new(FOREIGN_SHARD)),
            #[cfg(feature = "test-util")]
            clock: super::testclock::TestClock::new(epoch, config.start_paused),
            #[cfg(feature = "deterministic")]
            play: config.deterministic.map(super::deterministic::Play::new),
            observe: Padded(Observer::new(&config.observe)),
            config,
            id: next_sched_id(),
            epoch,
        });
        let sched = SchedRef(NonNull::from(Box::leak(sched)));
        sched.procresize(procs);
        if sched.observe_from_start() {
            sched.leave_to_sysmon();
        }
        Ok(sched)
    }

    /// Makes a shell. Under `sched.lock`, which serialises appending.
    pub(super) fn new_shell(&self, _locked: &mut Locked) -> PPtr {
        let id = self.shells.len() as u32;
        let p = Box::into_raw(Box::new(P::new(id, self)));
        self.shells.push(AtomicPtr::new(p));
        PPtr(NonNull::new(p).expect("a box has an address"))
    }

    /// All shells, whatever they are used for.
    pub(crate) fn shells(&self) -> impl Iterator<Item = &P> {
        (0..self.shells.len()).map(|i| self.shell(i))
    }

    pub(super) fn nshells(&self) -> usize {
        self.shells.len()
    }

    pub(super) fn shell(&self, index: usize) -> &P {
        // Relaxed: never changes after it was appended, which `get` acquires.
        let p = self.shells.get(index).expect("a shell's index").load(Relaxed);
        // SAFETY: made by Box::into_raw in `new_shell`, freed by our Drop.
        unsafe { &*p }
    }

    /// A new reference, from a borrowed scheduler.
    pub(super) fn owned_ref(&self) -> SchedRef {
        // SAFETY: the borrowed reference is only cloned, not dropped.
        let borrowed =
            std::mem::ManuallyDrop::new(unsafe { SchedRef::from_raw(NonNull::from(self)) });
        (*borrowed).clone()
    }

    /// The references that the shell of nobody has in stock. Under `sched.lock`.
    pub(super) fn stock_of(&self, p: &P) -> usize {
        // SAFETY: a shell on the idle or the spare list belongs to who holds the lock.
        unsafe { Shell::assume(p) }.drain_sched_refs()
    }

    /// How many Gs run at a time: Go's `gomaxprocs`.
    #[inline]
    pub(crate) fn procs(&self) -> usize {
        // Relaxed: a number; what goes by it exactly reads it under the lock.
        self.nprocs.load(Relaxed) as usize
    }

    /// Under the lock.
    pub(super) fn set_nprocs(&self, _locked: &mut Locked, procs: usize) {
        // Relaxed: as its reader.
        self.nprocs.store(procs as u32, Relaxed);
    }

    /// Has the shutdown begun? (Relaxed: who must not miss it puts a full fence before.)
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    pub(super) fn close(&self) {
        self.closed.store(true, SeqCst);
    }

    /// Does one thread play all Ms (`deterministic/`)?
    #[inline(always)]
    pub(super) fn is_played(&self) -> bool {
        #[cfg(feature = "deterministic")]
        return self.play.is_some();
        #[cfg(not(feature = "deterministic"))]
        false
    }

    /// May Gs that are not `Send` be spawned here?
    pub(crate) fn runs_local_here(&self) -> bool {
        self.config.local_to.is_some_and(|owner| owner == std::thread::current().id())
    }

    /// May this thread drop futures of others' making?
    pub(super) fn may_cancel_here(&self) -> bool {
        self.config.local_to.is_none() || self.runs_local_here()
    }

    pub(crate) fn is_shutdown(&self) -> bool {
        self.is_closed()
    }

    pub(crate) fn netpoll(&self) -> &Netpoll {
        &self.netpoll
    }

    pub(crate) fn time_enabled(&self) -> bool {
        self.config.enable_time
    }

    /// Nanoseconds since the scheduler was made.
    pub(crate) fn now(&self) -> u64 {
        self.instant_to_ns(self.clock_now())
    }

    /// As [`now`](Self::now), but never a clock that stands still.
    pub(super) fn machine_now(&self) -> u64 {
        self.instant_to_ns(Instant::now())
    }

    /// What the clock reads.
    #[cfg(not(feature = "test-util"))]
    #[inline]
    pub(super) fn clock_now(&self) -> Instant {
        Instant::now()
    }

    /// When (ns) a timer with this deadline is due.
    #[cfg(not(feature = "test-util"))]
    #[inline]
    pub(crate) fn timer_at(&self, deadline: Instant) -> u64 {
        self.instant_to_ns(deadline)
    }

    /// The instant of a number of the scheduler's nanoseconds, if a clock can tell it.
    #[cfg(feature = "test-util")]
    pub(super) fn ns_to_instant(&self, ns: u64) -> Option<Instant> {
        self.epoch.checked_add(std::time::Duration::from_nanos(ns))
    }

    /// An instant in the scheduler's nanoseconds: 0 if it lies before its making, `u64::MAX - 1` (five
    /// centuries) at the most.
    pub(crate) fn instant_to_ns(&self, at: Instant) -> u64 {
        let ns = at.saturating_duration_since(self.epoch).as_nanos();
        u64::try_from(ns).unwrap_or(u64::MAX).min(u64::MAX - 1)
    }

    /// Where this thread puts a timer: with its own shell, else with shell 0.
    pub(crate) fn timers(&self) -> &Timers {
        match context::shell_of(self) {
            Some(shell) => &shell.p().timers,
            None => &self.shell(0).timers,
        }
    }

    /// Live Gs, blocking closures not counted; roughly while others run.
    pub(crate) fn live_gs(&self) -> usize {
        let shells = self.shells().map(|p| p.allg.balance()).fold(0, usize::wrapping_add);
        allg::live(shells.wrapping_add(self.foreign.lock().balance()))
    }

    /// Permits that nobody uses.
    pub(crate) fn idle_permits(&self) -> usize {
        // Relaxed: a number for the curious.
        self.npidle.load(Relaxed) as usize
    }

    /// Gs in the global queue.
    pub(crate) fn global_len(&self) -> usize {
        self.globrunq.len()
    }

    /// Threads now: all, those asleep without a P, those that run closures or are on the way to. For
    /// metrics.
    pub(crate) fn threads_now(&self) -> (usize, usize, usize) {
        let locked = self.lock.lock();
        (locked.threads.len(), locked.midle.len(), locked.nblocking)
    }

    /// Ms that search for work. For metrics.
    pub(crate) fn spinning(&self) -> usize {
        // Relaxed: a look.
        self.nmspinning.load(Relaxed) as usize
    }

    /// The shells whose counters are those of a worker; `None` if there is no such worker.
    ///
    /// Work goes where the permits are, and after polls that lasted they may be with any shell. So the shells
    /// are dealt out to the workers that there were at first, and each worker's sums only grow. (Dealt out
    /// anew with every change of `procs`, they would not, and who subtracts would find less than before.)
    pub(crate) fn worker(&self, index: usize) -> Option<impl Iterator<Item = &P>> {
        if index >= self.first_procs.max(self.procs()) {
            return None;
        }
        let first = if index < self.first_procs { index } else { self.nshells() };
        let dealt = (first..self.nshells()).step_by(self.first_procs);
        Some(dealt.map(|i| self.shell(i)))
    }

    /// The number of the P that this thread runs Gs with.
    pub(crate) fn worker_here(&self) -> Option<usize> {
        let shell = context::shell_of(self).filter(|shell| shell.role() != super::p::Role::Root)?;
        let number = shell.allg.number() as usize;
        (number < self.procs()).then_some(number)
    }

    /// Shows every live G to `visit`, with a reference.
    pub(crate) fn walk_allg(&self, mut visit: impl FnMut(GRef)) {
        for p in self.shells() {
            p.allg.walk(&mut visit);
        }
        let mut foreign = Vec::new();
        self.foreign.lock().walk(|g| foreign.push(g));
        foreign.into_iter().for_each(visit);
    }

    /// Lists a G that is spawned by a thread without a shell.
    pub(super) fn list_foreign(&self, g: &G, header: NonNull<Header>) {
        self.stats.foreign_spawns.add(1);
        let shard = self.foreign.lock();
        // SAFETY: the lock makes us the shard's owner; the list's reference was made with the G.
        unsafe { shard.insert(g, header) };
    }

    /// Is it one of ours?
    pub(super) fn owns(&self, g: &G) -> bool {
        std::ptr::eq(g.scheduler(), std::ptr::from_ref(self).cast())
    }

    /// Asks for the memory of a G's slot in the all-G list.
    #[inline]
    pub(super) fn fetch_slot(&self, g: &G) {
        if !prefetch::WORKS {
            return;
        }
        let place = g.place();
        if place.shard != FOREIGN_SHARD {
            self.shell(place.shard as usize).allg.fetch(place);
        }
    }

    fn unlist(&self, header: NonNull<Header>, place: Place) {
        if place.shard == FOREIGN_SHARD {
            let shard = self.foreign.lock();
            // SAFETY: the lock makes us the owner; completion happens once.
            let _none = unsafe { shard.remove(place, header, Some(&shard)) };
            return;
        }
        let shell = context::shell_of(self);
        let shard = &self.shell(place.shard as usize).allg;
        // SAFETY: listed there, and completion happens once; the shell is ours, so its shard is.
        let chain = unsafe { shard.remove(place, header, shell.map(|s| &s.p().allg)) };
        if let Some(chain) = chain {
            self.shell(chain.shard as usize).allg.take_back(chain);
        }
    }
}

impl Drop for Sched {
    fn drop(&mut self) {
        for slot in self.shells.iter() {
            // Relaxed: `&mut self`.
            let p = slot.load(Relaxed);
            // SAFETY: made by Box::into_raw in `new_shell`; no reference to the scheduler is left, so
            // nobody can reach the shell.
            drop(unsafe { Box::from_raw(p) });
        }
    }
}

/// Unique among schedulers and local sets.
pub(super) fn next_sched_id() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    // Relaxed: only the value has to be unique.
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// A counted reference to the scheduler. Cheap on a thread that owns one of its shells: the shell has a
/// stock of references, so neither `clone` nor `drop` touches the shared count there.
pub(crate) struct SchedRef(NonNull<Sched>);

// SAFETY: Sched is Sync (asserted at the end of this file), and the count is atomic.
unsafe impl Send for SchedRef {}
// SAFETY: as above.
unsafe impl Sync for SchedRef {}

impl std::panic::UnwindSafe for SchedRef {}
impl std::panic::RefUnwindSafe for SchedRef {}

impl SchedRef {
    /// # Safety
    ///
    /// The caller owns a reference and gives it away (or forgets the result).
    pub(super) unsafe fn from_raw(sched: NonNull<Sched>) -> SchedRef {
        SchedRef(sched)
    }

    pub(crate) fn as_ptr(&self) -> *const Sched {
        self.0.as_ptr()
    }
}

impl std::ops::Deref for SchedRef {
    type Target = Sched;

    #[inline(always)]
    fn deref(&self) -> &Sched {
        // SAFETY: our reference keeps it alive.
        unsafe { self.0.as_ref() }
    }
}

impl Sched {
    /// Takes back references that a shell had in stock. Never the last ones: the caller holds one.
    pub(super) fn return_refs(&self, n: usize) {
        if n > 0 {
            // Ordering(sched-refs): Release, pairs with the Acquire of who frees.
            let before = self.refs.fetch_sub(n, Release);
            debug_assert!(before > n, "return_refs: the caller's own reference is among them");
        }
    }
}

impl Clone for SchedRef {
    #[inline]
    fn clone(&self) -> Self {
        let sched: &Sched = self;
        // Relaxed: a reference is made from one that is held.
        let refill = |n: usize| {
            if sched.refs.fetch_add(n, Relaxed) > isize::MAX as usize {
                std::process::abort();
            }
        };
        match context::shell_of(sched) {
            Some(shell) => shell.take_sched_ref(refill),
            None => refill(1),
        }
        SchedRef(self.0)
    }
}

impl Drop for SchedRef {
    #[inline]
    fn drop(&mut self) {
        let sched: &Sched = self;
        if let Some(shell) = context::shell_of(sched) {
            shell.put_sched_ref(|n| sched.return_refs(n));
            return;
        }
        // Ordering(sched-refs): AcqRel: our uses come before the freeing, others' uses before ours.
        if sched.refs.fetch_sub(1, AcqRel) == 1 {
            // SAFETY: made by Box::leak in `Sched::new`, and the last reference is gone.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }
}

impl std::fmt::Debug for SchedRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sched").field("id", &self.id).field("procs", &self.procs()).finish()
    }
}

// SAFETY: shells, and the timers in them, are freed with the scheduler, which the reference keeps.
unsafe impl super::timers::TimerHome for SchedRef {
    fn timers(&self) -> &Timers {
        Sched::timers(self)
    }

    fn timer_added(&self, when: u64) {
        Sched::timer_added(self, when);
    }
}

/// Every G holds its scheduler by reference, so that a wake finds it alive.
impl Schedule for SchedRef {
    #[inline]
    unsafe fn ready(this: *const Self, g: G) {
        // SAFETY: valid until `g` is published; the address is copied out before that.
        let sched = unsafe { (*this).0 };
        // SAFETY: alive: either this thread owns one of its shells (and so holds it by other means), or
        // `keep` below does.
        let sched = unsafe { sched.as_ref() };
        if let Some(shell) = context::shell_of(sched) {
            sched.ready(shell, g);
            return;
        }
        // Nothing else may keep the scheduler alive once the G runs and ends elsewhere.
        // SAFETY: `g` is alive.
        let keep = unsafe { GRef::new(NonNull::from(g.header())) };
        sched.inject(g);
        drop(keep);
    }

    fn identity(&self) -> *const () {
        self.as_ptr().cast()
    }

    #[inline]
    fn retire(&self, header: NonNull<Header>, place: Place) -> bool {
        self.unlist(header, place);
        true
    }

    #[cold]
    fn panicked(&self) {
        if self.config.end_on_panic {
            // Relaxed: the driver's own thread stores and looks.
            self.panicked.store(true, Relaxed);
        }
    }

    fn alloc(layout: Layout) -> NonNull<u8> {
        alloc_g(layout)
    }

    fn dealloc(memory: NonNull<u8>, layout: Layout) {
        dealloc_g(memory, layout);
    }
}

/// Memory for a G.
#[inline]
pub(super) fn alloc_g(layout: Layout) -> NonNull<u8> {
    #[cfg(all(test, gmp_loom))]
    return crate::g::models::heap::alloc(layout);
    #[cfg(not(all(test, gmp_loom)))]
    crate::primitives::pool::alloc(layout)
}

/// Gives memory from `alloc_g` back.
#[inline]
pub(super) fn dealloc_g(memory: NonNull<u8>, layout: Layout) {
    #[cfg(all(test, gmp_loom))]
    return crate::g::models::heap::dealloc(memory, layout);
    #[cfg(not(all(test, gmp_loom)))]
    // SAFETY: from `alloc_g` with this layout, by `Schedule`'s contract.
    unsafe {
        crate::primitives::pool::dealloc(memory, layout)
    }
}

const _: () = {
    const fn sync<T: Sync>() {}
    // What `SchedRef` claims.
    sync::<Sched>();
};
