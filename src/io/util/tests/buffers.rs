use super::mock::{cancel, finish, poll_once, Mock};
use crate::io::{
    join, split, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufStream,
    BufWriter,
};
use crate::primitives::fuzz::{fuzz, Choices};
use std::io::{ErrorKind, IoSlice};
use std::panic::{catch_unwind, AssertUnwindSafe};

#[test]
fn small_reads_share_a_large_one_and_large_ones_go_past() {
    let mut mock = Mock::new();
    mock.data(b"abc").pending().data(&[7; 20]);
    let mut reader = BufReader::with_capacity(8, mock);
    assert_eq!(finish(reader.read_u8()).unwrap(), b'a');
    let mut large = [0; 16];
    assert_eq!(finish(reader.read(&mut large)).unwrap(), 2, "what is buffered comes first");
    assert_eq!(finish(reader.read(&mut large)).unwrap(), 16);
    assert_eq!(reader.get_ref().room, [8, 16, 16], "the last ones into the caller's buffer");
    assert!(format!("{reader:?}").contains("buffer: 0/8"));
}

#[test]
#[should_panic(expected = "capacity must be greater than zero")]
fn a_reader_without_a_buffer_is_refused() {
    let _ = BufReader::with_capacity(0, Mock::new());
}

#[test]
fn writer_keeps_small_writes_and_passes_large_ones() {
    let mut writer = BufWriter::with_capacity(4, Mock::new());
    assert_eq!(finish(writer.write(b"ab")).unwrap(), 2);
    assert_eq!(finish(writer.write(b"cd")).unwrap(), 2);
    assert!(writer.get_ref().offered.is_empty());
    assert_eq!(finish(writer.write(b"e")).unwrap(), 1);
    assert_eq!(writer.get_ref().written, b"abcd");
    assert_eq!(finish(writer.write(b"fghij")).unwrap(), 5);
    assert_eq!(writer.get_ref().written, b"abcdefghij");
    assert_eq!(writer.get_ref().offered, [4, 1, 5]);
    finish(writer.write_all(b"k")).unwrap();
    finish(writer.shutdown()).unwrap();
    assert_eq!(
        (&writer.get_ref().written[..], writer.get_ref().shut_down),
        (&b"abcdefghijk"[..], 1)
    );
}

