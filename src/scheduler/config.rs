//! What the builder decided, as the scheduler needs it.

use std::sync::Arc;
use std::time::Duration;

use super::watch::WatchConfig;

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
    pub(crate) netpoll_tick: u32,
    /// Is there a sysmon?
    pub(crate) sysmon: bool,
    /// The longest spin before a sleep, in nanoseconds; 0: none.
    pub(crate) spin_ns: u64,
    pub(crate) enable_io: bool,
    pub(crate) enable_time: bool,
    /// What is watched from the beginning.
    pub(crate) watch: WatchConfig,
    pub(crate) on_thread_start: Option<Hook>,
    pub(crate) on_thread_stop: Option<Hook>,
    pub(crate) on_thread_park: Option<Hook>,
    pub(crate) on_thread_unpark: Option<Hook>,
}
