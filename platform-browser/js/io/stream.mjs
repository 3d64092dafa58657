// Streams of the host, either way, each held by one reader or writer until its end.

import { IoError, invalid } from "./errors.mjs";
import { Operation } from "./ledger.mjs";

/** What every use after the end is told. */
const over = () => new IoError("closed", "the stream is closed here; open another");

class Readable extends Operation {
  #reader;

  constructor(ledger, stream) {
    super(ledger);
    this.#reader = lock(this, stream, "getReader");
  }

  /** The next chunk. */
  async next() {
    this.check();
    if (!this.isEnding && !this.isEnded) {
      try {
        const { done, value } = await this.#reader.read();
        if (!this.isEnding) {
          if (done) {
            this.finish();
          }
          return { done, value };
        }
        if (!done) {
          this.late();
        }
      } catch (error) {
        if (!this.isEnding) {
          this.finish();
          throw error;
        }
      }
    }
    if (this.cause !== undefined) {
      throw this.cause;
    }
    return { done: true, value: undefined };
  }

  /** A loop was left: cancels the stream. */
  async return() {
    this.end(undefined);
    await this.ended;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** @override */
  stop(cause) {
    this.#reader.cancel(cause).catch(() => {}).then(() => this.finish());
  }
}

class Writable extends Operation {
  #writer;

  constructor(ledger, stream) {
    super(ledger);
    this.#writer = lock(this, stream, "getWriter");
  }

  /** Settles when the stream has taken it; waits for room first. */
  async write(chunk) {
    await this.#step(async () => {
      await this.#writer.ready;
      // Cancelled while it waited: nothing is written.
      if (!this.isEnding) {
        await this.#writer.write(chunk);
      }
    });
  }

  /** Ends it in order, when all is written. */
  async close() {
    await this.#step(() => this.#writer.close());
    this.finish();
  }

  async #step(call) {
    this.check();
    if (this.isEnding || this.isEnded) {
      throw this.cause ?? over();
    }
    try {
      await call();
    } catch (error) {
      if (!this.isEnding) {
        this.finish();
        throw error;
      }
    }
    if (this.isEnding) {
      throw this.cause ?? over();
    }
  }

  /** @override */
  stop(cause) {
    this.#writer.abort(cause).catch(() => {}).then(() => this.finish());
  }
}

/** The one reader or writer of a stream. */
function lock(operation, stream, how) {
  try {
    return stream[how]();
  } catch (cause) {
    operation.finish();
    throw invalid(`this cannot be read or written: ${cause.message}; pass a stream that nobody else holds`, { cause });
  }
}

/** An async iterator of what a `ReadableStream` gives; its end before that cancels the stream. */
export function openReadable(ledger, stream) {
  return new Readable(ledger, stream);
}

/** Writes into a `WritableStream`; its end before `close` aborts the stream. */
export function openWritable(ledger, stream) {
  return new Writable(ledger, stream);
}
