//! Chrome trace event JSON: a run as a picture, for Perfetto and `chrome://tracing`.
//!
//! Owns the mapping from events to tracks. The picture is for people; nothing reads it back. Three
//! groups: tasks (a slice for the life of each, its polls inside), regions (a slice for each state)
//! and clean-up (a slice for each finalizer). Everything else is an instant on the track of its
//! actor. Arrows go from a spawn to the first poll, and from a request to stop to its observation.
//!
//! Wall time is not in a trace, hence the picture shows order more than length: in virtual time many
//! things happen at one instant. [`Axis`] says how they are spread. A poll is drawn until the next
//! poll or clock advance, which is exact for runs of one thread.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cmp::Reverse;

use asupersync_core::PathId;
use asupersync_core::trace::{Event, EventKind};
use serde_json::{Value, json};

use crate::artifact::Trace;

/// What the horizontal axis shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Axis {
    /// One microsecond for each event: the schedule, readable whatever the clock did.
    #[default]
    Steps,
    /// The run's own time; events of one instant follow each other by a nanosecond.
    Time,
}

/// The trace as Chrome trace event JSON.
///
/// `name` may give words for a path; other tasks and regions are named by kind, number in order of
/// appearance and path.
///
/// ```
/// use asupersync_sim::artifact::{Header, Trace};
/// use asupersync_sim::perfetto::{Axis, to_chrome_json};
///
/// let trace = Trace::new(Header::default(), Vec::new());
/// let json = to_chrome_json(&trace, Axis::Steps, |_path| None);
/// assert!(json.starts_with("{\"displayTimeUnit\":\"ns\","));
/// ```
pub fn to_chrome_json(
    trace: &Trace,
    axis: Axis,
    name: impl Fn(PathId) -> Option<String>,
) -> String {
    let mut picture = Picture {
        tracks: tracks_of(trace.events()),
        records: Vec::new(),
        now: 0,
    };
    picture.name_tracks(&name);
    let mut open = Open::default();
    for (index, event) in trace.events().iter().enumerate() {
        picture.now = match axis {
            Axis::Steps => 1_000 * index as u64,
            Axis::Time if index == 0 => event.at.as_nanos(),
            Axis::Time => event.at.as_nanos().max(picture.now.saturating_add(1)),
        };
        open.step(&mut picture, event);
    }
    picture.now = picture.now.saturating_add(match axis {
        Axis::Steps => 1_000,
        Axis::Time => 1,
    });
    open.close_all(&mut picture);
    picture.into_json(trace)
}

/// The groups of tracks; their numbers are the `pid`s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Runtime = 0,
    Tasks = 1,
    Regions = 2,
    CleanUp = 3,
}

impl Group {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Runtime, "runtime"),
        (Self::Tasks, "tasks"),
        (Self::Regions, "regions"),
        (Self::CleanUp, "clean-up"),
    ];
}

type Tracks = BTreeMap<(Group, u64), u64>;

/// Where what nobody in particular did is shown.
const RUNTIME_TRACK: (Group, u64) = (Group::Runtime, 0);

/// Numbers the tracks in order of appearance.
fn tracks_of(events: &[Event]) -> Tracks {
    let mut tracks = Tracks::from([(RUNTIME_TRACK, 0)]);
    let mut add = |group: Group, path: u64| {
        let number = tracks.len() as u64;
        tracks.entry((group, path)).or_insert(number);
    };
    for event in events {
        match event.kind {
            EventKind::TaskSpawned => {
                add(Group::Regions, event.arg);
                add(Group::Tasks, event.object);
            }
            EventKind::TaskPolled | EventKind::TaskDone => {
                add(Group::Tasks, event.actor.as_u64());
            }
            EventKind::RegionOpened | EventKind::RegionState => add(Group::Regions, event.object),
            EventKind::FinalizerStarted => add(Group::CleanUp, event.object),
            _ => {}
        }
    }
    tracks
}

