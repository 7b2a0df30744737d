use super::mock::{cancel, finish, Mock};
use crate::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use crate::primitives::fuzz::{fuzz, Choices};
use bytes::{BufMut, BytesMut};
use std::io::ErrorKind;

#[test]
fn read_takes_what_is_there() {
    let mut mock = Mock::new();
    mock.pending().data(b"hello").read_error(ErrorKind::ConnectionReset);
    let mut buf = [0; 3];
    assert_eq!(finish(mock.read(&mut buf)).unwrap(), 3);
    assert_eq!(&buf, b"hel");
    assert_eq!(finish(mock.read(&mut buf)).unwrap(), 2);
    let error = finish(mock.read(&mut buf)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(finish(mock.read(&mut buf)).unwrap(), 0);
}

#[test]
fn read_and_read_buf_lose_nothing_when_cancelled() {
    let mut mock = Mock::new();
    mock.pending().data(b"ab").pending().data(b"cd");
    let mut buf = [0; 8];
    cancel(mock.read(&mut buf));
    let mut vec = Vec::new();
    assert_eq!(finish(mock.read_buf(&mut vec)).unwrap(), 2);
    cancel(mock.read_buf(&mut vec));
    assert_eq!(vec, b"ab");
    assert_eq!(finish(mock.read_buf(&mut vec)).unwrap(), 2);
    assert_eq!(vec, b"abcd");
}

#[test]
fn read_u8_loses_nothing_when_cancelled() {
    let mut mock = Mock::new();
    mock.pending().data(b"a");
    cancel(mock.read_u8());
    assert_eq!(finish(mock.read_u8()).unwrap(), b'a');
    cancel(Mock::new().pending().read_u8());
}

#[test]
fn read_buf_fills_the_room_and_stops() {
    let mut mock = Mock::new();
    mock.data(b"abcdef");
    let mut memory = [0; 4];
    let mut slice = &mut memory[..];
    assert_eq!(finish(mock.read_buf(&mut slice)).unwrap(), 4);
    assert_eq!(finish(mock.read_buf(&mut slice)).unwrap(), 0, "no room");
    assert_eq!(mock.room, [4], "a reader is not asked when there is no room");
    assert_eq!(memory, *b"abcd");

    let mut limited = BytesMut::new().limit(1);
    let dynamic: &mut dyn BufMut = &mut limited;
    assert_eq!(finish(mock.read_buf(dynamic)).unwrap(), 1);
    assert_eq!(&limited.get_ref()[..], b"e");
}

#[test]
fn read_exact_joins_pieces_and_names_an_early_end() {
    let mut mock = Mock::new();
    mock.data(b"a").pending().data(b"bc").data(b"d");
    let mut buf = [0; 3];
    assert_eq!(finish(mock.read_exact(&mut buf)).unwrap(), 3);
    assert_eq!(&buf, b"abc");
    let error = finish(mock.read_exact(&mut buf)).unwrap_err();
    assert_eq!((error.kind(), error.to_string()), (ErrorKind::UnexpectedEof, "early eof".into()));
    assert_eq!(finish(mock.read_exact(&mut [])).unwrap(), 0);
}

/// Whatever the pieces, and whatever room the vector has at first.
pub(crate) fn read_to_end_program(choices: &Choices<'_>) {
    let mut mock = Mock::new();
    let mut expected = b"before".to_vec();
    for _ in 0..choices.below(40) {
        let piece: Vec<u8> = (0..choices.below(3000)).map(|i| i as u8).chain([1]).collect();
        if choices.below(3) == 0 {
            mock.pending();
        }
        mock.data(&piece);
        expected.extend(piece);
    }
    let mut vec = Vec::with_capacity(6 + choices.below(9000) as usize);
    vec.extend_from_slice(b"before");
    let n = finish(mock.read_to_end(&mut vec)).unwrap();
    assert_eq!(n, expected.len() - 6);
    assert!(vec == expected);
}

#[test]
fn fuzz_read_to_end() {
    fuzz(60, read_to_end_program);
}

#[test]
fn read_to_end_does_not_grow_a_vector_that_is_just_right() {
    for size in [1, 32, 100, 20_000] {
        let mut vec = Vec::with_capacity(size);
        let capacity = vec.capacity();
        let all = vec![3; capacity];
        let mut mock = Mock::new();
        mock.data(&all).pending();
        assert_eq!(finish(mock.read_to_end(&mut vec)).unwrap(), capacity);
        assert_eq!(vec.capacity(), capacity, "probed, not grown");
        assert_eq!(*mock.room.last().unwrap(), 32);
    }
}

#[test]
fn read_to_end_offers_more_as_more_comes() {
    let mut mock = Mock::new();
    mock.data(&[0; 300_000]);
    let mut vec = Vec::with_capacity(1 << 20);
    finish(mock.read_to_end(&mut vec)).unwrap();
    assert_eq!(mock.room[..5], [8192, 16384, 32768, 65536, 65536]);

    let mut mock = Mock::new();
    mock.data(b"little").data(b"by").data(b"little");
    let mut vec = Vec::with_capacity(1 << 20);
    finish(mock.read_to_end(&mut vec)).unwrap();
    assert!(mock.room.iter().all(|&room| room == 8192), "{:?}", mock.room);
}

#[test]
fn read_to_end_keeps_what_came_before_an_error_or_a_cancel() {
    let mut mock = Mock::new();
    mock.data(b"ab").read_error(ErrorKind::TimedOut).data(b"cd").pending().data(b"ef");
    let mut vec = Vec::new();
    assert_eq!(finish(mock.read_to_end(&mut vec)).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(vec, b"ab");
    cancel(mock.read_to_end(&mut vec));
    assert_eq!(vec, b"abcd");
    assert_eq!(finish(mock.read_to_end(&mut vec)).unwrap(), 2);
    assert_eq!(vec, b"abcdef");
}

#[test]
fn read_to_string_appends_or_leaves_alone() {
    let cut = "grün".as_bytes().split_at(3);
    for before in ["", "so "] {
        let mut text = String::from(before);
        let mut mock = Mock::new();
        mock.data(cut.0).pending().data(cut.1);
        assert_eq!(finish(mock.read_to_string(&mut text)).unwrap(), 5);
        assert_eq!(text, format!("{before}grün"));

        let mut text = String::from(before);
        let mut mock = Mock::new();
        mock.data(b"ok").data(b"\xff");
        let error = finish(mock.read_to_string(&mut text)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        let inner = error.into_inner().unwrap();
        let good = inner.downcast::<std::str::Utf8Error>().unwrap().valid_up_to();
        assert_eq!(good, before.len() + 2);
        assert_eq!(text, before);

        let mut mock = Mock::new();
        mock.data(b"ok").read_error(ErrorKind::TimedOut);
        let error = finish(mock.read_to_string(&mut text)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(text, before);
    }
}

#[test]
fn chain_goes_on_with_the_second_and_never_back() {
    let mut first = Mock::new();
    first.data(b"ab").pending();
    let mut chain = first.chain(&b"cd"[..]);
    assert_eq!(finish(chain.read(&mut [])).unwrap(), 0, "an empty buffer is no end of stream");
    let mut text = String::new();
    assert_eq!(finish(chain.read_to_string(&mut text)).unwrap(), 4);
    assert_eq!(text, "abcd");
    chain.get_mut().0.data(b"too late");
    assert_eq!(finish(chain.read(&mut [0; 4])).unwrap(), 0);
    let (_, second) = chain.into_inner();
    assert!(second.is_empty());
}

#[test]
fn take_counts_down_and_leaves_the_rest() {
    let mut mock = Mock::new();
    mock.data(b"ab").pending().data(b"cdef");
    let mut take = (&mut mock).take(3);
    let mut vec = Vec::new();
    assert_eq!(finish(take.read_to_end(&mut vec)).unwrap(), 3);
    assert_eq!((&vec[..], take.limit()), (&b"abc"[..], 0));
    take.set_limit(1);
    assert_eq!(finish(take.read_u8()).unwrap(), b'd');
    assert_eq!(finish(mock.read_u8()).unwrap(), b'e');

    let mut take = BufReader::new(&b"xyz"[..]).take(2);
    use crate::io::AsyncBufReadExt;
    assert_eq!(finish(take.fill_buf()).unwrap(), b"xy");
    take.consume(1);
    assert_eq!(finish(take.fill_buf()).unwrap(), b"y");
    take.consume(5);
    assert_eq!((take.limit(), finish(take.fill_buf()).unwrap().len()), (0, 0));
    assert_eq!(take.get_ref().buffer(), b"z", "the limit holds for consume too");
    assert_eq!(u64::MAX, (&b""[..]).take(u64::MAX).limit());
}

#[test]
fn futures_are_send_where_the_stream_is() {
    fn is_send<T: Send>(_: &T) {}
    let mut mock = Mock::new();
    is_send(&mock.read(&mut [0; 1]));
    is_send(&mock.read_u64());
    is_send(&mock.read_to_end(&mut Vec::new()));
    is_send(&mock.write_all(b""));
    let stream: &mut (dyn crate::io::AsyncRead + Send + Unpin) = &mut mock;
    is_send(&stream.read_exact(&mut [0; 1]));
    is_send(&crate::io::copy(&mut Mock::new(), &mut Mock::new()));
}

/// What moves bytes until it is done does not end with an interruption; what makes one call does.
#[test]
fn interruptions_are_asked_again() {
    let interrupted = |bytes: &[u8]| {
        let mut mock = Mock::new();
        mock.read_error(ErrorKind::Interrupted);
        for byte in bytes {
            mock.data(std::slice::from_ref(byte)).read_error(ErrorKind::Interrupted);
        }
        mock
    };
    assert_eq!(finish(interrupted(b"\x01\x02").read_u16()).unwrap(), 0x0102);
    let mut text = String::new();
    assert_eq!(finish(interrupted(b"abc").read_to_string(&mut text)).unwrap(), 3);
    let mut reader = BufReader::new(interrupted(b"ab\nc"));
    text.clear();
    assert_eq!(finish(reader.read_line(&mut text)).unwrap(), 3);
    assert_eq!(text, "ab\n");
    let mut to = Vec::new();
    assert_eq!(finish(crate::io::copy(&mut interrupted(b"abc"), &mut to)).unwrap(), 3);
    assert_eq!(to, b"abc");
    let error = finish(interrupted(b"").read(&mut [0])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
}
