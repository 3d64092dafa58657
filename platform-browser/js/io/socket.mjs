// One WebSocket, from the connect to the end of its close handshake.
//
// Owns the limits that a WebSocket has not: of the time to connect and to close, of what waits to be sent and to be taken.
//
//   connecting -> open -> closing -> closed
//        |          \-- end, close: the handshake is waited for, `closeTimeout` at most
//        \-- end, connectTimeout: the connect is given up

import { count, invalid, IoError, surface } from "./errors.mjs";
import { Inbox } from "./inbox.mjs";
import { after, Operation } from "./ledger.mjs";

/** How often the buffer is looked at while it is too full: no event tells that it drains. */
const DRAIN_MS = 10;
/** What a reason of a close may have at most, in bytes. */
const REASON_MAX = 123;
/** Codes by which a peer says that all is well: done, going away, none given. */
const WELL = [1000, 1001, 1005];
/** The code that an overflow is closed with. */
const OVERFLOW = 3008;

class Socket extends Operation {
  #socket;
  #inbox;
  #options;
  #timer;
  #drain;
  /** Sends that wait for the connect or for room, in order. */
  #sends = [];
  #opened = {};
  #closing = { code: 1000, reason: "" };
  /** How it ended: `{ code, reason, wasClean }`. */
  closed;
  state = "connecting";

  constructor(ledger, WebSocket, url, options) {
    super(ledger);
    try {
      this.#inbox = new Inbox(options);
      this.#socket = connect(WebSocket, url, options.protocols);
    } catch (error) {
      this.finish();
      throw error;
    }
    this.#options = options;
    this.#opened.promise = new Promise((resolve, reject) => Object.assign(this.#opened, { resolve, reject }));
    // Whoever does not ask is not told.
    this.#opened.promise.catch(() => {});
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.#onOpen();
    this.#socket.onmessage = (event) => this.#onMessage(event.data);
    // `close` follows it and says more.
    this.#socket.onerror = () => {};
    this.#socket.onclose = (event) => this.#onClose(event);
    this.#timer = after(options.connectTimeout, () => this.#onTimeout());
  }

  /** What the peer chose of `protocols`. */
  get protocol() {
    return this.#socket.protocol;
  }

  /** Messages that were dropped, by the policy of overflow. */
  get dropped() {
    return this.#inbox.dropped;
  }

  /** Bytes that were sent, and have not left yet. */
  get buffered() {
    return this.#socket.bufferedAmount;
  }

  /** Settles when it is connected, rejects when that has failed. */
  opened() {
    return this.#opened.promise;
  }

  /** Sends a text, or bytes, when those before have room. Not sent is not begun: a cancelled wait sends nothing. */
  async send(data) {
    this.check();
    if (this.isEnding || this.isEnded) {
      throw this.#over();
    }
    return new Promise((resolve, reject) => {
      this.#sends.push({ data, resolve, reject });
      this.#pump();
    });
  }

  #pump() {
    clearTimeout(this.#drain);
    while (this.state === "open" && this.#sends.length > 0) {
      if (this.#socket.bufferedAmount > this.#options.highWaterMark) {
        this.#drain = setTimeout(() => this.#pump(), DRAIN_MS);
        return;
      }
      const { data, resolve, reject } = this.#sends.shift();
      try {
        this.#socket.send(data);
        resolve();
      } catch (cause) {
        reject(invalid(`this cannot be sent: ${cause.message}; send a string, an ArrayBuffer, a view of one, or a Blob`, { cause }));
      }
    }
  }

  /** Closes with the handshake, and waits for it: `{ code, reason, wasClean }`. */
  async close(code = 1000, reason = "") {
    if (code !== 1000 && !(Number.isInteger(code) && code >= 3000 && code <= 4999)) {
      throw new IoError("invalid_close_code", `a close code is 1000, or from 3000 to 4999; found ${String(code)}`);
    }
    if (typeof reason !== "string" || new TextEncoder().encode(reason).length > REASON_MAX) {
      throw invalid(`the reason of a close is a string of at most ${REASON_MAX} bytes`);
    }
    if (!this.isEnding) {
      this.#closing = { code, reason };
      this.end(undefined);
    }
    await this.ended;
    return this.closed;
  }

