//! What the process has used so far.

use std::time::Duration;

/// CPU time of all threads of this process; `None` where the system does not tell.
pub(crate) fn process_cpu() -> Option<Duration> {
    #[cfg(unix)]
    {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let (secs, nanos) = (u64::try_from(now.tv_sec).ok()?, u32::try_from(now.tv_nsec).ok()?);
        Some(Duration::new(secs, nanos))
    }
    #[cfg(not(unix))]
    None
}

/// Context switches, voluntary and not, of all live threads of this process, and their number;
/// `None` without Linux's /proc.
pub(crate) fn context_switches() -> Option<(u64, usize)> {
    let mut switches = 0;
    let mut threads = 0;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        // A thread may end between the listing and the look.
        let Ok(status) = std::fs::read_to_string(task.ok()?.path().join("status")) else {
            continue;
        };
        threads += 1;
        switches += status
            .lines()
            .filter(|line| line.contains("ctxt_switches"))
            .filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok())
            .sum::<u64>();
    }
    Some((switches, threads))
}
