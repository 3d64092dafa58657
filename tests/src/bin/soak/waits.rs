//! Channels with permits, and races whose losers clean up.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use asupersync_core::channel::{Sent, mpsc};
use asupersync_core::{Cx, Error, Region};

use crate::ledger::Open;
use crate::tasks::sleep;
use crate::world::{Dice, World};

const SENDERS: u64 = 3;
const MESSAGES: u64 = 40;

/// Sends through small channels; some permits are given back, some receivers leave early, and some are asked to stop.
pub async fn channels(cx: Cx, world: Arc<World>, mut dice: Dice) -> Result<(), Error> {
    while !world.is_over() {
        let ended = cx.region(async |region| channel(region, &world, &mut dice).await);
        if let Err(error) = ended.await {
            cx.checkpoint()?;
            // The region was cancelled from within, on purpose.
            if error.downcast_ref::<mpsc::ReserveError>().is_some() {
                return Err(error);
            }
        }
    }
    Ok(())
}

async fn channel(region: &Region, world: &Arc<World>, dice: &mut Dice) -> Result<(), Error> {
    let capacity = NonZeroUsize::MIN.saturating_add(dice.below(8) as usize);
    let (sender, mut receiver) = mpsc::channel::<Open>(capacity);
    for _ in 0..SENDERS {
        let (sender, world, seed) = (sender.clone(), Arc::clone(world), dice.below(u64::MAX));
        region.spawn(async move |cx| send(&cx, &world, &sender, Dice(seed)).await)?;
    }
    drop(sender);
    let takes = match dice.once_in(3) {
        true => dice.below(SENDERS * MESSAGES),
        false => u64::MAX,
    };
    for _ in 0..takes {
        match receiver.recv(region).await {
            Ok(message) => message.end(|l| &l.messages.received),
            Err(error) if error.is_closed() => break,
            Err(error) => return Err(error.into()),
        }
    }
    if dice.once_in(3) {
        region.cancel("the receiver has enough");
    }
    Ok(())
}

async fn send(
    cx: &Cx,
    world: &World,
    sender: &mpsc::Sender<Open>,
    mut dice: Dice,
) -> Result<(), Error> {
    for _ in 0..MESSAGES {
        let permit = match sender.reserve(cx).await {
            Ok(permit) => permit,
            Err(error) if error.is_closed() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let reserved = world.open(|l| &l.permits.reserved, |l| &l.permits.aborted);
        if dice.once_in(4) {
            // Held across a wait, and given back if that is cancelled.
            cx.yield_now().await?;
        }
        if dice.once_in(8) {
            continue;
        }
        let message = world.open(|l| &l.messages.sent, |l| &l.messages.dropped);
        reserved.end(|l| &l.permits.committed);
        if let Sent::Returned(message) = permit.send(message) {
            message.end(|l| &l.messages.returned);
            return Ok(());
        }
    }
    Ok(())
}

/// Runs races; when one is decided, nothing of the loser may be left.
pub async fn races(cx: Cx, world: Arc<World>, mut dice: Dice) -> Result<(), Error> {
    while !world.is_over() {
        let inside = AtomicUsize::new(0);
        let open = world.open(|l| &l.races.begun, |l| &l.races.dropped);
        let times = [dice.below(2_000), dice.below(2_000)];
        let ended = cx.race(
            async |cx| branch(cx, &world, &inside, times[0]).await,
            async |cx| branch(cx, &world, &inside, times[1]).await,
        );
        let ended = ended.await;
        if inside.load(Ordering::Relaxed) != 0 {
            world.ledger.faults.undrained.add();
        }
        open.end(match ended {
            Ok(_) => |l| &l.races.decided,
            Err(_) => |l| &l.races.cancelled,
        });
        cx.checkpoint()?;
    }
    Ok(())
}

/// Counts itself while it is inside a race.
struct Inside<'a>(&'a AtomicUsize);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn branch(cx: &Cx, world: &World, inside: &AtomicUsize, micros: u64) -> Result<(), Error> {
    inside.fetch_add(1, Ordering::Relaxed);
    let _inside = Inside(inside);
    let open = world.open(|l| &l.branches.entered, |l| &l.branches.dropped);
    let ended = sleep(cx, world, micros).await;
    if ended.is_ok() {
        open.end(|l| &l.branches.finished);
        return ended;
    }
    // What a loser cleans up takes a while, and is waited for.
    let clean_up = async |cx: &Cx| {
        for _ in 0..3 {
            if cx.yield_now().await.is_err() {
                break;
            }
        }
    };
    cx.masked(Duration::from_secs(1), clean_up).await;
    open.end(|l| &l.branches.drained);
    ended
}
