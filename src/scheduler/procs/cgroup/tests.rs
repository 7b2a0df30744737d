use super::*;
use crate::primitives::fuzz::{fuzz, Choices};
use std::fs;

fn mount(root: &str, point: &str) -> Mount {
    Mount { root: root.into(), point: point.into() }
}

#[track_caller]
fn check_ancestors(root: &str, path: &str, expected: &[&str]) {
    let dirs = ancestors(&mount(root, "/cg"), path.as_bytes());
    let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
    assert_eq!(dirs, expected, "root {root}, path {path}");
}

#[test]
fn cgroup_prefers_the_v1_hierarchy_with_the_cpu_controller() {
    let v2 = b"0::/user.slice/app.scope\n";
    assert_eq!(parse_cgroup(v2), Some((Version::V2, b"/user.slice/app.scope".as_slice())));
    let hybrid = b"12:cpuset:/a\n4:cpu,cpuacct:/b:c\n0::/d\n";
    assert_eq!(parse_cgroup(hybrid), Some((Version::V1, b"/b:c".as_slice())));
    let without = b"12:cpuset:/a\n3:cpuacct:/b\n1:name=cpu:/c\n0::/d\n";
    assert_eq!(parse_cgroup(without), Some((Version::V2, b"/d".as_slice())));
}

#[test]
fn cgroup_answers_none_for_what_is_no_group() {
    for bad in ["", "\n\n", "0", "0:", "0::", "0::relative", "4:cpu", "x:y:z", ":::::"] {
        assert_eq!(parse_cgroup(bad.as_bytes()), None, "{bad:?}");
    }
}

#[test]
fn mountinfo_finds_the_hierarchies_and_nothing_else() {
    let content = b"\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
30 22 0:26 / /sys/fs/cgroup/unified rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n\
31 22 0:27 /docker/1f /sys/fs/cgroup/cpu,cpuacct ro master:5 propagate_from:2 - cgroup cgroup rw,cpu,cpuacct\n\
32 22 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n\
33 22 0:29 / /mnt/with\\040blank\\134 rw - cgroup2 none rw\n\
34 22 0:30 / /short rw - cgroup2\n\
35 22 0:31 / /nodash rw cgroup2 none rw\n";
    assert_eq!(
        parse_mountinfo(content, Version::V2),
        [mount("/", "/sys/fs/cgroup/unified"), mount("/", "/mnt/with blank\\")]
    );
    assert_eq!(
        parse_mountinfo(content, Version::V1),
        [mount("/docker/1f", "/sys/fs/cgroup/cpu,cpuacct")]
    );
}

#[test]
fn ancestors_go_from_the_leaf_to_the_mount_point() {
    check_ancestors("/", "/a/b/c", &["/cg/a/b/c", "/cg/a/b", "/cg/a", "/cg"]);
    check_ancestors("/", "/", &["/cg"]);
    check_ancestors("/a/b", "/a/b/c", &["/cg/c", "/cg"]);
    check_ancestors("/a/b", "/a/b", &["/cg"]);
    check_ancestors("/a/b", "/a/bc", &[]);
    check_ancestors("/a/b", "/a", &[]);
    check_ancestors("/", "/../other", &[]);
    check_ancestors("/", "/a/../../etc", &[]);
    check_ancestors("/", "//a//b/", &["/cg/a/b", "/cg/a", "/cg"]);
}

#[test]
fn cpu_max_rounds_up() {
    for (content, expected) in [
        ("max 100000\n", None),
        ("50000 100000\n", Some(1)),
        ("100000 100000\n", Some(1)),
        ("100001 100000\n", Some(2)),
        ("250000 100000", Some(3)),
        ("300000", Some(3)),
        ("1 0", None),
        ("0 100000", Some(0)),
        ("-1 100000", None),
        ("100000 x", None),
        ("", None),
        ("18446744073709551615 1", Some(u64::MAX as usize)),
        ("18446744073709551616 1", None),
    ] {
        assert_eq!(parse_cpu_max(content.as_bytes()), expected, "{content:?}");
    }
}

#[test]
fn cfs_pair_rounds_up_and_minus_one_is_no_limit() {
    for (quota, period, expected) in [
        ("-1\n", "100000\n", None),
        ("150000\n", "100000\n", Some(2)),
        ("200000\n", "50000\n", Some(4)),
        ("200000\n", "0\n", None),
        ("", "100000\n", None),
        ("200000\n", "", None),
    ] {
        let got = parse_cfs(quota.as_bytes(), period.as_bytes());
        assert_eq!(got, expected, "{quota:?} {period:?}");
    }
}

