//! `Held`: a value that closures of the pool work on, one after the other.
//!
//! Owns the hand-over. A closure takes the value along and gives it back when it ends, is taken back or is
//! refused. So a use whose wait was cancelled loses nothing: the next use waits for it first, and
//! operations on one file keep their order.

use asupersync_core::CxBase;
use asupersync_core::channel::oneshot::{self, RecvError};

use super::error::BlockingError;
use super::{BlockingPool, call};

#[derive(Debug)]
pub(crate) struct Held<T>(Place<T>);

#[derive(Debug)]
enum Place<T> {
    Here(Box<T>),
    /// With a closure, or on its way back.
    Away(oneshot::Receiver<Box<T>>),
}

impl<T: Send + 'static> Held<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Place::Here(Box::new(value)))
    }

    /// The value, once no closure has it any more.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(crate) async fn here(&mut self, cx: &CxBase) -> Result<&mut T, BlockingError> {
        if let Place::Away(place) = &mut self.0 {
            let value = match place.recv(cx).await {
                Ok(value) => value,
                Err(RecvError::Cancelled(cancelled)) => return Err(cancelled.into()),
                // Whoever has it always gives it back, also when it unwinds.
                Err(_) => return Err(BlockingError::Stopped),
            };
            self.0 = Place::Here(value);
        }
        match &mut self.0 {
            Place::Here(value) => Ok(value),
            Place::Away(_) => Err(BlockingError::Stopped),
        }
    }

    /// The value, if no closure has it.
    pub(crate) fn try_here(&mut self) -> Option<&mut T> {
        if let Place::Away(place) = &mut self.0 {
            self.0 = Place::Here(place.try_recv().ok()?);
        }
        match &mut self.0 {
            Place::Here(value) => Some(value),
            Place::Away(_) => None,
        }
    }

    /// Runs `f` on the value, on a thread of the pool.
    ///
    /// # Cancel safety
    /// As [`call`]: begun, `f` runs to its end, and the value stays away until then.
    pub(crate) async fn with<R, F>(
        &mut self,
        pool: &BlockingPool,
        cx: &CxBase,
        f: F,
    ) -> Result<R, BlockingError>
    where
        R: Send + 'static,
        F: FnOnce(&mut T) -> R + Send + 'static,
    {
        self.here(cx).await?;
        let (back, place) = oneshot::channel();
        let Place::Here(value) = std::mem::replace(&mut self.0, Place::Away(place)) else {
            return Err(BlockingError::Stopped);
        };
        let mut lent = Lent(Some((value, back)));
        call(pool, cx, None, move |_| {
            let result = lent.value().map(f);
            drop(lent);
            result
        })
        .await?
        .ok_or(BlockingError::Stopped)
    }
}

/// The value while a closure has it. Gives it back when it is dropped, however that comes.
struct Lent<T>(Option<(Box<T>, oneshot::Sender<Box<T>>)>);

impl<T> Lent<T> {
    fn value(&mut self) -> Option<&mut T> {
        self.0.as_mut().map(|(value, _)| &mut **value)
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        if let Some((value, back)) = self.0.take() {
            // Returned where nobody holds the place any more: then this closes the file.
            drop(back.send(value));
        }
    }
}
