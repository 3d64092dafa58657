// One fetch, from the request to the last byte of the body.
//
// Owns the abort: when it is ended, whether the headers are there or the body is half read or nobody reads it, the connection
// is given back. What is rejected with is the cause it was ended for; engines disagree about theirs.
//
//   waits for headers -> body -> ended        `end(cause)` at any time: abort, cancel the body, the host's last word, ended

import { IoError, surface } from "./errors.mjs";
import { Operation } from "./ledger.mjs";

/** Statuses without a body, whatever an engine gives there. */
const BODILESS = [204, 205, 304];
/** What reads a body whole. */
const READS = ["arrayBuffer", "blob", "bytes", "formData", "json", "text"];

class Fetch extends Operation {
  #controller = new AbortController();
  #reader;
  #body;
  /** Why the body has no end. */
  #failure;
  #unlink = () => {};

  constructor(ledger, fetch, input, init) {
    super(ledger);
    try {
      // A signal that is null is none.
      this.#link(init?.signal === undefined ? input?.signal : init.signal);
    } catch (error) {
      this.finish();
      throw error;
    }
    this.response = this.#run(fetch, input, { ...init, signal: this.#controller.signal });
  }

  /** A signal of the caller's ends it as well. */
  #link(signal) {
    if (!signal) {
      return;
    }
    const abort = () => this.end(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#unlink = () => signal.removeEventListener("abort", abort);
    if (signal.aborted) {
      abort();
    }
  }

  async #run(fetch, input, init) {
    let response;
    try {
      response = await fetch(input, init);
    } catch (error) {
      this.finish();
      throw this.#reason(error);
    }
    if (this.isEnding) {
      this.late();
      await response.body?.cancel().catch(() => {});
      this.finish();
      throw this.cause;
    }
    const hasBody = response.body && !BODILESS.includes(response.status);
    this.handle = hasBody ? this.#wrap(response) : response;
    // Of an opaque one the body comes as well, though nobody may see it.
    if (!hasBody && response.type !== "opaque") {
      this.finish();
    }
    return this.handle;
  }

  /** The same response, but its body is read through here. */
  #wrap(native) {
    this.#reader = native.body.getReader();
    const source = {
      start: (body) => void (this.#body = body),
      pull: () => this.#pull(),
      cancel: (cause) => {
        this.end(cause);
        return this.ended;
      },
    };
    // Nothing is read before it is asked for.
    return this.#dress(new Response(new ReadableStream(source, { highWaterMark: 0 }), native), native);
  }

  /** What a response made here does not say by itself: where it is from, and why it failed, which engines put in other words. */
  #dress(response, native) {
    const { url, redirected, type } = native;
    const own = { url, redirected, type, clone: () => this.#dress(Response.prototype.clone.call(response), native) };
    for (const name of READS.filter((name) => name in response)) {
      own[name] = () =>
        Response.prototype[name].call(response).catch((error) => {
          throw this.#failure ? this.#failure.error : error;
        });
    }
    for (const [name, value] of Object.entries(own)) {
      Object.defineProperty(response, name, { value });
    }
    return response;
  }

  #fail(error) {
    this.#failure = { error };
    this.#body?.error(error);
  }

  async #pull() {
    try {
      const { done, value } = await this.#reader.read();
      if (this.isEnding) {
        if (!done) {
          this.late();
        }
      } else if (done) {
        this.finish();
        this.#body.close();
      } else {
        this.#body.enqueue(value);
      }
    } catch (error) {
      if (!this.isEnding) {
        this.finish();
        this.#fail(this.#reason(error));
      }
    }
  }

  /** @override */
  stop(cause) {
    // After a cancel by the reader itself it is closed already, and this does nothing.
    this.#fail(cause);
    this.#controller.abort(cause);
    // Who does not wait for it any more is not told.
    this.response?.catch(() => {});
    if (this.handle) {
      Promise.resolve(this.#reader?.cancel(cause)).catch(() => {}).then(() => this.finish());
    }
  }

  /** @override */
  finish() {
    this.#unlink();
    super.finish();
  }

  #reason(error) {
    if (this.isEnding) {
      return this.cause;
    }
    if (this.wasSuspended) {
      return new IoError("interrupted", "the page was put away and the host cut the connection; fetch again when it is shown", { cause: error });
    }
    return new IoError("connection_failed", `the fetch failed: ${error?.message}; look at the address, the network and CORS`, { cause: error });
  }
}

/** Begins a fetch: `{ response, handle, end, ended }`. `response` is a promise of a `Response`, which is `handle` from then on. */
export function openFetch(ledger, input, init = {}) {
  return new Fetch(ledger, surface("fetch"), input, init);
}
