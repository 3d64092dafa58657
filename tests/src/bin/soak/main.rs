//! The soak: a mixed load on platform-std for as long as it is asked for, and a ledger that must balance at the end.
//!
//! Owns the rounds: each starts a runtime, loads it, and ends it, in every other round in the middle of its work. The seed
//! decides the choices, not how threads meet. Exit code 1 if a line does not balance, anything is left, or a round hangs.

mod host;
mod ledger;
mod net;
mod report;
mod round;
mod tasks;
mod waits;
mod world;

use std::hash::{BuildHasher, RandomState};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;

use crate::host::{Holdings, Watch};
use crate::ledger::Ledger;
use crate::report::{Progress, Verdict};
use crate::world::{Dice, ON_PURPOSE};

/// How often the progress is told.
const TOLD_EVERY: Duration = Duration::from_secs(5);
/// A round that lasts longer than this hangs.
const ROUND_MAX: Duration = Duration::from_secs(90);

/// A mixed load for hours, if need be; a ledger at the end.
#[derive(Parser)]
struct Args {
    /// How long
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Where the choices come from; another one each time if not given
    #[arg(long)]
    seed: Option<u64>,
    /// Count one sleep too many, to see that the run fails
    #[arg(long, hide = true)]
    miscount: bool,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(|| RandomState::new().hash_one(()));
    println!(
        "soak: {} seconds; the same choices again: --seed {seed}",
        args.seconds
    );
    let ledger = Arc::new(Ledger::default());
    tell_panics(&ledger);
    let watch = Watch::start(Duration::from_secs(args.seconds));
    let before = Holdings::now();
    let memory = thread::scope(|threads| {
        let round = Arc::new(AtomicU64::new(0));
        let (over, rest) = mpsc::channel::<()>();
        let (seen, told) = (Arc::clone(&ledger), Arc::clone(&round));
        threads.spawn(move || tell(&seen, watch, &told, &rest));
        let memory = rounds(&ledger, watch, seed, &round);
        drop(over);
        memory
    })?;
    if args.miscount {
        ledger.timers.set.add();
    }
    let verdict = Verdict::of(&ledger, before, memory);
    println!("{verdict}");
    Ok(match verdict.is_good() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Runs rounds until the time is over; what the process held after those of the first quarter, at most.
fn rounds(
    ledger: &Arc<Ledger>,
    watch: Watch,
    seed: u64,
    number: &AtomicU64,
) -> Result<Option<u64>> {
    let mut dice = Dice(seed);
    let mut first_quarter: Option<u64> = None;
    loop {
        let round = number.fetch_add(1, Ordering::Relaxed);
        let length = Duration::from_millis(1_500 + dice.below(3_000));
        round::run(
            ledger,
            round,
            dice.below(u64::MAX),
            length.min(watch.left()),
        )?;
        if first_quarter.is_none() || !watch.is_past_first_quarter() {
            let memory = Holdings::now().map(|held| held.memory);
            first_quarter = first_quarter.max(memory);
        }
        if watch.left().is_zero() {
            return Ok(first_quarter);
        }
    }
}

/// Panics that are meant say nothing; others are faults.
fn tell_panics(ledger: &Arc<Ledger>) {
    let ledger = Arc::clone(ledger);
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&ON_PURPOSE) {
            ledger.faults.panics.add();
            tell(panic);
        }
    }));
}

/// Tells the progress until the rounds are over. Ends the process if one hangs.
fn tell(ledger: &Ledger, watch: Watch, round: &AtomicU64, over: &mpsc::Receiver<()>) {
    let mut progress = Progress::default();
    let (mut last, mut since) = (0, watch.elapsed());
    while over.recv_timeout(TOLD_EVERY) == Err(RecvTimeoutError::Timeout) {
        let now = round.load(Ordering::Relaxed);
        println!("{}", progress.line(ledger, watch.elapsed(), now));
        if std::mem::replace(&mut last, now) != now {
            since = watch.elapsed();
        }
        if watch.elapsed().saturating_sub(since) > ROUND_MAX {
            eprintln!("soak: round {now} hangs; the ledger so far:");
            for line in ledger.lines() {
                eprintln!("  {}: {line}", line.name);
            }
            std::process::exit(1);
        }
    }
}
