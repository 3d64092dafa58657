//! The programs, by number.

use std::time::Duration;

use asupersync_browser::io::{
    ByteSink, ByteSource, Fetch, Fetching, IoError, Message, Overflow, Port, SocketOptions,
    WebSocket,
};
use asupersync_core::{Error, LocalRegion, Region, RegionOptions};

use crate::host::note;

/// Notes how something has failed: by its code, if it has one.
fn failed(error: &IoError) {
    match (error, error.code()) {
        (IoError::Denied(denied), _) => note(&format!("denied: {}", denied.capability)),
        (_, Some(code)) => note(code.name()),
        _ if error.is_cancelled() => note("cancelled"),
        _ => note(&format!("failed: {error}")),
    }
}

pub async fn run(cx: &LocalRegion, program: u32, text: &str, lent: u32) -> Result<(), Error> {
    let result = match program {
        0 => read_all(cx, text).await,
        1 => read_for_ever(cx, text).await,
        2 => leave_unread(cx, text).await,
        3 => chat(cx, text).await,
        4 => listen(cx, text).await,
        5 => copy(cx, lent).await,
        6 => talk(cx, lent).await,
        7 => give_up_waits(cx, text).await,
        8 => flood(cx, text).await,
        9 => connect_in_time(cx, text).await,
        _ => denied(cx, text).await,
    };
    if let Err(error) = &result {
        failed(error);
    }
    Ok(result?)
}

async fn read_all(cx: &LocalRegion, url: &str) -> Result<(), IoError> {
    let response = Fetch::get(url)
        .header("x-smuggled", "a\nb: c")
        .send(cx)
        .await?;
    note(&format!(
        "{} {}",
        response.status(),
        response.header("content-type").unwrap_or_default()
    ));
    assert_eq!(response.url(), url);
    let body = response.bytes(cx).await?;
    note(&String::from_utf8_lossy(&body));
    Ok(())
}

async fn read_for_ever(cx: &LocalRegion, url: &str) -> Result<(), IoError> {
    let response = Fetch::get(url).send(cx).await?;
    note("headers");
    while let Some(part) = response.chunk(cx).await? {
        if !part.is_empty() {
            note("part");
        }
    }
    Ok(())
}

async fn leave_unread(cx: &LocalRegion, url: &str) -> Result<(), IoError> {
    let response = Fetch::get(url).send(cx).await?;
    note(&response.status().to_string());
    Ok(())
}

async fn chat(cx: &LocalRegion, url: &str) -> Result<(), IoError> {
    let socket = WebSocket::connect(cx, url, &SocketOptions::default()).await?;
    for message in [
        Message::Text("text".into()),
        Message::Text(String::new()),
        Message::Bytes(vec![1, 2, 3]),
    ] {
        socket.send(cx, &message).await?;
        let echo = socket.next(cx).await?;
        note(if echo == Some(message) {
            "the same"
        } else {
            "another"
        });
    }
    if let Err(error) = socket.close(cx, 1001, "").await {
        failed(&error);
    }
    let socket = WebSocket::connect(cx, url, &SocketOptions::default()).await?;
    let closed = socket.close(cx, 3001, "done here").await?;
    note(&format!("{} {}", closed.code, closed.reason));
    Ok(())
}

async fn listen(cx: &LocalRegion, url: &str) -> Result<(), IoError> {
    let socket = WebSocket::connect(cx, url, &SocketOptions::default()).await?;
    while let Some(Message::Text(number)) = socket.next(cx).await? {
        note(&number);
    }
    Ok(())
}

/// Copies a stream that was lent into the one that was lent after it.
async fn copy(cx: &LocalRegion, lent: u32) -> Result<(), IoError> {
    let source = ByteSource::open(cx, lent)?;
    let sink = ByteSink::open(cx, lent + 1)?;
    while let Some(bytes) = source.next(cx).await? {
        sink.write(cx, &bytes).await?;
    }
    sink.close(cx).await
}

async fn talk(cx: &LocalRegion, lent: u32) -> Result<(), IoError> {
    let port = Port::open(cx, lent)?;
    port.opened(cx).await?;
    port.send(cx, &Message::Text("from rust".into())).await?;
    while let Some(message) = port.next(cx).await? {
        note(&format!("{message:?}"));
    }
    Ok(())
}

/// Gives each wait up once before the message comes: none is lost.
async fn give_up_waits(cx: &LocalRegion, url: &str) -> Result<(), IoError> {
    let socket = WebSocket::connect(cx, url, &SocketOptions::default()).await?;
    for number in ["1", "2", "3"] {
        {
            let mut wait = std::pin::pin!(socket.next(cx));
            std::future::poll_fn(|task| {
                let _ = wait.as_mut().poll(task);
                std::task::Poll::Ready(())
            })
            .await;
        }
        socket.send(cx, &Message::Text(number.into())).await?;
        // It comes while nobody waits.
        for _ in 0..50 {
            asupersync_browser::yield_to_host(cx).await?;
        }
        if let Some(Message::Text(found)) = socket.next(cx).await? {
            note(&found);
        }
    }
    Ok(())
}

async fn flood(cx: &LocalRegion, url: &str) -> Result<(), IoError> {
    let options = SocketOptions {
        queue: 10,
        overflow: Overflow::Close,
        ..SocketOptions::default()
    };
    let socket = WebSocket::connect(cx, url, &options).await?;
    note("open");
    let mut taken = 0;
    loop {
        match socket.next(cx).await {
            Ok(Some(_)) => taken += 1,
            Ok(None) => break,
            Err(error) => {
                note(if taken >= 10 {
                    "ten were kept"
                } else {
                    "too few"
                });
                return Err(error);
            }
        }
    }
    Ok(())
}

async fn connect_in_time(cx: &LocalRegion, url: &str) -> Result<(), IoError> {
    let options = SocketOptions {
        connect_timeout: Duration::from_millis(50),
        ..SocketOptions::default()
    };
    WebSocket::connect(cx, url, &options).await.map(drop)
}

/// A region that is denied it, inside one that may have it.
async fn denied(cx: &LocalRegion, url: &str) -> Result<(), IoError> {
    let inside = async |region: &Region| {
        if let Err(error) = Fetch::get(url).send(region).await {
            failed(&error);
        }
        Ok(())
    };
    let options = RegionOptions::new().deny::<Fetching>();
    let ended: Result<(), Error> = cx.region_of(options, inside).await;
    if ended.is_err() {
        note("the inner region has failed");
    }
    read_all(cx, url).await
}
