//! A property: however both sides cut the stream, and wherever reads and writes are cancelled, the bytes are the
//! same.

use std::io::{Read, Write};

use asupersync_std::io::{Shutdown, TcpStream};
use proptest::prelude::*;

use crate::rig::{Choices, bytes, peer, run};

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    // proves: R-IO-1, R-IO-2
    #[test]
    fn any_cut_of_the_stream_carries_the_same_bytes(
        len in 1usize..60_000,
        ours in 1usize..5_000,
        theirs in 1usize..5_000,
        seed: u64,
    ) {
        let sent = bytes(len);
        let (at, thread) = peer(move |mut stream| {
            let mut buffer = vec![0; theirs];
            loop {
                match stream.read(&mut buffer).expect("the other end closes") {
                    0 => break,
                    read => stream.write_all(&buffer[..read]).expect("there is room"),
                }
            }
        });
        let received = run(async |region| {
            let mut stream = TcpStream::connect(region, at).await?;
            let (mut reader, mut writer) = stream.split();
            let mut received = Vec::new();
            let mut choices = Choices(seed);
            let both = region.join(
                async |cx| {
                    let mut buffer = vec![0; ours];
                    loop {
                        let mut read = None;
                        // Every other read loses against a yield or two.
                        let patience = choices.below(4);
                        cx.race(
                            async |cx| {
                                read = Some(reader.read(cx, &mut buffer).await?);
                                Ok(())
                            },
                            async |cx| {
                                for _ in 0..patience {
                                    cx.yield_now().await?;
                                }
                                Ok(())
                            },
                        )
                        .await?;
                        match read {
                            Some(0) => return Ok(()),
                            Some(read) => received.extend_from_slice(&buffer[..read]),
                            None => {}
                        }
                    }
                },
                async |cx| {
                    for part in sent.chunks(ours) {
                        writer.write_all(cx, part).await?;
                    }
                    Ok(writer.shutdown(cx).await?)
                },
            );
            both.await?;
            stream.shutdown(region, Shutdown::Read).await?;
            Ok(received)
        });
        thread.join().expect("the peer fails nowhere");
        prop_assert!(received == sent, "the bytes differ");
    }
}
