//! `gmp::fs`: files against std's view of them, errors, shared files, the end of a runtime.
#![cfg(unix)]

mod support;

use std::future::Future;
use std::io::{ErrorKind, IoSlice, Read, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::pin::{pin, Pin};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use gmp::fs::{self, File, FileTimes, OpenOptions};
use gmp::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWrite, AsyncWriteExt, BufReader,
};
use gmp::runtime::{Builder, Runtime};
use support::{current, eventually, flavours, panic_text, threaded, within_patience};

/// A directory of its own for a test, gone afterwards.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Dir {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let n = COUNT.fetch_add(1, SeqCst);
        let path = std::env::temp_dir().join(format!("gmp-fs-{}-{n}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Dir(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A file with this content.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn fifo(&self) -> PathBuf {
        let path = self.path("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

fn content(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A read that is given up while it waits for a thread, in a runtime with one thread for such work.
async fn read_and_give_up(file: &mut File, wanted: usize) {
    let (go_on, may_go_on) = channel::<()>();
    let _first = gmp::task::spawn_blocking(move || may_go_on.recv());
    assert!(poll_once(pin!(file.read(&mut vec![0; wanted]))).is_pending());
    drop(go_on);
}

async fn read_write(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).create(true).open(path).await.unwrap()
}

#[test]
fn what_is_written_can_be_read() {
    for runtime in flavours() {
        let dir = Dir::new();
        runtime.block_on(async {
            let path = dir.path("a");
            let mut file = File::create(&path).await.unwrap();
            file.write_all(b"hello ").await.unwrap();
            let parts = [IoSlice::new(b"wo"), IoSlice::new(b""), IoSlice::new(b"rld")];
            assert!(file.is_write_vectored());
            assert_eq!(file.write_vectored(&parts).await.unwrap(), 5);
            file.flush().await.unwrap();
            assert_eq!(content(&path), "hello world");

            let mut file = File::open(&path).await.unwrap();
            let mut buf = [0; 5];
            file.read_exact(&mut buf).await.unwrap();
            assert_eq!(&buf, b"hello");
            let mut rest = String::new();
            file.read_to_string(&mut rest).await.unwrap();
            assert_eq!(rest, " world");
            // At the end, again and again; and what is added later is seen.
            for _ in 0..3 {
                assert_eq!(file.read(&mut buf).await.unwrap(), 0);
            }
            let mut more = OpenOptions::new().append(true).open(&path).await.unwrap();
            more.write_all(b"!").await.unwrap();
            more.shutdown().await.unwrap();
            assert_eq!(file.read(&mut buf).await.unwrap(), 1);
            assert_eq!(file.read(&mut []).await.unwrap(), 0);
        });
    }
}

#[test]
fn positions_are_those_of_std() {
    let dir = Dir::new();
    let path = dir.file("a", b"0123456789");
    threaded(2).block_on(async {
        let mut file = read_write(&path).await;
        let mut two = [0; 2];
        file.read_exact(&mut two).await.unwrap();
        assert_eq!(file.stream_position().await.unwrap(), 2);
        assert_eq!(file.seek(SeekFrom::Current(3)).await.unwrap(), 5);
        file.write_all(b"AB").await.unwrap();
        assert_eq!(file.seek(SeekFrom::End(-1)).await.unwrap(), 9);
        file.read_exact(&mut two[..1]).await.unwrap();
        assert_eq!(two[0], b'9');
        let error = file.seek(SeekFrom::End(-11)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(file.rewind().await.unwrap(), 0);
        let mut all = String::new();
        file.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "01234AB789");
    });
}

#[test]
fn a_read_that_was_given_up_costs_no_bytes() {
    let dir = Dir::new();
    let path = dir.file("a", b"0123456789");
    let runtime = Builder::new_multi_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        // What it read is there for the next read ...
        let mut file = read_write(&path).await;
        read_and_give_up(&mut file, 8).await;
        let mut five = [0; 5];
        file.read_exact(&mut five).await.unwrap();
        assert_eq!(&five, b"01234");
        // ... does not move a seek from where we are ...
        assert_eq!(file.seek(SeekFrom::Current(1)).await.unwrap(), 6);
        // ... nor a write ...
        read_and_give_up(&mut file, 3).await;
        file.write_all(b"xx").await.unwrap();
        file.flush().await.unwrap();
        assert_eq!(content(&path), "012345xx89");
        // ... nor a change of the length.
        read_and_give_up(&mut file, 1).await;
        file.set_len(20).await.unwrap();
        assert_eq!(file.stream_position().await.unwrap(), 8);
        let mut rest = Vec::new();
        file.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"89\0\0\0\0\0\0\0\0\0\0");
    });
}