  /** The next message. */
  async next() {
    this.check();
    return this.#inbox.next();
  }

  /** A loop was left: closes. */
  async return() {
    await this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** @override */
  stop(cause) {
    const error = cause ?? this.#over();
    this.#opened.reject(error);
    this.#failSends(error);
    this.#inbox.end(cause);
    this.#startClosing();
  }

  #startClosing() {
    this.isEnding = true;
    const wasOpen = this.state === "open";
    this.state = "closing";
    clearTimeout(this.#timer);
    const { code, reason } = this.#closing;
    wasOpen ? this.#socket.close(code, reason) : this.#socket.close();
    this.#timer = after(this.#options.closeTimeout, () => this.#giveUp());
  }

  #giveUp() {
    this.#end({ code: 1006, reason: "", wasClean: false });
    this.abandon();
  }

  #onOpen() {
    if (this.state !== "connecting") {
      this.late();
      return;
    }
    clearTimeout(this.#timer);
    this.state = "open";
    this.#opened.resolve();
    this.#pump();
  }

  #onTimeout() {
    const { connectTimeout } = this.#options;
    this.end(new IoError("connect_timeout", `no connection within ${connectTimeout} ms; look at the address, or raise \`connectTimeout\``));
  }

  #onMessage(data) {
    if (this.isEnding || this.isEnded) {
      this.late();
      return;
    }
    if (!this.#inbox.push(data)) {
      // What is there can still be taken.
      this.#inbox.close(this.#inbox.overflowed("the socket"));
      this.#failSends(this.#over());
      this.#closing = { code: OVERFLOW, reason: "queue overflow" };
      this.#startClosing();
    }
  }

  #onClose({ code, reason, wasClean }) {
    if (this.isEnded) {
      this.late();
      return;
    }
    const error = this.#lost(code, reason, wasClean);
    this.#end({ code, reason, wasClean });
    this.#opened.reject(error ?? this.#over());
    this.#failSends(error ?? this.#over());
    this.#inbox.close(error);
    this.finish();
  }

  /** Why what waits for messages fails; undefined if the peer has closed in order. */
  #lost(code, reason, wasClean) {
    if (this.state === "connecting") {
      return new IoError("connection_failed", "there was no connection; look at the address, the network and the server");
    }
    if (wasClean && WELL.includes(code)) {
      return undefined;
    }
    if (this.wasSuspended) {
      return new IoError("interrupted", "the page was put away and the connection is gone; connect again when it is shown");
    }
    const why = reason === "" ? `code ${code}` : `code ${code}: ${reason}`;
    return Object.assign(new IoError("connection_lost", `the peer has closed with ${why}, or is gone; connect again`), { closeCode: code, closeReason: reason });
  }

  #end(closed) {
    clearTimeout(this.#timer);
    clearTimeout(this.#drain);
    this.closed = closed;
    this.state = "closed";
  }

  #failSends(error) {
    for (const { reject } of this.#sends.splice(0)) {
      reject(error);
    }
  }

  /** What a use after the end is told. */
  #over() {
    return this.cause ?? new IoError("closed", "the socket is closed; open another");
  }
}

/** A WebSocket to an address, which may be relative or of the web. */
function connect(WebSocket, url, protocols = []) {
  try {
    const address = new URL(url, globalThis.location?.href);
    address.protocol = { "http:": "ws:", "https:": "wss:" }[address.protocol] ?? address.protocol;
    return new WebSocket(address, protocols);
  } catch (cause) {
    throw invalid(`a socket to ${String(url)} cannot be made: ${cause.message}`, { cause });
  }
}

/** Begins to connect: an async iterator of messages. Throws before anything is done if an argument is not what it should be. */
export function openSocket(ledger, url, options = {}) {
  const { connectTimeout = 10_000, closeTimeout = 500, highWaterMark = 1 << 16 } = options;
  count(connectTimeout, 0, "connectTimeout");
  count(closeTimeout, 0, "closeTimeout");
  count(highWaterMark, 0, "highWaterMark");
  return new Socket(ledger, surface("WebSocket"), url, { ...options, connectTimeout, closeTimeout, highWaterMark });
}
