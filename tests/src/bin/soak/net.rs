//! A server on the loopback interface, and clients that behave and that do not.
//!
//! The server echoes until its client is done sending, and then says good-bye. It gives a client that says or takes
//! nothing for a while up.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use asupersync_core::{Cx, Error, Region};
use asupersync_std::io::{IoError, Shutdown, TcpListener, TcpStream};

use crate::world::{Dice, World};

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// How long the server waits for a client.
const PATIENCE: Duration = Duration::from_millis(150);
const GOOD_BYE: &[u8] = b"good-bye";
const CHUNK: usize = 8 * 1024;
/// What nobody's socket buffers hold.
const FLOOD: usize = 64 * 1024 * 1024;

/// Accepts until it is asked to stop.
pub async fn server(cx: Cx, world: Arc<World>) -> Result<(), Error> {
    let listener = TcpListener::bind(&cx, LOOPBACK).await?;
    let _ = world.server.set(listener.local_addr()?);
    cx.region(async |region: &Region| {
        loop {
            let (stream, _from) = listener.accept(region).await?;
            let open = world.open(|l| &l.connections.accepted, |l| &l.connections.dropped);
            region.spawn_background(async move |cx: Cx| {
                let ended = echo(&cx, stream).await;
                open.end(match &ended {
                    Ok(()) => |l| &l.connections.finished,
                    Err(_) if cx.is_cancel_requested() => |l| &l.connections.cancelled,
                    Err(error) if error.downcast_ref::<IoError>().is_some() => {
                        |l| &l.connections.reset
                    }
                    Err(_) => |l| &l.connections.stalled,
                });
                // What became of one client is nobody else's matter.
                Ok(())
            })?;
        }
    })
    .await
}

async fn echo(cx: &Cx, mut stream: TcpStream) -> Result<(), Error> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let step = cx.timeout(PATIENCE, async |cx| {
            let read = stream.read(cx, &mut buffer).await?;
            match read {
                0 => stream.write_all(cx, GOOD_BYE).await?,
                read => stream.write_all(cx, &buffer[..read]).await?,
            }
            Ok(read)
        });
        if step.await? == 0 {
            return Ok(stream.shutdown(cx, Shutdown::Write).await?);
        }
    }
}

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// It has everything echoed, closes its half, and waits for the good-bye.
    Good,
    /// It leaves with unread bytes, which resets the connection.
    Resets,
    /// It says nothing and waits.
    Stalls,
    /// It sends and takes nothing back.
    Floods,
}

/// Connects, again and again.
pub async fn clients(cx: Cx, world: Arc<World>, mut dice: Dice) -> Result<(), Error> {
    let server = loop {
        match world.server.get() {
            Some(server) => break *server,
            None if world.is_over() => return Ok(()),
            None => cx.sleep(Duration::from_millis(1)).await?,
        }
    };
    while !world.is_over() {
        let manner = match dice.below(64) {
            0 => Manner::Stalls,
            1 => Manner::Floods,
            2..16 => Manner::Resets,
            _ => Manner::Good,
        };
        let open = world.open(|l| &l.clients.begun, |l| &l.clients.dropped);
        let stream = match TcpStream::connect(&cx, server).await {
            Ok(stream) => stream,
            Err(error) => {
                let was_stopped = cx.is_cancel_requested();
                open.end(match was_stopped {
                    true => |l| &l.clients.cancelled,
                    false => |l| &l.clients.refused,
                });
                cx.checkpoint()?;
                refused(&error)?;
                continue;
            }
        };
        let ended = talk(&cx, &world, stream, manner, &mut dice).await;
        let was_stopped = cx.is_cancel_requested();
        open.end(match (&ended, manner) {
            _ if was_stopped => |l| &l.clients.cancelled,
            (Ok(()), Manner::Good) => |l| &l.clients.finished,
            (Ok(()), Manner::Stalls) => |l| &l.clients.stalled,
            (_, Manner::Floods) => |l| &l.clients.flooded,
            (_, Manner::Resets) | (Err(_), _) => |l| &l.clients.reset,
        });
        cx.checkpoint()?;
        match ended {
            Err(error) if error.downcast_ref::<IoError>().is_none() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// A host whose ports are all in use for a while is none of our faults.
fn refused(error: &IoError) -> Result<(), Error> {
    match error {
        IoError::Cancelled(cancelled) => Err(cancelled.clone().into()),
        _ => Ok(()),
    }
}

async fn talk(
    cx: &Cx,
    world: &World,
    mut stream: TcpStream,
    manner: Manner,
    dice: &mut Dice,
) -> Result<(), Error> {
    match manner {
        Manner::Good => {
            for _ in 0..dice.below(6) {
                ask(cx, world, &mut stream, dice).await?;
            }
            stream.shutdown(cx, Shutdown::Write).await?;
            let mut last = [0; GOOD_BYE.len()];
            stream.read_exact(cx, &mut last).await?;
            if last != GOOD_BYE || stream.read(cx, &mut last).await? != 0 {
                world.ledger.faults.wrong_bytes.add();
            }
        }
        Manner::Resets => {
            stream.write_all(cx, &bytes(dice)).await?;
            // The echo is on its way, or there, and nobody reads it.
            cx.yield_now().await?;
        }
        Manner::Stalls => {
            let mut nothing = [0; 1];
            while stream.read(cx, &mut nothing).await? != 0 {}
        }
        Manner::Floods => {
            let chunk = bytes(dice);
            for _ in 0..FLOOD / chunk.len() {
                stream.write_all(cx, &chunk).await?;
            }
        }
    }
    Ok(())
}

async fn ask(cx: &Cx, world: &World, stream: &mut TcpStream, dice: &mut Dice) -> Result<(), Error> {
    let asked = bytes(dice);
    let open = world.open(|l| &l.echoes.asked, |l| &l.echoes.cut);
    stream.write_all(cx, &asked).await?;
    let mut answer = vec![0; asked.len()];
    stream.read_exact(cx, &mut answer).await?;
    if answer != asked {
        world.ledger.faults.wrong_bytes.add();
    }
    open.end(|l| &l.echoes.answered);
    Ok(())
}

/// Up to a chunk of bytes that tell where they belong.
fn bytes(dice: &mut Dice) -> Vec<u8> {
    let first = dice.below(256);
    let len = 1 + dice.below(CHUNK as u64);
    (first..first + len)
        .map(|at| (at ^ (at >> 8)) as u8)
        .collect()
}
