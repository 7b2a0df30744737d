//! Files and directories.
//!
//! Systems have no readiness for files: a read of one may wait for a disk whatever one does. So each of
//! these functions is std's of the same name, run on a thread for blocking work, that is: on one that no
//! task needs. The way there and back costs some microseconds; for many small operations in a row one
//! [`spawn_blocking`](crate::task::spawn_blocking) around all of them is faster.
//!
//! # How they behave
//!
//! 1. Nothing happens before the first poll, which must be inside of a runtime: it panics elsewhere.
//! 2. Dropping the future does not stop the operation. It goes on to its end, and its result is lost.
//! 3. When the runtime ends, operations that run are waited for as all blocking closures are; what has not
//!    begun is dropped and answers the error "background task failed". Writes to a [`File`] that were
//!    accepted are carried out all the same.
//! 4. Errors are std's, with no word of ours about the path.
//!
//! [`File`] is the one type with a state of its own; its protocol is told there.

mod dir_builder;
mod file;
mod file_times;
mod open_options;
mod paths;
mod read_dir;
mod whole;

#[cfg(all(test, not(gmp_loom)))]
mod tests;

use std::io;

use crate::io::background::Job;

pub use self::dir_builder::{create_dir, create_dir_all, remove_dir, remove_dir_all, DirBuilder};
pub use self::file::File;
pub use self::file_times::FileTimes;
pub use self::open_options::OpenOptions;
#[cfg(unix)]
pub use self::paths::symlink;
pub use self::paths::{
    canonicalize, hard_link, metadata, read_link, remove_file, rename, set_permissions,
    symlink_metadata, try_exists,
};
#[cfg(windows)]
pub use self::paths::{symlink_dir, symlink_file};
pub use self::read_dir::{read_dir, DirEntry, ReadDir};
pub use self::whole::{copy, read, read_to_string, write};

/// Runs it on a thread for blocking work, once polled.
async fn in_background<T: Send + 'static>(
    f: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    Job::start(f).await?
}
