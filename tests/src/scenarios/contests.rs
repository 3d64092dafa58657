//! Contests: two steps race, and either may be first. Whoever wins, nothing is lost, doubled, or won twice.
//!
//! Each leaves behind who won, so that live runs can be compared with what the lab allows (`parity`). All contestants are
//! there before the start, and no one takes two racing steps in one poll.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::num::NonZeroUsize;
use core::time::Duration;

use asupersync_core::channel::{mpsc, oneshot};
use asupersync_core::lock::{Mutex, Notify, Semaphore};
use asupersync_core::{Either, Error, LocalRegion, Outcome, Policy, RegionOptions, Spawner};

use super::common::{Fault, Flag, LONG, breathe, fault, why};
use crate::Probe;
use crate::harness::{Need, Record, Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new("race/two_sends", two_sends),
    Scenario::new("race/two_tries_to_send", two_tries_to_send),
    Scenario::new("race/send_or_close", send_or_close),
    Scenario::new("race/answer_or_nobody_listens", answer_or_nobody_listens),
    Scenario::new("race/two_channels", two_channels),
    Scenario::new("race/two_permits", two_permits),
    Scenario::new("race/handover_or_cancel", handover_or_cancel),
    Scenario::new("race/notify_or_cancel", notify_or_cancel),
    Scenario::new("race/order_of_a_lock", order_of_a_lock),
    Scenario::new("race/end_or_cancel", end_or_cancel),
    Scenario::new("race/result_or_timeout", result_or_timeout),
    Scenario::new("race/two_failures", two_failures),
    Scenario::new("race/failure_or_panic", failure_or_panic).needs(&[Need::Unwind]),
    Scenario::new("race/two_cancels", two_cancels),
    Scenario::new("race/spawn_or_close", spawn_or_close),
    Scenario::new("race/end_or_shutdown", end_or_shutdown)
        .root(two_in_the_root)
        .after(the_root_ended),
];

const ONE: NonZeroUsize = NonZeroUsize::MIN;
const NAMES: [&str; 2] = ["a", "b"];

/// How a task ended, in one word.
fn word<T>(outcome: &Outcome<T, Error>) -> String {
    match outcome {
        Outcome::Ok(_) => "ok".into(),
        Outcome::Err(_) => "failed".into(),
        Outcome::Cancelled(_) => why(outcome).map_or_else(String::new, |kind| format!("{kind}")),
        Outcome::Panicked(_) => "panicked".into(),
    }
}

fn either<T>(value: Either<T, T>) -> T {
    match value {
        Either::A(value) | Either::B(value) => value,
    }
}

/// Two tasks send through a channel of one: both values arrive, once.
// proves: R-OBL-1
fn two_sends<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (go, (tx, mut rx)) = (Flag::new(), mpsc::channel(ONE));
        for name in NAMES {
            let (tx, go) = (tx.clone(), go.clone());
            r.spawn(async move |cx| {
                go.raised().await;
                tx.send(&cx, name).await.map_err(|e| e.into_parts().1)?;
                Ok(())
            })?;
        }
        drop(tx);
        go.raise();
        let mut order = String::new();
        while let Ok(name) = rx.recv(r).await {
            order.push_str(name);
        }
        probe.expect(["ab", "ba"].contains(&&*order), "lost or doubled");
        probe.mark(format!("received {order}"));
        Ok(())
    })
}

/// Two tasks try for the one slot of a channel: one has it, and its value is there.
// proves: R-OBL-1
fn two_tries_to_send<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (go, (tx, mut rx)) = (Flag::new(), mpsc::channel(ONE));
        let tries = NAMES.map(|name| {
            let (tx, go) = (tx.clone(), go.clone());
            r.spawn(async move |_cx| {
                go.raised().await;
                Ok(tx.try_send(name).is_ok())
            })
        });
        go.raise();
        let [a, b] = tries;
        let sent = [a?.join(r).await?, b?.join(r).await?];
        let received = rx.recv(r).await?;
        probe.expect(sent[0] != sent[1], "one of them wins");
        probe.expect_eq(sent[0], received == "a", "whose value it is");
        probe.expect(rx.try_recv().is_err(), "a second value");
        probe.mark(format!("{received} sent"));
        Ok(())
    })
}

