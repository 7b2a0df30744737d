//! References to a runtime.

use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::panic::Location;

use super::{RuntimeMetrics, TryCurrentError};
use crate::g::join::JoinHandle;
use crate::scheduler::config::Flavor;
use crate::scheduler::context::{self, Entered};
use crate::scheduler::limits::MAX_PROCS;
use crate::scheduler::observe::dump::Dump;
use crate::scheduler::observe::trace::{Trace, TraceConfig};
use crate::scheduler::ready::newproc;
use crate::scheduler::sched::SchedRef;
use crate::scheduler::{blocking, driver, root};

/// Refers to a runtime: spawns on it, enters it, counts it. Cheap to clone.
///
/// A handle keeps neither tasks nor threads alive. It may outlive its runtime: spawning then gives a
/// [`JoinHandle`] that says "cancelled".
#[derive(Clone)]
pub struct Handle {
    pub(crate) sched: SchedRef,
}

/// Keeps a runtime current on this thread; from [`Handle::enter`].
///
/// # Panics
///
/// Guards must be dropped in the reverse order of their making; dropping one out of order panics.
#[derive(Debug)]
#[must_use = "the runtime stops being the current one when the guard is dropped"]
pub struct EnterGuard<'a> {
    _entered: Entered,
    _handle: PhantomData<&'a Handle>,
}

impl Handle {
    pub(crate) fn new(sched: SchedRef) -> Handle {
        Handle { sched }
    }

