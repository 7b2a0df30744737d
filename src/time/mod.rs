//! Sleeping, timeouts and intervals.
//!
//! - [`sleep()`] and [`sleep_until`] answer a [`Sleep`], a future that is ready at a deadline.
//! - [`timeout()`] and [`timeout_at`] put a deadline on another future.
//! - [`interval()`] and [`interval_at`] answer an [`Interval`], which is ready again and again.
//!
//! All of them need a runtime whose timers are on, at the moment they are made.
//!
//! # How exact
//!
//! Never early, and late by little: deadlines are rounded up to about 16 µs, and the thread that waits for
//! the next deadline is woken as exactly as the operating system allows. Deadlines that come less than half a
//! millisecond after others are taken together, at the end of that time. A loaded runtime adds the time until a
//! worker gets round to the task.
//!
//! With the feature `test-util`, `pause` stops the clock of a current_thread runtime, `advance` moves it,
//! and it moves by itself to the next timer when there is nothing else to do: tests of long waits end at
//! once, and always in the same way.
//!
//! # How it works
//!
//! 1. A `Sleep` is made with the runtime it finds in its context, and belongs to it for good.
//! 2. Its first poll puts it into the timers of the shell it runs on: the address of a node inside the `Sleep` goes
//!    into a slot of a wheel. That allocates nothing but, while the number of timers grows, room for many more of
//!    them at a time. A deadline that has passed already completes right there.
//! 3. Whoever runs that shell's timers, or steals from it, marks the node as fired and wakes the task.
//! 4. The next poll sees the mark without a lock. Dropping a `Sleep` that still waits takes the node out
//!    under the one small lock of the wheel that holds it, from whatever thread.
//!
//! The module of the timers themselves says why no deadline is lost or fires into freed memory.
//! [`Interval`] re-arms one boxed `Sleep`, so a tick allocates nothing.

mod clock;
pub mod error;
mod instant;
mod interval;
mod sleep;
#[cfg(all(test, feature = "rt", not(gmp_loom)))]
mod tests;
mod timeout;

pub use std::time::Duration;

#[cfg(feature = "test-util")]
pub use clock::{advance, pause, resume};
pub use instant::Instant;
pub use interval::{interval, interval_at, Interval, MissedTickBehavior};
pub use sleep::{sleep, sleep_until, Sleep};
pub use timeout::{timeout, timeout_at, Timeout};
