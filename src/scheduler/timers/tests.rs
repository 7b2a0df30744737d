//! Timers in virtual time: `check` is called by hand, entries are polled by hand.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64 as StdAtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::task::{Wake, Waker};

use super::*;
use crate::primitives::fuzz::{fuzz, Choices};
use crate::primitives::rand::Rand;

const MS: u64 = 1_000_000;
const TICK: u64 = 1 << TICK_SHIFT;

/// Timers, and what the scheduler was told about them.
struct Shell {
    timers: Timers,
    told: StdAtomicU64,
}

type Home = Arc<Shell>;

// SAFETY: the `Arc` keeps the one `Timers` it answers.
unsafe impl TimerHome for Home {
    fn timers(&self) -> &Timers {
        &self.timers
    }
    fn timer_added(&self, when: u64) {
        self.told.store(when, SeqCst);
    }
}

fn shell() -> Home {
    Arc::new(Shell { timers: Timers::new(), told: StdAtomicU64::new(u64::MAX) })
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn counter() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    (count.clone(), Waker::from(count))
}

fn entry(home: &Home) -> Pin<Box<TimerEntry<Home>>> {
    Box::pin(TimerEntry::new(home.clone()))
}

fn queued(home: &Home, at: u64) -> Pin<Box<TimerEntry<Home>>> {
    let mut entry = entry(home);
    assert_eq!(entry.as_mut().register(at, Some(Waker::noop())), Look::Waiting);
    entry
}

impl Shell {
    /// Checks and wakes; answers how many and the next deadline.
    fn run(&self, now: u64) -> (usize, u64) {
        let mut fired = Vec::new();
        let next = self.timers.check(now, &mut fired);
        assert!(next > now || next == u64::MAX);
        assert_eq!(next, self.timers.earliest());
        let n = fired.len();
        fired.into_iter().for_each(Waker::wake);
        (n, next)
    }
}

#[test]
fn x_resolution() {
    assert_eq!(tick_after(0), 0);
    assert_eq!(tick_after(1), 1);
    assert_eq!(tick_after(TICK), 1);
    assert_eq!(tick_after(TICK + 1), 2);
    assert_eq!(tick_after(u64::MAX), LAST_TICK);
}

#[test]
fn x_never_early() {
    let rand = Rand::new(3);
    for _ in 0..2_000 {
        let home = shell();
        let start = rand.next_u64() >> (14 + rand.below(40));
        home.run(start);
        let at = start + (rand.next_u64() >> (24 + rand.below(30))) + TICK + 1;
        let entry = queued(&home, at);
        assert_eq!(home.run(at - 1).0, 0);
        assert!(!entry.is_fired());
        assert_eq!(home.run(at + TICK - 1).0, 1, "at most a tick late");
        assert!(entry.is_fired());
    }
}

#[test]
fn a_lone_timer_needs_one_check() {
    for at in [MS, 20 * MS, 1_000 * MS, 3_600_000 * MS, 86_400_000 * 365 * MS] {
        let home = shell();
        home.run(77 * MS);
        let entry = queued(&home, 77 * MS + at);
        let when = home.timers.earliest();
        assert_eq!(home.told.load(SeqCst), when);
        assert!((77 * MS + at..77 * MS + at + TICK).contains(&when));
        assert_eq!(home.run(when), (1, u64::MAX));
        assert!(entry.is_fired());
    }
}

#[test]
fn x_timer_no_spin() {
    // The poller's loop: sleep until the earliest, check. Each round must fire something, but for one
    // round after the head was cancelled or moved, and one for each level of a crowded slot.
    let home = shell();
    let mut entries: Vec<_> = (1..=100).map(|i| queued(&home, 3_600_000 * MS + i * TICK)).collect();
    entries.push(queued(&home, 5 * MS));
    entries.push(queued(&home, 6 * MS));
    let mut head = entries.swap_remove(100);
    head.as_mut().reset(4_000_000 * MS);
    drop(entries.pop());
    assert_eq!(home.timers.len(), 101);
    let (mut checks, mut idle, mut fired) = (0, 0, 0);
    while home.timers.earliest() != u64::MAX {
        let n = home.run(home.timers.earliest()).0;
        checks += 1;
        idle += usize::from(n == 0);
        fired += n;
    }
    assert_eq!(fired, 101);
    assert_eq!(home.timers.len(), 0);
    assert!(idle <= 2 + wheel::LEVELS, "{idle} of {checks} checks fired nothing");
}

