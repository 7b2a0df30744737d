//! The life of an M: made by `newm`, the first one by `first_m`; `mstart` runs it, `stopm` puts it to sleep, and its thread ends when
//! the scheduler closes or nobody needed it for the keep-alive.
//!
//! An M without a P looks for blocking closures before it sleeps: one pool of threads serves both.

use std::io::{self, Write};

use super::config::{Config, Flavor, Hook};
use super::context;
use super::limits::DEFAULT_THREAD_NAME;
use super::m::M;
use super::observe::trace::Event;
use super::p::P;
use super::proc::Local;
use super::sched::{Sched, SchedRef, Thread};
use crate::primitives::early::EarlyThread;
use crate::primitives::foreign;
use crate::primitives::sync::atomic::Ordering::Relaxed;
use crate::primitives::sync::{broken, thread, Arc};

/// Why an M woke up.
pub(super) enum Woken {
    /// There is a P for it, or a closure, or nothing: it looks.
    Look,
    /// It is not needed any more.
    End,
}

/// What a new M begins with.
#[derive(Clone, Copy)]
pub(super) enum First<'a> {
    /// A P in transit, and whether as a searcher.
    P(&'a P, bool),
    /// Look for closures and errands.
    Look,
}

/// The thread of a runtime's first M: made before the scheduler is, and then told of it.
pub(crate) type FirstThread = EarlyThread<(SchedRef, Arc<M>)>;

/// Starts the thread of the one M that a runtime begins with. So a process that cannot have a thread hears
/// of it here, and not from tasks that never run; and the first task finds an M that sleeps.
pub(crate) fn first_thread(config: &Config) -> io::Result<FirstThread> {
    EarlyThread::spawn(thread_builder(config), |(sched, m)| mstart(sched, m, true)).map_err(
        |error| {
            io::Error::new(error.kind(), format!("cannot start the first worker thread: {error}"))
        },
    )
}

/// A thread as the builder of the runtime wants it. Calls foreign code.
fn thread_builder(config: &Config) -> thread::Builder {
    // The builder's function may panic, and it may answer what std refuses by a panic of its own (a zero
    // byte): neither is a reason to lose a P.
    let name = match foreign::call(|| (config.thread_name)()) {
        Some(name) => name.replace('\0', ""),
        None => DEFAULT_THREAD_NAME.to_owned(),
    };
    let builder = thread::Builder::new().name(name);
    match config.stack_size {
        Some(bytes) => builder.stack_size(bytes),
        None => builder,
    }
}

impl Sched {
    /// The M that a runtime begins with. It is on the list of idle Ms before its thread sleeps.
    pub(crate) fn first_m(&self, thread: FirstThread) {
        let m = Arc::new(M::new());
        {
            let mut locked = self.lock.lock();
            locked.midle.push(m.clone());
            locked.threads.push(Thread { m: m.clone(), join: None });
        }
        let join = thread.begin((self.owned_ref(), m.clone()));
        self.keep_join(&m, join);
    }

    /// A thread was made. An M that has ended already took its entry away: its thread is then detached.
    fn keep_join(&self, m: &Arc<M>, join: thread::JoinHandle<()>) {
        let mut locked = self.lock.lock();
        if let Some(thread) = locked.threads.iter_mut().find(|t| Arc::ptr_eq(&t.m, m)) {
            thread.join = Some(join);
        }
        // Relaxed: under the lock, as its readers.
        self.no_threads.store(false, Relaxed);
    }

    /// Go's `newm`: a new thread.
    pub(super) fn newm(&self, first: First<'_>) -> io::Result<()> {
        let sched = self.owned_ref();
        // Foreign code, so before anything is entered anywhere.
        let builder = thread_builder(&self.config);
        let m = {
            let mut locked = self.lock.lock();
            let most = self.config.max_threads;
            if self.is_closed() && !broken("newm_ignores_close") {
                // The closer may have counted already: it would not wait for this one.
                return Err(io::Error::other("the runtime is shutting down"));
            }
            if locked.threads.len() >= most {
                return Err(io::Error::other(format!(
                    "max_threads is {most}, and so many there are"
                )));
            }
            let m = Arc::new(M::new());
            locked.threads.push(Thread { m: m.clone(), join: None });
            m
        };
        if let First::P(p, spinning) = first {
            m.give(p, spinning, 0);
        }
        #[cfg(feature = "deterministic")]
        if let Some(play) = &self.play {
            play.newm(m);
            return Ok(());
        }
        let spawned = {
            let m = m.clone();
            builder.spawn(move || mstart(sched, m, false))
        };
        match spawned {
            Ok(join) => {
                self.keep_join(&m, join);
                Ok(())
            }
            Err(error) => {
                let mut locked = self.lock.lock();
                locked.threads.retain(|t| !Arc::ptr_eq(&t.m, &m));
                self.tell_closer(&mut locked);
                Err(error)
            }
        }
    }