/// The records made so far, and the position on the axis in nanoseconds.
struct Picture {
    tracks: Tracks,
    /// Position, shortest last, record: viewers nest slices that begin together in this order.
    records: Vec<(u64, Reverse<u64>, Value)>,
    now: u64,
}

impl Picture {
    fn name_tracks(&mut self, name: &impl Fn(PathId) -> Option<String>) {
        for (group, title) in Group::ALL {
            let record = json!({
                "ph": "M", "pid": group as u64, "name": "process_name", "args": { "name": title },
            });
            self.records.push((0, Reverse(u64::MAX), record));
        }
        for ((group, path), number) in &self.tracks {
            let path = PathId::from_u64(*path);
            let title = match (name(path), group) {
                (Some(words), Group::CleanUp) => format!("clean-up of {words}"),
                (Some(words), _) => words,
                (None, Group::Runtime) => "runtime".into(),
                (None, Group::Tasks) => format!("task {number} ({path})"),
                (None, Group::Regions) => format!("region {number} ({path})"),
                (None, Group::CleanUp) => format!("clean-up {number} ({path})"),
            };
            let record = json!({
                "ph": "M", "pid": *group as u64, "tid": number,
                "name": "thread_name", "args": { "name": title },
            });
            self.records.push((0, Reverse(u64::MAX), record));
        }
    }

    /// The track of a task or region, or the runtime's.
    fn track(&self, path: PathId) -> (Group, u64) {
        [Group::Tasks, Group::Regions]
            .into_iter()
            .map(|group| (group, path.as_u64()))
            .find(|track| self.tracks.contains_key(track))
            .unwrap_or(RUNTIME_TRACK)
    }

    fn record(&mut self, phase: &str, track: (Group, u64), at: u64, dur: u64, mut record: Value) {
        record["ph"] = phase.into();
        record["pid"] = (track.0 as u64).into();
        record["tid"] = self.tracks.get(&track).copied().unwrap_or(0).into();
        // Microseconds; exact to the nanosecond for the first 104 days.
        record["ts"] = (at as f64 / 1_000.0).into();
        if phase == "X" {
            record["dur"] = (dur as f64 / 1_000.0).into();
        }
        self.records.push((at, Reverse(dur), record));
    }

    fn slice(&mut self, track: (Group, u64), from: u64, name: &str, args: Value) {
        let record = json!({ "name": name, "cat": "slice", "args": args });
        self.record("X", track, from, self.now.saturating_sub(from), record);
    }

    fn instant(&mut self, event: &Event) {
        let record = json!({
            "name": event.kind.name(), "cat": "event", "s": "t",
            "args": {
                "at": event.at.to_string(),
                "object": PathId::from_u64(event.object).to_string(),
                "arg": format!("{:#x}", event.arg),
            },
        });
        self.record("i", self.track(event.actor), self.now, 0, record);
    }

    /// An arrow's end, bound to the slice around it.
    fn arrow(&mut self, phase: &str, name: &str, number: u64, track: (Group, u64), at: u64) {
        let record = json!({ "name": name, "cat": "arrow", "id": number, "bp": "e" });
        self.record(phase, track, at, 0, record);
    }

    fn into_json(mut self, trace: &Trace) -> String {
        let header = trace.header();
        let about = json!({
            "scenario": header.scenario, "seed": header.seed.to_string(), "profile": header.profile,
            "runtime": header.runtime_version, "target": header.target,
            "fingerprint": format!("{:016x}", trace.trailer().fingerprint),
        });
        let mut out =
            format!("{{\"displayTimeUnit\":\"ns\",\"otherData\":{about},\"traceEvents\":[");
        // Stable: what shares position and length stays in the order of the events.
        self.records.sort_by_key(|(at, dur, _)| (*at, *dur));
        for (index, (_, _, record)) in self.records.iter().enumerate() {
            out.push_str(if index == 0 { "\n" } else { ",\n" });
            out.push_str(&record.to_string());
        }
        out.push_str("\n]}\n");
        out
    }
}

