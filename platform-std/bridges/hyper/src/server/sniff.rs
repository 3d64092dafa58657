//! Which version a client speaks, from its first bytes.

use std::pin::{Pin, pin};
use std::task::{Poll, ready};

use asupersync_core::{Cx, HostObject};
use futures_io::AsyncRead;

use super::{ServeError, Shared};
use crate::client::Version;
use crate::io::HyperIo;

/// What an HTTP/2 client with prior knowledge sends first (RFC 9113, 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads until the version is clear, and gives the bytes back to `io`. `None`: the client left, or nothing has come and the
/// server drains.
pub(super) async fn version<S: AsyncRead + Unpin>(
    shared: &Shared,
    cx: &Cx<ServeError>,
    io: &mut HyperIo<S>,
) -> Result<Option<Version>, ServeError> {
    let object = HostObject::new();
    let mut draining = pin!(shared.draining(cx));
    let mut bytes = [0; PREFACE.len()];
    let mut read = 0;
    let first = cx.io_wait(&object, |task| {
        loop {
            let room = &mut bytes[read..];
            match Pin::new(io.stream()).poll_read(task, room) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(None),
                Poll::Ready(Ok(more)) => read += more,
                Poll::Pending => {
                    if read == 0 {
                        // A cancel is the wait's own matter.
                        let _ = ready!(draining.as_mut().poll(task));
                        return Poll::Ready(None);
                    }
                    return Poll::Pending;
                }
            }
            match (PREFACE.starts_with(&bytes[..read]), read == PREFACE.len()) {
                (true, true) => return Poll::Ready(Some(Version::Http2)),
                (true, false) => {}
                (false, _) => return Poll::Ready(Some(Version::Http1)),
            }
        }
    });
    let version = first.await?;
    io.unread(&bytes[..read]);
    Ok(version)
}
