//! [`FileTimes`].

use std::time::SystemTime;

/// Which times of a file to set, for [`File::set_times`](super::File::set_times).
///
/// # Examples
///
/// ```
/// use gmp::fs::FileTimes;
/// use std::time::SystemTime;
///
/// let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "it changes nothing by itself"]
pub struct FileTimes {
    pub(super) std: std::fs::FileTimes,
}

impl FileTimes {
    /// No time is set.
    pub fn new() -> Self {
        FileTimes::default()
    }

    /// Sets the time of the last access.
    pub fn set_accessed(self, t: SystemTime) -> Self {
        FileTimes { std: self.std.set_accessed(t) }
    }

    /// Sets the time of the last change of the content.
    pub fn set_modified(self, t: SystemTime) -> Self {
        FileTimes { std: self.std.set_modified(t) }
    }
}
