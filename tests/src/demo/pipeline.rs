//! The pipeline: orders in, verdicts out, and not a record lost on the way. Start reading here.
//!
//! ```text
//! run
//! ├─ clerk                    writes what comes through `ledger` into the book
//! └─ region "yard"
//!    ├─ batch (a task)        waits for a slot in the yard, then opens
//!    │  └─ region             cancelled by hand, by its deadline, or not at all
//!    │     ├─ body            reads the batch, feeds its workers through `jobs`
//!    │     ├─ worker × 4      books a carrier for each order, settles it
//!    │     ├─ recall          in the background, now and then: cancels the batch
//!    │     └─ finalizer       settles what no worker picked up
//!    └─ batch ...
//! ```
//!
//! Owns the program and its numbers. It runs wherever a [`LocalRegion`] is: nothing below names a
//! platform. A worker that has to be dropped leaves its record in [`Custody`]; the worker's own
//! finalizer, which outlives its body, settles that record.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use asupersync_core::channel::mpsc::{self, RecvError};
use asupersync_core::lock::{Mutex, Semaphore};
use asupersync_core::{
    Budget, CancelKind, CapabilityDenied, ChildEnded, Cx, CxBase, Either, Error, LocalRegion,
    Region, RegionOptions, TaskError, Time,
};

use serde::{Deserialize, Serialize};

use super::carrier::{Carrier, Refused, Weather};
use super::custody::{Custody, Holder};
use super::ledger::{Entry, Rejection, Verdict};
use super::orders::Order;

/// Records in a batch.
const BATCH: usize = 16;
/// Workers of a batch.
const WORKERS: u32 = 4;
/// Batches that are worked on at once.
const YARD: u32 = 8;
/// Orders that are booked at once: fewer than there are workers.
const DOCKS: u32 = 24;
/// Verdicts on their way to the clerk.
const DESK: usize = 4;
/// How long carriers have for one answer.
const PATIENCE: Duration = Duration::from_millis(15);
/// What to wait after a failed attempt; after the last one comes the last attempt.
const BACKOFF: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(4)];
/// How long settling one record may hold up a cancel.
const PAPERWORK: Duration = Duration::from_millis(10);

/// What the program says about itself in the trace, for [`picture`](super::picture).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Mark {
    /// This task runs everything.
    Main = 1,
    /// This task writes the book.
    Clerk = 2,
    /// This task works off a batch; with the id of its first record.
    Batch = 3,
    /// This task is a worker of its batch; with its number.
    Worker = 4,
    /// This task recalls its batch.
    Recall = 5,
    /// A record is in the ledger; with its id.
    Settled = 6,
}

impl Mark {
    /// What a task can be.
    pub const ROLES: [Self; 5] = [
        Self::Main,
        Self::Clerk,
        Self::Batch,
        Self::Worker,
        Self::Recall,
    ];
}

/// What a run of the pipeline gives.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The ledger, in the order in which it was written.
    pub book: Vec<Entry>,
    /// How the batches ended.
    pub batches: Batches,
    /// The runtime's clock at the end; it began at zero.
    pub ended: Time,
}

/// How batches ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batches {
    /// Worked off.
    pub finished: u64,
    /// Cancelled by hand.
    pub recalled: u64,
    /// Cancelled by their deadline.
    pub overdue: u64,
}

impl Batches {
    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        self.finished += other.finished;
        self.recalled += other.recalled;
        self.overdue += other.overdue;
    }

    fn count(&mut self, cancelled: Option<CancelKind>) {
        *match cancelled {
            None => &mut self.finished,
            Some(CancelKind::Timeout) => &mut self.overdue,
            Some(_) => &mut self.recalled,
        } += 1;
    }
}

