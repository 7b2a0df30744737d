//! [`OpenOptions`].

use std::io;
use std::path::Path;

use super::{in_background, File};

/// How to open a file: for what, and what to do if it is there, or is not.
///
/// At first nothing is set: at least one of [`read`](Self::read), [`write`](Self::write) and
/// [`append`](Self::append) has to be.
///
/// # Examples
///
/// ```no_run
/// use gmp::fs::OpenOptions;
///
/// # async fn open() -> std::io::Result<()> {
/// let log = OpenOptions::new().append(true).create(true).open("server.log").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions {
    std: std::fs::OpenOptions,
}

impl OpenOptions {
    /// Nothing is set.
    pub fn new() -> OpenOptions {
        OpenOptions { std: std::fs::OpenOptions::new() }
    }

    /// Shall one be able to read?
    pub fn read(&mut self, read: bool) -> &mut OpenOptions {
        self.std.read(read);
        self
    }

    /// Shall one be able to write? What is there stays, unless written over or [`truncate`](Self::truncate)d.
    pub fn write(&mut self, write: bool) -> &mut OpenOptions {
        self.std.write(write);
        self
    }

    /// Shall one be able to write, and each write go to the end, wherever that is by then?
    pub fn append(&mut self, append: bool) -> &mut OpenOptions {
        self.std.append(append);
        self
    }

    /// Shall the file be emptied? Needs [`write`](Self::write).
    pub fn truncate(&mut self, truncate: bool) -> &mut OpenOptions {
        self.std.truncate(truncate);
        self
    }

    /// Shall the file be made if it is not there? Needs [`write`](Self::write) or
    /// [`append`](Self::append).
    pub fn create(&mut self, create: bool) -> &mut OpenOptions {
        self.std.create(create);
        self
    }

    /// Shall the file be made, and opening it fail if it is there? Decided by the system in one step.
    /// Makes [`create`](Self::create) and [`truncate`](Self::truncate) meaningless.
    pub fn create_new(&mut self, create_new: bool) -> &mut OpenOptions {
        self.std.create_new(create_new);
        self
    }

    /// Opens the file.
    ///
    /// # Errors
    ///
    /// Of the system: `NotFound`, `PermissionDenied`, `AlreadyExists` with [`create_new`](Self::create_new);
    /// `InvalidInput` for options that contradict each other.
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may leave a new file behind.
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let (std, path) = (self.std.clone(), path.as_ref().to_owned());
        Ok(File::from_std(in_background(move || std.open(path)).await?))
    }
}

#[cfg(unix)]
impl OpenOptions {
    /// The permissions of a file that is made, before the process's mask takes some away. 0o666 at first.
    pub fn mode(&mut self, mode: u32) -> &mut OpenOptions {
        std::os::unix::fs::OpenOptionsExt::mode(&mut self.std, mode);
        self
    }

    /// More flags for the system's `open`, such as `O_NOFOLLOW`. Those that say how to access the file are
    /// ignored.
    pub fn custom_flags(&mut self, flags: i32) -> &mut OpenOptions {
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut self.std, flags);
        self
    }
}

impl From<std::fs::OpenOptions> for OpenOptions {
    fn from(std: std::fs::OpenOptions) -> OpenOptions {
        OpenOptions { std }
    }
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions::new()
    }
}
