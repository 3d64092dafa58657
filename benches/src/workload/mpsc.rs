//! Producer tasks send N numbers through a bounded channel; one task receives them one by one and adds up.
//!
//! On one thread there is one producer. The peers' channels run on the raw loop, which charges them the least for a task
//! switch; tokio's also on tokio, where it takes part in tokio's cooperative budget. Between threads there are one or
//! four, and the peers' channels run on tokio's scheduler. asupersync's channel runs on asupersync and takes a permit
//! for each message: reserve (wait for room), then commit.
//!
//! Dominated by: at capacity 1 the switch between producer and consumer after every message (wake, queue, poll); at 64
//! and 1024 the channel's lock or atomics, since a whole capacity goes through per switch.

use super::threads::{Peer, Tokio};
use crate::harness::{Contestant, Role, Unit, Workload, ns_each, sum_below, timed};
use crate::host::{self, raw};
use crate::ours;
use std::future::Future;
use std::ops::Range;

pub fn workload(name: &'static str, capacity: usize, messages: u64) -> Workload {
    let mut contestants = ours::mpsc(ours::On::One, 1, capacity, messages);
    contestants.extend([
        on_raw::<TokioSends>("tokio on the raw loop", capacity, messages),
        on_tokio(capacity, messages),
        on_raw::<Flume>("flume", capacity, messages),
        on_raw::<Kanal>("kanal", capacity, messages),
        on_raw::<AsyncChannel>("async-channel", capacity, messages),
    ]);
    let mut permits = on_raw::<TokioPermits>("tokio on the raw loop, permits", capacity, messages);
    permits.role = Role::Other;
    contestants.push(permits);
    of(name, contestants)
}

/// The same between two threads: every channel on tokio's threads, ours on ours.
pub fn on_threads(name: &'static str, producers: u64, capacity: usize, messages: u64) -> Workload {
    fn peer<C: Channel>(
        name: &'static str,
        producers: u64,
        capacity: usize,
        messages: u64,
    ) -> Contestant {
        let tokio = Tokio::start();
        Contestant::new(name, Role::Named, move || {
            let (sender, receiver) = C::bounded(capacity);
            let (spent, sum) = timed(|| {
                tokio.wait(async {
                    let started: Vec<_> = shares(messages, producers)
                        .map(|share| tokio.spawn(produce::<C>(sender.clone(), share)))
                        .collect();
                    drop(sender);
                    let sum = tokio.spawn(consume::<C>(receiver)).await;
                    for producer in started {
                        producer.await;
                    }
                    sum
                })
            });
            assert_eq!(sum, sum_below(messages));
            ns_each(spent, messages)
        })
    }
    let mut contestants = ours::mpsc(ours::On::Two, producers, capacity, messages);
    contestants.extend([
        peer::<TokioSends>("tokio", producers, capacity, messages),
        peer::<Flume>("flume", producers, capacity, messages),
        peer::<Kanal>("kanal", producers, capacity, messages),
        peer::<AsyncChannel>("async-channel", producers, capacity, messages),
    ]);
    of(name, contestants)
}

fn of(name: &'static str, contestants: Vec<Contestant>) -> Workload {
    Workload {
        name,
        per: "message",
        unit: Unit::Ns,
        bar: Some(1.1),
        contestants,
    }
}

/// The numbers below `messages`, as evenly among producers as they go.
pub fn shares(messages: u64, producers: u64) -> impl Iterator<Item = Range<u64>> {
    let from = move |producer| messages * producer / producers;
    (0..producers).map(move |producer| from(producer)..from(producer + 1))
}

// ---------------------------------------------------------------- hosts

