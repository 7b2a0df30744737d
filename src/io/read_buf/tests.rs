//! `ReadBuf` against a model that keeps the three parts as plain numbers and a `Vec`.

use super::*;
use crate::primitives::fuzz::{fuzz, Choices};
use bytes::BufMut;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// What a `ReadBuf` should be: `None` is a byte that was never written.
struct Model {
    bytes: Vec<Option<u8>>,
    filled: usize,
    initialized: usize,
}

impl Model {
    fn check(&self, buf: &ReadBuf<'_>, what: &str) {
        assert_eq!(buf.capacity(), self.bytes.len(), "{what}: capacity");
        assert_eq!(buf.remaining(), self.bytes.len() - self.filled, "{what}: remaining");
        assert_eq!(buf.initialized().len(), self.initialized, "{what}: initialized");
        let expected: Vec<u8> =
            self.bytes[..self.initialized].iter().map(|byte| byte.expect("initialised")).collect();
        assert_eq!(buf.initialized(), expected, "{what}: content");
        assert_eq!(buf.filled(), &expected[..self.filled], "{what}: filled");
    }

    fn initialize_to(&mut self, end: usize) {
        for byte in &mut self.bytes[self.initialized.min(end)..end] {
            *byte = Some(0);
        }
        self.initialized = self.initialized.max(end);
    }

    fn put(&mut self, bytes: &[u8]) {
        for (place, byte) in self.bytes[self.filled..].iter_mut().zip(bytes) {
            *place = Some(*byte);
        }
        self.filled += bytes.len();
        self.initialized = self.initialized.max(self.filled);
    }
}

fn panics(f: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(f)).is_err()
}

#[test]
fn fuzz_read_buf() {
    fuzz(200, program);
}

/// The parts of a buffer after any calls, legal and not.
pub(crate) fn program(choices: &Choices<'_>) {
    let below = |n: usize| choices.below(n as u32 + 1) as usize;
    let size = below(24);
    let mut plain = vec![7u8; size];
    let mut raw = vec![MaybeUninit::uninit(); size];
    let (mut buf, mut model) = if choices.below(2) == 0 {
        let model = Model { bytes: vec![Some(7); size], filled: 0, initialized: size };
        (ReadBuf::new(&mut plain), model)
    } else {
        let model = Model { bytes: vec![None; size], filled: 0, initialized: 0 };
        (ReadBuf::uninit(&mut raw), model)
    };
    for step in (0..60).take_while(|_| choices.more()) {
        let n = below(size + 2);
        let byte = below(255) as u8;
        let remaining = size - model.filled;
        let op = below(9);
        let what = format!("step {step}, op {op}, n {n}");
        match op {
            0 => {
                let bytes = vec![byte; n];
                assert_eq!(panics(|| buf.put_slice(&bytes)), n > remaining, "{what}");
                if n <= remaining {
                    model.put(&bytes);
                }
            }
            1 => {
                buf.initialize_unfilled().fill(byte);
                model.initialize_to(size);
                model.bytes[model.filled..].fill(Some(byte));
            }
            2 => {
                let failed = panics(|| buf.initialize_unfilled_to(n).fill(byte));
                assert_eq!(failed, n > remaining, "{what}");
                if n <= remaining {
                    model.initialize_to(model.filled + n);
                    model.bytes[model.filled..model.filled + n].fill(Some(byte));
                }
            }
            3 => {
                let legal = model.filled + n <= model.initialized;
                assert_eq!(panics(|| buf.advance(n)), !legal, "{what}");
                if legal {
                    model.filled += n;
                }
            }
            4 => {
                assert_eq!(panics(|| buf.set_filled(n)), n > model.initialized, "{what}");
                if n <= model.initialized {
                    model.filled = n;
                }
            }
            5 => {
                buf.clear();
                model.filled = 0;
            }
            6 => {
                let put = below(n.min(remaining));
                buf.fill_at_most(n, |part| {
                    assert_eq!(part.capacity(), n.min(remaining), "{what}");
                    part.put_slice(&vec![byte; put]);
                });
                model.put(&vec![byte; put]);
            }
            7 => {
                let put = n.min(buf.remaining_mut());
                buf.put_bytes(byte, put);
                model.put(&vec![byte; put]);
            }
            8 => {
                // A part that is never told of changes bytes, but not the parts of the whole.
                let known = model.initialized.saturating_sub(model.filled).min(n).min(remaining);
                let mut part = buf.take(n);
                assert_eq!(part.initialized().len(), known, "{what}");
                part.initialized_mut().fill(byte);
                model.bytes[model.filled..model.filled + known].fill(Some(byte));
            }
            _ => {
                buf.filled_mut().fill(byte);
                model.bytes[..model.filled].fill(Some(byte));
            }
        }
        model.check(&buf, &what);
    }
}

