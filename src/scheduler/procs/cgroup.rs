//! The CPU quota of the cgroups that this process is in, versions 1 and 2.
//!
//! 1. `/proc/self/cgroup` names the group: the v1 hierarchy with the controller `cpu` if there is one
//!    (there the quota works), else the v2 hierarchy ([`parse_cgroup`]).
//! 2. `/proc/self/mountinfo` tells where that hierarchy is mounted, and which of its directories is at
//!    the mount point ([`parse_mountinfo`]); a container often sees only a part of it.
//! 3. Each directory from the group up to the mount point ([`ancestors`]) may hold a limit, and the
//!    kernel enforces all of them: the tightest counts. What lies above the mount point cannot be seen.
//! 4. The limit's files stay open: looking again is one `pread` a file, with no path look-up. A file
//!    that says "no limit" stays open too, for it may say something else tomorrow. A process that is
//!    moved to another group is not noticed.
//!
//! The parsers take bytes, answer `None` or nothing for what they do not understand, and never panic:
//! the files are the kernel's, but the paths in them are whatever somebody once called a directory.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The kernel's default period, for a `cpu.max` that names none: microseconds.
const DEFAULT_PERIOD_US: u64 = 100_000;

/// Room for the content of a limit file: two decimal numbers. Microseconds in a `u64` have 20 digits.
const LIMIT_FILE_BYTES: usize = 64;

/// Which kind of hierarchy holds the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

/// A mounted hierarchy that can hold CPU quotas.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// The directory of the hierarchy that is at the mount point.
    pub(crate) root: Vec<u8>,
    pub(crate) point: Vec<u8>,
}

/// The open limits of one process, leaf first.
#[derive(Debug)]
pub(crate) struct CgroupLimit {
    levels: Vec<Level>,
}

/// One directory's limit.
#[derive(Debug)]
enum Level {
    V1 { quota: File, period: File },
    V2 { max: File },
}

impl CgroupLimit {
    /// Opens the limits of this process; `None` when there are none to watch.
    pub(crate) fn open() -> Option<CgroupLimit> {
        let cgroup = std::fs::read("/proc/self/cgroup").ok()?;
        let mountinfo = std::fs::read("/proc/self/mountinfo").ok()?;
        CgroupLimit::from_proc(&cgroup, &mountinfo)
    }

    /// Opens the limits that these contents of the two files lead to.
    ///
    /// A hierarchy may be mounted more than once, each mount showing another part, and a mount may hide
    /// another one. Every directory that can be reached belongs to the group or to an ancestor, so all of
    /// them are watched.
    fn from_proc(cgroup: &[u8], mountinfo: &[u8]) -> Option<CgroupLimit> {
        let (version, path) = parse_cgroup(cgroup)?;
        let mut dirs = Vec::new();
        for mount in parse_mountinfo(mountinfo, version) {
            for dir in ancestors(&mount, path) {
                if !dirs.contains(&dir) {
                    dirs.push(dir);
                }
            }
        }
        let levels: Vec<Level> = dirs.iter().filter_map(|dir| Level::open(dir, version)).collect();
        if levels.is_empty() {
            None
        } else {
            Some(CgroupLimit { levels })
        }
    }

    /// The tightest quota now, in CPUs and rounded up; `None` when nothing is limited.
    pub(crate) fn cpus(&self) -> Option<usize> {
        self.levels.iter().filter_map(Level::cpus).min()
    }
}

impl Level {
    fn open(dir: &Path, version: Version) -> Option<Level> {
        match version {
            Version::V1 => Some(Level::V1 {
                quota: File::open(dir.join("cpu.cfs_quota_us")).ok()?,
                period: File::open(dir.join("cpu.cfs_period_us")).ok()?,
            }),
            // A group without the controller, and the root of them all, have no such file.
            Version::V2 => Some(Level::V2 { max: File::open(dir.join("cpu.max")).ok()? }),
        }
    }

    fn cpus(&self) -> Option<usize> {
        let mut first = [0; LIMIT_FILE_BYTES];
        let mut second = [0; LIMIT_FILE_BYTES];
        match self {
            Level::V1 { quota, period } => {
                parse_cfs(read_start(quota, &mut first)?, read_start(period, &mut second)?)
            }
            Level::V2 { max } => parse_cpu_max(read_start(max, &mut first)?),
        }
    }
}

/// The file's content as of now. `None` on any error: a group that was removed answers ENODEV.
fn read_start<'a>(file: &File, buf: &'a mut [u8]) -> Option<&'a [u8]> {
    let read = loop {
        match file.read_at(buf, 0) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            other => break other.ok()?,
        }
    };
    buf.get(..read)
}

