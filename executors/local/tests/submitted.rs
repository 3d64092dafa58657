//! Operations that the host has: the region waits for their end, or for as long as their caller allowed.

mod world;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use asupersync_core::{
    CxBase, Error, LocalRegion, ObligationToken, Platform, RegionOptions, RegionReport, Time,
};
use asupersync_local::LocalDriver;
use world::World;

const SECOND: Duration = Duration::from_secs(1);

/// Closes a region around the tokens that `reserve` leaves open. Gives its report, what its closing
/// waited for, and the tokens. Where it waits for no timer, the host ends the last operation.
fn close_around(
    reserve: impl FnOnce(&CxBase) -> Vec<ObligationToken>,
) -> (RegionReport, Vec<Option<Time>>, Vec<ObligationToken>) {
    let world = World::new();
    let mut driver = LocalDriver::new(Arc::<World>::clone(&world), 8);
    let (open, mut waits) = (Mutex::new(Vec::new()), Vec::new());
    let report = driver.block_on(
        async |r: &LocalRegion| {
            let options = RegionOptions::new();
            let (result, report) = r
                .region_report(options, async |inner| {
                    *open.lock().unwrap() = reserve(inner);
                    Ok(())
                })
                .await;
            result?;
            Ok::<_, Error>(report)
        },
        |until| {
            waits.push(until);
            match until {
                Some(at) => world.advance(at.saturating_since(world.now())),
                None => {
                    let last = open.lock().unwrap().pop();
                    assert!(last.expect("something is waited for").commit());
                }
            }
        },
    );
    let report = report.expect("the body is well");
    (report, waits, open.into_inner().unwrap())
}

fn submitted(cx: &CxBase, abandon_after: Option<Duration>) -> ObligationToken {
    let token = cx.io_op().expect("granted");
    assert!(token.submit(abandon_after));
    token
}

fn at(seconds: u64) -> Option<Time> {
    Some(Time::ZERO.saturating_add(Duration::from_secs(seconds)))
}

// proves: R-IO-2 R-REG-4
#[test]
fn what_the_host_has_is_waited_for_and_never_revoked() {
    let (report, waits, open) = close_around(|cx| vec![submitted(cx, None)]);
    assert_eq!((report.leaked, report.abandoned), (0, 0));
    // What would revoke a token that the host has not: it finds none.
    assert_eq!(waits, [at(2), None]);
    assert!(open.is_empty());
}

// proves: R-IO-2 R-OBL-2
#[test]
fn each_token_has_its_own_time() {
    let (report, waits, open) = close_around(|cx| {
        vec![
            cx.io_op().expect("granted"),
            submitted(cx, Some(SECOND * 5)),
            submitted(cx, Some(SECOND)),
            submitted(cx, None),
        ]
    });
    assert_eq!((report.leaked, report.abandoned), (1, 2));
    // Abandoned, revoked, abandoned, ended by the host.
    assert_eq!(waits, [at(1), at(2), at(5), None]);
    for stale in open {
        assert!(stale.is_revoked());
        assert!(!stale.commit(), "a token of a closed region does nothing");
    }
}

// proves: R-IO-2 R-CAN-7
#[test]
fn the_root_abandons_when_its_cleanup_budget_is_spent() {
    let world = World::new();
    let mut driver = LocalDriver::new(Arc::<World>::clone(&world), 8);
    let kept = Arc::new(Mutex::new(None));
    let place = Arc::clone(&kept);
    let task = driver.spawner().spawn(async move |cx| {
        *place.lock().unwrap() = Some(submitted(&cx, Some(SECOND)));
        Ok(())
    });
    drop(task.expect("admitted"));
    while driver.turn(8) == asupersync_local::Turn::More {}
    driver.shut_down(|until| {
        let at = until.expect("the end of the cleanup budget");
        world.advance(at.saturating_since(world.now()));
    });
    let stats = driver.stats();
    assert_eq!((stats.abandoned, stats.leaked), (1, 0));
    let token = kept.lock().unwrap().take().expect("kept");
    assert!(!token.commit());
}
