//! One task makes a oneshot, sends a number and awaits it, 200,000 times. Nothing waits: this is the channel's own cost.
//! (`ping_pong` has the waiting.)
//!
//! Dominated by: one allocation and one free; then two or three atomic operations.

use crate::harness::{Contestant, Role, Unit, Workload, ns_each, scaled, sum_below, timed};
use crate::host::{self, raw};
use crate::ours;
use std::future::Future;
use std::hint::black_box;

const TIMES: u64 = scaled(200_000);

pub fn workload(name: &'static str) -> Workload {
    let mut contestants = ours::oneshot(TIMES);
    contestants.extend([
        on_raw("tokio on the raw loop", tokio_loop),
        on_tokio(),
        on_raw("futures", futures_loop),
        on_raw("oneshot", oneshot_loop),
    ]);
    Workload {
        name,
        per: "oneshot",
        unit: Unit::Ns,
        bar: Some(1.1),
        contestants,
    }
}

fn on_raw<F>(name: &'static str, work: impl Fn() -> F + 'static) -> Contestant
where
    F: Future<Output = u64> + Send + 'static,
{
    Contestant::new(name, Role::Named, move || {
        let (spent, sum) = timed(|| raw::block_on(work()));
        assert_eq!(sum, sum_below(TIMES));
        ns_each(spent, TIMES)
    })
}

fn on_tokio() -> Contestant {
    let runtime = host::tokio();
    Contestant::new("tokio on tokio", Role::Named, move || {
        let (spent, sum) = timed(|| {
            runtime.block_on(async { tokio::spawn(tokio_loop()).await.expect("the task returns") })
        });
        assert_eq!(sum, sum_below(TIMES));
        ns_each(spent, TIMES)
    })
}

async fn tokio_loop() -> u64 {
    let mut sum = 0;
    for number in 0..TIMES {
        let (sender, receiver) = black_box(tokio::sync::oneshot::channel());
        sender.send(number).expect("the receiver lives");
        sum += receiver.await.expect("the sender sent");
    }
    sum
}

async fn futures_loop() -> u64 {
    let mut sum = 0;
    for number in 0..TIMES {
        let (sender, receiver) = black_box(futures::channel::oneshot::channel());
        sender.send(number).expect("the receiver lives");
        sum += receiver.await.expect("the sender sent");
    }
    sum
}

async fn oneshot_loop() -> u64 {
    let mut sum = 0;
    for number in 0..TIMES {
        let (sender, receiver) = black_box(oneshot::async_channel());
        sender.send(number).expect("the receiver lives");
        sum += receiver.await.expect("the sender sent");
    }
    sum
}
