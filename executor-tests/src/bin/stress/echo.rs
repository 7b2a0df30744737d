//! Echo over TCP, with clients that half-close, vanish in the middle, or reset the connection.

use std::io;
use std::net::SocketAddr;

use gmp::io::{AsyncReadExt, AsyncWriteExt};
use gmp::net::{TcpListener, TcpStream};

use super::case::Case;
use super::rand::Rand;
use super::tally::{broken, progress};

async fn serve(mut stream: TcpStream) {
    let mut buffer = vec![0; 4096];
    // Errors are what the clients are here to cause.
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

async fn client(addr: SocketAddr, mut rand: Rand) -> io::Result<()> {
    let stream = TcpStream::connect(addr).await?;
    let mut sent = vec![0; 1 + rand.below(20_000)];
    for byte in &mut sent {
        *byte = rand.next() as u8;
    }
    let manner = rand.below(8);
    let (mut reader, mut writer) = stream.into_split();
    let writing = gmp::spawn({
        let sent = sent.clone();
        async move {
            for chunk in sent.chunks(1024) {
                writer.write_all(chunk).await?;
                if manner == 0 && chunk[0] % 4 == 0 {
                    // Vanish: what is on its way may arrive or not.
                    return Ok(None);
                }
            }
            if manner != 1 {
                writer.shutdown().await?;
            }
            Ok::<_, io::Error>(Some(writer))
        }
    });
    let mut back = vec![0; sent.len()];
    match manner {
        0 => {
            let _vanished = writing.await.expect("the writer ends")?;
        }
        1 => {
            // Reset: close with unread data.
            reader.read_exact(&mut back[..1]).await?;
            drop(reader);
            let _reset = writing.await.expect("the writer ends");
        }
        _ => {
            reader.read_exact(&mut back).await?;
            let rest = reader.read(&mut [0]).await?;
            if back != sent || rest != 0 {
                broken("the echo is not what was sent");
            }
            writing.await.expect("the writer ends")?;
        }
    }
    progress();
    Ok(())
}

pub(crate) fn run(case: &Case) {
    let mut rand = case.rand();
    let runtime = case.runtime();
    let tally = case.tally.clone();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let addr = listener.local_addr().expect("an address");
    let server = runtime.spawn(tally.watch({
        let tally = tally.clone();
        async move {
            loop {
                let (stream, _) = listener.accept().await.expect("accept");
                gmp::spawn(tally.watch(serve(stream)));
            }
        }
    }));
    for _ in 0..case.scale(30).div_ceil(10) {
        let clients: Vec<_> = (0..40)
            .map(|_| {
                let rand = rand.fork();
                runtime.spawn(tally.watch(client(addr, rand)))
            })
            .collect();
        runtime.block_on(async {
            for client in clients {
                // Who is polite must be served; the others may see an error.
                let _manners = tally.join(client).await;
            }
        });
    }
    server.abort();
    // Connections that are still open go down with the runtime.
    drop(runtime);
}
