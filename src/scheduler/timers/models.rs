//! The races of the parent module's protocol, explored by loom. Each model names its steps and its breaks
//! (`GMP_BREAK=name`), which must make it fail.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Wake, Waker};

use super::*;
use crate::primitives::sync::{thread, Arc};

const TICK: u64 = 1 << TICK_SHIFT;

type Home = Arc<Timers>;

// SAFETY: the `Arc` keeps the one `Timers` it answers.
unsafe impl TimerHome for Home {
    fn timers(&self) -> &Timers {
        self
    }
    fn timer_added(&self, _when: u64) {}
}

type Entry = Pin<Box<TimerEntry<Home>>>;

/// A waker that takes the timers' lock, as the scheduler may.
struct Woken {
    count: AtomicUsize,
    timers: Home,
}

impl Wake for Woken {
    fn wake(self: std::sync::Arc<Self>) {
        let _ = self.timers.len();
        self.count.fetch_add(1, SeqCst);
    }
}

fn woken(timers: &Home) -> (std::sync::Arc<Woken>, Waker) {
    let woken = Woken { count: AtomicUsize::new(0), timers: timers.clone() };
    let woken = std::sync::Arc::new(woken);
    (woken.clone(), Waker::from(woken))
}

fn queued(timers: &Home, tick: u64, waker: &Waker) -> Entry {
    let mut entry = Box::pin(TimerEntry::new(timers.clone()));
    assert_eq!(entry.as_mut().register(tick * TICK, Some(waker)), Look::Waiting);
    entry
}

fn check(timers: &Timers, tick: u64) {
    let mut fired = Vec::new();
    timers.check(tick * TICK, &mut fired);
    fired.into_iter().for_each(Waker::wake);
}

/// Steps 4, 5 and 8: `timer_entry`. Breaks: `timer_cancel_without_lock`, `timer_fired_relaxed`,
/// `timer_word_before_waker`, `timer_wake_under_lock`.
#[test]
fn x_timer_cancel_vs_fire() {
    loom::model(|| {
        let timers = Arc::new(Timers::new());
        let (woken, waker) = woken(&timers);
        let mut entry = queued(&timers, 1, &waker);
        let owner = thread::spawn(move || {
            entry.as_mut().cancel();
            let fired = entry.is_fired();
            entry.as_mut().scrub();
            fired
        });
        check(&timers, 1);
        let fired = owner.join().unwrap();
        assert_eq!(woken.count.load(SeqCst), usize::from(fired), "one outcome");
        assert_eq!(timers.len(), 0);
    });
}

/// Steps 2 and 5 with neighbours: two owners and the hand. Break: `timer_cancel_without_lock`.
#[test]
fn neighbours_cancel_while_one_fires() {
    loom::model(|| {
        let timers = Arc::new(Timers::new());
        let (woken, waker) = woken(&timers);
        let (mine, theirs) = (queued(&timers, 1, &waker), queued(&timers, 1, &waker));
        let other = thread::spawn(move || {
            let mut theirs = theirs;
            theirs.as_mut().cancel();
            theirs.as_mut().scrub();
        });
        let firing = {
            let timers = timers.clone();
            thread::spawn(move || check(&timers, 1))
        };
        let mut mine = mine;
        mine.as_mut().cancel();
        mine.as_mut().scrub();
        drop(mine);
        other.join().unwrap();
        firing.join().unwrap();
        assert!(woken.count.load(SeqCst) <= 2);
        assert_eq!(timers.len(), 0);
    });
}

/// Step 6, to later, against step 4. Break: `timer_extend_overwritten`.
#[test]
fn x_timer_reset_vs_fire() {
    loom::model(|| {
        let timers = Arc::new(Timers::new());
        let (woken, waker) = woken(&timers);
        let mut entry = queued(&timers, 1, &waker);
        let firing = {
            let timers = timers.clone();
            thread::spawn(move || check(&timers, 1))
        };
        entry.as_mut().reset(2 * TICK);
        firing.join().unwrap();
        assert!(!entry.is_fired(), "fired at the deadline that no longer counts");
        assert_eq!(timers.len(), 1);
        check(&timers, 2);
        assert!(entry.is_fired());
        assert_eq!(woken.count.load(SeqCst), 1, "woken by the old deadline or by the new");
    });
}

