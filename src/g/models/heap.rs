//! Memory of Gs in the models: freed blocks are overwritten and kept until the run ends, so that a touch
//! after the free reads nonsense (which loom refuses, as every G holds its objects) instead of luck; and
//! what was never freed is a failure.

use std::alloc::Layout;
use std::cell::RefCell;
use std::ptr::NonNull;

#[derive(Default)]
struct Heap {
    live: usize,
    freed: Vec<(NonNull<u8>, Layout)>,
}

thread_local! {
    // std's: loom's threads are coroutines of the thread that runs the model.
    static HEAP: RefCell<Heap> = RefCell::default();
}

/// Memory for a G.
pub(crate) fn alloc(layout: Layout) -> NonNull<u8> {
    HEAP.with(|heap| heap.borrow_mut().live += 1);
    // SAFETY: a G is never of size zero: it has a header.
    NonNull::new(unsafe { std::alloc::alloc(layout) }).expect("memory")
}

/// Overwrites it and keeps it back.
pub(crate) fn dealloc(memory: NonNull<u8>, layout: Layout) {
    // SAFETY: a block from `alloc` of this layout, whose owner gives it up.
    unsafe { memory.as_ptr().write_bytes(0xA5, layout.size()) };
    HEAP.with(|heap| {
        let mut heap = heap.borrow_mut();
        assert!(!heap.freed.iter().any(|&(old, _)| old == memory), "freed twice");
        heap.live -= 1;
        heap.freed.push((memory, layout));
    });
}

/// As [`explore`], but for no longer than so many seconds (unless `LOOM_MAX_DURATION` says otherwise): for
/// models of the whole scheduler, which have more steps than can be tried out.
pub(crate) fn explore_some(
    preemptions: usize,
    secs: u64,
    model: impl Fn() + Send + Sync + 'static,
) {
    let mut builder = builder(preemptions);
    builder.max_duration.get_or_insert(std::time::Duration::from_secs(secs));
    check(builder, model);
}

/// Explores a model with at most as many preemptions as the environment says, or `preemptions` if that
/// is less. Each run has to free what it allocated.
pub(crate) fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    check(builder(preemptions), model);
}

fn builder(preemptions: usize) -> loom::model::Builder {
    let mut builder = loom::model::Builder::new();
    let asked = builder.preemption_bound.unwrap_or(3);
    builder.preemption_bound = Some(asked.min(preemptions));
    builder.max_branches = 20_000;
    builder
}

fn check(builder: loom::model::Builder, model: impl Fn() + Send + Sync + 'static) {
    builder.check(move || {
        // What a failed run before left behind is not ours.
        forget();
        model();
        let live = HEAP.with(|heap| heap.borrow().live);
        assert_eq!(live, 0, "Gs were not freed");
        forget();
    });
}

fn forget() {
    HEAP.with(|heap| {
        let mut heap = heap.borrow_mut();
        heap.live = 0;
        for (memory, layout) in heap.freed.drain(..) {
            // SAFETY: from `alloc` with this layout, given up in `dealloc`, taken out of the list once.
            unsafe { std::alloc::dealloc(memory.as_ptr(), layout) };
        }
    });
}
