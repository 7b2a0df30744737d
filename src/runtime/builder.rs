//! Options of a runtime.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::{Handle, LocalOptions, LocalRuntime, Runtime};
use crate::scheduler::config::{Config, Flavor, Hook, Retake};
use crate::scheduler::limits::{
    DEFAULT_THREAD_NAME, GLOBRUNQ_TICK, KEEP_ALIVE_SECS, MAX_BLOCKING, MAX_PROCS, MAX_THREADS,
    NETPOLL_TICK, SPIN_MAX_NS,
};
use crate::scheduler::netpoll::Batch;
use crate::scheduler::observe::debug::Debug;
use crate::scheduler::observe::longpoll::LongPoll;
use crate::scheduler::observe::ObserveConfig;
use crate::scheduler::procs;
use crate::scheduler::sched::Sched;
use crate::scheduler::start::first_thread;

/// Configures a [`Runtime`].
///
/// Setters change the builder in place; [`build`](Self::build) may be called more than once and makes a
/// fresh runtime each time. I/O and timers are off until [`enable_all`](Self::enable_all) or their own
/// setters turn them on.
///
/// # Examples
///
/// ```
/// let runtime = gmp::runtime::Builder::new_multi_thread()
///     .worker_threads(2)
///     .thread_name("my-pool")
///     .enable_all()
///     .build()
///     .unwrap();
/// assert_eq!(runtime.block_on(async { 1 + 1 }), 2);
/// ```
pub struct Builder {
    flavor: Flavor,
    procs: Option<usize>,
    name: Option<String>,
    max_blocking: usize,
    keep_alive: Duration,
    thread_name: Arc<dyn Fn() -> String + Send + Sync + 'static>,
    stack_size: Option<usize>,
    globrunq_tick: Option<u32>,
    netpoll_tick: u32,
    retake: Retake,
    max_threads: usize,
    #[cfg(feature = "test-util")]
    start_paused: bool,
    #[cfg(feature = "deterministic")]
    deterministic: Option<u64>,
    unhandled_panic: UnhandledPanic,
    io_batch: Batch,
    enable_io: bool,
    enable_time: bool,
    observe: ObserveConfig,
    on_thread_start: Option<Hook>,
    on_thread_stop: Option<Hook>,
    on_thread_park: Option<Hook>,
    on_thread_unpark: Option<Hook>,
}

impl Builder {
    fn new(flavor: Flavor) -> Builder {
        Builder {
            flavor,
            procs: None,
            name: None,
            max_blocking: MAX_BLOCKING,
            keep_alive: Duration::from_secs(KEEP_ALIVE_SECS),
            thread_name: Arc::new(|| DEFAULT_THREAD_NAME.to_owned()),
            stack_size: None,
            globrunq_tick: None,
            netpoll_tick: NETPOLL_TICK,
            retake: Retake::default(),
            max_threads: MAX_THREADS,
            #[cfg(feature = "test-util")]
            start_paused: false,
            #[cfg(feature = "deterministic")]
            deterministic: None,
            unhandled_panic: UnhandledPanic::Ignore,
            io_batch: Batch::default(),
            enable_io: false,
            enable_time: false,
            observe: ObserveConfig::default(),
            on_thread_start: None,
            on_thread_stop: None,
            on_thread_park: None,
            on_thread_unpark: None,
        }
    }

    /// A runtime without threads of its own (blocking closures aside): tasks run on the thread that is
    /// in [`Runtime::block_on`], and only while it is.
    pub fn new_current_thread() -> Builder {
        Builder::new(Flavor::CurrentThread)
    }

    /// A runtime that runs tasks on threads of its own, as many at a time as it has Ps.
    #[cfg(feature = "rt-multi-thread")]
    pub fn new_multi_thread() -> Builder {
        Builder::new(Flavor::MultiThread)
    }

