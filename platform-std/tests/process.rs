//! Child processes through the public API: what they say, how they end, and that none outlives its region.
#![cfg(unix)]

mod support;

use std::io::ErrorKind;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use asupersync_core::{
    CleanupBudgets, Config, Cx, Either, Error, Io, LocalRegion, Outcome, Recoverability,
    RegionOptions, Spawn,
};
use asupersync_std::Runtime;
use asupersync_std::fs;
use asupersync_std::process::{Child, Command, PipeReader, Processes};
use asupersync_std::signal::Signal;
use rustix::process::{Pid, test_kill_process};
use support::{Folder, run, until};

/// A command of the shell.
fn sh(script: &str) -> Command {
    Command::new("sh").args(["-c", script])
}

/// A process that does not end by itself.
fn endless() -> Command {
    Command::new("sleep").arg("1000000")
}

/// Whether there is a process of this number, running or not yet reaped.
fn exists(id: u32) -> bool {
    let pid = Pid::from_raw(i32::try_from(id).expect("a process number"));
    test_kill_process(pid.expect("not zero")).is_ok()
}

/// Waits until the process says something, and the task that watches over it has begun.
async fn hears(cx: &Cx, pipe: &mut PipeReader) -> Result<(), Error> {
    assert_ne!(pipe.read(cx, &mut [0; 64]).await?, 0, "it ended instead");
    for _ in 0..4 {
        cx.yield_now().await?;
    }
    Ok(())
}

// proves: R-IO-1
#[test]
fn a_process_says_something_and_ends() {
    run(async |r| {
        let output = sh("echo out; echo err >&2; exit 3").output(r).await?;
        assert_eq!(output.stdout, b"out\n");
        assert_eq!(output.stderr, b"err\n");
        assert_eq!(output.status.code(), Some(3));
        assert!(sh("exit 0").status(r).await?.success());
        let said = sh("echo $WORD; pwd")
            .env_clear()
            .env("WORD", "x")
            .current_dir("/");
        let output = { said }.output(r).await?;
        assert_eq!(output.stdout, b"x\n/\n");
        // Its standard input is empty unless it is set.
        assert_eq!(Command::new("cat").output(r).await?.stdout, b"");
        Ok(())
    });
}

#[test]
fn what_is_written_to_a_process_comes_back() {
    run(async |r| {
        let mut cat = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn(r)?;
        let mut stdout = cat.stdout.take().expect("a pipe");
        let sent = vec![7; 1 << 20];
        let echo = sent.clone();
        let mut stdin = cat.stdin.take().expect("a pipe");
        // Both at once: a pipe takes 64 KiB.
        let writer = r.spawn(async move |cx| Ok(stdin.write_all(&cx, &sent).await?))?;
        let mut received = Vec::new();
        stdout.read_to_end(r, &mut received).await?;
        writer.join(r).await?;
        assert_eq!(received, echo);
        assert!(cat.wait(r).await?.success());
        assert!(cat.wait(r).await?.success(), "asked again");
        Ok(())
    });
}

#[test]
fn waiting_closes_the_standard_input() {
    run(async |r| {
        let mut cat = Command::new("cat").stdin(Stdio::piped()).spawn(r)?;
        assert!(cat.wait(r).await?.success());
        Ok(())
    });
}

#[test]
fn a_program_that_is_not_there_is_an_error_with_its_name() {
    run(async |r| {
        let error = Command::new("no-such-program")
            .spawn(r)
            .expect_err("not there");
        assert_eq!(error.kind(), Some(ErrorKind::NotFound));
        assert_eq!(
            (error.operation(), error.program()),
            ("start", "no-such-program")
        );
        assert_eq!(error.recoverability(), Recoverability::Fatal);
        let error = Command::new("no-such-program").output(r).await;
        assert_eq!(
            error.expect_err("not there").kind(),
            Some(ErrorKind::NotFound)
        );
        Ok(())
    });
}

#[test]
fn a_killed_process_says_so() {
    run(async |r| {
        let mut child = endless().spawn(r)?;
        assert!(exists(child.id()));
        assert!(child.kill()?);
        assert_eq!(child.wait(r).await?.signal(), Some(9));
        // Reaped: no signal can reach whoever has the number now.
        assert!(!child.kill()?);
        assert!(!exists(child.id()));
        Ok(())
    });
}

// proves: R-OWN-1 R-REG-4
#[test]
fn a_region_that_is_done_asks_its_processes_to_end() {
    run(async |r| {
        let (id, mut stdout) = r
            .region(async |r| {
                let script = "trap 'echo asked; exit' TERM; echo ready; while :; do :; done";
                let mut child = sh(script).stdout(Stdio::piped()).spawn(r)?;
                let mut stdout = child.stdout.take().expect("a pipe");
                hears(r, &mut stdout).await?;
                Ok((child.id(), stdout))
            })
            .await?;
        assert!(!exists(id), "it outlived its region");
        let mut said = Vec::new();
        stdout.read_to_end(r, &mut said).await?;
        assert_eq!(said, b"asked\n");
        Ok(())
    });
}

