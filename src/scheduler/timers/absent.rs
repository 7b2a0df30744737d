//! What stands for the scheduler in a build without the feature `rt`: there is none, so nothing that
//! needs one can be made, and all of this is never run.

use std::time::Instant;

use super::{TimerHome, Timers};

/// Nobody has one.
#[derive(Debug)]
pub(crate) struct SchedRef(Never);

#[derive(Debug, Clone, Copy)]
enum Never {}

/// Panics: there is no runtime to be in.
#[track_caller]
pub(crate) fn current_or_panic() -> SchedRef {
    panic!("there is no reactor running, must be called from the context of a Tokio 1.x runtime")
}

impl SchedRef {
    pub(crate) fn time_enabled(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn instant_to_ns(&self, _at: Instant) -> u64 {
        match self.0 {}
    }
}

// SAFETY: there is no value whose timers could go away.
unsafe impl TimerHome for SchedRef {
    fn timers(&self) -> &Timers {
        match self.0 {}
    }

    fn timer_added(&self, _when: u64) {
        match self.0 {}
    }
}
