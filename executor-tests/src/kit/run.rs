//! Runs a case: on a thread of its own, and in a process of its own if it is expected to fail.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::process::{Command, Stdio};
use std::sync::mpsc::{channel, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use gmp::executor::{Executor, TaskHandle};

use super::{Ability, Drops, Exception, Harness, Kit, PATIENCE};

/// Set in processes in which a case runs although it is excepted.
const CHILD: &str = "EXECUTOR_TESTS_CHILD";

/// An exception that takes longer is one that hangs.
const EXCEPTION_LIMIT: Duration = Duration::from_secs(10);

/// A case of the suite, for one executor.
pub struct Case<H: Harness> {
    /// The part of the suite.
    pub area: &'static str,
    /// The case's name in it.
    pub name: &'static str,
    /// What an executor must be able to do to be asked.
    pub needs: &'static [Ability],
    /// The case itself: panics when the executor fails.
    pub run: fn(Kit<H>),
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passed.
    Passed,
    /// It needs what the executor says that it lacks.
    Unsupported(Ability, &'static str),
    /// The executor says that it fails, for this reason, and it does.
    Excepted(&'static str),
    /// It failed, or passed although it is excepted.
    Failed(String),
}

/// Runs a case, as the test `test` of this binary (the name that `--exact` takes).
pub fn verdict<H: Harness>(case: &Case<H>, test: &str) -> Verdict {
    if let Some((ability, reason)) = missing::<H>(case.needs) {
        return Verdict::Unsupported(ability, reason);
    }
    let path = format!("{}::{}", case.area, case.name);
    let exception: Option<&Exception> = H::exceptions().iter().find(|e| e.case == path);
    match exception {
        Some(exception) if std::env::var_os(CHILD).is_none() => match passes_in_child(test) {
            Ok(false) => Verdict::Excepted(exception.reason),
            Ok(true) => Verdict::Failed(format!("it is an exception, and passes: {exception:?}")),
            Err(error) => Verdict::Failed(error),
        },
        _ => match on_a_thread(PATIENCE * 2, {
            let run = case.run;
            move || run(Kit::start())
        }) {
            Ended::Passed => Verdict::Passed,
            Ended::Panicked(text) => Verdict::Failed(text),
            Ended::Hangs => Verdict::Failed("it hangs".to_owned()),
        },
    }
}

/// [`verdict`] as a test: prints why a case does not apply, and panics when it failed.
///
/// # Panics
///
/// See above.
pub fn run<H: Harness>(case: &Case<H>, test: &str) {
    match verdict(case, test) {
        Verdict::Passed => {}
        Verdict::Unsupported(ability, reason) => println!("{test}: lacks {ability:?}: {reason}"),
        Verdict::Excepted(reason) => println!("{test}: an exception: {reason}"),
        Verdict::Failed(text) => panic!("{test}: {text}"),
    }
}

fn missing<H: Harness>(needs: &[Ability]) -> Option<(Ability, &'static str)> {
    if needs.contains(&Ability::Parallel) && H::workers() < 2 {
        return Some((Ability::Parallel, "it has one worker"));
    }
    H::lacks().iter().copied().find(|(ability, _)| needs.contains(ability))
}

enum Ended {
    Passed,
    Panicked(String),
    Hangs,
}

/// A thread that hangs stays behind: nothing can end it.
fn on_a_thread(limit: Duration, work: impl FnOnce() + Send + 'static) -> Ended {
    let (over, is_over) = channel();
    let thread = thread::spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(work));
        let _nobody_waits_any_more = over.send(());
        result
    });
    if is_over.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
        return Ended::Hangs;
    }
    match thread.join() {
        Ok(Ok(())) => Ended::Passed,
        Ok(Err(payload)) | Err(payload) => {
            let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            Ended::Panicked(text.unwrap_or_else(|| "a panic without a text".to_owned()))
        }
    }
}

fn passes_in_child(test: &str) -> Result<bool, String> {
    let exe = std::env::current_exe().map_err(|e| format!("no path to this program: {e}"))?;
    let mut child = Command::new(exe)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("no process for {test}: {e}"))?;
    let begun = Instant::now();
    loop {
        match child.try_wait().map_err(|e| format!("lost the process of {test}: {e}"))? {
            Some(status) => return Ok(status.success()),
            None if begun.elapsed() > EXCEPTION_LIMIT => {
                let _it_may_end_just_now = child.kill();
                let _ = child.wait();
                return Ok(false);
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// Every exception names a case that there is, and one that the executor is asked at all.
///
/// # Panics
///
/// When one does not.
pub fn check_exceptions<H: Harness>(cases: &[Case<H>]) {
    for exception in H::exceptions() {
        let found = cases.iter().find(|c| format!("{}::{}", c.area, c.name) == exception.case);
        let case = found.unwrap_or_else(|| panic!("there is no case {:?}", exception.case));
        let missing = missing::<H>(case.needs);
        assert!(missing.is_none(), "{:?} is not asked for anyway: {missing:?}", exception.case);
    }
}

/// What an executor says that it lacks, it lacks.
///
/// # Panics
///
/// When it has it.
pub fn check_lacks<H: Harness>() {
    for (ability, _) in H::lacks() {
        let ability = *ability;
        let ended = on_a_thread(EXCEPTION_LIMIT, move || probe::<H>(ability));
        assert!(!matches!(ended, Ended::Passed), "it has what it says that it lacks: {ability:?}");
    }
}

/// Ends without a panic if the executor has the ability.
fn probe<H: Harness>(ability: Ability) {
    let mut kit = Kit::<H>::start();
    let drops = Drops::default();
    let guard = drops.guard();
    match ability {
        Ability::Timers => kit.block_on(kit.executor().sleep(Duration::from_millis(1))),
        Ability::Blocking => {
            let task = kit.executor().spawn_blocking(|| 1);
            assert_eq!(kit.block_on(task).ok(), Some(1));
        }
        Ability::Abort => {
            let task = kit.spawn(std::future::pending::<()>());
            task.abort();
            assert!(kit.block_on(task).is_err_and(|error| error.is_cancelled()));
        }
        Ability::Panics => {
            let task = kit.spawn(async { panic!("a probe") });
            assert!(kit.block_on(task).map(|never: ()| never).is_err_and(|e| e.is_panic()));
        }
        Ability::Shutdown => {
            drop(kit.spawn(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            }));
            kit.settle();
            kit.stop();
            assert_eq!(drops.count(), 1);
        }
        Ability::Parallel => panic!("workers() tells"),
    }
}
