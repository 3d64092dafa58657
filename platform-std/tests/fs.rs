//! Files and folders through the public API: what is there afterwards, also after a cancel.

mod support;

use std::collections::BTreeSet;
use std::error::Error as _;
use std::fs::OpenOptions;
use std::io::{ErrorKind, SeekFrom};
use std::num::NonZeroUsize;
use std::pin::pin;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use asupersync_core::{
    CxBase, Either, Error, LocalRegion, Outcome, Recoverability, RegionOptions, TaskError,
};
use asupersync_std::fs::{self, File, Fs, FsError};
use asupersync_std::{Blocking, BlockingBuilder, Runtime, spawn_blocking};
use support::{Door, Folder, OpensAtEnd, begin, run, stats, until};

#[test]
fn what_is_written_is_read() {
    let folder = Folder::new("round-trip");
    run(async |r| {
        let (deep, file) = (folder.at("a/b"), folder.at("a/b/text"));
        fs::create_dir_all(r, &deep).await?;
        fs::write(r, &file, "four words in here").await?;
        assert_eq!(fs::read_to_string(r, &file).await?, "four words in here");
        assert_eq!(fs::read(r, &file).await?.len(), 18);
        assert_eq!(fs::metadata(r, &file).await?.len(), 18);
        assert!(fs::symlink_metadata(r, &deep).await?.is_dir());
        assert!(fs::canonicalize(r, &file).await?.is_absolute());

        let copy = folder.at("copy");
        assert_eq!(fs::copy(r, &file, &copy).await?, 18);
        let moved = folder.at("moved");
        fs::rename(r, &copy, &moved).await?;
        assert_eq!(fs::read(r, &moved).await?, fs::read(r, &file).await?);
        let mut permissions = fs::metadata(r, &moved).await?.permissions();
        permissions.set_readonly(true);
        fs::set_permissions(r, &moved, permissions).await?;
        assert!(fs::metadata(r, &moved).await?.permissions().readonly());
        fs::remove_file(r, &moved).await?;

        fs::create_dir(r, folder.at("empty")).await?;
        fs::remove_dir(r, folder.at("empty")).await?;
        fs::remove_dir_all(r, folder.at("a")).await?;
        let mut left = fs::read_dir(r, folder.at("")).await?;
        assert!(left.next(r).await?.is_none());
        Ok(())
    });
}

#[test]
fn an_error_says_what_failed_on_what_and_why() {
    let folder = Folder::new("errors");
    run(async |r| {
        let missing = folder.at("missing");
        let errors: [FsError; 3] = [
            fs::read(r, &missing).await.expect_err("missing"),
            File::open(r, &missing).await.expect_err("missing"),
            fs::read_dir(r, &missing).await.expect_err("missing"),
        ];
        for (error, operation) in errors.iter().zip(["read", "open", "list"]) {
            assert_eq!(error.operation(), operation);
            assert_eq!(error.path(), missing);
            assert_eq!(error.kind(), Some(ErrorKind::NotFound));
            assert_eq!(error.recoverability(), Recoverability::Fatal);
            assert!(!error.is_cancelled());
            let source = error.source().expect("the host's error");
            assert!(source.is::<std::io::Error>());
            let text = error.to_string();
            let begin = format!("cannot {operation} {}: ", missing.display());
            assert!(text.starts_with(&begin), "{text}");
        }
        Ok(())
    });
}

#[test]
fn a_file_has_one_cursor_for_reading_and_writing() {
    let folder = Folder::new("cursor");
    run(async |r| {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create_new(true);
        let path = folder.at("file");
        let mut file = File::open_with(r, &path, options).await?;
        file.write_all(r, b"0123456789").await?;
        assert_eq!(file.seek(r, SeekFrom::Start(2)).await?, 2);
        let mut two = [0; 2];
        assert_eq!(file.read(r, &mut two).await?, 2);
        assert_eq!(&two, b"23");
        // What was read ahead does not count.
        assert_eq!(file.seek(r, SeekFrom::Current(0)).await?, 4);
        assert_eq!(file.read(r, &mut two[..1]).await?, 1);
        assert_eq!(file.write(r, b"AB").await?, 2);
        let mut rest = Vec::from(*b">");
        assert_eq!(file.read_to_end(r, &mut rest).await?, 3);
        assert_eq!(rest, b">789");
        assert_eq!(file.read(r, &mut two).await?, 0, "at the end");

        file.set_len(r, 4).await?;
        assert_eq!(file.metadata(r).await?.len(), 4);
        file.sync_data(r).await?;
        file.sync_all(r).await?;
        file.flush(r).await?;
        assert_eq!(file.path(), path);
        drop(file);
        assert_eq!(fs::read(r, &path).await?, b"0123");
        let mut file = File::create(r, &path).await?;
        file.write_all(r, &vec![7; 1 << 20]).await?;
        assert_eq!(fs::metadata(r, &path).await?.len(), 1 << 20);
        let mut content = Vec::new();
        let mut file = File::open(r, &path).await?;
        assert_eq!(file.read_to_end(r, &mut content).await?, 1 << 20);
        assert!(content.iter().all(|byte| *byte == 7));
        Ok(())
    });
}