#[test]
fn the_error_of_a_write_comes_with_the_next_operation() {
    let dir = Dir::new();
    let path = dir.file("a", b"content");
    threaded(1).block_on(async {
        // Open for reading only: the system refuses each write.
        let mut file = File::open(&path).await.unwrap();
        file.write_all(b"x").await.expect("accepted, not yet refused");
        let refused = file.flush().await.unwrap_err();
        assert!(refused.raw_os_error().is_some(), "{refused:?}");
        file.flush().await.expect("told once");
        file.write_all(b"x").await.unwrap();
        assert!(file.write(b"y").await.is_err());
        // It is kept across a sync and a read, and the file goes on working.
        file.write_all(b"x").await.unwrap();
        file.sync_all().await.unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "content");
        assert!(file.flush().await.is_err());
    });
}

#[test]
fn the_buffer_has_a_bound() {
    let dir = Dir::new();
    let path = dir.path("a");
    threaded(2).block_on(async {
        let mut file = read_write(&path).await;
        assert_eq!(file.max_buf_size(), 2 << 20);
        let large: Vec<u8> = (0..3 << 20).map(|i| (i % 251) as u8).collect();
        assert_eq!(file.write(&large).await.unwrap(), 2 << 20);
        file.write_all(&large[2 << 20..]).await.unwrap();
        file.rewind().await.unwrap();
        let mut back = vec![0; large.len()];
        assert_eq!(file.read(&mut back).await.unwrap(), 2 << 20);
        file.set_max_buf_size(5);
        assert_eq!(file.read(&mut back).await.unwrap(), 5);
        assert_eq!(file.write(b"1234567").await.unwrap(), 5);
        let two = [IoSlice::new(b"abc"), IoSlice::new(b"defg")];
        assert_eq!(file.write_vectored(&two).await.unwrap(), 5);
        file.rewind().await.unwrap();
        back.clear();
        file.set_max_buf_size(usize::MAX);
        file.read_to_end(&mut back).await.unwrap();
        assert_eq!(back.len(), large.len());
        let changed = (2 << 20) + 5..(2 << 20) + 15;
        assert_eq!(&back[changed.clone()], b"12345abcde");
        assert_eq!(&back[..changed.start], &large[..changed.start]);
        assert_eq!(&back[changed.end..], &large[changed.end..]);
        assert_eq!(
            panic_text(|| file.set_max_buf_size(0)),
            "`max_buf_size` must be greater than 0"
        );
    });
}

#[test]
fn a_file_knows_whether_it_is_busy() {
    let dir = Dir::new();
    let path = dir.fifo();
    threaded(2).block_on(async {
        // Both ends: a read waits until we write by other means.
        let mut file = OpenOptions::new().read(true).write(true).open(&path).await.unwrap();
        assert!(poll_once(pin!(file.read(&mut [0; 1]))).is_pending());
        let mut file = file.try_into_std().unwrap_err();
        let error = Pin::new(&mut file).start_seek(SeekFrom::Start(0)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "other file operation is pending, call poll_complete before start_seek"
        );
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().write_all(b"ab").unwrap();
        let mut one = [0; 1];
        file.read_exact(&mut one).await.unwrap();
        assert_eq!(&one, b"a");
        let mut std = file.into_std().await;
        std.read_exact(&mut one).unwrap();
        assert_eq!(&one, b"b");
    });
}

