//! What the house rules ask of the sources, checked on the text: who imports whom, where unsafe code and
//! the models' cfg may be, that orderings name their partners, that nothing is left unfinished.
//!
//! The reading is done by `tidy_common`; this file holds the rules and the lists that go with them. A new
//! entry in a list is a decision: it belongs into the same commit as its reason.

#[path = "tidy_common/mod.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};

use source::{sources, Source};

/// Files that may contain unsafe code. Tests are not counted: they ship to nobody.
const UNSAFE: &[&str] = &[
    "benches/src/alloc.rs",                  // a counting allocator
    "executor-tests/src/bin/stress/race.rs", // the race that the sanitizers must report
    "hyper/src/io.rs",                       // hyper's read cursor
    // Layer 1.
    "src/primitives/appendvec.rs",
    "src/primitives/atomic_waker.rs",
    "src/primitives/list.rs",
    "src/primitives/note.rs",
    "src/primitives/pool.rs",
    "src/primitives/pool_loom.rs",
    "src/primitives/prefetch.rs", // a hint that reads nothing
    "src/primitives/thread_clock.rs",
    "src/primitives/tsan_mutex.rs",
    "src/primitives/tsan_rwlock.rs",
    "src/primitives/wakelist.rs",
    // Layer 2: the task cell.
    "src/g/allg.rs",
    "src/g/cell.rs",
    "src/g/coop.rs",
    "src/g/join.rs",
    "src/g/mod.rs",
    "src/g/raw.rs",
    "src/g/run.rs",
    "src/g/waker.rs",
    // Layer 3.
    "src/scheduler/blocking.rs",
    "src/scheduler/context.rs",
    "src/scheduler/doze.rs",
    "src/scheduler/local.rs",
    "src/scheduler/netpoll/source.rs",
    "src/scheduler/netpoll/timerfd.rs",
    "src/scheduler/p.rs",
    "src/scheduler/procs/affinity.rs",
    "src/scheduler/ready.rs",
    "src/scheduler/runq.rs",
    "src/scheduler/sched.rs",
    "src/scheduler/timers/mod.rs",
    // Layer 4: intrusive waiters, and the edges to the operating system.
    "src/fs/file/fd.rs",
    "src/io/read_buf.rs",
    "src/io/read_buf/growing.rs",
    "src/io/unix/async_fd.rs",
    "src/net/socket.rs",
    "src/net/unix/pipe.rs",
    "src/net/unix/ucred.rs",
    "src/process/command.rs",
    "src/process/pidfd.rs",
    "src/signal/registry.rs",
    "src/sync/broadcast/cell.rs",
    "src/sync/mpsc/block.rs",
    "src/sync/mpsc/chan.rs",
    "src/sync/mpsc/list.rs",
    "src/sync/mutex.rs",
    "src/sync/oneshot.rs",
    "src/sync/rwlock/guards.rs", // as mutex.rs: references into what a permit guards
    "src/sync/rwlock/mod.rs",
    "src/sync/rwlock/owned.rs",
    "src/sync/slot.rs", // the value that OnceCell and SetOnce share by reference
    "src/sync/waitlist.rs",
];

/// The only shipping files that may behave differently under the models, and what differs.
const LOOM: &[&str] = &[
    "src/primitives/sync.rs",      // the switch
    "src/primitives/appendvec.rs", // smaller chunks
    "src/primitives/mod.rs",       // no pool: the checkers shall see each block come and go
    "src/primitives/note.rs",
    "src/primitives/prefetch.rs",     // no looks at what may come
    "src/primitives/thread_clock.rs", // loom's park in place of the kernel's
    "src/primitives/rand.rs",         // one seed: models must repeat
    "src/g/allg.rs",                  // shorter chains
    "src/scheduler/context.rs",       // loom's thread locals
    "src/scheduler/doze.rs",          // a clock that rings at once
    "src/scheduler/limits.rs",        // smaller rings
    "src/scheduler/sched.rs",         // the models' heap, which reports leaks and uses after free
    "src/scheduler/steal.rs",         // no clock
    "src/sync/block_on.rs",           // no cache in a thread local
    "src/sync/broadcast/cell.rs",     // no spinning
    "src/sync/mpsc/block.rs",         // smaller blocks; frees are visible
    "src/sync/mpsc/chan.rs",          // no spinning
    "src/sync/mpsc/list.rs",          // no recycling
    "src/sync/oneshot.rs",            // frees are visible
    "src/sync/waitlist.rs",           // a failed model may unwind
];

