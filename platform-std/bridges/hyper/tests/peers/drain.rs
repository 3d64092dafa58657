//! The end of a server: drained, drained for too long, and cancelled.

use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::Duration;

use asupersync_core::{Cx, Error, LocalRegion, Outcome};
use asupersync_hyper::{Call, Options, ServeError, Server};
use asupersync_io::TcpListener;
use asupersync_std::Runtime;

use crate::rig::{Serving, curl, peer, until};

fn waiting(serving: &Serving, version: &str, path: &str) -> Child {
    let mut curl = peer("curl", "curl");
    curl.args(["--silent", "--max-time", "60", version, &serving.url(path)]);
    curl.stdout(Stdio::piped()).spawn().expect("curl starts")
}

#[test]
fn a_drain_answers_what_has_begun_and_accepts_nothing_more() {
    let serving = Serving::start(Options::new());
    let versions = ["--http1.1", "--http2-prior-knowledge"];
    let waiting: Vec<_> = (0..10)
        .map(|number| waiting(&serving, versions[number % 2], "/late"))
        .collect();
    // Nothing has to come from these: they are closed.
    let idle: Vec<_> = (0..3)
        .map(|_| std::net::TcpStream::connect(serving.at))
        .collect();
    until(|| serving.server.ledger().accepted == 10 && serving.server.ledger().connections == 13);
    let at = serving.at;
    let ledger = serving.end();
    for client in waiting {
        let output = client.wait_with_output().expect("curl ends");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "late\n");
    }
    assert_eq!((ledger.accepted, ledger.answered), (10, 10));
    // 7: nobody listens.
    assert_eq!(
        curl(&[&format!("http://{at}/hello")]).status.code(),
        Some(7)
    );
    drop(idle);
}

#[test]
fn a_drain_past_its_limit_cancels_and_answers_for_what_is_left() {
    let limit = Duration::from_millis(50);
    let options = Options::new().drain_limit(limit).request_deadline(None);
    let serving = Serving::start(options);
    let versions = ["--http1.1", "--http2-prior-knowledge"];
    let clients = versions.map(|version| {
        let mut curl = peer("curl", "curl");
        curl.args(["--silent", "--include", "--max-time", "60", version]);
        curl.arg(serving.url("/never")).stdout(Stdio::piped());
        curl.spawn().expect("curl starts")
    });
    until(|| serving.server.ledger().accepted == 2);
    serving.server.drain();
    let (ended, ledger) = serving.wait();
    assert!(matches!(ended, Err(ServeError::Overrun)), "{ended:?}");
    for client in clients {
        let output = client.wait_with_output().expect("curl ends");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let status = text.lines().next().unwrap_or_default();
        assert!(status.contains(" 503"), "{text}");
    }
    assert_eq!((ledger.answered, ledger.answered_for), (2, 2));
}

#[test]
fn a_cancel_of_the_region_around_answers_for_what_is_left() {
    let server = Server::new(Options::new());
    let mut runtime = Runtime::builder().workers(2).build().expect("threads");
    let (send, started) = std::sync::mpsc::channel();
    let serving = server.clone();
    let client = std::thread::spawn(move || {
        let at: SocketAddr = started.recv().expect("it listens");
        curl(&["--write-out", "%{http_code}", &format!("http://{at}/")])
    });
    let ended = runtime.block_on(async |region: &LocalRegion| {
        let listener = TcpListener::bind(region, ([127, 0, 0, 1], 0).into()).await?;
        send.send(listener.local_addr()?).expect("the test waits");
        let task = region.spawn(async move |cx: Cx| {
            let never = async |cx: Cx, call: Call| {
                let _owed = call;
                Ok(cx.sleep(Duration::from_secs(3_600)).await?)
            };
            Ok(serving.serve(&cx, &listener, never).await?)
        })?;
        while server.ledger().accepted == 0 {
            region.yield_now().await?;
        }
        task.cancel("enough");
        Ok::<_, Error>(task.outcome(region).await?)
    });
    let ended = ended.expect("the body fails nowhere");
    assert!(matches!(ended, Outcome::Cancelled(_)), "{ended:?}");
    let output = client.join().expect("curl ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text, "the server was asked to stop\n503");
    let stats = runtime.shut_down();
    assert_eq!((stats.live, stats.leaked), (0, 0), "something is left");
    let ledger = server.ledger();
    assert_eq!((ledger.answered_for, ledger.open()), (1, 0));
}
