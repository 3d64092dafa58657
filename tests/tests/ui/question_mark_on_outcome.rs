//! An outcome has four ends; `?` would flatten them. `into_result` says how.
use asupersync_core::{Error, Outcome};

fn body(outcome: Outcome<u32, Error>) -> Result<u32, Error> {
    Ok(outcome?)
}

fn main() {}
