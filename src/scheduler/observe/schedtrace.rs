//! `GMPDEBUG=schedtrace=ms`: a line about the scheduler every so often, in the form of Go's, and with
//! `scheddetail=1` lines about each P, M and G.
//!
//! ```text
//! SCHED 1009ms: gomaxprocs=2 idleprocs=0 threads=3 spinningthreads=0 needspinning=0 idlethreads=0 runqueue=4 [1 0]
//! ```
//!
//! The numbers in brackets are the lengths of the local queues, runnext included. Shells beyond the Ps
//! (of threads in `block_on`) follow as `others=[..]` where they are in use. The parts are read one after
//! the other while the scheduler goes on, so they need not fit together exactly.

use std::fmt::Write;
use std::time::Duration;

use super::super::p::{Role, P};
use super::super::sched::{Sched, Thread};
use super::dump::Dump;
use crate::primitives::sync::atomic::Ordering::Relaxed;
use crate::primitives::sync::Arc;

/// Gs that scheddetail lists; a program with a million of them would drown in its trace.
const MAX_GS: usize = 1000;

fn queued(p: &P) -> usize {
    p.runq.len() + usize::from(p.runq.has_next()) + p.probes.len()
}

impl Sched {
    /// The picture at this moment, without a newline at its end.
    pub(crate) fn schedtrace(&self, detail: bool) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write_line(&mut text);
        if detail {
            let _ = self.write_ps_and_ms(&mut text);
            self.write_gs(&mut text);
        }
        text
    }

    fn write_line(&self, out: &mut String) -> std::fmt::Result {
        let (idle, threads, idle_threads, sysmon) = {
            let locked = self.lock.lock();
            (locked.pidle.len(), locked.threads.len(), locked.midle.len(), locked.sysmon.is_some())
        };
        // Relaxed: looks.
        write!(
            out,
            "SCHED {}ms: gomaxprocs={} idleprocs={idle} threads={} spinningthreads={} \
             needspinning={} idlethreads={idle_threads} runqueue={} [",
            self.now() / 1_000_000,
            self.procs(),
            threads + usize::from(sysmon),
            self.nmspinning.load(Relaxed),
            u8::from(self.needspinning.load(Relaxed)),
            self.global_len(),
        )?;
        let shells: Vec<&P> = self.shells().collect();
        let (ps, others) = shells.split_at(self.procs().min(shells.len()));
        let lengths =
            |ps: &[&P]| ps.iter().map(|p| queued(p).to_string()).collect::<Vec<_>>().join(" ");
        write!(out, "{}]", lengths(ps))?;
        if others.iter().any(|p| p.role() != Role::Idle || queued(p) > 0) {
            write!(out, " others=[{}]", lengths(others))?;
        }
        Ok(())
    }

    fn write_ps_and_ms(&self, out: &mut String) -> std::fmt::Result {
        for p in self.shells() {
            // Relaxed: a look.
            let tick = p.tick.load(Relaxed);
            write!(
                out,
                "\n  P{}: status={:?} schedtick={} inpoll={} runqsize={} runnext={} timers={} polls={}",
                p.id,
                p.role(),
                p.schedtick(),
                tick & 1 == 1,
                p.runq.len(),
                u8::from(p.runq.has_next()),
                u8::from(p.timers.earliest() != u64::MAX),
                p.stats.polls.get(),
            )?;
            if let Some(polling) = p.polling() {
                let ms = self.now().saturating_sub(polling.since) / 1_000_000;
                write!(out, " curg={} for={ms}ms", polling.id)?;
            }
        }
        let ms: Vec<(String, bool)> = {
            let locked = self.lock.lock();
            let idle = |m| locked.midle.iter().any(|idle| Arc::ptr_eq(idle, m));
            let name = |thread: &Thread| {
                let thread = thread.join.as_ref().map(|join| join.thread());
                thread.and_then(|thread| thread.name()).unwrap_or("starting").to_owned()
            };
            locked.threads.iter().map(|thread| (name(thread), idle(&thread.m))).collect()
        };
        for (i, (name, idle)) in ms.iter().enumerate() {
            write!(out, "\n  M{i}: name={name} idle={idle}")?;
        }
        Ok(())
    }

    fn write_gs(&self, out: &mut String) {
        let dump = Dump::of(self);
        for task in dump.tasks().iter().take(MAX_GS) {
            let _ = write!(out, "\n  G{}: {task}", task.id());
        }
        let more = dump.tasks().len().saturating_sub(MAX_GS);
        if more > 0 {
            let _ = write!(out, "\n  and {more} more Gs");
        }
    }

    /// Writes the line that is due, if one is, and answers how long until the next. `None`: schedtrace is
    /// off. Several threads may call it: one of them writes.
    pub(super) fn schedtrace_due(&self) -> Option<Duration> {
        let debug = &self.config.observe.debug;
        let every = debug.schedtrace?;
        let period = every.as_nanos() as u64;
        let now = self.now();
        // Relaxed: the swap decides who writes; it publishes nothing.
        let due = self.observe.next_line.load(Relaxed);
        if now < due {
            return Some(Duration::from_nanos(due - now));
        }
        // Late by more than a period: no lines are made up for.
        let next = (due + period).max(now / period * period + period);
        if self.observe.next_line.compare_exchange(due, next, Relaxed, Relaxed).is_ok() {
            super::say(&self.schedtrace(debug.scheddetail));
        }
        Some(Duration::from_nanos(next.saturating_sub(now)))
    }
}
