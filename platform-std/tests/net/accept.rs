//! Listeners: cancelled accepts, several who accept, the process out of handles.

use std::net::TcpStream as Plain;

use asupersync_core::{Cx, Either, Error};

use crate::rig::{Choices, listen, run};

// proves: R-IO-1, R-IO-2
#[test]
fn a_cancelled_accept_takes_no_connection() {
    run(async |region| {
        let (listener, at) = listen(region).await?;
        let raced = region
            .race(
                async |cx| Ok(listener.accept(cx).await?),
                async |cx| Ok(cx.yield_now().await?),
            )
            .await?;
        assert!(matches!(raced, Either::B(())));
        let client = Plain::connect(at).expect("it listens");
        let (_, from) = listener.accept(region).await?;
        assert_eq!(from, client.local_addr().expect("it is connected"));
        Ok(())
    });
}

// Tasks that accept are cancelled while clients connect: each connection is accepted once, by whoever was not.
// proves: R-IO-1, R-IO-2, R-CAN-5
#[test]
fn accepts_cancelled_at_any_moment_lose_no_connection() {
    const CLIENTS: usize = 100;
    run(async |region| {
        let (listener, at) = listen(region).await?;
        let listener = std::sync::Arc::new(listener);
        let mut choices = Choices(3);
        let mut clients = Vec::new();
        let mut accepted = Vec::new();
        while accepted.len() < CLIENTS {
            let taking = std::sync::Arc::clone(&listener);
            let task = region.spawn(async move |cx: Cx| Ok(taking.accept(&cx).await?.1))?;
            for _ in 0..choices.below(3) {
                region.yield_now().await?;
            }
            if clients.len() < CLIENTS {
                clients.push(Plain::connect(at).expect("it listens"));
            }
            for _ in 0..choices.below(3) {
                region.yield_now().await?;
            }
            task.cancel("enough");
            if let Ok(from) = task.join(region).await {
                accepted.push(from);
            } else if clients.len() == CLIENTS {
                accepted.push(listener.accept(region).await?.1);
            }
        }
        let connected = clients.iter().map(|client| client.local_addr());
        let mut connected: Vec<_> = connected.collect::<Result<_, _>>().expect("connected");
        connected.sort();
        accepted.sort();
        assert_eq!(accepted, connected);
        Ok(())
    });
}

#[test]
fn several_tasks_accept_from_one_listener() {
    const CLIENTS: usize = 32;
    let accepted = run(async |region| {
        let (listener, at) = listen(region).await?;
        let listener = std::sync::Arc::new(listener);
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let listener = std::sync::Arc::clone(&listener);
                region.spawn(async move |cx: Cx| {
                    let mut accepted = Vec::new();
                    for _ in 0..CLIENTS / 4 {
                        accepted.push(listener.accept(&cx).await?.1);
                    }
                    Ok::<_, Error>(accepted)
                })
            })
            .collect::<Result<_, _>>()?;
        let clients: Vec<_> = (0..CLIENTS).map(|_| Plain::connect(at)).collect();
        let mut accepted = Vec::new();
        for task in tasks {
            accepted.extend(task.join(region).await?);
        }
        drop(clients);
        Ok(accepted)
    });
    assert_eq!(accepted.len(), CLIENTS);
}
