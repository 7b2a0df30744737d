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

/// CPU time since an earlier [`process_cpu`].
pub(crate) fn process_cpu_since(before: Option<Duration>) -> Option<Duration> {
    process_cpu().zip(before).map(|(after, before)| after - before)
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
        switches += switches_in(&status);
    }
    Some((switches, threads))
}

/// CPU time and context switches of the live thread that is called `name`; `None` without one, and without
/// Linux's /proc.
pub(crate) fn thread_called(name: &str) -> Option<(Duration, u64)> {
    let path = std::fs::read_dir("/proc/self/task").ok()?.find_map(|task| {
        let path = task.ok()?.path();
        (std::fs::read_to_string(path.join("comm")).ok()?.trim_end() == name).then_some(path)
    })?;
    let stat = std::fs::read_to_string(path.join("schedstat")).ok()?;
    let ns = stat.split_whitespace().next()?.parse().ok()?;
    let status = std::fs::read_to_string(path.join("status")).ok()?;
    Some((Duration::from_nanos(ns), switches_in(&status)))
}

fn switches_in(status: &str) -> u64 {
    status
        .lines()
        .filter(|line| line.contains("ctxt_switches"))
        .filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok())
        .sum()
}

/// Bytes of memory that the process has in use and in RAM; `None` without Linux's /proc.
pub(crate) fn resident() -> Option<u64> {
    resident_in(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn resident_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read() {
        let status = "Name:\tgmp-bench\nVmHWM:\t    9000 kB\nVmRSS:\t    8192 kB\nThreads:\t1\n";
        assert_eq!(resident_in(status), Some(8192 * 1024));
        assert_eq!(resident_in("Name:\tgmp-bench\n"), None);
        assert_eq!(resident_in("VmRSS:\tmuch kB\n"), None);
    }
}
