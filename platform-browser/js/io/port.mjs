// Ports between windows and workers whose end is told: a host says nothing to the other side when one closes.
//
// Owns the words that go with the messages. Both sides are wrapped here and say `hello` when they are, `bye` when they end.
// Who is killed says nothing.

import { count, IoError, invalid, surface } from "./errors.mjs";
import { Inbox } from "./inbox.mjs";
import { after, Operation } from "./ledger.mjs";

/** What is common to a port and a broadcast. */
class Talk extends Operation {
  #inbox;

  /** `make` makes the port when all else is in order. */
  constructor(ledger, options, make) {
    super(ledger);
    try {
      this.#inbox = new Inbox(options);
      this.port = make();
    } catch (error) {
      // Not what is overridden: whose fields are not there yet.
      super.finish();
      throw error;
    }
    this.port.onmessage = ({ data }) => this.#onMessage(data);
    // What cannot be read here is a message all the same.
    this.port.onmessageerror = () => this.#onMessage({ asupersync: "data", value: undefined });
  }

  /** Messages that were dropped, by the policy of overflow. */
  get dropped() {
    return this.#inbox.dropped;
  }

  /** Sends a value; what it holds of `transfer` is gone here then. */
  async send(value, transfer = []) {
    this.check();
    if (this.isEnding || this.isEnded) {
      throw this.cause ?? new IoError("closed", "the other side has closed, or this one; open another");
    }
    const error = this.post({ asupersync: "data", value }, transfer);
    if (error) {
      throw error;
    }
  }

  /** Posts; why it cannot is returned. */
  post(message, transfer) {
    try {
      this.port.postMessage({ ...message, from: this.id }, transfer);
    } catch (cause) {
      return new IoError("not_cloneable", `this cannot be sent: ${cause.message}; send plain data, without functions`, { cause });
    }
  }

  /** Tells the other side, and ends. */
  async close() {
    this.end(undefined);
  }

  /** The next message. */
  async next() {
    this.check();
    return this.#inbox.next();
  }

  async return() {
    await this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  #onMessage(data) {
    if (this.isEnding || this.isEnded) {
      this.late();
    } else if (typeof data?.asupersync !== "string") {
      // Of somebody who does not speak this.
      return;
    } else if (data.asupersync !== "data") {
      this.heard(data);
    } else if (!this.#inbox.push(data.value)) {
      this.#inbox.close(this.#inbox.overflowed("the port"));
      this.close();
    }
  }

  /** The other side has ended: what it sent can still be taken. */
  over() {
    this.#inbox.close();
    this.#shut();
  }

  /** @override */
  stop(cause) {
    this.post({ asupersync: "bye" });
    this.#inbox.end(cause);
    this.#shut();
  }

  #shut() {
    this.port.close();
    this.finish();
  }
}

class Port extends Talk {
  #opened = {};
  #timer;

  constructor(ledger, port, options, connectTimeout) {
    super(ledger, options, () => port);
    this.#opened.promise = new Promise((resolve, reject) => Object.assign(this.#opened, { resolve, reject }));
    this.#opened.promise.catch(() => {});
    const late = `nobody has taken the other side within ${connectTimeout} ms; wrap it by \`cx.port\`, or raise \`connectTimeout\``;
    this.#timer = after(connectTimeout, () => this.end(new IoError("connect_timeout", late)));
    this.post({ asupersync: "hello" });
  }

  /** Settles when the other side is there. */
  opened() {
    return this.#opened.promise;
  }

  heard({ asupersync }) {
    if (asupersync === "hello") {
      clearTimeout(this.#timer);
      this.#opened.resolve();
    } else if (asupersync === "bye") {
      this.over();
    }
  }

  /** @override */
  finish() {
    clearTimeout(this.#timer);
    this.#opened.reject?.(this.cause ?? new IoError("closed", "the port has closed before the other side was there"));
    super.finish();
  }
}

class Broadcast extends Talk {
  #peers = new Set();

  constructor(ledger, BroadcastChannel, name, options) {
    super(ledger, options, () => new BroadcastChannel(name));
    this.id = [...crypto.getRandomValues(new Uint32Array(2))].join("-");
    this.post({ asupersync: "hello" });
  }

  /** How many others are known to be there. */
  get peers() {
    return this.#peers.size;
  }

  heard({ asupersync, from, to }) {
    if (asupersync === "bye") {
      this.#peers.delete(from);
    } else if (asupersync === "hello" && (to === undefined || to === this.id)) {
      this.#peers.add(from);
      if (to === undefined) {
        this.post({ asupersync: "hello", to: from });
      }
    }
  }
}

/** Wraps a `MessagePort` whose other side is wrapped as well: an async iterator of messages, with `send`. */
export function openPort(ledger, port, options = {}) {
  const { connectTimeout = 10_000 } = options;
  count(connectTimeout, 0, "connectTimeout");
  if (typeof port?.postMessage !== "function" || typeof port.close !== "function") {
    throw invalid("a port takes a MessagePort, of `cx.channel` or of a message");
  }
  return new Port(ledger, port, options, connectTimeout);
}

/** A channel: this side wrapped, the other to be sent away. */
export function openChannel(ledger, options) {
  const { port1, port2 } = new (surface("MessageChannel"))();
  return [openPort(ledger, port1, options), port2];
}

/** All of this origin who have opened the same name: an async iterator of messages, with `send`. */
export function openBroadcast(ledger, name, options = {}) {
  return new Broadcast(ledger, surface("BroadcastChannel"), name, options);
}