/// Runs a producer and a consumer on the raw loop. Making the channel is outside the time.
fn on_raw<C: Channel>(name: &'static str, capacity: usize, messages: u64) -> Contestant {
    Contestant::new(name, Role::Named, move || {
        let (sender, receiver) = C::bounded(capacity);
        let (spent, sum) = timed(|| {
            raw::block_on(async move {
                let producer = raw::spawn(produce::<C>(sender, 0..messages));
                let sum = consume::<C>(receiver).await;
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
        let (sender, receiver) = TokioSends::bounded(capacity);
        let (spent, sum) = timed(|| {
            runtime.block_on(async {
                let producer = tokio::spawn(produce::<TokioSends>(sender, 0..messages));
                // A task of its own, as on the raw loop: the future given to `block_on` is polled by another path.
                let consumer = tokio::spawn(consume::<TokioSends>(receiver));
                let sum = consumer.await.expect("the consumer returns");
                producer.await.expect("the producer returns");
                sum
            })
        });
        assert_eq!(sum, sum_below(messages));
        ns_each(spent, messages)
    })
}

async fn produce<C: Channel>(sender: C::Sender, numbers: Range<u64>) {
    for number in numbers {
        C::send(&sender, number).await;
    }
}

async fn consume<C: Channel>(mut receiver: C::Receiver) -> u64 {
    let mut sum = 0;
    while let Some(number) = C::recv(&mut receiver).await {
        sum += number;
    }
    sum
}

// ---------------------------------------------------------------- peers

/// A peer's bounded channel. Sending panics without a receiver; receiving gives `None` without senders.
trait Channel: 'static {
    type Sender: Clone + Send + Sync + 'static;
    type Receiver: Send + 'static;

    fn bounded(capacity: usize) -> (Self::Sender, Self::Receiver);
    fn send(sender: &Self::Sender, number: u64) -> impl Future<Output = ()> + Send;
    fn recv(receiver: &mut Self::Receiver) -> impl Future<Output = Option<u64>> + Send;
}

struct TokioSends;

impl Channel for TokioSends {
    type Sender = tokio::sync::mpsc::Sender<u64>;
    type Receiver = tokio::sync::mpsc::Receiver<u64>;

    fn bounded(capacity: usize) -> (Self::Sender, Self::Receiver) {
        tokio::sync::mpsc::channel(capacity)
    }
    async fn send(sender: &Self::Sender, number: u64) {
        sender.send(number).await.expect("the consumer lives");
    }
    fn recv(receiver: &mut Self::Receiver) -> impl Future<Output = Option<u64>> + Send {
        receiver.recv()
    }
}

/// tokio's channel with a permit for each message, as ours.
struct TokioPermits;

impl Channel for TokioPermits {
    type Sender = tokio::sync::mpsc::Sender<u64>;
    type Receiver = tokio::sync::mpsc::Receiver<u64>;

    fn bounded(capacity: usize) -> (Self::Sender, Self::Receiver) {
        tokio::sync::mpsc::channel(capacity)
    }
    async fn send(sender: &Self::Sender, number: u64) {
        let permit = sender.reserve().await.expect("the consumer lives");
        permit.send(number);
    }
    fn recv(receiver: &mut Self::Receiver) -> impl Future<Output = Option<u64>> + Send {
        receiver.recv()
    }
}

struct Flume;

impl Channel for Flume {
    type Sender = flume::Sender<u64>;
    type Receiver = flume::Receiver<u64>;

    fn bounded(capacity: usize) -> (Self::Sender, Self::Receiver) {
        flume::bounded(capacity)
    }
    async fn send(sender: &Self::Sender, number: u64) {
        sender.send_async(number).await.expect("the consumer lives");
    }
    async fn recv(receiver: &mut Self::Receiver) -> Option<u64> {
        receiver.recv_async().await.ok()
    }
}

struct Kanal;

impl Channel for Kanal {
    type Sender = kanal::AsyncSender<u64>;
    type Receiver = kanal::AsyncReceiver<u64>;

    fn bounded(capacity: usize) -> (Self::Sender, Self::Receiver) {
        kanal::bounded_async(capacity)
    }
    async fn send(sender: &Self::Sender, number: u64) {
        sender.send(number).await.expect("the consumer lives");
    }
    async fn recv(receiver: &mut Self::Receiver) -> Option<u64> {
        receiver.recv().await.ok()
    }
}

struct AsyncChannel;

impl Channel for AsyncChannel {
    type Sender = async_channel::Sender<u64>;
    type Receiver = async_channel::Receiver<u64>;

    fn bounded(capacity: usize) -> (Self::Sender, Self::Receiver) {
        async_channel::bounded(capacity)
    }
    async fn send(sender: &Self::Sender, number: u64) {
        sender.send(number).await.expect("the consumer lives");
    }
    async fn recv(receiver: &mut Self::Receiver) -> Option<u64> {
        receiver.recv().await.ok()
    }
}