/// A point on a track.
type Point = ((Group, u64), u64);

/// What has begun and not ended. All maps are ordered: the picture depends on the trace alone.
#[derive(Default)]
struct Open {
    poll: Option<(PathId, u64, u64)>,
    tasks: BTreeMap<u64, u64>,
    regions: BTreeMap<u64, (u64, u64)>,
    finalizers: BTreeMap<(u64, u64), u64>,
    /// Spawned and not yet polled.
    spawned: BTreeMap<u64, Point>,
    /// The last request to stop a task, region or scope.
    requests: BTreeMap<u64, Point>,
    /// The region of a task and of a region.
    parents: BTreeMap<u64, u64>,
    arrows: u64,
}

/// How far up a request is looked for; also ends the search in damaged traces that have a cycle.
const ANCESTORS_MAX: usize = 64;

impl Open {
    fn step(&mut self, picture: &mut Picture, event: &Event) {
        let now = picture.now;
        let actor = event.actor.as_u64();
        match event.kind {
            EventKind::TaskSpawned => {
                self.tasks.entry(event.object).or_insert(now);
                self.parents.insert(event.object, event.arg);
                // The root region is never opened by anyone.
                self.regions.entry(event.arg).or_insert((0, now));
                let here = (picture.track(event.actor), now);
                self.spawned.insert(event.object, here);
                picture.instant(event);
            }
            EventKind::TaskPolled => {
                self.end_poll(picture);
                // A ring may have let go of the spawn.
                self.tasks.entry(actor).or_insert(now);
                self.poll = Some((event.actor, now, event.arg));
                if let Some(from) = self.spawned.remove(&actor) {
                    self.arrow(picture, "spawn", from, event.actor);
                }
            }
            EventKind::TaskDone => {
                if self.poll.is_some_and(|(task, ..)| task == event.actor) {
                    self.end_poll(picture);
                }
                self.parents.insert(actor, event.object);
                let from = self.tasks.remove(&actor).unwrap_or(now);
                let args = json!({
                    "outcome": outcome_name(event.arg),
                    "forced": event.arg & 1 << 8 != 0,
                    "unpolled": event.arg & 1 << 9 != 0,
                });
                picture.slice((Group::Tasks, actor), from, "task", args);
            }
            EventKind::RegionOpened => {
                self.parents.insert(event.object, event.arg);
                self.regions.insert(event.object, (0, now));
                picture.instant(event);
            }
            EventKind::RegionState => {
                self.end_region_state(picture, event.object);
                self.regions.insert(event.object, (event.arg, now));
            }
            EventKind::RegionAdopted => {
                self.parents.insert(event.object, event.arg);
                picture.instant(event);
            }
            EventKind::FinalizerStarted => {
                self.finalizers.insert((event.object, event.arg), now);
            }
            EventKind::FinalizerDone => {
                let (index, status) = (event.arg & u64::from(u32::MAX), event.arg >> 32);
                if let Some(from) = self.finalizers.remove(&(event.object, index)) {
                    let args = json!({ "ended": ending_name(status) });
                    let track = (Group::CleanUp, event.object);
                    picture.slice(track, from, &format!("finalizer {index}"), args);
                }
            }
            EventKind::CancelRequested => {
                let here = (picture.track(event.actor), now);
                self.requests.insert(event.object, here);
                picture.instant(event);
            }
            EventKind::CancelObserved => {
                if let Some(from) = self.request_seen_by(event) {
                    self.arrow(picture, "cancel", from, event.actor);
                }
                picture.instant(event);
            }
            EventKind::ClockAdvanced => {
                self.end_poll(picture);
                picture.instant(event);
            }
            _ => picture.instant(event),
        }
    }

