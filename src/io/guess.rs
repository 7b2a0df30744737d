//! Whether a read that may find nothing is worth its system call now.
//!
//! After a read that filled its buffer, or one message of many, nobody knows whether the kernel has more, and
//! no event will tell. Two habits are common: the peer has sent more than that (a header and its body, a stream),
//! or it waits for an answer (request and response of a known size), and then the next read finds nothing.
//! The second kind is better put off until others have run (`scheduler/probes.rs`).
//!
//! So each source has a predictor like those of branches: two scores of three bits, chosen by how the
//! last doubtful read ended, which is enough to tell a header's read from that of its body.
//!
//! - Tried at once: nothing there adds one, something there ends the score.
//! - Put off: something there adds one (the wait has paid), nothing there takes one away. Where it
//!   never pays, as with a peer that is far away, every other one is put off.
//! - From [`SURE`] on reads are put off, but for each [`CHECK`]th: whether something was there at once is seen only
//!   by trying.
//!
//! One word, loaded and stored and never exchanged: who reads a source from two tasks at a time may lose an
//! observation, and nothing else.

// std's atomic also under loom: a guess, which would only multiply the runs.
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The score from which on reads are put off.
const SURE: u32 = 2;
/// The highest score.
const MOST: u32 = 7;
/// Of so many doubtful reads with such a score one is tried at once.
const CHECK: u32 = 64;

/// See the module's text. The word, from the least significant bit:
///
/// ```text
/// | 0 doubtful | 1 put off | 2 the last doubtful read found something | 3..6, 6..9 scores | 9.. put off so often |
/// ```
#[derive(Debug, Default)]
pub(crate) struct Guess(AtomicU32);

const DOUBTFUL: u32 = 1;
const PUT_OFF: u32 = 1 << 1;
const FOUND: u32 = 1 << 2;
const COUNT: u32 = 1 << 9;

/// Where the score is that counts after such a last read.
fn shift(word: u32) -> u32 {
    if word & FOUND == 0 {
        3
    } else {
        6
    }
}

fn score(word: u32) -> u32 {
    word >> shift(word) & MOST
}

fn with_score(word: u32, score: u32) -> u32 {
    word & !(MOST << shift(word)) | score << shift(word)
}

impl Guess {
    // Relaxed (both): nothing rides on it.
    fn load(&self) -> u32 {
        self.0.load(Relaxed)
    }

    fn store(&self, word: u32) {
        self.0.store(word, Relaxed);
    }

    /// Is the next read to be put off?
    #[inline]
    pub(super) fn is_too_early(&self) -> bool {
        let word = self.load();
        word & (DOUBTFUL | PUT_OFF) == DOUBTFUL
            && score(word) >= SURE
            && word / COUNT % CHECK != CHECK - 1
    }

    /// It was put off.
    pub(super) fn put_off(&self) {
        self.store((self.load() | PUT_OFF).wrapping_add(COUNT));
    }

    /// A read found nothing. Answers whether it had been put off.
    pub(super) fn found_nothing(&self) -> bool {
        let word = self.load();
        let left = if word & PUT_OFF != 0 {
            with_score(word, score(word).saturating_sub(1))
        } else if word & DOUBTFUL != 0 {
            with_score(checked(word), (score(word) + 1).min(MOST))
        } else {
            return false;
        };
        self.store(left & !(DOUBTFUL | PUT_OFF | FOUND));
        word & PUT_OFF != 0
    }

    /// A read found something; perhaps not all there is. Answers whether it had been put off.
    #[inline]
    pub(super) fn found(&self, doubtful: bool) -> bool {
        let word = self.load();
        let left = if word & PUT_OFF != 0 {
            // As if it had been tried at once, in vain.
            with_score(word, (score(word) + 1).min(MOST)) & !FOUND
        } else if word & DOUBTFUL != 0 {
            with_score(checked(word), 0) | FOUND
        } else {
            word
        };
        let next = left & !(DOUBTFUL | PUT_OFF) | u32::from(doubtful);
        if next != word {
            self.store(next);
        }
        word & PUT_OFF != 0
    }
}

/// A doubtful read was tried at once: the next of these tries is due [`CHECK`] later.
fn checked(word: u32) -> u32 {
    if word / COUNT % CHECK == CHECK - 1 {
        word.wrapping_add(COUNT)
    } else {
        word
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    /// Reads the source as `registration.rs` does: `there` says whether a doubtful read finds something, if it is
    /// put off or not. Answers whether it was put off.
    fn read(guess: &Guess, there: impl Fn(bool) -> bool) -> bool {
        let late = guess.is_too_early();
        if late {
            guess.put_off();
            assert!(!guess.is_too_early(), "put off once");
        }
        if !there(late) {
            guess.found_nothing();
            assert!(!guess.is_too_early(), "an event will say so");
        }
        guess.found(true);
        late
    }

    fn times(n: usize, mut read: impl FnMut() -> bool) -> usize {
        (0..n).filter(|_| read()).count()
    }

    #[test]
    fn answers_that_come_in_time_are_waited_for() {
        let guess = Guess::default();
        guess.found(true);
        assert_eq!(times(2, || read(&guess, |late| late)), 0, "it has to be learnt");
        assert_eq!(times(640, || read(&guess, |late| late)), 630, "all but each 64th");
    }

    #[test]
    fn what_is_there_is_never_waited_for() {
        let guess = Guess::default();
        assert_eq!(times(100, || read(&guess, |_| true)), 0);
        // And after a change of habits the next check finds out.
        times(50, || read(&guess, |late| late));
        assert!(times(100, || read(&guess, |_| true)) < 64);
        assert_eq!(times(100, || read(&guess, |_| true)), 0);
    }

    #[test]
    fn where_waiting_never_pays_it_is_done_half_of_the_time() {
        let guess = Guess::default();
        let late = times(320, || read(&guess, |_| false));
        assert!((100..=160).contains(&late), "{late} of 320");
    }

    #[test]
    fn a_header_is_told_from_its_body() {
        let guess = Guess::default();
        for _ in 0..8 {
            read(&guess, |late| late);
            read(&guess, |_| true);
        }
        let headers = times(16, || {
            let header = read(&guess, |late| late);
            assert!(!read(&guess, |_| true), "the body is there");
            header
        });
        assert_eq!(headers, 16);
    }

    #[test]
    fn a_read_that_left_room_is_not_doubtful() {
        let guess = Guess::default();
        for _ in 0..9 {
            read(&guess, |late| late);
        }
        guess.found(false);
        assert!(!guess.is_too_early());
        let before = guess.load();
        guess.found_nothing();
        assert_eq!(guess.load(), before, "an event without anything to read teaches nothing");
    }
}
