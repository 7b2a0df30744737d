//! deadpool.

use std::io;
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, Pool, PoolError, RecycleResult, TimeoutType};
use deadpool::Runtime;
use kit::Outcome;
use tokio::task::JoinSet;

use crate::line::{Line, Server};

struct Lines(Server);

impl Manager for Lines {
    type Type = Line;
    type Error = io::Error;

    async fn create(&self) -> io::Result<Line> {
        self.0.connect().await
    }

    async fn recycle(&self, line: &mut Line, _: &Metrics) -> RecycleResult<io::Error> {
        if line.ended {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
        }
        assert_eq!(line.ask(7).await?, 8);
        Ok(())
    }
}

/// Many tasks share three connections; one that ends is replaced.
pub async fn share(server: &Server) -> Outcome {
    let before = server.accepted();
    let pool = Pool::<Lines>::builder(Lines(server.clone())).max_size(3).build()?;
    let mut tasks = JoinSet::new();
    for n in 0..100u8 {
        let pool = pool.clone();
        tasks.spawn(async move {
            let mut line = pool.get().await.map_err(|e| e.to_string())?;
            Outcome::Ok((n, line.ask(n).await?))
        });
    }
    while let Some(answer) = tasks.join_next().await {
        let (n, answer) = answer??;
        assert_eq!(answer, n + 1);
    }
    assert!(server.accepted() - before <= 3, "{} connections", server.accepted() - before);
    assert!(pool.get().await?.ask(255).await.is_err());
    for _ in 0..3 {
        assert_eq!(pool.get().await?.ask(1).await?, 2);
    }
    kit::ok("deadpool: 100 tasks on three connections");
    Ok(())
}

/// Who waits for too long gets an error, who waits long enough a connection.
pub async fn waits(server: &Server) -> Outcome {
    let pool = Pool::<Lines>::builder(Lines(server.clone()))
        .max_size(1)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(Duration::from_millis(50)))
        .build()?;
    let held = pool.get().await?;
    let late = pool.get().await.err().ok_or("a second connection of one")?;
    assert!(matches!(late, PoolError::Timeout(TimeoutType::Wait)), "{late}");
    drop(held);
    assert_eq!(pool.get().await?.ask(1).await?, 2);
    pool.close();
    assert!(matches!(pool.get().await.err(), Some(PoolError::Closed)));
    kit::ok("deadpool: a time-out, a close");
    Ok(())
}