    /// Makes the runtime the current one on this thread: `spawn`, timers and sockets find it. The thread
    /// does not begin to run tasks, and may still block.
    ///
    /// ```
    /// let runtime = gmp::runtime::Runtime::new().unwrap();
    /// let _guard = runtime.enter();
    /// gmp::spawn(async { println!("from a plain function") });
    /// ```
    pub fn enter(&self) -> EnterGuard<'_> {
        EnterGuard { _entered: context::enter(&self.sched), _handle: PhantomData }
    }

    /// The runtime that this thread is in: inside of a task, of `block_on`, of a blocking closure, or
    /// under an [`EnterGuard`].
    ///
    /// # Panics
    ///
    /// Outside of a runtime; [`try_current`](Self::try_current) does not.
    #[track_caller]
    pub fn current() -> Self {
        Handle { sched: context::current_or_panic() }
    }

    /// The runtime that this thread is in, if any. Never panics.
    ///
    /// # Errors
    ///
    /// Outside of a runtime.
    pub fn try_current() -> Result<Self, TryCurrentError> {
        context::current().map(Handle::new)
    }

    /// Spawns a task from any thread.
    ///
    /// It is never polled here. After the runtime's end the future is dropped and the handle says
    /// "cancelled".
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        newproc(&self.sched, future, Location::caller())
    }

    /// Runs a closure that may block on a thread that no task needs; see
    /// [`task::spawn_blocking`](crate::task::spawn_blocking).
    #[track_caller]
    pub fn spawn_blocking<F, R>(&self, func: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        blocking::spawn_blocking(&self.sched, func, Location::caller())
    }

    /// Runs a future to its end on this thread, inside of the runtime. On a current_thread runtime it
    /// runs nothing else: tasks, timers and I/O go on only while some thread is in
    /// [`Runtime::block_on`](super::Runtime::block_on).
    ///
    /// # Panics
    ///
    /// Inside of a task or of another `block_on`; and with the future's own panic.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self.sched.config.flavor {
            Flavor::CurrentThread => driver::block_on_undriven(&self.sched, future),
            Flavor::MultiThread => root::block_on(&self.sched, future),
        }
    }

    /// Which kind of runtime it is.
    pub fn runtime_flavor(&self) -> RuntimeFlavor {
        match self.sched.config.flavor {
            Flavor::CurrentThread => RuntimeFlavor::CurrentThread,
            Flavor::MultiThread => RuntimeFlavor::MultiThread,
        }
    }

    /// The runtime's id.
    pub fn id(&self) -> Id {
        Id(NonZeroU64::new(self.sched.id).expect("ids start at one"))
    }

    /// What [`Builder::name`](super::Builder::name) was given.
    pub fn name(&self) -> Option<&str> {
        self.sched.config.name.as_deref()
    }

    /// How many tasks run at a time: the number of Ps. 1 on current_thread.
    pub fn max_procs(&self) -> usize {
        self.sched.procs()
    }

    /// Changes the number of Ps while the runtime runs, and answers how many there were: Go's
    /// `GOMAXPROCS(n)`, but nothing stops for it. More are there at once. Fewer come about as polls end: a
    /// task that is being polled finishes its poll. From now on the number no longer follows the CPU
    /// affinity and the cgroup's quota.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) if `procs` is not from 1 to 1024,
    /// [`Unsupported`](io::ErrorKind::Unsupported) on a current_thread runtime, which has one P by nature.
    /// Nothing is changed then, nor after the runtime was shut down.
    ///
    /// ```
    /// let runtime = gmp::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    /// assert_eq!(runtime.handle().set_max_procs(4).unwrap(), 2);
    /// assert_eq!(runtime.handle().max_procs(), 4);
    /// assert!(runtime.handle().set_max_procs(0).is_err());
    /// ```
    pub fn set_max_procs(&self, procs: usize) -> io::Result<usize> {
        if self.sched.config.flavor == Flavor::CurrentThread {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("a current_thread runtime has one P, so {procs} cannot be set"),
            ));
        }
        if !(1..=MAX_PROCS).contains(&procs) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("the number of Ps must be from 1 to {MAX_PROCS}, not {procs}"),
            ));
        }
        Ok(self.sched.set_max_procs(procs))
    }

    /// What the scheduler has counted.
    pub fn metrics(&self) -> RuntimeMetrics {
        RuntimeMetrics::new(self.clone())
    }

    /// A picture of every live task: state, spawn site, and what it waits for, if that is a timer or I/O;
    /// with task statistics ([`Builder::enable_task_statistics`](super::Builder::enable_task_statistics))
    /// also age and polls. It stops nobody, and works from any thread and after the runtime's end.
    ///
    /// Its cost grows with the number of tasks, timers and sources; locks are held for one list of timers
    /// or one source at a time. Unlike tokio's (unstable) method of this name it is not async, and has no
    /// backtraces.
    ///
    /// ```
    /// let runtime = gmp::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// runtime.block_on(async {
    ///     gmp::spawn(gmp::time::sleep(std::time::Duration::from_secs(60)));
    ///     gmp::task::yield_now().await;
    ///     println!("{}", gmp::runtime::Handle::current().dump());
    /// });
    /// ```
    pub fn dump(&self) -> Dump {
        Dump::of(&self.sched)
    }

    /// Begins to note what the scheduler does: polls, steals, parks and the like, with the latest events
    /// of each thread kept. gmp's own. `GMPDEBUG=trace=file` does it from outside, from the beginning to the
    /// end of the runtime.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` while another trace runs; `InvalidInput` for a number of events out of range.
    ///
    /// ```
    /// use gmp::runtime::TraceConfig;
    ///
    /// let runtime = gmp::runtime::Builder::new_current_thread().build().unwrap();
    /// runtime.handle().start_trace(TraceConfig::new()).unwrap();
    /// runtime.block_on(async { gmp::spawn(async {}).await.unwrap() });
    /// let trace = runtime.handle().stop_trace().unwrap();
    /// assert!(trace.to_json().contains("\"ph\":\"X\""));
    /// ```
    pub fn start_trace(&self, config: TraceConfig) -> std::io::Result<()> {
        self.sched.start_trace(&config)
    }

    /// Ends the trace and answers what it has; `None` if none runs. A trace from the environment is
    /// written to its file as well.
    pub fn stop_trace(&self) -> Option<Trace> {
        self.sched.stop_trace()
    }

    /// The scheduler in a line, as `GMPDEBUG=schedtrace` prints it; with `detail` in many: each P, thread
    /// and task. gmp's own, for a watchdog of the program's own. The format may change.
    ///
    /// ```
    /// let runtime = gmp::runtime::Builder::new_current_thread().build().unwrap();
    /// assert!(runtime.handle().schedtrace(false).starts_with("SCHED "));
    /// ```
    pub fn schedtrace(&self, detail: bool) -> String {
        self.sched.schedtrace(detail)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("id", &self.id())
            .field("flavor", &self.runtime_flavor())
            .field("name", &self.name())
            .finish()
    }
}

/// Names a runtime. Unique in the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id(NonZeroU64);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The kinds of runtime.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuntimeFlavor {
    /// Tasks run on the thread that is in `block_on`.
    CurrentThread,
    /// Tasks run on threads of the runtime.
    MultiThread,
}
