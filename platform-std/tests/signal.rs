//! Signals that the test sends to itself: who hears them, and what they do when nobody does.
#![cfg(unix)]

mod support;

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

use asupersync_core::{Config, Either, Error, LocalRegion, Recoverability, RegionOptions};
use asupersync_std::signal::{self, Signal, SignalError, Signals, signals};
use asupersync_std::{Runtime, spawn_blocking};
use signal_hook::consts::{SIGALRM, SIGHUP, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::low_level::raise;
use support::run;

// proves: R-IO-5
#[test]
fn every_listener_hears_what_it_listens_for_and_nothing_else() {
    run(async |r| {
        let mut both = signals(r, &[Signal::User1, Signal::User2])?;
        let mut one = signals(r, &[Signal::User1])?;
        raise(SIGUSR2)?;
        assert_eq!(both.recv(r).await?, Signal::User2);
        raise(SIGUSR1)?;
        assert_eq!(both.recv(r).await?, Signal::User1);
        assert_eq!(one.recv(r).await?, Signal::User1);
        raise(SIGUSR1)?;
        assert_eq!(one.recv(r).await?, Signal::User1, "a second one is another");
        Ok(())
    });
}

#[test]
fn shutdown_says_which_signal_it_was() {
    run(async |r| {
        let asked = async |cx: &asupersync_core::Cx| Ok(signal::shutdown(cx).await?);
        let ask = async |cx: &asupersync_core::Cx| {
            raise(SIGTERM)?;
            cx.checkpoint()?;
            Ok(())
        };
        // The first arm listens before the second asks.
        let (signal, ()) = r.join(asked, ask).await?;
        assert_eq!(signal, Signal::Terminate);
        Ok(())
    });
}

#[test]
fn a_cancelled_wait_loses_no_signal() {
    run(async |r| {
        let mut listener = signals(r, &[Signal::Hangup])?;
        let won = r
            .race(
                async |cx| Ok(listener.recv(cx).await?),
                async |cx| Ok(cx.yield_now().await?),
            )
            .await?;
        assert_eq!(won, Either::B(()));
        raise(SIGHUP)?;
        assert_eq!(listener.recv(r).await?, Signal::Hangup);
        Ok(())
    });
}

// proves: R-IO-4
#[test]
fn who_may_not_listen_does_not() {
    run(async |r| {
        r.region_with(RegionOptions::new().deny::<Signals>(), async |r| {
            let error = signals(r, &[Signal::Alarm]).expect_err("denied");
            assert!(matches!(&error, SignalError::Denied(d) if d.capability == "signals"));
            assert_eq!(error.recoverability(), Recoverability::Misuse);
            Ok(())
        })
        .await?;
        let error = signals(r, &[Signal::Terminate, Signal::Kill]).expect_err("never heard");
        assert!(matches!(error, SignalError::Unheard(Signal::Kill)));
        Ok(())
    });
}

// proves: R-IO-1 R-OBL-2
#[test]
fn a_listener_that_outlives_its_region_hears_nothing_and_is_reported() {
    let mut config = Config::default();
    config.obligation_budget = Duration::ZERO;
    let mut runtime = Runtime::builder().config(config).on_one_thread();
    runtime
        .block_on(async |r: &LocalRegion| {
            let listener = r.region(async |r| Ok(signals(r, &[Signal::Alarm])?)).await;
            let error = listener?.recv(r).await.expect_err("its region is closed");
            assert!(matches!(error, SignalError::RegionClosed));
            Ok::<_, Error>(())
        })
        .expect("ran");
    assert_eq!(runtime.shut_down().leaked, 1);
}

/// Not a test of its own: what the process of the next one does.
#[test]
#[ignore = "ends its process; run by the test below"]
fn listens_and_then_does_not() {
    run(async |r| {
        let mut listener = signals(r, &[Signal::Alarm])?;
        raise(SIGALRM)?;
        assert_eq!(listener.recv(r).await?, Signal::Alarm);
        drop(listener);
        raise(SIGALRM)?;
        // Until the signal ends the process.
        spawn_blocking(r, || {
            loop {
                std::thread::park();
            }
        })
        .await?;
        Ok(())
    });
}

#[test]
fn when_nobody_listens_any_more_a_signal_has_its_default_effect() {
    let binary = std::env::current_exe().expect("this binary");
    let mut command = Command::new(binary);
    command.args(["--exact", "listens_and_then_does_not", "--ignored"]);
    let ended = command.output().expect("started");
    assert_eq!(ended.status.signal(), Some(SIGALRM), "{ended:?}");
}
