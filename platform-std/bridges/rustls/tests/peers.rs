//! TLS with peers that no one here wrote: curl and OpenSSL, and a certificate made for the test.
//!
//! A peer that is not installed is an error that names its package, never a skipped test.
#![cfg(unix)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use asupersync_core::{Cx, Error, LocalRegion, TaskError};
use asupersync_hyper::{Body, Call, HyperIo, Options, Server};
use asupersync_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use asupersync_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use asupersync_rustls::{ServerName, TlsError, accept, connect};
use asupersync_std::io::{TcpListener, TcpStream};
use asupersync_std::{Runtime, spawn_blocking};
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use hyper::Response;

/// A certificate for `localhost`, as files too: the peers read those.
struct Identity {
    certificate: CertificateDer<'static>,
    key: Vec<u8>,
    folder: PathBuf,
}

impl Identity {
    fn new(name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
        let folder = std::env::temp_dir().join(format!("asupersync-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("made");
        std::fs::write(folder.join("cert.pem"), made.cert.pem()).expect("written");
        std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).expect("written");
        Self {
            certificate: made.cert.der().clone(),
            key: made.signing_key.serialize_der(),
            folder,
        }
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn server(&self) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::try_from(self.key.clone()).expect("a key");
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![self.certificate.clone()], key);
        Arc::new(config.expect("they belong together"))
    }

    /// Trusts this certificate, or nobody.
    fn client(&self, trusts: bool) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        if trusts {
            roots.add(self.certificate.clone()).expect("a certificate");
        }
        let config = ClientConfig::builder().with_root_certificates(roots);
        Arc::new(config.with_no_client_auth())
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn run<T>(body: impl AsyncFnOnce(&LocalRegion) -> Result<T, Error>) -> T {
    let mut runtime = Runtime::builder().workers(2).build().expect("threads");
    let value = runtime.block_on(body).expect("the body fails nowhere");
    assert_eq!(runtime.io_stats().sources, 0, "a registration is left");
    let stats = runtime.shut_down();
    assert_eq!((stats.live, stats.leaked), (0, 0), "something is left");
    value
}

fn peer(program: &str, package: &str) -> Command {
    let found = Command::new(program).arg("version").output();
    assert!(
        found.is_ok(),
        "`{program}` is missing: apt-get install {package}, or `cargo xtask setup`"
    );
    Command::new(program)
}

async fn listen(region: &LocalRegion) -> Result<(TcpListener, SocketAddr), Error> {
    let listener = TcpListener::bind(region, ([127, 0, 0, 1], 0).into()).await?;
    let at = listener.local_addr()?;
    Ok((listener, at))
}

#[test]
fn curl_speaks_https_with_our_server() {
    let identity = Identity::new("curl");
    let server = Server::new(Options::new());
    let (config, trust) = (identity.server(), identity.file("cert.pem"));
    let output = run(async |region| {
        let (listener, at) = listen(region).await?;
        let serving = server.clone();
        let task = region.spawn(async move |cx: Cx| {
            let (stream, _) = listener.accept(&cx).await?;
            let stream = accept(&cx, config, stream).await?;
            let hello = async |_cx: Cx, call: Call| {
                Ok(call.reply(Response::new(Body::from("over TLS\n")))?)
            };
            Ok(serving.connection(&cx, HyperIo::new(stream), hello).await?)
        })?;
        let curl = move || {
            let mut curl = peer("curl", "curl");
            curl.args([
                "--silent",
                "--show-error",
                "--max-time",
                "60",
                "--cacert",
                &trust,
            ]);
            curl.args(["--resolve", &format!("localhost:{}:127.0.0.1", at.port())]);
            curl.arg(format!("https://localhost:{}/", at.port()))
                .output()
        };
        let output = spawn_blocking(region, curl).await??;
        task.join(region).await?;
        Ok(output)
    });
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "over TLS\n",
        "{output:?}"
    );
    assert_eq!(server.ledger().answered, 1);
}

/// A port that was free a moment ago.
fn free() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("bound").port()
}

#[test]
fn our_client_speaks_with_openssl() {
    let identity = Identity::new("openssl");
    let port = free();
    let mut openssl = peer("openssl", "openssl");
    openssl.args([
        "s_server",
        "-quiet",
        "-rev",
        "-accept",
        &format!("127.0.0.1:{port}"),
    ]);
    openssl.args([
        "-cert",
        &identity.file("cert.pem"),
        "-key",
        &identity.file("key.pem"),
    ]);
    let openssl = openssl.stdin(Stdio::piped()).stderr(Stdio::null());
    let mut openssl = openssl.spawn().expect("openssl starts");
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    while std::net::TcpStream::connect(at).is_err() {
        let ended = openssl.try_wait().expect("known");
        assert!(ended.is_none(), "openssl does not start: {ended:?}");
        std::thread::yield_now();
    }
    let back = run(async |region| {
        let tcp = TcpStream::connect(region, at).await?;
        let name = ServerName::try_from("localhost")?;
        let mut stream = connect(region, identity.client(true), name, tcp).await?;
        // `-rev` turns each line round.
        stream.write_all(b"asupersync\n").await?;
        stream.flush().await?;
        let mut back = [0; 11];
        stream.read_exact(&mut back).await?;
        stream.close().await?;
        Ok(back)
    });
    let _ = openssl.kill();
    let _ = openssl.wait();
    assert_eq!(&back, b"cnysrepusa\n");
}

#[test]
fn a_certificate_that_nobody_trusts_ends_both_handshakes() {
    let identity = Identity::new("untrusted");
    run(async |region| {
        let (listener, at) = listen(region).await?;
        let config = identity.server();
        let task = region.spawn(async move |cx: Cx| {
            let (stream, _) = listener.accept(&cx).await?;
            Ok(accept(&cx, config, stream).await.err())
        })?;
        let tcp = TcpStream::connect(region, at).await?;
        let name = ServerName::try_from("localhost")?;
        let refused = connect(region, identity.client(false), name, tcp).await;
        let refused = refused.expect_err("nobody vouches");
        assert!(refused.as_rustls().is_some(), "{refused:?}");
        let told = task.join(region).await?.expect("the client refused");
        assert!(matches!(told, TlsError::Handshake(_)), "{told:?}");
        Ok(())
    });
}

#[test]
fn a_handshake_that_never_comes_is_cancelled() {
    let identity = Identity::new("silent");
    run(async |region| {
        let (listener, at) = listen(region).await?;
        let silent = std::net::TcpStream::connect(at)?;
        let (stream, _) = listener.accept(region).await?;
        let limit = Duration::from_millis(20);
        let config = identity.server();
        let waited = region.timeout(limit, async |cx| match accept(cx, config, stream).await {
            Err(error @ TlsError::Cancelled(_)) => {
                let error = Error::from(error);
                assert!(error.cancelled().is_some(), "the token is kept");
                Err(error)
            }
            other => panic!("{:?}", other.err()),
        });
        let ended: Result<(), Error> = waited.await;
        assert!(ended.is_err());
        drop(silent);
        Ok(())
    });
}
