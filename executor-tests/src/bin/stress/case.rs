//! One run of one program.

use std::sync::Arc;
use std::time::Duration;

use gmp::runtime::{Builder, Runtime};

use super::rand::Rand;
use super::tally::Tally;
use super::watchdog;

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) procs: usize,
    pub(crate) seed: u64,
    pub(crate) tally: Arc<Tally>,
}

impl Case {
    pub(crate) fn new(name: &'static str, procs: usize, seed: u64) -> Case {
        Case { name, procs, seed, tally: Arc::default() }
    }

    pub(crate) fn rand(&self) -> Rand {
        Rand::new(self.seed)
    }

    /// `full` in a plain optimised build, less where each step costs more.
    pub(crate) fn scale(&self, full: usize) -> usize {
        let part = if cfg!(gmp_tsan) {
            50
        } else if cfg!(any(debug_assertions, gmp_asan)) {
            10
        } else {
            1
        };
        (full / part).max(1)
    }

    /// A runtime with everything on.
    pub(crate) fn runtime(&self) -> Runtime {
        // A single P: both flavours in turn.
        if self.procs == 1 && self.seed % 2 == 1 {
            return self.build(&mut Builder::new_current_thread());
        }
        self.build(Builder::new_multi_thread().worker_threads(self.procs))
    }

    /// A multi_thread runtime, whatever the seed.
    pub(crate) fn threaded(&self) -> Runtime {
        self.build(Builder::new_multi_thread().worker_threads(self.procs))
    }

    pub(crate) fn build(&self, builder: &mut Builder) -> Runtime {
        let runtime = builder
            .thread_name("stress-m")
            .thread_keep_alive(Duration::from_millis(50))
            .enable_all()
            .build()
            .expect("a runtime");
        watchdog::add(runtime.handle());
        runtime
    }
}
