//! Whole files in one go.

use std::io;
use std::path::Path;

use super::in_background;

/// The content of a file.
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
/// let manifest = gmp::fs::read("Cargo.toml").await?;
/// assert!(manifest.len() > 100);
/// # Ok(()) }) }
/// ```
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref().to_owned();
    in_background(move || std::fs::read(path)).await
}

/// The content of a file that holds text.
///
/// # Errors
///
/// As [`read`]; `InvalidData` if it is not UTF-8.
///
/// # Panics
///
/// When polled outside of a runtime.
pub async fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    let path = path.as_ref().to_owned();
    in_background(move || std::fs::read_to_string(path)).await
}

/// Makes a file with this content, in place of one that is there.
///
/// The content is copied once on the way, unless it is empty.
///
/// # Errors
///
/// Of the system. Part of it may have been written.
///
/// # Panics
///
/// When polled outside of a runtime.
///
/// # Cancel safety
///
/// Once polled it goes on to its end, whatever happens to the future.
pub async fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let (path, contents) = (path.as_ref().to_owned(), contents.as_ref().to_owned());
    in_background(move || std::fs::write(path, contents)).await
}

/// Copies content and permissions of a file; what is at `to` is overwritten. Answers the length.
///
/// # Errors
///
/// Of the system; `InvalidInput` if `from` is not a regular file. Part of it may have been written.
///
/// # Panics
///
/// When polled outside of a runtime.
pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    in_background(move || std::fs::copy(from, to)).await
}
