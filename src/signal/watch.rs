//! One runtime's watch over the pipe: a source of its poller, and the waker that waits there.
//!
//! Step numbers are those of the module above. The poller runs wakers on an ordinary thread with no lock
//! held, which is all that step 3 needs: no task, and no hook in the poller.

use std::fmt;
use std::io;
use std::sync::Arc; // what `Wake` wants
use std::task::{Context, Poll, Wake, Waker};

use mio::unix::SourceFd;
use mio::Interest;

use super::registry::{wake_all, Registry};
use crate::primitives::sync::atomic::{AtomicBool, Ordering::Relaxed};
use crate::primitives::sync::Arc as ModelArc;
use crate::scheduler::netpoll::{source, Direction, Netpoll, ScheduledIo};

/// Whose poller it is. Keeps it alive.
pub(super) trait Home: Send + Sync + 'static {
    /// The poller, at the same address for its whole life.
    fn poller(&self) -> &Netpoll;
}

/// See the module's text. The registry's list and the poller hold it until the poller shuts down.
pub(super) struct Watch {
    registry: &'static Registry,
    home: Box<dyn Home>,
    io: ModelArc<ScheduledIo>,
    closed: AtomicBool,
}

impl Watch {
    /// The watch through this poller: the one there is, or a new one.
    ///
    /// # Errors
    ///
    /// If the poller has shut down or the system refuses to register the pipe.
    pub(super) fn of(registry: &'static Registry, home: impl Home) -> io::Result<Arc<Watch>> {
        let mut watches = registry.watches.lock();
        let netpoll: *const Netpoll = home.poller();
        // An address is enough: a watch in the list keeps its poller alive.
        if let Some(watch) = watches.iter().find(|watch| std::ptr::eq(watch.home.poller(), netpoll))
        {
            return Ok(watch.clone());
        }
        // Every poller has an epoll (or kqueue) of its own, so that one fd can be in all of them.
        let io = home.poller().register(&mut SourceFd(&registry.fd()), Interest::READABLE)?;
        let watch =
            Arc::new(Watch { registry, home: Box::new(home), io, closed: AtomicBool::new(false) });
        watches.push(watch.clone());
        drop(watches);
        watch.turn();
        Ok(watch)
    }

    /// Has the poller shut down?
    pub(super) fn is_closed(&self) -> bool {
        // Relaxed: a hint to look for another poller; nothing is read on the strength of it.
        self.closed.load(Relaxed)
    }

    /// Step 3, and step 6 when the poller has shut down.
    fn turn(self: &Arc<Self>) {
        let waker = Waker::from(self.clone());
        let mut cx = Context::from_waker(&waker);
        let mut wakers = Vec::new();
        // Armed when this is pending; the listeners are woken after that, with no work left to be held up
        // by what they do.
        while let Poll::Ready(event) = self.io.poll_ready(&mut cx, Direction::Read) {
            if event.is_shutdown() || event.bits() & source::READ_CLOSED != 0 {
                self.close();
                break;
            }
            self.registry.collect(&mut wakers);
            // What came after `event` is kept, and the look in the loop's head sees it.
            self.io.clear(event, Direction::Read.mask());
        }
        wake_all(wakers);
    }

    /// Step 6.
    fn close(&self) {
        self.closed.store(true, Relaxed); // see `is_closed`
        let mut watches = self.registry.watches.lock();
        let ours = watches.iter().position(|watch| std::ptr::eq(&**watch, self));
        let ours = ours.map(|index| watches.swap_remove(index));
        drop(watches);
        // The poller is closing: that it may not know the source any more is no news.
        let _ = self.home.poller().deregister(&self.io, &mut SourceFd(&self.registry.fd()));
        drop(ours);
    }
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        self.turn();
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
