//! What the scheduler has counted.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use super::Handle;
use crate::scheduler::observe::histogram::{range, BUCKETS};
use crate::scheduler::p::P;
use crate::scheduler::stats::Global;

/// Counters of a runtime; from [`Handle::metrics`]. Reading them disturbs nobody (counts of threads take a
/// lock for a moment), and they may be a moment old.
///
/// Where polls last, or block in place, other queues come in for theirs. Their counts are dealt out to the
/// workers that the runtime had at first, so that the sum over all workers is whole, and none of them ever
/// becomes less. A worker that came later ([`Handle::set_max_procs`]) shows zeros.
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

    /// How many polls were made without a permit from the start, because the task's polls last time and
    /// again.
    pub fn polls_set_aside(&self) -> u64 {
        self.handle.sched.stats.set_aside.get()
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

    /// A worker's sum: over the shells that are counted for it.
    #[track_caller]
    fn worker(&self, worker: usize, of: impl Fn(&P) -> u64) -> u64 {
        match self.handle.sched.worker(worker) {
            Some(shells) => shells.map(of).fold(0, u64::wrapping_add),
            None => {
                panic!("worker {worker} out of range: there are {}", self.num_workers())
            }
        }
    }

    /// How long this P was held by a thread that ran tasks or looked for some, up to its last pause.
    ///
    /// # Panics
    ///
    /// If there is no such P.
    #[track_caller]
    pub fn worker_total_busy_duration(&self, worker: usize) -> Duration {
        Duration::from_nanos(self.worker(worker, |p| p.stats.busy_ns.get()))
    }

    /// How often this P was given up for want of work.
    ///
    /// # Panics
    ///
    /// If there is no such P.
    #[track_caller]
    pub fn worker_park_count(&self, worker: usize) -> u64 {
        self.worker(worker, |p| p.stats.parks.get())
    }

    /// How often this P was given up or taken up. Odd: it is idle now, as long as no permit was taken from a
    /// poll ([`retakes`](Self::retakes)); a P begins idle.
    ///
    /// # Panics
    ///
    /// If there is no such P.
    #[track_caller]
    pub fn worker_park_unpark_count(&self, worker: usize) -> u64 {
        self.worker(worker, |p| p.stats.parks.get() + p.stats.unparks.get())
    }

    /// How often a task was polled on this P.
    ///
    /// # Panics
    ///
    /// If there is no such P.
    #[track_caller]
    pub fn worker_poll_count(&self, worker: usize) -> u64 {
        self.worker(worker, |p| p.stats.polls.get())
    }

    /// How many tasks this P took out of others' queues.
    ///
    /// # Panics
    ///
    /// If there is no such P.
    #[track_caller]
    pub fn worker_steal_count(&self, worker: usize) -> u64 {
        self.worker(worker, |p| p.stats.stolen.get())
    }

    /// How often this P took tasks out of another's queue, several at a time mostly.
    ///
    /// # Panics
    ///
    /// If there is no such P.
    #[track_caller]
    pub fn worker_steal_operations(&self, worker: usize) -> u64 {
        self.worker(worker, |p| p.stats.steals.get())
    }

    /// How often this P's queue was full, so that half of it went to the global queue.
    ///
    /// # Panics
    ///
    /// If there is no such P.
    #[track_caller]
    pub fn worker_overflow_count(&self, worker: usize) -> u64 {
        self.worker(worker, |p| p.stats.overflows.get())
    }

    /// Tasks in this P's queue now, the one that would run next included.
    ///
    /// # Panics
    ///
    /// If there is no such P.
    #[track_caller]
    pub fn worker_local_queue_depth(&self, worker: usize) -> usize {
        self.worker(worker, |p| {
            (p.runq.len() + usize::from(p.runq.has_next()) + p.probes.len()) as u64
        }) as usize
    }

    /// The mean of all polls on this P; zero unless poll times are measured
    /// ([`Builder::enable_metrics_poll_time_histogram`](super::Builder::enable_metrics_poll_time_histogram)).
    ///
    /// # Panics
    ///
    /// If there is no such P.
    #[track_caller]
    pub fn worker_mean_poll_time(&self, worker: usize) -> Duration {
        let sum = self.worker(worker, |p| p.observe.poll_times.sum_ns());
        let count = self.worker(worker, |p| p.observe.poll_times.count());
        Duration::from_nanos(sum.checked_div(count).unwrap_or(0))
    }
}

/// Histograms: buckets that double, from 128 ns to 2.1 s.
impl RuntimeMetrics {
    /// Are poll times measured?
    pub fn poll_time_histogram_enabled(&self) -> bool {
        self.handle.sched.observe.poll_times_on()
    }

    /// How many buckets there are; 0 if poll times are not measured.
    pub fn poll_time_histogram_num_buckets(&self) -> usize {
        if self.poll_time_histogram_enabled() {
            BUCKETS
        } else {
            0
        }
    }

    /// Which poll times a bucket is for. The last one has no end.
    ///
    /// # Panics
    ///
    /// If there is no such bucket.
    #[track_caller]
    pub fn poll_time_histogram_bucket_range(&self, bucket: usize) -> Range<Duration> {
        range(checked(bucket, self.poll_time_histogram_num_buckets()))
    }