#[test]
fn x_timer_max() {
    let home = shell();
    let mut entry = queued(&home, u64::MAX);
    let nearly = queued(&home, u64::MAX - 1);
    assert_eq!(home.timers.earliest(), LAST_TICK << TICK_SHIFT);
    for shift in (15..64).rev() {
        assert_eq!(home.run(u64::MAX >> shift).0, 0);
    }
    let near = queued(&home, (u64::MAX >> 15) + 100 * MS);
    assert_eq!(home.run((u64::MAX >> 15) + 101 * MS).0, 1, "a near one beside the farthest");
    assert!(near.is_fired() && !entry.is_fired() && !nearly.is_fired());
    assert_eq!(home.run((LAST_TICK << TICK_SHIFT) - 1).0, 0);
    assert_eq!(home.run(u64::MAX), (2, u64::MAX));
    assert_eq!(entry.as_mut().register(u64::MAX, None), Look::Fired, "the last tick has passed");
}

#[test]
fn x_timer_top_level_wrap() {
    // Far timers on the top level, while the hand goes through months, years and centuries.
    let (day, century) = (86_400_000 * MS, 36_525 * 86_400_000 * MS);
    let home = shell();
    let far: Vec<_> = (1..=5).map(|i| queued(&home, i * century)).collect();
    let mut now = 0;
    for step in 0..580 {
        now += 365 * day;
        let passed = far.iter().filter(|entry| entry.is_fired()).count();
        home.run(now);
        let near = queued(&home, now + 20 * MS);
        assert!(home.timers.earliest() < now + 21 * MS, "year {step}: a far one hides a near one");
        assert_eq!(home.run(now + 21 * MS).0, 1);
        assert!(near.is_fired());
        assert!(far.iter().filter(|entry| entry.is_fired()).count() <= passed + 1);
    }
    assert!(far.iter().all(|entry| entry.is_fired()));
}

#[test]
fn x_timer_past() {
    let home = shell();
    let _moves_the_hand = queued(&home, 1_000 * MS);
    home.run(1_001 * MS);
    let (count, waker) = counter();
    let mut past = entry(&home);
    assert_eq!(past.as_mut().register(999 * MS, Some(&waker)), Look::Fired);
    assert_eq!(home.run(1_001 * MS).0, 0);
    assert_eq!(past.as_mut().poll(&waker), Look::Fired);
    // Moved into the past while it waits: its waker is called, once.
    let mut moved = entry(&home);
    assert_eq!(moved.as_mut().register(2_000 * MS, Some(&waker)), Look::Waiting);
    moved.as_mut().reset(0);
    assert!(moved.is_fired());
    assert_eq!(count.0.load(SeqCst), 1);
    assert_eq!(home.timers.len(), 0);
    home.run(3_000 * MS);
    assert_eq!(count.0.load(SeqCst), 1);
}

#[test]
fn x_timer_nearer() {
    let home = shell();
    let _far = queued(&home, 1_000 * MS);
    home.told.store(0, SeqCst);
    let _farther = queued(&home, 2_000 * MS);
    assert_eq!(home.told.load(SeqCst), 0, "a later one does not disturb the poller");
    let mut near = queued(&home, 500 * MS);
    let told = home.told.load(SeqCst);
    assert!((500 * MS..500 * MS + TICK).contains(&told));
    near.as_mut().reset(100 * MS);
    assert!(home.told.load(SeqCst) < 101 * MS, "a reset to earlier tells too");
}

