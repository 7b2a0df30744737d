//! tokio-rustls with a certificate that is made here.

use std::sync::Arc;

use kit::Outcome;
use rcgen::CertifiedKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, ProtocolVersion, RootCertStore, ServerConfig, SupportedProtocolVersion,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const SIZE: usize = 1 << 20;

#[tokio::main]
async fn main() -> Outcome {
    kit::within(60, async {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let key = PrivateKeyDer::try_from(signing_key.serialize_der())?;
        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)?;
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone())?;

        for (version, name) in
            [(&TLS13, ProtocolVersion::TLSv1_3), (&TLS12, ProtocolVersion::TLSv1_2)]
        {
            let mut talks = JoinSet::new();
            for _ in 0..8 {
                talks.spawn(talk(acceptor.clone(), connector(version, roots.clone())?, name));
            }
            while let Some(end) = talks.join_next().await {
                end??;
            }
            kit::ok(format_args!(
                "{name:?}: 8 connections, {SIZE} bytes each way at the same time"
            ));
        }
        stranger(acceptor, connector(&TLS13, RootCertStore::empty())?).await
    })
    .await
}

fn connector(
    version: &'static SupportedProtocolVersion,
    roots: RootCertStore,
) -> Outcome<TlsConnector> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn pair() -> Outcome<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (client, server) =
        tokio::try_join!(TcpStream::connect(listener.local_addr()?), listener.accept())?;
    Ok((client, server.0))
}

/// Both sides write more than any buffer holds while they read, then end in order.
async fn talk(acceptor: TlsAcceptor, connector: TlsConnector, version: ProtocolVersion) -> Outcome {
    let (client, server) = pair().await?;
    let server = tokio::spawn(async move { exchange(acceptor.accept(server).await?).await });
    let client = connector.connect(ServerName::try_from("localhost")?, client).await?;
    assert_eq!(client.get_ref().1.protocol_version(), Some(version));
    exchange(client).await?;
    server.await?
}

async fn exchange(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + 'static,
) -> Outcome {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let write = tokio::spawn(async move {
        writer.write_all(&kit::pattern(SIZE)).await?;
        writer.shutdown().await
    });
    let mut received = Vec::new();
    reader.read_to_end(&mut received).await?;
    assert!(received == kit::pattern(SIZE), "what was received differs");
    Ok(write.await??)
}

/// A client that does not know the certificate refuses it, and the server hears of it.
async fn stranger(acceptor: TlsAcceptor, connector: TlsConnector) -> Outcome {
    let (client, server) = pair().await?;
    let server = tokio::spawn(async move { acceptor.accept(server).await.is_err() });
    let refused = connector.connect(ServerName::try_from("localhost")?, client).await;
    let refused = refused.err().ok_or("an unknown certificate was taken")?;
    assert!(refused.to_string().contains("UnknownIssuer"), "{refused}");
    assert!(server.await?, "the server did not notice");
    kit::ok("an unknown certificate is refused");
    Ok(())
}
