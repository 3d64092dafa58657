//! The client against nginx, which serves both versions and files of known content.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use asupersync_core::{CancelKind, ChildEnded, Error, LocalRegion, RegionOptions, Timing};
use asupersync_hyper::{Body, Client, ClientError, HyperTimer, Version, wait};
use asupersync_io::Net;
use asupersync_std::Runtime;
use http_body_util::BodyExt;
use hyper::{Request, StatusCode};

use crate::rig::{peer, until};

/// nginx with a folder of its own; ended with the test.
struct Nginx {
    process: Child,
    folder: PathBuf,
    http1: SocketAddr,
    http2: SocketAddr,
}

/// A port that was free a moment ago.
fn free() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it is bound")
}

impl Nginx {
    fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("asupersync-{name}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("www")).expect("made");
        std::fs::write(folder.join("www/small"), "from nginx\n").expect("written");
        std::fs::write(folder.join("www/large"), "0123456789abcdef".repeat(1 << 16))
            .expect("written");
        let (http1, http2) = (free(), free());
        let root = folder.display();
        let config = format!(
            "daemon off; master_process off; worker_processes 1; pid {root}/pid; error_log {root}/error.log;\n\
             events {{ worker_connections 256; }}\n\
             http {{ access_log off; client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;\n\
             fastcgi_temp_path {root}/fastcgi; uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;\n\
             server {{ listen {http1}; root {root}/www; location = /put {{ return 204; }}\n\
             location = /hangs {{ proxy_pass http://{http1}/hangs; }} }}\n\
             server {{ listen {http2} http2; root {root}/www; }} }}\n"
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, config).expect("written");
        let mut nginx = peer("/usr/sbin/nginx", "nginx-light");
        nginx
            .arg("-c")
            .arg(&file)
            .arg("-e")
            .arg(folder.join("error.log"));
        let process = nginx.stderr(Stdio::piped()).spawn().expect("nginx starts");
        let mut this = Self {
            process,
            folder,
            http1,
            http2,
        };
        until(|| {
            let ended = this.process.try_wait().expect("known");
            assert!(ended.is_none(), "nginx does not start: {}", this.errors());
            [http1, http2]
                .iter()
                .all(|at| std::net::TcpStream::connect(at).is_ok())
        });
        this
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        if let Some(pipe) = &mut self.process.stderr {
            let _ = pipe.read_to_string(&mut text);
        }
        text
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
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

fn request(at: SocketAddr, path: &str) -> Result<Request<Body>, Error> {
    let uri = format!("http://{at}{path}");
    Ok(Request::get(uri).body(Body::empty())?)
}

async fn text(
    cx: &LocalRegion,
    client: &mut Client,
    request: Request<Body>,
) -> Result<(StatusCode, Vec<u8>), Error> {
    let answer = client.send(cx, request).await?;
    let status = answer.status();
    let body = wait(cx, answer.into_body().collect()).await??.to_bytes();
    Ok((status, body.to_vec()))
}

#[test]
fn nginx_answers_both_versions() {
    let nginx = Nginx::start("client");
    run(async |region| {
        for (at, version) in [(nginx.http1, Version::Http1), (nginx.http2, Version::Http2)] {
            let mut client = Client::connect(region, at, version).await?;
            for _ in 0..20 {
                let small = text(region, &mut client, request(at, "/small")?).await?;
                assert_eq!(small, (StatusCode::OK, b"from nginx\n".to_vec()));
            }
            let (_, large) = text(region, &mut client, request(at, "/large")?).await?;
            assert_eq!(large.len(), 1 << 20);
            let missing = text(region, &mut client, request(at, "/nothing")?).await?;
            assert_eq!(missing.0, StatusCode::NOT_FOUND);
            assert!(!client.is_closed());
        }
        Ok(())
    });
}

#[test]
fn a_streamed_upload_reaches_nginx() {
    let nginx = Nginx::start("upload");
    run(async |region| {
        let at = nginx.http1;
        let mut client = Client::connect(region, at, Version::Http1).await?;
        let (mut writer, body) = Body::stream(1);
        region.spawn(async move |cx: asupersync_core::Cx| {
            for _ in 0..32 {
                writer.send(&cx, vec![b'x'; 1 << 12]).await?;
            }
            writer.finish();
            Ok(())
        })?;
        let request = Request::post(format!("http://{at}/put")).body(body)?;
        let (status, _) = text(region, &mut client, request).await?;
        assert_eq!(status, StatusCode::NO_CONTENT);
        Ok(())
    });
}

#[test]
fn a_cancelled_request_says_so_and_leaves_nothing() {
    // Accepts, and never answers.
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let at = silent.local_addr().expect("bound");
    run(async |region| {
        let mut client = Client::connect(region, at, Version::Http1).await?;
        let ask = request(at, "/")?;
        let limit = std::time::Duration::from_millis(20);
        let asked = region
            .timeout(limit, async |cx| match client.send(cx, ask).await {
                Err(ClientError::Cancelled(cancelled)) => {
                    assert_eq!(cancelled.reason().kind(), CancelKind::Timeout);
                    Err(Error::from(cancelled))
                }
                other => panic!("{other:?}"),
            })
            .await;
        let error: Error = Result::<(), Error>::expect_err(asked, "nobody answers");
        assert!(
            error
                .downcast_ref::<ChildEnded>()
                .is_some_and(ChildEnded::is_timeout)
        );
        Ok(())
    });
    let refused = run(async |region| {
        drop(silent);
        Ok(Client::connect(region, at, Version::Http1).await.err())
    });
    assert!(matches!(refused, Some(ClientError::Io(_))), "{refused:?}");
}

// proves: R-IO-4
#[test]
fn without_the_capability_nothing_is_connected_or_timed() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let at = listener.local_addr().expect("bound");
    run(async |region| {
        let no_network = RegionOptions::new().deny::<Net>();
        region
            .region_with(no_network, async |inner| {
                let denied = Client::connect(inner, at, Version::Http1).await;
                assert!(matches!(&denied, Err(ClientError::Denied(d)) if d.capability == "net"));
                Ok(())
            })
            .await?;
        let no_time = RegionOptions::new().deny::<Timing>();
        let denied = region
            .region_with(no_time, async |inner| Ok(HyperTimer::new(inner).err()))
            .await?;
        assert_eq!(denied.map(|denied| denied.capability), Some("time"));
        Ok(())
    });
    listener.set_nonblocking(true).expect("ours to set");
    assert!(listener.accept().is_err(), "nobody came");
}
