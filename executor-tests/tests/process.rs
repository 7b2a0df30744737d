//! `gmp::process`: children, their pipes and ends, what becomes of those that nobody waits for.
#![cfg(unix)]

mod support;

use std::future::Future;
use std::io::{ErrorKind, Read};
use std::os::unix::process::ExitStatusExt;
use std::pin::{pin, Pin};
use std::process::{Command as StdCommand, Stdio};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use gmp::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use gmp::process::Command;
use gmp::runtime::{Builder, Runtime};
use gmp::time::{sleep, timeout};
use support::{
    child_succeeds, current, eventually, flavours, panic_text, threaded, within_patience, PATIENCE,
};

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script);
    command
}

/// Lives until its input is closed, and says so.
fn cat() -> Command {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// True of zombies, too: false only once the status was taken.
fn exists(pid: u32) -> bool {
    let mut kill = StdCommand::new("kill");
    kill.args(["-0", &pid.to_string()]).stderr(Stdio::null()).status().unwrap().success()
}

/// Is it gone, with its status taken by somebody?
async fn is_reaped(pid: u32) {
    let gone = async {
        while exists(pid) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("still there, or a zombie");
}

/// Runs a test's future with a limit: what hangs fails.
fn run(runtime: Runtime, future: impl Future<Output = ()>) {
    runtime.block_on(async { timeout(PATIENCE, future).await.expect("did not end in time") });
}

#[test]
fn ends_of_all_kinds() {
    for runtime in flavours() {
        run(runtime, async {
            assert!(Command::new("true").status().await.unwrap().success());
            assert_eq!(sh("exit 7").status().await.unwrap().code(), Some(7));
            assert_eq!(sh("kill -9 $$").status().await.unwrap().signal(), Some(9));
            let output = sh("echo out; echo err >&2; exit 3").output().await.unwrap();
            assert_eq!(output.status.code(), Some(3));
            assert_eq!((&*output.stdout, &*output.stderr), (&b"out\n"[..], &b"err\n"[..]));
            let error = Command::new("/there/is/no/such/program").spawn().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
        });
    }
}

#[test]
fn pipes_both_ways_carry_more_than_they_hold() {
    for runtime in flavours() {
        run(runtime, async {
            let data: Vec<u8> = (0..1 << 20).map(|i| (i % 249) as u8).collect();
            let mut child = cat().spawn().unwrap();
            let mut input = child.stdin.take().unwrap();
            let sent = data.clone();
            let writer = gmp::spawn(async move {
                input.write_all(&sent).await.unwrap();
                input.shutdown().await.unwrap();
            });
            let output = child.wait_with_output().await.unwrap();
            writer.await.unwrap();
            assert!(output.status.success());
            assert!(output.stdout == data, "{} of {}", output.stdout.len(), data.len());
        });
    }
}

#[test]
fn a_dialogue() {
    run(threaded(2), async {
        let mut child = cat().spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for n in 0..100 {
            input.write_all(format!("line {n}\n").as_bytes()).await.unwrap();
            assert_eq!(lines.next_line().await.unwrap(), Some(format!("line {n}")));
        }
        assert!(child.try_wait().unwrap().is_none());
        drop(input);
        assert_eq!(lines.next_line().await.unwrap(), None);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn wait_closes_the_input_and_try_wait_does_not() {
    run(current(), async {
        let mut child = cat().spawn().unwrap();
        let pid = child.id().expect("it runs");
        assert!(child.try_wait().unwrap().is_none());
        assert!(child.stdin.is_some());
        // Cancel safe.
        let _either = poll_once(pin!(child.wait()));
        assert!(child.stdin.is_none());
        let status = child.wait().await.unwrap();
        assert!(status.success());
        // And again, as often as one likes.
        assert_eq!(child.wait().await.unwrap(), status);
        assert_eq!(child.try_wait().unwrap(), Some(status));
        assert_eq!(child.id(), None);
        child.start_kill().expect("fine after the end");
        child.kill().await.expect("fine after the end");
        assert!(!exists(pid));
    });
}

#[test]
fn kill() {
    for runtime in flavours() {
        run(runtime, async {
            let mut child = cat().spawn().unwrap();
            child.start_kill().unwrap();
            assert_eq!(child.wait().await.unwrap().signal(), Some(9));
            let mut child = cat().spawn().unwrap();
            let pid = child.id().unwrap();
            child.kill().await.unwrap();
            assert!(!exists(pid), "killed and reaped");
            // What it wrote before can still be read.
            let mut child = sh("echo before; exec cat")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("before"));
            child.kill().await.unwrap();
            assert_eq!(lines.next_line().await.unwrap(), None);
        });
    }
}

#[test]
fn kill_on_drop() {
    for runtime in flavours() {
        run(runtime, async {
            let mut command = cat();
            command.kill_on_drop(true);
            assert!(command.get_kill_on_drop());
            let (pid, stdin, stdout) = {
                // The streams can be moved out of it; the rest is dropped.
                let child = command.spawn().unwrap();
                (child.id().unwrap(), child.stdin, child.stdout)
            };
            is_reaped(pid).await;
            drop((stdin, stdout));
            // Futures of the command hold a child as well.
            let mut waits = sh("echo $$; exec cat");
            waits.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
            let mut child = waits.spawn().unwrap();
            let mut pid = String::new();
            let mut out = BufReader::new(child.stdout.take().unwrap());
            out.read_line(&mut pid).await.unwrap();
            let mut waiting = Box::pin(child.wait_with_output());
            let _either = poll_once(waiting.as_mut());
            drop(waiting);
            is_reaped(pid.trim().parse().unwrap()).await;
        });
    }
}

#[test]
fn a_dropped_child_goes_on_and_is_reaped() {
    for runtime in flavours() {
        run(runtime, async {
            let mut orphans = Vec::new();
            for _ in 0..5 {
                let mut child = cat().spawn().unwrap();
                orphans.push((
                    child.id().unwrap(),
                    child.stdin.take().unwrap(),
                    child.stdout.take(),
                ));
            }
            for (pid, mut input, output) in orphans {
                let mut output = output.unwrap();
                input.write_all(b"alive").await.unwrap();
                let mut buf = [0; 5];
                output.read_exact(&mut buf).await.unwrap();
                assert_eq!(&buf, b"alive");
                drop(input);
                is_reaped(pid).await;
            }
        });
    }
}

/// A grandchild that inherited the output keeps it open after the child's end.
#[test]
fn a_grandchild_that_holds_the_pipe() {
    for runtime in flavours() {
        run(runtime, async {
            let spawn =
                || sh("sleep 1000 & echo $!; exit 5").stdout(Stdio::piped()).spawn().unwrap();
            // The end of the child is seen nevertheless, and the pipe goes on working.
            let mut child = spawn();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let grandchild: u32 = lines.next_line().await.unwrap().unwrap().parse().unwrap();
            assert_eq!(child.wait().await.unwrap().code(), Some(5));
            assert!(timeout(Duration::from_millis(20), lines.next_line()).await.is_err());
            kill_std(grandchild);
            assert_eq!(lines.next_line().await.unwrap(), None);
            // Who wants all of the output waits for the grandchild.
            let mut child = spawn();
            let mut out = BufReader::new(child.stdout.take().unwrap());
            let mut line = String::new();
            out.read_line(&mut line).await.unwrap();
            let grandchild: u32 = line.trim().parse().unwrap();
            let all = gmp::spawn(async move {
                let mut rest = String::new();
                out.read_to_string(&mut rest).await.unwrap();
                (child.wait().await.unwrap().code(), rest)
            });
            sleep(Duration::from_millis(20)).await;
            assert!(!all.is_finished());
            kill_std(grandchild);
            assert_eq!(all.await.unwrap(), (Some(5), String::new()));
        });
    }
}

fn kill_std(pid: u32) {
    assert!(StdCommand::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

#[test]
fn settings() {
    run(threaded(2), async {
        let text = |output: std::process::Output| String::from_utf8(output.stdout).unwrap();
        let mut command = sh("echo $0 $A $B $C; pwd");
        command.env("A", "1").envs([("B", "2"), ("C", "3")]).env_remove("C").current_dir("/");
        command.arg("zero");
        assert_eq!(text(command.output().await.unwrap()), "zero 1 2\n/\n");
        assert_eq!(command.as_std().get_program(), "sh");
        command.as_std_mut().arg("unused");
        assert_eq!(command.into_std().get_args().count(), 4);

        let mut command = Command::from(StdCommand::new("/usr/bin/env"));
        assert!(!command.get_kill_on_drop());
        command.env_clear().env("ONLY", "this");
        assert_eq!(text(command.output().await.unwrap()), "ONLY=this\n");
        // Again, with the same command.
        assert_eq!(text(command.output().await.unwrap()), "ONLY=this\n");

        let mut command = Command::new("sh");
        command.arg0("another-name").args(["-c", "echo $0"]);
        assert_eq!(text(command.output().await.unwrap()), "another-name\n");

        let mut child = cat().process_group(0).spawn().unwrap();
        let pid = child.id().unwrap();
        let group = format!("-{pid}");
        let killed = StdCommand::new("kill").args(["-9", "--", &group]).status().unwrap();
        assert!(killed.success(), "it leads a group of its own");
        assert_eq!(child.wait().await.unwrap().signal(), Some(9));

        // Who is root may become somebody else, and others may not.
        let mut command = sh("id -u; id -g");
        command.uid(65534).gid(65534);
        match command.output().await {
            Ok(output) => assert_eq!(text(output), "65534\n65534\n"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
        }
    });
}

#[test]
#[allow(unsafe_code)]
fn pre_exec() {
    run(current(), async {
        let mut command = Command::new("true");
        // SAFETY: the closure only makes a value.
        unsafe { command.pre_exec(|| Ok(())) };
        assert!(command.status().await.unwrap().success());
        // SAFETY: as above; an error number is a value.
        unsafe { command.pre_exec(|| Err(std::io::Error::from_raw_os_error(13))) };
        assert_eq!(command.spawn().unwrap_err().kind(), ErrorKind::PermissionDenied);
    });
}

#[test]
fn streams_go_to_other_children_and_back_to_std() {
    run(threaded(2), async {
        let mut one = sh("echo through").stdout(Stdio::piped()).spawn().unwrap();
        let pipe: Stdio = one.stdout.take().unwrap().try_into().unwrap();
        let two = Command::new("cat").stdin(pipe).output().await.unwrap();
        assert_eq!(two.stdout, b"through\n");
        assert!(one.wait().await.unwrap().success());

        // In blocking mode: std reads to the end, however long the child takes.
        let mut slow = sh("sleep 0.05; echo late >&2").stderr(Stdio::piped()).spawn().unwrap();
        let fd = slow.stderr.take().unwrap().into_owned_fd().unwrap();
        let reads = gmp::task::spawn_blocking(move || {
            let mut text = String::new();
            std::fs::File::from(fd).read_to_string(&mut text).unwrap();
            text
        });
        assert_eq!(reads.await.unwrap(), "late\n");
        assert!(slow.wait().await.unwrap().success());

        // And from std to us.
        let mut std =
            StdCommand::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = gmp::process::ChildStdin::from_std(std.stdin.take().unwrap());
        let output = gmp::process::ChildStdout::from_std(std.stdout.take().unwrap());
        let (mut input, mut output) = (input.unwrap(), output.unwrap());
        input.write_all(b"from std").await.unwrap();
        drop(input);
        let mut text = String::new();
        output.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "from std");
        assert!(std.wait().unwrap().success());
    });
}

#[test]
fn a_write_to_a_child_that_is_gone_is_a_broken_pipe() {
    run(threaded(1), async {
        let mut child = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        child.wait().await.unwrap();
        // For a moment a process that another test forks may hold the pipe's other end.
        let error = loop {
            if let Err(error) = input.write_all(b"x").await {
                break error;
            }
            sleep(Duration::from_millis(1)).await;
        };
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        // One who waits for room is told, too.
        let mut child = cat().spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let writer = gmp::spawn(async move {
            loop {
                if let Err(error) = input.write_all(&[0; 4096]).await {
                    return error.kind();
                }
            }
        });
        sleep(Duration::from_millis(20)).await;
        child.kill().await.unwrap();
        drop(child);
        assert_eq!(writer.await.unwrap(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn status_and_output_start_at_once() {
    run(threaded(1), async {
        let path = std::env::temp_dir().join(format!("gmp-process-{}", std::process::id()));
        let status = sh("echo x >> \"$0\"").arg(&path).status();
        // Not polled yet.
        let start = std::time::Instant::now();
        while !path.exists() {
            assert!(start.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(status.await.unwrap().success());
        std::fs::remove_file(&path).unwrap();
        // Pipes over whatever was set.
        let output = sh("echo x").stdout(Stdio::null()).output().await.unwrap();
        assert_eq!(output.stdout, b"x\n");
    });
}

#[test]
fn many_children_at_once() {
    for runtime in [current(), threaded(4)] {
        run(runtime, async {
            let tasks: Vec<_> = (0..60)
                .map(|n| {
                    gmp::spawn(async move {
                        let script = format!("echo {n}; exit {n}");
                        let output = sh(&script).output().await.unwrap();
                        assert_eq!(output.status.code(), Some(n));
                        assert_eq!(output.stdout, format!("{n}\n").as_bytes());
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    }
}

#[test]
fn outside_of_a_runtime_nothing_is_started() {
    let path = std::env::temp_dir().join(format!("gmp-process-none-{}", std::process::id()));
    let mut command = sh("echo x > \"$0\"");
    command.arg(&path);
    assert_eq!(
        panic_text(|| command.spawn()),
        "there is no reactor running, must be called from the context of a Tokio 1.x runtime"
    );
    let without_io = Builder::new_current_thread().build().unwrap();
    let text = without_io.block_on(async { panic_text(|| command.spawn()) });
    assert!(text.contains("IO is disabled"), "{text}");
    std::thread::sleep(Duration::from_millis(30));
    assert!(!path.exists());
}

#[test]
fn children_outlive_the_runtime() {
    let runtime = threaded(2);
    let (mut child, orphan, input) = runtime.block_on(async {
        let mut orphan = cat().spawn().unwrap();
        (cat().spawn().unwrap(), orphan.id().unwrap(), orphan.stdin.take().unwrap())
    });
    let handle = runtime.handle().clone();
    within_patience(move || drop(runtime));
    assert!(child.try_wait().unwrap().is_none(), "it is not killed");
    // Nobody watches it any more; whoever asks is told.
    match poll_once(pin!(child.wait())) {
        Poll::Ready(Err(error)) => assert!(error.to_string().contains("being shutdown")),
        Poll::Ready(Ok(status)) => assert!(status.success(), "its input was closed"),
        Poll::Pending => panic!("would wait for ever"),
    }
    eventually("the end", || child.try_wait().unwrap().is_some_and(|status| status.success()));
    // An orphan of that runtime is reaped by later spawns.
    drop(input);
    let other = current();
    eventually("reaped", || {
        let status = other.block_on(async { Command::new("true").status().await });
        assert!(status.unwrap().success());
        !exists(orphan)
    });
    // The dead runtime starts nothing that stays.
    let _entered = handle.enter();
    let error = cat().spawn().unwrap_err();
    assert!(error.to_string().contains("being shutdown"), "{error}");
}

/// No descriptors left: for the pipes, for watching. Errors, nothing leaks, and it works again afterwards.
#[cfg(target_os = "linux")]
#[test]
fn few_descriptors() {
    if child_succeeds("few_descriptors", "ulimit -n 40", &[]).is_some() {
        return;
    }
    let fds = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    run(threaded(2), async {
        assert!(Command::new("true").status().await.unwrap().success());
        let before = fds();
        let mut children = Vec::new();
        let error = loop {
            match cat().spawn() {
                Ok(child) => children.push(child),
                Err(error) => break error,
            }
        };
        assert_eq!(error.raw_os_error(), Some(24), "{error}");
        assert!(children.len() > 3);
        // A child without pipes may find no descriptor to be watched by: then signals tell. Either way it
        // is an answer.
        let mut taken = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            taken.push(file);
        }
        drop(taken.pop());
        let _either = timeout(PATIENCE, Command::new("true").status()).await.unwrap();
        drop(taken);
        for mut child in children.drain(..) {
            assert!(child.wait().await.unwrap().success());
        }
        assert!(Command::new("true").status().await.unwrap().success());
        // SIGCHLD's pipe may have come.
        assert!(fds() <= before + 3, "{} before {before}", fds());
    });
}

#[test]
fn a_child_may_be_awaited_in_another_runtime() {
    for first in flavours() {
        let mut child = first.block_on(async { cat().spawn().unwrap() });
        let input = child.stdin.take();
        drop(first);
        run(threaded(1), async {
            let waits = gmp::spawn(async move { child.wait().await });
            sleep(Duration::from_millis(5)).await;
            assert!(!waits.is_finished());
            drop(input);
            assert!(waits.await.unwrap().unwrap().success());
        });
    }
}