    /// How many polls on this P took so long. Polls that gave their P away (`block_in_place`) are not in
    /// it.
    ///
    /// # Panics
    ///
    /// If there is no such P or bucket.
    #[track_caller]
    pub fn poll_time_histogram_bucket_count(&self, worker: usize, bucket: usize) -> u64 {
        let bucket = checked(bucket, self.poll_time_histogram_num_buckets());
        self.worker(worker, |p| p.observe.poll_times.get(bucket))
    }

    /// Is it measured how long tasks stand in queues?
    pub fn schedule_latency_histogram_enabled(&self) -> bool {
        self.handle.sched.observe.latencies_on()
    }

    /// How many buckets there are; 0 if latencies are not measured.
    pub fn schedule_latency_histogram_num_buckets(&self) -> usize {
        if self.schedule_latency_histogram_enabled() {
            BUCKETS
        } else {
            0
        }
    }

    /// Which latencies a bucket is for. The last one has no end.
    ///
    /// # Panics
    ///
    /// If there is no such bucket.
    #[track_caller]
    pub fn schedule_latency_histogram_bucket_range(&self, bucket: usize) -> Range<Duration> {
        range(checked(bucket, self.schedule_latency_histogram_num_buckets()))
    }

    /// How many tasks stood in queues for so long before they were polled on this P.
    ///
    /// # Panics
    ///
    /// If there is no such P or bucket.
    #[track_caller]
    pub fn schedule_latency_histogram_bucket_count(&self, worker: usize, bucket: usize) -> u64 {
        let bucket = checked(bucket, self.schedule_latency_histogram_num_buckets());
        self.worker(worker, |p| p.observe.latencies.get(bucket))
    }
}

/// The runtime as a whole.
impl RuntimeMetrics {
    fn sum(&self, of: impl Fn(&P) -> u64) -> u64 {
        self.handle.sched.shells().map(of).fold(0, u64::wrapping_add)
    }

    /// Tasks that were ever spawned.
    pub fn spawned_tasks_count(&self) -> u64 {
        self.sum(|p| p.stats.spawns.get()) + self.handle.sched.stats.foreign_spawns.get()
    }

    /// How often a task was put into the global queue: woken or spawned by a thread that runs none, or yielding
    /// with its time slice over.
    pub fn remote_schedule_count(&self) -> u64 {
        self.handle.sched.stats.injects.get()
    }

    /// How often a task had to yield because its budget or its time slice was used up.
    pub fn budget_forced_yield_count(&self) -> u64 {
        self.sum(|p| p.preempt.forced())
    }

    /// Threads that run blocking closures, or might at once: there is one pool of threads, so those that are
    /// asleep without a P are counted here.
    pub fn num_blocking_threads(&self) -> usize {
        let (_, idle, blocking) = self.handle.sched.threads_now();
        idle + blocking
    }

    /// Threads that are asleep without a P: what comes first, a blocking closure or a task, wakes one.
    pub fn num_idle_blocking_threads(&self) -> usize {
        self.handle.sched.threads_now().1
    }

    /// Blocking closures that wait for a thread.
    pub fn blocking_queue_depth(&self) -> usize {
        self.handle.sched.blocking_queued()
    }

    /// I/O sources that were ever registered.
    pub fn io_driver_fd_registered_count(&self) -> u64 {
        self.handle.sched.netpoll().registered()
    }

    /// I/O sources that were deregistered.
    pub fn io_driver_fd_deregistered_count(&self) -> u64 {
        let netpoll = self.handle.sched.netpoll();
        netpoll.registered().saturating_sub(netpoll.sources() as u64)
    }

    /// Events of I/O sources that the system has reported.
    pub fn io_driver_ready_count(&self) -> u64 {
        self.handle.sched.netpoll().events()
    }
}

/// gmp's own: tokio has none of these.
impl RuntimeMetrics {
    fn shared(&self) -> &Global {
        &self.handle.sched.stats
    }

    /// Threads of the runtime, sysmon not counted.
    pub fn num_threads(&self) -> usize {
        self.handle.sched.threads_now().0
    }

    /// Threads that have a P and nothing to run, and search for work.
    pub fn num_spinning_threads(&self) -> usize {
        self.handle.sched.spinning()
    }

    /// How often the system was asked for I/O events, or slept in.
    pub fn netpoll_count(&self) -> u64 {
        self.handle.sched.netpoll().polls()
    }

    /// Polls that took as long as a threshold that was set
    /// ([`Builder::on_long_poll`](super::Builder::on_long_poll), `GMPDEBUG=longpoll=ms`).
    pub fn long_poll_count(&self) -> u64 {
        self.shared().long_polls.get()
    }

    /// The longest poll that was timed; zero if none was. Polls are timed while anything is watched that needs
    /// it: histograms, statistics, long polls, a trace.
    pub fn longest_poll(&self) -> Duration {
        Duration::from_nanos(self.shared().longest_poll.get())
    }
}

#[track_caller]
fn checked(bucket: usize, buckets: usize) -> usize {
    assert!(bucket < buckets, "bucket {bucket} out of range: there are {buckets}");
    bucket
}

impl fmt::Debug for RuntimeMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeMetrics")
            .field("num_workers", &self.num_workers())
            .field("num_alive_tasks", &self.num_alive_tasks())
            .finish_non_exhaustive()
    }
}
