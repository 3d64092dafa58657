//! The pipeline in the lab: virtual time, any schedule, chaos, and every oracle watching.

use alloc::string::ToString;
use core::ops::Range;
use core::time::Duration;

use asupersync_core::LocalRegion;
use asupersync_sim::artifact::Trace;
use asupersync_sim::{Chaos, Lab, LabReport};

use super::config;
use super::pipeline::{self, Delivery};
use super::run::{Cut, Input, Run};

/// Runs the pipeline in the lab, in virtual time, over a cut of the file.
pub fn in_lab(input: &Input, seed: u64, records: u32) -> Run {
    let Cut { ids, orders } = input.cut(seed, records);
    let report = lab(seed)
        .capture_trace(false)
        .run(async |region: &LocalRegion| pipeline::run(region, orders).await);
    judge_report(input, ids, report)
}

/// [`in_lab`] twice: also checks that both runs are the same, event by event, and keeps the trace.
pub fn in_lab_twice(input: &Input, seed: u64, records: u32) -> (Run, Option<Trace>) {
    let Cut { ids, orders } = input.cut(seed, records);
    let mut report =
        lab(seed).run_twice(|| async |region: &LocalRegion| pipeline::run(region, orders).await);
    let trace = report.trace.take();
    (judge_report(input, ids, report), trace)
}

/// A lab that now and then holds a task back for a while, whatever it is in the middle of.
fn lab(seed: u64) -> Lab {
    let chaos = Chaos {
        delay_per_mille: 5,
        delay_max: Duration::from_millis(20),
        ..Chaos::default()
    };
    Lab::new(seed)
        .scenario("demo")
        .config(config())
        .chaos(chaos)
}

fn judge_report(input: &Input, ids: Range<u32>, report: LabReport<Delivery>) -> Run {
    let mut run = Run::judge(input, ids, report.result, report.stats);
    run.seed = Some(report.seed);
    run.fingerprint = Some(report.fingerprint);
    run.violations = Some(report.violations.len() as u64);
    let violations = report.violations.iter().map(ToString::to_string);
    run.wrong.extend(violations);
    run
}
