//! Letting others run.

use std::future::poll_fn;
use std::task::Poll;

/// Gives way once: the task goes to the back of its queue, and others, the poller and the timers get
/// their turn before it goes on. Outside of a runtime it wakes its task and answers Pending once.
///
/// # Cancel safety
///
/// Dropping it loses nothing.
///
/// # Examples
///
/// ```
/// # gmp::runtime::Runtime::new().unwrap().block_on(async {
/// for _ in 0..3 {
///     // some work, then:
///     gmp::task::yield_now().await;
/// }
/// # });
/// ```
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}
