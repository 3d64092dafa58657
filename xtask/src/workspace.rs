//! Where the workspace is, which files it has, and how its cargo is called.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use walkdir::WalkDir;

/// The root folder of the workspace.
///
/// `cargo run` tells where the package is at this moment; the compiled-in path covers a direct call.
pub fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().map_or(package.clone(), Path::to_path_buf)
}

/// Where cargo leaves what it builds in that folder.
pub fn output_of(folder: &Path) -> PathBuf {
    folder.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The same cargo that started us, in the workspace root.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// One text file of the workspace.
pub struct File {
    /// Relative to the root, with `/` on every host.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// Every file whose name ends with `suffix`, in path order; build output and hidden folders are left out.
pub fn files(suffix: &str) -> Result<Vec<File>> {
    let root = root();
    let walk = WalkDir::new(&root).sort_by_file_name().into_iter();
    let mut files = Vec::new();
    for entry in
        walk.filter_entry(|e| e.depth() == 0 || !is_skipped(&e.file_name().to_string_lossy()))
    {
        let entry = entry?;
        if !entry.file_type().is_file() || !entry.file_name().to_string_lossy().ends_with(suffix) {
            continue;
        }
        let text = std::fs::read_to_string(entry.path())
            .with_context(|| format!("cannot read {}", entry.path().display()))?;
        let relative = entry.path().strip_prefix(&root)?;
        let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        files.push(File {
            path: parts.join("/"),
            text,
        });
    }
    Ok(files)
}

fn is_skipped(name: &str) -> bool {
    name.starts_with('.') || name == "target" || name == "node_modules"
}
