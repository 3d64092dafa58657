//! What the host says about this process: time, memory, threads, open files.
//!
//! Owns the reading of `/proc`; elsewhere those numbers are missing, and nothing is held to them.

use std::time::{Duration, Instant};

/// How long the run lasts.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    start: Instant,
    limit: Duration,
}

impl Watch {
    /// A run that begins now.
    pub fn start(limit: Duration) -> Self {
        let start = Instant::now();
        Self { start, limit }
    }

    /// How long it has lasted.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// How much of it is left.
    pub fn left(&self) -> Duration {
        self.limit.saturating_sub(self.elapsed())
    }

    /// Whether the first quarter is over.
    pub fn is_past_first_quarter(&self) -> bool {
        self.elapsed() >= self.limit / 4
    }
}

/// What a process holds at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holdings {
    /// Threads.
    pub threads: u64,
    /// Open files, sockets among them.
    pub files: u64,
    /// Memory in KiB.
    pub memory: u64,
    /// The most memory there ever was, in KiB.
    pub memory_peak: u64,
}

impl Holdings {
    /// What this process holds now; `None` where the host does not tell.
    pub fn now() -> Option<Self> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let number = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        // The listing has itself open.
        let files = std::fs::read_dir("/proc/self/fd")
            .ok()?
            .count()
            .checked_sub(1)?;
        Some(Self {
            threads: number("Threads:")?,
            files: u64::try_from(files).ok()?,
            memory: number("VmRSS:")?,
            memory_peak: number("VmHWM:")?,
        })
    }

    /// As [`now`](Self::now), once there are as few threads as `threads`: one that was joined is listed a moment longer.
    pub fn settled(threads: u64) -> Option<Self> {
        for _ in 0..10_000 {
            if Self::now()?.threads <= threads {
                break;
            }
            std::thread::yield_now();
        }
        Self::now()
    }
}
