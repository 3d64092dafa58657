//! Rounds, order and statistics. Knows nothing about runtimes.
//!
//! A workload is one definition of work with one closure per contestant. Each round runs every contestant of the
//! workload once, so a slow minute of the machine falls on all of them; the order rotates by one place a round, so
//! nobody always runs on the heap that the same neighbour left behind. The first rounds are thrown away.

use std::time::{Duration, Instant};

/// What a contestant is to the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// asupersync. The first contestant with this role is the one the bar judges.
    Ours,
    /// A peer named by the bar: the best of these is the 1.00 of the ratio.
    Named,
    /// Shown for comparison, not part of the bar.
    Other,
    /// A bare loop that does less than any runtime can: how far down is possible.
    Limit,
}

/// What the figures of a workload count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Nanoseconds per operation.
    Ns,
    /// Microseconds per operation.
    Us,
    /// Bytes per object.
    Bytes,
}

impl Unit {
    /// The name in a table.
    pub fn label(self) -> &'static str {
        match self {
            Unit::Ns => "ns",
            Unit::Us => "us",
            Unit::Bytes => "B",
        }
    }
}

/// One runtime's way to do the work of one workload.
pub struct Contestant {
    /// The name in a table.
    pub name: &'static str,
    /// Its part in the comparison.
    pub role: Role,
    /// Does the work once, checks that it was done, returns the figure in the workload's unit.
    run: Box<dyn FnMut() -> f64>,
}

impl Contestant {
    /// A contestant whose closure measures itself: what it leaves out is set-up or checking.
    pub fn new(name: &'static str, role: Role, run: impl FnMut() -> f64 + 'static) -> Self {
        Contestant {
            name,
            role,
            run: Box::new(run),
        }
    }
}

/// One definition of work, done by everybody.
pub struct Workload {
    /// The name in a table and for the filter.
    pub name: &'static str,
    /// What one operation is.
    pub per: &'static str,
    /// What the figures count.
    pub unit: Unit,
    /// The greatest allowed ratio to the best named peer.
    pub bar: Option<f64>,
    /// Who takes part.
    pub contestants: Vec<Contestant>,
}

/// What a contestant's rounds came to.
#[derive(Debug, serde::Serialize)]
pub struct Figure {
    /// The contestant.
    pub name: &'static str,
    /// Its part in the comparison.
    pub role: Role,
    /// The middle round.
    pub median: f64,
    /// A quarter of the rounds were at or below this.
    pub quartile_low: f64,
    /// A quarter of the rounds were at or above this.
    pub quartile_high: f64,
    /// The best round.
    pub min: f64,
    /// The middle of the rounds' ratios to the best named peer. Taken round by round, because the two of one round
    /// ran milliseconds apart on the same mood of the machine.
    pub ratio: Option<f64>,
    /// Every counted round, in order.
    pub rounds: Vec<f64>,
}

/// A workload's figures.
#[derive(Debug, serde::Serialize)]
pub struct Report {
    /// The workload.
    pub name: &'static str,
    /// What one operation is.
    pub per: &'static str,
    /// What the figures count.
    pub unit: Unit,
    /// The greatest allowed ratio to the best named peer.
    pub bar: Option<f64>,
    /// The best named peer.
    pub best_peer: Option<&'static str>,
    /// The contestants, in the workload's order.
    pub figures: Vec<Figure>,
}

impl Report {
    /// The figure that the bar judges.
    pub fn ours(&self) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.role == Role::Ours)
    }
}

