//! The executors that the suite is run on here: gmp in all its shapes, tokio and smol.

use std::future::Future;
use std::sync::Arc;

use gmp::executor::DynExecutor;
use gmp::runtime::{Builder, Handle, Runtime};

use crate::kit::{Exception, Harness};

/// gmp with this many Ps.
#[derive(Debug)]
pub struct Gmp<const PROCS: usize>(Runtime);

impl<const PROCS: usize> Harness for Gmp<PROCS> {
    type Executor = Handle;

    fn start() -> Self {
        let mut builder = Builder::new_multi_thread();
        Gmp(builder.worker_threads(PROCS).enable_all().build().expect("a runtime"))
    }

    fn executor(&self) -> Handle {
        self.0.handle().clone()
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn workers() -> usize {
        PROCS
    }
}

/// gmp on the caller's thread.
#[derive(Debug)]
pub struct GmpCurrentThread(Runtime);

impl Harness for GmpCurrentThread {
    type Executor = Handle;

    fn start() -> Self {
        let mut builder = Builder::new_current_thread();
        GmpCurrentThread(builder.enable_all().build().expect("a runtime"))
    }

    fn executor(&self) -> Handle {
        self.0.handle().clone()
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn workers() -> usize {
        1
    }
}

/// gmp behind `dyn DynExecutor`.
#[derive(Debug)]
pub struct GmpDyn(Runtime);

impl Harness for GmpDyn {
    type Executor = Arc<dyn DynExecutor>;

    fn start() -> Self {
        let mut builder = Builder::new_multi_thread();
        GmpDyn(builder.worker_threads(2).enable_all().build().expect("a runtime"))
    }

    fn executor(&self) -> Self::Executor {
        Arc::new(self.0.handle().clone())
    }

    fn workers() -> usize {
        2
    }
}

/// tokio with this many workers; none stands for its `current_thread` flavour.
#[cfg(feature = "tokio")]
#[derive(Debug)]
pub struct Tokio<const WORKERS: usize>(::tokio::runtime::Runtime);

#[cfg(feature = "tokio")]
impl<const WORKERS: usize> Harness for Tokio<WORKERS> {
    type Executor = crate::tokio::TokioExecutor;

    fn start() -> Self {
        let runtime = match WORKERS {
            0 => ::tokio::runtime::Builder::new_current_thread().enable_all().build(),
            _ => {
                let mut builder = ::tokio::runtime::Builder::new_multi_thread();
                builder.worker_threads(WORKERS).enable_all().build()
            }
        };
        Tokio(runtime.expect("a runtime"))
    }

    fn executor(&self) -> Self::Executor {
        crate::tokio::TokioExecutor::new(self.0.handle().clone())
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn workers() -> usize {
        WORKERS.max(1)
    }

    fn exceptions() -> &'static [Exception] {
        const OF_MANY: &[Exception] = &[Exception {
            case: "fairness::q_runnext_stranded",
            reason: "the slot for the task that was woken last cannot be stolen from",
        }];
        if WORKERS > 1 {
            OF_MANY
        } else {
            &[]
        }
    }
}

/// smol with this many threads.
#[cfg(feature = "smol")]
#[derive(Debug)]
pub struct Smol<const THREADS: usize>(crate::smol::SmolRuntime);

#[cfg(feature = "smol")]
impl<const THREADS: usize> Harness for Smol<THREADS> {
    type Executor = crate::smol::SmolExecutor;

    fn start() -> Self {
        Smol(crate::smol::SmolRuntime::new(THREADS))
    }

    fn executor(&self) -> Self::Executor {
        self.0.executor()
    }

    fn workers() -> usize {
        THREADS
    }

    fn exceptions() -> &'static [Exception] {
        const DROP: &str =
            "a panic in the drop of a future leaves its task, and nobody waits any more";
        const ABORTS: &str =
            "a panic in a drop or a waker that async-task calls aborts the process";
        &[
            Exception { case: "panics::p_future_drop", reason: DROP },
            Exception { case: "panics::p_future_drop_at_its_end", reason: DROP },
            Exception { case: "panics::p_output_drop", reason: ABORTS },
            Exception { case: "panics::p_payload_drop", reason: ABORTS },
            Exception { case: "panics::p_wake", reason: ABORTS },
            Exception { case: "panics::at_stop", reason: ABORTS },
        ]
    }
}