/// Seeded bytes, half of them from the alphabet of the real files, through every parser.
#[test]
fn no_bytes_make_a_parser_panic() {
    const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
    const ALPHABET: &[u8] = b"/.:, -\n\\0174cpugrox2max";
    let mut state = SEED;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..20_000 {
        let len = (next() % 80) as usize;
        let bytes: Vec<u8> = (0..len)
            .map(|_| match next() {
                n if n % 2 == 0 => n.to_le_bytes()[3],
                n => ALPHABET[(n >> 8) as usize % ALPHABET.len()],
            })
            .collect();
        let dirs = ancestors(&Mount { root: bytes.clone(), point: b"/cg".to_vec() }, &bytes);
        assert!(
            dirs.iter().all(|dir| dir.starts_with("/cg")),
            "seed {SEED:#x}, round {round}: {bytes:?} left the mount: {dirs:?}"
        );
        let _ = parse_cgroup(&bytes);
        let _ = parse_cpu_max(&bytes);
        let _ = parse_cfs(&bytes, &bytes);
        for version in [Version::V1, Version::V2] {
            let _ = parse_mountinfo(&bytes, version);
            let _ = CgroupLimit::from_proc(&bytes, &bytes);
        }
        let unescaped = unescape(&bytes);
        assert!(unescaped.len() <= bytes.len());
    }
}

