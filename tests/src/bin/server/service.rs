//! The service: quotes at once, as a stream, and over WebSockets.
//!
//! | resource | answer |
//! |---|---|
//! | `/quotes?limit=N` | the first N quotes, one JSON object a line |
//! | `/stream?pace=MS` | all of them, in chunks with a pause between them |
//! | `/ws?pace=MS` | the same as messages of a WebSocket |
//!
//! Each request is a task with a deadline, and what it does happens in a region of its own that reaches no network. When
//! the service drains, streams do not pause any more: their clients get all of it.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use asupersync_conformance::demo::host;
use asupersync_core::{Cx, Error, LocalRegion, Region, RegionOptions};
use asupersync_hyper::{Body, Call, Ledger, Options, Server};
use asupersync_std::io::{Net, TcpListener};
use asupersync_std::{Runtime, signal};
use asupersync_websocket::{Message, WebSocket};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode, Uri};

/// How many requests are worked on at once; the load brings more.
pub const REQUESTS_MAX: u32 = 200;
/// How many quotes a chunk has.
const CHUNK_LINES: usize = 64;
/// How many chunks wait for a slow client.
const CHUNKS_AHEAD: usize = 4;

/// The data set as text, and where its chunks are.
pub struct Quotes {
    text: Bytes,
    /// Where each line ends.
    ends: Vec<usize>,
}

impl Quotes {
    /// Reads the file of the demo: each line is a route, and the number of parcels that are asked for on it.
    pub fn read() -> Result<Self> {
        let input = host::read(&host::path())?;
        let mut text = String::new();
        let mut ends = Vec::new();
        for order in input.all().orders {
            let (id, parcels) = (order.id, order.parcels);
            let (from, to) = (order.origin, order.destination);
            text += &format!(
                "{{\"id\":{id},\"from\":\"{from}\",\"to\":\"{to}\",\"parcels\":{parcels}}}\n"
            );
            ends.push(text.len());
        }
        Ok(Self {
            text: text.into(),
            ends,
        })
    }

    /// All of them.
    pub fn text(&self) -> &Bytes {
        &self.text
    }

    fn first(&self, lines: usize) -> Bytes {
        let end = match lines {
            0 => 0,
            lines => self.ends.get(lines - 1).copied().unwrap_or(self.text.len()),
        };
        self.text.slice(..end)
    }

    fn chunks(&self) -> impl Iterator<Item = Bytes> {
        let mut start = 0;
        self.ends.chunks(CHUNK_LINES).map(move |ends| {
            let end = ends.last().copied().unwrap_or(start);
            let chunk = self.text.slice(start..end);
            start = end;
            chunk
        })
    }
}

/// Serves until SIGTERM or Ctrl-C. Whether everything is accounted for.
pub fn serve(at: SocketAddr) -> Result<bool> {
    let quotes = Arc::new(Quotes::read()?);
    let options = Options::new()
        .requests_max(REQUESTS_MAX)
        .request_deadline(Some(Duration::from_secs(20)))
        .drain_limit(Duration::from_secs(10));
    let server = Server::new(options);
    let mut runtime = Runtime::builder().workers(2).build()?;
    let ended = runtime.block_on(async |region: &LocalRegion| {
        let listener = TcpListener::bind(region, at).await?;
        println!("listening {}", listener.local_addr()?);
        std::io::stdout().flush()?;
        let asked = server.clone();
        region.spawn_background(async move |cx: Cx| {
            signal::shutdown(&cx).await?;
            asked.drain();
            Ok(())
        })?;
        let service = server.clone();
        let handler = move |cx, call| answer(service.clone(), Arc::clone(&quotes), cx, call);
        Ok::<_, Error>(server.serve(region, &listener, handler).await?)
    });
    let sources = runtime.io_stats().sources;
    let stats = runtime.shut_down();
    let ledger = server.ledger();
    println!("{} leaked={}", line(&ledger), stats.leaked + sources as u64);
    if let Err(error) = &ended {
        eprintln!("the server did not drain: {error}");
    }
    Ok(ended.is_ok() && ledger.open() == 0 && stats.leaked == 0 && stats.live == 0 && sources == 0)
}

/// The ledger as a line that the run reads.
fn line(ledger: &Ledger) -> String {
    format!(
        "ledger accepted={} answered={} shed={} gone={} cut={} open={} answered_for={} connections={}",
        ledger.accepted,
        ledger.answered,
        ledger.shed,
        ledger.gone,
        ledger.cut,
        ledger.open(),
        ledger.answered_for,
        ledger.connections
    )
}

async fn answer(server: Server, quotes: Arc<Quotes>, cx: Cx, call: Call) -> Result<(), Error> {
    let options = RegionOptions::new().deny::<Net>();
    cx.region_with(options, async |region| {
        let uri = call.request().uri().clone();
        match (call.request().method(), uri.path()) {
            (&Method::GET, "/quotes") => {
                let lines = number(&uri, "limit").unwrap_or(u64::MAX);
                let text = quotes.first(usize::try_from(lines).unwrap_or(usize::MAX));
                Ok(call.reply(json(Body::from(text)))?)
            }
            (&Method::GET, "/stream") => stream(&server, &quotes, region, call, &uri).await,
            (&Method::GET, "/ws") => socket(&server, &quotes, region, call, &uri).await,
            _ => {
                let mut answer = Response::new(Body::from("there are /quotes, /stream and /ws\n"));
                *answer.status_mut() = StatusCode::NOT_FOUND;
                Ok(call.reply(answer)?)
            }
        }
    })
    .await
}

async fn stream(
    server: &Server,
    quotes: &Quotes,
    region: &Region,
    call: Call,
    uri: &Uri,
) -> Result<(), Error> {
    let (mut writer, body) = Body::stream(CHUNKS_AHEAD);
    call.reply(json(body))?;
    for chunk in quotes.chunks() {
        writer.send(region, chunk).await?;
        pause(server, region, uri).await?;
    }
    writer.finish();
    Ok(())
}

async fn socket(
    server: &Server,
    quotes: &Quotes,
    region: &Region,
    call: Call,
    uri: &Uri,
) -> Result<(), Error> {
    let mut socket = WebSocket::accept(region, call).await?;
    for chunk in quotes.chunks() {
        let text = String::from_utf8_lossy(&chunk).into_owned();
        socket.send(region, Message::text(text)).await?;
        pause(server, region, uri).await?;
    }
    Ok(socket.close(region).await?)
}

/// Waits for what the client asked for; not when the server drains.
async fn pause(server: &Server, cx: &Region, uri: &Uri) -> Result<(), Error> {
    let Some(millis) = number(uri, "pace").filter(|_| !server.is_draining()) else {
        return Ok(());
    };
    let over = cx.race(
        async |cx| Ok(cx.sleep(Duration::from_millis(millis)).await?),
        async |cx| Ok(server.draining(cx).await?),
    );
    over.await.map(drop)
}

/// The number of that name in the query.
fn number(uri: &Uri, name: &str) -> Option<u64> {
    let mut pairs = uri
        .query()?
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    pairs.find(|(found, _)| *found == name)?.1.parse().ok()
}

fn json(body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    let lines = HeaderValue::from_static("application/jsonl");
    answer.headers_mut().insert(CONTENT_TYPE, lines);
    answer
}
