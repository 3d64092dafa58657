//! What the tests of surfaces share: a door that holds a thread, and waiting for a state without a clock.

#![allow(dead_code)] // each test binary uses its own part

use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Poll;

use asupersync_core::{Cancelled, CxBase, Error, LocalRegion};
use asupersync_std::{Blocking, BlockingStats, Runtime};

/// Runs `body` on a runtime with the default settings.
pub fn run<T>(body: impl AsyncFnOnce(&LocalRegion) -> Result<T, Error>) -> T {
    Runtime::current_thread().block_on(body).expect("ran")
}

/// A door that threads wait at until the test opens it.
#[derive(Debug, Clone, Default)]
pub struct Door(Arc<(Mutex<bool>, Condvar)>);

impl Door {
    /// A closed door.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until it is open. Blocks the thread.
    pub fn pass(&self) {
        let (open, bell) = &*self.0;
        let open = open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(bell.wait_while(open, |open| !*open));
    }

    /// Opens it for everybody.
    pub fn open(&self) {
        let (open, bell) = &*self.0;
        *open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        bell.notify_all();
    }
}

/// Opens the door when it goes: a test that fails does not hang in a thread it holds.
pub struct OpensAtEnd(pub Door);

impl Drop for OpensAtEnd {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// Gives other tasks and threads turns until `look` says yes.
pub async fn until(cx: &CxBase, mut look: impl FnMut() -> bool) -> Result<(), Cancelled> {
    while !look() {
        std::thread::yield_now();
        cx.yield_now().await?;
    }
    Ok(())
}

/// The counters of the pool.
pub fn stats(cx: &CxBase) -> BlockingStats {
    cx.capability::<Blocking>().expect("granted").stats()
}

/// Polls `future` once, which must leave it waiting.
pub async fn begin<F: Future>(mut future: Pin<&mut F>) {
    poll_fn(|task| {
        assert!(future.as_mut().poll(task).is_pending());
        Poll::Ready(())
    })
    .await;
}

/// A folder of one test, removed at its end.
pub struct Folder(PathBuf);

impl Folder {
    /// An empty folder.
    pub fn new(test: &str) -> Self {
        let name = format!("asupersync-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    /// The path of something in it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
