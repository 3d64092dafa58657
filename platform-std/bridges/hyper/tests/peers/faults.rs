//! Clients that leave, stall, or do not speak HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use asupersync_hyper::Options;

use crate::rig::{Serving, curl, get, until};

#[test]
fn a_client_that_leaves_in_the_middle_ends_its_request() {
    let serving = Serving::start(Options::new());
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let before = serving.server.ledger().gone;
        // curl leaves after a second of an answer without end; 28: its time is over.
        let left = curl(&[
            version,
            "--max-time",
            "1",
            "--output",
            "/dev/null",
            &serving.url("/endless"),
        ]);
        assert_eq!(left.status.code(), Some(28), "{left:?}");
        until(|| serving.server.ledger().gone == before + 1);
    }
    let ledger = serving.end();
    assert_eq!((ledger.accepted, ledger.gone), (2, 2));
}

#[test]
fn a_client_that_does_not_wait_for_its_answer_cancels_its_handler() {
    let serving = Serving::start(Options::new());
    let mut client = TcpStream::connect(serving.at).expect("it listens");
    client
        .write_all(b"GET /never HTTP/1.1\r\nhost: x\r\n\r\n")
        .expect("sent");
    until(|| serving.server.ledger().accepted == 1);
    drop(client);
    until(|| serving.server.ledger().gone == 1);
    // Its handler has no other reason to end.
    assert_eq!(serving.end().gone, 1);
}

#[test]
fn heads_that_never_end_are_ended_by_a_deadline() {
    let limit = Duration::from_millis(50);
    let serving = Serving::start(Options::new().header_deadline(limit));
    let heads: [&[u8]; 4] = [
        b"",
        b"PRI * HT",
        b"GET / HTTP/1.1\r\nhost: x\r\nslow: ",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    for head in heads {
        let mut client = TcpStream::connect(serving.at).expect("it listens");
        client.write_all(head).expect("sent");
        let mut rest = Vec::new();
        // Until the server closes: however it does, it does.
        let _ = client.read_to_end(&mut rest);
    }
    let ledger = serving.end();
    assert_eq!((ledger.accepted, ledger.connections), (0, 4));
}

#[test]
fn what_is_not_http_ends_only_its_connection() {
    let serving = Serving::start(Options::new());
    for nonsense in [
        &b"\x16\x03\x01\x02\x00\x01"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot a frame at all",
    ] {
        let mut client = TcpStream::connect(serving.at).expect("it listens");
        client.write_all(nonsense).expect("sent");
        client.shutdown(std::net::Shutdown::Write).expect("shut");
        let mut rest = Vec::new();
        let _ = client.read_to_end(&mut rest);
    }
    assert_eq!(get(&[&serving.url("/hello")]), "hello\n");
    let ledger = serving.end();
    assert_eq!((ledger.accepted, ledger.answered, ledger.broken), (1, 1, 2));
}
