//! A scheduler that runs nothing by itself, for the unit tests of services: they poll futures by hand, and
//! check the timers and the poller by hand.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::config::{Config, Flavor, Retake};
use super::limits::MAX_THREADS;
use super::sched::{Sched, SchedRef};

/// A current_thread scheduler that nobody drives.
pub(crate) fn undriven(enable_io: bool, enable_time: bool) -> io::Result<SchedRef> {
    let config = Config {
        flavor: Flavor::CurrentThread,
        name: None,
        max_blocking: 4,
        keep_alive: Duration::from_secs(1),
        thread_name: Arc::new(|| "test-m".to_owned()),
        stack_size: None,
        globrunq_tick: 31,
        globrunq_tunes: false,
        netpoll_tick: 61,
        sysmon: false,
        retake: Retake::default(),
        max_threads: MAX_THREADS,
        follow_limit: false,
        spin_ns: 0,
        local_to: None,
        #[cfg(feature = "test-util")]
        start_paused: false,
        #[cfg(feature = "deterministic")]
        deterministic: None,
        end_on_panic: false,
        io_batch: Default::default(),
        enable_io,
        enable_time,
        observe: Default::default(),
        on_thread_start: None,
        on_thread_stop: None,
        on_thread_park: None,
        on_thread_unpark: None,
    };
    Sched::new(1, config)
}