    /// The request that reached the observer: of the object it looked at, of itself, or of the
    /// nearest region around it.
    fn request_seen_by(&self, event: &Event) -> Option<Point> {
        let actor = event.actor.as_u64();
        let around = core::iter::successors(Some(actor), |path| self.parents.get(path).copied());
        core::iter::once(event.object)
            .chain(around.take(ANCESTORS_MAX))
            .find_map(|path| self.requests.get(&path).copied())
    }

    fn arrow(&mut self, picture: &mut Picture, name: &str, from: Point, to: PathId) {
        self.arrows += 1;
        let (track, at) = from;
        picture.arrow("s", name, self.arrows, track, at);
        picture.arrow("f", name, self.arrows, picture.track(to), picture.now);
    }

    fn end_poll(&mut self, picture: &mut Picture) {
        if let Some((task, from, lane)) = self.poll.take() {
            let track = (Group::Tasks, task.as_u64());
            picture.slice(track, from, "poll", json!({ "lane": lane }));
        }
    }

    fn end_region_state(&mut self, picture: &mut Picture, region: u64) {
        if let Some((state, from)) = self.regions.remove(&region) {
            // A closed region does nothing more.
            if let Some(name) = ["Open", "Closing", "Draining", "Finalizing"].get(state as usize) {
                picture.slice((Group::Regions, region), from, name, json!({}));
            }
        }
    }

    /// Draws what the end of the recording cut off.
    fn close_all(mut self, picture: &mut Picture) {
        self.end_poll(picture);
        for (task, from) in core::mem::take(&mut self.tasks) {
            let args = json!({ "outcome": "still running at the end of the recording" });
            picture.slice((Group::Tasks, task), from, "task", args);
        }
        for region in self.regions.keys().copied().collect::<Vec<_>>() {
            self.end_region_state(picture, region);
        }
        for ((owner, index), from) in self.finalizers {
            let args = json!({ "ended": "still running at the end of the recording" });
            let track = (Group::CleanUp, owner);
            picture.slice(track, from, &format!("finalizer {index}"), args);
        }
    }
}

fn outcome_name(arg: u64) -> &'static str {
    match arg & 0xff {
        0 => "ok",
        1 => "err",
        2 => "cancelled",
        3 => "panicked",
        _ => "unknown",
    }
}

