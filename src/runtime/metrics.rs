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
        self.handle.sched.procs as usize
    }

    /// Tasks that are spawned and not yet over. Blocking closures do not count.
    pub fn num_alive_tasks(&self) -> usize {
        self.handle.sched.live_gs()
    }

    /// Tasks in the global queue.
    pub fn global_queue_depth(&self) -> usize {
        self.handle.sched.global_len()
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
