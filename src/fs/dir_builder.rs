//! Making directories and taking them away.

use std::io;
use std::path::Path;

use super::in_background;

/// How to make a directory.
///
/// # Examples
///
/// ```no_run
/// # async fn make() -> std::io::Result<()> {
/// gmp::fs::DirBuilder::new().recursive(true).create("a/b/c").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct DirBuilder {
    recursive: bool,
    #[cfg(unix)]
    mode: Option<u32>,
}

impl DirBuilder {
    /// One directory, with the system's permissions for new ones.
    pub fn new() -> Self {
        DirBuilder::default()
    }

    /// Shall missing parents be made too? Then it is no error if the directory is there already.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// The permissions of the new directories, before the process's mask takes some away. 0o777 at first.
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = Some(mode);
        self
    }

    /// Makes it.
    ///
    /// # Errors
    ///
    /// Of the system: `AlreadyExists`, `NotFound` for a parent, `PermissionDenied`.
    ///
    /// # Panics
    ///
    /// When polled outside of a runtime.
    pub async fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref().to_owned();
        let mut std = std::fs::DirBuilder::new();
        std.recursive(self.recursive);
        #[cfg(unix)]
        if let Some(mode) = self.mode {
            std::os::unix::fs::DirBuilderExt::mode(&mut std, mode);
        }
        in_background(move || std.create(path)).await
    }
}

/// Makes a directory. Its parent has to be there.
///
/// # Errors
///
/// See [`DirBuilder::create`].
///
/// # Panics
///
/// When polled outside of a runtime.
pub async fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    in_background(move || std::fs::create_dir(path)).await
}

/// Makes a directory and whatever parents are missing. It is no error if all are there.
///
/// # Errors
///
/// See [`DirBuilder::create`]. Some of them may have been made.
///
/// # Panics
///
/// When polled outside of a runtime.
pub async fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    in_background(move || std::fs::create_dir_all(path)).await
}

/// Takes an empty directory away.
///
/// # Errors
///
/// Of the system: `DirectoryNotEmpty`, `NotFound`, `NotADirectory`.
///
/// # Panics
///
/// When polled outside of a runtime.
pub async fn remove_dir(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    in_background(move || std::fs::remove_dir(path)).await
}

/// Takes a directory away, with everything in it. Symbolic links are removed, not followed.
///
/// # Errors
///
/// Of the system. Part of it may be gone.
///
/// # Panics
///
/// When polled outside of a runtime.
pub async fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    in_background(move || std::fs::remove_dir_all(path)).await
}
