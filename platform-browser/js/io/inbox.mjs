// What has come and nobody has taken yet, up to a limit. No host is asked to wait by it: a socket or a port cannot be.

import { count, IoError, invalid } from "./errors.mjs";

/** What happens to a message for which there is no room. */
const OVERFLOWS = ["close", "drop-oldest", "drop-newest"];

export class Inbox {
  #items = [];
  #waiting = [];
  #limit;
  #overflow;
  /** Nothing more comes: `{ error }`, or `{}` if that is no error. */
  #end;
  /** Messages that were dropped, for there was no room. */
  dropped = 0;

  constructor({ queue = 1024, overflow = "close" }) {
    if (!OVERFLOWS.includes(overflow)) {
      throw invalid(`overflow is one of ${OVERFLOWS.join(", ")}; found ${String(overflow)}`);
    }
    this.#limit = count(queue, 1, "queue");
    this.#overflow = overflow;
  }

  /** Takes a message in. False: there is no room, and what sends is to be closed. */
  push(item) {
    if (this.#end) {
      return true;
    }
    const taker = this.#waiting.shift();
    if (taker) {
      taker.resolve({ done: false, value: item });
      return true;
    }
    if (this.#items.length < this.#limit) {
      this.#items.push(item);
      return true;
    }
    this.dropped += 1;
    if (this.#overflow === "drop-oldest") {
      this.#items.shift();
      this.#items.push(item);
    }
    return this.#overflow !== "close";
  }

  /** The next message, as an iterator gives it. */
  async next() {
    if (this.#items.length > 0) {
      return { done: false, value: this.#items.shift() };
    }
    if (this.#end) {
      if (this.#end.error !== undefined) {
        throw this.#end.error;
      }
      return { done: true, value: undefined };
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** No more comes; what is there can still be taken, then comes the error, if there is one. */
  close(error) {
    if (this.#end) {
      return;
    }
    this.#end = { error };
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      error === undefined ? resolve({ done: true, value: undefined }) : reject(error);
    }
  }

  /** Ends for a cause: what is there is dropped. Without one it can still be taken. */
  end(cause) {
    this.close(cause);
    if (cause !== undefined) {
      this.#items.length = 0;
      this.#end = { error: cause };
    }
  }

  /** The error of an overflow. */
  overflowed(what) {
    return new IoError("queue_overflow", `${this.#limit} messages of ${what} wait to be taken, and no more are kept; take them sooner, or raise \`queue\``);
  }
}
