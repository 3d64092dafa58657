//! `Fetch`: a request, and what comes back.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use asupersync_core::CxBase;

use super::{Call, Fetching, IoError, Kind, Operation, Reply};

/// A request on its way to be sent.
///
/// ```ignore
/// let response = Fetch::get("/prices").header("accept", "text/csv").send(cx).await?;
/// while let Some(part) = response.chunk(cx).await? {
///     parse(&part);
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Fetch {
    /// Method, address and headers, a line each.
    head: String,
    body: Vec<u8>,
}

impl Fetch {
    /// A request by this method.
    pub fn new(method: &str, url: &str) -> Self {
        let mut head = String::new();
        push_line(&mut head, &[method]);
        push_line(&mut head, &[url]);
        Self {
            head,
            body: Vec::new(),
        }
    }

    /// A request of `GET`.
    pub fn get(url: &str) -> Self {
        Self::new("GET", url)
    }

    /// Adds a header. The host refuses some, silently.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        push_line(&mut self.head, &[name, ": ", value]);
        self
    }

    /// Sends these bytes.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it; gives the response when its headers are there.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if this context was asked to stop, [`IoError::Denied`] without [`Fetching`], and what the host says.
    ///
    /// # Cancel safety
    /// Dropping the wait aborts the request: the server sees the connection go.
    pub async fn send(&self, cx: &CxBase) -> Result<Response, IoError> {
        cx.checkpoint()?;
        let operation = Operation::open::<Fetching>(
            cx,
            Kind::Fetch,
            self.head.strip_suffix('\n').unwrap_or(&self.head),
            &self.body,
        )?;
        let head = operation.ask(cx, Call::Opened, &[]).await?.into_text();
        let mut lines = head.lines();
        Ok(Response {
            operation,
            status: lines.next().and_then(|line| line.parse().ok()).unwrap_or(0),
            url: lines.next().unwrap_or_default().to_string(),
            headers: lines.map(str::to_string).collect(),
        })
    }
}

/// One line: what would begin another is left out, so that no header can be smuggled in.
fn push_line(head: &mut String, parts: &[&str]) {
    for part in parts {
        head.extend(part.chars().filter(|char| !matches!(char, '\n' | '\r')));
    }
    head.push('\n');
}

/// What came back. Dropped before the end of its body, it gives the connection back.
#[derive(Debug)]
#[must_use = "dropping a response aborts it"]
pub struct Response {
    operation: Operation,
    status: u16,
    url: String,
    headers: Vec<String>,
}

impl Response {
    /// The status; 0 for one that may not be looked at.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The address that has answered, after redirects.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The value of a header; its name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = |line: &'_ String| {
            line.split_once(": ")
                .is_some_and(|(found, _)| found == name)
        };
        let line = self.headers.iter().find(|line| value(line))?;
        line.split_once(": ").map(|(_, value)| value)
    }

    /// The next part of the body; `None` at its end.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if this context was asked to stop, and what the host says.
    ///
    /// # Cancel safety
    /// Dropping the wait loses nothing: what comes is there for the next one.
    pub async fn chunk(&self, cx: &CxBase) -> Result<Option<Vec<u8>>, IoError> {
        match self.operation.ask(cx, Call::Next, &[]).await? {
            Reply::Bytes(bytes) => Ok(Some(bytes)),
            Reply::Text(text) => Ok(Some(text.into_bytes())),
            Reply::Done => Ok(None),
        }
    }

    /// The whole body.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    ///
    /// # Cancel safety
    /// Dropping the wait aborts the rest.
    pub async fn bytes(self, cx: &CxBase) -> Result<Vec<u8>, IoError> {
        let mut all = Vec::new();
        while let Some(part) = self.chunk(cx).await? {
            all.extend_from_slice(&part);
        }
        Ok(all)
    }
}
