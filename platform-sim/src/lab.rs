//! `Lab`: the settings of a deterministic run, and its beginning.
//!
//! Owns the builder and the assembly of the report. The loop is in `engine`, judging in `oracle`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use asupersync_core::trace::TraceSink;
use asupersync_core::{Config, Error, LocalRegion, Spawner};

use crate::artifact::{ClockMode, Header, Trace, diff};
use crate::chaos::Chaos;
use crate::engine::{self, Setup};
use crate::entropy::ENTROPY_VERSION;
use crate::monitor::Monitor;
use crate::oracle::{Expectations, Oracle, Oracles};
use crate::replay::ENTROPY_NOTE;
use crate::report::LabReport;
use crate::strategy::Strategy;

/// How many steps a run has by default.
pub const MAX_STEPS: u64 = 100_000;

/// A deterministic runtime for one program: virtual time, seeded schedule, seeded entropy, oracles.
///
/// The same seed, settings and program give the same run, byte for byte, on every target (R-DET-1).
///
/// ```
/// use asupersync_sim::{Lab, LocalRegion};
/// use core::time::Duration;
///
/// let report = Lab::new(42).run(async |region: &LocalRegion| {
///     let task = region.spawn(async |cx| Ok(cx.sleep(Duration::from_secs(3600)).await?))?;
///     Ok(task.join(region).await?)
/// });
/// report.assert_clean();
/// assert_eq!(report.now.as_nanos(), 3_600_000_000_000);
/// ```
#[derive(Debug, Clone)]
#[must_use = "a lab does nothing until it runs a program"]
pub struct Lab {
    pub(crate) seed: u64,
    pub(crate) strategy: Strategy,
    pub(crate) chaos: Chaos,
    pub(crate) capacity: usize,
    pub(crate) config: Config,
    pub(crate) max_steps: u64,
    pub(crate) capture_trace: bool,
    pub(crate) allow_leaks: bool,
    pub(crate) futurelock_max_idle_steps: u64,
    pub(crate) panic_on_futurelock: bool,
    pub(crate) scenario: String,
    pub(crate) root: Option<Root>,
    pub(crate) sink: Option<Sink>,
}

/// Who else is told of every event.
#[derive(Clone)]
pub(crate) struct Sink(pub(crate) Arc<dyn TraceSink>);

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

/// What is spawned into the root region before the body is polled.
#[derive(Clone)]
pub(crate) struct Root(Arc<SpawnInto>);

type SpawnInto = dyn Fn(&Spawner<Error>) + Send + Sync;

impl Root {
    pub(crate) fn spawn(&self, spawner: &Spawner<Error>) {
        (self.0)(spawner);
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Root")
    }
}

