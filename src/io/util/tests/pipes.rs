use super::mock::{finish, Wakes};
use crate::io::{duplex, simplex, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use crate::io::{DuplexStream, SimplexStream};
use crate::primitives::fuzz::{fuzz, Choices};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

fn write(pipe: &mut DuplexStream, waker: &Waker, bytes: &[u8]) -> Poll<io::Result<usize>> {
    Pin::new(pipe).poll_write(&mut Context::from_waker(waker), bytes)
}

fn read(pipe: &mut DuplexStream, waker: &Waker, max: usize) -> Poll<io::Result<Vec<u8>>> {
    let mut memory = vec![0; max];
    let mut buf = ReadBuf::new(&mut memory);
    let poll = Pin::new(pipe).poll_read(&mut Context::from_waker(waker), &mut buf);
    poll.map_ok(|()| buf.filled().to_vec())
}

#[test]
fn duplex_holds_exactly_its_bound() {
    let (mut a, mut b) = duplex(4);
    let (writer, writer_waker) = Wakes::new();
    let (reader, reader_waker) = Wakes::new();
    assert!(read(&mut b, &reader_waker, 8).is_pending());
    assert!(matches!(write(&mut a, &writer_waker, b"abcdef"), Poll::Ready(Ok(4))));
    assert_eq!(reader.count(), 1);
    assert!(write(&mut a, &writer_waker, b"ef").is_pending());
    assert!(matches!(read(&mut b, &reader_waker, 1), Poll::Ready(Ok(got)) if got == b"a"));
    assert_eq!(writer.count(), 1);
    assert!(matches!(write(&mut a, &writer_waker, b"ef"), Poll::Ready(Ok(1))));
    assert!(matches!(read(&mut b, &reader_waker, 8), Poll::Ready(Ok(got)) if got == b"bcde"));
    assert_eq!((reader.count(), writer.count()), (1, 1), "nobody waited any more");
}

#[test]
fn the_last_waker_counts() {
    let (mut a, mut b) = duplex(4);
    let (first, first_waker) = Wakes::new();
    let (second, second_waker) = Wakes::new();
    assert!(read(&mut b, &first_waker, 1).is_pending());
    assert!(read(&mut b, &second_waker, 1).is_pending());
    finish(a.write_all(b"x")).unwrap();
    assert_eq!((first.count(), second.count()), (0, 1));
}

#[test]
fn a_dropped_end_is_an_end_of_stream_and_a_broken_pipe() {
    let (mut a, mut b) = duplex(4);
    let (reader, waker) = Wakes::new();
    finish(b.write_all(b"left")).unwrap();
    let (writer, writer_waker) = Wakes::new();
    assert!(read(&mut a, &waker, 4).is_ready());
    assert!(read(&mut a, &waker, 4).is_pending());
    finish(a.write_all(b"full")).unwrap();
    assert!(write(&mut a, &writer_waker, b"x").is_pending());
    finish(b.write_all(b"last")).unwrap();
    assert_eq!(reader.count(), 1);
    drop(b);
    assert_eq!(writer.count(), 1, "a waiting writer must hear of it");
    assert!(matches!(read(&mut a, &waker, 8), Poll::Ready(Ok(got)) if got == b"last"));
    assert!(matches!(read(&mut a, &waker, 8), Poll::Ready(Ok(got)) if got.is_empty()));
    let Poll::Ready(Err(error)) = write(&mut a, &writer_waker, b"x") else {
        panic!("nobody will read it");
    };
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);

    let (a, mut b) = duplex(4);
    assert!(read(&mut b, &waker, 1).is_pending());
    drop(a);
    assert_eq!(reader.count(), 2, "a waiting reader must hear of it");
}

#[test]
fn shutdown_ends_one_direction() {
    let (mut a, mut b) = duplex(8);
    finish(a.write_all(b"bye")).unwrap();
    finish(a.shutdown()).unwrap();
    finish(a.flush()).unwrap();
    assert_eq!(finish(a.write(b"x")).unwrap_err().kind(), ErrorKind::BrokenPipe);
    let mut text = String::new();
    finish(b.read_to_string(&mut text)).unwrap();
    assert_eq!(text, "bye");
    finish(b.write_all(b"answer")).unwrap();
    assert_eq!(finish(a.read_u8()).unwrap(), b'a');
}

#[test]
fn vectored_writes_fill_up_to_the_bound() {
    let (mut a, mut b) = duplex(4);
    assert!(a.is_write_vectored());
    let bufs = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde"), IoSlice::new(b"f")];
    assert_eq!(finish(a.write_vectored(&bufs)).unwrap(), 4);
    let mut buf = [0; 4];
    finish(b.read_exact(&mut buf)).unwrap();
    assert_eq!(&buf, b"abcd");
}

/// A pipe in memory against a queue of bytes.
pub(crate) fn duplex_program(choices: &Choices<'_>) {
    let bound = 1 + choices.below(9) as usize;
    let (mut a, mut b) = duplex(bound);
    let mut model = VecDeque::new();
    for step in (0..200).take_while(|_| choices.more()) {
        let n = choices.below(12) as usize;
        if choices.below(2) == 0 {
            let bytes: Vec<u8> = (0..n).map(|_| choices.below(256) as u8).collect();
            match write(&mut a, Waker::noop(), &bytes) {
                Poll::Ready(Ok(taken)) => {
                    assert_eq!(taken, n.min(bound - model.len()), "step {step}");
                    model.extend(&bytes[..taken]);
                }
                Poll::Ready(Err(error)) => panic!("{error}"),
                Poll::Pending => assert_eq!(model.len(), bound, "step {step}"),
            }
        } else {
            match read(&mut b, Waker::noop(), n) {
                Poll::Ready(Ok(got)) => {
                    let expected: Vec<u8> = model.drain(..n.min(model.len())).collect();
                    assert_eq!(got, expected, "step {step}");
                }
                Poll::Ready(Err(error)) => panic!("{error}"),
                Poll::Pending => assert!(model.is_empty(), "step {step}"),
            }
        }
    }
}

