//! A thread that is started before what it shall work on is ready.
//!
//! The kernel takes longer to bring a thread up than a runtime takes to be made: who begins with the thread
//! makes the rest while it comes up.
//!
//! Protocol. The maker puts the work into the slot, or nothing if there shall be none, and wakes the note
//! once; the thread sleeps on it before it looks. So the look comes after the slot was written, and the
//! thread ends without work only if its maker gave up.

use std::io;

use super::note::Note;
use super::sync::{broken, thread, Arc, Mutex};

/// What a thread and its maker share.
struct Begin<T> {
    work: Mutex<Option<T>>,
    note: Note,
}

/// A thread that waits for its work. Dropped, it ends, and is joined.
pub(crate) struct EarlyThread<T> {
    begin: Arc<Begin<T>>,
    join: Option<thread::JoinHandle<()>>,
}

impl<T: Send + 'static> EarlyThread<T> {
    /// Starts a thread that will run `f` on what it is given.
    pub(crate) fn spawn(
        builder: thread::Builder,
        f: impl FnOnce(T) + Send + 'static,
    ) -> io::Result<EarlyThread<T>> {
        let begin = Arc::new(Begin { work: Mutex::new(None), note: Note::new() });
        let join = builder.spawn({
            let begin = begin.clone();
            move || {
                begin.note.sleep();
                let work = begin.work.lock().take();
                // Before it works, maybe for ever: nobody else needs it any more.
                drop(begin);
                if let Some(work) = work {
                    f(work);
                }
            }
        })?;
        Ok(EarlyThread { begin, join: Some(join) })
    }

    /// Gives it its work.
    pub(crate) fn begin(mut self, work: T) -> thread::JoinHandle<()> {
        if broken("early_wakes_first") {
            self.begin.note.wakeup();
        }
        *self.begin.work.lock() = Some(work);
        self.begin.note.wakeup();
        self.join.take().expect("taken here only")
    }
}

impl<T> Drop for EarlyThread<T> {
    fn drop(&mut self) {
        if let Some(join) = self.join.take() {
            self.begin.note.wakeup();
            // Nothing of `f` has run that could have panicked.
            let _ended = join.join();
        }
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn it_works_on_what_it_is_given() {
        for late in [false, true] {
            let (tx, rx) = channel();
            let early = EarlyThread::spawn(thread::Builder::new(), move |work: u32| {
                tx.send((work, thread::current().id())).unwrap();
            })
            .unwrap();
            if late {
                // It sleeps, most likely.
                thread::sleep(std::time::Duration::from_millis(5));
            }
            let join = early.begin(7);
            let id = join.thread().id();
            join.join().unwrap();
            assert_eq!(rx.recv(), Ok((7, id)));
        }
    }

    #[test]
    fn without_work_it_ends() {
        let (tx, rx) = channel::<u32>();
        let early =
            EarlyThread::spawn(thread::Builder::new(), move |work| tx.send(work).unwrap()).unwrap();
        drop(early);
        // Its end of the channel went with it, unused.
        assert!(rx.try_recv() == Err(std::sync::mpsc::TryRecvError::Disconnected));
    }
}

#[cfg(all(test, gmp_loom))]
mod models {
    use super::*;
    use crate::primitives::sync::atomic::{AtomicBool, Ordering::Relaxed};

    /// Work given, or not, to a thread on its way up. Break: `early_wakes_first`.
    #[test]
    fn early_thread() {
        for give in [true, false] {
            loom::model(move || {
                let worked = Arc::new(AtomicBool::new(false));
                let early = EarlyThread::spawn(thread::Builder::new(), {
                    let worked = worked.clone();
                    move |()| worked.store(true, Relaxed)
                })
                .unwrap();
                if give {
                    early.begin(()).join().unwrap();
                } else {
                    drop(early);
                }
                assert_eq!(worked.load(Relaxed), give, "work lost");
            });
        }
    }
}
