//! Lanes that meet the system: sockets, files, children.

use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use gmp::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use gmp::net::{TcpListener, TcpStream, UdpSocket};

use super::rand::Rand;
use super::tally::broken;
use super::world::{Boxed, World};

fn some_bytes(rand: &mut Rand, most: usize) -> Vec<u8> {
    (0..1 + rand.below(most)).map(|_| rand.next() as u8).collect()
}

async fn echo(mut stream: TcpStream) {
    let mut buffer = vec![0; 4096];
    // A client may vanish.
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        if stream.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}

async fn client(addr: std::net::SocketAddr, bytes: Vec<u8>, vanish: bool) -> io::Result<()> {
    let stream = TcpStream::connect(addr).await?;
    let (mut reader, mut writer) = stream.into_split();
    let sent = bytes.clone();
    let writing = gmp::spawn(async move {
        for chunk in sent.chunks(1500) {
            writer.write_all(chunk).await?;
        }
        writer.shutdown().await
    });
    if vanish {
        writing.abort();
        return Ok(());
    }
    let mut back = Vec::new();
    reader.read_to_end(&mut back).await?;
    if back != bytes {
        broken("the echo is not what was sent");
    }
    writing.await.expect("the writer ends")
}

/// A server for a moment: clients that get their echo, and some that vanish; and datagrams.
pub(crate) fn sockets(world: Arc<World>, mut rand: Rand) -> Boxed<()> {
    Box::pin(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let server = gmp::spawn(world.tally.watch({
            let world = world.clone();
            async move {
                loop {
                    let (stream, _) = listener.accept().await.expect("accept");
                    gmp::spawn(world.tally.watch(echo(stream)));
                }
            }
        }));
        let clients: Vec<_> = (0..16)
            .map(|_| {
                let (bytes, vanish) = (some_bytes(&mut rand, 20_000), rand.one_in(8));
                let task = world.tally.watch(client(addr, bytes, vanish));
                (vanish, gmp::spawn(task))
            })
            .collect();
        datagrams(&mut rand).await.expect("datagrams on the loopback");
        for (vanish, client) in clients {
            match world.tally.join(client).await {
                Some(Ok(())) => {}
                _ if vanish => {}
                answer => broken(&format!("a client ended in {answer:?}")),
            }
        }
        server.abort();
        let _cancelled = world.tally.join(server).await;
        gmp::time::sleep(Duration::from_millis(20)).await;
    })
}

async fn datagrams(rand: &mut Rand) -> io::Result<()> {
    let (a, b) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
    let (to_a, to_b) = (a.local_addr()?, b.local_addr()?);
    for _ in 0..8 {
        let bytes = some_bytes(rand, 1000);
        let mut buffer = [0; 1000];
        a.send_to(&bytes, to_b).await?;
        let (n, from) = b.recv_from(&mut buffer).await?;
        b.send_to(&buffer[..n], from).await?;
        let (n, from) = a.recv_from(&mut buffer).await?;
        if buffer[..n] != bytes || from != to_b || to_a == to_b {
            broken("a datagram is not what was sent");
        }
    }
    Ok(())
}

/// A file written, read in pieces, and gone.
pub(crate) fn files(_: Arc<World>, mut rand: Rand) -> Boxed<()> {
    Box::pin(async move {
        let name = format!("gmp-soak-{}-{:x}", std::process::id(), rand.next());
        let path = std::env::temp_dir().join(name);
        let bytes = some_bytes(&mut rand, 50_000);
        let round = async {
            let mut file = gmp::fs::File::create(&path).await?;
            for chunk in bytes.chunks(1 + rand.below(8192)) {
                file.write_all(chunk).await?;
            }
            file.flush().await?;
            drop(file);
            let all = gmp::fs::read(&path).await?;
            let mut file = gmp::fs::File::open(&path).await?;
            let from = rand.below(bytes.len());
            file.seek(io::SeekFrom::Start(from as u64)).await?;
            let mut part = Vec::new();
            file.read_to_end(&mut part).await?;
            if all != bytes || part != bytes[from..] {
                broken("a file is not what was written");
            }
            gmp::fs::remove_file(&path).await
        };
        if let Err(error) = round.await {
            broken(&format!("files: {error}"));
        }
        gmp::time::sleep(Duration::from_millis(10)).await;
    })
}

/// Children: few, since each costs milliseconds.
pub(crate) fn children(_: Arc<World>, mut rand: Rand) -> Boxed<()> {
    Box::pin(async move {
        gmp::time::sleep(Duration::from_millis(250)).await;
        if cfg!(not(unix)) {
            return;
        }
        let bytes = some_bytes(&mut rand, 100_000);
        let answer = match rand.below(3) {
            0 => killed().await,
            1 => gmp::process::Command::new("true").status().await.map(|status| status.success()),
            _ => echoed(&bytes).await,
        };
        match answer {
            Ok(true) => {}
            wrong => broken(&format!("a child: {wrong:?}")),
        }
    })
}

async fn killed() -> io::Result<bool> {
    let mut child = gmp::process::Command::new("sleep").arg("3600").kill_on_drop(true).spawn()?;
    child.start_kill()?;
    Ok(!child.wait().await?.success())
}

async fn echoed(bytes: &[u8]) -> io::Result<bool> {
    let mut child =
        gmp::process::Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (mut stdin, mut stdout) = stdin.zip(stdout).expect("they are piped");
    let mut back = Vec::new();
    let write = async {
        stdin.write_all(bytes).await?;
        drop(stdin);
        io::Result::Ok(())
    };
    gmp::try_join!(write, stdout.read_to_end(&mut back))?;
    Ok(child.wait().await?.success() && back == bytes)
}