fn ending_name(status: u64) -> &'static str {
    match status {
        0 => "ok",
        1 => "panicked",
        2 => "forced",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Header, sample};

    fn records(trace: &Trace, axis: Axis) -> Vec<Value> {
        let name = |path| (path == sample::CHILD).then(|| "the \"child\"".into());
        let text = to_chrome_json(trace, axis, name);
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["displayTimeUnit"], "ns");
        json["traceEvents"].as_array().unwrap().clone()
    }

    fn of_phase<'a>(records: &'a [Value], phase: &str) -> Vec<&'a Value> {
        records.iter().filter(|it| it["ph"] == phase).collect()
    }

    /// The track with this name.
    fn track(records: &[Value], title: &str) -> (u64, u64) {
        let it = records
            .iter()
            .find(|it| it["name"] == "thread_name" && it["args"]["name"] == title);
        let it = it.unwrap();
        (it["pid"].as_u64().unwrap(), it["tid"].as_u64().unwrap())
    }

    fn span(slice: &Value) -> (f64, f64) {
        let from = slice["ts"].as_f64().unwrap();
        (from, from + slice["dur"].as_f64().unwrap())
    }

    /// Slices of a track, by name.
    fn slices(records: &[Value], track: (u64, u64)) -> Vec<(String, f64, f64)> {
        of_phase(records, "X")
            .into_iter()
            .filter(|it| it["pid"] == track.0 && it["tid"] == track.1)
            .map(|it| (it["name"].as_str().unwrap().into(), span(it).0, span(it).1))
            .collect()
    }

    #[test]
    fn tasks_have_a_life_with_polls_inside() {
        let records = records(&sample::trace(), Axis::Steps);
        let child = slices(&records, track(&records, "the \"child\""));
        // Spawned by event 4, polled by 7 until the clock moves at 12, and by 21 until it ends at 25.
        let slice = |name: &str, from, to| (name.to_string(), from, to);
        assert_eq!(
            child,
            [
                slice("task", 4.0, 25.0),
                slice("poll", 7.0, 12.0),
                slice("poll", 21.0, 25.0)
            ]
        );
    }

    #[test]
    fn regions_show_their_states_and_finalizers_their_runs() {
        let records = records(&sample::trace(), Axis::Steps);
        let region = slices(
            &records,
            track(&records, &format!("region 3 ({})", sample::REGION)),
        );
        let names: Vec<_> = region.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["Open", "Draining", "Finalizing"]);
        let clean_up = slices(
            &records,
            track(&records, &format!("clean-up 5 ({})", sample::REGION)),
        );
        assert_eq!(clean_up, [("finalizer 0".to_string(), 28.0, 29.0)]);
    }

    #[test]
    fn arrows_go_from_spawn_to_first_poll_and_from_request_to_observation() {
        let records = records(&sample::trace(), Axis::Steps);
        let arrows: Vec<_> = of_phase(&records, "s")
            .into_iter()
            .zip(of_phase(&records, "f"))
            .map(|(from, to)| {
                assert_eq!(from["id"], to["id"]);
                for end in [from, to] {
                    let track = (end["pid"].as_u64().unwrap(), end["tid"].as_u64().unwrap());
                    let at = end["ts"].as_f64().unwrap();
                    let around = slices(&records, track);
                    assert!(
                        around
                            .iter()
                            .any(|(_, from, to)| (*from..*to).contains(&at))
                    );
                }
                let name = from["name"].as_str().unwrap();
                (
                    name,
                    from["ts"].as_f64().unwrap(),
                    to["ts"].as_f64().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            arrows,
            [
                ("spawn", 0.0, 2.0),
                ("spawn", 4.0, 7.0),
                ("cancel", 17.0, 22.0)
            ]
        );
    }

    #[test]
    fn on_the_time_axis_events_of_one_instant_keep_their_order() {
        let records = records(&sample::trace(), Axis::Time);
        let instants = of_phase(&records, "i");
        let times: Vec<_> = instants
            .iter()
            .map(|it| it["ts"].as_f64().unwrap())
            .collect();
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
        // The clock advance is at its own time: 10 ms.
        let clock = instants
            .iter()
            .find(|it| it["name"] == "ClockAdvanced")
            .unwrap();
        assert_eq!(
            (clock["ts"].as_f64(), &clock["pid"]),
            (Some(10_000.0), &json!(0))
        );
    }

    #[test]
    fn every_record_has_what_viewers_require_and_slices_nest() {
        // A cut recording too: lives without a spawn, slices without an end.
        let events = sample::events();
        for cut in 0..events.len() {
            for part in [&events[..cut], &events[cut..]] {
                let trace = Trace::new(Header::default(), part.to_vec());
                let records = records(&trace, Axis::Steps);
                for record in &records {
                    let phase = record["ph"].as_str().unwrap();
                    assert!(record["pid"].is_u64() && record["name"].is_string());
                    assert!(phase == "M" || record["tid"].is_u64() && record["ts"].is_number());
                }
                let slices: Vec<_> = of_phase(&records, "X");
                for (index, a) in slices.iter().enumerate() {
                    for b in &slices[index + 1..] {
                        let (a_from, a_to) = span(a);
                        let (b_from, b_to) = span(b);
                        let apart = a_to <= b_from || b_to <= a_from;
                        let within = (a_from <= b_from && b_to <= a_to)
                            || (b_from <= a_from && a_to <= b_to);
                        let same_track = a["pid"] == b["pid"] && a["tid"] == b["tid"];
                        assert!(!same_track || apart || within, "{a} {b}");
                    }
                }
            }
        }
    }
}
