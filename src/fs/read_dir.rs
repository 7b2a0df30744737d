//! Listing a directory.
//!
//! Entries come in chunks: a job on a thread for blocking work takes up to [`CHUNK`] of them from std's
//! iterator, with what the listing says about their kind, and hands the iterator back. Between two jobs the
//! entries are answered without leaving the task.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{FileType, Metadata};
use std::future::poll_fn;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{ready, Context, Poll};

use super::in_background;
use crate::io::background::Job;

/// How many entries a job fetches; tokio's number. Enough that the way to the thread is paid for, few
/// enough that whoever looks for one name does not wait for thousands.
const CHUNK: usize = 32;

/// The entries of a directory.
///
/// `.` and `..` are not among them. Of what is made or taken away meanwhile, some may be.
///
/// # Errors
///
/// Of the system: `NotFound`, `NotADirectory`, `PermissionDenied`.
///
/// # Panics
///
/// When polled outside of a runtime.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> { gmp::runtime::Runtime::new()?.block_on(async {
/// let mut names = Vec::new();
/// let mut entries = gmp::fs::read_dir("src").await?;
/// while let Some(entry) = entries.next_entry().await? {
///     names.push(entry.file_name());
/// }
/// assert!(names.iter().any(|name| name == "lib.rs"));
/// # Ok(()) }) }
/// ```
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path = path.as_ref().to_owned();
    let listing = in_background(move || {
        let std = std::fs::read_dir(path)?;
        let mut listing = Listing { std, entries: VecDeque::with_capacity(CHUNK), more: true };
        listing.fetch();
        Ok(listing)
    })
    .await?;
    Ok(ReadDir { state: State::Idle(listing) })
}

/// The entries of a directory, from [`read_dir`].
#[derive(Debug)]
#[must_use = "a listing answers nothing unless asked"]
pub struct ReadDir {
    state: State,
}

#[derive(Debug)]
enum State {
    Idle(Listing),
    Fetching(Job<Listing>),
    /// The iterator was lost with its job.
    Lost,
}

#[derive(Debug)]
struct Listing {
    std: std::fs::ReadDir,
    entries: VecDeque<io::Result<DirEntry>>,
    /// May std's iterator have more?
    more: bool,
}

impl Listing {
    fn fetch(&mut self) {
        while self.entries.len() < CHUNK {
            let Some(entry) = self.std.next() else {
                self.more = false;
                return;
            };
            // After an error std's iterator may answer it for ever.
            self.more = entry.is_ok();
            self.entries.push_back(
                entry.map(|entry| DirEntry { file_type: file_type(&entry), std: Arc::new(entry) }),
            );
            if !self.more {
                return;
            }
        }
    }
}

/// The kind, where the listing has it at hand.
#[cfg(not(any(
    target_os = "solaris",
    target_os = "illumos",
    target_os = "haiku",
    target_os = "vxworks",
    target_os = "aix",
    target_os = "nto",
    target_os = "vita",
)))]
fn file_type(entry: &std::fs::DirEntry) -> Option<FileType> {
    entry.file_type().ok()
}

/// Here it would cost a system call for each.
#[cfg(any(
    target_os = "solaris",
    target_os = "illumos",
    target_os = "haiku",
    target_os = "vxworks",
    target_os = "aix",
    target_os = "nto",
    target_os = "vita",
))]
fn file_type(_: &std::fs::DirEntry) -> Option<FileType> {
    None
}

impl ReadDir {
    /// The next entry; `None` at the end.
    ///
    /// # Errors
    ///
    /// Of the system. After one the listing ends.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, if entries have to be fetched.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: no entry is lost.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        poll_fn(|cx| self.poll_next_entry(cx)).await
    }

    /// [`next_entry`](Self::next_entry) as a poll. Only the last caller's waker is kept.
    ///
    /// # Errors
    ///
    /// See [`next_entry`](Self::next_entry).
    ///
    /// # Panics
    ///
    /// See [`next_entry`](Self::next_entry).
    pub fn poll_next_entry(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<DirEntry>>> {
        loop {
            match &mut self.state {
                State::Idle(listing) => {
                    if let Some(entry) = listing.entries.pop_front() {
                        return Poll::Ready(entry.map(Some));
                    }
                    if !listing.more {
                        return Poll::Ready(Ok(None));
                    }
                    let State::Idle(mut listing) = std::mem::replace(&mut self.state, State::Lost)
                    else {
                        unreachable!("ReadDir: it was idle");
                    };
                    self.state = State::Fetching(Job::start(move || {
                        listing.fetch();
                        listing
                    }));
                }
                State::Fetching(job) => {
                    ready!(job.poll_over(cx, true));
                    match job.take() {
                        Ok(listing) => self.state = State::Idle(listing),
                        Err(lost) => {
                            self.state = State::Lost;
                            return Poll::Ready(Err(lost));
                        }
                    }
                }
                State::Lost => return Poll::Ready(Ok(None)),
            }
        }
    }
}

/// An entry of a directory, from [`ReadDir::next_entry`].
#[derive(Debug)]
pub struct DirEntry {
    file_type: Option<FileType>,
    std: Arc<std::fs::DirEntry>,
}

impl DirEntry {
    /// The path of the entry: that which was given to [`read_dir`], and the name.
    pub fn path(&self) -> PathBuf {
        self.std.path()
    }

    /// The name alone.
    pub fn file_name(&self) -> OsString {
        self.std.file_name()
    }

    /// What the system knows about it. Symbolic links are not followed.
    ///
    /// # Errors
    ///
    /// Of the system: it may be gone by now.
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let std = self.std.clone();
        in_background(move || std.metadata()).await
    }

    /// Whether it is a file, a directory, a link or something else. Most listings know, and then no system
    /// call is made.
    ///
    /// # Errors
    ///
    /// Of the system: it may be gone by now.
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime, if the listing did not know.
    pub async fn file_type(&self) -> io::Result<FileType> {
        if let Some(file_type) = self.file_type {
            return Ok(file_type);
        }
        let std = self.std.clone();
        in_background(move || std.file_type()).await
    }

    /// The number of the file within its file system.
    #[cfg(unix)]
    pub fn ino(&self) -> u64 {
        std::os::unix::fs::DirEntryExt::ino(&*self.std)
    }
}
