//! `cargo xtask profiles`: what a browser build may be made of, from the manifest of the facade.
//!
//! Owns `src/profiles.rs`, in which an illegal combination of features is a compile error, and the table in
//! `docs/browser-profiles.md`. With `--check` it writes nothing, and shows that the page is up to date, every profile
//! builds for wasm32 with all that it may have, and every illegal pair is refused by an error that names both.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;

use crate::setup;
use crate::targets::{self, WASM};
use crate::tools::Need;
use crate::workspace;

const CODE: &str = "src/profiles.rs";
const PAGE: &str = "docs/browser-profiles.md";
/// What makes a build one for browsers.
const RUNTIME: &str = "wasm-runtime";

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail where a file is out of date, or a combination does not do what the page says
    #[arg(long)]
    check: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let manifest = Manifest::read()?;
    let files = [(CODE, manifest.code()?), (PAGE, manifest.page()?)];
    for (name, text) in &files {
        let file = workspace::root().join(name);
        if !args.check {
            std::fs::write(&file, text).with_context(|| format!("cannot write {name}"))?;
        } else if std::fs::read_to_string(&file).ok().as_ref() != Some(text) {
            bail!("{name} is not what Cargo.toml says: run `cargo xtask profiles`");
        }
    }
    if args.check {
        setup::ensure(Need::Demo)?;
        manifest.check_legal()?;
        let refused = manifest.check_illegal()?;
        let count = manifest.profiles.len();
        println!("{count} profiles build for {WASM}, {refused} illegal combinations are refused");
    }
    Ok(ExitCode::SUCCESS)
}

/// How a profile stands to a feature.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stand {
    Has,
    May,
    Excludes,
}

struct Profile {
    name: String,
    has: BTreeSet<String>,
    may: BTreeSet<String>,
}

impl Profile {
    fn stand(&self, part: &str) -> Stand {
        match (self.has.contains(part), self.may.contains(part)) {
            (true, _) => Stand::Has,
            (_, true) => Stand::May,
            _ => Stand::Excludes,
        }
    }
}

struct Manifest {
    text: String,
    profiles: Vec<Profile>,
    /// All other features of the facade.
    parts: Vec<String>,
}

impl Manifest {
    fn read() -> Result<Self> {
        let root = workspace::root();
        let text = std::fs::read_to_string(root.join("Cargo.toml"))?;
        let metadata = MetadataCommand::new().current_dir(&root).no_deps().exec()?;
        let facade = metadata
            .root_package()
            .context("the workspace has no root package")?;
        let listed: BTreeMap<String, BTreeSet<String>> =
            serde_json::from_value(facade.metadata["browser-profiles"].clone())
                .context("[package.metadata.browser-profiles] takes lists of features")?;
        let is_part = |name: &&String| *name != "default" && !listed.contains_key(*name);
        let parts: Vec<String> = facade.features.keys().filter(is_part).cloned().collect();
        let mut profiles = Vec::new();
        for (name, may) in listed {
            if let Some(unknown) = may.iter().find(|feature| !parts.contains(feature)) {
                bail!("{name} may have `{unknown}`, which is no feature");
            }
            let has = closure(&facade.features, &name);
            if !has.contains(RUNTIME) {
                bail!("{name} is no feature with `{RUNTIME}`");
            }
            profiles.push(Profile { name, has, may });
        }
        Ok(Self {
            text,
            profiles,
            parts,
        })
    }

    /// Every pair that no build may have, and why.
    fn illegal(&self) -> Vec<(&str, &str, &'static str)> {
        let mut pairs = Vec::new();
        for (index, profile) in self.profiles.iter().enumerate() {
            for other in &self.profiles[index + 1..] {
                pairs.push((&*profile.name, &*other.name, "a build has one profile"));
            }
            for part in &self.parts {
                if profile.stand(part) == Stand::Excludes {
                    let why = match part.as_str() {
                        "std" => "set `default-features = false`",
                        _ => "choose another profile, or do without the feature",
                    };
                    pairs.push((&*profile.name, &**part, why));
                }
            }
        }
        pairs
    }

    fn names(&self) -> Vec<&str> {
        self.profiles.iter().map(|p| p.name.as_str()).collect()
    }

    /// The module of the facade.
    fn code(&self) -> Result<String> {
        let mut code = String::from(
            "//! The profiles of a browser build; written by `cargo xtask profiles` from `Cargo.toml`.\n\n\
             /// The name of the profile this was built with.\n",
        );
        code += &format!("#[cfg(feature = \"{RUNTIME}\")]\npub const PROFILE: &str = ");
        for name in self.names() {
            code += &format!("if cfg!(feature = \"{name}\") {{ \"{name}\" }} else ");
        }
        code += "{ \"none\" };\n";
        for (one, other, next) in self.illegal() {
            code += &format!(
                "\n#[cfg(all(feature = \"{one}\", feature = \"{other}\"))]\ncompile_error!(\"the features `{one}` and \
                 `{other}` exclude each other: {next}; see {PAGE}\");\n"
            );
        }
        let any: Vec<String> = self
            .names()
            .iter()
            .map(|name| format!("feature = \"{name}\""))
            .collect();
        code += &format!(
            "\n#[cfg(all(feature = \"{RUNTIME}\", not(any({}))))]\ncompile_error!(\"the feature `{RUNTIME}` needs a \
             profile: enable one of {}; see {PAGE}\");\n",
            any.join(", "),
            self.names().join(", "),
        );
        formatted(&code)
    }

