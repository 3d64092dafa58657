//! Clients of the service, many at once: streams and WebSockets. Each must get the whole data set, byte by byte.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow};
use asupersync_core::{Cx, CxBase, Error, LocalRegion, Region};
use asupersync_hyper::{Body, Client, Version, wait};
use asupersync_std::Runtime;
use asupersync_websocket::WebSocket;
use http_body_util::BodyExt;
use hyper::{Request, StatusCode};

use crate::service::Quotes;

#[derive(clap::Args)]
pub struct Args {
    /// Where the server is
    at: SocketAddr,
    /// How many clients read `/stream`
    #[arg(long, default_value_t = 0)]
    streams: usize,
    /// How many clients open `/ws`
    #[arg(long, default_value_t = 0)]
    sockets: usize,
    /// Milliseconds that the server pauses between chunks
    #[arg(long)]
    pace: Option<u64>,
}

/// How a client fared.
enum End {
    /// It has everything, after this long.
    Whole(Duration),
    /// It was told to come back later.
    Shed,
}

/// Where the clients are in their work.
struct Crowd {
    quotes: Quotes,
    clients: usize,
    begun: AtomicUsize,
}

impl Crowd {
    /// A client has its first data, or was shed. The last one says so to whoever started us.
    fn begin(&self) {
        if self.begun.fetch_add(1, Ordering::AcqRel) + 1 == self.clients {
            println!("begun");
            // Whoever does not listen misses nothing.
            let _ = std::io::stdout().flush();
        }
    }
}

/// Runs the clients; whether each got everything or a typed refusal.
pub fn run(args: &Args) -> Result<bool> {
    let crowd = Arc::new(Crowd {
        quotes: Quotes::read()?,
        clients: args.streams + args.sockets,
        begun: AtomicUsize::new(0),
    });
    let (at, pace) = (args.at, args.pace);
    let query = pace.map_or(String::new(), |pace| format!("?pace={pace}"));
    let mut runtime = Runtime::builder().workers(1).build()?;
    let ended = runtime.block_on(async |region: &LocalRegion| {
        let mut tasks = Vec::new();
        for number in 0..crowd.clients {
            let is_socket = number < args.sockets;
            let (crowd, query) = (Arc::clone(&crowd), query.clone());
            tasks.push(region.spawn(async move |cx: Cx| {
                cx.region(async |region| match is_socket {
                    true => socket(&crowd, region, at, &query).await,
                    false => stream(&crowd, region, at, &query).await,
                })
                .await
            })?);
        }
        let mut ends = Vec::new();
        for task in tasks {
            ends.push(task.join(region).await?);
        }
        Ok::<_, Error>(ends)
    });
    let ends = ended.map_err(|error| anyhow!("a client failed: {error}"))?;
    report(&ends);
    Ok(runtime.shut_down().leaked == 0)
}

async fn stream(crowd: &Crowd, region: &Region, at: SocketAddr, query: &str) -> Result<End, Error> {
    let start = region.now()?;
    let mut client = Client::connect(region, at, Version::Http1).await?;
    let request = Request::get(format!("http://{at}/stream{query}")).body(Body::empty())?;
    let answer = client.send(region, request).await?;
    if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
        crowd.begin();
        return Ok(End::Shed);
    }
    let mut body = answer.into_body();
    let mut got = Vec::new();
    while let Some(frame) = wait(region, body.frame()).await? {
        if let Ok(data) = frame?.into_data() {
            if got.is_empty() {
                crowd.begin();
            }
            got.extend_from_slice(&data);
        }
    }
    whole(crowd, region, &got)?;
    Ok(End::Whole(region.now()?.saturating_since(start)))
}

async fn socket(crowd: &Crowd, region: &Region, at: SocketAddr, query: &str) -> Result<End, Error> {
    let start = region.now()?;
    let client = Client::connect(region, at, Version::Http1).await?;
    let uri = format!("http://{at}/ws{query}").parse()?;
    let mut socket = WebSocket::connect(region, client, &uri).await?;
    let mut got = Vec::new();
    while let Some(message) = socket.recv(region).await? {
        if got.is_empty() {
            crowd.begin();
        }
        got.extend_from_slice(&message.into_data());
    }
    whole(crowd, region, &got)?;
    Ok(End::Whole(region.now()?.saturating_since(start)))
}

/// Whether it is the data set, byte by byte.
fn whole(crowd: &Crowd, cx: &CxBase, got: &[u8]) -> Result<(), Error> {
    cx.checkpoint()?;
    let all = crowd.quotes.text();
    if got != &all[..] {
        let text = format!("{} bytes came of {}, or others", got.len(), all.len());
        return Err(std::io::Error::other(text).into());
    }
    Ok(())
}

fn report(ends: &[End]) {
    let mut times: Vec<Duration> = ends
        .iter()
        .filter_map(|end| match end {
            End::Whole(time) => Some(*time),
            End::Shed => None,
        })
        .collect();
    times.sort_unstable();
    let at = |percent: usize| {
        let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
        times.get(index).map_or(0, |time| time.as_micros())
    };
    let shed = ends.len() - times.len();
    println!(
        "load whole={} shed={shed} p50_us={} p99_us={}",
        times.len(),
        at(50),
        at(99)
    );
}