impl Lab {
    /// A lab with this seed: random strategy, no chaos, 100,000 steps, 2^18 tasks, a whole trace.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            strategy: Strategy::Random,
            chaos: Chaos::default(),
            capacity: 1 << 18,
            config: Config::default(),
            max_steps: MAX_STEPS,
            capture_trace: true,
            allow_leaks: false,
            futurelock_max_idle_steps: 1_000,
            panic_on_futurelock: false,
            scenario: String::new(),
            root: None,
            sink: None,
        }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The name of the program, if it was given one.
    pub fn name(&self) -> &str {
        &self.scenario
    }

    /// How the next task is chosen.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Which faults are injected.
    pub fn chaos(mut self, chaos: Chaos) -> Self {
        self.chaos = chaos;
        self
    }

    /// How many tasks may be live at once.
    pub fn capacity(mut self, tasks: usize) -> Self {
        self.capacity = tasks;
        self
    }

    /// The settings of the kernel. `check_foreign_cx` is always on in the lab (R-OWN-5).
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// How many steps (polls and delays) the body may take. Past that the run is a violation of
    /// [`Oracle::Progress`] and is shut down. Shutting down has as many again.
    pub fn max_steps(mut self, steps: u64) -> Self {
        self.max_steps = steps;
        self
    }

    /// Whether the report has a trace. Without it a run is faster; oracles and fingerprint see every event.
    pub fn capture_trace(mut self, capture: bool) -> Self {
        self.capture_trace = capture;
        self
    }

    /// Whether obligations that the program leaves unresolved are expected: then [`Oracle::Leaks`] is
    /// silent, and [`LabReport::stats`] says how many there were.
    pub fn allow_leaks(mut self, allow: bool) -> Self {
        self.allow_leaks = allow;
        self
    }

    /// After how many steps of others a grant that its task does not take is a futurelock.
    pub fn futurelock_max_idle_steps(mut self, steps: u64) -> Self {
        self.futurelock_max_idle_steps = steps;
        self
    }

    /// Whether a futurelock panics, once the run is over, instead of being listed.
    pub fn panic_on_futurelock(mut self, panics: bool) -> Self {
        self.panic_on_futurelock = panics;
        self
    }

    /// The name of the program, for traces and replay commands.
    pub fn scenario(mut self, name: impl Into<String>) -> Self {
        self.scenario = name.into();
        self
    }

    /// Spawns into the runtime's root region, before the body is polled, what is to outlive the body and
    /// meet the shutdown (R-CAN-7). It is part of the program, not of the settings.
    pub fn root(mut self, spawn: impl Fn(&Spawner<Error>) + Send + Sync + 'static) -> Self {
        self.root = Some(Root(Arc::new(spawn)));
        self
    }

    /// Tells `sink` of every event of the deterministic section, in order and while it happens: for what is
    /// computed from runs whose traces are not kept.
    pub fn sink(mut self, sink: Arc<dyn TraceSink>) -> Self {
        self.sink = Some(Sink(sink));
        self
    }

    /// Runs `body` in a region of its own, shuts the runtime down, and says what happened.
    ///
    /// Ends always: a program that waits for ever, or never stops, is shut down and reported. Only a
    /// single poll that never returns cannot be helped.
    ///
    /// # Panics
    /// On a futurelock, if [`panic_on_futurelock`](Self::panic_on_futurelock) is set.
    pub fn run<T, F>(&self, body: F) -> LabReport<T>
    where
        F: AsyncFnOnce(&LocalRegion) -> Result<T, Error>,
    {
        let oracles = Oracles::new(Expectations {
            leaks_allowed: self.allow_leaks,
            futurelock_steps: self.futurelock_max_idle_steps,
            capacity: self.capacity,
        });
        let monitor = Monitor::new(oracles, self.capture_trace, self.sink.clone());
        let mut config = self.config.clone();
        config.check_foreign_cx = true;
        let setup = Setup {
            seed: self.seed,
            strategy: &self.strategy,
            chaos: self.chaos,
            capacity: self.capacity,
            config,
            max_steps: self.max_steps,
            root: self.root.clone(),
        };
        let ended = engine::run(setup, &monitor, body);
        let (violations, fingerprint, digest, count, events) = monitor.with(|record| {
            if let Some(mismatch) = ended.mismatch {
                let message = format!(
                    "step {} polls task {}, which is not among the {} runnable tasks; the program \
                     differs from the recorded one, or depends on something the lab does not control",
                    mismatch.step, mismatch.expected, mismatch.runnable
                );
                record
                    .oracles
                    .engine(Oracle::Determinism, ended.now, message);
            }
            (
                record.oracles.finish(),
                record.fingerprint.finish(),
                record.digest.finish(),
                record.count,
                record.events.take(),
            )
        });
        let futurelock = violations.iter().find(|v| v.oracle == Oracle::Futurelock);
        if let Some(found) = futurelock.filter(|_| self.panic_on_futurelock) {
            panic!("{found} (seed {})", self.seed);
        }
        let trace = events.map(|events| Trace::with_dropped(self.header(), events, 0, fingerprint));
        LabReport {
            seed: self.seed,
            scenario: self.scenario.clone(),
            options: crate::replay::options_of(self),
            severity: crate::report::severity_of(&ended.result),
            result: ended.result,
            violations,
            is_closed: ended.is_closed,
            stats: ended.stats,
            steps: ended.steps,
            now: ended.now,
            event_count: count,
            fingerprint,
            digest,
            chaos: ended.chaos,
            arbiter: ended.arbiter,
            schedule: ended.schedule,
            diagnostics: ended.diagnostics,
            trace,
        }
    }

    /// Runs the program twice and adds a violation of [`Oracle::Determinism`] to the report of the first
    /// run if the second differs. `make` gives the body of each run. The second run finds other memory
    /// free than the first, so that a program that orders by address differs too.
    pub fn run_twice<T, F>(&self, mut make: impl FnMut() -> F) -> LabReport<T>
    where
        F: AsyncFnOnce(&LocalRegion) -> Result<T, Error>,
    {
        let mut first = self.run(make());
        let ballast = ballast();
        let second = self.run(make());
        drop(ballast);
        if first.digest != second.digest || first.event_count != second.event_count {
            let divergence = match (&first.trace, &second.trace) {
                (Some(first), Some(second)) => diff(first, second),
                _ => None,
            };
            first.note_divergence(divergence.as_ref());
        }
        first
    }

    /// A hash of every setting that a run depends on besides seed, strategy and program.
    pub(crate) fn config_hash(&self) -> u64 {
        let text = format!("{:?} {}", self.config, self.capacity);
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    fn header(&self) -> Header {
        let mut notes = vec![(ENTROPY_NOTE.to_string(), ENTROPY_VERSION.to_string())];
        let options: Vec<(String, String)> = crate::replay::options_of(self);
        notes.extend(options);
        Header {
            runtime_version: env!("CARGO_PKG_VERSION").into(),
            profile: "lab".into(),
            target: target().into(),
            seed: self.seed,
            clock_mode: ClockMode::Virtual,
            config_hash: self.config_hash(),
            scenario: self.scenario.clone(),
            notes,
            ..Header::default()
        }
    }
}

/// Blocks of every size that a run may ask for: while they are held, it gets others.
fn ballast() -> Vec<Vec<u8>> {
    let small = (16..=1024).step_by(16);
    let large = (1088..=8192).step_by(64);
    small
        .chain(large)
        .flat_map(|size| (0..8).map(move |_| Vec::with_capacity(size)))
        .collect()
}

/// The architecture that this was built for.
const fn target() -> &'static str {
    if cfg!(target_arch = "x86_64") {
        "x86_64"
    } else if cfg!(target_arch = "aarch64") {
        "aarch64"
    } else if cfg!(target_arch = "wasm32") {
        "wasm32"
    } else if cfg!(target_arch = "arm") {
        "arm"
    } else {
        "other"
    }
}
