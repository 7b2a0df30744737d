use std::io::ErrorKind;
use std::task::{Context, Poll};

use super::rt::*;
use crate::io::{Interest, ReadBuf};
use crate::net::UdpSocket;

#[test]
fn datagrams_both_ways() {
    Rt::new().block_on(async {
        let a = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let b = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (at, bt) = (a.local_addr().unwrap(), b.local_addr().unwrap());
        let mut buf = [0; 16];
        assert_eq!(a.send_to(b"one", bt).await.unwrap(), 3);
        assert_eq!(b.peek_sender().await.unwrap(), at);
        assert_eq!(b.peek_from(&mut buf).await.unwrap(), (3, at));
        assert_eq!(b.recv_from(&mut buf).await.unwrap(), (3, at));
        assert_eq!(&buf[..3], b"one");
        a.connect(bt).await.unwrap();
        b.connect(at).await.unwrap();
        assert_eq!(a.peer_addr().unwrap(), bt);
        assert_eq!(b.send(b"three").await.unwrap(), 5);
        assert_eq!(a.peek(&mut buf).await.unwrap(), 5);
        assert_eq!(a.recv(&mut buf[..2]).await.unwrap(), 2, "the rest is cut off");
        assert_eq!(a.try_recv(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        let none: &[std::net::SocketAddr] = &[];
        let error = a.send_to(b"x", none).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "no addresses to send data to");
    });
}

/// An ICMP answer is an error without anything to read.
#[test]
fn a_closed_port_ends_a_receive() {
    Rt::new().block_on(async {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(closed.local_addr().unwrap()).await.unwrap();
        drop(closed);
        for _ in 0..2 {
            socket.send(b"anybody there?").await.unwrap();
            let error = socket.recv(&mut [0; 4]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        }
    });
}

#[test]
fn poll_and_try_forms() {
    let rt = Rt::new();
    rt.block_on(async {
        let a = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let b = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (at, bt) = (a.local_addr().unwrap(), b.local_addr().unwrap());
        let mut space = [0; 16];
        let mut buf = ReadBuf::new(&mut space);
        a.writable().await.unwrap();
        assert_eq!(a.try_send_to(b"1", bt).unwrap(), 1);
        let from = std::future::poll_fn(|cx| b.poll_recv_from(cx, &mut buf)).await.unwrap();
        assert_eq!((from, buf.filled()), (at, &b"1"[..]));
        assert_eq!(std::future::poll_fn(|cx| a.poll_send_to(cx, b"22", bt)).await.unwrap(), 2);
        b.readable().await.unwrap();
        let mut into = bytes::BytesMut::with_capacity(8);
        assert_eq!(b.try_recv_buf_from(&mut into).unwrap(), (2, at));
        assert_eq!(&into[..], b"22");
        a.send_to(b"333", bt).await.unwrap();
        assert_eq!(b.recv_buf(&mut into).await.unwrap(), 3);
        assert_eq!(&into[..], b"22333");
        a.connect(bt).await.unwrap();
        assert_eq!(a.try_send(b"4").unwrap(), 1);
        b.ready(Interest::READABLE).await.unwrap();
        assert_eq!(b.try_peek_sender().unwrap(), at);
        assert_eq!(b.try_recv_from(&mut [0; 4]).unwrap(), (1, at));
        let std = b.into_std().unwrap();
        assert_eq!(UdpSocket::from_std(std).unwrap().local_addr().unwrap(), bt);
    });
    assert_eq!(rt.sources(), 0);
}

#[test]
fn two_tasks_receive() {
    let rt = Rt::new();
    rt.block_on(async {
        let a = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let to = a.local_addr().unwrap();
        let (mut x, mut y) = ([0; 1], [0; 1]);
        let mut both = Box::pin(join(a.recv(&mut x), a.recv(&mut y)));
        let b = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        std::future::poll_fn(|cx: &mut Context<'_>| {
            assert!(std::future::Future::poll(both.as_mut(), cx).is_pending());
            Poll::Ready(())
        })
        .await;
        b.send_to(b"1", to).await.unwrap();
        b.send_to(b"2", to).await.unwrap();
        let (one, two) = both.as_mut().await;
        drop(both);
        assert_eq!((one.unwrap(), two.unwrap()), (1, 1));
        let mut got = [x[0], y[0]];
        got.sort();
        assert_eq!(&got, b"12");
    });
}

#[test]
fn options() {
    Rt::new().block_on(async {
        let a = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        a.set_broadcast(true).unwrap();
        assert!(a.broadcast().unwrap());
        a.set_ttl(9).unwrap();
        assert_eq!(a.ttl().unwrap(), 9);
        a.set_multicast_ttl_v4(3).unwrap();
        assert_eq!(a.multicast_ttl_v4().unwrap(), 3);
        assert!(a.take_error().unwrap().is_none());
    });
}
