//! The service: quotes at once, as a stream, and over WebSockets; the market of the dashboard, and its page.
//!
//! | resource | answer |
//! |---|---|
//! | `/quotes?limit=N` | the first N quotes, one JSON object a line |
//! | `/stream?pace=MS` | all of them, in chunks with a pause between them |
//! | `/ws?pace=MS` | the same as messages of a WebSocket |
//! | `/symbols` | what is traded |
//! | `/history?symbol=S&after=N&limit=N` | its last quotes |
//! | `/feed?symbol=S&after=N` | its quotes as they come, over a WebSocket |
//! | `/ledger` | what became of the requests so far |
//! | `/` | the page, if there is one |
//!
//! Each request is a task in a region of its own that reaches no network, with a deadline if it is no feed. When
//! the service drains, streams do not pause any more: their clients get all of it; feeds say farewell.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use asupersync_conformance::demo::host;
use asupersync_core::{Budget, Cx, Error, LocalRegion, Region, RegionOptions};
use asupersync_hyper::{Body, Call, Ledger, Options, Server};
use asupersync_std::io::{Net, TcpListener};
use asupersync_std::{Runtime, signal};
use asupersync_websocket::{Message, WebSocket};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode, Uri};

use crate::market::Market;
use crate::page::Page;

/// How many requests are worked on at once; the load brings more.
pub const REQUESTS_MAX: u32 = 200;
/// How long a request may take; a feed takes as long as its client.
const REQUEST_LIMIT: Duration = Duration::from_secs(20);
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

/// What requests are answered from.
struct Shelf {
    server: Server,
    quotes: Quotes,
    market: Market,
    page: Page,
}

/// Serves until SIGTERM or Ctrl-C, and the page in that folder too. Whether everything is accounted for.
pub fn serve(at: SocketAddr, page: Option<&Path>) -> Result<bool> {
    let options = Options::new()
        .requests_max(REQUESTS_MAX)
        .request_deadline(None)
        .drain_limit(Duration::from_secs(10));
    let shelf = Arc::new(Shelf {
        server: Server::new(options),
        quotes: Quotes::read()?,
        market: Market::read()?,
        page: page.map(Page::read).transpose()?.unwrap_or_default(),
    });
    let server = &shelf.server;
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
        let own = Arc::clone(&shelf);
        let handler = move |cx, call| answer(Arc::clone(&own), cx, call);
        Ok::<_, Error>(server.serve(region, &listener, handler).await?)
    });
    let sources = runtime.io_stats().sources;
    let stats = runtime.shut_down();
    let ledger = server.ledger();
    let (opened, closed) = shelf.market.feeds();
    println!(
        "{} feeds={opened} farewells={closed} leaked={}",
        line(&ledger),
        stats.leaked + sources as u64
    );
    if let Err(error) = &ended {
        eprintln!("the server did not drain: {error}");
    }
    let is_left = ledger.open() > 0 || opened > closed || stats.live > 0 || sources > 0;
    Ok(ended.is_ok() && stats.leaked == 0 && !is_left)
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

async fn answer(shelf: Arc<Shelf>, cx: Cx, call: Call) -> Result<(), Error> {
    let uri = call.request().uri().clone();
    let mut options = RegionOptions::new().deny::<Net>();
    if uri.path() != "/feed" {
        let deadline = cx.now()?.saturating_add(REQUEST_LIMIT);
        options = options.budget(Budget::INFINITE.with_deadline(deadline));
    }
    let Shelf { server, quotes, .. } = &*shelf;
    cx.region_with(options, async |region| {
        if call.request().method() != Method::GET {
            return Ok(call.reply(missing())?);
        }
        match uri.path() {
            "/quotes" => {
                let lines = number(&uri, "limit").unwrap_or(u64::MAX);
                let text = quotes.first(usize::try_from(lines).unwrap_or(usize::MAX));
                Ok(call.reply(json(Body::from(text)))?)
            }
            "/stream" => stream(server, quotes, region, call, &uri).await,
            "/ws" => socket(server, quotes, region, call, &uri).await,
            "/feed" => {
                let (symbol, after) = (word(&uri, "symbol").unwrap_or(""), number(&uri, "after"));
                shelf.market.feed(server, region, call, symbol, after).await
            }
            path => {
                let answer = shelf.at_once(path, &uri);
                Ok(call.reply(answer.unwrap_or_else(missing))?)
            }
        }
    })
    .await
}

impl Shelf {
    /// What needs no waiting.
    fn at_once(&self, path: &str, uri: &Uri) -> Option<Response<Body>> {
        let text = match path {
            "/symbols" => self.market.symbols(),
            "/history" => {
                let limit = number(uri, "limit").unwrap_or(240);
                let symbol = word(uri, "symbol").unwrap_or("");
                self.market.history(symbol, number(uri, "after"), limit)?
            }
            "/ledger" => self.ledger(),
            _ => return self.page.answer(path),
        };
        Some(json(Body::from(text)))
    }

    /// The ledger as JSON. The request that asks for it is open.
    fn ledger(&self) -> String {
        let ledger = self.server.ledger();
        let (opened, closed) = self.market.feeds();
        format!(
            "{{\"accepted\":{},\"answered\":{},\"open\":{},\"connections\":{},\"feeds\":{opened},\"farewells\":{closed}}}\n",
            ledger.accepted,
            ledger.answered,
            ledger.open(),
            ledger.connections
        )
    }
}

fn missing() -> Response<Body> {
    let text = "there are /quotes, /stream, /ws, /symbols, /history, /feed and /ledger\n";
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer
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
    word(uri, name)?.parse().ok()
}

/// The text of that name in the query, as it stands there.
fn word<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let mut pairs = uri
        .query()?
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    Some(pairs.find(|(found, _)| *found == name)?.1)
}

fn json(body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    let lines = HeaderValue::from_static("application/jsonl");
    answer.headers_mut().insert(CONTENT_TYPE, lines);
    answer
}
