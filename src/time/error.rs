//! Errors of this module.

use std::error;
use std::fmt;
use std::io;

/// The deadline of a [`timeout`](super::timeout()) passed before its future was ready.
///
/// Turns into an [`io::Error`] of kind [`TimedOut`](io::ErrorKind::TimedOut) by `?`.
///
/// ```
/// use gmp::time::error::Elapsed;
/// use std::io;
///
/// fn in_io(elapsed: Elapsed) -> io::Error {
///     let error = io::Error::from(elapsed);
///     assert_eq!(error.kind(), io::ErrorKind::TimedOut);
///     error
/// }
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Elapsed(());

impl Elapsed {
    pub(super) fn new() -> Elapsed {
        Elapsed(())
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(_: Elapsed) -> io::Error {
        io::ErrorKind::TimedOut.into()
    }
}

/// What may be wrong with a timer.
///
/// No function of this crate answers it: a timer that cannot work panics. The type is here because code
/// names it.
#[derive(Debug, Clone, Copy)]
pub struct Error(Kind);

#[derive(Debug, Clone, Copy)]
enum Kind {
    Shutdown,
    AtCapacity,
    Invalid,
}

impl Error {
    /// The error of a timer whose runtime is gone.
    pub fn shutdown() -> Error {
        Error(Kind::Shutdown)
    }

    /// Is it the error of a timer whose runtime is gone?
    pub fn is_shutdown(&self) -> bool {
        matches!(self.0, Kind::Shutdown)
    }

    /// The error of timers that have no room for one more.
    pub fn at_capacity() -> Error {
        Error(Kind::AtCapacity)
    }

    /// Is it the error of timers that have no room for one more?
    pub fn is_at_capacity(&self) -> bool {
        matches!(self.0, Kind::AtCapacity)
    }

    /// The error of a duration that no timer can wait for.
    pub fn invalid() -> Error {
        Error(Kind::Invalid)
    }

    /// Is it the error of a duration that no timer can wait for?
    pub fn is_invalid(&self) -> bool {
        matches!(self.0, Kind::Invalid)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Shutdown => {
                "the timer is shutdown, must be called from the context of Tokio runtime"
            }
            Kind::AtCapacity => "timer is at capacity and cannot create a new entry",
            Kind::Invalid => "timer duration exceeds maximum duration",
        })
    }
}

impl error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        assert_eq!(Elapsed::new().to_string(), "deadline has elapsed");
        assert_eq!(format!("{:?}", Elapsed::new()), "Elapsed(())");
        let io = io::Error::from(Elapsed::new());
        assert_eq!(io.to_string(), "timed out");
        assert_eq!(format!("{io:?}"), "Kind(TimedOut)");
        assert_eq!(format!("{:?}", Error::shutdown()), "Error(Shutdown)");
        assert!(Error::invalid().is_invalid() && !Error::invalid().is_at_capacity());
        assert!(Error::shutdown().to_string().starts_with("the timer is shutdown"));
    }
}
