use super::mock::{cancel, finish, Mock};
use crate::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader, ReadBuf};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};

fn scripted(script: impl FnOnce(&mut Mock)) -> BufReader<Mock> {
    let mut mock = Mock::new();
    script(&mut mock);
    BufReader::with_capacity(4, mock)
}

#[test]
fn lines_strip_their_ends() {
    let mut lines = scripted(|mock| {
        mock.data(b"one\ntw").pending().data(b"o\r\n\n\rthree\r");
    })
    .lines();
    let mut next = || finish(lines.next_line()).unwrap();
    assert_eq!(next().as_deref(), Some("one"));
    assert_eq!(next().as_deref(), Some("two"));
    assert_eq!(next().as_deref(), Some(""));
    assert_eq!(next().as_deref(), Some("\rthree\r"));
    assert_eq!(next(), None);
    assert_eq!(next(), None);
}

#[test]
fn next_line_and_next_segment_lose_nothing_when_cancelled() {
    let script = |mock: &mut Mock| {
        mock.data(b"lo").pending().data(b"ng l").pending().data(b"ine\nx");
    };
    let mut lines = scripted(script).lines();
    cancel(lines.next_line());
    cancel(lines.next_line());
    assert_eq!(finish(lines.next_line()).unwrap().as_deref(), Some("long line"));
    assert_eq!(finish(lines.next_line()).unwrap().as_deref(), Some("x"));

    let mut segments = scripted(script).split(b'\n');
    cancel(segments.next_segment());
    cancel(segments.next_segment());
    assert_eq!(finish(segments.next_segment()).unwrap().as_deref(), Some(&b"long line"[..]));
    assert_eq!(finish(segments.next_segment()).unwrap().as_deref(), Some(&b"x"[..]));
    assert_eq!(finish(segments.next_segment()).unwrap(), None);
}

#[test]
fn a_line_survives_an_error_and_bad_text_is_skipped() {
    let mut lines = scripted(|mock| {
        mock.data(b"ab").read_error(ErrorKind::TimedOut).data(b"c\n").data(b"\xff\n").data(b"d");
    })
    .lines();
    assert_eq!(finish(lines.next_line()).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(finish(lines.next_line()).unwrap().as_deref(), Some("abc"));
    assert_eq!(finish(lines.next_line()).unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(finish(lines.next_line()).unwrap().as_deref(), Some("d"));

    let mut lines = scripted(|mock| {
        mock.data(b"end").read_error(ErrorKind::TimedOut);
    })
    .lines();
    assert!(finish(lines.next_line()).is_err());
    let last = finish(lines.next_line()).unwrap();
    assert_eq!(last.as_deref(), Some("end"), "kept although the end of stream came next");
}

#[test]
fn read_until_appends_and_counts_one_call() {
    let mut reader = scripted(|mock| {
        mock.data(b"abcdefg-h").pending().data(b"i-j");
    });
    let mut buf = b"-".to_vec();
    assert_eq!(finish(reader.read_until(b'-', &mut buf)).unwrap(), 8);
    cancel(reader.read_until(b'-', &mut buf));
    assert_eq!(buf, b"-abcdefg-h");
    assert_eq!(finish(reader.read_until(b'-', &mut buf)).unwrap(), 2);
    assert_eq!(finish(reader.read_until(b'-', &mut buf)).unwrap(), 1);
    assert_eq!(finish(reader.read_until(b'-', &mut buf)).unwrap(), 0);
    assert_eq!(buf, b"-abcdefg-hi-j");
}

#[test]
fn read_line_keeps_its_promises_about_the_string() {
    for before in ["", "kept "] {
        let mut reader = scripted(|mock| {
            mock.data(b"one\n\xff\npart").read_error(ErrorKind::TimedOut).data(b"\n");
        });
        let mut line = String::from(before);
        assert_eq!(finish(reader.read_line(&mut line)).unwrap(), 4);
        assert_eq!(line, format!("{before}one\n"));

        let mut line = String::from(before);
        let error = finish(reader.read_line(&mut line)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.get_ref().unwrap().is::<std::str::Utf8Error>());
        assert_eq!(line, before);

        let error = finish(reader.read_line(&mut line)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(line, format!("{before}part"));
    }
}

/// Shows a byte once, and then nothing: against the contract.
struct Fickle(bool);

impl AsyncRead for Fickle {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncBufRead for Fickle {
    fn poll_fill_buf(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        if std::mem::take(&mut self.0) {
            Poll::Ready(Ok(b"x"))
        } else {
            Poll::Pending
        }
    }

    fn consume(self: Pin<&mut Self>, _: usize) {}
}

#[test]
#[should_panic(expected = "`poll_fill_buf` has shown bytes and then was `Pending`")]
fn fill_buf_blames_a_reader_that_takes_bytes_back() {
    let _ = finish(Fickle(true).fill_buf());
}

#[test]
fn fill_buf_shows_the_same_until_consumed_also_on_the_last_unit() {
    let mut reader = scripted(|mock| {
        mock.pending().data(b"abcd").read_error(ErrorKind::TimedOut);
    });
    cancel(reader.fill_buf());
    assert_eq!(finish(reader.fill_buf()).unwrap(), b"abcd");
    reader.consume(3);
    assert_eq!(finish(reader.fill_buf()).unwrap(), b"d");
    reader.consume(1);
    assert_eq!(finish(reader.fill_buf()).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(finish(reader.fill_buf()).unwrap(), b"");
    assert_eq!(finish(crate::io::empty().fill_buf()).unwrap(), b"");
}