/// Longest file that is still one idea.
const MAX_LINES: usize = 800;

/// The layer of a folder, or of a file at the top of `src`.
fn layer(folder: &str) -> u8 {
    match folder {
        "primitives" => 1,
        "g" => 2,
        "scheduler" => 3,
        "io" | "net" | "time" | "sync" | "fs" | "process" | "signal" => 4,
        "runtime" | "task" | "executor" | "macros" | "macros_support" => 5,
        "lib" => 6,
        // A public item at the crate's root, or a macro: the API.
        _ => 5,
    }
}

/// May code in `from` (path of its module) name `to`?
fn may_import(from: &[String], to: &[String]) -> bool {
    let (here, there) = (from[0].as_str(), to[0].as_str());
    let inner = to.get(1).map_or("", String::as_str);
    // Inside the scheduler, the poller and the timers know neither M nor P.
    if here == "scheduler" && there == "scheduler" {
        return match from.get(1).map(String::as_str) {
            Some(part @ ("netpoll" | "timers")) => inner == part || inner == "limits",
            _ => true,
        };
    }
    if here == there {
        return true;
    }
    let (own, other) = (layer(here), layer(there));
    if own == 5 || own == 6 {
        return other <= own;
    }
    if own != 4 {
        return other < own;
    }
    match there {
        "primitives" => true,
        "g" => matches!(inner, "coop" | "join" | "block"),
        // Four doors. `sync` works on any executor and uses none of them.
        "scheduler" => {
            here != "sync" && matches!(inner, "netpoll" | "timers" | "handoff" | "context")
        }
        "io" => matches!(here, "net" | "fs" | "process" | "signal"),
        "sync" => matches!(here, "signal" | "process"),
        "signal" => here == "process",
        // `mpsc::Sender::send_timeout` alone.
        "time" => here == "sync" && from.get(1).is_some_and(|part| part == "mpsc"),
        _ => false,
    }
}

fn fail_if_any(rule: &str, findings: Vec<String>) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

#[test]
fn imports_point_down() {
    let mut findings = Vec::new();
    let mut seen = 0;
    for file in sources().iter().filter(|f| f.path.starts_with("src/") && !f.test_only) {
        let from = file.module();
        for (line, to) in file.crate_paths() {
            seen += 1;
            if !may_import(&from, &to) {
                findings.push(format!("{}:{line}: {} names {}", file.path, from[0], to.join("::")));
            }
        }
    }
    assert!(seen > 200, "only {seen} paths found: the reader is broken");
    fail_if_any("a layer imports from one that is not below it", findings);
}

#[test]
fn the_layer_table_bites() {
    let path = |p: &str| p.split("::").map(String::from).collect::<Vec<_>>();
    for (from, to) in [
        ("primitives::note", "g::coop"),
        ("g::run", "scheduler::sched"),
        ("scheduler::proc", "time"),
        ("scheduler::timers::wheel", "scheduler::p"),
        ("scheduler::netpoll", "scheduler::m"),
        ("sync::mpsc", "scheduler::context"),
        ("sync::mpsc", "io"),
        ("sync::mutex", "time"),
        ("time::sleep", "scheduler::sched"),
        ("time::sleep", "task"),
        ("net::tcp", "runtime"),
        ("io::util", "net"),
        ("fs", "g::raw"),
    ] {
        assert!(!may_import(&path(from), &path(to)), "{from} may not name {to}");
    }
    for (from, to) in [
        ("g::run", "primitives::sync"),
        ("scheduler::proc", "g::raw"),
        ("time::sleep", "scheduler::timers"),
        ("net::tcp", "io"),
        ("process", "signal"),
        ("task::spawn", "scheduler::ready"),
        ("runtime::handle", "task"),
    ] {
        assert!(may_import(&path(from), &path(to)), "{from} may name {to}");
    }
}

