//! Names through the host's resolver: one that every host knows, one that none may know.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use asupersync_core::{Error, Recoverability, RegionOptions, TaskError};
use asupersync_std::dns::{self, Dns, DnsCause};
use support::{run, stats, until};

#[test]
fn localhost_is_this_host() {
    run(async |r| {
        let found = dns::resolve(r, "localhost:4567").await?;
        assert!(!found.is_empty());
        assert!(
            found
                .iter()
                .all(|a| a.ip().is_loopback() && a.port() == 4567)
        );
        let literal = dns::resolve(r, "[::1]:80").await?;
        assert_eq!(literal, ["[::1]:80".parse().expect("an address")]);
        Ok(())
    });
}

// The domain `.invalid` exists nowhere (RFC 6761), with a network or without one.
#[test]
fn a_name_that_cannot_exist_is_an_error_with_the_name() {
    run(async |r| {
        let error = dns::resolve(r, "nobody.invalid:80")
            .await
            .expect_err("no such name");
        assert!(matches!(error.cause(), DnsCause::Host(_)), "{error:?}");
        assert_eq!(error.name(), "nobody.invalid:80");
        assert_eq!(error.recoverability(), Recoverability::Retry);
        assert!(!error.is_cancelled());
        let error = dns::resolve(r, "no port").await.expect_err("malformed");
        assert!(matches!(error.cause(), DnsCause::Malformed(_)), "{error:?}");
        assert!(error.to_string().contains("write it as host:port"));
        Ok(())
    });
}

// proves: R-IO-4 R-CAN-9
#[test]
fn denied_or_cancelled_the_host_is_not_asked() {
    run(async |r| {
        r.region_with(RegionOptions::new().deny::<Dns>(), async |r| {
            let error = dns::resolve(r, "localhost:80").await.expect_err("denied");
            assert_eq!(error.recoverability(), Recoverability::Misuse);
            assert!(error.to_string().contains("`dns`"), "{error}");
            Ok(())
        })
        .await?;
        let started = Arc::new(AtomicBool::new(false));
        let begun = Arc::clone(&started);
        let task = r.spawn(async move |cx| {
            begun.store(true, Ordering::Relaxed);
            // The request is there before the call.
            let _ = until(&cx, || cx.is_cancel_requested()).await;
            let error = dns::resolve(&cx, "localhost:80")
                .await
                .expect_err("cancelled");
            assert!(error.is_cancelled());
            assert!(Error::from(error).cancelled().is_some());
            Ok(())
        })?;
        until(r, || started.load(Ordering::Relaxed)).await?;
        task.cancel("enough");
        assert!(task.outcome(r).await?.is_ok());
        assert_eq!(stats(r).finished, 0);
        Ok(())
    });
}
