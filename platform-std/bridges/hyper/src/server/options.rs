//! `Options`: the limits of a server.

use std::time::Duration;

/// The limits of a [`Server`](super::Server). Everything is bounded; the defaults are what a small service wants.
#[derive(Debug, Clone)]
#[must_use = "options do nothing until a server is made with them"]
pub struct Options {
    pub(super) requests_max: u32,
    pub(super) connections_max: u32,
    pub(super) request_deadline: Option<Duration>,
    pub(super) header_deadline: Duration,
    pub(super) drain_limit: Duration,
    pub(super) retry_after: Duration,
    pub(super) accept_pause: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            requests_max: 1024,
            connections_max: 4096,
            request_deadline: Some(Duration::from_secs(30)),
            header_deadline: Duration::from_secs(10),
            drain_limit: Duration::from_secs(30),
            retry_after: Duration::from_secs(1),
            accept_pause: Duration::from_millis(10),
        }
    }
}

impl Options {
    /// The defaults: 1024 requests and 4096 connections at once; 30 seconds for a request, 10 for its head, 30 to drain.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many requests are worked on at once; the others are shed.
    pub fn requests_max(mut self, requests: u32) -> Self {
        self.requests_max = requests;
        self
    }

    /// How many connections are served at once. As many again are accepted, and their requests shed.
    pub fn connections_max(mut self, connections: u32) -> Self {
        self.connections_max = connections;
        self
    }

    /// How long a request may take, from its head to the end of its handler. `None`: the connection's own limits.
    pub fn request_deadline(mut self, limit: Option<Duration>) -> Self {
        self.request_deadline = limit;
        self
    }

    /// How long the head of a request may take to come, and how long a connection may stay without one.
    pub fn header_deadline(mut self, limit: Duration) -> Self {
        self.header_deadline = limit;
        self
    }

    /// How long a drain may take; what is left then is cancelled.
    pub fn drain_limit(mut self, limit: Duration) -> Self {
        self.drain_limit = limit;
        self
    }

    /// What clients are told that are shed: whole seconds, at least one.
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = pause;
        self
    }
}