    /// The page with the table.
    fn page(&self) -> Result<String> {
        let mut page = String::from(
            "# Profiles of a browser build\n\n\
             <!-- Written by `cargo xtask profiles` from Cargo.toml; change it there. -->\n\n\
             A program for browsers takes `asupersync` without its default features and with exactly one profile. What a\n\
             profile excludes is a compile error that names both features.\n\n",
        );
        let heads: Vec<String> = self
            .names()
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        page += &format!("| feature | what it is | {} |\n", heads.join(" | "));
        page += &format!("|---|---|{}\n", "---|".repeat(heads.len()));
        for part in &self.parts {
            let stands: Vec<&str> = self
                .profiles
                .iter()
                .map(|profile| match profile.stand(part) {
                    Stand::Has => "has it",
                    Stand::May => "may",
                    Stand::Excludes => "excludes it",
                })
                .collect();
            let what = self.comment(part)?;
            page += &format!("| `{part}` | {what} | {} |\n", stands.join(" | "));
        }
        page += "\nThe module of `@asupersync/browser-core` says its profile, and its scripts refuse another (`ProfileMismatch`).\n\n\
                 Not there yet, so no feature: `trace-compression` (prod, dev, deterministic), `tracing-integration` (dev).\n";
        Ok(page)
    }

    /// The line above a feature in the manifest.
    fn comment(&self, feature: &str) -> Result<&str> {
        let start = format!("{feature} = [");
        let lines: Vec<&str> = self.text.lines().collect();
        let at = lines.iter().position(|line| line.starts_with(&start));
        let above = at.and_then(|at| lines.get(at.checked_sub(1)?));
        above
            .and_then(|line| line.strip_prefix("# "))
            .with_context(|| {
                format!("the feature `{feature}` has no comment above it in Cargo.toml")
            })
    }

    /// Every profile, alone and with all that it may have.
    fn check_legal(&self) -> Result<()> {
        for profile in &self.profiles {
            let mut all: Vec<&str> = vec![&profile.name];
            let mut sets = vec![all.clone()];
            all.extend(profile.may.iter().map(String::as_str));
            if all.len() > 1 {
                sets.push(all);
            }
            for features in sets {
                let mut cargo = targets::cargo()?;
                cargo.args(["check", "--quiet", "--lib", "-p", "asupersync"]);
                cargo.args(["--target", WASM, "--no-default-features"]);
                cargo.args(["--features", &features.join(",")]);
                if !cargo.status().context("cannot start cargo")?.success() {
                    bail!("{} does not build for {WASM}", features.join(" with "));
                }
            }
        }
        Ok(())
    }

    /// Every illegal pair, by the compiler alone: it needs no other crate to refuse them. Returns how many there are.
    fn check_illegal(&self) -> Result<usize> {
        let pairs = self.illegal();
        for (one, other, _) in &pairs {
            refuse(&[one, other], &[one, other])?;
        }
        refuse(&[RUNTIME], &self.names())?;
        // And the facade has this module in it.
        let (one, other) = (self.names()[0], "std");
        let mut cargo = workspace::cargo();
        cargo.args(["check", "--quiet", "-p", "asupersync", "--features", one]);
        let output = cargo.output().context("cannot start cargo")?;
        names_all(
            "the facade",
            &String::from_utf8_lossy(&output.stderr),
            &[one, other],
        )?;
        Ok(pairs.len() + 1)
    }
}

/// The module does not compile with these features, and says these names.
fn refuse(features: &[&str], names: &[&str]) -> Result<()> {
    let mut rustc = Command::new("rustc");
    rustc.current_dir(workspace::root()).args([
        "--edition=2024",
        "--crate-type=lib",
        "--emit=metadata=/dev/null",
        CODE,
    ]);
    for feature in features {
        rustc.arg(format!("--cfg=feature=\"{feature}\""));
    }
    let output = rustc.output().context("cannot start rustc")?;
    if output.status.success() {
        bail!("{} compile together", features.join(" and "));
    }
    let told = String::from_utf8_lossy(&output.stderr);
    names_all(&features.join(" with "), &told, names)
}

fn names_all(what: &str, told: &str, names: &[&str]) -> Result<()> {
    let error = told.lines().find(|line| {
        line.starts_with("error: the feature") && names.iter().all(|name| line.contains(name))
    });
    if error.is_none() {
        bail!("{what}: no error names {}:\n{told}", names.join(" and "));
    }
    Ok(())
}

/// A feature's own features, and theirs.
fn closure(features: &BTreeMap<String, Vec<String>>, name: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![name];
    while let Some(next) = open.pop() {
        for inner in features.get(next).into_iter().flatten() {
            if features.contains_key(inner) && found.insert(inner.clone()) {
                open.push(inner);
            }
        }
    }
    found
}

fn formatted(code: &str) -> Result<String> {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start rustfmt")?;
    let mut input = rustfmt.stdin.take().context("rustfmt has no input")?;
    input.write_all(code.as_bytes())?;
    drop(input);
    let output = rustfmt.wait_with_output()?;
    if !output.status.success() {
        bail!("rustfmt refuses {CODE}");
    }
    Ok(String::from_utf8(output.stdout)?)
}