    /// Turns on I/O and timers, as far as their features are compiled in.
    ///
    /// ```
    /// let runtime = gmp::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// runtime.block_on(async { gmp::time::sleep(std::time::Duration::from_millis(1)).await });
    /// ```
    pub fn enable_all(&mut self) -> &mut Self {
        self.enable_io();
        self.enable_time = true;
        self
    }

    /// Turns on I/O: sockets, pipes, signals. Without it, making one of them panics. Does nothing in a
    /// build without a feature that needs it.
    pub fn enable_io(&mut self) -> &mut Self {
        self.enable_io = true;
        self
    }

    /// Turns on timers. Without it, making a `Sleep` panics.
    #[cfg(feature = "time")]
    pub fn enable_time(&mut self) -> &mut Self {
        self.enable_time = true;
        self
    }

    /// Starts the runtime with its clock stopped, as by [`time::pause`](crate::time::pause). For tests.
    ///
    /// Only current_thread runtimes can do that: [`build`](Self::build) panics for others.
    ///
    /// ```
    /// use gmp::time::{sleep, Duration, Instant};
    ///
    /// let runtime = gmp::runtime::Builder::new_current_thread()
    ///     .enable_time()
    ///     .start_paused(true)
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async {
    ///     let start = Instant::now();
    ///     sleep(Duration::from_secs(3600)).await; // takes no time
    ///     assert_eq!(start.elapsed(), Duration::from_secs(3600));
    /// });
    /// ```
    #[cfg(feature = "test-util")]
    pub fn start_paused(&mut self, start_paused: bool) -> &mut Self {
        self.start_paused = start_paused;
        self
    }

    /// One thread, the one in [`block_on`](Runtime::block_on), plays all threads of the runtime, with a
    /// clock of its own, and makes every choice as the seed says. For tests; see
    /// [`runtime::deterministic`](super::deterministic). gmp's own.
    ///
    /// Without [`worker_threads`](Self::worker_threads) the seed also says how many Ps there are, 1 to 8.
    /// multi_thread only: [`build`](Self::build) answers an error for current_thread.
    ///
    /// ```
    /// use gmp::time::{sleep, Duration, Instant};
    ///
    /// let runtime = gmp::runtime::Builder::new_multi_thread()
    ///     .worker_threads(64)
    ///     .enable_time()
    ///     .deterministic(1)
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async {
    ///     let start = Instant::now();
    ///     let tasks: Vec<_> =
    ///         (0..100).map(|i| gmp::spawn(sleep(Duration::from_secs(i)))).collect();
    ///     for task in tasks {
    ///         task.await.unwrap();
    ///     }
    ///     assert_eq!(start.elapsed(), Duration::from_secs(99)); // of its own time
    /// });
    /// ```
    #[cfg(feature = "deterministic")]
    pub fn deterministic(&mut self, seed: u64) -> &mut Self {
        self.deterministic = Some(seed);
        self
    }

    /// The number of Ps: how many tasks run at a time. At most 1024; more is cut to that.
    ///
    /// The default is `GMP_MAXPROCS` if that is set to a number from 1 to 1024; else the CPUs that the
    /// process may use by its affinity, and no more than its cgroup quota pays for (rounded up, at least
    /// 2), looked up the whole way to the root of the hierarchy, v1 or v2; and then it follows both as they
    /// change. [`Handle::set_max_procs`] changes it while the runtime runs. current_thread ignores it.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn worker_threads(&mut self, val: usize) -> &mut Self {
        assert!(val > 0, "Worker threads cannot be set to 0");
        self.procs = Some(val);
        self
    }

    /// How many blocking closures run at a time, 512 by default; others wait for their turn. The threads
    /// come out of the same pool that runs tasks, on top of those that tasks need.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn max_blocking_threads(&mut self, val: usize) -> &mut Self {
        assert!(val > 0, "Max blocking threads cannot be set to 0");
        self.max_blocking = val;
        self
    }

    /// What the runtime's threads are called, `gmp-m` by default. Replaces
    /// [`thread_name_fn`](Self::thread_name_fn).
    pub fn thread_name(&mut self, val: impl Into<String>) -> &mut Self {
        let name = val.into();
        self.thread_name = Arc::new(move || name.clone());
        self
    }