    pub(super) fn hook(&self, hook: &Option<Hook>) {
        if let Some(hook) = hook {
            foreign::call(|| hook());
        }
    }

    /// Warns, once until a thread could be made again.
    #[cold]
    pub(super) fn warn_no_thread(&self, error: &io::Error) {
        // Under the lock, so that whoever goes to sleep after us sees it.
        let again = {
            let _locked = self.lock.lock();
            self.no_threads.swap(true, Relaxed)
        };
        if !again {
            // `writeln!` and not `eprintln!`: a closed stderr is no reason to panic.
            let _closed = writeln!(
                io::stderr(),
                "gmp: cannot start a thread: {error}. Work goes on with the threads there are; later \
                 submissions try again."
            );
        }
    }

    /// An M is about to sleep: it is on the list of those who do, unless there is a reason not to.
    pub(super) fn enter_midle(&self, m: &Arc<M>) -> Option<Woken> {
        let mut locked = self.lock.lock();
        if self.is_closed() && !broken("stopm_overlooks_close") {
            return Some(Woken::End);
        }
        if self.blocking_waits(&locked) || self.errand_waits() {
            // It was queued between our last look and this lock.
            return Some(Woken::Look);
        }
        // Relaxed: under the lock.
        let work = self.no_threads.load(Relaxed)
            && self.config.flavor == Flavor::MultiThread
            && !self.globrunq.is_empty();
        // Without an idle permit who has them becomes the poller.
        if std::mem::take(&mut locked.poller_left) || work {
            if let Some(p) = self.pidleget(&mut locked) {
                m.give(p.get(self), false, 0);
                return Some(Woken::Look);
            }
        }
        locked.midle.push(m.clone());
        None
    }

    /// Go's `stopm`: sleeps until given something to do.
    fn stopm(&self, m: &Arc<M>) -> Woken {
        self.enter_midle(m).unwrap_or_else(|| self.sleep_idle(m))
    }

    /// Sleeps, being on the list of idle Ms.
    fn sleep_idle(&self, m: &Arc<M>) -> Woken {
        self.hook(&self.config.on_thread_park);
        let woken = 'sleep: {
            if m.note.sleep_timeout(self.config.keep_alive) {
                break 'sleep Woken::Look;
            }
            let mut locked = self.lock.lock();
            let Some(at) = locked.midle.iter().position(|idle| Arc::ptr_eq(idle, m)) else {
                // Somebody took us off the list: a wake-up is on its way.
                drop(locked);
                m.note.sleep();
                break 'sleep Woken::Look;
            };
            // As many Ms as there are Ps stay for ever: they are what the next burst needs.
            if locked.threads.len() > self.procs() + 1 {
                locked.midle.remove(at);
                break 'sleep Woken::End;
            }
            drop(locked);
            // Nobody above us is going to leave before us: no more looks at the clock.
            m.note.sleep();
            Woken::Look
        };
        self.hook(&self.config.on_thread_unpark);
        woken
    }

    /// The last thing an M does with the scheduler.
    pub(super) fn mexit(&self, m: &Arc<M>) {
        self.hook(&self.config.on_thread_stop);
        let mut locked = self.lock.lock();
        if self.is_closed() {
            // The entry stays, so that the closer can join the thread.
            locked.mexited += 1;
        } else {
            locked.threads.retain(|t| !Arc::ptr_eq(&t.m, m));
        }
        self.tell_closer(&mut locked);
        let last = self.is_closed() && locked.mexited >= locked.threads.len();
        let remainder = last && std::mem::take(&mut locked.remainder_left);
        drop(locked);
        if remainder {
            self.cancel_all();
            self.remainder();
        }
    }
}

/// What an M's thread runs.
fn mstart(sched: SchedRef, m: Arc<M>, asleep: bool) {
    let entered = context::enter(&sched);
    sched.hook(&sched.config.on_thread_start);
    let mut local = Local::new(sched.config.spin_ns);
    let mut woken = if asleep { sched.sleep_idle(&m) } else { Woken::Look };
    while let Woken::Look = woken {
        if let Some((p, spinning)) = m.take() {
            if m.given_at() != 0 {
                sched.wake_ups.took(m.given_at(), sched.machine_now());
            }
            sched.acquirep(p.get(&sched));
            sched.trace(Event::Unpark);
            local.spinning = spinning;
            let _driving = crate::g::block::forbid();
            sched.schedule(&mut local);
        }
        sched.run_errands();
        sched.run_blocking();
        woken = sched.stopm(&m);
    }
    if sched.is_closed() {
        sched.cancel_all();
    }
    drop(local);
    sched.mexit(&m);
    drop(entered);
    // Maybe the last reference: what hooks have captured goes with it.
    foreign::call(move || drop(sched));
}
