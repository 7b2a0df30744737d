//! How many CPUs the affinity mask of this process leaves.
#![allow(unsafe_code)] // one system call

use libc::c_ulong;

/// Where the buffer starts: 1024 CPUs, glibc's `cpu_set_t`.
const FIRST_WORDS: usize = 1024 / c_ulong::BITS as usize;
/// Where it ends: 256 Ki CPUs, far beyond what a kernel can be built for.
const MAX_WORDS: usize = 256 * FIRST_WORDS;

/// The number of CPUs in the calling thread's affinity mask; `None` if the kernel does not tell.
///
/// The kernel refuses (EINVAL) a buffer smaller than its own mask, so the buffer grows until it fits.
pub(super) fn cpus() -> Option<usize> {
    let mut mask: Vec<c_ulong> = vec![0; FIRST_WORDS];
    loop {
        let bytes = std::mem::size_of_val(mask.as_slice());
        // SAFETY: the pointer is valid for writes of `bytes` bytes, which is what the call is told;
        // any bit pattern is a valid `c_ulong`.
        let result = unsafe { libc::sched_getaffinity(0, bytes, mask.as_mut_ptr().cast()) };
        if result == 0 {
            let cpus = mask.iter().map(|word| word.count_ones() as usize).sum();
            return Some(cpus).filter(|&cpus| cpus > 0);
        }
        let too_small = std::io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL);
        if !too_small || mask.len() >= MAX_WORDS {
            return None;
        }
        mask.resize(mask.len() * 2, 0);
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    #[test]
    fn counts_this_machine() {
        let cpus = super::cpus().expect("the kernel tells");
        let status =
            std::fs::read_to_string("/proc/thread-self/status").expect("procfs is mounted");
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let listed: usize = list
            .expect("the kernel lists the CPUs")
            .trim()
            .split(',')
            .map(|range| match range.split_once('-') {
                Some((first, last)) => {
                    last.parse::<usize>().unwrap() - first.parse::<usize>().unwrap() + 1
                }
                None => 1,
            })
            .sum();
        assert_eq!(cpus, listed);
    }
}