/// A directory that goes away with the test. Its name has a blank, for the sake of `unescape`.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Tree {
        let dir = std::env::temp_dir().join(format!("gmp cgroup {name} {}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        Tree(dir)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn mountinfo(&self, root: &str, kind: &str, options: &str) -> Vec<u8> {
        let point = self.0.to_str().unwrap().replace(' ', "\\040");
        format!("1 0 0:1 {root} {point} rw shared:1 - {kind} none {options}\n").into_bytes()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn v2_tree_the_tightest_ancestor_counts_and_changes_are_seen() {
    let tree = Tree::new("v2");
    tree.write("a/b/c/cpu.max", "800000 100000\n");
    tree.write("a/b/cpu.max", "max 100000\n");
    tree.write("a/cpu.max", "250000 100000\n");
    let limit =
        CgroupLimit::from_proc(b"0::/a/b/c\n", &tree.mountinfo("/", "cgroup2", "rw")).unwrap();
    assert_eq!(limit.cpus(), Some(3), "the grandparent is the tightest");

    tree.write("a/b/cpu.max", "100000 100000\n");
    assert_eq!(limit.cpus(), Some(1), "a file that had no limit is watched too");
    tree.write("a/b/cpu.max", "max 100000\n");
    tree.write("a/cpu.max", "max 100000\n");
    assert_eq!(limit.cpus(), Some(8));
    tree.write("a/b/c/cpu.max", "max 100000\n");
    assert_eq!(limit.cpus(), None);
    tree.write("a/cpu.max", "garbage\n");
    assert_eq!(limit.cpus(), None);
}

#[test]
fn v2_container_sees_its_own_part_only() {
    let tree = Tree::new("part");
    tree.write("cpu.max", "150000 100000\n");
    tree.write("inner/cpu.max", "max 100000\n");
    let mountinfo = tree.mountinfo("/docker/1f", "cgroup2", "rw");
    let limit = CgroupLimit::from_proc(b"0::/docker/1f/inner\n", &mountinfo).unwrap();
    assert_eq!(limit.cpus(), Some(2));
    assert!(CgroupLimit::from_proc(b"0::/docker/other\n", &mountinfo).is_none());
}

#[test]
fn v1_tree_reads_pairs() {
    let tree = Tree::new("v1");
    tree.write("a/cpu.cfs_quota_us", "350000\n");
    tree.write("a/cpu.cfs_period_us", "100000\n");
    tree.write("cpu.cfs_quota_us", "-1\n");
    tree.write("cpu.cfs_period_us", "100000\n");
    tree.write("a/b/cpu.cfs_quota_us", "900000\n"); // its period is missing: skipped
    let cgroup = b"4:cpu,cpuacct:/a/b\n0::/elsewhere\n";
    let mountinfo = tree.mountinfo("/", "cgroup", "rw,cpu,cpuacct");
    let limit = CgroupLimit::from_proc(cgroup, &mountinfo).unwrap();
    assert_eq!(limit.cpus(), Some(4));
    tree.write("a/cpu.cfs_quota_us", "-1\n");
    assert_eq!(limit.cpus(), None);
}

#[test]
fn nothing_to_read_limits_nothing() {
    let tree = Tree::new("none");
    let mountinfo = tree.mountinfo("/", "cgroup2", "rw");
    assert!(CgroupLimit::from_proc(b"0::/\n", &mountinfo).is_none());
    assert!(CgroupLimit::from_proc(b"", &mountinfo).is_none());
    assert!(CgroupLimit::from_proc(b"0::/\n", b"").is_none());
}

/// A directory's name, of any bytes but those that no name has.
fn any_name(choices: &Choices<'_>) -> Vec<u8> {
    let odd = b" \t\n\\:,-.a\xff";
    (0..1 + choices.below(6)).map(|_| odd[choices.below(odd.len() as u32) as usize]).collect()
}

/// What the kernel writes for such a path in mountinfo.
fn escape(path: &[u8]) -> Vec<u8> {
    let escaped = path.iter().flat_map(|&byte| match byte {
        b' ' | b'\t' | b'\n' | b'\\' => format!("\\{byte:03o}").into_bytes(),
        _ => vec![byte],
    });
    escaped.collect()
}

fn any_path(choices: &Choices<'_>, most: u32) -> Vec<u8> {
    let names = (0..choices.below(most)).map(|_| any_name(choices));
    let path: Vec<u8> = names.flat_map(|name| [b"/".to_vec(), name].concat()).collect();
    if path.is_empty() {
        b"/".to_vec()
    } else {
        path
    }
}

/// What a kernel could write is read as it was meant, whatever the directories are called; anything else
/// is survived.
pub(crate) fn program(choices: &Choices<'_>) {
    let version = if choices.below(2) == 0 { Version::V1 } else { Version::V2 };
    let mount = Mount { root: any_path(choices, 4), point: any_path(choices, 4) };
    let (kind, options) = match version {
        Version::V1 => ("cgroup", "rw,cpu,cpuacct"),
        Version::V2 => ("cgroup2", "rw"),
    };
    let optional = ["", " shared:1", " master:2 propagate_from:3"][choices.below(3) as usize];
    let mut mountinfo = b"24 30 0:22 / /proc rw - proc proc rw\n36 35 0:31 ".to_vec();
    mountinfo.extend(escape(&mount.root));
    mountinfo.push(b' ');
    mountinfo.extend(escape(&mount.point));
    mountinfo.extend(format!(" rw,nosuid{optional} - {kind} none {options}\n").bytes());
    assert_eq!(parse_mountinfo(&mountinfo, version), [mount], "version {version:?}");

    // The group's own file has no escapes: a newline in a name cannot be told from the end.
    let mut path = any_path(choices, 5);
    path.retain(|&byte| byte != b'\n');
    let mut cgroup = b"7:memory:/other\n".to_vec();
    let controllers = if version == Version::V1 { "4:cpuacct,cpu:" } else { "0::" };
    cgroup.extend(controllers.bytes());
    cgroup.extend(&path);
    cgroup.push(b'\n');
    assert_eq!(parse_cgroup(&cgroup), Some((version, path.as_slice())));

    let (quota, period) =
        (choices.next_u64() >> choices.below(64), choices.next_u64() >> choices.below(64));
    let expected = (period > 0).then(|| usize::try_from(quota.div_ceil(period)).unwrap());
    let max = format!("{quota} {period}\n");
    assert_eq!(parse_cpu_max(max.as_bytes()), expected);
    let (quota, period) = (format!("{quota}\n"), format!("{period}\n"));
    assert_eq!(parse_cfs(quota.as_bytes(), period.as_bytes()), expected);

    for text in [&mut mountinfo, &mut cgroup, &mut max.into_bytes(), &mut choices.rest(80)] {
        for _ in 0..choices.below(6) {
            let at = choices.below(text.len() as u32 + 1) as usize;
            match choices.below(3) {
                0 => text.insert(at, choices.next_u64() as u8),
                1 => text.truncate(at),
                _ if at < text.len() => text[at] ^= 1 << choices.below(8),
                _ => {}
            }
        }
        for mount in parse_mountinfo(text, version) {
            assert!(mount.root.starts_with(b"/") && mount.point.starts_with(b"/"));
            for dir in ancestors(&mount, &path) {
                let point = Path::new(OsStr::from_bytes(&mount.point));
                assert!(dir.starts_with(point), "{dir:?} is above {point:?}");
                assert!(!dir.strip_prefix(point).unwrap().starts_with(".."));
            }
        }
        if let Some((_, path)) = parse_cgroup(text) {
            assert!(path.starts_with(b"/"));
        }
        let _any = (parse_cpu_max(text), parse_cfs(text, text));
    }
}

#[test]
fn fuzz_cgroup() {
    fuzz(2_000, program);
}
