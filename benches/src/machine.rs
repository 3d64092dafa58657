//! What the figures were taken on: without it a table is only good for its ratios.

use std::fmt;

/// The processor, the number of them, and how busy they already were.
#[derive(serde::Serialize)]
pub struct Machine {
    processor: String,
    cores: usize,
    load: String,
    os: &'static str,
    arch: &'static str,
}

impl Machine {
    /// Reads what the host tells; what it does not tell is `unknown`.
    pub fn now() -> Machine {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = info
            .lines()
            .find_map(|line| {
                line.strip_prefix("model name")?
                    .split_once(": ")
                    .map(|(_, name)| name.to_owned())
            })
            .unwrap_or_else(|| "unknown".to_owned());
        Machine {
            processor,
            cores: std::thread::available_parallelism().map_or(0, Into::into),
            load: load(),
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
        }
    }
}

/// The load averages over 1, 5 and 15 minutes, or `unknown`.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let averages: Vec<&str> = text.split(' ').take(3).collect();
    if averages.len() == 3 {
        averages.join(" ")
    } else {
        "unknown".to_owned()
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine {
            processor,
            cores,
            load,
            os,
            arch,
        } = self;
        write!(
            f,
            "{processor}, {cores} cores, {os} {arch}, load before {load}"
        )
    }
}
