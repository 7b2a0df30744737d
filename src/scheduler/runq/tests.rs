//! The ring with real threads, and against a model; the counters always start before their wrap.

use std::alloc::Layout;
use std::collections::VecDeque;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use super::super::globrunq::Globrunq;
use super::super::limits::GLOBRUNQ_BATCH;
use super::*;
use crate::g::cell::Place;
use crate::g::join::JoinHandle;
use crate::g::raw::new_g;
use crate::g::{id, Schedule};
use crate::primitives::fuzz::{fuzz, Choices};
use crate::primitives::rand::Rand;

/// Never schedules: these Gs are only carried about.
struct Carried;

impl Schedule for Carried {
    unsafe fn ready(_: *const Self, _: G) {
        unreachable!("nobody wakes it")
    }
    fn identity(&self) -> *const () {
        std::ptr::null()
    }
    fn retire(&self, _: NonNull<Header>, _: Place) -> bool {
        false
    }
    fn alloc(layout: Layout) -> NonNull<u8> {
        // SAFETY: a `Cell` is not of size zero.
        let memory = unsafe { std::alloc::alloc(layout) };
        NonNull::new(memory).unwrap_or_else(|| std::alloc::handle_alloc_error(layout))
    }
    fn dealloc(memory: NonNull<u8>, layout: Layout) {
        // SAFETY: from `alloc`, with the same layout.
        unsafe { std::alloc::dealloc(memory.as_ptr(), layout) }
    }
}

/// A G that answers its number.
fn numbered(n: usize) -> G {
    let (g, header) =
        new_g(std::future::ready(()), Carried, id::next_single(), Location::caller(), false);
    // The place is nobody's here: it keeps the number.
    g.set_place(Place { shard: 0, slot: n as u32 });
    // SAFETY: made with a handle's reference and interest, and with this output.
    drop(unsafe { JoinHandle::<()>::new(header) });
    g
}

/// Takes a G apart: its number.
fn number(g: G) -> usize {
    assert_eq!(g.header().state.load().refs(), 1, "taken twice");
    g.header().place.with(|place| {
        // SAFETY: written before the G was put anywhere.
        unsafe { (*place).slot as usize }
    })
}

/// The owner puts and takes while two thieves come, one by batches and one by single Gs, and the counters
/// pass `u32::MAX`. Each G is taken once.
#[test]
fn q_wraparound() {
    const GS: usize = 20_000;
    for before_the_wrap in [0, 1, RUNQ_CAP as u32, 5_000] {
        let ring = Runq::starting_at(u32::MAX - before_the_wrap);
        let taken: Vec<_> = (0..GS).map(|_| AtomicUsize::new(0)).collect();
        let take = |g: G| {
            let times = taken[number(g)].fetch_add(1, SeqCst);
            assert_eq!(times, 0);
        };
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mine = Runq::starting_at(u32::MAX - 7);
                loop {
                    let ends = over.load(SeqCst);
                    let stolen = ring.steal_into(&mine, RUNQ_CAP / 2);
                    let found = stolen.is_some();
                    stolen.into_iter().for_each(take);
                    while let Some(g) = mine.get() {
                        take(g);
                    }
                    if ends && !found {
                        break;
                    }
                    std::thread::yield_now();
                }
            });
            scope.spawn(|| loop {
                let ends = over.load(SeqCst);
                match ring.steal_one().or_else(|| ring.take_next()) {
                    Some(g) => take(g),
                    None if ends => break,
                    None => std::thread::yield_now(),
                }
            });
            let rand = Rand::new(1 + u64::from(before_the_wrap));
            for n in 0..GS {
                let g = numbered(n);
                let to_ring = if rand.below(4) == 0 { ring.put_next(g) } else { Some(g) };
                if let Some(spill) = to_ring.and_then(|g| ring.put(g)) {
                    spill.for_each(take);
                }
                if rand.below(3) == 0 {
                    ring.get().into_iter().for_each(take);
                }
            }
            over.store(true, SeqCst);
        });
        drop(ring);
        assert!(taken.iter().all(|times| times.load(SeqCst) == 1), "some were lost");
    }
}

/// Two rings, each with its model, a queue and a slot; and the global queue, which takes what they spill.
pub(crate) fn program(choices: &Choices<'_>) {
    // The wrap is somewhere on the way.
    let rings = [(); 2].map(|()| Runq::starting_at(u32::MAX - choices.below(3_000)));
    let mut models = [(); 2].map(|()| (VecDeque::new(), None));
    let (global, mut global_model) = (Globrunq::new(), VecDeque::new());
    // Some programs keep the rings nearly empty, some full.
    let puts = 1 + choices.below(8);
    let mut next = 0;
    for step in (0..3_000).take_while(|_| choices.more()) {
        let a = choices.below(2) as usize;
        let (ring, (queue, slot)) = (&rings[a], &mut models[a]);
        match choices.below(puts + 10) {
            0 => assert_eq!(ring.get().map(number), queue.pop_front()),
            1 => assert_eq!(ring.take_next().map(number), slot.take()),
            2 => assert_eq!(ring.steal_one().map(number), queue.pop_front()),
            3 => {
                // A thief comes with an empty ring of its own.
                let b = 1 - a;
                if models[b].0.is_empty() {
                    let most = choices.below(RUNQ_CAP as u32) as usize;
                    let from = &mut models[a].0;
                    let n = (from.len() - from.len() / 2).min(most);
                    let mut stolen: Vec<_> = from.drain(..n).collect();
                    let last = stolen.pop();
                    models[b].0.extend(stolen);
                    assert_eq!(rings[a].steal_into(&rings[b], most).map(number), last);
                }
            }
            4 => {
                assert_eq!(ring.put_next(numbered(next)).map(number), slot.replace(next));
                next += 1;
            }
            5 => {
                let procs = 1 + choices.below(4) as usize;
                let share =
                    (global_model.len() / procs + 1).min(GLOBRUNQ_BATCH).min(global_model.len());
                let expected = global_model.pop_front();
                let others = share.saturating_sub(1).min(RUNQ_CAP - queue.len());
                queue.extend(global_model.drain(..others));
                let got = ring.fill(|room, put| global.get_share(procs, room, put));
                assert_eq!(got.map(number), expected);
            }
            6 => {
                if choices.below(2) == 0 {
                    assert_eq!(global.get().map(number), global_model.pop_front());
                } else {
                    global.put(numbered(next));
                    global_model.push_back(next);
                    next += 1;
                }
            }
            _ => {
                if let Some(spill) = ring.put(numbered(next)) {
                    global.put_all(spill);
                }
                if queue.len() == RUNQ_CAP {
                    global_model.extend(queue.drain(..RUNQ_SPILL));
                    global_model.push_back(next);
                } else {
                    queue.push_back(next);
                }
                next += 1;
            }
        }
        assert_eq!(global.len(), global_model.len(), "step {step}");
        assert_eq!(global.is_empty(), global_model.is_empty(), "step {step}");
        for (ring, (queue, slot)) in rings.iter().zip(&models) {
            assert_eq!(ring.len(), queue.len(), "step {step}");
            assert_eq!(ring.room(), RUNQ_CAP - queue.len(), "step {step}");
            assert_eq!(ring.has_next(), slot.is_some(), "step {step}");
            assert_eq!(ring.is_empty(), queue.is_empty() && slot.is_none(), "step {step}");
        }
    }
}

#[test]
fn fuzz_runq() {
    fuzz(60, program);
}
