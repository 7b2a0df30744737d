//! Work that blocks, as something to poll: what files, directories and the standard streams stand on.
//!
//! A [`Job`] is a closure on a thread without a permit, and a slot for its answer.
//!
//! 1. **Start**: the closure goes through the scheduler's door for blocking closures, together with a
//!    [`Finisher`], which owns it. The job's own handle there is dropped: nobody aborts, and the answer
//!    takes another way.
//! 2. **Run**: the finisher runs the closure, puts the answer into the slot, and wakes who waits.
//! 3. **Lost**: if the closure panics, or is dropped before it ran (the runtime has ended), the finisher's
//!    drop ends the slot without an answer. Nobody waits for ever.
//! 4. **Mandatory** jobs are not lost to the end of a runtime. They carry what somebody was told is
//!    written; so a finisher that is dropped before it ran runs its closure right there. The scheduler drops
//!    queued closures on the threads that take part in the shutdown, which wait for each other.
//!
//! Any number may wait for the same job: what one of them finds done, the others find done as well. The
//! answer itself is taken once, by whoever holds the lock of the structure that the job belongs to.
//!
//! Wakers are cloned, dropped and woken outside of the slot's lock.

use std::fmt;
use std::future::Future;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{ready, Context, Poll, Waker};

use super::ReadBuf;
use crate::g::coop::poll_proceed;
use crate::primitives::foreign;
use crate::primitives::sync::{Arc, Mutex};
use crate::scheduler::{context, handoff};

/// How much a file or a standard stream moves at a time, at most. tokio's number.
pub(crate) const MAX_BUF_SIZE: usize = 2 * 1024 * 1024;

/// May something new be accepted? Mandatory jobs are for what was accepted before the end.
///
/// # Errors
///
/// That the runtime is being shut down.
///
/// # Panics
///
/// Outside of a runtime.
#[cfg(feature = "io-std")]
#[track_caller]
pub(crate) fn still_open() -> io::Result<()> {
    context::with_current_or_panic(|sched| {
        if sched.is_closed() {
            Err(crate::scheduler::netpoll::shutdown_error())
        } else {
            Ok(())
        }
    })
}

/// What is answered in place of an answer that was lost (step 3).
fn lost() -> io::Error {
    io::Error::other("background task failed")
}

struct Slot<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    over: bool,
    answer: Option<T>,
    wakers: Vec<Waker>,
}

impl<T> Slot<T> {
    fn finish(&self, answer: Option<T>) {
        let mut state = self.state.lock();
        state.over = true;
        state.answer = answer;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        for waker in wakers {
            foreign::call(|| waker.wake());
        }
    }
}

/// Owns the closure and sees to it that the slot ends.
struct Finisher<T, F: FnOnce() -> T> {
    /// Until it runs.
    f: Option<F>,
    /// Until it was told.
    slot: Option<Arc<Slot<T>>>,
    mandatory: bool,
}

impl<T, F: FnOnce() -> T> Finisher<T, F> {
    fn run(mut self) {
        let answer = self.f.take().map(|f| f());
        if let Some(slot) = self.slot.take() {
            slot.finish(answer);
        }
    }
}

impl<T, F: FnOnce() -> T> Drop for Finisher<T, F> {
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else { return };
        let answer = match self.f.take() {
            // Step 4.
            Some(f) if self.mandatory => foreign::call(f),
            // Step 3.
            _ => None,
        };
        slot.finish(answer);
    }
}

/// See the module's text.
pub(crate) struct Job<T> {
    slot: Arc<Slot<T>>,
}

impl<T: Send + 'static> Job<T> {
    /// Starts a job that the end of the runtime may drop.
    ///
    /// # Panics
    ///
    /// Outside of a runtime; and when there is no thread for it and none can be made.
    #[track_caller]
    pub(crate) fn start(f: impl FnOnce() -> T + Send + 'static) -> Job<T> {
        Job::submit(f, false)
    }

    /// Starts a job that runs in any case (step 4).
    ///
    /// # Panics
    ///
    /// See [`start`](Self::start). Outside of a runtime it does not run.
    #[track_caller]
    pub(crate) fn start_mandatory(f: impl FnOnce() -> T + Send + 'static) -> Job<T> {
        Job::submit(f, true)
    }

    #[track_caller]
    fn submit(f: impl FnOnce() -> T + Send + 'static, mandatory: bool) -> Job<T> {
        // Before there is a finisher, whose drop would run what is mandatory.
        context::with_current_or_panic(|_| ());
        let state = State { over: false, answer: None, wakers: Vec::new() };
        let slot = Arc::new(Slot { state: Mutex::new(state) });
        let finisher = Finisher { f: Some(f), slot: Some(slot.clone()), mandatory };
        drop(handoff::spawn_blocking(move || finisher.run()));
        Job { slot }
    }

    /// Is it over, one way or the other?
    pub(crate) fn is_over(&self) -> bool {
        self.slot.state.lock().over
    }

    /// Waits for the end. With `alone`, the caller is the only one who can wait, and earlier wakers are
    /// forgotten.
    pub(crate) fn poll_over(&self, cx: &mut Context<'_>, alone: bool) -> Poll<()> {
        let unit = ready!(poll_proceed(cx));
        let mut clone: Option<Waker> = None;
        loop {
            let mut state = self.slot.state.lock();
            if state.over {
                unit.made_progress();
                drop(state);
                return Poll::Ready(());
            }
            if state.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                return Poll::Pending;
            }
            match clone.take() {
                Some(waker) => {
                    let old = if alone { std::mem::take(&mut state.wakers) } else { Vec::new() };
                    state.wakers.push(waker);
                    drop(state);
                    drop(old);
                    return Poll::Pending;
                }
                None => {
                    drop(state);
                    clone = Some(cx.waker().clone());
                }
            }
        }
    }

    /// The answer of a job that is over.
    ///
    /// # Errors
    ///
    /// If the answer was lost, or taken before.
    pub(crate) fn take(&self) -> io::Result<T> {
        self.slot.state.lock().answer.take().ok_or_else(lost)
    }

    /// Another one who waits for it.
    pub(crate) fn share(&self) -> Job<T> {
        Job { slot: self.slot.clone() }
    }
}