/// Finds a carrier for each order, or a reason why not.
///
/// # Errors
/// Only if the runtime refuses something: what happens to orders is in the book.
pub async fn run(region: &LocalRegion, orders: &[Order]) -> Result<Delivery, Error> {
    region.trace(Mark::Main as u64, 0)?;
    let (ledger, entries) = mpsc::channel(slots(DESK));
    let clerk = region.spawn(async move |cx| keep_book(&cx, entries).await)?;
    let site = Site {
        yard: Arc::new(Semaphore::new(YARD)),
        docks: Arc::new(Semaphore::new(DOCKS)),
        ledger,
    };
    let batches = region
        .region(async |yard| {
            let mut working = Vec::new();
            for batch in orders.chunks(BATCH) {
                let (site, batch) = (site.clone(), batch.to_vec());
                working.push(yard.spawn(async move |cx| site.work_off(&cx, batch).await)?);
            }
            let mut batches = Batches::default();
            for batch in working {
                batches.count(batch.join(yard).await?);
            }
            Ok(batches)
        })
        .await?;
    // The last sender: the clerk closes the book.
    drop(site);
    Ok(Delivery {
        book: clerk.join(region).await?,
        batches,
        ended: region.now()?,
    })
}

/// Writes down what comes, until nothing can come any more.
async fn keep_book(cx: &CxBase, mut entries: mpsc::Receiver<Entry>) -> Result<Vec<Entry>, Error> {
    cx.trace(Mark::Clerk as u64, 0)?;
    let mut book = Vec::new();
    loop {
        match entries.recv(cx).await {
            Ok(entry) => book.push(entry),
            Err(RecvError::Closed) => return Ok(book),
            Err(error) => return Err(error.into()),
        }
    }
}

/// What all batches share.
#[derive(Clone)]
struct Site {
    yard: Arc<Semaphore>,
    docks: Arc<Semaphore>,
    ledger: mpsc::Sender<Entry>,
}

/// What happens to a batch besides work.
enum Fate {
    Nothing,
    Deadline(Duration),
    Recall(Duration),
}

impl Fate {
    fn draw(cx: &CxBase) -> Result<Self, CapabilityDenied> {
        let after = Duration::from_micros(5_000 + cx.random_u64()? % 30_000);
        Ok(match cx.random_u64()? % 6 {
            0 => Self::Deadline(after),
            1 => Self::Recall(after),
            _ => Self::Nothing,
        })
    }
}

impl Site {
    /// Works off one batch in a region of its own: when that is closed, every record is settled. Says how
    /// the batch was cancelled, if it was.
    async fn work_off(self, cx: &Cx, orders: Vec<Order>) -> Result<Option<CancelKind>, Error> {
        let first = orders.first().map_or(0, |order| order.id);
        cx.trace(Mark::Batch as u64, first.into())?;
        let _slot = self.yard.acquire(cx, 1).await?;
        let fate = Fate::draw(cx)?;
        let mut budget = Budget::INFINITE;
        if let Fate::Deadline(after) = fate {
            budget = budget.with_deadline(cx.now()?.saturating_add(after));
        }
        let ended = cx
            .region_with(RegionOptions::new().budget(budget), async |batch| {
                if let Fate::Recall(after) = fate {
                    recall(batch, after)?;
                }
                self.feed_workers(batch, &orders).await
            })
            .await;
        match ended {
            Ok(()) => Ok(None),
            Err(error) => cancel_kind(&error).map(Some).ok_or(error),
        }
    }

    /// The body of a batch: reads it, streams it to the workers, and waits for them.
    async fn feed_workers(&self, batch: &Region, orders: &[Order]) -> Result<(), Error> {
        let custody = Arc::new(Custody::new(orders, self.ledger.clone()));
        // Before anything can go wrong: when all workers are gone, what nobody picked up is settled.
        let rest = Arc::clone(&custody);
        batch.defer(async move |cx| {
            rest.reject_held_by(&cx, Holder::Queue, Rejection::Cancelled)
                .await;
        })?;

        let (queue, jobs) = mpsc::channel(slots(WORKERS as usize));
        let jobs = Arc::new(Mutex::new(jobs));
        let mut workers = Vec::new();
        for number in 0..WORKERS {
            let worker = Worker {
                number,
                jobs: Arc::clone(&jobs),
                custody: Arc::clone(&custody),
                docks: Arc::clone(&self.docks),
            };
            workers.push(batch.spawn(async move |cx| worker.work(&cx).await)?);
        }
        drop((jobs, custody));

        for order in orders {
            let permit = queue.reserve(batch).await?;
            // If it comes back because no worker is left, custody has it.
            let _ = permit.send(*order);
        }
        drop(queue);
        for worker in workers {
            worker.join(batch).await?;
        }
        Ok(())
    }
}

