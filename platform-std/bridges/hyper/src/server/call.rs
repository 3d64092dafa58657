//! One request: from its head to the end of its answer.
//!
//! Owns the two ends that share an [`Exchange`]: the handler's, a task of the connection's region, and hyper's, which takes
//! the answer and its body. The entry in the ledger belongs to hyper's end: hyper knows whether the client is still there.
//!
//! 1. [`Service::call`] opens the entry, sheds or spawns the handler, and leaves hyper an [`Answer`] to wait for.
//! 2. The handler answers through [`Reply`]; where it ends without, [`Fallback`] answers for it.
//! 3. hyper sends the [`Answered`] body; its end, or its drop before the end, ends the entry.

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use asupersync_core::{
    Budget, CancelKind, Clock, Cx, Error, Spawner, Task, TaskError, TaskOptions,
};
use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode, Version};

use super::ledger::{End, Entry};
use super::{Handler, InFlight, Shared};
use crate::body::{Aborted, Body};

/// A request, and the answer that is owed for it.
#[derive(Debug)]
pub struct Call {
    request: Request<Incoming>,
    reply: Reply,
}

impl Call {
    /// The request.
    pub fn request(&self) -> &Request<Incoming> {
        &self.request
    }

    /// The request, to read its body.
    pub fn request_mut(&mut self) -> &mut Request<Incoming> {
        &mut self.request
    }

    /// The request, and what it is answered with.
    pub fn into_parts(self) -> (Request<Incoming>, Reply) {
        (self.request, self.reply)
    }

    /// Answers; see [`Reply::send`].
    ///
    /// # Errors
    /// [`ReplyError::Gone`] if the client is gone.
    pub fn reply(self, answer: Response<Body>) -> Result<(), ReplyError> {
        self.reply.send(answer)
    }
}

/// What a handler answers with, once. The handler may go on afterwards: to write a streamed body, or to speak what the
/// connection was upgraded to.
#[must_use = "a reply that is dropped is answered for with 500"]
pub struct Reply {
    exchange: Arc<Exchange>,
}

impl Reply {
    /// Hands the answer to the connection.
    ///
    /// # Errors
    /// [`ReplyError::Gone`] if the client is gone: nobody takes the answer.
    pub fn send(self, answer: Response<Body>) -> Result<(), ReplyError> {
        self.exchange.answer(answer)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

/// Why an answer was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyError {
    /// The client, or its connection, is gone.
    Gone,
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client is gone; nobody takes the answer")
    }
}

impl std::error::Error for ReplyError {}

// ---------------------------------------------------------------- between both ends

/// What both ends share.
struct Exchange {
    state: Mutex<State>,
    /// Given back when both ends are gone.
    _place: InFlight,
}

enum State {
    Waiting(Option<Waker>),
    Answered(Box<Response<Body>>),
    /// The answer was taken, or nobody will take it.
    Over,
}

impl Exchange {
    fn new(place: InFlight) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::Waiting(None)),
            _place: place,
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn answer(&self, answer: Response<Body>) -> Result<(), ReplyError> {
        let waker = self.with(|state| match state {
            State::Waiting(waker) => {
                let waker = waker.take();
                *state = State::Answered(Box::new(answer));
                Ok(waker)
            }
            _ => Err(ReplyError::Gone),
        })?;
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    fn poll_take(&self, task: &mut Context<'_>) -> Poll<Response<Body>> {
        self.with(|state| {
            match std::mem::replace(state, State::Over) {
                State::Answered(answer) => return Poll::Ready(*answer),
                _ => *state = State::Waiting(Some(task.waker().clone())),
            }
            Poll::Pending
        })
    }

    fn is_waiting(&self) -> bool {
        self.with(|state| matches!(state, State::Waiting(_)))
    }

    fn leave(&self) {
        let left = self.with(|state| std::mem::replace(state, State::Over));
        // An answer that nobody took: outside the lock, its body is foreign code.
        drop(left);
    }
}

// ---------------------------------------------------------------- the handler's end

/// Answers for a handler that ended without an answer.
struct Fallback {
    exchange: Arc<Exchange>,
    shared: Arc<Shared>,
    status: StatusCode,
}

impl Drop for Fallback {
    fn drop(&mut self) {
        if self.exchange.is_waiting() {
            let text = match self.status {
                StatusCode::GATEWAY_TIMEOUT => "the request took longer than its deadline\n",
                StatusCode::SERVICE_UNAVAILABLE => "the server was asked to stop\n",
                _ => "the request could not be answered\n",
            };
            if self.exchange.answer(plain(self.status, text)).is_ok() {
                self.shared
                    .counters
                    .answered_for
                    .fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Runs a handler, and sees to it that there is an answer.
async fn handle<H: Handler>(
    cx: Cx,
    handler: Arc<H>,
    call: Call,
    mut fallback: Fallback,
) -> Result<(), Error> {
    let caught = catch_unwind(AssertUnwindSafe(|| handler.handle(cx, call)));
    let ended = match caught {
        Ok(answering) => unwinding(answering).await,
        Err(panic) => Err(panic),
    };
    // A handler that ends well without an answer has failed.
    fallback.status = StatusCode::INTERNAL_SERVER_ERROR;
    match ended {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            let kind = error.cancelled().map(|cancelled| cancelled.reason().kind());
            fallback.status = match kind {
                None => StatusCode::INTERNAL_SERVER_ERROR,
                Some(CancelKind::Timeout) => StatusCode::GATEWAY_TIMEOUT,
                Some(_) => StatusCode::SERVICE_UNAVAILABLE,
            };
            // A failed request is its client's news; a cancelled one is also its region's.
            if kind.is_some() { Err(error) } else { Ok(()) }
        }
        Err(panic) => {
            fallback
                .shared
                .counters
                .panicked
                .fetch_add(1, Ordering::Relaxed);
            drop(panic);
            Ok(())
        }
    }
}

/// Polls a future whose panics end it and nothing else.
async fn unwinding<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    poll_fn(
        |task| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(task))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic)),
        },
    )
    .await
}

