//! The pipeline on this machine: the file on disk, one thread, real time.

use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;

use asupersync_core::LocalRegion;
use asupersync_std::Runtime;

use super::config;
use super::orders::BadLine;
use super::pipeline;
use super::run::{Cut, Input, Run};

/// Why there is no input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The file could not be read.
    #[error("cannot read {}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A line of it is not an order.
    #[error("{} is not a list of orders", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, and what is wrong with it.
        source: BadLine,
    },
}

/// The file of this repository.
pub fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/flights-airport.csv")
}

/// Reads and checks a file.
///
/// # Errors
/// If it cannot be read, or has a line that is not an order.
pub fn read(path: &Path) -> Result<Input, InputError> {
    let text = std::fs::read_to_string(path).map_err(|source| InputError::File {
        path: path.into(),
        source,
    })?;
    Input::parse(text).map_err(|source| InputError::Line {
        path: path.into(),
        source,
    })
}

/// Runs the pipeline on one thread of this machine, in real time, over the whole file.
pub fn on_std(input: &Input) -> Run {
    let Cut { ids, orders } = input.all();
    let mut runtime = Runtime::builder().config(config()).on_one_thread();
    let ended = runtime.block_on(async |region: &LocalRegion| pipeline::run(region, orders).await);
    Run::judge(input, ids, ended, runtime.shut_down())
}
