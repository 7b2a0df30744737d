//! quinn: streams, datagrams and ends of connections.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use kit::Outcome;
use quinn::rustls::pki_types::PrivateKeyDer;
use quinn::rustls::RootCertStore;
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, ServerConfig, TransportConfig, VarInt,
};
use tokio::task::{JoinHandle, JoinSet};

#[tokio::main]
async fn main() -> Outcome {
    kit::within(60, async {
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let mut roots = RootCertStore::empty();
        roots.add(key.cert.der().clone())?;
        let private = PrivateKeyDer::try_from(key.signing_key.serialize_der())?;
        let config = ServerConfig::with_single_cert(vec![key.cert.der().clone()], private)?;
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Endpoint::server(config, any)?;
        let address = server.local_addr()?;

        let mut client = Endpoint::client(any)?;
        let mut config = ClientConfig::with_root_certificates(Arc::new(roots))?;
        client.set_default_client_config(config.clone());
        let (connection, echo) = connect(&client, &server, address).await?;
        streams(&connection).await?;
        datagrams(&connection).await?;
        connection.close(VarInt::from_u32(7), b"enough");
        match echo.await? {
            ConnectionError::ApplicationClosed(end) => {
                assert_eq!(
                    (end.error_code, &end.reason[..]),
                    (VarInt::from_u32(7), &b"enough"[..])
                );
            }
            other => return Err(other.into()),
        }
        kit::ok("a close with its reason");
        let mut transport = TransportConfig::default();
        transport.max_idle_timeout(Some(Duration::from_secs(2).try_into()?));
        config.transport_config(Arc::new(transport));
        client.set_default_client_config(config);
        idle(&client, &server, address).await?;
        client.wait_idle().await;
        server.close(VarInt::from_u32(0), b"");
        server.wait_idle().await;
        Ok(())
    })
    .await
}

type Echo = JoinHandle<ConnectionError>;

async fn connect(
    client: &Endpoint,
    server: &Endpoint,
    address: SocketAddr,
) -> Outcome<(Connection, Echo)> {
    let server = server.clone();
    let accepted =
        tokio::spawn(
            async move { Outcome::Ok(server.accept().await.ok_or("no connection")?.await?) },
        );
    let connection = client.connect(address, "localhost")?.await?;
    Ok((connection, tokio::spawn(echo(accepted.await??))))
}

/// Sends streams and datagrams back until the connection ends, and tells how it did.
async fn echo(connection: Connection) -> ConnectionError {
    loop {
        tokio::select! {
            stream = connection.accept_bi() => match stream {
                Ok((mut send, mut receive)) => drop(tokio::spawn(async move {
                    let mut buffer = vec![0; 10_000];
                    while let Some(n) = receive.read(&mut buffer).await? {
                        send.write_all(&buffer[..n]).await?;
                    }
                    Outcome::Ok(send.finish()?)
                })),
                Err(end) => return end,
            },
            datagram = connection.read_datagram() => match datagram {
                Ok(datagram) => drop(connection.send_datagram(datagram)),
                Err(end) => return end,
            },
        }
    }
}

/// Streams beside each other; each is written while its echo is read.
async fn streams(connection: &Connection) -> Outcome {
    let mut streams = JoinSet::new();
    for n in 0..20 {
        let connection = connection.clone();
        streams.spawn(async move {
            let bytes = kit::pattern(200_000 + n);
            let (mut send, mut receive) = connection.open_bi().await?;
            let sent = bytes.clone();
            let write = tokio::spawn(async move {
                send.write_all(&sent).await?;
                Outcome::Ok(send.finish()?)
            });
            assert!(receive.read_to_end(1 << 20).await? == bytes, "the echo on stream {n} differs");
            write.await?
        });
    }
    while let Some(end) = streams.join_next().await {
        end??;
    }
    kit::ok("20 streams of 200 kB, echoed");
    Ok(())
}

/// Datagrams may be lost: sent again until one comes back.
async fn datagrams(connection: &Connection) -> Outcome {
    for n in 0u8..20 {
        loop {
            connection.send_datagram(vec![n; 500].into())?;
            let echo = tokio::time::timeout(Duration::from_millis(100), connection.read_datagram());
            match echo.await {
                Ok(echo) if echo.as_ref().is_ok_and(|echo| echo[..] == [n; 500]) => break,
                // A late echo of one that was sent twice, or none.
                Ok(echo) => drop(echo?),
                Err(_) => {}
            }
        }
    }
    kit::ok("20 datagrams, echoed");
    Ok(())
}

/// The client's timer ends a connection on which nothing happens.
async fn idle(client: &Endpoint, server: &Endpoint, address: SocketAddr) -> Outcome {
    let (connection, echo) = connect(client, server, address).await?;
    assert_eq!(connection.closed().await, ConnectionError::TimedOut);
    assert_eq!(echo.await?, ConnectionError::TimedOut);
    kit::ok("an idle connection times out on both sides");
    Ok(())
}
