//! The redis crate and a real server, whose address is in REDIS_URL.

use std::time::Duration;

use futures_util::StreamExt;
use kit::Outcome;
use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::{AsyncCommands, AsyncConnectionConfig, Client};
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Outcome {
    let url = std::env::var("REDIS_URL").map_err(|_| "no server: REDIS_URL is not set")?;
    kit::within(60, async {
        let client = Client::open(url)?;
        // Patient: the default waits half a second for an answer, which a loaded machine may need.
        let patient = AsyncConnectionConfig::new()
            .set_response_timeout(Some(Duration::from_secs(20)))
            .set_connection_timeout(Some(Duration::from_secs(20)));
        let connection = client.get_multiplexed_async_connection_with_config(&patient).await?;
        values(connection.clone()).await?;
        shared(connection.clone()).await?;
        publish(&client, connection.clone()).await?;
        blocks(
            client.get_multiplexed_async_connection_with_config(&patient).await?,
            connection.clone(),
        )
        .await?;
        manager(client, connection).await
    })
    .await
}

async fn values(mut connection: MultiplexedConnection) -> Outcome {
    let large = kit::pattern(1 << 20);
    connection.set::<_, _, ()>("large", &large).await?;
    assert!(connection.get::<_, Vec<u8>>("large").await? == large, "the value differs");
    assert_eq!(connection.get::<_, Option<String>>("nothing").await?, None);
    let (a, b): (i64, i64) =
        redis::pipe().atomic().incr("n", 2).incr("n", 3).query_async(&mut connection).await?;
    assert_eq!((a, b), (2, 5));
    assert!(connection.incr::<_, _, i64>("large", 1).await.is_err());
    kit::ok("values to 1 MiB, a transaction, an error");
    Ok(())
}

/// Many tasks on one connection: each gets its own answers.
async fn shared(connection: MultiplexedConnection) -> Outcome {
    let mut tasks = JoinSet::new();
    for n in 0..100 {
        let mut connection = connection.clone();
        tasks.spawn(async move {
            for i in 0..10 {
                connection.set::<_, _, ()>(format!("key {n}"), n * i).await?;
                assert_eq!(connection.get::<_, i64>(format!("key {n}")).await?, n * i);
                connection.incr::<_, _, ()>("all", 1).await?;
            }
            Outcome::Ok(())
        });
    }
    while let Some(end) = tasks.join_next().await {
        end??;
    }
    assert_eq!(connection.clone().get::<_, i64>("all").await?, 1000);
    kit::ok("3000 commands of 100 tasks on one connection");
    Ok(())
}

async fn publish(client: &Client, mut connection: MultiplexedConnection) -> Outcome {
    let mut listener = client.get_async_pubsub().await?;
    listener.subscribe("news").await?;
    let news = tokio::spawn(async move {
        listener
            .on_message()
            .take(100)
            .map(|message| message.get_payload::<i64>())
            .collect::<Vec<_>>()
            .await
    });
    for n in 0..100 {
        assert_eq!(connection.publish::<_, _, i64>("news", n).await?, 1);
    }
    let heard: Vec<i64> = news.await?.into_iter().collect::<Result<_, _>>()?;
    assert!(heard.into_iter().eq(0..100), "the news are out of order");
    kit::ok("100 messages published and heard");
    Ok(())
}

/// A command that waits at the server until another connection does something.
async fn blocks(
    mut waiting: MultiplexedConnection,
    mut connection: MultiplexedConnection,
) -> Outcome {
    let popped =
        tokio::spawn(async move { waiting.blpop::<_, (String, String)>("list", 0.0).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!popped.is_finished());
    connection.rpush::<_, _, ()>("list", "at last").await?;
    assert_eq!(popped.await??, ("list".to_owned(), "at last".to_owned()));
    kit::ok("a blocking pop");
    Ok(())
}

/// The server ends the connection; the manager makes another.
async fn manager(client: Client, mut other: MultiplexedConnection) -> Outcome {
    let patient = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(Duration::from_secs(20)))
        .set_response_timeout(Some(Duration::from_secs(20)));
    let mut manager = ConnectionManager::new_with_config(client.clone(), patient).await?;
    let id: i64 = redis::cmd("CLIENT").arg("ID").query_async(&mut manager).await?;
    let ended: i64 =
        redis::cmd("CLIENT").arg("KILL").arg("ID").arg(id).query_async(&mut other).await?;
    assert_eq!(ended, 1);
    // What was under way on the ended connection fails.
    while manager.incr::<_, _, i64>("again", 1).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let new: i64 = redis::cmd("CLIENT").arg("ID").query_async(&mut manager).await?;
    assert_ne!(new, id);
    kit::ok("the connection manager connects again");
    Ok(())
}
