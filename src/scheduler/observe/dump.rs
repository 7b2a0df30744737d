//! A picture of every live G.
//!
//! Taken by a walk over the all-G list, which holds each G up for the few instructions that make a
//! reference, and nobody else. The picture is not of one instant: Gs that come and go meanwhile may be in
//! it or not, and a state is what it was when the walk came by.
//!
//! **Where it waits**: gmp keeps no note of it, since that would cost each wait something. Timers and I/O
//! sources know the wakers that they will wake, so the walk over those, under their locks, finds the tasks
//! that wait for them. Who waits for a channel, a lock or another task, or wraps its waker (as
//! `FuturesUnordered` does), is "waiting" and no more.

use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::task::Waker;
use std::time::Duration;

use super::super::sched::Sched;
use crate::g::id::Id;
use crate::g::state::Status;
use crate::g::waker;

/// What a task is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskState {
    /// It is in a queue and will be polled.
    Runnable,
    /// It is being polled.
    Running,
    /// It waits to be woken.
    Waiting,
    /// It has just ended.
    Dead,
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            TaskState::Runnable => "runnable",
            TaskState::Running => "running",
            TaskState::Waiting => "waiting",
            TaskState::Dead => "dead",
        })
    }
}

/// What a waiting task waits for, where gmp knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitsFor {
    /// For a timer that is due in so long; zero: any moment now.
    Timer(Duration),
    /// For a socket, pipe or signal: to become readable.
    Readable,
    /// For a socket or pipe to become writable.
    Writable,
}

impl fmt::Display for WaitsFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitsFor::Timer(left) => write!(f, "timer in {left:.1?}"),
            WaitsFor::Readable => f.write_str("readable I/O"),
            WaitsFor::Writable => f.write_str("writable I/O"),
        }
    }
}

/// One task in a [`Dump`].
///
/// Age and polls are known only while task statistics are on
/// ([`Builder::enable_task_statistics`](crate::runtime::Builder::enable_task_statistics) or
/// `GMPDEBUG=tasks=1`).
#[derive(Clone, Debug)]
pub struct TaskDump {
    id: Id,
    spawned_at: &'static Location<'static>,
    state: TaskState,
    aborted: bool,
    worker: Option<usize>,
    running_for: Option<Duration>,
    age: Option<Duration>,
    polls: Option<u64>,
    longest_poll: Option<Duration>,
    busy: Option<Duration>,
    waits_for: Option<WaitsFor>,
}

impl TaskDump {
    /// Its id, the same as its `JoinHandle`'s.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The place in the program where it was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    /// What it was about when the dump came by.
    pub fn state(&self) -> TaskState {
        self.state
    }

    /// Was it aborted, and has not ended yet?
    pub fn is_aborted(&self) -> bool {
        self.aborted
    }

    /// For a running task, the worker that polls it. Known while anything is watched that looks at each
    /// poll: statistics, histograms, long polls, a trace.
    pub fn worker(&self) -> Option<usize> {
        self.worker
    }

    /// For a running task, how long its poll has been going on; known when [`worker`](Self::worker) is.
    pub fn running_for(&self) -> Option<Duration> {
        self.running_for
    }

    /// How long ago it was spawned. With task statistics.
    pub fn age(&self) -> Option<Duration> {
        self.age
    }

    /// How often it was polled, the poll that goes on not counted. With task statistics.
    pub fn polls(&self) -> Option<u64> {
        self.polls
    }

    /// The longest of its polls. With task statistics.
    pub fn longest_poll(&self) -> Option<Duration> {
        self.longest_poll
    }

    /// The sum of its polls. With task statistics.
    pub fn busy(&self) -> Option<Duration> {
        self.busy
    }

    /// What it waits for, if that is a timer or I/O.
    pub fn waits_for(&self) -> Option<WaitsFor> {
        self.waits_for
    }
}

impl fmt::Display for TaskDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.state)?;
        if self.aborted {
            f.write_str(" (aborted)")?;
        }
        if let (Some(worker), Some(time)) = (self.worker, self.running_for) {
            write!(f, " on P{worker} for {time:.1?}")?;
        }
        if let Some(waits_for) = self.waits_for {
            write!(f, " for {waits_for}")?;
        }
        write!(f, ", spawned at {}", self.spawned_at)?;
        if let Some(age) = self.age {
            write!(f, " {age:.1?} ago")?;
        }
        if let (Some(polls), Some(longest)) = (self.polls, self.longest_poll) {
            write!(f, ", {polls} polls, the longest {longest:.1?}")?;
        }
        Ok(())
    }
}