#[test]
fn a_large_folder_is_listed_entry_by_entry() {
    let folder = Folder::new("list");
    run(async |r| {
        let names: BTreeSet<_> = (0..200).map(|n| format!("entry-{n}")).collect();
        for name in &names {
            fs::write(r, folder.at(name), "").await?;
        }
        let mut entries = fs::read_dir(r, folder.at("")).await?;
        let mut found = BTreeSet::new();
        while let Some(entry) = entries.next(r).await? {
            assert!(entry.file_type().is_file());
            assert_eq!(entry.path(), folder.at("").join(entry.file_name()));
            found.insert(entry.file_name().to_string_lossy().into_owned());
        }
        assert_eq!(found, names);
        // The folder, 200 files, and the entries in four batches and the end.
        until(r, || stats(r).running == 0).await?;
        assert_eq!(stats(r).finished, 1 + 200 + 4 + 1);
        Ok(())
    });
}

/// A runtime whose pool has one thread.
fn one_thread() -> Runtime {
    let one = BlockingBuilder::new().threads_max(NonZeroUsize::MIN);
    Runtime::builder().blocking(one).on_one_thread()
}

/// Waits until the threads are done with what was called before: a value is there a moment earlier.
async fn quiet(cx: &CxBase) -> Result<(), Error> {
    until(cx, || stats(cx).running == 0).await?;
    Ok(())
}

/// Waits until a thread has begun with the one call.
async fn once_it_runs(cx: &CxBase) -> Result<(), Error> {
    until(cx, || stats(cx).running == 1).await?;
    Ok(())
}

// proves: R-IO-3
#[cfg(unix)]
#[test]
fn a_cancelled_read_loses_nothing() {
    let folder = Folder::new("fifo");
    let path = folder.at("fifo");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.expect("mkfifo is there").success());
    // Opened for both, so that neither end waits for the other.
    let mut both = OpenOptions::new();
    both.read(true).write(true);
    let mut writer = both.open(&path).expect("the fifo is there");
    let mut runtime = Runtime::current_thread();
    runtime
        .block_on(async |r: &LocalRegion| {
            let mut file = File::open_with(r, &path, &both).await?;
            quiet(r).await?;
            let mut buffer = [0; 8];
            let won = r
                .race(
                    async |cx| Ok(file.read(cx, &mut buffer).await?),
                    async |cx| once_it_runs(cx).await,
                )
                .await?;
            assert_eq!(won, Either::B(()));
            assert_eq!(stats(r).running, 1, "the read waits on in its thread");
            std::io::Write::write_all(&mut writer, b"kept")?;
            assert_eq!(file.read(r, &mut buffer[..3]).await?, 3);
            assert_eq!(&buffer[..3], b"kep");
            assert_eq!(file.read(r, &mut buffer).await?, 1);
            Ok::<_, Error>(())
        })
        .expect("ran");
    // The cancelled read, and the open; the reads after it took what was there.
    assert_eq!(runtime.blocking_stats().expect("a pool").finished, 2);
}

