//! The carriers: a made-up world outside, with all the ways in which one disappoints.
//!
//! Owns latencies, refusals and bad weather, all drawn from the runtime's seed. Nothing here knows
//! about batches or the ledger. A booking is only a promise: it becomes a shipment when the ledger
//! acknowledges the order, and lapses otherwise, so that it can be given up at any time.

use core::time::Duration;

use asupersync_core::{CapabilityDenied, Cx, CxBase, Error};

/// Who could take an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// One of two.
    North,
    /// The other.
    South,
}

/// The carrier answered, and the answer was no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} will not take the order")]
pub struct Refused(pub Carrier);

/// How long carriers take to answer, and whether they listen meanwhile. The same for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Answers take milliseconds.
    Fair,
    /// Many answers come too late.
    Gale,
    /// Answers come too late, and nobody hears that they are not wanted any more.
    Storm,
}

impl Weather {
    /// The weather on an order's way.
    ///
    /// # Errors
    /// Without the capability to draw random numbers.
    pub fn draw(cx: &CxBase) -> Result<Self, CapabilityDenied> {
        Ok(match cx.random_u64()? % 100 {
            0..1 => Self::Storm,
            1..6 => Self::Gale,
            _ => Self::Fair,
        })
    }

    /// When an answer comes.
    fn latency(self, cx: &CxBase) -> Result<Duration, CapabilityDenied> {
        let (least, most) = match self {
            Self::Fair => (1_000, 8_000),
            Self::Gale => (10_000, 30_000),
            Self::Storm => (30_000, 120_000),
        };
        let micros = least + cx.random_u64()? % (most - least);
        Ok(Duration::from_micros(micros))
    }
}

impl Carrier {
    /// Asks the carrier to take an order.
    ///
    /// # Errors
    /// [`Refused`], now and then; that of a wait that was cancelled.
    ///
    /// # Cancel safety
    /// Dropping the future gives the booking up.
    pub async fn book(self, cx: &Cx, weather: Weather) -> Result<Self, Error> {
        let latency = weather.latency(cx)?;
        match weather {
            Weather::Fair | Weather::Gale => cx.sleep(latency).await?,
            // What a client library does that has never heard of cancellation: it can only be dropped.
            Weather::Storm => {
                cx.masked(Duration::MAX, async |cx| cx.sleep(latency).await)
                    .await?;
            }
        }
        match cx.random_u64()? % 5 {
            0 => Err(Refused(self).into()),
            _ => Ok(self),
        }
    }
}
