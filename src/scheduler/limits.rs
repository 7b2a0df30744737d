//! Every constant of the scheduler, with its unit and its reason. "Go" means the value of Go 1.27's
//! scheduler, which has had ten years of production to settle.

use std::time::Duration;

/// Slots of a local run queue, 8 KiB of addresses. Go and tokio have 256: then half of a thousand Gs that yield
/// go round through the global queue, and from core to core. Measured, 256 to 1024: 63 to 36 ns for a yield
/// of one in a thousand; a tree of a million Gs pays 8 percent. Two in the loom models, so that overflow and
/// wrap-around are near.
#[cfg(not(all(test, gmp_loom)))]
pub(crate) const RUNQ_CAP: usize = 1024;
#[cfg(all(test, gmp_loom))]
pub(crate) const RUNQ_CAP: usize = 2;

/// Gs moved from a full local queue to the global one: half, so that the owner keeps work and room. Go's.
pub(crate) const RUNQ_SPILL: usize = RUNQ_CAP / 2;

const _: () = assert!(RUNQ_CAP.is_power_of_two() && RUNQ_CAP <= (u32::MAX / 2) as usize);

/// Polls between looks at the global queue while there is local work, at most (`fair.rs`); on current_thread
/// half as many, in slices. Prime, so that no program's period resonates with it, and rare enough not to show.
/// Go's and tokio's.
pub(crate) const GLOBRUNQ_TICK: u32 = 61;

/// Nanoseconds between such looks, where that is less. tokio's.
pub(crate) const FAIR_LOOK_NS: u64 = 200_000;

/// Most Gs that one look takes from the global queue: half a ring, so that they fit. Go's.
pub(crate) const GLOBRUNQ_BATCH: usize = RUNQ_CAP / 2;

/// Slots of a segment of the global queue: one page, so that a spill needs about one.
#[cfg(not(all(test, gmp_loom)))]
pub(crate) const GLOBRUNQ_SEGMENT: usize = 512;
#[cfg(all(test, gmp_loom))]
pub(crate) const GLOBRUNQ_SEGMENT: usize = 2;

/// Nanoseconds that a poll takes at most, in the mean, where Gs may be put off: who is put off waits for those
/// before it. A guess.
pub(crate) const SHORT_POLL_NS: u64 = 100_000;

/// Polls after which a G that is put off is late, beyond those that were queued before it. A guess.
pub(crate) const LATE_POLLS: u64 = 8;

/// Slices between looks at the poller while there is local work: an epoll_wait that finds nothing costs
/// a few hundred nanoseconds, a few per slice at this rate. A guess.
pub(crate) const NETPOLL_TICK: u32 = 61;

/// Slices between looks at the clock while this P has timers and local work. A clock read costs about as
/// much as a short poll; at this rate it does not show, and timers wait at most 16 short polls. A guess.
pub(crate) const TIMER_TICK: u32 = 16;

/// Gs run in a row out of runnext before the queue behind gets its turn. It bounds a chain of hand-overs
/// by count, where the time slice bounds it by time (Go's hole, golang/go#52934). Large enough that a
/// ping-pong hardly sees it. A guess.
pub(crate) const RUNNEXT_STREAK: u32 = 61;

/// Rounds over all victims before a search gives up; runnext and timers only in the last. Go's.
pub(crate) const STEAL_ROUNDS: u32 = 4;

/// How many other shells an M looks at before it asks the poller, whether they stand still. Each look is
/// a line that its owner writes all the time; eight of them cost about what the system call does. A guess.
pub(crate) const STUCK_LOOKS: usize = 8;

/// Events taken from the kernel in one go, unless the builder says otherwise. tokio's.
pub(crate) const IO_EVENTS: usize = 1024;

/// Gs that one turn of a `LocalSet` runs before the surrounding task gives way. tokio's.
pub(crate) const LOCAL_TURN: u32 = 61;

/// Gs of a `LocalSet` between two looks at what other threads readied, while there is work of its own
/// thread. tokio's.
pub(crate) const LOCAL_REMOTE_TICK: u32 = 31;

/// References to the scheduler that a P takes or gives back at a time, so that making and freeing a G
/// counts without touching a shared word.
pub(crate) const SCHED_REF_BATCH: usize = 1024;

/// Most Ps: far beyond any machine that exists, small enough that a typing error does not eat the
/// memory. Above it `Builder::build` clamps and `GMP_MAXPROCS` warns.
pub(crate) const MAX_PROCS: usize = 1024;

/// Threads for blocking closures at a time, unless the builder says otherwise. tokio's.
pub(crate) const MAX_BLOCKING: usize = 512;

/// Seconds that an M beyond the number of Ps stays parked before its thread ends. tokio's.
pub(crate) const KEEP_ALIVE_SECS: u64 = 10;

/// What threads are called unless the builder says otherwise. Linux shows 15 bytes of it.
pub(crate) const DEFAULT_THREAD_NAME: &str = "gmp-m";

/// How long one slice lasts before the P is asked to yield. Go's.
pub(crate) const TIME_SLICE: Duration = Duration::from_millis(10);

/// How long a poll that blocks its thread may keep its permit while work waits. Below it a retake, two
/// thread switches, costs more than it gains.
pub(crate) const BLOCKED_AFTER: Duration = Duration::from_millis(1);