#[test]
fn unsafe_code_is_a_place() {
    let all = sources();
    let found: BTreeSet<&str> = all
        .iter()
        .filter(|f| !f.test_only && f.code_without_spaces().contains("allow(unsafe_code)"))
        .map(|f| f.path.as_str())
        .collect();
    let listed: BTreeSet<&str> = UNSAFE.iter().copied().collect();
    let unlisted = found.difference(&listed).map(|f| format!("{f} is not in the list"));
    let stale = listed.difference(&found).map(|f| format!("{f} has none any more: unlist it"));
    fail_if_any("files with unsafe code", unlisted.chain(stale).collect());
}

#[test]
fn unsafe_code_is_argued() {
    let mut findings = Vec::new();
    for file in sources() {
        for line in file.lines_with_unsafe() {
            if !file.is_argued(line) {
                findings.push(format!("{}:{}", file.path, line + 1));
            }
        }
    }
    fail_if_any("unsafe without a SAFETY comment above", findings);
}

#[test]
fn orderings_name_their_partners() {
    let mut labels: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in sources().iter().filter(|f| f.path.starts_with("src/")) {
        for (line, label) in file.ordering_labels() {
            labels.entry(label).or_default().push(format!("{}:{line}", file.path));
        }
    }
    assert!(labels.len() > 20, "only {} labels found: the reader is broken", labels.len());
    let lonely = labels
        .into_iter()
        .filter(|(_, at)| at.len() < 2)
        .map(|(label, at)| format!("Ordering({label}) is named once, at {}", at[0]));
    fail_if_any("a label needs both of its ends", lonely.collect());
}

#[test]
fn nothing_is_unfinished() {
    // Put together here so that this file does not find itself.
    let words = [["todo", "!"], ["unimplemented", "!"], ["FIX", "ME"], ["XX", "X"], ["TO", "DO"]];
    let words: Vec<String> = words.iter().map(|w| w.concat()).collect();
    let mut findings = Vec::new();
    for file in sources() {
        for (i, line) in file.text.lines().enumerate() {
            for word in words.iter().filter(|w| source::has_word(line, w)) {
                findings.push(format!("{}:{}: {word}", file.path, i + 1));
            }
        }
    }
    fail_if_any("unfinished", findings);
}

#[test]
fn models_see_the_code_that_ships() {
    let all = sources();
    let found: BTreeSet<&str> = all
        .iter()
        .filter(|f| f.path.starts_with("src/") && !f.test_only && f.differs_under_loom())
        .map(|f| f.path.as_str())
        .collect();
    let listed: BTreeSet<&str> = LOOM.iter().copied().collect();
    assert!(found.contains("src/primitives/sync.rs"), "the reader is broken");
    let unlisted = found.difference(&listed).map(|f| format!("{f} is not in the list"));
    fail_if_any("files that differ under the models", unlisted.collect());
}

#[test]
fn files_are_one_sitting() {
    let mut all = sources();
    all.sort_by_key(|f| std::cmp::Reverse(f.text.lines().count()));
    let lines = |f: &Source| f.text.lines().count();
    println!("{} files, {} lines; the longest:", all.len(), all.iter().map(lines).sum::<usize>());
    for file in all.iter().take(10) {
        println!("{:5}  {}", lines(file), file.path);
    }
    let long = all.iter().filter(|f| lines(f) > MAX_LINES);
    fail_if_any("longer than a file may be", long.map(|f| f.path.clone()).collect());
}
