//! sqlx with SQLite: in memory, and in a file that many connections share.

use std::time::Duration;

use futures_util::TryStreamExt;
use kit::Outcome;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};
use sqlx::Row;
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Outcome {
    kit::within(60, async {
        memory().await?;
        let path = std::env::temp_dir().join(format!("gmp-eco-sql-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        let outcome =
            file(SqliteConnectOptions::new().filename(path.join("db")).create_if_missing(true))
                .await;
        std::fs::remove_dir_all(&path)?;
        outcome
    })
    .await
}

/// One connection that tasks wait for in turn.
async fn memory() -> Outcome {
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(20))
        .connect("sqlite::memory:")
        .await?;
    sqlx::query("create table numbers (n integer primary key, square integer not null)")
        .execute(&pool)
        .await?;

    let mut inserts = JoinSet::new();
    for n in 0..200i64 {
        let pool = pool.clone();
        inserts.spawn(async move {
            sqlx::query("insert into numbers values (?, ?)")
                .bind(n)
                .bind(n * n)
                .execute(&pool)
                .await
        });
    }
    while let Some(done) = inserts.join_next().await {
        assert_eq!(done??.rows_affected(), 1);
    }
    assert!(sqlx::query("insert into numbers values (1, 1)").execute(&pool).await.is_err());

    let mut rows = sqlx::query("select n, square from numbers order by n").fetch(&pool);
    let mut next = 0i64;
    while let Some(row) = rows.try_next().await? {
        assert_eq!((row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?), (next, next * next));
        next += 1;
    }
    drop(rows);
    assert_eq!(next, 200);
    kit::ok("in memory: 200 tasks on one connection, rows as a stream");

    let mut undone = pool.begin().await?;
    sqlx::query("delete from numbers").execute(&mut *undone).await?;
    // Dropped without a commit: undone, before anybody else gets the connection.
    drop(undone);
    assert_eq!(count(&pool).await?, 200);
    let mut done = pool.begin().await?;
    sqlx::query("delete from numbers where n >= 150").execute(&mut *done).await?;
    done.commit().await?;
    assert_eq!(count(&pool).await?, 150);
    kit::ok("transactions: one dropped, one committed");

    let hasty =
        SqlitePoolOptions::new().max_connections(1).acquire_timeout(Duration::from_millis(50));
    let hasty = hasty.connect_lazy("sqlite::memory:")?;
    // To connect has no more time than to wait, so that it may take several attempts.
    let held = loop {
        match hasty.acquire().await {
            Err(sqlx::Error::PoolTimedOut) => {}
            other => break other?,
        }
    };
    assert!(matches!(hasty.acquire().await.err(), Some(sqlx::Error::PoolTimedOut)));
    drop(held);
    hasty.close().await;
    pool.close().await;
    kit::ok("the pool's time-out and close");
    Ok(())
}

async fn count(pool: &SqlitePool) -> Outcome<i64> {
    Ok(sqlx::query_scalar("select count(*) from numbers").fetch_one(pool).await?)
}

/// Four connections and more tasks that add to one counter.
async fn file(options: SqliteConnectOptions) -> Outcome {
    let options =
        options.journal_mode(SqliteJournalMode::Wal).busy_timeout(Duration::from_secs(30));
    let pool = SqlitePoolOptions::new().max_connections(4).acquire_timeout(Duration::from_secs(30));
    let pool = pool.connect_with(options).await?;
    sqlx::query("create table numbers (n integer not null)").execute(&pool).await?;
    sqlx::query("insert into numbers values (0)").execute(&pool).await?;
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let pool = pool.clone();
        tasks.spawn(async move {
            for _ in 0..5 {
                sqlx::query("update numbers set n = n + 1").execute(&pool).await?;
            }
            Outcome::Ok(())
        });
    }
    while let Some(end) = tasks.join_next().await {
        end??;
    }
    let n: i64 = sqlx::query_scalar("select n from numbers").fetch_one(&pool).await?;
    pool.close().await;
    assert_eq!(n, 100);
    kit::ok("in a file: 20 tasks on four connections count to 100");
    Ok(())
}
