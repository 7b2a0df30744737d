//! The standard streams, in child processes: a test's own belong to the harness.
#![cfg(unix)]

mod support;

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gmp::io::{stderr, stdin, stdout, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use support::{current, flavours, is_child, threaded, within_patience};

/// Runs the test of this name again in a process whose streams are ours; `None` in that process.
fn child(name: &str) -> Option<Child> {
    if is_child() {
        return None;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env("GMP_TEST_CHILD", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Some(child)
}

/// What the child writes, once its input has ended; fails if it fails or does not end.
fn finish(child: Child) -> (String, String) {
    let output = within_patience(move || child.wait_with_output().unwrap());
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr));
    assert!(output.status.success(), "{out}\n{err:?}");
    (out, err.unwrap())
}

/// More than a pipe holds, more than one buffer, and recognised when a byte is missing.
fn long_text() -> String {
    let lines: Vec<String> = (0..400_000).map(|n| format!("line {n}")).collect();
    format!("<<<{}>>>", lines.join("\n"))
}

#[test]
fn nothing_is_lost_at_the_end_of_the_runtime() {
    if let Some(child) = child("nothing_is_lost_at_the_end_of_the_runtime") {
        let (out, err) = finish(child);
        assert!(out.contains(&long_text()), "{} bytes came", out.len());
        assert!(err.contains("an error, unflushed"));
        return;
    }
    for runtime in [current(), threaded(2)] {
        runtime.block_on(async {
            stderr().write_all(b"an error, unflushed").await.unwrap();
            // Neither flushed nor ended by a newline.
            stdout().write_all(long_text().as_bytes()).await.unwrap();
        });
    }
}

#[test]
fn what_waits_for_a_thread_is_written_too() {
    if let Some(child) = child("what_waits_for_a_thread_is_written_too") {
        let (out, _) = finish(child);
        assert!(out.contains("<<<accepted>>>"), "{out}");
        return;
    }
    let runtime =
        gmp::runtime::Builder::new_multi_thread().max_blocking_threads(1).build().unwrap();
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    runtime.block_on(async {
        let _busy = gmp::task::spawn_blocking(move || may_go_on.recv());
        stdout().write_all(b"<<<accepted>>>").await.unwrap();
    });
    let later = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        drop(go_on);
    });
    drop(runtime);
    later.join().unwrap();
}

#[test]
fn lines_in_lines_out() {
    if let Some(mut child) = child("lines_in_lines_out") {
        let mut input = child.stdin.take().unwrap();
        for line in ["one", "two", "", "three"] {
            input.write_all(format!("{line}\n").as_bytes()).unwrap();
        }
        input.write_all(b"unended").unwrap();
        drop(input);
        let (out, _) = finish(child);
        assert!(out.contains("[ONE]\n[TWO]\n[]\n[THREE]\n[UNENDED]\n[end]"), "{out}");
        return;
    }
    threaded(2).block_on(async {
        let mut out = stdout();
        let mut lines = BufReader::new(stdin()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            out.write_all(format!("[{}]\n", line.to_uppercase()).as_bytes()).await.unwrap();
        }
        out.write_all(b"[end]").await.unwrap();
        out.flush().await.unwrap();
    });
}

#[test]
fn a_read_that_was_given_up_keeps_its_bytes() {
    if let Some(mut child) = child("a_read_that_was_given_up_keeps_its_bytes") {
        let mut input = child.stdin.take().unwrap();
        let mut out = child.stdout.take().unwrap();
        let mut text = Vec::new();
        while !text.ends_with(b"<given up>") {
            let mut byte = [0];
            out.read_exact(&mut byte).expect("the child goes on");
            text.push(byte[0]);
        }
        input.write_all(b"abc").unwrap();
        drop(input);
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("<abc>"), "{rest}");
        assert!(within_patience(move || child.wait().unwrap()).success());
        return;
    }
    current().block_on(async {
        let (mut input, mut out) = (stdin(), stdout());
        let mut buf = [0; 8];
        let given_up = gmp::time::timeout(Duration::from_millis(20), input.read(&mut buf));
        assert!(given_up.await.is_err());
        out.write_all(b"<given up>").await.unwrap();
        out.flush().await.unwrap();
        let mut text = String::new();
        input.read_to_string(&mut text).await.unwrap();
        out.write_all(format!("<{text}>").as_bytes()).await.unwrap();
        out.flush().await.unwrap();
    });
}

#[test]
fn a_pending_read_does_not_hold_up_a_shutdown_with_a_time_limit() {
    if let Some(mut child) = child("a_pending_read_does_not_hold_up_a_shutdown_with_a_time_limit") {
        let open = child.stdin.take().unwrap();
        let (out, _) = finish(child);
        assert!(out.contains("1 passed"), "{out}");
        drop(open);
        return;
    }
    for wait in [Duration::ZERO, Duration::from_millis(30)] {
        let runtime = threaded(1);
        runtime.block_on(async {
            let mut input = stdin();
            let mut buf = [0; 8];
            let read = gmp::time::timeout(Duration::from_millis(10), input.read(&mut buf));
            assert!(read.await.is_err());
        });
        runtime.shutdown_timeout(wait);
    }
}

#[test]
fn after_the_end_writes_are_refused() {
    for runtime in flavours() {
        let handle = runtime.handle().clone();
        drop(runtime);
        let written = handle.block_on(async { stdout().write_all(b"x").await });
        assert!(gmp::runtime::is_rt_shutdown_err(&written.unwrap_err()));
        let written = handle.block_on(async { stderr().write_all(b"x").await });
        assert!(gmp::runtime::is_rt_shutdown_err(&written.unwrap_err()));
    }
}

#[test]
fn a_closed_pipe_is_an_error_of_a_later_write() {
    if let Some(mut child) = child("a_closed_pipe_is_an_error_of_a_later_write") {
        // The harness writes before the test begins, and must not be the one who finds the pipe closed.
        let mut out = child.stdout.take().unwrap();
        let mut text = Vec::new();
        while !text.ends_with(b"_later_write ... ") {
            let mut byte = [0];
            out.read_exact(&mut byte).expect("the harness begins");
            text.push(byte[0]);
        }
        drop(out);
        drop(child.stdin.take());
        let (_, err) = finish(child);
        assert!(err.contains("<BrokenPipe>"), "{err}");
        return;
    }
    // The harness itself writes to stdout, so this process leaves before it does.
    current().block_on(async {
        let mut byte = [0];
        assert_eq!(stdin().read(&mut byte).await.unwrap(), 0, "the pipes are closed");
        let mut out = stdout();
        let error = loop {
            if let Err(error) = out.write_all(b"text\n").await {
                break error;
            }
        };
        eprintln!("<{:?}>", error.kind());
        std::process::exit(0);
    });
}
