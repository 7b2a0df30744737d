//! Bridges between readers, streams and blocking code.

use std::io::{Read, Write};

use bytes::Bytes;
use futures_util::{stream, StreamExt};
use kit::Outcome;
use tokio::io::AsyncReadExt;
use tokio_util::io::{ReaderStream, StreamReader, SyncIoBridge};

pub async fn bridges() -> Outcome {
    let pieces = stream::iter(0..100).then(|_| async {
        tokio::task::yield_now().await;
        std::io::Result::Ok(Bytes::from(kit::pattern(1000)))
    });
    let mut reader = StreamReader::new(Box::pin(pieces));
    let mut text = Vec::new();
    reader.read_to_end(&mut text).await?;
    assert!(text == kit::pattern(1000).repeat(100), "what was read differs");

    let mut back = ReaderStream::new(&text[..]);
    let mut length = 0;
    while let Some(piece) = back.next().await {
        length += piece?.len();
    }
    assert_eq!(length, text.len());
    kit::ok("io: a stream as reader, a reader as stream");
    Ok(())
}

/// std's traits, on threads for blocking code, over a pipe that holds less than what is written.
pub async fn sync_bridge() -> Outcome {
    let (left, right) = tokio::io::duplex(1000);
    let (mut writer, mut reader) = (SyncIoBridge::new(left), SyncIoBridge::new(right));
    let write = tokio::task::spawn_blocking(move || {
        writer.write_all(&kit::pattern(100_000))?;
        writer.shutdown()
    });
    let read = tokio::task::spawn_blocking(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).map(|_| all)
    });
    write.await??;
    assert!(read.await?? == kit::pattern(100_000), "what was read differs");
    kit::ok("io: blocking reads and writes of a pipe");
    Ok(())
}
