use super::mock::{cancel, finish, Mock};
use crate::io::AsyncWriteExt;
use bytes::Buf;
use std::io::{Cursor, ErrorKind, IoSlice};

#[test]
fn write_takes_one_step_and_loses_nothing_when_cancelled() {
    let mut mock = Mock::new();
    mock.not_now().accept(2).not_now().accept(1).write_error(ErrorKind::BrokenPipe);
    cancel(mock.write(b"abc"));
    assert_eq!(finish(mock.write(b"abc")).unwrap(), 2);
    let mut src = &b"cd"[..];
    cancel(mock.write_buf(&mut src));
    assert_eq!(src, b"cd");
    assert_eq!(finish(mock.write_buf(&mut src)).unwrap(), 1);
    assert_eq!(finish(mock.write_buf(&mut src)).unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(src, b"d");
    assert_eq!(finish(mock.write_buf(&mut src)).unwrap(), 1);
    assert_eq!(finish(mock.write_buf(&mut src)).unwrap(), 0, "nothing left");
    assert_eq!(mock.written, b"abcd");
    assert_eq!(mock.offered, [3, 3, 2, 2, 1, 1], "an empty buffer is not offered");
}

#[test]
fn write_all_goes_on_until_all_is_written() {
    let mut mock = Mock::new();
    mock.accept(1).not_now().accept(2).not_now();
    finish(mock.write_all(b"abcdef")).unwrap();
    assert_eq!(mock.written, b"abcdef");
    mock.accept(1).accept(0);
    assert_eq!(finish(mock.write_all(b"xy")).unwrap_err().kind(), ErrorKind::WriteZero);
}

#[test]
fn write_all_buf_goes_on_where_a_cancelled_one_stopped() {
    let mut mock = Mock::new();
    mock.accept(2).not_now().accept(1).write_error(ErrorKind::TimedOut);
    let mut src = Cursor::new(b"abcdef");
    cancel(mock.write_all_buf(&mut src));
    assert_eq!(src.position(), 2);
    let error = finish(mock.write_all_buf(&mut src)).unwrap_err();
    assert_eq!((error.kind(), src.position()), (ErrorKind::TimedOut, 3));
    finish(mock.write_all_buf(&mut src)).unwrap();
    assert_eq!(mock.written, b"abcdef");
    mock.accept(0);
    let error = finish(mock.write_all_buf(&mut &b"x"[..])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WriteZero);
}

#[test]
fn pieces_go_out_together_where_the_writer_can() {
    for vectored in [false, true] {
        let mut mock = Mock::new();
        mock.vectored = vectored;
        let mut src = (&b"ab"[..]).chain(&b"cd"[..]);
        let n = finish(mock.write_buf(&mut src)).unwrap();
        assert_eq!(n, if vectored { 4 } else { 2 });
        finish(mock.write_all_buf(&mut src)).unwrap();
        assert_eq!(mock.written, b"abcd");

        let bufs = [IoSlice::new(b""), IoSlice::new(b"ef"), IoSlice::new(b"g")];
        let n = finish(mock.write_vectored(&bufs)).unwrap();
        assert_eq!(n, if vectored { 3 } else { 2 });
    }
}

#[test]
fn flush_and_shutdown_reach_the_writer() {
    let mut mock = Mock::new();
    finish(mock.write_all(b"abc")).unwrap();
    finish(mock.flush()).unwrap();
    finish(mock.shutdown()).unwrap();
    assert_eq!((&mock.flushed[..], mock.shut_down), (&[3][..], 1));
}
