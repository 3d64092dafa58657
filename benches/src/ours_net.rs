//! asupersync's side of the network workloads; see [`ours`](crate::ours) for the rules.

use crate::harness::{Contestant, Role, ns_each};
use crate::workload::tcp_echo::{BUFFER, MESSAGE, loopback, message};
use asupersync_core::{Cx, Error, LocalRegion};
use asupersync_std::Runtime;
use asupersync_std::io::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

async fn serve(cx: Cx, mut stream: TcpStream) -> Result<(), Error> {
    let mut buffer = [0; BUFFER];
    loop {
        match stream.read(&cx, &mut buffer).await? {
            0 => return Ok(()),
            read => stream.write_all(&cx, &buffer[..read]).await?,
        }
    }
}

async fn ask(cx: Cx, mut stream: TcpStream, messages: u64) -> Result<u64, Error> {
    let mut answer = [0; MESSAGE];
    for number in 0..messages {
        let question = message(number);
        stream.write_all(&cx, &question).await?;
        stream.read_exact(&cx, &mut answer).await?;
        assert_eq!(question, answer);
    }
    Ok(messages)
}

/// The whole round in one region: how long the requests took, and how many were answered.
async fn round(
    region: &LocalRegion,
    connections: u64,
    messages: u64,
) -> Result<(Duration, u64), Error> {
    let listener = TcpListener::bind(region, loopback()).await?;
    let at = listener.local_addr()?;
    let (mut clients, mut servers) = (Vec::new(), Vec::new());
    for _ in 0..connections {
        let client = TcpStream::connect(region, at).await?;
        let (server, _) = listener.accept(region).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        servers.push(region.spawn(move |cx| serve(cx, server))?);
        clients.push(client);
    }
    let start = Instant::now();
    let mut asking = Vec::new();
    for client in clients {
        asking.push(region.spawn(move |cx| ask(cx, client, messages))?);
    }
    let mut answered = 0;
    for client in asking {
        answered += client.join(region).await?;
    }
    let spent = start.elapsed();
    for server in servers {
        server.join(region).await?;
    }
    Ok((spent, answered))
}

pub fn tcp_echo(connections: u64, messages: u64) -> Vec<Contestant> {
    let mut runtime = Runtime::current_thread();
    vec![Contestant::new("asupersync", Role::Ours, move || {
        let done = runtime.block_on(async |region| round(region, connections, messages).await);
        let (spent, answered) = done.expect("the workload fails nowhere");
        assert_eq!(answered, connections * messages);
        ns_each(spent, connections * messages)
    })]
}
