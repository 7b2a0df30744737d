//! A server that sends back what it is sent.
//!
//! Try it:
//!
//! ```text
//! cargo run --example tcp_echo
//! cargo run --example tcp_echo -- 0.0.0.0:4000
//! ```
//!
//! and in another terminal:
//!
//! ```text
//! nc 127.0.0.1 7000
//! ```
//!
//! Each connection is a G: one G reads and writes in turn, and as long as it waits it costs no thread.

use std::io;
use std::time::Duration;

use gmp::net::{TcpListener, TcpStream};
use gmp::time::sleep;

#[gmp::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let listener = TcpListener::bind(&address).await?;
    println!("echoing on {}", listener.local_addr()?);

    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                gmp::spawn(async move {
                    match echo(stream).await {
                        Ok(bytes) => println!("{peer}: {bytes} bytes"),
                        Err(error) => println!("{peer}: {error}"),
                    }
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: those who are served will give some back.
                eprintln!("accept: {error}");
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Copies the stream to itself until the peer has no more to say.
async fn echo(mut stream: TcpStream) -> io::Result<u64> {
    let (mut reader, mut writer) = stream.split();
    gmp::io::copy(&mut reader, &mut writer).await
}
