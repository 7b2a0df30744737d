use super::mock::{cancel, finish, Mock};
use crate::io::{
    copy, copy_bidirectional, copy_bidirectional_with_sizes, copy_buf, AsyncReadExt, BufReader,
};
use crate::primitives::fuzz::{fuzz, Choices};
use std::io::ErrorKind;

/// A copy arrives whole and is flushed, whatever the pieces and the pauses.
pub(crate) fn copy_program(choices: &Choices<'_>) {
    let (mut reader, mut writer) = (Mock::new(), Mock::new());
    let mut all = Vec::new();
    for _ in 0..choices.below(30) {
        let piece = vec![choices.below(256) as u8; 1 + choices.below(4000) as usize];
        reader.data(&piece);
        all.extend(piece);
        if choices.below(2) == 0 {
            reader.pending();
        }
        match choices.below(3) {
            0 => writer.not_now(),
            n => writer.accept(n as usize * 700),
        };
    }
    let n = if choices.below(2) == 0 {
        finish(copy(&mut reader, &mut writer)).unwrap()
    } else {
        finish(copy_buf(&mut BufReader::new(&mut reader), &mut writer)).unwrap()
    };
    assert_eq!(n, all.len() as u64);
    assert!(writer.written == all);
    assert_eq!(writer.flushed.last(), Some(&all.len()), "not flushed");
    assert_eq!(writer.shut_down, 0);
}

#[test]
fn fuzz_copy() {
    fuzz(150, copy_program);
}

#[test]
fn copy_flushes_while_the_reader_has_nothing() {
    for buffered in [false, true] {
        let (mut reader, mut writer) = (Mock::new(), Mock::new());
        reader.pending().data(b"ab").data(b"c").pending().pending().data(b"d");
        if buffered {
            finish(copy_buf(&mut BufReader::new(reader), &mut writer)).unwrap();
        } else {
            finish(copy(&mut reader, &mut writer)).unwrap();
        }
        assert_eq!(writer.flushed, [3, 4], "not before the first byte, not twice, and at the end");
    }
}

#[test]
fn copy_reads_on_while_the_writer_is_busy() {
    let (mut reader, mut writer) = (Mock::new(), Mock::new());
    reader.data(b"ab").data(b"cd").pending().data(b"ef");
    writer.not_now();
    cancel(copy(&mut reader, &mut writer));
    let mut rest = Vec::new();
    finish(reader.read_to_end(&mut rest)).unwrap();
    assert_eq!(rest, b"ef", "two pieces were read ahead");
    assert_eq!(writer.offered, [2]);
}

#[test]
fn copy_writes_what_came_before_an_error() {
    let (mut reader, mut writer) = (Mock::new(), Mock::new());
    reader.data(b"ab").read_error(ErrorKind::TimedOut);
    writer.not_now();
    let error = finish(copy(&mut reader, &mut writer)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(writer.written, b"ab");
}

#[test]
fn copy_reports_a_writer_that_accepts_no_more() {
    for buffered in [false, true] {
        let mut reader = &b"abc"[..];
        let mut writer = Mock::new();
        writer.accept(1).accept(0);
        let error = if buffered {
            finish(copy_buf(&mut reader, &mut writer)).unwrap_err()
        } else {
            finish(copy(&mut reader, &mut writer)).unwrap_err()
        };
        assert_eq!(error.kind(), ErrorKind::WriteZero);
    }
}

#[test]
fn a_cancelled_copy_buf_goes_on_where_it_stopped() {
    let mut reader = &b"abcdef"[..];
    let mut writer = Mock::new();
    writer.accept(2).not_now();
    cancel(copy_buf(&mut reader, &mut writer));
    assert_eq!(reader, b"cdef");
    assert_eq!(finish(copy_buf(&mut reader, &mut writer)).unwrap(), 4);
    assert_eq!(writer.written, b"abcdef");
}

#[test]
fn both_directions_end_on_their_own() {
    let (mut a, mut b) = (Mock::new(), Mock::new());
    a.data(b"to b");
    b.pending().data(b"to").pending().data(b" a").not_now();
    assert_eq!(finish(copy_bidirectional(&mut a, &mut b)).unwrap(), (4, 4));
    assert_eq!((&a.written[..], &b.written[..]), (&b"to a"[..], &b"to b"[..]));
    assert_eq!((a.shut_down, b.shut_down), (1, 1), "each once");
}

#[test]
fn the_first_error_ends_both_directions() {
    let (mut a, mut b) = (Mock::new(), Mock::new());
    a.pending().pending().pending().data(b"never");
    b.pending().read_error(ErrorKind::ConnectionReset);
    let error = finish(copy_bidirectional(&mut a, &mut b)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(b.written.is_empty());
}

#[test]
fn buffers_have_the_sizes_asked_for() {
    let (mut a, mut b) = (Mock::new(), Mock::new());
    a.data(b"abcdef");
    b.data(b"uvwxyz");
    assert_eq!(finish(copy_bidirectional_with_sizes(&mut a, &mut b, 2, 5)).unwrap(), (6, 6));
    assert_eq!((a.room[0], b.room[0]), (2, 5));
}

#[test]
#[should_panic(expected = "`b_to_a_buf_size` must be greater than 0")]
fn a_copy_without_a_buffer_is_refused() {
    let _ = finish(copy_bidirectional_with_sizes(&mut Mock::new(), &mut Mock::new(), 1, 0));
}
