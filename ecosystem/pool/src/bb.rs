//! bb8.

use std::io;
use std::time::Duration;

use bb8::{ManageConnection, Pool, RunError};
use kit::Outcome;
use tokio::task::JoinSet;

use crate::line::{Line, Server};

struct Lines(Server);

impl ManageConnection for Lines {
    type Connection = Line;
    type Error = io::Error;

    async fn connect(&self) -> io::Result<Line> {
        self.0.connect().await
    }

    async fn is_valid(&self, line: &mut Line) -> io::Result<()> {
        assert_eq!(line.ask(7).await?, 8);
        Ok(())
    }

    fn has_broken(&self, line: &mut Line) -> bool {
        line.ended
    }
}

/// Many tasks share three connections; one that ends is replaced.
pub async fn share(server: &Server) -> Outcome {
    let before = server.accepted();
    let pool = Pool::builder().max_size(3).build(Lines(server.clone())).await?;
    let mut tasks = JoinSet::new();
    for n in 0..100u8 {
        let pool = pool.clone();
        tasks.spawn(async move {
            let mut line = pool.get().await?;
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
    kit::ok("bb8: 100 tasks on three connections");
    Ok(())
}

/// Who waits for too long gets an error; the reaper ends what is idle.
pub async fn waits(server: &Server) -> Outcome {
    let pool = Pool::builder()
        .max_size(1)
        .connection_timeout(Duration::from_millis(50))
        .idle_timeout(Duration::from_millis(50))
        .reaper_rate(Duration::from_millis(20))
        .build(Lines(server.clone()))
        .await?;
    // To connect has no more time than to wait, so that it may take several attempts.
    let held = loop {
        match pool.get().await {
            Err(RunError::TimedOut) => {}
            other => break other?,
        }
    };
    let late = pool.get().await.err().ok_or("a second connection of one")?;
    assert!(matches!(late, RunError::TimedOut), "{late}");
    drop(held);
    while pool.state().connections > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    kit::ok("bb8: a time-out, and what is idle is ended");
    Ok(())
}
