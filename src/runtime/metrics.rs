//! What the scheduler has counted.

use std::fmt;
use std::time::Duration;

use super::Handle;
use crate::scheduler::p::P;

/// Counters of a runtime; from [`Handle::metrics`]. Reading them disturbs nobody, and they may be a
/// moment old.
#[derive(Clone)]
pub struct RuntimeMetrics {
    handle: Handle,
}

impl RuntimeMetrics {
    pub(super) fn new(handle: Handle) -> RuntimeMetrics {
        RuntimeMetrics { handle }
    }

    /// The number of Ps: how many tasks run at a time.
    pub fn num_workers(&self) -> usize {
        self.handle.sched.procs()
    }

    /// Tasks that are spawned and not yet over. Blocking closures do not count.
    pub fn num_alive_tasks(&self) -> usize {
        self.handle.sched.live_gs()
    }

    /// Tasks in the global queue.
    pub fn global_queue_depth(&self) -> usize {
        self.handle.sched.global_len()
    }

    /// How many permits (rights to run tasks) were taken from polls that lasted too long. A permit that is
    /// taken comes back in one of three ways: [`regains`](Self::regains),
    /// [`retirements`](Self::retirements), or with the runtime's end.
    pub fn retakes(&self) -> u64 {
        self.handle.sched.stats.retakes.get()
    }

    /// How many permits were given back at once, because the poll had just ended.
    pub fn undone_marks(&self) -> u64 {
        self.handle.sched.stats.undone_marks.get()
    }

    /// How many threads came back from such a poll and found a free permit.
    pub fn regains(&self) -> u64 {
        self.handle.sched.stats.regains.get()
    }

    /// How many came back, found none, and stepped aside.
    pub fn retirements(&self) -> u64 {
        self.handle.sched.stats.retirements.get()
    }

    /// How many tasks were moved away from behind such polls.
    pub fn drained(&self) -> u64 {
        self.handle.sched.stats.drained.get()
    }

    /// How many Ps were handed over by [`block_in_place`](crate::task::block_in_place).
    pub fn handoffs(&self) -> u64 {
        self.handle.sched.stats.handoffs.get()
    }

    /// Threads that are inside of polls without a permit now.
    pub fn extra_threads(&self) -> usize {
        self.handle.sched.stats.extra_ms_now.get() as usize
    }

    /// The most there ever were.
    pub fn extra_threads_peak(&self) -> usize {
        self.handle.sched.stats.extra_ms_peak.get() as usize
    }

    /// Permits that nobody uses at the moment.
    pub fn idle_permits(&self) -> usize {
        self.handle.sched.idle_permits()
    }

    #[track_caller]
    fn worker(&self, worker: usize) -> &P {
        let workers = self.num_workers();
        assert!(worker < workers, "worker {worker} out of range: there are {workers}");
        self.handle.sched.worker(worker)
    }

    /// How long this P was held by a thread that ran tasks or looked for some, up to its last pause.
    ///
    /// # Panics
    ///
    /// If there is no such P.
    #[track_caller]
    pub fn worker_total_busy_duration(&self, worker: usize) -> Duration {
        Duration::from_nanos(self.worker(worker).stats.busy_ns.get())
    }

    /// How often this P was given up for want of work.
    ///
    /// # Panics
    ///
    /// If there is no such P.
    #[track_caller]
    pub fn worker_park_count(&self, worker: usize) -> u64 {
        self.worker(worker).stats.parks.get()
    }

    /// How often this P was given up or taken up. Odd: it is idle now; a P begins idle.
    ///
    /// # Panics
    ///
    /// If there is no such P.
    #[track_caller]
    pub fn worker_park_unpark_count(&self, worker: usize) -> u64 {
        let stats = &self.worker(worker).stats;
        stats.parks.get() + stats.unparks.get()
    }
}

impl fmt::Debug for RuntimeMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeMetrics")
            .field("num_workers", &self.num_workers())
            .field("num_alive_tasks", &self.num_alive_tasks())
            .finish_non_exhaustive()
    }
}