/// A process that does not hear SIGTERM.
async fn stubborn(r: &asupersync_core::Region, command: Command) -> Result<Child, Error> {
    let mut child = command.stdout(Stdio::piped()).spawn(r)?;
    let mut stdout = child.stdout.take().expect("a pipe");
    hears(r, &mut stdout).await?;
    Ok(child)
}

fn deaf() -> Command {
    sh("trap '' TERM; echo ready; while :; do :; done")
}

// proves: R-REG-4 R-CAN-4
#[test]
fn a_process_that_does_not_end_is_killed() {
    run(async |r| {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |r| {
                Ok(stubborn(r, deaf().grace(Duration::ZERO)).await?.id())
            })
            .await;
        assert!(!exists(result?));
        assert_eq!((report.forced, report.leaked), (0, 0));
        Ok(())
    });
    // Without a grace of its own it has what the cleanup budget leaves.
    let mut config = Config::default();
    config.cleanup = CleanupBudgets::default().scaled(1, 1_000_000);
    let mut runtime = Runtime::builder().config(config).on_one_thread();
    runtime
        .block_on(async |r: &LocalRegion| {
            let (result, report) = r
                .region_report(RegionOptions::new(), async |r| {
                    Ok(stubborn(r, deaf()).await?.id())
                })
                .await;
            assert!(!exists(result?));
            assert_eq!((report.forced, report.leaked), (1, 0));
            Ok::<_, Error>(())
        })
        .expect("ran");
}

// proves: R-IO-2
#[test]
fn a_cancelled_wait_touches_nothing_unless_the_command_says_so() {
    run(async |r| {
        let a_turn = async |cx: &Cx| Ok(cx.yield_now().await?);
        let mut child = endless().spawn(r)?;
        let won = r.race(async |cx| Ok(child.wait(cx).await?), a_turn).await?;
        assert_eq!(won, Either::B(()));
        assert!(child.signal(Signal::Continue)?, "it lives");
        assert!(child.kill()?);
        assert_eq!(child.wait(r).await?.signal(), Some(9));

        let mut child = endless().kill_on_cancel().spawn(r)?;
        let won = r.race(async |cx| Ok(child.wait(cx).await?), a_turn).await?;
        assert_eq!(won, Either::B(()));
        assert_eq!(child.wait(r).await?.signal(), Some(9));
        Ok(())
    });
}

// proves: R-CAN-9 R-IO-2
#[test]
fn a_cancelled_run_ends_the_process_and_stays_a_cancel() {
    let folder = Folder::new("run");
    let mut runtime = Runtime::current_thread();
    runtime
        .block_on(async |r: &LocalRegion| {
            let path = folder.at("id");
            let id = path.clone();
            let task = r.spawn(async move |cx| {
                let script = "echo $$ > \"$0.new\"; mv \"$0.new\" \"$0\"; exec sleep 1000000";
                let output = sh(script).arg(&path).output(&cx).await;
                let error = output.expect_err("cancelled");
                assert!(error.is_cancelled(), "{error}");
                Err::<(), _>(Error::from(error))
            })?;
            until(r, || id.exists()).await?;
            task.cancel("enough");
            let outcome = task.outcome(r).await?;
            assert!(matches!(outcome, Outcome::Cancelled(why) if why.message() == "enough"));
            let id = fs::read_to_string(r, &id).await?;
            assert!(!exists(id.trim().parse()?));
            Ok::<_, Error>(())
        })
        .expect("ran");
    let stats = runtime.shut_down();
    assert_eq!((stats.leaked, stats.forced), (0, 0));
}

// proves: R-IO-4
#[test]
fn without_the_capabilities_no_process_is_started() {
    let folder = Folder::new("processes");
    run(async |r| {
        let denials = [
            (RegionOptions::new().deny::<Processes>(), "process"),
            (RegionOptions::new().deny::<Io>(), "io"),
            (RegionOptions::new().deny::<Spawn>(), "spawn"),
        ];
        for (options, name) in denials {
            r.region_with(options, async |r| {
                let mut touch = Command::new("touch").arg(folder.at(name));
                let error = touch.spawn(r).expect_err("denied");
                assert_eq!(error.recoverability(), Recoverability::Misuse);
                assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
                Ok(())
            })
            .await?;
        }
        let mut made = fs::read_dir(r, folder.at("")).await?;
        assert!(made.next(r).await?.is_none());
        Ok(())
    });
}