#[test]
fn std_gets_its_file_back_after_the_write() {
    let dir = Dir::new();
    let path = dir.path("a");
    for runtime in flavours() {
        runtime.block_on(async {
            let mut file = File::create(&path).await.unwrap();
            file.write_all(&[b'x'; 100_000]).await.unwrap();
            // A call that was given up holds on to the file for a while.
            let _either = poll_once(pin!(file.metadata()));
            let std = file.into_std().await;
            assert_eq!(std.metadata().unwrap().len(), 100_000);
        });
    }
}

#[test]
fn clones_share_the_position() {
    let dir = Dir::new();
    let path = dir.file("a", b"abcdef");
    threaded(2).block_on(async {
        let mut one = File::open(&path).await.unwrap();
        let mut two = one.try_clone().await.unwrap();
        let mut buf = [0; 2];
        for (file, expected) in [(0, b"ab"), (1, b"cd"), (0, b"ef")] {
            let file = if file == 0 { &mut one } else { &mut two };
            file.read_exact(&mut buf).await.unwrap();
            assert_eq!(&buf, expected);
        }
    });
}

#[test]
fn a_file_may_be_shared() {
    let dir = Dir::new();
    let path = dir.path("a");
    threaded(4).block_on(async {
        let mut file = read_write(&path).await;
        file.write_all(b"before").await.unwrap();
        let file = Arc::new(file);
        let mut tasks = Vec::new();
        for n in 0..40u64 {
            let file = file.clone();
            tasks.push(gmp::spawn(async move {
                match n % 4 {
                    0 => file.set_len(n).await,
                    1 => file.sync_all().await,
                    2 => file.sync_data().await,
                    _ => file.try_clone().await.map(drop),
                }
            }));
        }
        // Some are given up half way.
        for (n, task) in tasks.iter().enumerate() {
            if n % 5 == 0 {
                task.abort();
            }
        }
        for task in tasks {
            if let Ok(done) = task.await {
                done.unwrap();
            }
        }
        file.set_len(3).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().len(), 3);
    });
}

