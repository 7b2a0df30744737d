//! What is always ready, or in memory, gives way when the poll budget is spent.

use super::mock::Wakes;
use crate::g::coop;
use crate::io::{
    copy, copy_buf, duplex, empty, repeat, simplex, sink, AsyncBufReadExt, AsyncReadExt,
    AsyncSeekExt, AsyncWriteExt,
};
use std::future::Future;
use std::pin::pin;
use std::task::Context;

/// Polls once inside a budget: an endless loop over something ready must stop, with a wake-up.
fn gives_way(name: &str, endless: impl Future) {
    let (wakes, waker) = Wakes::new();
    let scope = coop::enter(None);
    let poll = pin!(endless).poll(&mut Context::from_waker(&waker));
    drop(scope);
    assert!(poll.is_pending(), "{name} has ended");
    assert!(wakes.count() > 0, "{name} will never be polled again");
}

#[test]
fn everything_that_is_always_ready_gives_way() {
    let mut buf = [0; 8];
    gives_way("repeat", async {
        loop {
            repeat(1).read_exact(&mut buf).await.unwrap();
        }
    });
    gives_way("empty, read", async { while empty().read(&mut [0; 1]).await.unwrap() == 0 {} });
    gives_way("empty, fill_buf", async { while empty().fill_buf().await.unwrap().is_empty() {} });
    gives_way("empty, write", async { while empty().write(b"x").await.unwrap() == 1 {} });
    gives_way("empty, seek", async { while empty().rewind().await.unwrap() == 0 {} });
    gives_way("sink, write", async { while sink().write(b"x").await.unwrap() == 1 {} });
    gives_way("sink, flush", async {
        loop {
            sink().flush().await.unwrap();
        }
    });
    gives_way("read_to_end of repeat", repeat(1).read_to_end(&mut Vec::new()));
}

#[test]
fn pipes_give_way() {
    let (mut a, mut b) = duplex(8);
    gives_way("duplex", async {
        loop {
            a.write_u8(1).await.unwrap();
            b.read_u8().await.unwrap();
        }
    });
    let (mut reader, mut writer) = simplex(8);
    gives_way("simplex", async {
        loop {
            writer.write_u8(1).await.unwrap();
            reader.read_u8().await.unwrap();
        }
    });
}

/// A reader that is always ready and never asks for the budget itself.
struct Greedy;

impl crate::io::AsyncRead for Greedy {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut crate::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        buf.put_slice(b"x");
        std::task::Poll::Ready(Ok(()))
    }
}

impl crate::io::AsyncBufRead for Greedy {
    fn poll_fill_buf(
        self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> std::task::Poll<std::io::Result<&[u8]>> {
        std::task::Poll::Ready(Ok(b"x"))
    }

    fn consume(self: std::pin::Pin<&mut Self>, _: usize) {}
}

#[test]
fn copy_loops_give_way_over_streams_that_do_not() {
    gives_way("copy", copy(&mut Greedy, &mut Vec::new()));
    gives_way("copy_buf", copy_buf(&mut Greedy, &mut Vec::new()));
}

#[test]
fn a_pipe_that_has_nothing_costs_nothing() {
    let (mut a, mut b) = duplex(8);
    let (_, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    let _scope = coop::enter(None);
    for _ in 0..3 * coop::BUDGET {
        assert!(pin!(b.read_u8()).poll(&mut cx).is_pending());
    }
    assert!(coop::has_budget_remaining());
    assert!(pin!(a.write_u8(7)).poll(&mut cx).is_ready());
    assert!(pin!(b.read_u8()).poll(&mut cx).is_ready());
}
