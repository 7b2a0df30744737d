//! How many files this process may have open, for the rows with many connections.

use std::io::IsTerminal as _;

use crate::workloads::sockets::FIRST;

/// Files besides the sockets of the connections that count: those of the runtime and of the standard library,
/// and the sockets of the idle row's first connections, both ends.
const OTHERS: u64 = 100 + 2 * FIRST;

/// How many of `wanted` connections fit, both ends being in this process, once the soft limit is raised to
/// the hard one. Says on stderr if it is fewer, unless the output is read by the parent, which has said it.
pub(crate) fn connections(wanted: u64) -> u64 {
    let fitting = fitting(wanted, raise());
    if fitting < wanted && std::io::stdout().is_terminal() {
        eprintln!("gmp-bench: {}", remark(fitting, wanted));
    }
    fitting
}

/// What the table says when fewer fit than are wanted.
pub(crate) fn shortage(wanted: u64) -> Option<String> {
    let fitting = fitting(wanted, raise());
    (fitting < wanted).then(|| remark(fitting, wanted))
}

fn remark(fitting: u64, wanted: u64) -> String {
    format!("{fitting} idle connections instead of {wanted}: RLIMIT_NOFILE allows no more")
}

fn fitting(wanted: u64, limit: Option<u64>) -> u64 {
    limit.map_or(wanted, |limit| wanted.min(limit.saturating_sub(OTHERS) / 2))
}

/// Raises the soft limit to the hard one and returns what it is then; `None` if there is none.
fn raise() -> Option<u64> {
    #[cfg(unix)]
    {
        use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        // Some systems refuse as much as their hard limit says: the old limit stays.
        if raised.is_ok() {
            maximum
        } else {
            current
        }
    }
    #[cfg(not(unix))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_files_for_each_connection() {
        assert_eq!(fitting(10_000, None), 10_000);
        assert_eq!(fitting(10_000, Some(1 << 20)), 10_000);
        assert_eq!(fitting(10_000, Some(20_000 + OTHERS)), 10_000);
        assert_eq!(fitting(10_000, Some(19_999 + OTHERS)), 9999);
        assert_eq!(fitting(10_000, Some(50)), 0);
    }

    #[cfg(unix)]
    #[test]
    fn the_limit_is_raised_as_far_as_it_goes() {
        let limit = raise();
        let now = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        assert_eq!(now.current, limit);
    }
}
