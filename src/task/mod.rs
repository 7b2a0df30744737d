//! Tasks: futures that the runtime runs on their own.
//!
//! [`spawn`] makes one, [`JoinHandle`] waits for it or aborts it. Code that blocks its thread goes
//! through [`spawn_blocking`] or [`block_in_place`]. A [`JoinSet`] holds tasks that belong together, a
//! [`LocalSet`] such as stay on one thread; [`task_local!`](crate::task_local) makes values that go with a
//! task. [`coop`] is how long polls are kept short.
//!
//! Layer 5: tokio's names in front of `scheduler/` and `g/`.

mod blocking;
pub mod coop;
mod join_set;
mod local;
mod spawn;
mod task_local;
mod yield_now;

#[cfg(feature = "rt-multi-thread")]
pub use blocking::block_in_place;
pub use blocking::spawn_blocking;
#[doc(hidden)]
pub use coop::{consume_budget, unconstrained, Unconstrained};
pub use join_set::JoinSet;
pub use local::{spawn_local, LocalEnterGuard, LocalSet};
pub use spawn::{id, spawn, try_id};
pub use task_local::LocalKey;
pub use yield_now::yield_now;

pub use crate::g::id::Id;
pub use crate::g::join::{AbortHandle, JoinError, JoinHandle};

/// Futures of this module that have a name.
pub mod futures {
    pub use super::task_local::TaskLocalFuture;
}
