//! The profiles of a browser build; written by `cargo xtask profiles` from `Cargo.toml`.

/// The name of the profile this was built with.
#[cfg(feature = "wasm-runtime")]
pub const PROFILE: &str = if cfg!(feature = "wasm-browser-deterministic") {
    "wasm-browser-deterministic"
} else if cfg!(feature = "wasm-browser-dev") {
    "wasm-browser-dev"
} else if cfg!(feature = "wasm-browser-minimal") {
    "wasm-browser-minimal"
} else if cfg!(feature = "wasm-browser-prod") {
    "wasm-browser-prod"
} else {
    "none"
};

#[cfg(all(feature = "wasm-browser-deterministic", feature = "wasm-browser-dev"))]
compile_error!(
    "the features `wasm-browser-deterministic` and `wasm-browser-dev` exclude each other: a build has one profile; see docs/browser-profiles.md"
);

#[cfg(all(
    feature = "wasm-browser-deterministic",
    feature = "wasm-browser-minimal"
))]
compile_error!(
    "the features `wasm-browser-deterministic` and `wasm-browser-minimal` exclude each other: a build has one profile; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-deterministic", feature = "wasm-browser-prod"))]
compile_error!(
    "the features `wasm-browser-deterministic` and `wasm-browser-prod` exclude each other: a build has one profile; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-deterministic", feature = "browser-io"))]
compile_error!(
    "the features `wasm-browser-deterministic` and `browser-io` exclude each other: choose another profile, or do without the feature; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-deterministic", feature = "lab"))]
compile_error!(
    "the features `wasm-browser-deterministic` and `lab` exclude each other: choose another profile, or do without the feature; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-deterministic", feature = "std"))]
compile_error!(
    "the features `wasm-browser-deterministic` and `std` exclude each other: set `default-features = false`; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-deterministic", feature = "test-internals"))]
compile_error!(
    "the features `wasm-browser-deterministic` and `test-internals` exclude each other: choose another profile, or do without the feature; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-dev", feature = "wasm-browser-minimal"))]
compile_error!(
    "the features `wasm-browser-dev` and `wasm-browser-minimal` exclude each other: a build has one profile; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-dev", feature = "wasm-browser-prod"))]
compile_error!(
    "the features `wasm-browser-dev` and `wasm-browser-prod` exclude each other: a build has one profile; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-dev", feature = "deterministic-mode"))]
compile_error!(
    "the features `wasm-browser-dev` and `deterministic-mode` exclude each other: choose another profile, or do without the feature; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-dev", feature = "lab"))]
compile_error!(
    "the features `wasm-browser-dev` and `lab` exclude each other: choose another profile, or do without the feature; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-dev", feature = "std"))]
compile_error!(
    "the features `wasm-browser-dev` and `std` exclude each other: set `default-features = false`; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-minimal", feature = "wasm-browser-prod"))]
compile_error!(
    "the features `wasm-browser-minimal` and `wasm-browser-prod` exclude each other: a build has one profile; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-minimal", feature = "browser-io"))]
compile_error!(
    "the features `wasm-browser-minimal` and `browser-io` exclude each other: choose another profile, or do without the feature; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-minimal", feature = "browser-trace"))]
compile_error!(
    "the features `wasm-browser-minimal` and `browser-trace` exclude each other: choose another profile, or do without the feature; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-minimal", feature = "deterministic-mode"))]
compile_error!(
    "the features `wasm-browser-minimal` and `deterministic-mode` exclude each other: choose another profile, or do without the feature; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-minimal", feature = "lab"))]
compile_error!(
    "the features `wasm-browser-minimal` and `lab` exclude each other: choose another profile, or do without the feature; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-minimal", feature = "std"))]
compile_error!(
    "the features `wasm-browser-minimal` and `std` exclude each other: set `default-features = false`; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-minimal", feature = "test-internals"))]
compile_error!(
    "the features `wasm-browser-minimal` and `test-internals` exclude each other: choose another profile, or do without the feature; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-prod", feature = "deterministic-mode"))]
compile_error!(
    "the features `wasm-browser-prod` and `deterministic-mode` exclude each other: choose another profile, or do without the feature; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-prod", feature = "lab"))]
compile_error!(
    "the features `wasm-browser-prod` and `lab` exclude each other: choose another profile, or do without the feature; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-prod", feature = "std"))]
compile_error!(
    "the features `wasm-browser-prod` and `std` exclude each other: set `default-features = false`; see docs/browser-profiles.md"
);

#[cfg(all(feature = "wasm-browser-prod", feature = "test-internals"))]
compile_error!(
    "the features `wasm-browser-prod` and `test-internals` exclude each other: choose another profile, or do without the feature; see docs/browser-profiles.md"
);

#[cfg(all(
    feature = "wasm-runtime",
    not(any(
        feature = "wasm-browser-deterministic",
        feature = "wasm-browser-dev",
        feature = "wasm-browser-minimal",
        feature = "wasm-browser-prod"
    ))
))]
compile_error!(
    "the feature `wasm-runtime` needs a profile: enable one of wasm-browser-deterministic, wasm-browser-dev, wasm-browser-minimal, wasm-browser-prod; see docs/browser-profiles.md"
);
