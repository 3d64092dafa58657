//! A small run with something of everything, for tests of the artifact code.

use alloc::vec::Vec;

use asupersync_core::trace::{Event, EventKind as Kind};
use asupersync_core::{PathId, Time};

use super::{ClockMode, Header, Trace};

// Written out, so that the golden files say nothing about how paths are derived.
pub(crate) const ROOT: PathId = PathId::from_u64(0x9e37_79b9_7f4a_7c15);
pub(crate) const PARENT: PathId = PathId::from_u64(0x1111_0000_2222_0000);
pub(crate) const REGION: PathId = PathId::from_u64(0x3333_0000_4444_0000);
pub(crate) const CHILD: PathId = PathId::from_u64(0x5555_0000_6666_0000);
const CHANNEL: u64 = 0x7777_0000_8888_0000;
const PERMIT: u64 = 0x9999_0000_aaaa_0000;

/// A task opens a region and spawns into it; the child sleeps, is cancelled, cleans up and ends.
pub(crate) fn events() -> Vec<Event> {
    let ms = |ms: u64| ms * 1_000_000;
    let (root, parent, region, child) = (
        ROOT.as_u64(),
        PARENT.as_u64(),
        REGION.as_u64(),
        CHILD.as_u64(),
    );
    let rows = [
        (0, ROOT, Kind::TaskSpawned, parent, root),
        (0, ROOT, Kind::TaskWoken, parent, 0),
        (0, PARENT, Kind::TaskPolled, 0, 2),
        (0, PARENT, Kind::RegionOpened, region, root),
        (0, PARENT, Kind::TaskSpawned, child, region),
        (0, PARENT, Kind::FinalizerAdded, region, 0),
        (0, PARENT, Kind::WaitStarted, CHANNEL, 0),
        (0, CHILD, Kind::TaskPolled, 0, 2),
        (0, CHILD, Kind::CapabilityUsed, 0xfeed, 0),
        (0, CHILD, Kind::TimerArmed, 1, ms(50)),
        (0, CHILD, Kind::Reserved, PERMIT, 1),
        (0, CHILD, Kind::User, 7, u64::MAX),
        (ms(10), PathId::from_u64(0), Kind::ClockAdvanced, 0, ms(10)),
        (ms(10), PathId::from_u64(0), Kind::WaitGranted, CHANNEL, 0),
        (ms(10), PARENT, Kind::TaskWoken, parent, 0),
        (ms(10), PARENT, Kind::TaskPolled, 0, 2),
        (ms(10), PARENT, Kind::WaitEnded, CHANNEL, 1),
        (ms(10), REGION, Kind::CancelRequested, region, 1),
        (ms(10), REGION, Kind::RegionState, region, 2),
        (ms(10), CHILD, Kind::PhaseChanged, 0, 1),
        (ms(10), CHILD, Kind::TaskWoken, child, 0),
        (ms(10), CHILD, Kind::TaskPolled, 0, 0),
        (ms(10), CHILD, Kind::CancelObserved, child, 1),
        (ms(10), CHILD, Kind::TimerCancelled, 1, ms(50)),
        (ms(10), CHILD, Kind::Aborted, PERMIT, 1),
        (ms(10), CHILD, Kind::TaskDone, region, 2),
        (ms(10), REGION, Kind::RegionState, region, 3),
        (ms(10), PARENT, Kind::TaskPolled, 0, 2),
        (ms(10), REGION, Kind::FinalizerStarted, region, 0),
        (ms(10), REGION, Kind::FinalizerDone, region, 0),
        (ms(10), REGION, Kind::RegionState, region, 4),
        (ms(10), PARENT, Kind::TaskDone, root, 0),
    ];
    rows.into_iter()
        .map(|(at, actor, kind, object, arg)| Event {
            at: Time::from_nanos(at),
            actor,
            kind,
            object,
            arg,
        })
        .collect()
}

/// The run as a trace, with every header field filled.
pub(crate) fn trace() -> Trace {
    let header = Header {
        runtime_version: "0.1.0".into(),
        profile: "lab".into(),
        target: "x86_64-unknown-linux-gnu".into(),
        seed: u64::MAX - 1,
        clock_mode: ClockMode::Virtual,
        config_hash: 0x1234,
        scenario: "a child is cancelled \"in time\"".into(),
        host: "test\n".into(),
        notes: alloc::vec![("strategy".into(), "pct(3)".into())],
        ..Header::default()
    };
    Trace::new(header, events())
}
