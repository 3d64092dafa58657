//! One producer task sends N numbers through a bounded channel; the root receives them one by one and adds up.
//!
//! The peers' channels run on the raw loop, which charges them the least for a task switch; tokio's also on tokio,
//! where it takes part in tokio's cooperative budget. asupersync's channel runs on asupersync and takes a permit for
//! each message: reserve (wait for room), then commit.
//!
//! Dominated by: at capacity 1 the switch between producer and consumer after every message (wake, queue, poll); at 64
//! and 1024 the channel's lock or atomics, since a whole capacity goes through per switch.

use super::threads::{Peer, Tokio};
use crate::harness::{Contestant, Role, Unit, Workload, ns_each, sum_below, timed};
use crate::host::{self, raw};
use crate::ours;
use std::future::Future;

pub fn workload(name: &'static str, capacity: usize, messages: u64) -> Workload {
    let mut contestants = ours::mpsc(ours::On::One, capacity, messages);
    contestants.extend([
        on_raw("tokio on the raw loop", messages, move || {
            tokio_pair(capacity, messages)
        }),
        on_tokio(capacity, messages),
        on_raw("flume", messages, move || flume_pair(capacity, messages)),
        on_raw("kanal", messages, move || kanal_pair(capacity, messages)),
        on_raw("async-channel", messages, move || {
            async_channel_pair(capacity, messages)
        }),
    ]);
    let mut permits = on_raw("tokio on the raw loop, permits", messages, move || {
        tokio_permit_pair(capacity, messages)
    });
    permits.role = Role::Other;
    contestants.push(permits);
    Workload {
        name,
        per: "message",
        unit: Unit::Ns,
        bar: Some(1.1),
        contestants,
    }
}

/// The same between two threads: every channel on tokio's threads, ours on ours.
pub fn on_threads(name: &'static str, capacity: usize, messages: u64) -> Workload {
    fn peer<P, C>(
        name: &'static str,
        messages: u64,
        pair: impl Fn() -> (P, C) + 'static,
    ) -> Contestant
    where
        P: Future<Output = ()> + Send + 'static,
        C: Future<Output = u64> + Send + 'static,
    {
        let tokio = Tokio::start();
        Contestant::new(name, Role::Named, move || {
            let (producer, consumer) = pair();
            let (spent, sum) = timed(|| {
                tokio.wait(async {
                    let producer = tokio.spawn(producer);
                    let sum = tokio.spawn(consumer).await;
                    producer.await;
                    sum
                })
            });
            assert_eq!(sum, sum_below(messages));
            ns_each(spent, messages)
        })
    }
    let mut contestants = ours::mpsc(ours::On::Two, capacity, messages);
    contestants.extend([
        peer("tokio", messages, move || tokio_pair(capacity, messages)),
        peer("flume", messages, move || flume_pair(capacity, messages)),
        peer("kanal", messages, move || kanal_pair(capacity, messages)),
        peer("async-channel", messages, move || {
            async_channel_pair(capacity, messages)
        }),
    ]);
    Workload {
        name,
        per: "message",
        unit: Unit::Ns,
        bar: Some(1.1),
        contestants,
    }
}

/// Runs a producer and a consumer on the raw loop. Making the channel is outside the time.
fn on_raw<P, C>(
    name: &'static str,
    messages: u64,
    pair: impl Fn() -> (P, C) + 'static,
) -> Contestant
where
    P: Future<Output = ()> + Send + 'static,
    C: Future<Output = u64> + Send + 'static,
{
    Contestant::new(name, Role::Named, move || {
        let (producer, consumer) = pair();
        let (spent, sum) = timed(|| {
            raw::block_on(async {
                let producer = raw::spawn(producer);
                let sum = consumer.await;
                producer.await;
                sum
            })
        });
        assert_eq!(sum, sum_below(messages));
        ns_each(spent, messages)
    })
}

fn on_tokio(capacity: usize, messages: u64) -> Contestant {
    let runtime = host::tokio();
    Contestant::new("tokio on tokio", Role::Named, move || {
        let (producer, consumer) = tokio_pair(capacity, messages);
        let (spent, sum) = timed(|| {
            runtime.block_on(async {
                let producer = tokio::spawn(producer);
                // A task of its own, as on the raw loop: the future given to `block_on` is polled by another path.
                let sum = tokio::spawn(consumer).await.expect("the consumer returns");
                producer.await.expect("the producer returns");
                sum
            })
        });
        assert_eq!(sum, sum_below(messages));
        ns_each(spent, messages)
    })
}

fn tokio_pair(
    capacity: usize,
    messages: u64,
) -> (
    impl Future<Output = ()> + Send + 'static,
    impl Future<Output = u64> + Send + 'static,
) {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(capacity);
    let producer = async move {
        for number in 0..messages {
            sender.send(number).await.expect("the consumer lives");
        }
    };
    let consumer = async move {
        let mut sum = 0;
        while let Some(number) = receiver.recv().await {
            sum += number;
        }
        sum
    };
    (producer, consumer)
}

fn tokio_permit_pair(
    capacity: usize,
    messages: u64,
) -> (
    impl Future<Output = ()> + Send + 'static,
    impl Future<Output = u64> + Send + 'static,
) {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(capacity);
    let producer = async move {
        for number in 0..messages {
            sender
                .reserve()
                .await
                .expect("the consumer lives")
                .send(number);
        }
    };
    let consumer = async move {
        let mut sum = 0;
        while let Some(number) = receiver.recv().await {
            sum += number;
        }
        sum
    };
    (producer, consumer)
}

fn flume_pair(
    capacity: usize,
    messages: u64,
) -> (
    impl Future<Output = ()> + Send + 'static,
    impl Future<Output = u64> + Send + 'static,
) {
    let (sender, receiver) = flume::bounded(capacity);
    let producer = async move {
        for number in 0..messages {
            sender.send_async(number).await.expect("the consumer lives");
        }
    };
    let consumer = async move {
        let mut sum = 0;
        while let Ok(number) = receiver.recv_async().await {
            sum += number;
        }
        sum
    };
    (producer, consumer)
}

fn kanal_pair(
    capacity: usize,
    messages: u64,
) -> (
    impl Future<Output = ()> + Send + 'static,
    impl Future<Output = u64> + Send + 'static,
) {
    let (sender, receiver) = kanal::bounded_async(capacity);
    let producer = async move {
        for number in 0..messages {
            sender.send(number).await.expect("the consumer lives");
        }
    };
    let consumer = async move {
        let mut sum = 0;
        while let Ok(number) = receiver.recv().await {
            sum += number;
        }
        sum
    };
    (producer, consumer)
}

fn async_channel_pair(
    capacity: usize,
    messages: u64,
) -> (
    impl Future<Output = ()> + Send + 'static,
    impl Future<Output = u64> + Send + 'static,
) {
    let (sender, receiver) = async_channel::bounded(capacity);
    let producer = async move {
        for number in 0..messages {
            sender.send(number).await.expect("the consumer lives");
        }
    };
    let consumer = async move {
        let mut sum = 0;
        while let Ok(number) = receiver.recv().await {
            sum += number;
        }
        sum
    };
    (producer, consumer)
}