/// A receiver closes while a sender sends: what was sent is received, what was refused is not.
// proves: R-OBL-1
fn send_or_close<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (go, (tx, mut rx)) = (Flag::new(), mpsc::channel(ONE));
        let start = go.clone();
        let sender = r.spawn(async move |cx| {
            start.raised().await;
            let mut sent = 0;
            for value in 0..2 {
                sent += usize::from(tx.send(&cx, value).await.is_ok());
            }
            Ok(sent)
        })?;
        let start = go.clone();
        let receiver = r.spawn(async move |cx| {
            start.raised().await;
            cx.yield_now().await?;
            rx.close();
            let mut received = 0;
            while rx.recv(&cx).await.is_ok() {
                received += 1;
            }
            Ok(received)
        })?;
        go.raise();
        let (sent, received) = (sender.join(r).await?, receiver.join(r).await?);
        probe.expect_eq(received, sent, "received of those sent");
        probe.mark(format!("{sent} sent"));
        Ok(())
    })
}

/// An answer meets a receiver that looks once and goes: it is received or comes back.
// proves: R-OBL-1
fn answer_or_nobody_listens<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (go, (tx, mut rx)) = (Flag::new(), oneshot::channel());
        let start = go.clone();
        let asked = r.spawn(async move |_cx| {
            start.raised().await;
            Ok(tx.send("answer").returned().is_some())
        })?;
        let start = go.clone();
        let asker = r.spawn(async move |cx| {
            start.raised().await;
            let first = rx.try_recv().is_ok();
            cx.yield_now().await?;
            Ok(first || rx.try_recv().is_ok())
        })?;
        go.raise();
        let (came_back, received) = (asked.join(r).await?, asker.join(r).await?);
        // Between the last look and the drop of the receiver it is delivered and then dropped.
        probe.expect(!(came_back && received), "received, and back");
        let end = match (came_back, received) {
            (true, _) => "came back",
            (_, true) => "received",
            _ => "delivered too late",
        };
        probe.mark(end);
        Ok(())
    })
}

/// Two channels are raced for: of the loser's channel the value is still there, or handed over as a late one.
// proves: R-CAN-5 R-CAN-6 R-OBL-1
fn two_channels<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let go = Flag::new();
        let [mut first, mut second] = NAMES.map(|name| {
            let ((tx, rx), go) = (mpsc::channel(ONE), go.clone());
            let sender = r.spawn(async move |cx| {
                go.raised().await;
                tx.send(&cx, name).await.map_err(|e| e.into_parts().1)?;
                Ok(())
            });
            probe.expect(sender.is_ok(), "the region refused");
            rx
        });
        go.raise();
        let mut late = None;
        let won = r
            .race_with(
                async |cx| Ok(first.recv(cx).await?),
                async |cx| Ok(second.recv(cx).await?),
                |value| late = Some(either(value)),
            )
            .await?;
        let won = either(won);
        let left = [first.recv(r).await.ok(), second.recv(r).await.ok()];
        // Whether it is left or late is decided within the one poll that looks at both arms: it is not told.
        let mut all: Vec<_> = left.into_iter().flatten().chain(late).collect();
        probe.mark(format!("{won} won"));
        all.push(won);
        all.sort_unstable();
        probe.expect_eq(&all[..], &NAMES[..], "values");
        Ok(())
    })
}

/// Two tasks try for one permit and hold it for a while: one after the other, or one goes without.
// proves: R-SCH-2
fn two_permits<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (go, permits) = (Flag::new(), Arc::new(Semaphore::new(1)));
        let tries = NAMES.map(|_| {
            let (permits, go, notes) = (Arc::clone(&permits), go.clone(), probe.clone());
            r.spawn(async move |cx| {
                go.raised().await;
                let Ok(permit) = permits.try_acquire(&cx, 1) else {
                    return Ok("without");
                };
                notes.expect_eq(permits.available_permits(), 0, "free while it is held");
                cx.yield_now().await?;
                drop(permit);
                Ok("with")
            })
        });
        go.raise();
        let [a, b] = tries;
        let (a, b) = (a?.join(r).await?, b?.join(r).await?);
        probe.expect((a, b) != ("without", "without"), "nobody had it");
        probe.expect_eq(permits.available_permits(), 1, "free permits");
        probe.mark(format!("a {a}, b {b}"));
        Ok(())
    })
}

