//! What the process uses of the machine, as far as `/proc` tells; elsewhere zeros, which are flat.

use std::fs;
use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) struct Usage {
    pub(crate) rss_kib: u64,
    pub(crate) threads: usize,
    pub(crate) fds: usize,
}

pub(crate) fn usage() -> Usage {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let number = |key: &str| {
        let line = status.lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
    };
    let count = |folder| fs::read_dir(folder).map_or(0, Iterator::count);
    Usage {
        rss_kib: number("VmRSS:"),
        threads: count("/proc/self/task"),
        fds: count("/proc/self/fd"),
    }
}

/// User and system time of all threads, to the clock tick of a hundredth of a second.
pub(crate) fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, in brackets, may hold anything.
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        rest.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Resident memory over time.
#[derive(Default)]
pub(crate) struct Memory(Vec<(Duration, u64)>);

impl Memory {
    pub(crate) fn sample(&mut self, at: Duration) {
        self.0.push((at, usage().rss_kib));
    }

    fn median(&self, from: f64, to: f64) -> u64 {
        let end = self.0.last().map_or(0.0, |(at, _)| at.as_secs_f64());
        let mut part: Vec<u64> = self
            .0
            .iter()
            .filter(|(at, _)| (from * end..=to * end).contains(&at.as_secs_f64()))
            .map(|(_, kib)| *kib)
            .collect();
        part.sort_unstable();
        part.get(part.len() / 2).copied().unwrap_or(0)
    }

    /// The third quarter against the fourth: the medians, so that a burst does not count. A leak of one
    /// small block in a thousand rounds is more than the twentieth and two MiB that are taken for noise.
    pub(crate) fn growth(&self, judged: bool) -> Result<String, String> {
        let (third, fourth) = (self.median(0.5, 0.75), self.median(0.75, 1.0));
        let text =
            format!("memory: median {third} KiB in the third quarter, {fourth} in the fourth");
        if !judged {
            return Ok(format!("{text} (too short to judge)"));
        }
        if fourth > third + third / 20 + 2048 {
            return Err(text);
        }
        Ok(text)
    }
}