/// Step 6, to earlier, against step 4: fires once, and the waker is not lost. Break:
/// `timer_fired_relaxed`.
#[test]
fn reset_to_earlier_vs_fire() {
    loom::model(|| {
        let timers = Arc::new(Timers::new());
        let (woken, waker) = woken(&timers);
        let mut entry = queued(&timers, 2, &waker);
        let owner = {
            let timers = timers.clone();
            thread::spawn(move || {
                entry.as_mut().reset(TICK);
                check(&timers, 2);
                entry.as_mut().cancel();
                entry.as_mut().scrub();
            })
        };
        check(&timers, 2);
        owner.join().unwrap();
        assert_eq!(woken.count.load(SeqCst), 1);
        assert_eq!(timers.earliest(), u64::MAX);
    });
}

/// A new waker against step 4: who was told to wait is woken. Break: `timer_waker_into_fired`.
#[test]
fn waker_replaced_vs_fire() {
    loom::model(|| {
        let timers = Arc::new(Timers::new());
        let ((_, first), (second, waker)) = (woken(&timers), woken(&timers));
        let mut entry = queued(&timers, 1, &first);
        let firing = {
            let timers = timers.clone();
            thread::spawn(move || check(&timers, 1))
        };
        let look = entry.as_mut().poll(&waker);
        firing.join().unwrap();
        let told_to_wait = look == Look::Waiting;
        assert_eq!(second.count.load(SeqCst), usize::from(told_to_wait));
    });
}

/// Shutdown against insert and cancel. Break: `timer_shutdown_relaxed`.
#[test]
fn shutdown_vs_cancel() {
    loom::model(|| {
        let timers = Arc::new(Timers::new());
        let (_, waker) = woken(&timers);
        let mut early = queued(&timers, 1, &waker);
        let closing = {
            let timers = timers.clone();
            thread::spawn(move || {
                let mut fired = Vec::new();
                timers.shutdown(&mut fired);
                fired.into_iter().for_each(Waker::wake);
            })
        };
        early.as_mut().cancel();
        early.as_mut().scrub();
        let mut late = Box::pin(TimerEntry::new(timers.clone()));
        let _ = late.as_mut().register(TICK, Some(&waker));
        closing.join().unwrap();
        assert_eq!(late.as_mut().poll(&waker), Look::Shutdown);
        assert_eq!(timers.len(), 0);
    });
}

/// Two Ms come for the due timers of one shell, its owner and a thief, while the sleeper gives up: one
/// outcome. Breaks: `timer_cancel_without_lock`, `timer_word_before_waker`.
#[test]
fn x_timer_cancel_vs_fire_by_a_thief() {
    loom::model(|| {
        let timers = Arc::new(Timers::new());
        let (woken, waker) = woken(&timers);
        let mut entry = queued(&timers, 1, &waker);
        let thief = {
            let timers = timers.clone();
            thread::spawn(move || check(&timers, 1))
        };
        let sleeper = thread::spawn(move || {
            entry.as_mut().cancel();
            let fired = entry.is_fired();
            entry.as_mut().scrub();
            fired
        });
        check(&timers, 1);
        thief.join().unwrap();
        let fired = sleeper.join().unwrap();
        assert_eq!(woken.count.load(SeqCst), usize::from(fired), "one outcome");
        assert_eq!((timers.len(), timers.earliest()), (0, u64::MAX));
    });
}

/// Step 7: the owner of the shell adds a timer while a thief runs those that are due: the next deadline is
/// known. Break: `timer_earliest_unlocked`.
#[test]
fn insert_vs_fire_by_a_thief() {
    loom::model(|| {
        let timers = Arc::new(Timers::new());
        let (woken, waker) = woken(&timers);
        let first = queued(&timers, 1, &waker);
        let thief = {
            let timers = timers.clone();
            thread::spawn(move || check(&timers, 1))
        };
        let second = queued(&timers, 3, &waker);
        thief.join().unwrap();
        assert!(timers.earliest() <= 3 * TICK, "nobody would come for it");
        check(&timers, 3);
        assert!(first.is_fired() && second.is_fired());
        assert_eq!(woken.count.load(SeqCst), 2);
    });
}
