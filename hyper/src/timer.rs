//! hyper's `Timer` and `Sleep` over gmp's timers.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use gmp::runtime::Handle;
use gmp::time;
use pin_project_lite::pin_project;

/// Makes hyper's timeouts from gmp's timers.
///
/// A sleep belongs to the runtime it was created in, however it is polled. hyper creates its sleeps
/// while the connection is polled: [`new`](GmpTimer::new) is right wherever the connection itself runs
/// on gmp, [`on`](GmpTimer::on) where another executor polls it.
///
/// # Examples
///
/// ```
/// use gmp_hyper::GmpTimer;
/// use hyper::server::conn::http1;
///
/// let mut server = http1::Builder::new();
/// // Without a timer hyper would have to panic here.
/// server.timer(GmpTimer::new()).header_read_timeout(std::time::Duration::from_secs(5));
/// ```
#[derive(Clone, Debug, Default)]
pub struct GmpTimer {
    runtime: Option<Handle>,
}

impl GmpTimer {
    /// A timer of the current runtime, whichever that is when a sleep is made.
    pub fn new() -> GmpTimer {
        GmpTimer { runtime: None }
    }

    /// A timer of this runtime, to be used from anywhere.
    pub fn on(runtime: Handle) -> GmpTimer {
        GmpTimer { runtime: Some(runtime) }
    }
}

impl hyper::rt::Timer for GmpTimer {
    /// A future that is ready after `duration`.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, unless the timer was made for one, and where the runtime's timers are off.
    #[track_caller]
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        let _entered = self.runtime.as_ref().map(Handle::enter);
        Box::pin(GmpSleep { sleep: time::sleep(duration) })
    }

    /// A future that is ready at `deadline`.
    ///
    /// # Panics
    ///
    /// As [`sleep`](hyper::rt::Timer::sleep) does.
    #[track_caller]
    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        let _entered = self.runtime.as_ref().map(Handle::enter);
        Box::pin(GmpSleep { sleep: time::sleep_until(time::Instant::from_std(deadline)) })
    }

    /// The time by gmp's clock, which a test may have paused.
    fn now(&self) -> Instant {
        time::Instant::now().into_std()
    }

    /// Moves a sleep's deadline: in place if it is one of ours, else by a new one.
    fn reset(&self, sleep: &mut Pin<Box<dyn hyper::rt::Sleep>>, new_deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<GmpSleep>() {
            Some(ours) => ours.reset(new_deadline),
            None => *sleep = self.sleep_until(new_deadline),
        }
    }
}

pin_project! {
    /// A sleep made by [`GmpTimer`]; ready when its deadline is reached.
    ///
    /// Cancel safe: dropping it cancels the timer.
    ///
    /// # Panics
    ///
    /// Polled after the shutdown of the runtime that it was made in.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct GmpSleep {
        #[pin]
        sleep: time::Sleep,
    }
}

impl GmpSleep {
    /// The instant at which it is ready.
    pub fn deadline(&self) -> Instant {
        self.sleep.deadline().into_std()
    }

    /// Moves the deadline, also after the old one has been reached.
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        self.project().sleep.reset(time::Instant::from_std(deadline));
    }
}

impl Future for GmpSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().sleep.poll(cx)
    }
}

impl hyper::rt::Sleep for GmpSleep {}