/// How long a poll that computes may keep its permit while work waits: the same slice that a poll gets
/// that can be asked to yield.
pub(crate) const COMPUTING_AFTER: Duration = TIME_SLICE;

/// A poll has blocked its thread if the thread used less than this part of the time, one in so many.
pub(crate) const BLOCKED_SHARE: u32 = 8;

/// Most Ms for each P that are inside of polls that lost their permit, unless the builder says otherwise.
pub(crate) const EXTRA_PER_P: usize = 4;

/// Gs that are known for long polls. A program with more of them is not helped by knowing.
pub(crate) const HOGS_KNOWN: usize = 256;

/// How long one of them stands in line before it is taken for any other G: what it waits for may be a poll
/// that never ends.
pub(crate) const HOG_PATIENCE: Duration = Duration::from_millis(500);

/// How long it is known that a G's polls last, without another that does.
pub(crate) const HOG_MEMORY: Duration = Duration::from_secs(10);

/// Most threads of a runtime, unless the builder says otherwise. Go's.
pub(crate) const MAX_THREADS: usize = 10_000;

/// sysmon's shortest sleep as a rule: below it, its own wake-ups would show in a profile.
pub(crate) const SYSMON_MIN: Duration = Duration::from_millis(1);

/// sysmon's sleep between two looks at a thread's CPU clock, to tell whether it stands still.
pub(crate) const SYSMON_SUSPECT: Duration = Duration::from_micros(250);

/// sysmon's longest sleep while Ps are busy: so long may a poll go on before sysmon first sees it.
pub(crate) const SYSMON_BUSY: Duration = Duration::from_millis(5);

/// sysmon's longest sleep while events come so often to an otherwise idle scheduler that an alarm for each would
/// cost more. Go's is 10 ms; but each wake-up costs tens of microseconds on some machines, and sysmon is to stay
/// in the region of a thousandth of a core.
pub(crate) const SYSMON_MAX: Duration = Duration::from_millis(60);

/// How often sysmon looks whether affinity or the cgroup's quota have changed. Go's.
pub(crate) const LIMIT_INTERVAL: Duration = Duration::from_secs(1);

/// Rounds without an event before sysmon sleeps twice as long.
pub(crate) const SYSMON_SLOW_ROUNDS: u32 = 5;

/// How long a thread in `block_on` sleeps in sysmon's place before sysmon gets a thread.
pub(crate) const SYSMON_STAND_IN: Duration = Duration::from_millis(1);

/// How long no P must have polled anything before sysmon sleeps for good, if all permits are idle and there is
/// no alarm: long enough that a 10 ms interval does not wake it each time. And how long it counts how often they
/// are idle.
pub(crate) const SYSMON_QUIET: Duration = Duration::from_millis(100);

/// How often a second sysmon's alarm may be set: that many times two short system calls cost about what its own
/// rounds do, at their slowest.
pub(crate) const ALARM_RATE: u64 = 300;

/// The alarm is counted in so many at a time.
pub(crate) const ALARM_BATCH: u32 = 64;

/// How long the poller may go unpolled. Go's.
pub(crate) const SYSMON_NETPOLL_STALE: Duration = Duration::from_millis(10);

/// The longest that an M spins before it gives its P up, and that a thread in `block_on` spins before it
/// sleeps. About what a wake-up across cores costs: to spin longer than that is never cheaper.
pub(crate) const SPIN_MAX_NS: u64 = 20_000;

/// How many spins that found something a thread remembers; one that did not takes two away.
pub(crate) const SPIN_CREDIT: u32 = 8;

/// After this many sleeps without a spin, one spin is tried again: traffic changes.
pub(crate) const SPIN_PROBE: u32 = 64;

/// Nanoseconds between two wake-ups of the poller for timers, when they come thick and fast: a wake-up
/// costs up to ten microseconds, so that far apart it takes two percent of a core at the worst. Half of what
/// tokio's clock resolves. Nothing holds up a timer before which none has fired for so long. 100,000 sleeps took
/// 14 % less CPU each than with half of it; with twice as much it would be another 10 %.
pub(crate) const TIMER_COALESCE: u64 = 500_000;

/// How long (ns) a batch of timers may take and be run by one M, see `batch.rs`.
pub(crate) const TIMERS_ALONE: u64 = TIMER_COALESCE / 2;

/// Bits of a tick of 16 us that one level of the timer wheel resolves: level 0 spans 4 ms, level 1 a second, level
/// 2 five minutes. Each level that a timer moves down is memory fetched, where there are many of them: 100,000
/// sleeps of up to half a second took 9 % more CPU with 6 bits, where one of 100 ms begins on level 2.
pub(crate) const TIMER_SLOT_BITS: u32 = 8;

/// Gs of a batch between two looks at the clock, see `batch.rs`. A guess.
pub(crate) const BATCH_CLOCK: u32 = 4;

/// The longest (ns) that a wake-up is taken to last.
pub(crate) const WAKEUP_MAX_NS: u64 = 500_000;

/// An M runs a batch of events alone that it expects to take less than so many wake-ups: 2 ms at the most.
pub(crate) const WAKEUPS_WORTH: u64 = 4;

/// For how long (ns) it is believed that wake-ups take long. Then one is tried again, which does not show so
/// seldom; and so soon it is noticed that the machine's CPUs are free.
pub(crate) const WAKEUP_MEMORY: u64 = 250_000_000;
