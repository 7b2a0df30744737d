use super::mock::{finish, poll_once};
use crate::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWrite, AsyncWriteExt,
    BufReader, BufStream, BufWriter, ReadBuf, SeekFrom,
};
use std::io::{self, Cursor, Seek};
use std::pin::{pin, Pin};
use std::task::{Context, Poll};

/// A file in memory that takes two polls for each seek and refuses a second one meanwhile. `log` has
/// the seeks that reached it.
struct Slow {
    memory: Cursor<Vec<u8>>,
    to: Option<SeekFrom>,
    waited: bool,
    log: Vec<SeekFrom>,
}

impl Slow {
    fn new(bytes: &[u8]) -> Slow {
        Slow { memory: Cursor::new(bytes.to_vec()), to: None, waited: false, log: Vec::new() }
    }
}

impl AsyncSeek for Slow {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        if self.to.is_some() {
            return Err(io::Error::other("one at a time"));
        }
        self.log.push(position);
        self.to = Some(position);
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        if self.to.is_some() {
            self.waited = !self.waited;
            if self.waited {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        match self.to.take() {
            Some(to) => Poll::Ready(Seek::seek(&mut self.memory, to)),
            None => Poll::Ready(Ok(self.memory.position())),
        }
    }
}

impl AsyncRead for Slow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.memory).poll_read(cx, buf)
    }
}

impl AsyncWrite for Slow {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.memory).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_seek_waits_for_the_one_before_it() {
    let mut slow = Slow::new(b"0123456789");
    assert!(poll_once(pin!(slow.seek(SeekFrom::Start(3)))).is_pending());
    assert_eq!(finish(slow.seek(SeekFrom::Current(2))).unwrap(), 5);
    assert_eq!(finish(slow.stream_position()).unwrap(), 5);
    assert_eq!(finish(slow.rewind()).unwrap(), 0);
}

#[test]
fn a_relative_seek_counts_from_what_the_caller_has_read() {
    let mut reader = BufReader::with_capacity(8, Slow::new(b"0123456789abcdef"));
    assert_eq!(finish(reader.read_u8()).unwrap(), b'0');
    assert_eq!(reader.buffer(), b"1234567");
    assert_eq!(finish(reader.seek(SeekFrom::Current(2))).unwrap(), 3);
    assert!(reader.buffer().is_empty());
    assert_eq!(reader.get_ref().log, [SeekFrom::Current(-5)]);
    assert_eq!(finish(reader.read_u8()).unwrap(), b'3');
    assert_eq!(finish(reader.seek(SeekFrom::End(-1))).unwrap(), 15);
    assert_eq!(finish(reader.read_u8()).unwrap(), b'f');
}

#[test]
fn a_distance_that_overflows_is_gone_in_two_steps() {
    let mut reader = BufReader::with_capacity(8, Slow::new(b"0123456789"));
    finish(reader.seek(SeekFrom::Start(2))).unwrap();
    finish(reader.read_u8()).unwrap();
    reader.get_mut().log.clear();
    let answer = finish(reader.seek(SeekFrom::Current(i64::MIN)));
    assert_eq!(answer.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    assert_eq!(reader.get_ref().log, [SeekFrom::Current(-7), SeekFrom::Current(i64::MIN)]);
    // The first step was made: the stream stands where the caller thinks that it does.
    assert_eq!(finish(reader.read_u8()).unwrap(), b'3');
}

#[test]
fn a_failed_seek_leaves_the_buffer() {
    let mut reader = BufReader::with_capacity(4, Slow::new(b"0123456789"));
    finish(reader.read_u8()).unwrap();
    assert!(finish(reader.seek(SeekFrom::Current(-2))).is_err());
    assert_eq!(reader.buffer(), b"123");
    assert_eq!(finish(reader.read_u8()).unwrap(), b'1');
}

#[test]
fn a_writer_flushes_before_it_moves() {
    let mut writer = BufWriter::new(Slow::new(b"0123456789"));
    finish(writer.write_all(b"ab")).unwrap();
    assert_eq!(finish(writer.stream_position()).unwrap(), 2);
    finish(writer.write_all(b"c")).unwrap();
    assert_eq!(finish(writer.seek(SeekFrom::End(-1))).unwrap(), 9);
    finish(writer.write_all(b"z")).unwrap();
    finish(writer.flush()).unwrap();
    assert_eq!(writer.get_ref().memory.get_ref(), b"abc345678z");
}

#[test]
fn a_stream_of_both_reads_what_it_wrote() {
    let inner = BufWriter::new(BufReader::with_capacity(4, Slow::new(b"0123456789")));
    let mut stream = BufStream::from(inner);
    assert_eq!(finish(stream.read_u8()).unwrap(), b'0');
    assert_eq!(finish(stream.seek(SeekFrom::Current(1))).unwrap(), 2);
    finish(stream.write_all(b"xy")).unwrap();
    finish(stream.rewind()).unwrap();
    assert_eq!(finish(stream.fill_buf()).unwrap(), b"01xy");
    assert_eq!(stream.into_inner().memory.get_ref(), b"01xy456789");
}

#[test]
fn a_conversion_keeps_the_seek_that_was_asked_for() {
    let mut outer = BufWriter::new(BufReader::new(Slow::new(b"0123456789")));
    Pin::new(&mut outer).start_seek(SeekFrom::Start(7)).unwrap();
    let mut stream = BufStream::from(outer);
    assert_eq!(
        finish(std::future::poll_fn(|cx| Pin::new(&mut stream).poll_complete(cx))).unwrap(),
        7
    );
    assert_eq!(finish(stream.read_u8()).unwrap(), b'7');
}
