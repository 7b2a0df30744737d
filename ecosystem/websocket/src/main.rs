//! tokio-tungstenite on both ends: echoes of all sizes, and a room where all hear each other.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use kit::Outcome;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, Barrier};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{accept_async, connect_async};

#[tokio::main]
async fn main() -> Outcome {
    kit::within(60, async {
        echoes().await?;
        room().await
    })
    .await
}

async fn echo(stream: TcpStream) -> Outcome<Option<CloseFrame>> {
    let mut socket = accept_async(stream).await?;
    let mut reason = None;
    // The end comes after the answer to the close is out.
    while let Some(message) = socket.next().await {
        match message? {
            Message::Close(frame) => reason = frame,
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message).await?,
            _ => {} // pings are answered by the crate
        }
    }
    Ok(reason)
}

async fn echoes() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/", listener.local_addr()?);
    let server = tokio::spawn(async move { echo(listener.accept().await?.0).await });

    let (mut socket, _) = connect_async(&url).await?;
    for size in [0, 1, 125, 126, 65_535, 65_536, 2 << 20] {
        let bytes = Bytes::from(kit::pattern(size));
        socket.send(Message::Binary(bytes.clone())).await?;
        let echo = socket.next().await.ok_or("the socket ended")??;
        assert!(echo.into_data() == bytes, "the echo of {size} bytes differs");
    }
    socket.send(Message::Ping(Bytes::from_static(b"there?"))).await?;
    assert_eq!(
        socket.next().await.ok_or("the socket ended")??,
        Message::Pong(Bytes::from_static(b"there?"))
    );
    let reason = CloseFrame { code: CloseCode::Normal, reason: "enough".into() };
    socket.close(Some(reason.clone())).await?;
    assert!(socket.next().await.ok_or("no answer to the close")??.is_close());
    assert!(socket.next().await.is_none());
    assert_eq!(server.await??, Some(reason));
    kit::ok("echoes to 2 MiB, ping and pong, a close with its reason");
    Ok(())
}

const GUESTS: usize = 20;
const SAYINGS: usize = 10;

/// What a guest says reaches each of the others, in the order in which it was said.
async fn room() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (everybody, _) = broadcast::channel(GUESTS * SAYINGS);
    let server = tokio::spawn(async move {
        let mut seats = JoinSet::new();
        for _ in 0..GUESTS {
            // The subscription comes before the hand-shake: who is in hears all.
            let (stream, heard) = (listener.accept().await?.0, everybody.subscribe());
            seats.spawn(seat(stream, everybody.clone(), heard));
        }
        while let Some(end) = seats.join_next().await {
            end??;
        }
        Outcome::Ok(())
    });

    let all_in = Arc::new(Barrier::new(GUESTS));
    let mut guests = JoinSet::new();
    for name in 0..GUESTS {
        guests.spawn(guest(name, address, all_in.clone()));
    }
    while let Some(end) = guests.join_next().await {
        end??;
    }
    server.await??;
    kit::ok(format_args!("a room of {GUESTS}: {} messages heard", GUESTS * GUESTS * SAYINGS));
    Ok(())
}

async fn seat(
    stream: TcpStream,
    everybody: broadcast::Sender<Message>,
    mut heard: broadcast::Receiver<Message>,
) -> Outcome {
    let mut socket = accept_async(stream).await?;
    loop {
        tokio::select! {
            said = heard.recv() => socket.send(said?).await?,
            message = socket.next() => match message {
                Some(Ok(Message::Close(_))) => {}
                Some(message) => drop(everybody.send(message?)?),
                None => return Ok(()),
            },
        }
    }
}

async fn guest(name: usize, address: SocketAddr, all_in: Arc<Barrier>) -> Outcome {
    let (socket, _) = connect_async(format!("ws://{address}/")).await?;
    let (mut say, mut hear) = socket.split();
    all_in.wait().await;
    let talk = tokio::spawn(async move {
        for n in 0..SAYINGS {
            say.send(Message::text(format!("{name} {n}"))).await?;
        }
        Outcome::Ok(say)
    });
    let mut next = [0; GUESTS];
    for _ in 0..GUESTS * SAYINGS {
        let message = hear.next().await.ok_or("the room is closed")??;
        let (who, what) = message.to_text()?.split_once(' ').ok_or("not a saying")?;
        let who: usize = who.parse()?;
        assert_eq!(what.parse::<usize>()?, next[who], "{who} is heard out of order");
        next[who] += 1;
    }
    // Nobody leaves before all have heard all: the server ends a seat when its guest leaves.
    all_in.wait().await;
    talk.await??.send(Message::Close(None)).await?;
    while let Some(Ok(rest)) = hear.next().await {
        assert!(rest.is_close());
    }
    Ok(())
}
