//! Frames over sockets.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use kit::Outcome;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_util::codec::LinesCodecError;
use tokio_util::codec::{
    BytesCodec, Framed, FramedRead, FramedWrite, LengthDelimitedCodec, LinesCodec,
};
use tokio_util::udp::UdpFramed;

async fn pair() -> Outcome<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (client, server) =
        tokio::try_join!(TcpStream::connect(listener.local_addr()?), listener.accept())?;
    Ok((client, server.0))
}

/// An echo of lines; one that is too long is an error.
pub async fn lines() -> Outcome {
    let (client, server) = pair().await?;
    let echo = tokio::spawn(async move {
        let mut lines = Framed::new(server, LinesCodec::new_with_max_length(20));
        while let Some(line) = lines.next().await {
            match line {
                Ok(line) => lines.send(line).await?,
                Err(LinesCodecError::MaxLineLengthExceeded) => return Outcome::Ok(true),
                Err(other) => return Err(other.into()),
            }
        }
        Ok(false)
    });
    let mut lines = Framed::new(client, LinesCodec::new());
    for n in 0..200 {
        lines.send(format!("line {n}")).await?;
        assert_eq!(lines.next().await.ok_or("no line")??, format!("line {n}"));
    }
    lines.send("a line of more than twenty bytes").await?;
    assert!(echo.await??, "the long line was accepted");
    kit::ok("codec: lines, and one that is too long");
    Ok(())
}

/// Frames by length, from empty to a mebibyte, written without waiting for the reader.
pub async fn lengths() -> Outcome {
    let (client, server) = pair().await?;
    let sizes = || (0..20).map(|n| (1usize << n) - 1).chain([1 << 20]);
    let writer = tokio::spawn(async move {
        let mut frames = FramedWrite::new(client, LengthDelimitedCodec::new());
        for size in sizes() {
            frames.feed(Bytes::from(kit::pattern(size))).await?;
        }
        Outcome::Ok(SinkExt::<Bytes>::close(&mut frames).await?)
    });
    let mut frames = FramedRead::new(server, LengthDelimitedCodec::new());
    for size in sizes() {
        let frame = frames.next().await.ok_or("no frame")??;
        assert!(frame == kit::pattern(size), "the frame of {size} bytes differs");
    }
    assert!(frames.next().await.is_none());
    writer.await??;
    kit::ok("codec: frames to 1 MiB");
    Ok(())
}

pub async fn datagrams() -> Outcome {
    let mut left = UdpFramed::new(UdpSocket::bind("127.0.0.1:0").await?, BytesCodec::new());
    let mut right = UdpFramed::new(UdpSocket::bind("127.0.0.1:0").await?, BytesCodec::new());
    let (from, to) = (left.get_ref().local_addr()?, right.get_ref().local_addr()?);
    for n in 0..50 {
        left.send((Bytes::from(format!("datagram {n}")), to)).await?;
        let (datagram, sender) = right.next().await.ok_or("no datagram")??;
        assert_eq!((&datagram[..], sender), (format!("datagram {n}").as_bytes(), from));
    }
    kit::ok("codec: datagrams");
    Ok(())
}
