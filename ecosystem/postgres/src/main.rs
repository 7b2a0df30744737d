//! tokio-postgres and a real server, whose address is in POSTGRES_URL.

use std::pin::pin;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt, TryStreamExt};
use kit::Outcome;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, NoTls};

#[tokio::main]
async fn main() -> Outcome {
    let url = std::env::var("POSTGRES_URL").map_err(|_| "no server: POSTGRES_URL is not set")?;
    kit::within(60, async {
        let (mut client, mut notes, connection) = connect(&url).await?;
        client
            .batch_execute("create table numbers (n bigint primary key, square bigint not null)")
            .await?;
        pipeline(&client).await?;
        transactions(&mut client).await?;
        copy(&client).await?;
        cancel(&client).await?;

        client.batch_execute("listen news").await?;
        let (other, _, other_connection) = connect(&url).await?;
        other.execute("select pg_notify('news', 'hello')", &[]).await?;
        assert_eq!(notes.recv().await.as_deref(), Some("hello"));
        drop(other);
        other_connection.await??;
        kit::ok("a notification from another connection");

        drop(client);
        connection.await??;
        Ok(())
    })
    .await
}

type Running = JoinHandle<Result<(), tokio_postgres::Error>>;

/// A client, what it is notified of, and the task that drives the connection.
async fn connect(url: &str) -> Outcome<(Client, mpsc::UnboundedReceiver<String>, Running)> {
    let (client, mut connection) = tokio_postgres::connect(url, NoTls).await?;
    let (sender, notes) = mpsc::unbounded_channel();
    let running = tokio::spawn(async move {
        let mut messages = futures_util::stream::poll_fn(|cx| connection.poll_message(cx));
        while let Some(message) = messages.next().await {
            if let AsyncMessage::Notification(note) = message? {
                // Nobody may be interested any more.
                let _ = sender.send(note.payload().to_owned());
            }
        }
        Ok(())
    });
    Ok((client, notes, running))
}

/// Queries of many futures are under way at the same time.
async fn pipeline(client: &Client) -> Outcome {
    let insert = client.prepare("insert into numbers values ($1, $2)").await?;
    let inserts = (0..500i64).map(|n| {
        let insert = &insert;
        async move { client.execute(insert, &[&n, &(n * n)]).await }
    });
    let inserted = futures_util::future::try_join_all(inserts).await?;
    assert_eq!(inserted, [1; 500]);
    let again = client.execute(&insert, &[&1i64, &1i64]).await.err().ok_or("a key twice")?;
    assert_eq!(again.code(), Some(&SqlState::UNIQUE_VIOLATION));
    let rows = client.query("select n, square from numbers order by n", &[]).await?;
    assert!(
        rows.iter().map(|row| (row.get(0), row.get(1))).eq((0..500i64).map(|n| (n, n * n))),
        "wrong rows"
    );
    kit::ok("500 inserts at the same time, an error, 500 rows");
    Ok(())
}

async fn count(client: &Client) -> Outcome<i64> {
    Ok(client.query_one("select count(*) from numbers", &[]).await?.get(0))
}

async fn transactions(client: &mut Client) -> Outcome {
    let undone = client.transaction().await?;
    undone.execute("delete from numbers", &[]).await?;
    drop(undone);
    assert_eq!(count(client).await?, 500);
    let done = client.transaction().await?;
    done.execute("delete from numbers where n >= 400", &[]).await?;
    done.commit().await?;
    assert_eq!(count(client).await?, 400);
    kit::ok("transactions: one dropped, one committed");
    Ok(())
}

/// A megabyte in and out by COPY, in pieces.
async fn copy(client: &Client) -> Outcome {
    client.batch_execute("create temporary table texts (n int, text text)").await?;
    let mut sink = pin!(client.copy_in::<_, bytes::Bytes>("copy texts from stdin").await?);
    for n in 0..1000 {
        sink.send(format!("{n}\t{}\n", "x".repeat(1000)).into()).await?;
    }
    assert_eq!(sink.finish().await?, 1000);
    let out = client.copy_out("copy (select * from texts order by n) to stdout").await?;
    let length = out.try_fold(0, |sum, piece| async move { Ok(sum + piece.len()) }).await?;
    assert_eq!(length, (0..1000).map(|n| format!("{n}\t\n").len() + 1000).sum::<usize>());
    kit::ok("a megabyte in and out by COPY");
    Ok(())
}

/// A query that takes a minute is cancelled over a second connection, and others are not in its way.
async fn cancel(client: &Client) -> Outcome {
    let token = client.cancel_token();
    let mut cancels = JoinSet::new();
    cancels.spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        token.cancel_query(NoTls).await
    });
    let ended =
        client.batch_execute("select pg_sleep(60)").await.err().ok_or("it was not cancelled")?;
    assert_eq!(ended.code(), Some(&SqlState::QUERY_CANCELED));
    while let Some(cancelled) = cancels.join_next().await {
        cancelled??;
    }
    assert_eq!(count(client).await?, 400);
    kit::ok("a query cancelled from outside");
    Ok(())
}
