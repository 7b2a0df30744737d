//! What the builder decided, as the scheduler needs it.

use std::sync::Arc;
use std::time::Duration;

use super::limits::{BLOCKED_AFTER, COMPUTING_AFTER, TIME_SLICE};
use super::netpoll::Batch;
use super::observe::ObserveConfig;

/// A hook of the builder.
pub(crate) type Hook = Arc<dyn Fn() + Send + Sync + 'static>;

/// Who runs the Gs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavor {
    /// Whoever is in `block_on`: one P, one M.
    CurrentThread,
    /// Ms of the scheduler's own.
    MultiThread,
}

/// When a poll that lasts loses its permit; see `watch.rs`.
#[derive(Clone, Debug)]
pub(crate) struct Retake {
    /// Does it at all?
    pub(crate) on: bool,
    /// How long a slice lasts before the P is asked to yield.
    pub(crate) time_slice: Duration,
    /// How long a poll that waits for something may keep its permit while work waits.
    pub(crate) blocked_after: Duration,
    /// How long a poll that computes may keep its permit while work waits.
    pub(crate) computing_after: Duration,
    /// Most Ms inside of polls that lost their permit; `None`: four for each P.
    pub(crate) max_extra: Option<usize>,
}

impl Default for Retake {
    fn default() -> Retake {
        Retake {
            on: true,
            time_slice: TIME_SLICE,
            blocked_after: BLOCKED_AFTER,
            computing_after: COMPUTING_AFTER,
            max_extra: None,
        }
    }
}

/// Fixed for the scheduler's life.
#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) flavor: Flavor,
    pub(crate) name: Option<String>,
    pub(crate) max_blocking: usize,
    pub(crate) keep_alive: Duration,
    pub(crate) thread_name: Arc<dyn Fn() -> String + Send + Sync + 'static>,
    pub(crate) stack_size: Option<usize>,
    pub(crate) globrunq_tick: u32,
    /// Nobody asked for that interval: it may be shorter where polls are long.
    pub(crate) globrunq_tunes: bool,
    pub(crate) netpoll_tick: u32,
    /// Is there a sysmon?
    pub(crate) sysmon: bool,
    pub(crate) retake: Retake,
    /// Most Ms of all kinds.
    pub(crate) max_threads: usize,
    /// Does the number of Ps follow the machine? Not if somebody has set it.
    pub(crate) follow_limit: bool,
    /// The longest spin before a sleep, in nanoseconds; 0: none.
    pub(crate) spin_ns: u64,
    /// The only thread that may run and drop Gs, some of which are not `Send`.
    pub(crate) local_to: Option<std::thread::ThreadId>,
    /// The clock stands from the start.
    #[cfg(feature = "test-util")]
    pub(crate) start_paused: bool,
    /// multi_thread: the thread in `block_on` plays all Ms, as this seed says.
    #[cfg(feature = "deterministic")]
    pub(crate) deterministic: Option<u64>,
    /// current_thread: a G that panics ends the scheduler.
    pub(crate) end_on_panic: bool,
    pub(crate) io_batch: Batch,
    pub(crate) enable_io: bool,
    pub(crate) enable_time: bool,
    /// What is watched from the beginning.
    pub(crate) observe: ObserveConfig,
    pub(crate) on_thread_start: Option<Hook>,
    pub(crate) on_thread_stop: Option<Hook>,
    pub(crate) on_thread_park: Option<Hook>,
    pub(crate) on_thread_unpark: Option<Hook>,
}