/// Cancels the batch after a while, unless its work is done before.
fn recall(batch: &Region, after: Duration) -> Result<(), Error> {
    let handle = batch.spawner();
    batch.spawn_background(async move |cx| {
        cx.trace(Mark::Recall as u64, 0)?;
        cx.sleep(after).await?;
        handle.cancel("the customer recalled the batch");
        Ok(())
    })?;
    Ok(())
}

/// One of the workers of a batch.
struct Worker {
    number: u32,
    jobs: Arc<Mutex<mpsc::Receiver<Order>>>,
    custody: Arc<Custody>,
    docks: Arc<Semaphore>,
}

impl Worker {
    async fn work(self, cx: &Cx) -> Result<(), Error> {
        cx.trace(Mark::Worker as u64, self.number.into())?;
        // Runs when this body is gone, also if it was dropped at one of the awaits below. A worker that
        // ends by itself holds nothing then: what it still holds, it was forced to leave.
        let (custody, me) = (Arc::clone(&self.custody), Holder::Worker(self.number));
        cx.defer(async move |cx| {
            custody.reject_held_by(&cx, me, Rejection::Forced).await;
        })?;

        while let Some(order) = self.next_order(cx).await? {
            // No await between the receive and this: out of the queue is in our hands.
            self.custody.pick_up(order, self.number);
            let verdict = match self.ship(cx).await {
                Ok(carrier) => Verdict::Acknowledged(carrier),
                Err(error) => Verdict::Rejected(rejection(&error).ok_or(error)?),
            };
            // Masked: a record that has its verdict is settled even if the batch is cancelled meanwhile.
            cx.masked(PAPERWORK, async |cx| {
                self.custody.settle(cx, order, verdict).await
            })
            .await?;
        }
        Ok(())
    }

    /// The next order; `None` after the last.
    async fn next_order(&self, cx: &CxBase) -> Result<Option<Order>, Error> {
        let mut jobs = self.jobs.lock(cx).await?;
        match jobs.recv(cx).await {
            Ok(order) => Ok(Some(order)),
            Err(RecvError::Closed) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Books a carrier: several attempts, with growing pauses.
    async fn ship(&self, cx: &Cx) -> Result<Carrier, Error> {
        let weather = Weather::draw(cx)?;
        for pause in BACKOFF {
            match self.attempt(cx, weather).await {
                Err(error) if is_worth_retrying(&error) => cx.sleep(pause).await?,
                end => return end,
            }
        }
        self.attempt(cx, weather).await
    }

    /// Asks both carriers, from a dock; the first answer in time counts.
    async fn attempt(&self, cx: &Cx, weather: Weather) -> Result<Carrier, Error> {
        let _dock = self.docks.acquire(cx, 1).await?;
        cx.timeout(PATIENCE, async |cx| {
            let north = async |cx: &Cx| Carrier::North.book(cx, weather).await;
            let south = async |cx: &Cx| Carrier::South.book(cx, weather).await;
            match cx.race(north, south).await? {
                Either::A(carrier) | Either::B(carrier) => Ok(carrier),
            }
        })
        .await
    }
}

/// The verdict on an order that could not be shipped; `None`: the program failed, not the order.
fn rejection(error: &Error) -> Option<Rejection> {
    if error.cancelled().is_some() {
        Some(Rejection::Cancelled)
    } else if cancel_kind(error) == Some(CancelKind::Timeout) {
        Some(Rejection::TimedOut)
    } else {
        let refused = error.downcast_ref::<Refused>();
        refused.map(|_| Rejection::CarrierFailed)
    }
}

fn is_worth_retrying(error: &Error) -> bool {
    matches!(
        rejection(error),
        Some(Rejection::TimedOut | Rejection::CarrierFailed)
    )
}

/// How the part of the program that ended with this error was cancelled, if it was.
fn cancel_kind(error: &Error) -> Option<CancelKind> {
    let ended = error.downcast_ref::<ChildEnded>()?;
    Some(ended.reason()?.kind())
}

const fn slots(count: usize) -> core::num::NonZeroUsize {
    core::num::NonZeroUsize::new(count).expect("a channel has slots")
}
