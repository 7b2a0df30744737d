//! The local run queue: each G that was put is taken once, whoever takes it.

#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::ptr::NonNull;

use super::*;
use crate::g::cell::{Header, Place};
use crate::g::raw::{new_g, G};
use crate::g::{id, models::heap, Schedule};
use crate::primitives::sync::Arc;
use crate::scheduler::runq::Runq;
use std::alloc::Layout;

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
        heap::alloc(layout)
    }
    fn dealloc(memory: NonNull<u8>, layout: Layout) {
        heap::dealloc(memory, layout);
    }
}

fn g() -> G {
    let (g, header) =
        new_g(std::future::ready(()), Carried, id::next_single(), Location::caller(), false);
    // SAFETY: made with a handle's reference and interest, and with this output.
    drop(unsafe { JoinHandle::<()>::new(header) });
    g
}

fn gs<const N: usize>() -> ([G; N], BTreeSet<u64>) {
    let gs = std::array::from_fn(|_| g());
    let ids = gs.iter().map(|g: &G| g.header().id.0.get()).collect();
    (gs, ids)
}

/// Takes note of a G, and frees it.
fn note(taken: &mut Vec<u64>, g: impl IntoIterator<Item = G>) {
    for g in g {
        taken.push(g.header().id.0.get());
        assert_eq!(g.header().state.load().refs(), 1, "taken twice");
    }
}

fn each_once(mut taken: Vec<u64>, others: Vec<u64>, put: BTreeSet<u64>) {
    taken.extend(others);
    taken.sort_unstable();
    assert_eq!(taken, put.into_iter().collect::<Vec<_>>());
}

/// What a thief does: half of the ring into its own, and that to the end.
fn steal(from: &Runq) -> Vec<u64> {
    let (mine, mut taken) = (Runq::starting_at(u32::MAX), Vec::new());
    note(&mut taken, from.steal_into(&mine, 2));
    while let Some(g) = mine.get() {
        note(&mut taken, [g]);
    }
    taken
}

/// The owner puts three Gs and takes one, across the wrap of the counters; two thieves. Breaks:
/// `runq_tail_relaxed`, `runq_get_stored`.
#[test]
fn ring_spmc() {
    explore(2, || {
        let ring = Arc::new(Runq::starting_at(u32::MAX));
        let ([a, b, c], put) = gs();
        let thieves = [(); 2].map(|()| {
            let ring = ring.clone();
            thread::spawn(move || steal(&ring))
        });
        let mut taken = Vec::new();
        note(&mut taken, ring.put(a).into_iter().flatten());
        note(&mut taken, ring.put(b).into_iter().flatten());
        note(&mut taken, ring.get());
        note(&mut taken, ring.put(c).into_iter().flatten());
        note(&mut taken, ring.get());
        let others = thieves.into_iter().flat_map(|t| t.join().unwrap()).collect();
        while let Some(g) = ring.get() {
            note(&mut taken, [g]);
        }
        each_once(taken, others, put);
    });
}

/// A full ring spills its older half while a thief comes for it, by batch and one by one. Break:
/// `runq_spill_unclaimed`.
#[test]
fn ring_overflow() {
    explore(3, || {
        let ring = Arc::new(Runq::starting_at(u32::MAX));
        let ([a, b, c, d], put) = gs();
        assert!(ring.put(a).is_none() && ring.put(b).is_none());
        let thief = {
            let ring = ring.clone();
            thread::spawn(move || {
                let mut taken = steal(&ring);
                note(&mut taken, ring.steal_one());
                taken
            })
        };
        let mut taken = Vec::new();
        note(&mut taken, ring.put(c).into_iter().flatten());
        note(&mut taken, ring.put(d).into_iter().flatten());
        let others = thief.join().unwrap();
        while let Some(g) = ring.get() {
            note(&mut taken, [g]);
        }
        each_once(taken, others, put);
    });
}

/// Runnext: put, kick, take by the owner and by thieves. Break: `runnext_put_stored`.
#[test]
fn runnext() {
    explore(3, || {
        let ring = Arc::new(Runq::new());
        let ([a, b], put) = gs();
        let thieves = [(); 2].map(|()| {
            let ring = ring.clone();
            thread::spawn(move || {
                let mut taken = Vec::new();
                note(&mut taken, ring.take_next());
                taken
            })
        });
        let mut taken = Vec::new();
        note(&mut taken, ring.put_next(a));
        if let Some(kicked) = ring.put_next(b) {
            assert!(ring.put(kicked).is_none());
        }
        note(&mut taken, ring.take_next());
        note(&mut taken, ring.get());
        let others = thieves.into_iter().flat_map(|t| t.join().unwrap()).collect();
        each_once(taken, others, put);
        assert!(ring.is_empty());
    });
}