/// A permit is handed over while the first who waits for it is cancelled: then it is the second's.
// proves: R-CAN-2 R-CAN-4
fn handover_or_cancel<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (go, permits) = (Flag::new(), Arc::new(Semaphore::new(0)));
        let (gives, start) = (Arc::clone(&permits), go.clone());
        let waiters = NAMES.map(|_| {
            let permits = Arc::clone(&permits);
            r.spawn(async move |cx| {
                drop(permits.acquire(&cx, 1).await?);
                Ok(())
            })
        });
        let [first, second] = waiters;
        let (first, second) = (first?, second?);
        r.spawn(async move |cx| {
            start.raised().await;
            cx.yield_now().await?;
            Ok(gives.add_permits(1)?)
        })?;
        go.raise();
        r.yield_now().await?;
        first.cancel("no longer");
        probe.mark(format!("first: {}", word(&first.outcome(r).await?)));
        second.join(r).await?;
        probe.expect_eq(permits.available_permits(), 1, "free permits");
        Ok(())
    })
}

/// One of two is notified while the first is cancelled: the notification is for exactly one of them.
// proves: R-CAN-2 R-CAN-4
fn notify_or_cancel<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (go, signal) = (Flag::new(), Arc::new(Notify::new()));
        let waiters = NAMES.map(|_| {
            let signal = Arc::clone(&signal);
            r.spawn(async move |cx| Ok(signal.notified(&cx).await?))
        });
        let [first, second] = waiters;
        let (first, second) = (first?, second?);
        let (notifies, start) = (Arc::clone(&signal), go.clone());
        r.spawn(async move |cx| {
            start.raised().await;
            cx.yield_now().await?;
            notifies.notify_one();
            Ok(())
        })?;
        go.raise();
        r.yield_now().await?;
        first.cancel("no longer");
        let first = first.outcome(r).await?;
        if first.is_ok() {
            second.cancel("nobody notifies it");
        }
        let second = second.outcome(r).await?;
        probe.mark(format!("{}, {}", word(&first), word(&second)));
        // The second may have been notified, and the first was the sooner to hear: there is one notification.
        probe.expect(first.is_ok() != second.is_ok(), "one of them hears");
        Ok(())
    })
}

/// Three tasks append to a string under a lock: each once, in any order.
// proves: R-SCH-2
fn order_of_a_lock<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (go, shared) = (Flag::new(), Arc::new(Mutex::new(String::new())));
        let mut tasks = Vec::new();
        for name in ["a", "b", "c"] {
            let (shared, go) = (Arc::clone(&shared), go.clone());
            tasks.push(r.spawn(async move |cx| {
                go.raised().await;
                let mut text = shared.lock(&cx).await?;
                cx.yield_now().await?;
                text.push_str(name);
                Ok(())
            })?);
        }
        go.raise();
        for task in tasks {
            task.join(r).await?;
        }
        let text = shared.lock(r).await?;
        probe.expect_eq(text.len(), 3, "turns");
        probe.mark(format!("order {}", *text));
        Ok(())
    })
}

/// A task comes to its end while it is cancelled: a value or `User`, and what it says is what it did.
// proves: R-CAN-1 R-CAN-5
fn end_or_cancel<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (go, notes) = (Flag::new(), probe.clone());
        let start = go.clone();
        let task = r.spawn(async move |cx| {
            start.raised().await;
            for _ in 0..2 {
                cx.yield_now().await?;
            }
            notes.mark("done");
            Ok(())
        })?;
        go.raise();
        r.yield_now().await?;
        task.cancel("enough");
        let outcome = task.outcome(r).await?;
        probe.expect_eq(outcome.is_ok(), probe.count("done") == 1, "what it says");
        probe.mark(word(&outcome));
        Ok(())
    })
}

/// A result comes when the patience for it ends: a value or `Timeout`; then it comes to the next who asks.
// proves: R-CAN-6
fn result_or_timeout<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        const TIME: Duration = Duration::from_millis(1);
        let (tx, mut rx) = mpsc::channel(ONE);
        r.spawn(async move |cx| {
            cx.sleep(TIME).await?;
            tx.send(&cx, 1).await.map_err(|e| e.into_parts().1)?;
            Ok(())
        })?;
        let in_time = r.timeout(TIME, async |cx| Ok(rx.recv(cx).await?)).await;
        let late = rx.recv(r).await;
        probe.expect(in_time.is_ok() != late.is_ok(), "received once");
        probe.mark(if in_time.is_ok() { "in time" } else { "late" });
        Ok(())
    })
}