fn message(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("should panic");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast::<&str>().expect("a text").to_string(),
    }
}

#[test]
fn panics_say_what_is_wrong() {
    let mut memory = [MaybeUninit::uninit(); 2];
    let mut buf = ReadBuf::uninit(&mut memory);
    assert_eq!(message(|| buf.advance(1)), "filled must not become larger than initialized");
    assert_eq!(message(|| buf.set_filled(1)), "filled must not become larger than initialized");
    assert_eq!(message(|| buf.initialize_unfilled_to(3).fill(0)), "n overflows remaining");
    assert_eq!(
        message(|| buf.put_slice(&[1, 2, 3])),
        "buf.len() must fit in remaining(); buf.len() = 3, remaining() = 2"
    );
    buf.put_slice(&[1]);
    assert_eq!(message(|| buf.advance(usize::MAX)), "filled overflow");
    assert_eq!(format!("{buf:?}"), "ReadBuf { filled: 1, initialized: 1, capacity: 2 }");
}

/// Puts a buffer of its own in the place of the one it should fill.
struct Cheat;

impl crate::io::AsyncRead for Cheat {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        *buf = ReadBuf::new(&mut []);
        Poll::Ready(Ok(()))
    }
}

#[test]
fn an_exchanged_buffer_is_found_out() {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let text = "the reader exchanged the `ReadBuf` it was to fill";

    let mut vec = Vec::with_capacity(8);
    let got = message(|| drop(poll_read_into(Pin::new(&mut Cheat), &mut cx, &mut vec)));
    assert_eq!(got, text);
    assert!(vec.is_empty());

    let mut growing = Growing::new(&mut vec);
    let got = message(|| drop(growing.poll_read(Pin::new(&mut Cheat), &mut cx, 4)));
    assert_eq!(got, text);
    assert!(vec.is_empty());

    let mut memory = [0; 64];
    let mut buf = ReadBuf::new(&mut memory);
    buf.clear();
    let got = message(|| {
        buf.fill_at_most(64, |part| {
            drop(crate::io::AsyncRead::poll_read(Pin::new(&mut Cheat), &mut cx, part));
        })
    });
    assert_eq!(got, text);
    assert!(buf.filled().is_empty());
}

/// Fills one byte a call, through a plain slice, and notes how many bytes were not initialised.
struct OneByOne {
    zeroed: usize,
}

impl crate::io::AsyncRead for OneByOne {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.zeroed += buf.capacity() - buf.initialized().len();
        buf.initialize_unfilled()[0] = 1;
        buf.advance(1);
        Poll::Ready(Ok(()))
    }
}

#[test]
fn growing_initialises_each_byte_once() {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let mut reader = OneByOne { zeroed: 0 };
    let mut vec = Vec::with_capacity(100);
    let capacity = vec.capacity();
    let mut growing = Growing::new(&mut vec);
    for _ in 0..capacity {
        assert!(growing.poll_read(Pin::new(&mut reader), &mut cx, usize::MAX).is_ready());
    }
    assert_eq!(growing.spare(), 0);
    assert_eq!(reader.zeroed, capacity, "zeroed more than once");
    growing.reserve(1);
    assert!(growing.poll_read(Pin::new(&mut reader), &mut cx, 1).is_ready());
    growing.extend(&[2, 3]);
    assert_eq!(vec.len(), capacity + 3);
    assert!(vec.ends_with(&[1, 1, 2, 3]));
}
