//! Blocks are whole and of one owner, whatever threads do with them; what threads leave comes back.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::{mpsc, Arc, Barrier};

use super::*;
use crate::primitives::rand::Rand;

/// A block that is filled with its own mark, from end to end.
struct Held {
    memory: NonNull<u8>,
    layout: Layout,
    mark: u8,
}

// SAFETY: the block is this value's alone.
unsafe impl Send for Held {}

impl Held {
    fn new(size: usize, align: usize, mark: u8) -> Held {
        let layout = Layout::from_size_align(size, align).unwrap();
        let memory = alloc(layout);
        assert_eq!(memory.as_ptr() as usize % align, 0, "{layout:?}");
        // SAFETY: memory for this layout.
        unsafe { memory.write_bytes(mark, size) };
        Held { memory, layout, mark }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: filled by `new`.
        let bytes = unsafe { std::slice::from_raw_parts(self.memory.as_ptr(), self.layout.size()) };
        assert!(bytes.iter().all(|&byte| byte == self.mark), "somebody else wrote into a block");
        // SAFETY: from `alloc` with this layout, and the last use.
        unsafe { dealloc(self.memory, self.layout) };
    }
}

#[test]
fn sizes_round_up_to_their_class() {
    let of = |size, align| class(Layout::from_size_align(size, align).unwrap());
    if cfg!(gmp_asan) {
        assert_eq!(of(1, 1), None);
        return;
    }
    assert_eq!(of(0, 1), None);
    assert_eq!((of(1, 1), of(16, 16), of(17, 8)), (Some(0), Some(0), Some(1)));
    assert_eq!((of(LARGEST, 16), of(LARGEST + 1, 16)), (Some(CLASSES - 1), None));
    assert_eq!(of(64, 32), None);
    for class in 0..CLASSES {
        assert!((8..=64).contains(&batch(class)), "{class}");
    }
}

/// Threads that allocate, free, and send each other blocks in bursts, with sizes of all classes and none.
#[test]
fn blocks_have_one_owner() {
    const THREADS: usize = 4;
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..THREADS).map(|_| mpsc::channel::<Held>()).unzip();
    let threads: Vec<_> = receivers
        .into_iter()
        .enumerate()
        .map(|(number, receiver)| {
            let senders = senders.clone();
            std::thread::spawn(move || {
                let rand = Rand::new(number as u64 + 1);
                let mut held = Vec::new();
                for _ in 0..40 {
                    let size = 1 + rand.below(1100) as usize;
                    let align = 1 << rand.below(7);
                    for n in 0..rand.below(300) {
                        held.push(Held::new(size, align, n as u8));
                    }
                    match rand.below(3) {
                        0 => held.clear(),
                        1 => {
                            let to = &senders[rand.below(THREADS as u32) as usize];
                            held.drain(..).for_each(|held| drop(to.send(held)));
                        }
                        _ => {}
                    }
                    receiver.try_iter().for_each(drop);
                }
            })
        })
        .collect();
    drop(senders);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// One thread makes what another one frees: the depot brings it back, up to its bound.
#[test]
fn what_others_free_comes_back_and_is_bounded() {
    const SIZE: usize = 1000;
    let many = 2 * DEPOT_BYTES / SIZE;
    let (sender, receiver) = mpsc::channel();
    let maker = std::thread::spawn(move || {
        for n in 0..many {
            sender.send(Held::new(SIZE, 8, n as u8)).unwrap();
        }
    });
    let all: Vec<Held> = receiver.iter().collect();
    maker.join().unwrap();
    drop(all);
    let held = HELD.load(SeqCst);
    assert!(held <= DEPOT_BYTES, "{held} bytes are kept");
    if !cfg!(gmp_asan) {
        assert!(DEPOTS[class(Layout::from_size_align(SIZE, 8).unwrap()).unwrap()].take_one());
    }
}

impl Depot {
    /// Is there a magazine? It is put back.
    fn take_one(&self) -> bool {
        let magazine = self.take();
        if let Some(magazine) = magazine {
            self.put(magazine);
        }
        magazine.is_some()
    }
}

/// Thread locals may free and allocate when the thread's magazines are gone already, and before it had any.
#[test]
fn thread_locals_free_at_the_very_end() {
    struct Late(Cell<Option<Held>>, Arc<Barrier>);
    impl Drop for Late {
        fn drop(&mut self) {
            drop(self.0.take());
            drop(Held::new(100, 8, 3));
            self.1.wait();
        }
    }
    std::thread_local! {
        static EARLY: Cell<Option<Late>> = const { Cell::new(None) };
    }
    let barrier = Arc::new(Barrier::new(2));
    let thread = {
        let barrier = barrier.clone();
        std::thread::spawn(move || {
            // Registered before the pool's own, so that it is dropped after or before it; one of each.
            EARLY.with(|early| early.set(Some(Late(Cell::new(None), Arc::new(Barrier::new(1))))));
            let held = Held::new(100, 8, 1);
            std::thread_local! {
                static LATER: Cell<Option<Late>> = const { Cell::new(None) };
            }
            let kept = Held::new(100, 8, 2);
            EARLY.with(|early| {
                let late = early.take().expect("just set");
                late.0.set(Some(kept));
                early.set(Some(late));
            });
            LATER.with(|later| later.set(Some(Late(Cell::new(Some(held)), barrier))));
        })
    };
    barrier.wait();
    thread.join().unwrap();
}

#[cfg(feature = "sync")]
#[test]
fn a_panic_in_a_drop_gives_the_memory_back() {
    struct Bomb(#[allow(dead_code)] [u64; 7]);
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("boom");
        }
    }
    let placed = place(Bomb([1; 7]));
    let address = placed.as_ptr() as usize;
    // SAFETY: its last use.
    let result = std::panic::catch_unwind(|| unsafe { free(placed) });
    assert!(result.is_err());
    if !cfg!(gmp_asan) {
        let next = Held::new(size_of::<Bomb>(), 8, 0);
        assert_eq!(next.memory.as_ptr() as usize, address, "it is the next to be used");
    }
}
