//! The opening handshake, at both ends (RFC 6455, 4).

use asupersync_hyper::{Body, Call};
use async_tungstenite::tungstenite::handshake::client::generate_key;
use async_tungstenite::tungstenite::handshake::derive_accept_key;
use async_tungstenite::tungstenite::handshake::server::create_response_with_body;
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode, Uri};

use crate::error::WebSocketError;

/// Answers a request to become a WebSocket.
pub(crate) fn answer(call: Call) -> Result<OnUpgrade, WebSocketError> {
    let (mut request, reply) = call.into_parts();
    let answer = match create_response_with_body(&request, Body::empty) {
        Ok(answer) => answer,
        Err(error) => {
            let mut refusal = Response::new(Body::from("this is for WebSockets\n"));
            *refusal.status_mut() = StatusCode::BAD_REQUEST;
            // A client that is gone needs no answer; the request was wrong either way.
            let _ = reply.send(refusal);
            return Err(WebSocketError::Handshake(error.to_string()));
        }
    };
    let upgrade = hyper::upgrade::on(&mut request);
    reply.send(answer).map_err(|_| WebSocketError::Gone)?;
    Ok(upgrade)
}

/// A request to become a WebSocket, and its key.
pub(crate) fn request(uri: &Uri) -> Result<(Request<Body>, String), WebSocketError> {
    let key = generate_key();
    let request = Request::get(uri)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key)
        .body(Body::empty());
    let request = request.map_err(|error| WebSocketError::Handshake(error.to_string()))?;
    Ok((request, key))
}

/// Looks whether the server agreed.
pub(crate) fn check(
    mut answer: Response<Incoming>,
    key: &str,
) -> Result<OnUpgrade, WebSocketError> {
    let accepted = answer.headers().get(SEC_WEBSOCKET_ACCEPT);
    let is_ours = accepted.is_some_and(|found| *found == *derive_accept_key(key.as_bytes()));
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS || !is_ours {
        let text = format!("the server answered {}", answer.status());
        return Err(WebSocketError::Handshake(text));
    }
    Ok(hyper::upgrade::on(&mut answer))
}
