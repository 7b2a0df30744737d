//! [`Command`].
#![allow(unsafe_code)] // `pre_exec` is unsafe to call, here as in std

use std::ffi::OsStr;
use std::future::Future;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command as StdCommand, ExitStatus, Output, Stdio};

use super::orphan;
use super::stdio::{ChildStderr, ChildStdin, ChildStdout};
use super::watched::Watched;
use super::Child;
use crate::io::registration::require_io;

/// Which program to run, and how: std's builder with asynchronous ends.
///
/// It can be used for several children; each [`spawn`](Command::spawn) makes one.
///
/// # Examples
///
/// ```
/// use gmp::io::AsyncWriteExt;
/// use gmp::process::Command;
/// use std::process::Stdio;
///
/// # fn main() -> std::io::Result<()> { gmp::runtime::Runtime::new()?.block_on(async {
/// let mut sort = Command::new("sort")
///     .stdin(Stdio::piped())
///     .stdout(Stdio::piped())
///     .kill_on_drop(true)
///     .spawn()?;
/// let mut input = sort.stdin.take().expect("it is piped");
/// input.write_all(b"two\none\n").await?;
/// drop(input);
/// assert_eq!(sort.wait_with_output().await?.stdout, b"one\ntwo\n");
/// # Ok(()) }) }
/// ```
#[derive(Debug)]
pub struct Command {
    std: StdCommand,
    kill_on_drop: bool,
}

impl Command {
    /// A program without arguments, with the parent's environment, directory and standard streams.
    ///
    /// If the name has no slash it is looked for in `PATH`.
    pub fn new<S: AsRef<OsStr>>(program: S) -> Command {
        StdCommand::new(program).into()
    }

    /// std's builder inside.
    pub fn as_std(&self) -> &StdCommand {
        &self.std
    }

    /// std's builder inside, for settings that are missing here.
    pub fn as_std_mut(&mut self) -> &mut StdCommand {
        &mut self.std
    }

    /// Takes std's builder out.
    pub fn into_std(self) -> StdCommand {
        self.std
    }