/// Runs `warmup + rounds` interleaved rounds and reports the last `rounds` of them.
pub fn run(mut workload: Workload, rounds: usize, warmup: usize) -> Report {
    let contestants = &mut workload.contestants;
    let mut samples: Vec<Vec<f64>> = contestants
        .iter()
        .map(|_| Vec::with_capacity(rounds))
        .collect();
    for round in 0..warmup + rounds {
        for place in 0..contestants.len() {
            let index = (place + round) % contestants.len();
            let figure = (contestants[index].run)();
            if round >= warmup {
                samples[index].push(figure);
            }
        }
    }

    let mut figures: Vec<Figure> = contestants
        .iter()
        .zip(samples)
        .map(|(contestant, rounds)| summarise(contestant.name, contestant.role, rounds))
        .collect();
    let best = figures
        .iter()
        .filter(|figure| figure.role == Role::Named)
        .min_by(|a, b| a.median.total_cmp(&b.median))
        .map(|figure| (figure.name, figure.rounds.clone()));
    if let Some((_, best)) = &best {
        for figure in &mut figures {
            figure.ratio = Some(median_ratio(&figure.rounds, best));
        }
    }
    Report {
        name: workload.name,
        per: workload.per,
        unit: workload.unit,
        bar: workload.bar,
        best_peer: best.map(|(name, _)| name),
        figures,
    }
}

fn summarise(name: &'static str, role: Role, rounds: Vec<f64>) -> Figure {
    let mut sorted = rounds.clone();
    sorted.sort_by(f64::total_cmp);
    let rank = |part: f64| sorted[((sorted.len() - 1) as f64 * part).round() as usize];
    Figure {
        name,
        role,
        median: rank(0.5),
        quartile_low: rank(0.25),
        quartile_high: rank(0.75),
        min: sorted[0],
        ratio: None,
        rounds,
    }
}

fn median_ratio(figures: &[f64], best: &[f64]) -> f64 {
    let mut ratios: Vec<f64> = figures
        .iter()
        .zip(best)
        .map(|(figure, best)| figure / best)
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios[(ratios.len() - 1) / 2]
}

/// Times one closure and hands its result out, so that the caller checks it outside the time.
pub fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let started = Instant::now();
    let out = work();
    (started.elapsed(), out)
}

/// Microseconds, for work that is measured whole.
pub fn us(spent: Duration) -> f64 {
    spent.as_nanos() as f64 / 1e3
}

/// Nanoseconds for each of `count` operations.
pub fn ns_each(spent: Duration, count: u64) -> f64 {
    spent.as_nanos() as f64 / count as f64
}

/// A count of operations: whole when optimised, a tenth in debug builds, whose only use is to check that the work is done.
pub const fn scaled(count: u64) -> u64 {
    if cfg!(debug_assertions) {
        count / 10
    } else {
        count
    }
}

/// The sum of `0..count`, which is what workloads that carry numbers must come to.
pub fn sum_below(count: u64) -> u64 {
    count * (count - 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_quartiles_are_rounds_that_happened() {
        let figure = summarise("x", Role::Ours, vec![9.0, 1.0, 5.0, 3.0, 7.0]);
        assert_eq!(
            (
                figure.median,
                figure.quartile_low,
                figure.quartile_high,
                figure.min
            ),
            (5.0, 3.0, 7.0, 1.0)
        );
    }

    #[test]
    fn warm_up_is_dropped_and_the_ratio_is_to_the_best_named_peer() {
        let fixed = |name, role, figure: f64| {
            let mut first = true;
            Contestant::new(name, role, move || {
                if std::mem::take(&mut first) {
                    1e9
                } else {
                    figure
                }
            })
        };
        let report = run(
            Workload {
                name: "w",
                per: "op",
                unit: Unit::Ns,
                bar: Some(1.0),
                contestants: vec![
                    fixed("ours", Role::Ours, 30.0),
                    fixed("slow", Role::Named, 40.0),
                    fixed("best", Role::Named, 20.0),
                    fixed("other", Role::Other, 1.0),
                ],
            },
            4,
            1,
        );
        assert_eq!(report.best_peer, Some("best"));
        let ours = report.ours().expect("ours took part");
        assert_eq!((ours.ratio, ours.rounds.len()), (Some(1.5), 4));
    }
}
