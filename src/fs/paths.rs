//! What is done to names: moving, linking, looking up.

use std::fs::{Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

use super::in_background;

/// Gives a file or directory another name, in place of what has that name. Within one file system only.
///
/// # Errors
///
/// Of the system: `NotFound`, `CrossesDevices`, `DirectoryNotEmpty`.
///
/// # Panics
///
/// When polled outside of a runtime.
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    in_background(move || std::fs::rename(from, to)).await
}

/// Takes a file's name away. The file itself goes when nobody has it open any more.
///
/// # Errors
///
/// Of the system, also when it is a directory.
///
/// # Panics
///
/// When polled outside of a runtime.
pub async fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    in_background(move || std::fs::remove_file(path)).await
}

/// Gives a file one more name, `link`, as good as the first.
///
/// # Errors
///
/// Of the system: `AlreadyExists`, `CrossesDevices`.
///
/// # Panics
///
/// When polled outside of a runtime.
pub async fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    let (original, link) = (original.as_ref().to_owned(), link.as_ref().to_owned());
    in_background(move || std::fs::hard_link(original, link)).await
}

/// Makes a symbolic link, `link`, that says `original`. Whether there is such a file is not looked at.
///
/// # Errors
///
/// Of the system, `AlreadyExists` above all.
///
/// # Panics
///
/// When polled outside of a runtime.
#[cfg(unix)]
pub async fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    let (original, link) = (original.as_ref().to_owned(), link.as_ref().to_owned());
    in_background(move || std::os::unix::fs::symlink(original, link)).await
}

/// Makes a symbolic link to a directory.
///
/// # Errors
///
/// Of the system.
///
/// # Panics
///
/// When polled outside of a runtime.
#[cfg(windows)]
pub async fn symlink_dir(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    let (original, link) = (original.as_ref().to_owned(), link.as_ref().to_owned());
    in_background(move || std::os::windows::fs::symlink_dir(original, link)).await
}

/// Makes a symbolic link to a file.
///
/// # Errors
///
/// Of the system.
///
/// # Panics
///
/// When polled outside of a runtime.
#[cfg(windows)]
pub async fn symlink_file(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    let (original, link) = (original.as_ref().to_owned(), link.as_ref().to_owned());
    in_background(move || std::os::windows::fs::symlink_file(original, link)).await
}

/// What a symbolic link says.
///
/// # Errors
///
/// Of the system; `InvalidInput` if it is not a symbolic link.
///
/// # Panics
///
/// When polled outside of a runtime.
pub async fn read_link(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref().to_owned();
    in_background(move || std::fs::read_link(path)).await
}

/// The absolute path of what is there, without links and dots.
///
/// # Errors
///
/// Of the system: each part of the path must exist, and all but the last be directories.
///
/// # Panics
///
/// When polled outside of a runtime.
pub async fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref().to_owned();
    in_background(move || std::fs::canonicalize(path)).await
}

/// What the system knows about a file: kind, length, permissions, times. Follows symbolic links.
///
/// # Errors
///
/// Of the system, `NotFound` above all.
///
/// # Panics
///
/// When polled outside of a runtime.
///
/// # Examples
///
/// ```
/// # fn main() -> std::io::Result<()> { gmp::runtime::Runtime::new()?.block_on(async {
/// assert!(gmp::fs::metadata("Cargo.toml").await?.is_file());
/// # Ok(()) }) }
/// ```
pub async fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    let path = path.as_ref().to_owned();
    in_background(move || std::fs::metadata(path)).await
}

/// As [`metadata`], but of a symbolic link itself.
///
/// # Errors
///
/// See [`metadata`].
///
/// # Panics
///
/// When polled outside of a runtime.
pub async fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    let path = path.as_ref().to_owned();
    in_background(move || std::fs::symlink_metadata(path)).await
}

/// Sets a file's permissions. Follows symbolic links.
///
/// # Errors
///
/// Of the system: `NotFound`, `PermissionDenied`.
///
/// # Panics
///
/// When polled outside of a runtime.
pub async fn set_permissions(path: impl AsRef<Path>, perm: Permissions) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    in_background(move || std::fs::set_permissions(path, perm)).await
}

/// Is there anything of that name? `Ok(false)` only if there surely is not. Follows symbolic links: of one
/// that leads nowhere the answer is no.
///
/// # Errors
///
/// If the system will not tell, for want of a permission say.
///
/// # Panics
///
/// When polled outside of a runtime.
pub async fn try_exists(path: impl AsRef<Path>) -> io::Result<bool> {
    let path = path.as_ref().to_owned();
    in_background(move || path.try_exists()).await
}
