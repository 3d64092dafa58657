//! One run of the pipeline: which part of the file it is given, and how it is judged.
//!
//! Owns the cuts and the judgement. Where it runs, and with which settings, is said by `mod`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use asupersync_core::{Error, Stats, Time};

use super::ledger::{self, Tally};
use super::orders::{self, BadLine, Order};
use super::pipeline::{Batches, Delivery};

/// The file, as text for the recount and as orders for the pipeline.
#[derive(Debug, Clone)]
pub struct Input {
    text: String,
    orders: Vec<Order>,
}

/// A part of the file: what a run is given.
#[derive(Debug, Clone)]
pub struct Cut<'a> {
    /// The lines, counted in the text and not by the reader, so that one that it lost would be noticed.
    pub ids: Range<u32>,
    /// The orders.
    pub orders: &'a [Order],
}

impl Input {
    /// Reads and checks the text of a file.
    ///
    /// # Errors
    /// If it has a line that is not an order.
    pub fn parse(text: impl Into<String>) -> Result<Self, BadLine> {
        let text = text.into();
        let orders = orders::read(&text)?;
        Ok(Self { text, orders })
    }

    /// The whole file.
    pub fn all(&self) -> Cut<'_> {
        self.cut(0, u32::MAX)
    }

    /// At most `records` orders, at least one; consecutive seeds get consecutive cuts, round and round
    /// the file.
    pub fn cut(&self, seed: u64, records: u32) -> Cut<'_> {
        let lines = self.text.lines().skip(1).count() as u64;
        let length = u64::from(records.max(1));
        let cuts = lines.div_ceil(length).max(1);
        let first = seed % cuts * length + 1;
        let after_last = (first + length).min(lines + 1);
        // Fits: the reader numbers as many lines with 32 bits.
        let ids = first as u32..after_last as u32;
        let from = self.orders.partition_point(|order| order.id < ids.start);
        let to = self.orders.partition_point(|order| order.id < ids.end);
        let orders = &self.orders[from..to];
        Cut { ids, orders }
    }
}

/// One run of the pipeline, recounted.
#[derive(Debug, Clone)]
pub struct Run {
    /// The seed, in the lab.
    pub seed: Option<u64>,
    /// Records given to the pipeline.
    pub records: u64,
    /// What became of them; empty if the recount failed.
    pub tally: Tally,
    /// How the batches ended.
    pub batches: Batches,
    /// The runtime's counters after shutdown.
    pub stats: Stats,
    /// When the pipeline ended, by the runtime's clock.
    pub ended: Time,
    /// What identifies the schedule, where it is traced.
    pub fingerprint: Option<u64>,
    /// How much the oracles found, where there are any.
    pub violations: Option<u64>,
    /// Everything that is wrong with it, in words.
    pub wrong: Vec<String>,
}

impl Run {
    /// Recounts what the pipeline gave and looks at what the runtime has left.
    pub fn judge(
        input: &Input,
        ids: Range<u32>,
        ended: Result<Delivery, Error>,
        stats: Stats,
    ) -> Self {
        let mut run = Self {
            seed: None,
            records: ids.len() as u64,
            tally: Tally::default(),
            batches: Batches::default(),
            stats,
            ended: Time::ZERO,
            fingerprint: None,
            violations: None,
            wrong: Vec::new(),
        };
        match ended {
            Ok(delivery) => {
                run.batches = delivery.batches;
                run.ended = delivery.ended;
                match ledger::audit(&input.text, ids, &delivery.book) {
                    Ok(tally) => run.tally = tally,
                    Err(found) => run.wrong.extend(found.iter().map(ToString::to_string)),
                }
            }
            Err(error) => run.wrong.push(format!("the pipeline failed: {error}")),
        }
        if run.tally.forced > stats.forced {
            let (records, dropped) = (run.tally.forced, stats.forced);
            run.wrong.push(format!(
                "{records} records forced, but only {dropped} things dropped"
            ));
        }
        for (left, what) in [
            (stats.live as u64, "tasks outlive the runtime"),
            (stats.timers as u64, "timers outlive the runtime"),
            (stats.leaked, "obligations leaked"),
        ] {
            if left > 0 {
                run.wrong.push(format!("{left} {what}"));
            }
        }
        run
    }
}