// proves: R-IO-2
#[test]
fn a_write_cancelled_before_its_start_writes_nothing() {
    let folder = Folder::new("withdrawn");
    let path = folder.at("file");
    let mut runtime = one_thread();
    runtime
        .block_on(async |r: &LocalRegion| {
            let mut file = File::create(r, &path).await?;
            file.write_all(r, b"before,").await?;
            quiet(r).await?;
            let door = Door::new();
            let opens = OpensAtEnd(door.clone());
            let holder =
                r.spawn(async move |cx| Ok(spawn_blocking(&cx, move || door.pass()).await?))?;
            once_it_runs(r).await?;
            let won = r
                .race(
                    async |cx| Ok(file.write_all(cx, b"never,").await?),
                    async |cx| {
                        until(cx, || stats(cx).waiting == 1).await?;
                        Ok(())
                    },
                )
                .await?;
            assert_eq!(won, Either::B(()));
            assert_eq!(stats(r).withdrawn, 1);
            drop(opens);
            holder.join(r).await?;
            file.write_all(r, b"after").await?;
            file.flush(r).await?;
            assert_eq!(fs::read_to_string(r, &path).await?, "before,after");
            Ok::<_, Error>(())
        })
        .expect("ran");
}

#[cfg(target_os = "linux")]
#[test]
fn how_a_dropped_write_ended_is_told_by_flush() {
    let mut runtime = one_thread();
    let door = Door::new();
    let _opens = OpensAtEnd(door.clone());
    runtime
        .block_on(async |r: &LocalRegion| {
            let mut options = OpenOptions::new();
            let mut full = File::open_with(r, "/dev/full", options.write(true)).await?;
            quiet(r).await?;
            let held = door.clone();
            r.spawn(async move |cx| Ok(spawn_blocking(&cx, move || held.pass()).await?))?;
            once_it_runs(r).await?;
            {
                let mut write = pin!(full.write(r, b"too much"));
                begin(write.as_mut()).await;
                door.open();
                until(r, || stats(r).finished == 3).await?;
            }
            let error = full.flush(r).await.expect_err("the write failed");
            assert_eq!(error.kind(), Some(ErrorKind::StorageFull));
            full.flush(r).await?;
            // An error that the caller has seen is not told again.
            let error = full.write(r, b"too much").await.expect_err("full");
            assert_eq!(error.kind(), Some(ErrorKind::StorageFull));
            full.flush(r).await?;
            Ok::<_, Error>(())
        })
        .expect("ran");
}

// proves: R-CAN-2
#[test]
fn a_cancel_stays_a_cancel() {
    let folder = Folder::new("cancel");
    let path = folder.at("file");
    run(async |r| {
        let started = Arc::new(AtomicBool::new(false));
        let begun = Arc::clone(&started);
        let task = r.spawn(async move |cx| {
            begun.store(true, Ordering::Relaxed);
            // The request is there before the call.
            let _ = until(&cx, || cx.is_cancel_requested()).await;
            let error = fs::write(&cx, path, "never").await.expect_err("cancelled");
            assert!(error.is_cancelled());
            assert_eq!(error.recoverability(), Recoverability::Cancelled);
            let error = Error::from(error);
            assert!(error.cancelled().is_some());
            Err::<(), _>(error)
        })?;
        until(r, || started.load(Ordering::Relaxed)).await?;
        task.cancel("enough");
        let outcome = task.outcome(r).await?;
        assert!(matches!(outcome, Outcome::Cancelled(why) if why.message() == "enough"));
        let left = fs::metadata(r, folder.at("file")).await;
        assert_eq!(
            left.expect_err("nothing was made").kind(),
            Some(ErrorKind::NotFound)
        );
        Ok(())
    });
}

// proves: R-IO-4
#[test]
fn without_the_capability_no_file_is_touched() {
    let folder = Folder::new("denied");
    let path = folder.at("file");
    run(async |r| {
        let mut open = File::create(r, &path).await?;
        r.region_with(RegionOptions::new().deny::<Fs>(), async |r| {
            let errors = [
                fs::write(r, folder.at("other"), "x")
                    .await
                    .expect_err("denied"),
                open.write_all(r, b"x").await.expect_err("denied"),
                File::open(r, &path).await.expect_err("denied"),
            ];
            for error in errors {
                assert_eq!(error.recoverability(), Recoverability::Misuse);
                assert!(error.to_string().contains("`fs`"), "{error}");
            }
            // Other authorities are not touched by that.
            assert_eq!(spawn_blocking(r, || 1).await?, 1);
            Ok(())
        })
        .await?;
        r.region_with(RegionOptions::new().deny::<Blocking>(), async |r| {
            assert_eq!(fs::metadata(r, &path).await?.len(), 0);
            Ok(())
        })
        .await?;
        assert!(fs::metadata(r, folder.at("other")).await.is_err());
        Ok(())
    });
}
