//! One G and what happens to it at the same time; the races of `state.rs`.

use super::*;
use heap::explore;
use loom::thread;

/// Edges 2, 3 and 4: run and Pending against two wakes. No wake is lost, the G is never in the queue
/// twice nor polled by two, and the last poll sees what the wakers wrote.
///
/// Breaks: `wake_running_lost` (a wake during the poll is not recorded), `end_poll_store` (Waiting is
/// stored, not swapped in), `g_transition_relaxed`.
#[test]
fn task_state() {
    explore(3, || {
        let Waiting { bed, gate, future, output, mut wakers, handle } = waiting(0b11);
        let (by_ref, by_val) = (wakers.pop().unwrap(), wakers.pop().unwrap());
        let threads = [
            {
                let gate = gate.clone();
                thread::spawn(move || {
                    gate.set(0b01);
                    by_val.wake();
                })
            },
            {
                let gate = gate.clone();
                thread::spawn(move || {
                    gate.set(0b10);
                    by_ref.wake_by_ref();
                })
            },
        ];
        bed.run_to_end();
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert!(bed.try_pop().is_none());
        assert_eq!((future.drops(), output.drops()), (1, 0));
        drop(handle);
        assert_eq!(output.drops(), 1);
    });
}

/// Edge 6 against the handle that awaits the output: woken if it was told to wait, and the output is
/// its own.
///
/// Breaks: `join_waker_blind` (the waker is handed over without a look whether the G completed),
/// `complete_ignores_interest` (the output is dropped by both), `g_transition_relaxed`.
#[test]
fn task_complete_join() {
    explore(3, || {
        let Waiting { bed, gate, future, output, mut wakers, handle } = waiting(1);
        gate.set(1);
        wakers.pop().unwrap().wake();
        let m = {
            let bed = bed.clone();
            thread::spawn(move || bed.run_to_end())
        };
        let bell = Bell::new();
        let out = block_on(handle, &bell).unwrap();
        assert_eq!((future.drops(), output.drops()), (1, 0));
        drop(out);
        assert_eq!(output.drops(), 1);
        m.join().unwrap();
        assert_eq!(std::sync::Arc::strong_count(&bell), 1, "a waker was kept");
    });
}

/// Edge 6 against a handle that registers a waker, replaces it, and goes: no waker is kept or dropped
/// twice, and the output is dropped once.
///
/// Breaks: `complete_keeps_waker` (completion takes the waker but leaves the bit),
/// `join_waker_overwritten` (the handle writes another waker without taking the slot back).
#[test]
fn task_complete_drop_handle() {
    explore(3, || {
        let Waiting { bed, gate, future, output, mut wakers, mut handle } = waiting(1);
        gate.set(1);
        wakers.pop().unwrap().wake();
        let m = {
            let bed = bed.clone();
            thread::spawn(move || bed.run_to_end())
        };
        let bells = [Bell::new(), Bell::new()];
        for bell in &bells {
            let waker = Waker::from(bell.clone());
            let polled = Pin::new(&mut handle).poll(&mut Context::from_waker(&waker));
            if polled.is_ready() {
                break;
            }
        }
        drop(handle);
        m.join().unwrap();
        for bell in bells {
            assert_eq!(std::sync::Arc::strong_count(&bell), 1, "a waker was kept");
        }
        assert_eq!((future.drops(), output.drops()), (1, 1));
    });
}

/// A queued G: run against abort against the drop of the handle. It ends, and the future is dropped
/// once, by the M.
///
/// Breaks: `abort_running_lost` (an abort during the poll is not recorded), `abort_queues_twice`.
#[test]
fn task_abort() {
    explore(2, || {
        let bed = Bed::new();
        let gate = Arc::new(Gate { bits: AtomicUsize::new(0), wakers: Mutex::new(Vec::new()) });
        let (future, output) = (Probe::new(), Probe::new());
        let waits = Waits { gate: gate.clone(), all: 1, probe: Probed(future.clone()), output };
        let handle = spawn(&bed, waits);
        let abort = handle.abort_handle();
        let threads = [
            thread::spawn(move || abort.abort()),
            thread::spawn(move || {
                handle.abort();
                drop(handle);
            }),
        ];
        bed.run_to_end();
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert!(bed.try_pop().is_none());
        assert_eq!(future.drops(), 1);
        gate.wakers.lock().clear();
    });
}

/// References: a wake by value, the drop of another waker, and the run to the end, after the handle has
/// gone. The memory lives as long as anybody uses it, and no longer.
///
/// Break: `wake_touches_after_submit` (the waker looks at the G after it gave its reference to the
/// queue).
#[test]
fn task_refs() {
    explore(3, || {
        let Waiting { bed, gate, future, output, mut wakers, handle } = waiting(1);
        let (wakes, drops) = (wakers.pop().unwrap(), wakers.pop().unwrap());
        drop(handle);
        let threads = [
            thread::spawn(move || {
                gate.set(1);
                wakes.wake();
            }),
            thread::spawn(move || drop(drops)),
        ];
        bed.run_to_end();
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!((future.drops(), output.drops()), (1, 1));
    });
}

/// The last reference: the handle drops the output, a waker is dropped, the M completes; whoever is the
/// last frees, after what the others did.
///
/// Break: `output_after_ref` (the handle drops the output after it gave its reference up).
#[test]
fn task_refs_output() {
    explore(3, || {
        let Waiting { bed, gate, future, output, mut wakers, handle } = waiting(1);
        gate.set(1);
        wakers.pop().unwrap().wake();
        let last = wakers.pop().unwrap();
        let threads = [thread::spawn(move || drop(handle)), thread::spawn(move || drop(last))];
        bed.run_to_end();
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!((future.drops(), output.drops()), (1, 1));
    });
}

/// A G that nobody can wake any more: its last waker goes while it runs. It waits for ever, so its
/// memory, and the future in it, goes with the last reference.
///
/// Break: `end_poll_keeps_ref` (the reference of the queue is not given up).
#[test]
fn task_forgotten() {
    explore(3, || {
        let Waiting { bed, gate, future, output, mut wakers, handle } = waiting(0b11);
        drop(handle);
        drop(wakers.pop());
        let last = wakers.pop().unwrap();
        let waker = {
            let gate = gate.clone();
            thread::spawn(move || {
                gate.set(1);
                last.wake();
            })
        };
        let _ended = bed.run(bed.pop());
        waker.join().unwrap();
        assert_eq!((future.drops(), output.drops()), (1, 0));
    });
}