#[test]
fn x_clock_steps_and_x_suspend() {
    let home = shell();
    home.run(10_000 * MS);
    assert_eq!(home.run(5 * MS).0, 0);
    assert_eq!(home.run(0).0, 0);
    let _kept: Vec<_> = (1..=50).map(|i| queued(&home, (10_000 + i) * MS)).collect();
    // Hours later: all at once, each once.
    assert_eq!(home.run(100_000_000 * MS), (50, u64::MAX));
    assert_eq!(home.run(100_000_000 * MS).0, 0);
    // Two threads checked, and the one with the older time got the lock last.
    let mut wheel = home.timers.wheel.lock();
    let hand = wheel.elapsed();
    wheel.advance(hand - 1, &mut Vec::new());
    assert_eq!(wheel.elapsed(), hand);
}

#[test]
fn fires_in_order_of_deadlines_and_of_insertion() {
    struct Order(Arc<std::sync::Mutex<Vec<usize>>>, usize);
    impl Wake for Order {
        fn wake(self: Arc<Self>) {
            self.0.lock().unwrap().push(self.1);
        }
    }
    let (home, rand) = (shell(), Rand::new(5));
    let order = Arc::default();
    let mut at: Vec<(u64, usize)> = (0..500).map(|i| (rand.below(200).into(), i)).collect();
    let entries: Vec<_> = at
        .iter()
        .map(|&(ms, i)| {
            let mut entry = entry(&home);
            let waker = Waker::from(Arc::new(Order(Arc::clone(&order), i)));
            assert_eq!(entry.as_mut().register((ms + 1) * MS, Some(&waker)), Look::Waiting);
            entry
        })
        .collect();
    // Who leaves does not change the order of the others.
    at.retain(|&(_, i)| i % 7 != 3);
    let (_kept, gone): (Vec<_>, Vec<_>) =
        entries.into_iter().enumerate().partition(|(i, _)| i % 7 != 3);
    drop(gone);
    home.run(1_000 * MS);
    at.sort_by_key(|&(ms, i)| (ms, i));
    assert_eq!(*order.lock().unwrap(), at.into_iter().map(|(_, i)| i).collect::<Vec<_>>());
}

#[test]
fn the_same_waker_is_kept_another_replaces_it() {
    let home = shell();
    let ((first, one), (second, two)) = (counter(), counter());
    let mut entry = entry(&home);
    assert_eq!(entry.as_mut().poll(&one), Look::Unregistered);
    assert_eq!(entry.as_mut().register(MS, Some(&one)), Look::Waiting);
    assert_eq!(Arc::strong_count(&first), 3);
    assert_eq!(entry.as_mut().poll(&one), Look::Waiting);
    assert_eq!(Arc::strong_count(&first), 3);
    assert_eq!(entry.as_mut().poll(&two), Look::Waiting);
    assert_eq!(Arc::strong_count(&first), 2, "the old one is dropped");
    home.run(2 * MS);
    assert_eq!((first.0.load(SeqCst), second.0.load(SeqCst)), (0, 1));
    // Reset after it fired: no waker until the next poll, which must be seen as a new one.
    entry.as_mut().reset(3 * MS);
    assert_eq!(entry.as_mut().poll(&two), Look::Waiting);
    home.run(4 * MS);
    assert_eq!(second.0.load(SeqCst), 2);
}

#[test]
fn reset_to_later_is_lazy_and_final() {
    let home = shell();
    let (count, waker) = counter();
    let mut entry = entry(&home);
    assert_eq!(entry.as_mut().register(10 * MS, Some(&waker)), Look::Waiting);
    for ms in 11..60 {
        entry.as_mut().reset(ms * MS);
    }
    assert!(home.timers.earliest() < 11 * MS, "the key did not move");
    let (fired, next) = home.run(12 * MS);
    assert_eq!(fired, 0);
    assert!(next >= 59 * MS, "it moved when it came up");
    // Earlier than the word but not than the key.
    entry.as_mut().reset(80 * MS);
    entry.as_mut().reset(70 * MS);
    home.run(69 * MS);
    assert_eq!(count.0.load(SeqCst), 0);
    home.run(71 * MS);
    assert_eq!(count.0.load(SeqCst), 1);
}

