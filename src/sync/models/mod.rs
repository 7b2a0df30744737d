//! Loom models of `sync`. Each stands for numbered steps of the protocol in its module's text, and each
//! has breaks: `GMP_BREAK=name` weakens an ordering or drops a step, and the model must fail.
//!
//! | model | breaks that must fail |
//! |---|---|
//! | `oneshot::oneshot_send_recv` | `oneshot-complete-relaxed`, `oneshot-no-second-look` |
//! | `oneshot::s_oneshot_close` | `oneshot-complete-relaxed` |
//! | `oneshot::oneshot_drop_both` | `oneshot-leave-relaxed` |
//! | `oneshot::oneshot_closed` | `oneshot-close-silent` |
//! | `mpsc::mpsc_send_recv` | `mpsc-ready-relaxed`, `mpsc-wait-no-second-look` |
//! | `mpsc::mpsc_two_senders` | `mpsc-tail-leaves-early` |
//! | `mpsc::mpsc_retire` | `mpsc-retired-early` |
//! | `mpsc::mpsc_close` | `mpsc-claim-when-closed` |
//! | `mpsc::mpsc_last_sender` | `mpsc-last-sender-silent`, `atomic-waker-relaxed` |
//! | `mpsc::mpsc_last_value` | `mpsc-senders-relaxed` |
//! | `mpsc::mpsc_bounded` | `semaphore-release-overlooks-waiters` |
//! | `mpsc::mpsc_close_with_permit` | `mpsc-permit-silent` |
//! | `mpsc::mpsc_drop_both` | `mpsc-ready-relaxed` |
//! | `semaphore::semaphore_hand_over` | `semaphore-acquire-relaxed`, `semaphore-release-overlooks-waiters` |
//! | `semaphore::semaphore_spurious_poll` | `waiter-done-relaxed`, `waiter-done-early` |
//! | `semaphore::s_wait_list_cancel_semaphore` | `semaphore-cancel-keeps-permits` |
//! | `semaphore::semaphore_close` | `semaphore-close-forgets-waiters` |
//! | `semaphore::semaphore_many` | `semaphore-release-overlooks-waiters` |
//! | `notify::notify_one` | `notify-store-relaxed` |
//! | `notify::s_wait_list_cancel_notify` | `notify-drop-eats` |
//! | `notify::notify_waiters` | `notify-generation-late` |
//! | `mutex::mutex_hand_over` | `semaphore-acquire-relaxed`, `semaphore-cancel-keeps-permits` |
//! | `rwlock::rwlock_exclusion` | `semaphore-acquire-relaxed`, `semaphore-release-overlooks-waiters` |
//! | `rwlock::rwlock_downgrade` | `rwlock-downgrade-gives-all` |
//! | `once::barrier_generations` | `barrier-generation-kept` |
//! | `once::barrier_three` | `barrier-serves-one` |
//! | `once::once_cell_two_initialisers` | `slot-put-relaxed` |
//! | `once::once_cell_failure` | `once-cell-turn-kept` |
//! | `once::set_once_wait` | `set-once-no-second-look` |
//! | `once::set_once_get` | `slot-put-relaxed` |
//! | `watch::watch_send_changed` | `watch-notified-late`, `watch-send-silent` |
//! | `watch::watch_last_value` | `watch-close-silent` |
//! | `watch::watch_deserted` | `watch-deserted-silent` |
//! | `broadcast::broadcast_send_recv` | `broadcast-notified-late` |
//! | `broadcast::broadcast_orphan` | `broadcast-orphan-no-fence`, `broadcast-orphan-kept` |
//! | `broadcast::broadcast_extra_cell` | `broadcast-cell-relaxed` |
//! | `broadcast::broadcast_close` | `broadcast-close-silent` |
//! | `broadcast::broadcast_deserted` | `broadcast-deserted-silent` |

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

mod broadcast;
mod mpsc;
mod mutex;
mod notify;
mod once;
mod oneshot;
mod rwlock;
mod semaphore;
mod watch;

/// Polls with a waker that does nothing.
fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}