impl<T: Send + 'static> Future for Job<T> {
    type Output = io::Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        ready!(self.poll_over(cx, true));
        Poll::Ready(self.take())
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("over", &self.slot.state.lock().over).finish()
    }
}

/// Bytes on their way between a caller and a job.
///
/// Its memory is kept from one use to the next, and stays initialised, so that a read need not zero it
/// again.
#[derive(Default)]
pub(crate) struct Buf {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buf {
    /// How many bytes are on their way.
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(crate) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// Moves as much as fits from the front.
    pub(crate) fn give(&mut self, to: &mut ReadBuf<'_>) {
        let n = self.len().min(to.remaining());
        to.put_slice(&self.bytes[self.start..self.start + n]);
        self.start += n;
        if self.is_empty() {
            self.clear();
        }
    }

    /// Appends bytes up to a length of `max`; answers how many.
    pub(crate) fn accept(&mut self, from: &[u8], max: usize) -> usize {
        let n = from.len().min(max.saturating_sub(self.len()));
        let initialised = n.min(self.bytes.len() - self.end);
        self.bytes[self.end..self.end + initialised].copy_from_slice(&from[..initialised]);
        self.bytes.extend_from_slice(&from[initialised..n]);
        self.end += n;
        n
    }

    /// One read of up to `max` bytes into the empty buffer; again if a signal interrupts it.
    pub(crate) fn fill(&mut self, from: &mut impl Read, max: usize) -> io::Result<usize> {
        self.clear();
        if self.bytes.len() < max {
            // A new one, and not a longer one: the system has zeroed pages.
            self.bytes = vec![0; max];
        }
        loop {
            match from.read(&mut self.bytes[..max]) {
                Ok(n) => {
                    self.end = n.min(max);
                    return Ok(self.end);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes all of it. It is empty afterwards, also after an error.
    pub(crate) fn drain(&mut self, to: &mut impl Write) -> io::Result<()> {
        let result = to.write_all(&self.bytes[self.start..self.end]);
        self.clear();
        result
    }
}

impl fmt::Debug for Buf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buf").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let mut buf = Buf::default();
        assert_eq!(buf.accept(b"abcdef", 4), 4);
        assert_eq!(buf.accept(b"x", 4), 0);
        let mut out = Vec::new();
        buf.drain(&mut out).unwrap();
        assert!(out == b"abcd" && buf.is_empty());
        // Longer than before: partly into memory that is there.
        assert_eq!(buf.accept(b"123456789", 100), 9);
        buf.drain(&mut out).unwrap();
        assert_eq!(out, b"abcd123456789");
    }

    #[test]
    fn a_read_is_handed_out_in_parts() {
        let mut buf = Buf::default();
        assert_eq!(buf.fill(&mut &b"hello"[..], 4).unwrap(), 4);
        let mut bytes = [0; 3];
        let mut to = ReadBuf::new(&mut bytes);
        buf.give(&mut to);
        assert_eq!((to.filled(), buf.len()), (&b"hel"[..], 1));
        to.clear();
        buf.give(&mut to);
        assert!(to.filled() == b"l" && buf.is_empty());
        assert_eq!(buf.fill(&mut &b""[..], 4).unwrap(), 0);
    }

    #[test]
    fn an_interrupted_read_is_tried_again() {
        struct Interrupted(bool);
        impl Read for Interrupted {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                if !std::mem::replace(&mut self.0, true) {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                buf[0] = 7;
                Ok(1)
            }
        }
        assert_eq!(Buf::default().fill(&mut Interrupted(false), 9).unwrap(), 1);
    }

    fn finisher<F: FnOnce() -> u32>(f: F, mandatory: bool) -> (Job<u32>, Finisher<u32, F>) {
        let state = State { over: false, answer: None, wakers: Vec::new() };
        let slot = Arc::new(Slot { state: Mutex::new(state) });
        (Job { slot: slot.clone() }, Finisher { f: Some(f), slot: Some(slot), mandatory })
    }

    #[test]
    fn what_never_ran_is_lost_unless_mandatory() {
        let (job, dropped) = finisher(|| 1, false);
        assert!(!job.is_over());
        drop(dropped);
        assert_eq!(job.take().unwrap_err().to_string(), "background task failed");
        let (job, dropped) = finisher(|| 2, true);
        drop(dropped);
        assert_eq!(job.take().unwrap(), 2);
        let (job, panics) = finisher(|| panic!("in a job"), true);
        assert!(foreign::call(|| panics.run()).is_none());
        assert!(job.is_over() && job.take().is_err(), "it ran once, and not again when dropped");
    }
}