/// Every live task of a runtime, in the order of their ids; from
/// [`Handle::dump`](crate::runtime::Handle::dump). Its `Display` is a table.
#[derive(Clone, Debug)]
pub struct Dump {
    tasks: Vec<TaskDump>,
}

impl Dump {
    pub(crate) fn of(sched: &Sched) -> Dump {
        let now = sched.now();
        let since = |then: u64| Duration::from_nanos(now.saturating_sub(then));
        let waits = waits_of(sched, now);
        // After the look at the waits: a task that stops waiting meanwhile is not said to wait.
        let mut tasks = Vec::new();
        sched.walk_allg(|g| {
            let header = g.header();
            let snapshot = header.state.load();
            let state = match snapshot.status() {
                Status::Runnable => TaskState::Runnable,
                Status::Running => TaskState::Running,
                Status::Waiting => TaskState::Waiting,
                Status::Dead => TaskState::Dead,
            };
            let stats =
                if sched.observe.tasks_on() { sched.observe.tasks.get(header.id) } else { None };
            let address = std::ptr::from_ref(header).cast::<()>();
            tasks.push(TaskDump {
                id: header.id,
                spawned_at: header.spawned_at,
                state,
                aborted: snapshot.is_cancelled() && state != TaskState::Dead,
                worker: None,
                running_for: None,
                age: stats.map(|stats| since(stats.born)),
                polls: stats.map(|stats| stats.polls),
                longest_poll: stats.map(|stats| Duration::from_nanos(stats.longest_ns)),
                busy: stats.map(|stats| Duration::from_nanos(stats.total_ns)),
                waits_for: match state {
                    TaskState::Waiting => waits.get(&address).copied(),
                    _ => None,
                },
            });
        });
        tasks.sort_by_key(|task| task.id);
        for p in sched.shells() {
            let Some(polling) = p.polling() else { continue };
            if let Ok(at) = tasks.binary_search_by_key(&polling.id, |task| task.id.0.get()) {
                if tasks[at].state == TaskState::Running {
                    tasks[at].worker = Some(p.id as usize);
                    tasks[at].running_for = Some(since(polling.since));
                }
            }
        }
        Dump { tasks }
    }

    /// The tasks.
    pub fn tasks(&self) -> &[TaskDump] {
        &self.tasks
    }
}

/// Which G's waker is where. The addresses are only compared with those of live Gs.
fn waits_of(sched: &Sched, now: u64) -> HashMap<*const (), WaitsFor> {
    let mut waits = HashMap::new();
    // I/O last: who waits for I/O with a time-out is there for the I/O.
    for p in sched.shells() {
        p.timers.for_each_waker(|waker: &Waker, when| {
            if let Some(g) = waker::address_of_g(waker) {
                let left = Duration::from_nanos(when.saturating_sub(now));
                waits.insert(g, WaitsFor::Timer(left));
            }
        });
    }
    sched.netpoll().for_each_waker(|waker: &Waker, writes| {
        if let Some(g) = waker::address_of_g(waker) {
            waits.insert(g, if writes { WaitsFor::Writable } else { WaitsFor::Readable });
        }
    });
    waits
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |state| self.tasks.iter().filter(|task| task.state == state).count();
        writeln!(
            f,
            "{} tasks: {} running, {} runnable, {} waiting",
            self.tasks.len(),
            count(TaskState::Running),
            count(TaskState::Runnable),
            count(TaskState::Waiting)
        )?;
        if self.tasks.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "{:>8} {:<9} {:>9} {:>9} {:>9}  {:<28} spawned at",
            "task", "state", "age", "polls", "longest", "where"
        )?;
        for task in &self.tasks {
            let at = match (task.worker, task.running_for, task.waits_for) {
                (Some(worker), Some(time), _) => format!("P{worker} for {time:.1?}"),
                (_, _, Some(waits_for)) => waits_for.to_string(),
                _ => "-".to_owned(),
            };
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            writeln!(
                f,
                "{:>8} {:<9} {:>9} {:>9} {:>9}  {at:<28} {}",
                task.id,
                task.state,
                or_dash(task.age.map(|age| format!("{age:.1?}"))),
                or_dash(task.polls.map(|polls| polls.to_string())),
                or_dash(task.longest_poll.map(|longest| format!("{longest:.1?}"))),
                task.spawned_at
            )?;
        }
        Ok(())
    }
}
