//! The guest future in a task of embassy-executor, on the clock of embassy-time; both in their host form.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use asupersync_core::Stats;
use asupersync_embassy::EmbassyHost;
use embassy_executor::Executor;
use embassy_executor::raw::TaskStorage;

use super::guest::run_in;
use crate::{Body, Harness, Need, Probe, Record, Setup};

/// Runs scenarios on a guest in embassy's executor.
///
/// An embassy executor and its tasks live for ever: each run leaks one of either, and leaves the executor when its
/// task has ended.
#[derive(Debug, Default)]
pub struct EmbassyHarness;

impl Harness for EmbassyHarness {
    fn name(&self) -> &str {
        "guest in embassy"
    }

    fn offers(&self, need: Need) -> bool {
        matches!(need, Need::Unwind | Need::Lanes)
    }

    fn run(&mut self, setup: Setup, body: Body, probe: &Probe) -> Record {
        let record = Rc::new(RefCell::new(None));
        let setup = setup.in_real_time();
        let (slot, probe) = (Rc::clone(&record), probe.clone());
        let task = async move {
            let ended = run_in(EmbassyHost::new(0), setup, body, probe).await;
            *slot.borrow_mut() = Some(ended);
        };
        let storage = Box::leak(Box::new(TaskStorage::new()));
        let executor = Box::leak(Box::new(Executor::new()));
        executor.run_until(
            |spawner| {
                if let Ok(token) = storage.spawn(|| task) {
                    spawner.spawn(token);
                }
            },
            || record.borrow().is_some(),
        );
        record.take().unwrap_or_else(|| Record {
            result: Err(String::from("the task did not end")),
            stats: Stats::default(),
            closed: false,
            violations: Vec::new(),
        })
    }
}
