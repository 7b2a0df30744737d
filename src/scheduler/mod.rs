//! Layer 3: the scheduler. Go's GMP, for futures.
//!
//! **Concepts.** A *G* is a spawned future (`g/`). An *M* is an OS thread (`m.rs`). A *P* is two things
//! (`p.rs`): a *shell*, the local queue, timers and counters that one thread owns at a time, and a
//! *permit*, the right to be one of the `procs` Ms that run Gs. An M needs both to run Gs; it sleeps,
//! polls the network and runs blocking closures with neither. *Sched* (`sched.rs`) is what they share.
//!
//! **Two stories.** Work arrives: `ready.rs`. Work is done: `proc.rs`. Everything else is a detail that
//! these two name.
//!
//! # Parking
//!
//! The problem: queues are spread over the Ps, so nothing cheap says "there is work", and a thread that
//! sleeps may be needed a microsecond later. Go's answer, which this is: at most one wake-up under way at a
//! time, and who finds work passes the duty on.
//!
//! *Submitter* (`wakep`): 1. publish the G in a queue; 2. full fence; 3. if `nmspinning` is 0 and a permit
//! is idle, wake an M as a searcher.
//!
//! *Searcher* (`give_up`, `search_without_p`): 1. put the permit on the idle list, then leave `nmspinning`;
//! 2. full fence; 3. look at every queue again; if there is work, take a permit and search on.
//!
//! Either the submitter sees the searcher gone and the permit idle, and wakes somebody, or the searcher's
//! second look sees the G: the two fences exclude that both miss. A searcher that leaves because it found
//! work does the same looks, and wakes somebody if there is more (`resetspinning`). An M that did not search looks only at what nobody
//! owns (the global queue, the shells of `block_on` callers): local work of others has an owner that will
//! run it. The third race (a submitter that finds no permit while an M without a search is about to put
//! one back) is closed by `needspinning`, set and read under `sched.lock`. Who is put off (`probes.rs`) is in no
//! queue that these looks see: its owner has something to run and does not go idle.
//!
//! Rejected, with Go: one central queue (it does not scale), a wake-up for every G (most find nothing).
//! Rejected, against Go: a wake-up for a lone runnext, see `ready`.
//!
//! # The poller and the timers
//!
//! One idle M at most sleeps in the poller, without a P, until the earliest timer of all shells. It
//! publishes its deadline, fences, and looks at the timers again; who adds a timer publishes it, fences,
//! and looks at that deadline (`timer_added`). An M that would sleep elsewhere does so only after it saw a
//! sleeper in the poller: so it never happens that all Ms sleep and nobody polls.
//!
//! # Lock order
//!
//! `sched.lock` before nothing: no other lock is taken under it but, where queues are drained, that of the
//! global queue and under that the one of who is put off, which are leaves; and none of these is held when it is
//! taken: the timers' locks, the poller's table, the shard lock of foreign spawners. No foreign code runs
//! under any of them.

// `Runq::len` counts the ring, `Runq::is_empty` runnext too.
#![allow(clippy::len_zero)]

mod batch;
pub(crate) mod blocking;
pub(crate) mod config;
pub(crate) mod context;
#[cfg(feature = "deterministic")]
pub(crate) mod deterministic;
mod doze;
pub(crate) mod driver;
mod errands;
mod fair;
pub(crate) mod globrunq;
pub(crate) mod handoff;
mod hogs;
pub(crate) mod limits;
pub(crate) mod local;
pub(crate) mod m;
#[cfg(all(test, gmp_loom, feature = "time"))]
mod models;
pub(crate) mod netpoll;
pub(crate) mod observe;
pub(crate) mod p;
mod probes;
pub(crate) mod proc;
pub(crate) mod procresize;
pub(crate) mod procs;
pub(crate) mod ready;
pub(crate) mod retake;
pub(crate) mod root;
pub(crate) mod runq;
pub(crate) mod sched;
pub(crate) mod shutdown;
pub(crate) mod spin;
pub(crate) mod start;
pub(crate) mod stats;
pub(crate) mod steal;
pub(crate) mod sysmon;
#[cfg(feature = "test-util")]
pub(crate) mod testclock;
#[cfg(all(test, not(gmp_loom)))]
pub(crate) mod testing;
#[cfg(all(test, not(gmp_loom), feature = "full"))]
mod tests;
pub(crate) mod timers;
mod wakeups;
mod watch;