#[test]
fn fuzz_duplex() {
    fuzz(100, duplex_program);
}

#[test]
fn a_huge_bound_costs_nothing() {
    let (mut a, mut b) = duplex(usize::MAX);
    finish(a.write_all(b"x")).unwrap();
    assert_eq!(finish(b.read_u8()).unwrap(), b'x');
}

#[test]
fn simplex_is_one_way_and_ends_by_shutdown() {
    let (mut reader, mut writer) = simplex(4);
    assert_eq!(finish(writer.write(b"abcdef")).unwrap(), 4);
    assert_eq!(finish(reader.read_u32()).unwrap(), u32::from_be_bytes(*b"abcd"));
    finish(writer.write_all(b"ef")).unwrap();
    finish(writer.shutdown()).unwrap();
    assert_eq!(finish(writer.write(b"g")).unwrap_err().kind(), ErrorKind::BrokenPipe);
    let mut rest = Vec::new();
    finish(reader.read_to_end(&mut rest)).unwrap();
    assert_eq!(rest, b"ef");
    let whole = reader.unsplit(writer);
    assert_eq!(
        format!("{whole:?}"),
        "SimplexStream { buffered: 0, max_buf_size: 4, closed: true }"
    );
}

#[test]
fn an_unsplit_simplex_is_a_queue() {
    let mut queue = SimplexStream::new_unsplit(16);
    finish(queue.write_all(b"queue")).unwrap();
    let mut buf = [0; 5];
    finish(queue.read_exact(&mut buf)).unwrap();
    assert_eq!(&buf, b"queue");
}

#[test]
#[should_panic(expected = "`max_buf_size` must be greater than 0")]
fn duplex_without_room_is_refused() {
    let _ = duplex(0);
}

#[test]
#[should_panic(expected = "`max_buf_size` must be greater than 0")]
fn simplex_without_room_is_refused() {
    let _ = simplex(0);
}

/// Polls its pipe from inside `wake`: deadlocks if a wake comes under the pipe's lock.
struct Meddler(Mutex<Option<DuplexStream>>);

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        if let Some(pipe) = self.0.lock().unwrap().as_mut() {
            let _ = read(pipe, Waker::noop(), 1);
        }
    }
}

#[test]
fn wakers_run_outside_the_lock() {
    let (mut a, mut b) = duplex(4);
    let meddler = Arc::new(Meddler(Mutex::new(None)));
    assert!(read(&mut b, &Waker::from(meddler.clone()), 1).is_pending());
    *meddler.0.lock().unwrap() = Some(b);
    finish(a.write_all(b"xy")).unwrap();
    let b = meddler.0.lock().unwrap().take();
    assert_eq!(finish(b.unwrap().read_u8()).unwrap(), b'y', "the waker has read the first");
}

/// Its drop needs the lock of the pipe that it waits in: under that lock it would deadlock.
struct Nosy {
    other_end: Arc<Mutex<DuplexStream>>,
    drops: Arc<AtomicUsize>,
}

impl Wake for Nosy {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Nosy {
    fn drop(&mut self) {
        self.drops.fetch_add(1, SeqCst);
        let _ = write(&mut self.other_end.lock().unwrap(), Waker::noop(), b"");
    }
}

#[test]
fn wakers_are_dropped_outside_the_lock() {
    let (a, mut b) = duplex(4);
    let other_end = Arc::new(Mutex::new(a));
    let drops = Arc::new(AtomicUsize::new(0));
    for _ in 0..2 {
        let nosy = Nosy { other_end: other_end.clone(), drops: drops.clone() };
        assert!(read(&mut b, &Waker::from(Arc::new(nosy)), 1).is_pending());
    }
    assert_eq!(drops.load(SeqCst), 1, "the first was replaced");
    drop(b);
    assert_eq!(drops.load(SeqCst), 2, "nobody keeps the second");
}

#[test]
fn two_threads_exchange_everything() {
    let (mut a, mut b) = duplex(7);
    let sent: Vec<u8> = (0..20_000u32).map(|i| (i * 31) as u8).collect();
    let expected = sent.clone();
    let park = |thread: std::thread::Thread| {
        struct Unpark(std::thread::Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        Waker::from(Arc::new(Unpark(thread)))
    };
    let writer = std::thread::spawn(move || {
        let waker = park(std::thread::current());
        let mut rest = &sent[..];
        while !rest.is_empty() {
            match write(&mut a, &waker, rest) {
                Poll::Ready(n) => rest = &rest[n.unwrap()..],
                Poll::Pending => std::thread::park(),
            }
        }
    });
    let waker = park(std::thread::current());
    let mut got = Vec::new();
    loop {
        match read(&mut b, &waker, 5) {
            Poll::Ready(bytes) => match bytes.unwrap() {
                bytes if bytes.is_empty() => break,
                bytes => got.extend(bytes),
            },
            Poll::Pending => std::thread::park(),
        }
    }
    writer.join().unwrap();
    assert!(got == expected);
}