/// The hierarchy that can limit CPU time and the group's path in it, from `/proc/self/cgroup`: lines of
/// `id:controllers:path`.
pub(crate) fn parse_cgroup(content: &[u8]) -> Option<(Version, &[u8])> {
    let mut v2 = None;
    for line in lines(content) {
        let mut fields = line.splitn(3, |&byte| byte == b':');
        let (Some(id), Some(controllers), Some(path)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        if !path.starts_with(b"/") {
            continue;
        }
        if has_item(controllers, b"cpu") {
            return Some((Version::V1, path));
        }
        if id == b"0" && controllers.is_empty() {
            v2 = Some((Version::V2, path));
        }
    }
    v2
}

/// The mounts of that kind of hierarchy, from `/proc/self/mountinfo`: lines of
/// `id parent major:minor root point options [optional fields] - type source super-options`.
pub(crate) fn parse_mountinfo(content: &[u8], version: Version) -> Vec<Mount> {
    lines(content).filter_map(|line| parse_mount(line, version)).collect()
}

fn parse_mount(line: &[u8], version: Version) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ');
    let root = fields.nth(3)?;
    let point = fields.next()?;
    // Options of the mount, then any number of optional fields, then a lone dash.
    fields.next()?;
    fields.find(|&field| field == b"-")?;
    let kind = fields.next()?;
    let _source = fields.next()?;
    let super_options = fields.next()?;
    let fits = match version {
        Version::V1 => kind == b"cgroup" && has_item(super_options, b"cpu"),
        Version::V2 => kind == b"cgroup2",
    };
    let mount = Mount { root: unescape(root), point: unescape(point) };
    (fits && mount.root.starts_with(b"/") && mount.point.starts_with(b"/")).then_some(mount)
}

/// The directories of the group at `path` and of its ancestors as far as `mount` shows them, leaf
/// first. Empty when the group is not below the mount's root.
pub(crate) fn ancestors(mount: &Mount, path: &[u8]) -> Vec<PathBuf> {
    let mut rest = names(path);
    let inside = names(&mount.root).all(|name| rest.next() == Some(name));
    let below: Vec<&[u8]> = rest.collect();
    // A group outside of this process's cgroup namespace is shown by a path that climbs.
    if !inside || below.contains(&b"..".as_slice()) {
        return Vec::new();
    }
    let point = Path::new(OsStr::from_bytes(&mount.point));
    (0..=below.len())
        .rev()
        .map(|depth| {
            let mut dir = point.to_path_buf();
            dir.extend(below.iter().take(depth).map(|name| OsStr::from_bytes(name)));
            dir
        })
        .collect()
}

/// The names in a path, without the empty ones around slashes.
fn names(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|name| !name.is_empty())
}

/// CPUs, rounded up, that a v2 `cpu.max` grants: `quota period` or `max period`, in microseconds.
pub(crate) fn parse_cpu_max(content: &[u8]) -> Option<usize> {
    let mut fields = words(content);
    let quota = parse_number(fields.next()?)?; // `max` is not a number: no limit
    let period = match fields.next() {
        Some(period) => parse_number(period)?,
        None => DEFAULT_PERIOD_US,
    };
    cpus_of(quota, period)
}

/// CPUs, rounded up, that v1's pair of files grants; a negative quota is no limit.
pub(crate) fn parse_cfs(quota: &[u8], period: &[u8]) -> Option<usize> {
    cpus_of(parse_number(words(quota).next()?)?, parse_number(words(period).next()?)?)
}

fn cpus_of(quota: u64, period: u64) -> Option<usize> {
    if period == 0 {
        return None;
    }
    Some(usize::try_from(quota.div_ceil(period)).unwrap_or(usize::MAX))
}

fn lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content.split(|&byte| byte == b'\n')
}

fn words(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// Is `item` in this comma-separated list?
fn has_item(list: &[u8], item: &[u8]) -> bool {
    list.split(|&byte| byte == b',').any(|entry| entry == item)
}

/// A decimal number without a sign.
fn parse_number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Undoes the kernel's `\ooo` for blanks and backslashes in paths.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, tail)) = rest.split_first() {
        match octal(byte, tail) {
            Some((value, after)) => {
                out.push(value);
                rest = after;
            }
            None => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    out
}

/// The byte that `first` and the start of `tail` escape, and what follows.
fn octal(first: u8, tail: &[u8]) -> Option<(u8, &[u8])> {
    let digits = tail.get(..3).filter(|_| first == b'\\')?;
    if !digits.iter().all(|digit| (b'0'..=b'7').contains(digit)) {
        return None;
    }
    let value = digits.iter().fold(0u32, |value, digit| value * 8 + u32::from(digit - b'0'));
    Some((u8::try_from(value).ok()?, &tail[3..]))
}

#[cfg(any(all(test, not(gmp_loom)), gmp_fuzz))]
pub(crate) mod tests;
