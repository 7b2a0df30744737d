//! The note: no wake-up is lost, and none is kept twice.

use loom::thread;

use super::explore;
use crate::primitives::note::Note;
use crate::primitives::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::primitives::sync::Arc;
use std::time::Duration;

fn wakers(note: &Arc<Note>, data: &Arc<AtomicUsize>) -> [thread::JoinHandle<()>; 2] {
    [1, 2].map(|bit| {
        let (note, data) = (note.clone(), data.clone());
        thread::spawn(move || {
            // Relaxed: the note publishes it.
            data.fetch_or(bit, Relaxed);
            note.wakeup();
        })
    })
}

/// Park against two wake-ups, each of which has something to say. Breaks: `note_token_lost` (a token that
/// came before the sleep is overwritten), `note_token_stored` (a second token is taken without what was
/// written before it).
#[test]
fn note() {
    explore(3, || {
        let (note, data) = (Arc::new(Note::new()), Arc::new(AtomicUsize::new(0)));
        let threads = wakers(&note, &data);
        let mut sleeps = 0;
        while data.load(Relaxed) != 3 {
            note.sleep();
            sleeps += 1;
        }
        assert!(sleeps <= 2, "a token was kept twice");
        threads.into_iter().for_each(|t| t.join().unwrap());
    });
}

/// A sleep that the kernel ends for nothing, once or not at all, is gone on with. Break:
/// `note_trusts_the_kernel`.
#[test]
fn m_spurious_unpark() {
    explore(3, || {
        let (note, told) = (Arc::new(Note::new()), Arc::new(AtomicUsize::new(0)));
        let waker = {
            let (note, told) = (note.clone(), told.clone());
            thread::spawn(move || {
                // Relaxed: the note publishes it.
                told.store(1, Relaxed);
                note.wakeup();
            })
        };
        note.sleep();
        assert_eq!(told.load(Relaxed), 1, "woken for nothing");
        waker.join().unwrap();
    });
}

/// As `note`, with a sleep that times out. Break: `note_token_lost`.
#[test]
fn note_timeout() {
    explore(3, || {
        let (note, data) = (Arc::new(Note::new()), Arc::new(AtomicUsize::new(0)));
        let threads = wakers(&note, &data);
        let first = note.sleep_timeout(Duration::from_secs(1));
        assert!(!first || data.load(Relaxed) != 0, "woken by nobody");
        while data.load(Relaxed) != 3 {
            note.sleep();
        }
        threads.into_iter().for_each(|t| t.join().unwrap());
    });
}
