//! The current scheduler, for as long as there is none: timers and a clock.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::Arc;
use std::time::Instant;

use super::timers::{TimerHome, Timers};

#[derive(Debug, Clone)]
pub(crate) struct SchedRef(Arc<Sched>);

#[derive(Debug)]
pub(crate) struct Sched {
    epoch: Instant,
    timers: Timers,
    pub(crate) time: AtomicBool,
}

thread_local! {
    static CURRENT: RefCell<Option<SchedRef>> = const { RefCell::new(None) };
}

#[track_caller]
pub(crate) fn current_or_panic() -> SchedRef {
    match CURRENT.with_borrow(Clone::clone) {
        Some(sched) => sched,
        None => panic!(
            "there is no reactor running, must be called from the context of a Tokio 1.x runtime"
        ),
    }
}

pub(crate) fn enter(sched: Option<&SchedRef>) {
    CURRENT.set(sched.cloned());
}

impl SchedRef {
    pub(crate) fn new(time: bool) -> SchedRef {
        let sched =
            Sched { epoch: Instant::now(), timers: Timers::new(), time: AtomicBool::new(time) };
        SchedRef(Arc::new(sched))
    }
    pub(crate) fn time_enabled(&self) -> bool {
        self.0.time.load(SeqCst)
    }
    pub(crate) fn now(&self) -> u64 {
        self.instant_to_ns(Instant::now())
    }
    pub(crate) fn instant_to_ns(&self, at: Instant) -> u64 {
        let ns = at.saturating_duration_since(self.0.epoch).as_nanos();
        u64::try_from(ns).unwrap_or(u64::MAX)
    }
    pub(crate) fn timers(&self) -> &Timers {
        &self.0.timers
    }
    pub(crate) fn timer_added(&self, _when: u64) {}
}

// SAFETY: the `Arc` keeps the one `Timers` there is.
unsafe impl TimerHome for SchedRef {
    fn timers(&self) -> &Timers {
        SchedRef::timers(self)
    }
    fn timer_added(&self, when: u64) {
        SchedRef::timer_added(self, when);
    }
}
