//! Picks the memory map of the board and links with the layout of `cortex-m-rt`.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let board = match env::var_os("CARGO_FEATURE_MPS2_AN385") {
        Some(_) => "mps2-an385",
        None => "lm3s6965evb",
    };
    let map = format!("memory/{board}.x");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::copy(&map, out.join("memory.x"))?;
    // The names of the board's interrupts, for `cortex-m-rt`: none is used.
    fs::write(out.join("device.x"), "")?;
    println!("cargo::rerun-if-changed={map}");
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    if env::var_os("CARGO_FEATURE_DEFMT").is_some() {
        println!("cargo::rustc-link-arg-bins=-Tdefmt.x");
    }
    Ok(())
}
