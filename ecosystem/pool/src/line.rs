//! What is pooled: a connection to a server that answers each byte with its successor.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone)]
pub struct Server {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

impl Server {
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let server = Self { address: listener.local_addr()?, accepted: Arc::default() };
        let accepted = server.accepted.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream));
            }
        });
        Ok(server)
    }

    /// Connections so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    pub async fn connect(&self) -> io::Result<Line> {
        Ok(Line { stream: TcpStream::connect(self.address).await?, ended: false })
    }
}

/// Byte 255 ends the connection.
async fn serve(mut stream: TcpStream) -> io::Result<()> {
    loop {
        match stream.read_u8().await? {
            255 => return Ok(()),
            n => stream.write_u8(n + 1).await?,
        }
    }
}

pub struct Line {
    stream: TcpStream,
    pub ended: bool,
}

impl Line {
    pub async fn ask(&mut self, n: u8) -> io::Result<u8> {
        self.stream.write_u8(n).await?;
        let answer = self.stream.read_u8().await;
        self.ended = answer.is_err();
        answer
    }
}
