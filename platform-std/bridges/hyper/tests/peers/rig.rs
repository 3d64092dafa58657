//! What the tests share: a server on a thread of its own, and peers as processes.

use std::net::SocketAddr;
use std::process::{Command, Output};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use asupersync_core::{Cx, Error, LocalRegion, Stats};
use asupersync_hyper::{Body, Call, Ledger, Options, ServeError, Server, wait};
use asupersync_io::TcpListener;
use asupersync_std::Runtime;
use http_body_util::BodyExt;
use hyper::{Method, Response, StatusCode};

/// A server on a runtime and a thread of its own.
pub struct Serving {
    pub at: SocketAddr,
    pub server: Server,
    thread: JoinHandle<(Result<(), ServeError>, Stats)>,
}

impl Serving {
    /// Serves the resources of [`answer`].
    pub fn start(options: Options) -> Self {
        let server = Server::new(options);
        let (send, started) = mpsc::channel();
        let serving = server.clone();
        let thread = std::thread::spawn(move || {
            let mut runtime = Runtime::builder().workers(2).build().expect("threads");
            let ended = runtime.block_on(async |region: &LocalRegion| {
                let listener = TcpListener::bind(region, ([127, 0, 0, 1], 0).into()).await?;
                send.send(listener.local_addr()?).expect("the test waits");
                let answering = serving.clone();
                let handler = move |cx, call| answer(answering.clone(), cx, call);
                Ok::<_, Error>(serving.serve(region, &listener, handler).await)
            });
            assert_eq!(runtime.io_stats().sources, 0, "a registration is left");
            (ended.expect("it listens"), runtime.shut_down())
        });
        let at = started.recv().expect("it listens");
        Self { at, server, thread }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    /// Drains it, and checks that nothing is left.
    pub fn end(self) -> Ledger {
        self.server.drain();
        let (ended, ledger) = self.wait();
        ended.expect("it drains");
        ledger
    }

    /// Waits for its end.
    pub fn wait(self) -> (Result<(), ServeError>, Ledger) {
        let (ended, stats) = self.thread.join().expect("it does not panic");
        assert_eq!((stats.live, stats.leaked), (0, 0), "something is left");
        let ledger = self.server.ledger();
        assert_eq!(ledger.open(), 0, "a request is left: {ledger:?}");
        (ended, ledger)
    }
}

/// The resources of the tests.
async fn answer(server: Server, cx: Cx, mut call: Call) -> Result<(), Error> {
    match call.request().uri().path() {
        "/hello" => Ok(call.reply(Response::new(Body::from("hello\n")))?),
        "/echo" => {
            let body = call.request_mut().body_mut();
            let text = wait(&cx, body.collect()).await??.to_bytes();
            Ok(call.reply(Response::new(Body::from(text)))?)
        }
        "/method" => {
            let method = call.request().method().to_string();
            let mut answer = Response::new(Body::from(method));
            if call.request().method() == Method::DELETE {
                *answer.status_mut() = StatusCode::NO_CONTENT;
                *answer.body_mut() = Body::empty();
            }
            Ok(call.reply(answer)?)
        }
        // A hundred chunks.
        "/stream" => {
            let (mut writer, body) = Body::stream(4);
            call.reply(Response::new(body))?;
            for number in 0..100 {
                writer.send(&cx, format!("{number}\n")).await?;
            }
            writer.finish();
            Ok(())
        }
        // Chunks without end, until the client leaves.
        "/endless" => {
            let (mut writer, body) = Body::stream(4);
            call.reply(Response::new(body))?;
            loop {
                writer.send(&cx, vec![b'x'; 1 << 16]).await?;
            }
        }
        // Begins, and fails in the middle.
        "/cut" => {
            let (mut writer, body) = Body::stream(4);
            call.reply(Response::new(body))?;
            writer.send(&cx, "half\n").await?;
            Err(Error::from(std::io::Error::other("no more")))
        }
        // Answered when the server drains.
        "/late" => {
            server.draining(&cx).await?;
            Ok(call.reply(Response::new(Body::from("late\n")))?)
        }
        "/never" => Ok(cx.sleep(Duration::from_secs(3_600)).await?),
        "/fails" => Err(Error::from(std::io::Error::other("no"))),
        "/panics" => panic!("on purpose"),
        _ => {
            let mut answer = Response::new(Body::empty());
            *answer.status_mut() = StatusCode::NOT_FOUND;
            Ok(call.reply(answer)?)
        }
    }
}

/// Starts a peer that has to be installed.
pub fn peer(program: &str, package: &str) -> Command {
    let found = Command::new(program).arg("--version").output();
    // wrk and nginx know the option by other names; that they start is enough.
    assert!(
        found.is_ok(),
        "`{program}` is missing: apt-get install {package}, or `cargo xtask setup`"
    );
    Command::new(program)
}

/// Runs curl to its end; silent, and never for longer than a minute.
pub fn curl(args: &[&str]) -> Output {
    let mut command = peer("curl", "curl");
    command.args(["--silent", "--show-error", "--max-time", "60"]);
    command.args(args).output().expect("curl starts")
}

/// What curl prints, where it must succeed.
pub fn get(args: &[&str]) -> String {
    let output = curl(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "curl {args:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// Waits until `look` says yes, however long that takes: the peer is another process.
pub fn until(mut look: impl FnMut() -> bool) {
    while !look() {
        std::thread::yield_now();
    }
}
