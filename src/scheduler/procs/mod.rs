//! osinit: how many Gs may run at a time (Go's `GOMAXPROCS`) when nobody says so.
//!
//! 1. A number in the builder wins; it never comes here.
//! 2. Else `GMP_MAXPROCS` ([`env_procs`]): a decimal number from 1 to [`MAX_PROCS`]. Anything else is
//!    answered with one warning, and step 3.
//! 3. Else [`default_procs`]: the CPUs that this process may run on, but no more than its cgroups pay
//!    for. A quota of 2.5 CPUs gives 3 (rounded up: a part of a CPU that is paid for should not lie
//!    idle), and a quota never gives less than [`MIN_QUOTA_PROCS`]: with one P, a poll that computes
//!    would hold up all others even where the kernel grants a second CPU for a moment. One visible CPU
//!    still gives 1.
//!
//! The tightest quota on the way from the leaf cgroup up to the root counts (Go and std differ in
//! this: Go reads only the leaf). [`DefaultProcs`] keeps open what step 3 reads, so that a later look is a
//! few system calls; see [`cgroup`].

use std::ffi::{OsStr, OsString};
use std::io::Write;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod affinity;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) mod cgroup;

use super::limits::MAX_PROCS;

/// The least that a CPU quota is taken for.
pub(crate) const MIN_QUOTA_PROCS: usize = 2;

/// The environment variable of step 2.
pub(crate) const ENV_NAME: &str = "GMP_MAXPROCS";

const _: () = assert!(MIN_QUOTA_PROCS >= 1 && MIN_QUOTA_PROCS <= MAX_PROCS);

/// The default number of Ps on this machine, for this process, now.
pub(crate) fn default_procs() -> usize {
    DefaultProcs::open().get()
}

/// What `GMP_MAXPROCS` asks for. `None` when it is unset or empty, and, after a warning on stderr (one
/// a process), when it is not a number from 1 to [`MAX_PROCS`].
pub(crate) fn env_procs() -> Option<usize> {
    static WARNED: std::sync::Once = std::sync::Once::new();
    match procs_from_env(std::env::var_os(ENV_NAME)) {
        Ok(procs) => procs,
        Err(warning) => {
            // `writeln!` and not `eprintln!`: a closed stderr is no reason to panic.
            WARNED.call_once(|| drop(writeln!(std::io::stderr(), "{warning}")));
            None
        }
    }
}

/// The default, with what it takes to look again cheaply when the quota may have changed.
#[derive(Debug)]
pub(crate) struct DefaultProcs {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    limit: Option<cgroup::CgroupLimit>,
}

impl DefaultProcs {
    /// Finds the cgroups of this process and opens their limits. Never fails: what cannot be read
    /// limits nothing.
    pub(crate) fn open() -> DefaultProcs {
        DefaultProcs {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            limit: cgroup::CgroupLimit::open(),
        }
    }

    /// The number of Ps by affinity and quota as they are at this moment; from 1 to [`MAX_PROCS`].
    pub(crate) fn get(&self) -> usize {
        combine(cpus(), self.quota())
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn quota(&self) -> Option<usize> {
        self.limit.as_ref().and_then(cgroup::CgroupLimit::cpus)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn quota(&self) -> Option<usize> {
        None
    }
}

/// CPUs that the kernel lets this process run on.
fn cpus() -> usize {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(cpus) = affinity::cpus() {
        return cpus;
    }
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Step 3 as arithmetic.
fn combine(cpus: usize, quota: Option<usize>) -> usize {
    let quota = quota.map_or(usize::MAX, |quota| quota.max(MIN_QUOTA_PROCS));
    cpus.min(quota).clamp(1, MAX_PROCS)
}

/// Step 2 as a function of the variable's value; the error is the warning.
fn procs_from_env(value: Option<OsString>) -> Result<Option<usize>, String> {
    match value {
        Some(value) if !value.is_empty() => parse_procs(&value).map(Some),
        _ => Ok(None),
    }
}

fn parse_procs(value: &OsStr) -> Result<usize, String> {
    value
        .to_str()
        .map(str::trim)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .filter(|procs| (1..=MAX_PROCS).contains(procs))
        .ok_or_else(|| {
            format!(
                "gmp: {ENV_NAME}={value:?} is not a whole number from 1 to {MAX_PROCS}; \
                 going on with the default"
            )
        })
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    #[track_caller]
    fn check_env(value: &str, expected: Option<usize>) {
        let got = procs_from_env(Some(value.into()));
        match expected {
            Some(procs) => assert_eq!(got, Ok(Some(procs)), "{value:?}"),
            None => {
                let warning = got.expect_err(value);
                assert!(warning.contains(&format!("{value:?}")), "{warning}");
                assert!(warning.contains("1 to 1024"), "{warning}");
            }
        }
    }

    #[test]
    fn env_accepts_the_documented_range_and_names_what_it_refuses() {
        check_env("1", Some(1));
        check_env("8", Some(8));
        check_env(" 16 \n", Some(16));
        check_env("1024", Some(1024));
        for bad in
            ["0", "1025", "-1", "+4", "four", "4.0", "0x4", " ", "4 4", "99999999999999999999"]
        {
            check_env(bad, None);
        }
        assert_eq!(procs_from_env(None), Ok(None));
        assert_eq!(procs_from_env(Some(OsString::new())), Ok(None), "empty means unset");
    }

    #[cfg(unix)]
    #[test]
    fn env_survives_bytes_that_are_not_text() {
        use std::os::unix::ffi::OsStringExt;
        let value = OsString::from_vec(vec![b'4', 0xff]);
        assert!(procs_from_env(Some(value)).is_err());
    }

    #[test]
    fn quota_has_a_floor_of_two_and_cpus_have_none() {
        assert_eq!(combine(8, None), 8);
        assert_eq!(combine(8, Some(3)), 3);
        assert_eq!(combine(8, Some(1)), 2);
        assert_eq!(combine(8, Some(0)), 2);
        assert_eq!(combine(1, Some(1)), 1);
        assert_eq!(combine(1, None), 1);
        assert_eq!(combine(0, None), 1);
        assert_eq!(combine(8, Some(usize::MAX)), 8);
        assert_eq!(combine(100_000, None), MAX_PROCS);
    }

    #[test]
    fn this_machine_has_a_default() {
        let procs = DefaultProcs::open();
        let first = procs.get();
        assert!((1..=MAX_PROCS).contains(&first));
        assert!(first <= cpus().max(1));
        assert_eq!(first, procs.get(), "a second look answers the same");
    }
}