/// Two siblings fail: the first failure is the region's, and the other task fails or is stopped.
// proves: R-REG-5
fn two_failures<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let go = Flag::new();
                for name in NAMES {
                    let go = go.clone();
                    inner.spawn(async move |cx| {
                        go.raised().await;
                        cx.yield_now().await?;
                        // Between the last look for a cancel and the failure the other one may fail.
                        breathe().await;
                        Err::<(), _>(Fault(name).into())
                    })?;
                }
                go.raise();
                Ok(())
            })
            .await;
        let first = fault(&result).unwrap_or("nobody");
        probe.expect(NAMES.contains(&first), "whose failure it is");
        probe.expect_eq(report.failed + report.cancelled, 2, "children");
        probe.mark(format!("{first} failed, {} in all", report.failed));
        Ok(())
    })
}

/// One sibling fails and one panics: a panic outweighs the failure, whichever was first.
// proves: R-REG-5
fn failure_or_panic<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let go = Flag::new();
                let [fails, panics] = [go.clone(), go.clone()];
                inner.spawn(async move |cx| {
                    fails.raised().await;
                    cx.yield_now().await?;
                    breathe().await;
                    Err::<(), _>(Fault("failed").into())
                })?;
                inner.spawn(async move |cx| {
                    panics.raised().await;
                    cx.yield_now().await?;
                    breathe().await;
                    panic!("on purpose");
                    #[allow(unreachable_code)] // says what the closure returns
                    Ok(())
                })?;
                go.raise();
                Ok(())
            })
            .await;
        let failed = fault(&result).is_some();
        probe.expect_eq(failed, report.panicked == 0, "the region's end");
        probe.mark(format!(
            "{} failed, {} panicked, {} cancelled",
            report.failed, report.panicked, report.cancelled
        ));
        Ok(())
    })
}

/// A task is asked to stop by its owner and by a failing sibling: it sees one of them, and the stronger if both are there.
// proves: R-CAN-1
fn two_cancels<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let notes = probe.clone();
        let result = r
            .region(async move |inner| {
                let go = Flag::new();
                let task = inner.spawn(async |cx| Ok(cx.sleep(LONG).await?))?;
                let start = go.clone();
                inner.spawn(async move |_cx| {
                    start.raised().await;
                    Err::<(), _>(Fault("sibling").into())
                })?;
                go.raise();
                // Masked: failing fast stops the body too.
                inner
                    .masked(LONG, async |cx| {
                        cx.yield_now().await?;
                        task.cancel("enough");
                        notes.mark(word(&task.outcome(cx).await?));
                        Ok(())
                    })
                    .await
            })
            .await;
        probe.expect_eq(fault(&result), Some("sibling"), "the region's error");
        Ok(())
    })
}

/// A spawner outside spawns into a region that closes: what is admitted runs, what is refused does not.
// proves: R-REG-1 R-OWN-1
fn spawn_or_close<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (go, notes) = (Flag::new(), probe.clone());
        let (give, mut given) = oneshot::channel::<Spawner<Error>>();
        let start = go.clone();
        let outside = r.spawn(async move |cx| {
            let spawner = given.recv(&cx).await?;
            start.raised().await;
            cx.yield_now().await?;
            let ran = notes.clone();
            let spawned = spawner.spawn(async move |_cx| {
                ran.mark("ran");
                Ok(())
            });
            Ok(spawned.is_ok())
        })?;
        let options = RegionOptions::new().policy(Policy::CollectAll);
        r.region_with(options, async |inner| {
            probe.expect(give.send(inner.spawner()).is_delivered(), "nobody there");
            go.raise();
            Ok(inner.yield_now().await?)
        })
        .await?;
        let admitted = outside.join(r).await?;
        probe.expect_eq(probe.count("ran"), usize::from(admitted), "what ran");
        probe.mark(if admitted { "admitted" } else { "refused" });
        Ok(())
    })
}

fn two_in_the_root(root: &Spawner<Error>, probe: &Probe) {
    for _ in NAMES {
        let notes = probe.clone();
        let task = root.spawn(async move |cx| {
            for _ in 0..3 {
                if let Err(stopped) = cx.yield_now().await {
                    notes.mark("stopped");
                    return Err(stopped.into());
                }
            }
            notes.mark("ended");
            Ok(())
        });
        probe.expect(task.is_ok(), "the root refused");
    }
}

/// Tasks of the root come to their ends while the runtime shuts down: each ends or is stopped.
// proves: R-CAN-7
fn end_or_shutdown<'a>(r: &'a LocalRegion, _probe: &'a Probe) -> Run<'a> {
    Box::pin(async move { Ok(r.yield_now().await?) })
}

fn the_root_ended(probe: &Probe, _record: &Record) {
    // One that was never polled says nothing.
    let count = probe.count("ended") + probe.count("stopped");
    probe.expect(count <= 2, "tasks of the root");
}
