//! Child processes.
//!
//! [`Command`] is std's builder with an asynchronous end: [`spawn`](Command::spawn) answers a [`Child`] whose
//! pipes are read and written, and whose end is awaited, without a thread that waits.
//!
//! # How it works
//!
//! 1. **Spawn** is std's, on the calling thread. The parent's ends of the pipes are put into non-blocking
//!    mode and join the poller of the current runtime, as sockets do.
//! 2. **The end** of a child is an event too. Linux has a descriptor for a process, which the poller says is
//!    readable when it has exited (`pidfd.rs`). Where that is not to be had (other systems, an old kernel, no
//!    descriptors left), the child listens for SIGCHLD instead, looks after its own process at each, and
//!    costs one system call for each signal. Either way the status is taken by a `wait` for that one
//!    process which does not block: other children of the program are nobody's business here.
//! 3. **A dropped child goes on running**, unless [`kill_on_drop`](Command::kill_on_drop) was set. Its end
//!    leaves a zombie until somebody takes its status, so the watch of step 2 goes on without the child
//!    (`orphan.rs`): no task, no thread, a waker that reaps. When the runtime ends before the orphan does,
//!    later spawns of whatever runtime look after it.
//! 4. A child that cannot be watched for want of descriptors, or because the runtime has ended, is killed,
//!    since nobody gets a handle of it, and the spawn is an error.
//!
//! A runtime does not kill the children that it spawned when it ends.
//!
//! # Examples
//!
//! ```
//! use gmp::process::Command;
//!
//! # fn main() -> std::io::Result<()> { gmp::runtime::Runtime::new()?.block_on(async {
//! let output = Command::new("echo").arg("hello").output().await?;
//! assert!(output.status.success());
//! assert_eq!(output.stdout, b"hello\n");
//! # Ok(()) }) }
//! ```

mod child;
mod command;
#[cfg(all(test, gmp_loom))]
mod models;
mod orphan;
#[cfg(all(target_os = "linux", not(miri)))]
mod pidfd;
mod stdio;
mod watched;

#[cfg(all(test, not(gmp_loom)))]
mod tests;

pub use self::child::Child;
pub use self::command::Command;
pub use self::stdio::{ChildStderr, ChildStdin, ChildStdout};