#[test]
fn shutdown_hands_out_wakers_and_stays() {
    let home = shell();
    let (count, waker) = counter();
    let mut waits = entry(&home);
    assert_eq!(waits.as_mut().register(MS, Some(&waker)), Look::Waiting);
    let _silent = queued(&home, u64::MAX);
    let mut wakers = Vec::new();
    home.timers.shutdown(&mut wakers);
    assert_eq!(wakers.len(), 2);
    wakers.into_iter().for_each(Waker::wake);
    assert_eq!(count.0.load(SeqCst), 1);
    assert_eq!(home.timers.len(), 0);
    assert_eq!(home.timers.earliest(), u64::MAX);
    assert_eq!(waits.as_mut().poll(&waker), Look::Shutdown);
    assert_eq!(home.timers.wheel.lock().chunks(), 0, "no memory is kept");
    let mut late = entry(&home);
    assert_eq!(late.as_mut().register(MS, Some(&waker)), Look::Shutdown);
    assert_eq!(home.run(5 * MS).0, 0);
}

#[test]
fn x_timer_drop_elsewhere() {
    let home = shell();
    let entries: Vec<_> = (1..=200).map(|i| queued(&home, i * MS / 10)).collect();
    let mut wakers = Vec::new();
    std::thread::scope(|scope| {
        let mut rest = entries.into_iter();
        for _ in 0..2 {
            let half: Vec<_> = rest.by_ref().take(100).collect();
            scope.spawn(move || drop(half));
        }
        for i in 0..20 {
            home.timers.check(i * MS, &mut wakers);
        }
    });
    assert_eq!(home.timers.len(), 0);
    // The last owner of the timers is an entry, queued, on another thread.
    let last = queued(&home, 60_000 * MS);
    drop(home);
    std::thread::spawn(move || drop(last)).join().unwrap();
}

#[test]
fn idle_is_none() {
    let home = shell();
    for _ in 0..10 {
        let entry = queued(&home, 5_000 * MS);
        drop(entry);
        assert_eq!(home.timers.earliest(), u64::MAX, "nothing queued, nothing to wake up for");
    }
}

#[test]
fn a_burst_beside_one_that_stays_leaves_little_memory() {
    let home = shell();
    let _stays = queued(&home, 3_600_000 * MS);
    let chunks = || home.timers.wheel.lock().chunks();
    for round in 1..=3 {
        let now = round * 1_000 * MS;
        let burst: Vec<_> = (0..20_000).map(|i| queued(&home, now + (i % 900) * MS)).collect();
        let most = chunks();
        match round {
            1 => assert_eq!(home.run(now + 900 * MS).0, 20_000),
            _ => drop(burst),
        }
        assert_eq!(home.timers.len(), 1);
        assert!(chunks() * 4 < most, "round {round}: {} of {most} chunks are left", chunks());
    }
}

