//! What the host does for tasks in Rust: [`Fetch`], [`WebSocket`], [`ByteSource`], [`ByteSink`], [`Port`].
//!
//! Owns the capabilities, and the life of an operation: it is a number, holds an `IoOp` obligation from its begin to the host's
//! last word, and ends when its handle is dropped. Its region does not close before the host has said its last, or two
//! seconds have gone; then it is reported as abandoned. How a host fetches is `js/io`'s affair, the same as for TypeScript.
//!
//! Every wait is a cancellation point. A cancel ends the wait at once; the operation ends with its handle, as a rule a line
//! later. An answer that comes after that finds nobody, and is counted at the host's side.

mod error;
mod fetch;
mod host;
mod port;
mod slots;
mod socket;
mod stream;

use alloc::string::String;
use alloc::vec::Vec;
use core::task::{Context, Poll};
use core::time::Duration;

use asupersync_core::{Capability, Config, CxBase, HostObject};

pub use error::{IoError, IoErrorCode};
pub use fetch::{Fetch, Response};
pub use port::Port;
pub use socket::{Closed, Overflow, SocketOptions, WebSocket};
pub use stream::{ByteSink, ByteSource};

use crate::host::with_loop;
use slots::Answer;
pub(crate) use slots::Slots;

/// How long a closing region waits for the host's last word: longer than the host's half does before it gives up.
const LAST_WORD: Duration = Duration::from_secs(3);

/// Fetching.
#[derive(Debug)]
pub struct Fetching(());
impl Capability for Fetching {
    const NAME: &'static str = "fetch";
}

/// Opening WebSockets.
#[derive(Debug)]
pub struct Sockets(());
impl Capability for Sockets {
    const NAME: &'static str = "socket";
}

/// Reading and writing streams that the page lends.
#[derive(Debug)]
pub struct Streams(());
impl Capability for Streams {
    const NAME: &'static str = "streams";
}

/// Talking over ports that the page lends, and broadcasts.
#[derive(Debug)]
pub struct Ports(());
impl Capability for Ports {
    const NAME: &'static str = "ports";
}

/// What the root region of a runtime holds of the host; regions below it may be denied it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grants {
    /// [`Fetching`].
    pub fetch: bool,
    /// [`Sockets`].
    pub socket: bool,
    /// [`Streams`].
    pub streams: bool,
    /// [`Ports`].
    pub ports: bool,
}

impl Grants {
    /// Everything: what a runtime has if nothing is said.
    pub const ALL: Self = Self {
        fetch: true,
        socket: true,
        streams: true,
        ports: true,
    };
    /// Nothing.
    pub const NONE: Self = Self {
        fetch: false,
        socket: false,
        streams: false,
        ports: false,
    };

    pub(crate) fn give(self, mut config: Config) -> Config {
        if self.fetch {
            config = config.grant(Fetching(()));
        }
        if self.socket {
            config = config.grant(Sockets(()));
        }
        if self.streams {
            config = config.grant(Streams(()));
        }
        if self.ports {
            config = config.grant(Ports(()));
        }
        config
    }
}

/// What is opened, in the order of `OPENERS` in `js/io/bridge.mjs`.
#[derive(Clone, Copy)]
enum Kind {
    Fetch,
    Socket,
    Source,
    Sink,
    Port,
    Broadcast,
}

/// What an operation is asked for, in the order of `CALLS` there.
#[derive(Clone, Copy)]
enum Call {
    Opened,
    Next,
    SendBytes,
    SendText,
    Close,
}

/// What the host answers.
enum Reply {
    Bytes(Vec<u8>),
    Text(String),
    Done,
}

impl Reply {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Bytes(bytes) => String::from_utf8(bytes).unwrap_or_default(),
            Self::Done => String::new(),
        }
    }
}

/// A message of a socket or a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text; of a port, also the JSON of what is neither text nor bytes.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Message {
    fn of(reply: Reply) -> Option<Self> {
        match reply {
            Reply::Bytes(bytes) => Some(Self::Bytes(bytes)),
            Reply::Text(text) => Some(Self::Text(text)),
            Reply::Done => None,
        }
    }
}

/// An operation of the host; it ends when this is dropped.
#[derive(Debug)]
struct Operation {
    number: u32,
    object: HostObject,
}

impl Operation {
    /// Begins it, if the region holds `C`.
    fn open<C: Capability>(
        cx: &CxBase,
        kind: Kind,
        head: &str,
        body: &[u8],
    ) -> Result<Self, IoError> {
        cx.capability::<C>()?;
        let obligation = cx.io_op()?;
        if !obligation.submit(Some(LAST_WORD)) {
            return Err(IoError::Refused);
        }
        let number =
            with_loop(|event_loop| event_loop.io.open(obligation)).ok_or(IoError::Refused)?;
        let status = host::open(number, kind as u32, head, body);
        if status < 0 {
            let message = host::refusal(number);
            with_loop(|event_loop| event_loop.io.refuse(number));
            return Err(IoError::Host {
                code: IoErrorCode::of(status),
                message,
            });
        }
        Ok(Self {
            number,
            object: HostObject::new(),
        })
    }

    /// Asks for something, and waits for the answer.
    async fn ask(&self, cx: &CxBase, call: Call, data: &[u8]) -> Result<Reply, IoError> {
        let mut wait = Wait::Created;
        let answer = cx
            .io_wait(&self.object, |task| {
                wait.poll(task, self.number, call, data)
            })
            .await??;
        Ok(answer)
    }

    async fn next(&self, cx: &CxBase) -> Result<Option<Message>, IoError> {
        Ok(Message::of(self.ask(cx, Call::Next, &[]).await?))
    }

    async fn send(&self, cx: &CxBase, message: &Message) -> Result<(), IoError> {
        let (call, data) = match message {
            Message::Text(text) => (Call::SendText, text.as_bytes()),
            Message::Bytes(bytes) => (Call::SendBytes, &bytes[..]),
        };
        self.ask(cx, call, data).await.map(|_| ())
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if with_loop(|event_loop| event_loop.io.release(self.number)) {
            host::end(self.number);
        }
    }
}

/// A wait for one answer; dropped, it is forgotten, and the answer finds nobody.
enum Wait {
    Created,
    UnderWay(u32),
    Over,
}

impl Wait {
    fn poll(
        &mut self,
        task: &mut Context<'_>,
        operation: u32,
        call: Call,
        data: &[u8],
    ) -> Poll<Result<Reply, IoError>> {
        let number = match self {
            Self::UnderWay(number) => *number,
            Self::Created => {
                let Some(number) = with_loop(|event_loop| event_loop.io.watch()) else {
                    return Poll::Ready(Err(IoError::Refused));
                };
                *self = Self::UnderWay(number);
                host::call(operation, call as u32, number, data);
                number
            }
            Self::Over => return Poll::Pending,
        };
        let Some(Answer { status, length }) =
            with_loop(|event_loop| event_loop.io.take(number, task.waker()))
        else {
            return Poll::Pending;
        };
        *self = Self::Over;
        let bytes = host::take(number, length);
        Poll::Ready(match status {
            0 => Ok(Reply::Bytes(bytes)),
            1 => Ok(Reply::Text(String::from_utf8(bytes).unwrap_or_default())),
            2 => Ok(Reply::Done),
            status => Err(IoError::Host {
                code: IoErrorCode::of(status),
                message: String::from_utf8(bytes).unwrap_or_default(),
            }),
        })
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Self::UnderWay(number) = *self {
            if with_loop(|event_loop| event_loop.io.forget(number)) {
                host::forget(number);
            }
        }
    }
}
