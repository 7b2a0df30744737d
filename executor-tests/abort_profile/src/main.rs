//! Some of everything, in a program that is built with `panic = "abort"`.
//!
//! ```text
//! CARGO_PROFILE_RELEASE_PANIC=abort cargo run --release -p gmp-abort-profile --target-dir target/abort [panic]
//! ```
//!
//! With the argument `panic` a task panics, which must end the process there.

use std::time::Duration;

use gmp::io::{AsyncReadExt, AsyncWriteExt};
use gmp::net::{TcpListener, TcpStream};
use gmp::sync::mpsc;
use gmp::task::{spawn_blocking, JoinSet};

async fn echo() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let server = gmp::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut bytes = [0; 5];
        stream.read_exact(&mut bytes).await?;
        stream.write_all(&bytes).await
    });
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(b"hello").await?;
    let mut back = [0; 5];
    stream.read_exact(&mut back).await?;
    assert_eq!(&back, b"hello");
    server.await.expect("the server ends")
}

#[gmp::main]
async fn main() {
    if std::env::args().any(|arg| arg == "panic") {
        let task = gmp::spawn(async { panic!("it ends here") });
        let answer: Result<(), _> = task.await;
        println!("not reached: {answer:?}");
        return;
    }
    let (tx, mut rx) = mpsc::channel(4);
    let mut set = JoinSet::new();
    for n in 0..100_u64 {
        let tx = tx.clone();
        set.spawn(async move {
            gmp::time::sleep(Duration::from_millis(n % 7)).await;
            tx.send(n).await.expect("the receiver lives");
        });
    }
    drop(tx);
    let mut sum = 0;
    while let Some(n) = rx.recv().await {
        sum += n;
    }
    assert_eq!(sum, 4950);
    while let Some(ended) = set.join_next().await {
        ended.expect("no panic, no abort");
    }
    let aborted = gmp::spawn(std::future::pending::<()>());
    aborted.abort();
    assert!(aborted.await.expect_err("it never ends by itself").is_cancelled());
    assert_eq!(spawn_blocking(|| 7).await.expect("a closure"), 7);
    echo().await.expect("an echo over the loopback");
    println!("all of it works");
}
