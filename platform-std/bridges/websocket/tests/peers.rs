//! WebSockets with a peer that no one here wrote: Python's `websockets`, as the client and as the server.
//!
//! A peer that is not installed is an error that names its package, never a skipped test.
#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use asupersync_core::{Cx, Error, LocalRegion};
use asupersync_hyper::{Call, Client, Options, Server, Version};
use asupersync_std::io::TcpListener;
use asupersync_std::{Runtime, spawn_blocking};
use asupersync_websocket::{Message, WebSocket, WebSocketError};

/// Sends texts and bytes of many lengths and expects each to come back; then closes, and prints the close code.
const CLIENT: &str = "
import asyncio, sys, websockets
async def main():
    async with websockets.connect(sys.argv[1]) as ws:
        for n in [0, 1, 125, 126, 65535, 65536, 300000]:
            for m in ['x' * n, bytes(n)]:
                await ws.send(m)
                assert await ws.recv() == m, n
        await (await ws.ping())
    print('closed', ws.close_code)
asyncio.run(main())
";

/// Gives back what it gets; prints its port first, ends with its input.
const SERVER: &str = "
import asyncio, sys, websockets
async def echo(ws, *rest):
    async for m in ws:
        await ws.send(m)
async def main():
    async with websockets.serve(echo, '127.0.0.1', 0) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
asyncio.run(main())
";

fn python(script: &str) -> Command {
    // Debian's own, to which the package belongs.
    let mut python = Command::new("/usr/bin/python3");
    let found = python.args(["-c", "import websockets"]).output();
    assert!(
        found.is_ok_and(|output| output.status.success()),
        "the peer is missing: apt-get install python3-websockets, or `cargo xtask setup`"
    );
    let mut python = Command::new("/usr/bin/python3");
    python.args(["-c", script]);
    python
}

fn run<T>(body: impl AsyncFnOnce(&LocalRegion) -> Result<T, Error>) -> T {
    let mut runtime = Runtime::builder().workers(2).build().expect("threads");
    let value = runtime.block_on(body).expect("the body fails nowhere");
    assert_eq!(runtime.io_stats().sources, 0, "a registration is left");
    let stats = runtime.shut_down();
    assert_eq!((stats.live, stats.leaked), (0, 0), "something is left");
    value
}

async fn echo(cx: Cx, call: Call) -> Result<(), Error> {
    let mut socket = WebSocket::accept(&cx, call).await?;
    while let Some(message) = socket.recv(&cx).await? {
        socket.send(&cx, message).await?;
    }
    Ok(())
}

#[test]
fn a_client_of_another_make_gets_back_what_it_sends() {
    let server = Server::new(Options::new());
    let printed = run(async |region| {
        let listener = TcpListener::bind(region, ([127, 0, 0, 1], 0).into()).await?;
        let url = format!("ws://{}/", listener.local_addr()?);
        let serving = server.clone();
        region.spawn(async move |cx: Cx| Ok(serving.serve(&cx, &listener, echo).await?))?;
        let client = move || python(CLIENT).arg(url).output();
        let output = spawn_blocking(region, client).await??;
        server.drain();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    });
    assert_eq!(printed, "closed 1000\n");
    let ledger = server.ledger();
    assert_eq!((ledger.accepted, ledger.answered, ledger.open()), (1, 1, 0));
}

#[test]
fn a_server_of_another_make_gives_back_what_we_send() {
    let mut python = python(SERVER);
    let python = python.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut peer = python.spawn().expect("python starts");
    let mut port = String::new();
    let printed = peer.stdout.take().expect("piped");
    BufReader::new(printed)
        .read_line(&mut port)
        .expect("it listens");
    let port: u16 = port.trim().parse().expect("a port");
    run(async |region| {
        let at = ([127, 0, 0, 1], port).into();
        let client = Client::connect(region, at, Version::Http1).await?;
        let uri = format!("http://{at}/").parse()?;
        let mut socket = WebSocket::connect(region, client, &uri).await?;
        for length in [0, 1, 126, 65_536, 300_000] {
            let text = Message::text("y".repeat(length));
            socket.send(region, text.clone()).await?;
            assert_eq!(socket.recv(region).await?, Some(text));
        }
        Ok(socket.close(region).await?)
    });
    drop(peer.stdin.take());
    assert!(peer.wait().expect("it ends").success());
}

#[test]
fn what_is_no_websocket_is_refused_at_both_ends() {
    let server = Server::new(Options::new());
    run(async |region| {
        let listener = TcpListener::bind(region, ([127, 0, 0, 1], 0).into()).await?;
        let at = listener.local_addr()?;
        let serving = server.clone();
        region.spawn(async move |cx: Cx| {
            let handler = async |cx: Cx, call: Call| match call.request().uri().path() {
                "/socket" => echo(cx, call).await,
                _ => Ok(call.reply(hyper::Response::new("no".into()))?),
            };
            Ok(serving.serve(&cx, &listener, handler).await?)
        })?;
        let mut plain = Client::connect(region, at, Version::Http1).await?;
        let request = hyper::Request::get(format!("http://{at}/socket")).body("".into())?;
        assert_eq!(plain.send(region, request).await?.status(), 400);
        let client = Client::connect(region, at, Version::Http1).await?;
        let uri = format!("http://{at}/other").parse()?;
        let refused = WebSocket::connect(region, client, &uri).await;
        assert!(
            matches!(refused, Err(WebSocketError::Handshake(_))),
            "{refused:?}"
        );
        server.drain();
        Ok(())
    });
}
