//! Polls that last too long: which task, how long, how often.
//!
//! A poll is judged when it ends, on the M that ran it; sysmon also reports one that goes on, once, since
//! it may never end. What blocks is found by the spawn site, so that is what is counted, and at most one
//! line a second is written about a site; what was left out is counted in the next line.
//!
//! `GMPDEBUG=longpoll=ms` writes lines, `Builder::on_long_poll` calls a function; each has its own
//! threshold. The function runs outside of any lock, and a panic in it stays there.

use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::super::p::P;
use super::super::stats::Global;
use super::ObserveConfig;
use crate::g::id::Id;
use crate::primitives::foreign;

/// Between two lines about one site.
const LINE_EVERY_NS: u64 = 1_000_000_000;

/// Sites that are remembered. There are as many as the program has calls of `spawn`, unless it generates
/// code; beyond that, sites are counted together.
const MAX_SITES: usize = 4096;

/// A function that wants to know.
pub(crate) type LongPollHook = Arc<dyn Fn(&LongPoll) + Send + Sync + 'static>;

/// A poll that lasted too long; for the function given to
/// [`Builder::on_long_poll`](crate::runtime::Builder::on_long_poll).
#[derive(Clone, Debug)]
pub struct LongPoll {
    task: Id,
    spawned_at: &'static Location<'static>,
    duration: Duration,
    count: u64,
}

impl LongPoll {
    /// The task that was polled.
    pub fn task(&self) -> Id {
        self.task
    }

    /// Where the task was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    /// How long the poll took.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// How many long polls of tasks from this spawn site there were, this one included.
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl fmt::Display for LongPoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LongPoll { task, spawned_at, duration, count } = self;
        write!(f, "a poll of task {task}, spawned at {spawned_at}, took {duration:.1?} (number {count} of this spawn site)")
    }
}

#[derive(Default)]
struct Site {
    count: u64,
    /// When (ns) a line was written last; 0: never.
    said: u64,
    /// Lines left out since.
    left_out: u64,
}

/// See the module's text.
pub(super) struct LongPolls {
    /// In nanoseconds, as all thresholds here.
    print_from: Option<u64>,
    hook: Option<(u64, LongPollHook)>,
    sites: Mutex<HashMap<(&'static str, u32, u32), Site>>,
}

impl LongPolls {
    pub(super) fn new(config: &ObserveConfig) -> LongPolls {
        let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        LongPolls {
            print_from: config.debug.longpoll.map(ns),
            hook: config.on_long_poll.clone().map(|(from, hook)| (ns(from), hook)),
            sites: Mutex::new(HashMap::new()),
        }
    }

    /// A poll has ended after `ns`.
    pub(super) fn finished(
        &self,
        global: &Global,
        now: u64,
        task: Id,
        spawned_at: &'static Location<'static>,
        ns: u64,
    ) {
        let print = self.print_from.is_some_and(|from| ns >= from);
        let hook = self.hook.as_ref().filter(|(from, _)| ns >= *from);
        if !print && hook.is_none() {
            return;
        }
        global.long_polls.add(1);
        let (count, left_out) = self.enter(spawned_at, now, true, print);
        let poll = LongPoll { task, spawned_at, duration: Duration::from_nanos(ns), count };
        if let Some(left_out) = left_out {
            super::say(&format!("gmp: {poll}{}", more(left_out)));
        }
        if let Some((_, hook)) = hook {
            foreign::call(|| hook(&poll));
        }
    }

    /// Reports the poll that goes on in `p`, once. sysmon only.
    pub(super) fn going_on(&self, p: &P, now: u64) {
        let Some(from) = self.print_from else { return };
        let Some(polling) = p.polling() else { return };
        let ns = now.saturating_sub(polling.since);
        // Relaxed (both): sysmon's own.
        if ns < from || p.observe.reported.load(Relaxed) == polling.tick {
            return;
        }
        p.observe.reported.store(polling.tick, Relaxed);
        let (_, left_out) = self.enter(polling.site, now, false, true);
        if let Some(left_out) = left_out {
            super::say(&format!(
                "gmp: a poll of task {}, spawned at {}, goes on for {:.1?} already{}",
                polling.id,
                polling.site,
                Duration::from_nanos(ns),
                more(left_out)
            ));
        }
    }

    /// Counts a long poll of a site, and answers the count; and, if it is time for a line, how many were
    /// left out before.
    fn enter(
        &self,
        site: &'static Location<'static>,
        now: u64,
        ended: bool,
        print: bool,
    ) -> (u64, Option<u64>) {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (site.file(), site.line(), site.column());
        if sites.len() >= MAX_SITES && !sites.contains_key(&key) {
            key = ("", 0, 0);
        }
        let site = sites.entry(key).or_default();
        site.count += u64::from(ended);
        if !print {
            return (site.count, None);
        }
        if site.said != 0 && now.saturating_sub(site.said) < LINE_EVERY_NS {
            site.left_out += 1;
            return (site.count, None);
        }
        site.said = now.max(1);
        (site.count, Some(std::mem::take(&mut site.left_out)))
    }
}

fn more(left_out: u64) -> String {
    match left_out {
        0 => String::new(),
        n => format!("; {n} lines about this spawn site were left out"),
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use crate::g::id::next_single;
    use std::sync::atomic::AtomicU64;

    fn config(print: Option<u64>, hook: Option<(u64, LongPollHook)>) -> ObserveConfig {
        let mut config = ObserveConfig::default();
        config.debug.longpoll = print.map(Duration::from_millis);
        config.on_long_poll = hook.map(|(ms, hook)| (Duration::from_millis(ms), hook));
        config
    }

    #[test]
    fn one_line_a_second_for_each_site() {
        let polls = LongPolls::new(&config(Some(1), None));
        let (here, there) = (Location::caller(), next_location());
        assert_eq!(polls.enter(here, 5, true, true), (1, Some(0)));
        assert_eq!(polls.enter(here, 6, true, true), (2, None));
        assert_eq!(polls.enter(here, 7, false, true), (2, None));
        assert_eq!(
            polls.enter(there, 7, true, true),
            (1, Some(0)),
            "sites do not silence each other"
        );
        assert_eq!(polls.enter(here, 5 + LINE_EVERY_NS, true, true), (3, Some(2)));
        assert_eq!(polls.enter(here, 6 + LINE_EVERY_NS, true, true), (4, None));
    }

    fn next_location() -> &'static Location<'static> {
        #[track_caller]
        fn caller() -> &'static Location<'static> {
            Location::caller()
        }
        caller()
    }

    #[test]
    fn the_hook_has_its_own_threshold_and_may_panic() {
        let seen = Arc::new(AtomicU64::new(0));
        let hook: LongPollHook = {
            let seen = seen.clone();
            Arc::new(move |poll| {
                seen.fetch_max(poll.count(), Relaxed);
                if poll.duration() >= Duration::from_millis(100) {
                    panic!("from the hook");
                }
            })
        };
        let polls = LongPolls::new(&config(None, Some((10, hook))));
        let global = Global::new();
        for ms in [1, 9, 10, 11, 100, 12] {
            polls.finished(&global, 1, next_single(), Location::caller(), ms * 1_000_000);
        }
        assert_eq!(seen.load(Relaxed), 4);
        assert_eq!(global.long_polls.get(), 4);
    }
}
