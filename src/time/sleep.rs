//! `Sleep`: one deadline.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use pin_project_lite::pin_project;

use super::{clock, Duration, Instant};
use crate::g::coop;
use crate::scheduler::context::{current_or_panic, SchedRef};
use crate::scheduler::timers::{Look, TimerEntry};

/// Texts that programs compare: they are tokio's.
const TIMERS_DISABLED: &str = "A Tokio 1.x context was found, but timers are disabled. \
     Call `enable_time` on the runtime builder to enable timers.";
const BEING_SHUTDOWN: &str = "A Tokio 1.x context was found, but it is being shutdown.";

/// Waits for a duration.
///
/// Ready `duration` from now, never early; see the [module](super) for how exact it is. Zero is ready at
/// the first poll. A duration so long that its end cannot be represented waits for 30 years. The clock
/// starts at the call, not at the first poll.
///
/// # Cancel safety
///
/// Dropping the future ends the wait; nothing else is lost.
///
/// # Panics
///
/// Outside of a runtime, and in a runtime whose timers are off.
///
/// # Examples
///
/// ```
/// use gmp::time::{sleep, Duration, Instant};
///
/// let runtime = gmp::runtime::Builder::new_current_thread().enable_time().build()?;
/// runtime.block_on(async {
///     let start = Instant::now();
///     sleep(Duration::from_millis(3)).await;
///     assert!(start.elapsed() >= Duration::from_millis(3));
/// });
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::new(clock::after(clock::now(), duration), !duration.is_zero())
}

/// Waits until an instant.
///
/// Ready at `deadline`, never early; see the [module](super) for how exact it is. A deadline that has
/// passed is ready at the first poll.
///
/// # Cancel safety
///
/// Dropping the future ends the wait; nothing else is lost.
///
/// # Panics
///
/// Outside of a runtime, and in a runtime whose timers are off.
///
/// # Examples
///
/// ```
/// use gmp::time::{sleep_until, Duration, Instant};
///
/// let runtime = gmp::runtime::Builder::new_current_thread().enable_time().build()?;
/// runtime.block_on(async {
///     let deadline = Instant::now() + Duration::from_millis(3);
///     sleep_until(deadline).await;
///     assert!(Instant::now() >= deadline);
/// });
/// # std::io::Result::Ok(())
/// ```
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(deadline, false)
}

pin_project! {
    /// The future of [`sleep()`] and [`sleep_until`].
    ///
    /// Does nothing until it is polled. It belongs to the runtime it was made in, whoever polls it, and
    /// may be polled again after it was ready. It must not move once polled: [`Box::pin`] it or use
    /// [`std::pin::pin!`] where it has to be polled by reference, as in a loop around `select!`.
    ///
    /// # Panics
    ///
    /// Polling panics after the shutdown of the runtime it was made in.
    #[project(!Unpin)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Sleep {
        #[pin]
        entry: TimerEntry<SchedRef>,
        deadline: Instant,
        // The deadline was in the future a moment ago: no need to look at the clock at the first poll.
        ahead: bool,
    }
}

impl Sleep {
    #[track_caller]
    pub(super) fn new(deadline: Instant, ahead: bool) -> Sleep {
        let sched = current_or_panic();
        if !sched.time_enabled() {
            panic!("{TIMERS_DISABLED}");
        }
        Sleep { entry: TimerEntry::new(sched), deadline, ahead }
    }

    /// When it is to be ready, as given.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Has the runtime seen the deadline pass?
    ///
    /// False for a `Sleep` that was never polled nor [`reset`](Self::reset), whatever its deadline.
    pub fn is_elapsed(&self) -> bool {
        self.entry.is_fired()
    }

    /// Changes the deadline, also of a `Sleep` that was ready before.
    ///
    /// ```
    /// use gmp::time::{sleep, Duration, Instant};
    ///
    /// let runtime = gmp::runtime::Builder::new_current_thread().enable_time().build()?;
    /// runtime.block_on(async {
    ///     let mut quiet = std::pin::pin!(sleep(Duration::from_secs(30)));
    ///     quiet.as_mut().reset(Instant::now() + Duration::from_millis(2));
    ///     quiet.await;
    /// });
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// Whoever waits for it goes on to wait, for the new deadline. A later deadline costs one atomic
    /// operation, so a time-out that is pushed back with each message is cheap. Like a poll it
    /// registers the `Sleep` with the runtime; it does not poll it.
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        *this.deadline = deadline;
        let at = this.entry.home().timer_at(deadline.into_std());
        this.entry.reset(at);
    }

    /// Changes the deadline; registers nothing unless it is registered now.
    pub(super) fn rearm(mut self: Pin<&mut Self>, deadline: Instant) {
        if self.entry.is_queued() {
            return self.reset(deadline);
        }
        let this = self.as_mut().project();
        (*this.deadline, *this.ahead) = (deadline, false);
        this.entry.forget_fired();
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let unit = ready!(coop::poll_proceed(cx));
        let mut this = self.project();
        let mut look = this.entry.as_mut().poll(cx.waker());
        if look == Look::Unregistered {
            look = if !*this.ahead && clock::now() >= *this.deadline {
                this.entry.complete()
            } else {
                let at = this.entry.home().timer_at(this.deadline.into_std());
                this.entry.register(at, Some(cx.waker()))
            };
        }
        match look {
            Look::Fired => {
                unit.made_progress();
                Poll::Ready(())
            }
            Look::Waiting => Poll::Pending,
            Look::Shutdown | Look::Unregistered => panic!("{BEING_SHUTDOWN}"),
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline)
            .field("is_elapsed", &self.is_elapsed())
            .finish_non_exhaustive()
    }
}