    /// A function that names each thread when it is started. Replaces
    /// [`thread_name`](Self::thread_name).
    pub fn thread_name_fn<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        self.thread_name = Arc::new(f);
        self
    }

    /// A name for the runtime itself, for [`Handle::name`].
    ///
    /// # Panics
    ///
    /// If it is empty.
    #[track_caller]
    pub fn name(&mut self, val: impl Into<String>) -> &mut Self {
        let name = val.into();
        assert!(!name.trim().is_empty(), "runtime name shouldn't be empty");
        self.name = Some(name);
        self
    }

    /// The stack of the runtime's threads, in bytes. By default std's (2 MiB, or `RUST_MIN_STACK`).
    pub fn thread_stack_size(&mut self, val: usize) -> &mut Self {
        self.stack_size = Some(val);
        self
    }

    /// Called on each thread of the runtime before it does anything. Never on a thread that merely calls
    /// [`Runtime::block_on`]. A panic in it is reported by the panic hook and otherwise ignored; the same
    /// holds for the other hooks.
    pub fn on_thread_start<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.on_thread_start = Some(Arc::new(f));
        self
    }

    /// Called on each thread of the runtime as the last thing before it ends.
    pub fn on_thread_stop<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.on_thread_stop = Some(Arc::new(f));
        self
    }

    /// Called on a thread that runs tasks (on current_thread: the one in `block_on`) just before it goes
    /// to sleep. A task that it spawns prevents the sleep.
    pub fn on_thread_park<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.on_thread_park = Some(Arc::new(f));
        self
    }

    /// Called on such a thread just after it woke up.
    pub fn on_thread_unpark<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.on_thread_unpark = Some(Arc::new(f));
        self
    }

    /// How long a thread beyond the number of Ps stays without work before it ends, 10 s by default.
    pub fn thread_keep_alive(&mut self, duration: Duration) -> &mut Self {
        self.keep_alive = duration;
        self
    }

    /// How many polls pass between two looks at the global queue while there is local work. By default 61, Go's
    /// number, or fewer where polls are long, so that it is no longer than about 200 µs from one look to the
    /// next; on current_thread 31. A number that is given is kept.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn global_queue_interval(&mut self, val: u32) -> &mut Self {
        assert!(val > 0, "global_queue_interval must be greater than 0");
        self.globrunq_tick = Some(val);
        self
    }

    /// How many time slices pass between two looks at the poller while there is local work, 61 by
    /// default.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn event_interval(&mut self, val: u32) -> &mut Self {
        assert!(val > 0, "event_interval must be greater than 0");
        self.netpoll_tick = val;
        self
    }

    /// Whether a poll that lasts loses its right to run while work waits: on by default, and the reason
    /// for which gmp exists.
    ///
    /// A poll that *blocks its thread* (a synchronous read, a lock, `std::thread::sleep`) is found out by the
    /// thread's CPU clock, after [`blocked_threshold`](Self::blocked_threshold); one that *computes* after
    /// [`computing_threshold`](Self::computing_threshold). Another thread then goes on with the tasks that
    /// wait, the timers and the I/O. When the poll ends, its thread takes a free P, or makes room. Nothing
    /// is done while nothing waits.
    ///
    /// Off, tasks behind such a poll are still taken over while a P is idle, but not once every P is inside
    /// of one. multi_thread only: current_thread has no second thread.
    pub fn retake(&mut self, on: bool) -> &mut Self {
        self.retake.on = on;
        self
    }

    /// How long a task may go on before its leaf futures (sockets, channels, timers) ask it to yield,
    /// 10 ms by default, Go's number. A task that goes on waking others in turn counts as one with them.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[track_caller]
    pub fn time_slice(&mut self, val: Duration) -> &mut Self {
        assert!(!val.is_zero(), "time_slice must be greater than 0");
        self.retake.time_slice = val;
        self
    }

    /// How long a poll that blocks its thread may keep its P while work waits, 1 ms by default. It is looked
    /// at once a millisecond at the most, so less is no faster. See [`retake`](Self::retake).
    pub fn blocked_threshold(&mut self, val: Duration) -> &mut Self {
        self.retake.blocked_after = val;
        self
    }

    /// How long a poll that computes may keep its P while work waits, 10 ms by default. See
    /// [`retake`](Self::retake).
    pub fn computing_threshold(&mut self, val: Duration) -> &mut Self {
        self.retake.computing_after = val;
        self
    }

    /// How many threads at most are inside of polls that have lost their P, four for each P by default.
    /// Beyond it such polls keep theirs. See [`retake`](Self::retake).
    pub fn max_extra_threads(&mut self, val: usize) -> &mut Self {
        self.retake.max_extra = Some(val);
        self
    }

    /// How many threads the runtime has at most, all kinds taken together: those that run tasks, those
    /// inside of long polls, those that run blocking closures. 10,000 by default, Go's number. What finds
    /// no thread waits for one of those that there are.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn max_threads(&mut self, val: usize) -> &mut Self {
        assert!(val > 0, "max_threads must be greater than 0");
        self.max_threads = val;
        self
    }

    /// How many events one look at the poller takes from the system, 1024 by default. The others come with
    /// the next look.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn max_io_events_per_tick(&mut self, capacity: usize) -> &mut Self {
        assert!(capacity > 0, "max_io_events_per_tick must be non-zero");
        self.io_batch.events = capacity;
        self
    }

    /// As [`max_io_events_per_tick`](Self::max_io_events_per_tick), for looks that do not sleep because
    /// there are tasks to run. By default the same number.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[track_caller]
    pub fn max_io_events_per_busy_tick(&mut self, capacity: usize) -> &mut Self {
        assert!(capacity > 0, "max_io_events_per_busy_tick must be non-zero");
        self.io_batch.busy_events = Some(capacity);
        self
    }

    /// What a panic of a task means for the runtime; by default nothing, the
    /// [`JoinHandle`](crate::task::JoinHandle) answers it. In tokio this is there under `tokio_unstable`.
    ///
    /// # Panics
    ///
    /// If a multi_thread runtime is to shut down.
    ///
    /// ```should_panic
    /// use gmp::runtime::{Builder, UnhandledPanic};
    ///
    /// let runtime = Builder::new_current_thread()
    ///     .unhandled_panic(UnhandledPanic::ShutdownRuntime)
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async {
    ///     gmp::spawn(async { panic!("a bug") });
    ///     std::future::pending::<()>().await; // `block_on` panics
    /// });
    /// ```
    #[track_caller]
    pub fn unhandled_panic(&mut self, behavior: UnhandledPanic) -> &mut Self {
        if self.flavor == Flavor::MultiThread && matches!(behavior, UnhandledPanic::ShutdownRuntime)
        {
            panic!("UnhandledPanic::ShutdownRuntime is only supported in current thread runtime");
        }
        self.unhandled_panic = behavior;
        self
    }

    /// Times every poll of a task, for
    /// [`RuntimeMetrics::poll_time_histogram_bucket_count`](super::RuntimeMetrics::poll_time_histogram_bucket_count).
    /// Off by default: it takes two looks at the clock per poll.
    ///
    /// ```
    /// let runtime = gmp::runtime::Builder::new_current_thread()
    ///     .enable_metrics_poll_time_histogram()
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async { gmp::spawn(async {}).await.unwrap() });
    /// let metrics = runtime.metrics();
    /// let polls: u64 = (0..metrics.poll_time_histogram_num_buckets())
    ///     .map(|bucket| metrics.poll_time_histogram_bucket_count(0, bucket))
    ///     .sum();
    /// assert_eq!(polls, 1);
    /// ```
    pub fn enable_metrics_poll_time_histogram(&mut self) -> &mut Self {
        self.observe.poll_times = true;
        self
    }

    /// Measures how long tasks stand in queues before they are polled, for
    /// [`RuntimeMetrics::schedule_latency_histogram_bucket_count`](super::RuntimeMetrics::schedule_latency_histogram_bucket_count).
    /// Off by default: it takes three looks at the clock and three locks that are hardly ever contended
    /// for each poll. Every poll is measured, none is sampled.
    pub fn enable_metrics_schedule_latency_histogram(&mut self) -> &mut Self {
        self.observe.latencies = true;
        self
    }

    /// Keeps for each task its age, how often it was polled, and its longest poll, for
    /// [`Handle::dump`]. Off by default; it costs what
    /// [`enable_metrics_schedule_latency_histogram`](Self::enable_metrics_schedule_latency_histogram)
    /// does. gmp's own; `GMPDEBUG=tasks=1` turns it on from outside.
    pub fn enable_task_statistics(&mut self) -> &mut Self {
        self.observe.tasks = true;
        self
    }

    /// Calls `f` after each poll of a task that took `threshold` or longer, on the thread that polled. A
    /// poll during which [`task::block_in_place`](crate::task::block_in_place) gave the worker away does
    /// not count: it held nobody up. A panic in `f` is reported by the panic hook and otherwise ignored.
    /// While it is set, two looks at the clock are taken per poll. The last one set is called. gmp's own;
    /// `GMPDEBUG=longpoll=ms` prints such polls, also while they go on.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// let long = Arc::new(AtomicU64::new(0));
    /// let counter = long.clone();
    /// let runtime = gmp::runtime::Builder::new_current_thread()
    ///     .on_long_poll(Duration::from_millis(10), move |poll| {
    ///         eprintln!("{poll}");
    ///         counter.fetch_add(1, Ordering::Relaxed);
    ///     })
    ///     .build()
    ///     .unwrap();
    /// runtime.block_on(async {
    ///     gmp::spawn(async { std::thread::sleep(Duration::from_millis(20)) }).await.unwrap();
    /// });
    /// assert_eq!(long.load(Ordering::Relaxed), 1);
    /// ```
    pub fn on_long_poll<F>(&mut self, threshold: Duration, f: F) -> &mut Self
    where
        F: Fn(&LongPoll) + Send + Sync + 'static,
    {
        self.observe.on_long_poll = Some((threshold, Arc::new(f)));
        self
    }

    /// Makes the runtime. A multi_thread one starts its first thread here, the others when there is work for
    /// them; if those cannot be had, work goes on with the threads there are.
    ///
    /// # Errors
    ///
    /// What the system says when the poller cannot be made (no file descriptors left, mostly), or not a
    /// single thread.
    ///
    /// # Panics
    ///
    /// If the clock of a multi_thread runtime is to start stopped.
    #[track_caller]
    pub fn build(&mut self) -> io::Result<Runtime> {
        self.build_sched(None).map(Runtime::from_handle)
    }

    /// Makes a runtime of this thread, whose tasks need not be `Send`.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    ///
    /// # Panics
    ///
    /// If this is a builder of a multi_thread runtime.
    ///
    /// ```
    /// use gmp::runtime::{Builder, LocalOptions};
    ///
    /// let runtime = Builder::new_current_thread().build_local(LocalOptions::default()).unwrap();
    /// let name = std::rc::Rc::new("not Send");
    /// let task = runtime.spawn_local(async move { name.len() });
    /// assert_eq!(runtime.block_on(task).unwrap(), 8);
    /// ```
    #[track_caller]
    pub fn build_local(&mut self, _options: LocalOptions) -> io::Result<LocalRuntime> {
        if self.flavor == Flavor::MultiThread {
            panic!("multi_thread is not supported for LocalRuntime");
        }
        let here = std::thread::current().id();
        self.build_sched(Some(here)).map(Runtime::from_handle).map(LocalRuntime::new_from)
    }

    #[track_caller]
    fn build_sched(&self, local_to: Option<std::thread::ThreadId>) -> io::Result<Handle> {
        #[cfg(feature = "test-util")]
        if self.start_paused && self.flavor == Flavor::MultiThread && !self.played() {
            panic!("{}", crate::scheduler::testclock::Refused::OtherFlavor);
        }
        let by_hand = match self.flavor {
            Flavor::CurrentThread => Some(1),
            #[cfg(feature = "deterministic")]
            Flavor::MultiThread if self.played() => self.procs.or(self.deterministic.map(procs_of)),
            Flavor::MultiThread => self.procs.or_else(procs::env_procs),
        };
        #[cfg(feature = "deterministic")]
        if self.played() && self.flavor == Flavor::CurrentThread {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "deterministic: current_thread has no choices to make; use new_multi_thread",
            ));
        }
        let procs = by_hand.unwrap_or_else(procs::default_procs).clamp(1, MAX_PROCS);
        // tokio's: a current_thread runtime has nobody else to look at its global queue.
        let globrunq_tick = self.globrunq_tick.unwrap_or(match self.flavor {
            Flavor::CurrentThread => 31,
            Flavor::MultiThread => GLOBRUNQ_TICK,
        });
        let config = Config {
            flavor: self.flavor,
            name: self.name.clone(),
            max_blocking: self.max_blocking,
            keep_alive: self.keep_alive,
            thread_name: self.thread_name.clone(),
            stack_size: self.stack_size,
            globrunq_tick,
            globrunq_tunes: self.globrunq_tick.is_none(),
            netpoll_tick: self.netpoll_tick,
            // current_thread has no M that could stand in for the driver.
            sysmon: self.flavor == Flavor::MultiThread && !self.played(),
            retake: self.retake.clone(),
            max_threads: self.max_threads,
            follow_limit: by_hand.is_none(),
            spin_ns: if self.played() { 0 } else { SPIN_MAX_NS },
            local_to,
            #[cfg(feature = "test-util")]
            start_paused: self.start_paused || self.played(),
            #[cfg(feature = "deterministic")]
            deterministic: self.deterministic,
            end_on_panic: matches!(self.unhandled_panic, UnhandledPanic::ShutdownRuntime),
            io_batch: self.io_batch,
            enable_io: self.enable_io,
            enable_time: self.enable_time,
            observe: ObserveConfig { debug: Debug::from_env(), ..self.observe.clone() },
            on_thread_start: self.on_thread_start.clone(),
            on_thread_stop: self.on_thread_stop.clone(),
            on_thread_park: self.on_thread_park.clone(),
            on_thread_unpark: self.on_thread_unpark.clone(),
        };
        let thread = match config.flavor {
            Flavor::MultiThread if !self.played() => Some(first_thread(&config)?),
            _ => None,
        };
        let handle = Handle::new(Sched::new(procs, config)?);
        if let Some(thread) = thread {
            handle.sched.first_m(thread);
        }
        Ok(handle)
    }

    fn played(&self) -> bool {
        #[cfg(feature = "deterministic")]
        return self.deterministic.is_some();
        #[cfg(not(feature = "deterministic"))]
        false
    }
}

/// How many Ps a seed stands for, where the program does not say.
#[cfg(feature = "deterministic")]
fn procs_of(seed: u64) -> usize {
    1 + crate::primitives::rand::Rand::new(!seed).below(8) as usize
}

/// What a panic of a task means for its runtime; for [`Builder::unhandled_panic`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnhandledPanic {
    /// Nothing: whoever joins the task sees it.
    #[default]
    Ignore,
    /// The runtime ends: all tasks are dropped, and `block_on` panics.
    ShutdownRuntime,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("flavor", &self.flavor)
            .field("name", &self.name)
            .field("worker_threads", &self.procs)
            .field("max_blocking_threads", &self.max_blocking)
            .field("thread_stack_size", &self.stack_size)
            .field("thread_keep_alive", &self.keep_alive)
            .field("retake", &self.retake)
            .field("max_threads", &self.max_threads)
            .field("io", &self.enable_io)
            .field("time", &self.enable_time)
            .finish_non_exhaustive()
    }
}
