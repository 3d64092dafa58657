//! The page: the files of a folder, read once, each with the type that browsers want.
//!
//! Owns which file a path means. A folder that changes afterwards changes nothing here.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use asupersync_hyper::Body;
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};

/// What a browser may ask for, by its path.
#[derive(Default)]
pub struct Page {
    files: BTreeMap<String, (&'static str, Bytes)>,
}

impl Page {
    /// Reads a folder that a build has left, and what is below it.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut page = Self::default();
        page.add(folder, "/")
            .with_context(|| format!("cannot read the page in {}", folder.display()))?;
        ensure!(
            page.files.contains_key("/index.html"),
            "{} has no index.html; `cargo xtask demo --serve` builds it",
            folder.display()
        );
        Ok(page)
    }

    fn add(&mut self, folder: &Path, path: &str) -> Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let name = format!("{path}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.add(&entry.path(), &format!("{name}/"))?;
            } else {
                let bytes = std::fs::read(entry.path())?;
                self.files.insert(name.clone(), (kind(&name), bytes.into()));
            }
        }
        Ok(())
    }

    /// The answer to a path; `None`: there is no such file.
    pub fn answer(&self, path: &str) -> Option<Response<Body>> {
        let path = if path == "/" { "/index.html" } else { path };
        let (kind, bytes) = self.files.get(path)?;
        let mut answer = Response::new(Body::from(bytes.clone()));
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Some(answer)
    }
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