#[test]
fn what_the_system_knows_about_a_file() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let dir = Dir::new();
    let path = dir.path("a");
    threaded(2).block_on(async {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await;
        let file = file.unwrap();
        assert_eq!(file.metadata().await.unwrap().mode() & 0o777, 0o600);
        file.set_permissions(PermissionsExt::from_mode(0o640)).await.unwrap();
        assert_eq!(fs::metadata(&path).await.unwrap().mode() & 0o777, 0o640);
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let times = FileTimes::new().set_accessed(then).set_modified(then);
        file.set_times(times).await.unwrap();
        let known = file.metadata().await.unwrap();
        assert_eq!((known.accessed().unwrap(), known.modified().unwrap()), (then, then));
        file.set_modified(SystemTime::UNIX_EPOCH).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().modified().unwrap(), SystemTime::UNIX_EPOCH);
        assert_eq!(File::create_new(&path).await.unwrap_err().kind(), ErrorKind::AlreadyExists);
        let std = std::fs::OpenOptions::new();
        let nothing = OpenOptions::from(std).open(&path).await.unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn names() {
    use std::os::unix::fs::PermissionsExt;
    for runtime in [current(), threaded(2)] {
        let dir = Dir::new();
        runtime.block_on(async {
            let (a, b, c) = (dir.path("a"), dir.path("b"), dir.path("c"));
            fs::write(&a, "text").await.unwrap();
            assert_eq!(fs::read(&a).await.unwrap(), b"text");
            assert_eq!(fs::read_to_string(&a).await.unwrap(), "text");
            assert_eq!(fs::copy(&a, &b).await.unwrap(), 4);
            fs::rename(&b, &c).await.unwrap();
            assert!(!fs::try_exists(&b).await.unwrap() && fs::try_exists(&c).await.unwrap());
            fs::hard_link(&a, &b).await.unwrap();
            fs::write(&b, "other").await.unwrap();
            assert_eq!(content(&a), "other");
            fs::remove_file(&b).await.unwrap();
            fs::symlink("a", &b).await.unwrap();
            assert_eq!(fs::read_link(&b).await.unwrap(), Path::new("a"));
            assert!(fs::symlink_metadata(&b).await.unwrap().is_symlink());
            assert!(fs::metadata(&b).await.unwrap().is_file());
            let canonical = fs::canonicalize(&b).await.unwrap();
            assert_eq!(canonical, std::fs::canonicalize(&a).unwrap());
            fs::set_permissions(&a, PermissionsExt::from_mode(0o400)).await.unwrap();
            assert!(fs::metadata(&a).await.unwrap().permissions().readonly());

            fs::write(&c, [0xff, 0xfe]).await.unwrap();
            let error = fs::read_to_string(&c).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            let missing = dir.path("missing");
            assert_eq!(fs::read(&missing).await.unwrap_err().kind(), ErrorKind::NotFound);
            assert_eq!(File::open(&missing).await.unwrap_err().kind(), ErrorKind::NotFound);
        });
    }
}

#[test]
fn directories() {
    let dir = Dir::new();
    threaded(2).block_on(async {
        let deep = dir.path("x/y/z");
        assert_eq!(fs::create_dir(&deep).await.unwrap_err().kind(), ErrorKind::NotFound);
        fs::create_dir_all(&deep).await.unwrap();
        fs::create_dir_all(&deep).await.expect("it may be there");
        let again = fs::DirBuilder::new().create(&deep).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(dir.path("p/q")).await.unwrap();
        fs::remove_dir(&deep).await.unwrap();
        assert!(fs::remove_dir(dir.path("x")).await.is_err(), "not empty");

        // More than a chunk, and what kind each is.
        for n in 0..100 {
            dir.file(&format!("x/file-{n}"), b"");
        }
        let mut entries = fs::read_dir(dir.path("x")).await.unwrap();
        let (mut files, mut dirs) = (0, 0);
        while let Some(entry) = entries.next_entry().await.unwrap() {
            assert_eq!(entry.path(), dir.path("x").join(entry.file_name()));
            let file_type = entry.file_type().await.unwrap();
            let metadata = entry.metadata().await.unwrap();
            assert_eq!(file_type, metadata.file_type());
            assert_eq!(entry.ino(), std::os::unix::fs::MetadataExt::ino(&metadata));
            if file_type.is_dir() {
                dirs += 1;
            } else {
                files += 1;
            }
        }
        assert_eq!((files, dirs), (100, 1));
        assert!(entries.next_entry().await.unwrap().is_none(), "the end is the end");
        let error = fs::read_dir(dir.path("missing")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        fs::remove_dir_all(dir.path("x")).await.unwrap();
        assert!(!dir.path("x").exists());
    });
}

#[test]
fn next_entry_is_cancel_safe() {
    let dir = Dir::new();
    for n in 0..70 {
        dir.file(&format!("{n}"), b"");
    }
    threaded(2).block_on(async {
        let mut entries = fs::read_dir(&dir.0).await.unwrap();
        let mut seen = 0;
        loop {
            // Most of these are given up while a chunk is fetched.
            let polled = poll_once(pin!(entries.next_entry()));
            match polled {
                Poll::Ready(Ok(Some(_))) => seen += 1,
                Poll::Ready(end) => break assert!(end.unwrap().is_none()),
                Poll::Pending => gmp::task::yield_now().await,
            }
        }
        assert_eq!(seen, 70);
    });
}

#[test]
fn buffered_lines_of_a_file() {
    let dir = Dir::new();
    let text: String = (0..5000).map(|n| format!("line {n}\n")).collect();
    let path = dir.file("a", &text);
    current().block_on(async {
        let mut lines = BufReader::new(File::open(&path).await.unwrap()).lines();
        let mut n = 0;
        while let Some(line) = lines.next_line().await.unwrap() {
            assert_eq!(line, format!("line {n}"));
            n += 1;
        }
        assert_eq!(n, 5000);
    });
}

/// A runtime whose only thread for blocking work is busy until the sender is dropped.
fn with_blocked_pool() -> (Runtime, std::sync::mpsc::Sender<()>) {
    let runtime =
        Builder::new_multi_thread().worker_threads(1).max_blocking_threads(1).build().unwrap();
    let (go_on, may_go_on) = channel::<()>();
    let (started, has_started) = channel();
    runtime.spawn_blocking(move || {
        started.send(()).unwrap();
        let _ended = may_go_on.recv();
    });
    has_started.recv().unwrap();
    (runtime, go_on)
}

#[test]
fn accepted_writes_survive_the_runtime() {
    let dir = Dir::new();
    for background in [false, true] {
        let path = dir.path(if background { "a" } else { "b" });
        let mut file = File::from_std(std::fs::File::create(&path).unwrap());
        let (runtime, go_on) = with_blocked_pool();
        runtime.block_on(async {
            file.write_all(b"accepted").await.unwrap();
            assert!(poll_once(pin!(file.flush())).is_pending(), "it waits for a thread");
        });
        assert_eq!(content(&path), "");
        if background {
            runtime.shutdown_background();
        } else {
            let ending = std::thread::spawn(move || drop(runtime));
            drop(go_on);
            within_patience(move || ending.join().unwrap());
        }
        eventually("written", || content(&path) == "accepted");
        // And whoever asks, anywhere, is told so.
        let flush = pin!(file.flush());
        assert!(matches!(poll_once(flush), Poll::Ready(Ok(()))));
    }
}

#[test]
fn what_has_not_begun_ends_with_the_runtime() {
    let dir = Dir::new();
    let path = dir.file("a", b"content");
    let mut file = File::from_std(std::fs::File::open(&path).unwrap());
    let (runtime, go_on) = with_blocked_pool();
    let mut whole = Box::pin(fs::read(path.clone()));
    let mut buf = [0; 4];
    {
        let mut part = pin!(file.read(&mut buf));
        runtime.block_on(async {
            assert!(poll_once(whole.as_mut()).is_pending());
            assert!(poll_once(part.as_mut()).is_pending());
        });
        let handle = runtime.handle().clone();
        runtime.shutdown_background();
        drop(go_on);
        let lost = |poll: Poll<std::io::Error>| match poll {
            Poll::Ready(error) => {
                assert_eq!(error.to_string(), "background task failed");
                assert_eq!(error.kind(), ErrorKind::Other);
            }
            Poll::Pending => panic!("still waits"),
        };
        lost(poll_once(whole.as_mut()).map(Result::unwrap_err));
        lost(poll_once(part.as_mut()).map(Result::unwrap_err));
        let _entered = handle.enter();
        let mut late = pin!(fs::read(path));
        lost(poll_once(late.as_mut()).map(Result::unwrap_err));
    }
    // The file itself is none the worse.
    let mut text = String::new();
    threaded(1).block_on(file.read_to_string(&mut text)).unwrap();
    assert_eq!(text, "content");
}

#[test]
fn outside_of_a_runtime_it_panics() {
    let expected =
        "there is no reactor running, must be called from the context of a Tokio 1.x runtime";
    assert_eq!(panic_text(|| poll_once(pin!(fs::read("Cargo.toml")))), expected);
    let dir = Dir::new();
    let path = dir.path("a");
    let mut file = File::from_std(std::fs::File::create(&path).unwrap());
    assert_eq!(panic_text(|| poll_once(pin!(file.write(b"x")))), expected);
    assert_eq!(content(&path), "");
    // And goes on afterwards.
    threaded(1).block_on(async {
        file.write_all(b"y").await.unwrap();
        file.flush().await.unwrap();
    });
    assert_eq!(content(&path), "y");
}

#[test]
fn many_small_files_at_once() {
    let dir = Dir::new();
    let root = dir.0.clone();
    threaded(4).block_on(async move {
        let tasks: Vec<_> = (0..300)
            .map(|n| {
                let path = root.join(format!("{n}"));
                gmp::spawn(async move {
                    fs::write(&path, format!("{n}")).await.unwrap();
                    let mut file = File::open(&path).await.unwrap();
                    let mut text = String::new();
                    file.read_to_string(&mut text).await.unwrap();
                    assert_eq!(text, format!("{n}"));
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}
