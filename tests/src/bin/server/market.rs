//! The market: orders out of the busiest airports, four a second each, as a history and as a feed.
//!
//! Owns what a quote is. Quote `n` of an airport is the same whoever asks and whenever: one of its routes, drawn by `n`, and
//! the mean of the last orders. `n` counts quarters of a second since 1970, so a server that is started again goes on where
//! the one before would be, and what a page has missed is in the history.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use asupersync_conformance::demo::host;
use asupersync_conformance::demo::orders::Order;
use asupersync_core::{Either, Error, Region};
use asupersync_hyper::{Call, Server};
use asupersync_websocket::{Message, WebSocket};

/// Between two quotes.
const TICK: Duration = Duration::from_millis(250);
/// How many airports are traded.
const SYMBOLS: usize = 8;
/// How many orders the mean is of.
const WINDOW: u64 = 32;
/// The longest history: an hour.
const HISTORY_MAX: u64 = 14_400;

/// What is traded, and who listens.
pub struct Market {
    routes: BTreeMap<String, Vec<Order>>,
    /// Feeds that began.
    opened: AtomicU64,
    /// Feeds that ended, with a farewell or because their client was gone.
    closed: AtomicU64,
}

impl Market {
    /// Reads the file of the demo and takes the airports with the most routes.
    pub fn read() -> anyhow::Result<Self> {
        let input = host::read(&host::path())?;
        let mut all: BTreeMap<String, Vec<Order>> = BTreeMap::new();
        for order in input.all().orders {
            all.entry(order.origin.to_string())
                .or_default()
                .push(*order);
        }
        let mut busiest: Vec<_> = all.into_iter().collect();
        busiest.sort_by_key(|(_, routes)| std::cmp::Reverse(routes.len()));
        busiest.truncate(SYMBOLS);
        Ok(Self {
            routes: busiest.into_iter().collect(),
            opened: AtomicU64::new(0),
            closed: AtomicU64::new(0),
        })
    }

    /// The airports, as a list in JSON.
    pub fn symbols(&self) -> String {
        let names: Vec<_> = self
            .routes
            .keys()
            .map(|name| format!("\"{name}\""))
            .collect();
        format!("[{}]\n", names.join(","))
    }

    /// Feeds that began, and feeds that ended.
    pub fn feeds(&self) -> (u64, u64) {
        let closed = self.closed.load(Ordering::Acquire);
        (self.opened.load(Ordering::Acquire), closed)
    }

    /// The last quotes of an airport, oldest first, one JSON object a line: those after quote `after`, at most `limit`.
    /// `None`: it is not traded.
    pub fn history(&self, symbol: &str, after: Option<u64>, limit: u64) -> Option<String> {
        let routes = self.routes.get(symbol)?;
        let last = now();
        let first = last - limit.min(HISTORY_MAX) + 1;
        let first = first.max(after.map_or(0, |after| after.saturating_add(1)));
        let mut text = String::new();
        for number in first..=last {
            quote(&mut text, routes, number);
        }
        Some(text)
    }

    /// Sends the quotes of an airport after quote `after`, each when it is due, until the client closes or the server drains.
    pub async fn feed(
        &self,
        server: &Server,
        region: &Region,
        call: Call,
        symbol: &str,
        after: Option<u64>,
    ) -> Result<(), Error> {
        let mut socket = WebSocket::accept(region, call).await?;
        let _open = Open::new(self);
        let Some(routes) = self.routes.get(symbol) else {
            return Ok(socket.close(region).await?);
        };
        let newest = now();
        let mut number = after.map_or(newest, |after| after.clamp(newest - HISTORY_MAX, newest));
        loop {
            let turn = region.race(
                async |cx| {
                    cx.race(
                        async |cx| Ok(cx.sleep(until(number + 1)).await?),
                        async |cx| Ok(server.draining(cx).await?),
                    )
                    .await
                },
                async |cx| Ok(socket.recv(cx).await?),
            );
            match turn.await? {
                Either::A(Either::A(())) => {}
                // A client has nothing to say.
                Either::B(Some(_)) => continue,
                Either::A(Either::B(())) | Either::B(None) => break,
            }
            let mut text = String::new();
            while number < now() {
                number += 1;
                quote(&mut text, routes, number);
            }
            if !text.is_empty() {
                socket.send(region, Message::text(text)).await?;
            }
        }
        Ok(socket.close(region).await?)
    }
}

/// A feed from its beginning to its end, however it ends.
struct Open<'a>(&'a Market);

impl<'a> Open<'a> {
    fn new(market: &'a Market) -> Self {
        market.opened.fetch_add(1, Ordering::AcqRel);
        Self(market)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.closed.fetch_add(1, Ordering::AcqRel);
    }
}

/// The time since 1970; a host whose clock is before that trades nothing for a day.
fn past() -> Duration {
    let past = SystemTime::now().duration_since(UNIX_EPOCH);
    past.unwrap_or_default().max(Duration::from_secs(86_400))
}

/// The number of the newest quote.
fn now() -> u64 {
    (past().as_millis() / TICK.as_millis()) as u64
}

/// How long until a quote is due.
fn until(number: u64) -> Duration {
    Duration::from_millis(number * TICK.as_millis() as u64).saturating_sub(past())
}

/// The route that quote `number` is for.
fn drawn(routes: &[Order], number: u64) -> Option<&Order> {
    // The finaliser of MurmurHash3: neighbours are as far from each other as others.
    let mut hash = number;
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    let index = (hash ^ (hash >> 33)) % (routes.len().max(1) as u64);
    routes.get(index as usize)
}

fn quote(text: &mut String, routes: &[Order], number: u64) {
    let Some(order) = drawn(routes, number) else {
        return;
    };
    let window = (number.saturating_sub(WINDOW - 1)..=number).filter_map(|at| drawn(routes, at));
    let sum: u64 = window.map(|order| u64::from(order.parcels)).sum();
    let at = number * TICK.as_millis() as u64;
    let (to, parcels, mean) = (order.destination, order.parcels, sum / WINDOW);
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        r#"{{"number":{number},"at":{at},"to":"{to}","parcels":{parcels},"mean":{mean}}}"#
    );
}