    /// One more argument, as it is: no shell looks at it.
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg(arg);
        self
    }

    /// More arguments.
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// Sets a variable of the environment.
    pub fn env<K, V>(&mut self, key: K, val: V) -> &mut Command
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.env(key, val);
        self
    }

    /// Sets variables of the environment.
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(vars);
        self
    }

    /// Takes a variable out of the environment.
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Command {
        self.std.env_remove(key);
        self
    }

    /// Starts from an empty environment, and not from the parent's.
    pub fn env_clear(&mut self) -> &mut Command {
        self.std.env_clear();
        self
    }

    /// The directory that the child works in. Give the program by an absolute path then.
    pub fn current_dir<P: AsRef<Path>>(&mut self, dir: P) -> &mut Command {
        self.std.current_dir(dir);
        self
    }

    /// Where the standard input comes from. The parent's, unless set.
    pub fn stdin<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.std.stdin(cfg);
        self
    }

    /// Where the standard output goes. Where the parent's goes, unless set; [`output`](Self::output)
    /// decides for itself.
    pub fn stdout<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.std.stdout(cfg);
        self
    }

    /// Where the standard error stream goes, see [`stdout`](Self::stdout).
    pub fn stderr<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.std.stderr(cfg);
        self
    }

    /// Shall the process be killed when its [`Child`], or the future of [`status`](Self::status) or
    /// [`output`](Self::output), is dropped before its end? No, unless set.
    pub fn kill_on_drop(&mut self, kill_on_drop: bool) -> &mut Command {
        self.kill_on_drop = kill_on_drop;
        self
    }

    /// What [`kill_on_drop`](Self::kill_on_drop) has set.
    pub fn get_kill_on_drop(&self) -> bool {
        self.kill_on_drop
    }

    /// The user that the child runs as. Without a right to do that the spawn fails.
    pub fn uid(&mut self, id: u32) -> &mut Command {
        self.std.uid(id);
        self
    }

    /// The group that the child runs as, see [`uid`](Self::uid).
    pub fn gid(&mut self, id: u32) -> &mut Command {
        self.std.gid(id);
        self
    }

    /// What the child shall take for its own name, in place of the program's.
    pub fn arg0<S>(&mut self, arg: S) -> &mut Command
    where
        S: AsRef<OsStr>,
    {
        self.std.arg0(arg);
        self
    }

    /// Runs a closure in the child, just before it becomes the other program. Several run in order. The
    /// error of one is the error of the spawn.
    ///
    /// # Safety
    ///
    /// The closure runs in a copy of this process that has one thread, while locks may be held by threads
    /// that are not there: it may do only what a signal handler may. No allocation, no lock, nothing of
    /// this crate.
    pub unsafe fn pre_exec<F>(&mut self, f: F) -> &mut Command
    where
        F: FnMut() -> io::Result<()> + Send + Sync + 'static,
    {
        // SAFETY: the caller keeps the same promise.
        unsafe { self.std.pre_exec(f) };
        self
    }

    /// The process group that the child joins; 0: a new one of its own.
    pub fn process_group(&mut self, pgroup: i32) -> &mut Command {
        self.std.process_group(pgroup);
        self
    }

    /// Starts the program. The call itself waits until the child has become the program, or failed to.
    ///
    /// # Errors
    ///
    /// Of the system: `NotFound`, `PermissionDenied`, no more processes or descriptors. After the runtime's
    /// shutdown: that it is being shut down.
    ///
    /// # Panics
    ///
    /// Outside of a runtime, or in one without I/O; nothing is started then.
    pub fn spawn(&mut self) -> io::Result<Child> {
        require_io();
        orphan::reap();
        let mut std = self.std.spawn()?;
        let streams = (std.stdin.take(), std.stdout.take(), std.stderr.take());
        let mut fresh = Fresh(Some(std));
        let stdin = streams.0.map(ChildStdin::from_std).transpose()?;
        let stdout = streams.1.map(ChildStdout::from_std).transpose()?;
        let stderr = streams.2.map(ChildStderr::from_std).transpose()?;
        let watched = fresh.watch()?;
        Ok(Child::new(watched, self.kill_on_drop, stdin, stdout, stderr))
    }

    /// Starts the program, now, and waits for its end once polled. Pipes are closed at once.
    ///
    /// # Errors
    ///
    /// See [`spawn`](Self::spawn) and [`Child::wait`].
    ///
    /// # Panics
    ///
    /// See [`spawn`](Self::spawn).
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> {
        let child = self.spawn();
        async {
            let mut child = child?;
            drop((child.stdin.take(), child.stdout.take(), child.stderr.take()));
            child.wait().await
        }
    }

    /// Starts the program, now, with both outputs piped, whatever was set; reads them and waits for its end
    /// once polled.
    ///
    /// # Errors
    ///
    /// See [`spawn`](Self::spawn) and [`Child::wait_with_output`].
    ///
    /// # Panics
    ///
    /// See [`spawn`](Self::spawn).
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> {
        self.std.stdout(Stdio::piped());
        self.std.stderr(Stdio::piped());
        let child = self.spawn();
        async { child?.wait_with_output().await }
    }
}

impl From<StdCommand> for Command {
    fn from(std: StdCommand) -> Command {
        Command { std, kill_on_drop: false }
    }
}

/// A process that nobody has a handle of yet. Step 4 of the module above, if it comes to nothing.
struct Fresh(Option<std::process::Child>);

impl Fresh {
    fn watch(&mut self) -> io::Result<Watched> {
        let Some(child) = self.0.take() else { unreachable!("Fresh: it is watched once") };
        Watched::new(child).map_err(|(child, error)| {
            self.0 = Some(child);
            error
        })
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // Whether or not this works: the status is taken when there is one.
            let _ = child.kill();
            orphan::leave(child);
        }
    }
}
