//! tokio-stream: receivers and listeners as streams, combinators with timers.

use std::time::Duration;

use kit::Outcome;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_stream::wrappers::{
    BroadcastStream, IntervalStream, LinesStream, ReceiverStream, TcpListenerStream, WatchStream,
};
use tokio_stream::{StreamExt, StreamMap};

pub async fn wrappers() -> Outcome {
    let (sender, receiver) = broadcast::channel(4);
    for n in 0..6 {
        sender.send(n)?;
    }
    drop(sender);
    let heard: Vec<_> = BroadcastStream::new(receiver).collect().await;
    assert_eq!(heard, [Err(BroadcastStreamRecvError::Lagged(2)), Ok(2), Ok(3), Ok(4), Ok(5)]);

    let (sender, receiver) = watch::channel(0);
    let mut seen = WatchStream::new(receiver);
    assert_eq!(seen.next().await, Some(0));
    sender.send(7)?;
    assert_eq!(seen.next().await, Some(7));
    drop(sender);
    assert_eq!(seen.next().await, None);

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let clients = tokio::spawn(async move {
        for n in 0..5 {
            TcpStream::connect(address)
                .await?
                .write_all(format!("{n}a\n{n}b\n").as_bytes())
                .await?;
        }
        Outcome::Ok(())
    });
    let mut all = Vec::new();
    let mut incoming = TcpListenerStream::new(listener).take(5);
    while let Some(stream) = incoming.next().await {
        let reader = tokio::io::BufReader::new(stream?);
        let lines = LinesStream::new(tokio::io::AsyncBufReadExt::lines(reader));
        all.extend(lines.collect::<std::io::Result<Vec<String>>>().await?);
    }
    clients.await??;
    assert_eq!(all.len(), 10);
    assert_eq!(all[8..], ["4a", "4b"]);
    kit::ok("streams: broadcast, watch, listener, lines");
    Ok(())
}

/// Many channels as one stream, fed by as many tasks.
pub async fn map() -> Outcome {
    let mut map = StreamMap::new();
    for key in 0..10 {
        let (sender, receiver) = mpsc::channel(1);
        map.insert(key, ReceiverStream::new(receiver));
        tokio::spawn(async move {
            for n in 0..100 {
                if sender.send(n).await.is_err() {
                    return;
                }
            }
        });
    }
    let mut next = [0; 10];
    while let Some((key, n)) = map.next().await {
        assert_eq!(n, next[key], "channel {key} is out of order");
        next[key] += 1;
    }
    assert_eq!(next, [100; 10]);
    kit::ok("streams: ten channels in a StreamMap");
    Ok(())
}

pub async fn times() -> Outcome {
    let start = Instant::now();
    let ticks = IntervalStream::new(tokio::time::interval(Duration::from_millis(10))).take(10);
    assert_eq!(ticks.fold(0, |n, _| n + 1).await, 10);
    assert!(start.elapsed() >= Duration::from_millis(90));

    let start = Instant::now();
    let slow = tokio_stream::iter(0..5).throttle(Duration::from_millis(20));
    assert_eq!(slow.collect::<Vec<_>>().await, [0, 1, 2, 3, 4]);
    assert!(start.elapsed() >= Duration::from_millis(80));

    let (sender, receiver) = mpsc::channel(10);
    let mut quiet = Box::pin(ReceiverStream::new(receiver).timeout(Duration::from_millis(50)));
    sender.send(1).await?;
    assert_eq!(quiet.next().await.ok_or("ended")??, 1);
    assert!(quiet.next().await.ok_or("ended")?.is_err(), "no time-out");
    sender.send(2).await?;
    assert_eq!(quiet.next().await.ok_or("ended")??, 2);
    drop(sender);
    assert!(quiet.next().await.is_none());

    let many = tokio_stream::iter(0..1000);
    let chunks: Vec<Vec<i32>> = many.chunks_timeout(300, Duration::from_secs(20)).collect().await;
    assert_eq!(chunks.iter().map(Vec::len).collect::<Vec<_>>(), [300, 300, 300, 100]);
    kit::ok("streams: interval, throttle, timeout, chunks_timeout");
    Ok(())
}