/// The wheel against a sorted map, over all of time.
pub(crate) fn program(choices: &Choices<'_>) {
    let home = shell();
    let mut entries: Vec<_> = (0..200).map(|_| entry(&home)).collect();
    // Entry to tick, for what is queued.
    let mut model: BTreeMap<usize, u64> = BTreeMap::new();
    let mut now = 0u64;
    // Distances of all magnitudes; mostly small at first, so that time lasts. Or many in the same few slots.
    let far = |limit: u32| match choices.below(3) {
        0 => choices.next_u64() >> (64 - 1 - choices.below(limit)),
        _ => u64::from(choices.below(4)) << (choices.below(3) * 8 + TICK_SHIFT),
    };
    for step in (0..3_000u32).take_while(|_| choices.more()) {
        let limit = if step < 2_500 { 44 } else { 63 };
        let i = choices.below(200) as usize;
        let hand = now >> TICK_SHIFT;
        match choices.below(8) {
            0..=2 => {
                let at = now.saturating_add(far(limit));
                let tick = tick_after(at);
                entries[i].as_mut().cancel();
                let look = entries[i].as_mut().register(at, Some(Waker::noop()));
                model.remove(&i);
                if look == Look::Waiting {
                    model.insert(i, tick);
                } else {
                    assert!(tick <= hand, "step {step}: fired early");
                }
            }
            3 => {
                entries[i].as_mut().cancel();
                model.remove(&i);
            }
            4 | 5 => {
                let at = now.saturating_add(far(limit));
                entries[i].as_mut().reset(at);
                model.remove(&i);
                if entries[i].is_fired() {
                    assert!(tick_after(at) <= hand, "step {step}: reset fired early");
                } else {
                    model.insert(i, tick_after(at));
                }
            }
            6 => now = now.saturating_add(far(limit)),
            _ if home.timers.earliest() != u64::MAX => now = now.max(home.timers.earliest()),
            _ => {}
        }
        let first = model.values().min();
        assert!(
            home.timers.earliest() <= tick_to_ns(first.copied()),
            "step {step}: earliest is late"
        );
        if choices.below(3) > 0 {
            let due = model.values().filter(|&&tick| tick <= now >> TICK_SHIFT).count();
            // An entry that was reset after it fired has no waker: so count the entries.
            let before = model.len();
            home.run(now);
            model.retain(|&i, &mut tick| {
                let is_due = tick <= now >> TICK_SHIFT;
                assert_eq!(entries[i].is_fired(), is_due, "step {step} entry {i}");
                !is_due
            });
            assert_eq!(before - model.len(), due);
        }
        assert_eq!(home.timers.len(), model.len(), "step {step}");
    }
}

#[test]
fn fuzz_timers() {
    fuzz(40, program);
}

/// Owners on several threads insert, reset, poll and drop while the hand moves. Every wait ends, none
/// early, and nothing is left.
#[test]
fn x_timer_cancel_vs_fire_and_reset_vs_fire() {
    const OWNERS: u64 = 3;
    let (home, clock) = (shell(), StdAtomicU64::new(0));
    let busy = AtomicUsize::new(OWNERS as usize);
    std::thread::scope(|scope| {
        for seed in 1..=OWNERS {
            let (home, clock, busy) = (&home, &clock, &busy);
            scope.spawn(move || {
                let rand = Rand::new(seed);
                let (count, waker) = counter();
                let (mut waits, mut resets) = (0, 0);
                for _ in 0..1_000 {
                    let mut entry = entry(home);
                    let ahead = || u64::from(rand.below(12)) * TICK;
                    let mut at = clock.load(SeqCst) + ahead();
                    let mut look = entry.as_mut().register(at, Some(&waker));
                    waits += usize::from(look == Look::Waiting);
                    while look == Look::Waiting {
                        match rand.below(50) {
                            0 => break,
                            1 => {
                                at = clock.load(SeqCst) + ahead();
                                resets += 1;
                                entry.as_mut().reset(at);
                            }
                            2..20 => std::thread::yield_now(),
                            _ => {}
                        }
                        look = entry.as_mut().poll(&waker);
                    }
                    if look == Look::Fired {
                        assert!(clock.load(SeqCst) >= at, "seed {seed}: early");
                    }
                }
                assert!(count.0.load(SeqCst) <= waits + resets, "seed {seed}: woken too often");
                busy.fetch_sub(1, SeqCst);
            });
        }
        while busy.load(SeqCst) > 0 {
            let now = clock.fetch_add(TICK / 2, SeqCst) + TICK / 2;
            let mut fired = Vec::new();
            home.timers.check(now, &mut fired);
            fired.into_iter().for_each(Waker::wake);
        }
    });
    assert_eq!(home.timers.len(), 0);
    assert_eq!(home.timers.earliest(), u64::MAX);
}