// ---------------------------------------------------------------- hyper's end

/// What hyper calls for each request of a connection.
pub(super) struct Service<H> {
    shared: Arc<Shared>,
    spawner: Spawner<Error>,
    clock: Clock,
    handler: Arc<H>,
    is_over: bool,
}

impl<H: Handler> Service<H> {
    pub(super) fn new(
        shared: &Arc<Shared>,
        spawner: Spawner<Error>,
        clock: Clock,
        handler: Arc<H>,
        is_over: bool,
    ) -> Self {
        Self {
            shared: Arc::clone(shared),
            spawner,
            clock,
            handler,
            is_over,
        }
    }

    /// The request's task; `None`: there are too many.
    fn begin(&self, request: Request<Incoming>) -> Option<(Task<(), Error>, Arc<Exchange>)> {
        let place = self.shared.try_enter().filter(|_| !self.is_over)?;
        let exchange = Exchange::new(place);
        let fallback = Fallback {
            exchange: Arc::clone(&exchange),
            shared: Arc::clone(&self.shared),
            // What a task that is dropped, unpolled or past its budget, answers: only a cancel does that.
            status: StatusCode::SERVICE_UNAVAILABLE,
        };
        let reply = Reply {
            exchange: Arc::clone(&exchange),
        };
        let call = Call { request, reply };
        let handler = Arc::clone(&self.handler);
        let mut options = TaskOptions::new().name("request");
        if let Some(limit) = self.shared.options.request_deadline {
            let deadline = self.clock.now().saturating_add(limit);
            options = options.budget(Budget::INFINITE.with_deadline(deadline));
        }
        let task = self
            .spawner
            .spawn_with(options, move |cx| handle(cx, handler, call, fallback));
        Some((task.ok()?, exchange))
    }

    fn shed(&self, version: Version) -> Response<Body> {
        let seconds = self.shared.options.retry_after.as_secs().max(1);
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut answer = plain(status, "too many requests are under way; try again later\n");
        answer.headers_mut().insert(RETRY_AFTER, seconds.into());
        if self.is_over && version < Version::HTTP_2 {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(CONNECTION, close);
        }
        answer
    }
}

impl<H: Handler> hyper::service::Service<Request<Incoming>> for Service<H> {
    type Response = Response<Answered>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let mut entry = Entry::open(&self.shared.counters);
        let (is_head, version) = (request.method() == Method::HEAD, request.version());
        let step = match self.begin(request) {
            Some((task, exchange)) => Step::Wait {
                guard: Guard {
                    task,
                    exchange,
                    is_over: false,
                },
            },
            None => {
                entry.set(End::Shed);
                Step::Ready(Some(self.shed(version)))
            }
        };
        Answer {
            entry: Some(entry),
            is_head,
            step,
        }
    }
}

/// hyper's hold on a request. Dropped before the answer has ended, the handler is told that its client is gone.
struct Guard {
    task: Task<(), Error>,
    exchange: Arc<Exchange>,
    is_over: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.is_over {
            self.exchange.leave();
            self.task.cancel("the client is gone");
        }
    }
}

/// The answer that hyper waits for.
pub(super) struct Answer {
    entry: Option<Entry>,
    is_head: bool,
    step: Step,
}

enum Step {
    Wait { guard: Guard },
    Ready(Option<Response<Body>>),
}

impl Future for Answer {
    type Output = Result<Response<Answered>, Infallible>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let answer = match &mut this.step {
            Step::Wait { guard } => Some(ready!(guard.exchange.poll_take(task))),
            Step::Ready(answer) => answer.take(),
        };
        let guard = match std::mem::replace(&mut this.step, Step::Ready(None)) {
            Step::Wait { guard } => Some(guard),
            Step::Ready(_) => None,
        };
        let answer = answer.unwrap_or_else(|| plain(StatusCode::INTERNAL_SERVER_ERROR, ""));
        let is_head = this.is_head;
        let entry = this.entry.take();
        Poll::Ready(Ok(
            answer.map(|body| Answered::new(body, entry, guard, is_head))
        ))
    }
}

/// The body of an answer: its end is the end of the request.
pub(super) struct Answered {
    body: Body,
    entry: Option<Entry>,
    guard: Option<Guard>,
}

impl Answered {
    fn new(body: Body, entry: Option<Entry>, guard: Option<Guard>, is_head: bool) -> Self {
        let mut this = Self { body, entry, guard };
        // Of an answer to HEAD the body is not sent, and not asked for.
        if is_head || hyper::body::Body::is_end_stream(&this.body) {
            this.end(End::Answered);
        }
        this
    }

    fn end(&mut self, end: End) {
        if let Some(guard) = &mut self.guard {
            guard.is_over = true;
        }
        self.guard = None;
        if let Some(mut entry) = self.entry.take() {
            if !entry.is_shed() {
                entry.set(end);
            }
        }
    }
}

impl hyper::body::Body for Answered {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(task));
        match &frame {
            Some(Err(Aborted)) => this.end(End::Cut),
            None => this.end(End::Answered),
            Some(Ok(_)) if hyper::body::Body::is_end_stream(&this.body) => this.end(End::Answered),
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A short text as an answer.
fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, plain);
    answer
}