#[test]
fn writer_accepts_nothing_while_it_cannot_flush() {
    let mut mock = Mock::new();
    mock.accept(1).not_now().write_error(ErrorKind::BrokenPipe).accept(0);
    let mut writer = BufWriter::with_capacity(4, mock);
    finish(writer.write_all(b"abcd")).unwrap();
    cancel(writer.write(b"ef"));
    assert_eq!(writer.buffer(), b"bcd");
    assert_eq!(finish(writer.write(b"ef")).unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(finish(writer.flush()).unwrap_err().kind(), ErrorKind::WriteZero);
    assert_eq!(writer.buffer(), b"bcd", "an error loses nothing");
    assert_eq!(finish(writer.write(b"ef")).unwrap(), 2);
    assert_eq!((&writer.get_ref().written[..], writer.buffer()), (&b"abcd"[..], &b"ef"[..]));
}

/// Vectored writes through a `BufWriter`: all that was written arrives, in order.
pub(crate) fn buf_writer_program(choices: &Choices<'_>) {
    let mut mock = Mock::new();
    mock.vectored = choices.below(2) == 0;
    for _ in 0..choices.below(20) {
        match choices.below(3) {
            0 => mock.not_now(),
            n => mock.accept(n as usize * 3),
        };
    }
    let capacity = choices.below(12) as usize;
    let mut writer = BufWriter::with_capacity(capacity, mock);
    assert!(writer.is_write_vectored());
    let all: Vec<u8> = (0..200).collect();
    let mut done = 0;
    while done < all.len() && choices.more() {
        let mut bufs = Vec::new();
        let mut at = done;
        while bufs.len() < 4 && at < all.len() {
            let len = (choices.below(9) as usize).min(all.len() - at);
            bufs.push(IoSlice::new(&all[at..at + len]));
            at += len;
        }
        let n = finish(writer.write_vectored(&bufs)).unwrap();
        assert!(n > 0 || at == done, "nothing accepted of {}", at - done);
        assert!(n <= at - done);
        done += n;
        assert!(writer.buffer().len() <= capacity, "the buffer has grown");
    }
    finish(writer.flush()).unwrap();
    assert_eq!(writer.get_ref().written, all[..done]);
}

#[test]
fn fuzz_buf_writer() {
    fuzz(200, buf_writer_program);
}

#[test]
fn stream_buffers_each_way() {
    let mut mock = Mock::new();
    mock.data(b"in");
    let mut stream = BufStream::with_capacity(8, 8, mock);
    finish(stream.write_all(b"out")).unwrap();
    assert_eq!(finish(stream.read_u16()).unwrap(), u16::from_be_bytes(*b"in"));
    assert_eq!(stream.get_ref().room, [8]);
    assert!(stream.get_ref().written.is_empty());
    finish(stream.flush()).unwrap();
    assert_eq!(stream.into_inner().written, b"out");
}

#[test]
fn halves_share_the_stream_and_join_again() {
    let mut mock = Mock::new();
    mock.vectored = true;
    mock.pending().data(b"in");
    let (mut reader, mut writer) = split(mock);
    assert!(reader.is_pair_of(&writer) && writer.is_pair_of(&reader));
    assert!(writer.is_write_vectored());
    cancel(reader.read_u8());
    finish(writer.write_all(b"out")).unwrap();
    assert_eq!(finish(reader.read_u16()).unwrap(), u16::from_be_bytes(*b"in"));
    assert_eq!(reader.unsplit(writer).written, b"out");
}

#[test]
fn unrelated_halves_are_refused() {
    let (reader, _writer) = split(Mock::new());
    let (_reader, writer) = split(Mock::new());
    assert!(!reader.is_pair_of(&writer));
    let payload = catch_unwind(AssertUnwindSafe(|| reader.unsplit(writer))).unwrap_err();
    assert_eq!(
        payload.downcast_ref::<&str>().copied(),
        Some("Unrelated `split::Write` passed to `split::Read::unsplit`.")
    );
}

/// Panics in its first write.
struct Panicking(bool);

impl crate::io::AsyncRead for Panicking {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &mut crate::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Panicking {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        assert!(std::mem::take(&mut self.0), "first write");
        std::task::Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

#[test]
fn a_panic_in_one_half_does_not_lock_the_other_out() {
    let (mut reader, mut writer) = split(Panicking(false));
    assert!(catch_unwind(AssertUnwindSafe(|| finish(writer.write(b"x")))).is_err());
    assert_eq!(finish(reader.read(&mut [0; 1])).unwrap(), 0);
}

#[test]
fn joined_sides_stay_apart() {
    let mut stream = join(&b"in"[..], BufWriter::new(Mock::new()));
    assert_eq!(finish(stream.read_u8()).unwrap(), b'i');
    finish(stream.write_all(b"out")).unwrap();
    assert!(stream.is_write_vectored());
    assert_eq!((*stream.reader(), stream.writer().buffer()), (&b"n"[..], &b"out"[..]));
    finish(stream.shutdown()).unwrap();
    assert_eq!(stream.into_inner().1.into_inner().written, b"out");
}

/// `BufReader` and `Take` and `Chain` in any order of reads, against the bytes that were sent; a read that
/// is given up loses none.
pub(crate) fn buf_reader_program(choices: &Choices<'_>) {
    let mut parts = [Mock::new(), Mock::new()];
    let mut all = Vec::new();
    for mock in &mut parts {
        for _ in 0..choices.below(12) {
            let length = 1 + choices.below(40);
            let piece: Vec<u8> =
                (0..length).map(|_| b"ab\n\r"[choices.below(4) as usize]).collect();
            all.extend(&piece);
            mock.data(&piece);
            if choices.below(3) == 0 {
                mock.pending();
            }
        }
    }
    let [first, second] = parts;
    let limit = if choices.below(2) == 0 { u64::from(choices.below(400)) } else { u64::MAX };
    all.truncate(limit as usize);
    let capacity = 1 + choices.below(16) as usize;
    let mut reader = BufReader::with_capacity(capacity, first.chain(second).take(limit));
    let mut rest = &all[..];
    while !rest.is_empty() && choices.more() {
        let what = choices.below(6);
        let n = match what {
            0 => {
                let mut bytes = vec![0; choices.below(24) as usize];
                let n = finish(reader.read(&mut bytes)).unwrap();
                assert!(n > 0 || bytes.is_empty(), "the end came too early");
                assert_eq!(bytes[..n], rest[..n]);
                n
            }
            1 => {
                let seen = finish(reader.fill_buf()).unwrap().to_vec();
                assert!(!seen.is_empty() && seen.len() <= capacity);
                assert_eq!(seen, rest[..seen.len()]);
                let n = choices.below(seen.len() as u32 + 1) as usize;
                reader.consume(n);
                n
            }
            2 => {
                let mut line = Vec::new();
                let n = finish(reader.read_until(b'\n', &mut line)).unwrap();
                let end = rest.iter().position(|&byte| byte == b'\n');
                assert_eq!(line, rest[..end.map_or(rest.len(), |at| at + 1)]);
                n
            }
            3 => {
                let mut line = String::new();
                let n = finish(reader.read_line(&mut line)).unwrap();
                assert_eq!(line.as_bytes(), &rest[..n]);
                assert!(line.ends_with('\n') || n == rest.len());
                n
            }
            4 => {
                let mut bytes = vec![0; choices.below(rest.len() as u32 + 1) as usize];
                finish(reader.read_exact(&mut bytes)).unwrap();
                assert_eq!(bytes, rest[..bytes.len()]);
                bytes.len()
            }
            _ => {
                let mut bytes = [0; 4];
                let read = std::pin::pin!(reader.read(&mut bytes));
                let n = match poll_once(read) {
                    std::task::Poll::Ready(n) => n.unwrap(),
                    std::task::Poll::Pending => 0,
                };
                assert_eq!(bytes[..n], rest[..n]);
                n
            }
        };
        rest = &rest[n..];
    }
    let mut left = Vec::new();
    finish(reader.read_to_end(&mut left)).unwrap();
    assert_eq!(left, rest);
}

#[test]
fn fuzz_buf_reader() {
    fuzz(300, buf_reader_program);
}
