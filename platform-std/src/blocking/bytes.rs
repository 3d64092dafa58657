//! `ByteFile`: a file or pipe as a closure of the pool works on it.
//!
//! Owns what was read ahead, so that a read whose wait was cancelled loses nothing, and the last failure of a
//! write. It blocks: only threads of the pool call what reads, writes or seeks.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

/// How much one call reads ahead.
pub(crate) const READ_MAX: usize = 64 * 1024;
/// How much one call writes.
pub(crate) const WRITE_MAX: usize = 256 * 1024;

#[derive(Debug)]
pub(crate) struct ByteFile {
    pub(crate) file: File,
    /// Read from the host and not yet given out: from `given` on.
    ahead: Vec<u8>,
    given: usize,
    /// A write failed, and perhaps nobody waited for it any more.
    pub(crate) failed: Option<Arc<io::Error>>,
}

impl ByteFile {
    pub(crate) fn new(file: File) -> Self {
        Self {
            file,
            ahead: Vec::new(),
            given: 0,
            failed: None,
        }
    }

    /// How many bytes can be given out.
    pub(crate) fn left(&self) -> usize {
        self.ahead.len() - self.given
    }

    /// Reads ahead, unless there is something.
    pub(crate) fn fill(&mut self, want: usize) -> io::Result<()> {
        if self.left() > 0 {
            return Ok(());
        }
        self.given = 0;
        self.ahead.resize(want, 0);
        let read = retry(|| self.file.read(&mut self.ahead));
        self.ahead.truncate(*read.as_ref().unwrap_or(&0));
        read.map(drop)
    }

    /// Gives out what is there, as much as fits.
    pub(crate) fn give(&mut self, buffer: &mut [u8]) -> usize {
        let count = self.left().min(buffer.len());
        let until = self.given + count;
        buffer[..count].copy_from_slice(&self.ahead[self.given..until]);
        self.given = until;
        count
    }

    /// Gives out all that is there.
    pub(crate) fn give_all(&mut self, content: &mut Vec<u8>) {
        content.extend_from_slice(&self.ahead[self.given..]);
        self.given = self.ahead.len();
    }

    /// Puts the host's cursor where the program's is. Where there is none to put, what was read ahead is kept.
    pub(crate) fn settle(&mut self) -> io::Result<()> {
        let left = self.left();
        if left == 0 {
            return Ok(());
        }
        // At most READ_MAX, hence in range.
        match self.file.seek(SeekFrom::Current(-(left as i64))) {
            Err(error) if error.kind() == io::ErrorKind::NotSeekable => Ok(()),
            Err(error) => Err(error),
            Ok(_) => {
                self.given = self.ahead.len();
                Ok(())
            }
        }
    }

    /// Writes some of `bytes` at the program's cursor, and keeps an error.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<usize, Arc<io::Error>> {
        let result = self
            .settle()
            .and_then(|()| retry(|| self.file.write(bytes)));
        let result = result.map_err(Arc::new);
        if let Err(error) = &result {
            self.failed = Some(Arc::clone(error));
        }
        result
    }
}

fn retry<T>(mut f: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match f() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
