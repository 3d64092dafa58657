// The operations of this folder for a module of asupersync-browser with the feature `browser-io`.
//
// Owns the numbers: the module names its operations and its waits, and asks; what came is told by `asupersync_io_settle`, and
// fetched by `take`. Nobody is called back who has gone: the module knows its numbers by generation, and refuses.

import { invalid, IoError } from "./errors.mjs";
import { openFetch } from "./fetch.mjs";
import { after, Ledger } from "./ledger.mjs";
import { openBroadcast, openPort } from "./port.mjs";
import { openSocket } from "./socket.mjs";
import { openReadable, openWritable } from "./stream.mjs";

/** What `settle` says: the bytes or the text of an answer, its end, or an error: the first code is -1. */
const BYTES = 0;
const TEXT = 1;
const DONE = 2;
const CODES = [
  "closed",
  "connect_timeout",
  "connection_failed",
  "connection_lost",
  "interrupted",
  "invalid_argument",
  "invalid_close_code",
  "not_cloneable",
  "queue_overflow",
  "unsupported_runtime_context",
];
/** The call whose answers are kept. */
const NEXT = 1;
/** How long the host has for its last word, in milliseconds. */
const LAST_WORD_MS = 2_000;

/** What `next` of each gives, as a module takes it: texts, bytes, and anything else as JSON. */
async function next(from) {
  const { done, value } = await from.next();
  if (done) {
    return [DONE];
  }
  if (typeof value === "string") {
    return [TEXT, value];
  }
  if (value instanceof ArrayBuffer) {
    return [BYTES, new Uint8Array(value)];
  }
  return ArrayBuffer.isView(value)
    ? [BYTES, new Uint8Array(value.buffer, value.byteOffset, value.byteLength)]
    : [TEXT, JSON.stringify(value) ?? "null"];
}

/** Status, address, then the headers, a line each. */
function head(response) {
  const headers = Array.from(response.headers, ([name, value]) => `${name}: ${value}`);
  return [response.status, response.url, ...headers].join("\n");
}

/** A fetch by a head of the same form: method, address, headers. */
function request(ledger, text, body) {
  const [method, url, ...lines] = text.split("\n");
  const headers = lines.map((line) => {
    const split = line.indexOf(": ");
    return [line.slice(0, split), line.slice(split + 2)];
  });
  const fetch = openFetch(ledger, url, { method, headers, ...(body.length > 0 && { body }) });
  fetch.response.catch(() => {});
  let reader;
  return {
    operation: fetch,
    opened: async () => [TEXT, head(await fetch.response)],
    async next() {
      reader ??= (await fetch.response).body?.getReader();
      const { done, value } = (await reader?.read()) ?? { done: true };
      return done ? [DONE] : [BYTES, value];
    },
  };
}

/** A socket by its address and its numbers: queue, connectTimeout, closeTimeout, highWaterMark, overflow. */
function socket(ledger, text) {
  const [url, limits, ...protocols] = text.split("\n");
  const [queue, connectTimeout, closeTimeout, highWaterMark, overflow] = limits.split(" ");
  const options = { queue: +queue, connectTimeout: +connectTimeout, closeTimeout: +closeTimeout, highWaterMark: +highWaterMark, overflow, protocols };
  const operation = openSocket(ledger, url, options);
  return {
    operation,
    opened: async () => (await operation.opened(), [TEXT, operation.protocol]),
    next: () => next(operation),
    send: (data) => operation.send(data),
    async close(text) {
      const split = text.indexOf(" ");
      const { code, reason } = (await operation.close(Number(text.slice(0, split)), text.slice(split + 1))) ?? {};
      return [TEXT, `${code} ${reason}`];
    },
  };
}

function port(operation) {
  return {
    operation,
    opened: async () => (await operation.opened?.(), [DONE]),
    next: () => next(operation),
    send: (data) => operation.send(data),
    close: async () => (await operation.close(), [DONE]),
  };
}

/**
 * The other side of a module's `browser-io`: pass `imports` as the import `asupersync_io`, then `attach` the exports of the
 * instance. `lend` gives a number for a stream or a port, which an export of the app may take. `end` ends all that is open:
 * call it when the module has panicked.
 */
export function connectIo(host) {
  const ledger = new Ledger();
  const operations = new Map();
  const answers = new Map();
  const loans = new Map();
  let loan = 0;
  let memory;
  /** The module has panicked: nobody is let in. */
  let isOver = false;
  const read = (at, length) => new Uint8Array(memory.buffer, at, length).slice();
  const text = (at, length) => new TextDecoder().decode(read(at, length));
  const borrowed = (number) => {
    const value = loans.get(number);
    loans.delete(number);
    if (value === undefined) {
      throw invalid(`${number} was not lent, or is in use already; lend it by \`lend\``);
    }
    return value;
  };
  const OPENERS = [
    (head, body) => request(ledger, head, body),
    (head) => socket(ledger, head),
    (head) => {
      const operation = openReadable(ledger, borrowed(Number(head)));
      return { operation, next: () => next(operation) };
    },
    (head) => {
      const operation = openWritable(ledger, borrowed(Number(head)));
      return { operation, send: (data) => operation.write(data), close: async () => (await operation.close(), [DONE]) };
    },
    (head) => port(openPort(ledger, borrowed(Number(head)))),
    (head) => port(openBroadcast(ledger, head)),
  ];
  const CALLS = [
    (opened) => opened.opened(),
    undefined,
    async (opened, data) => (await opened.send(data), [DONE]),
    async (opened, data) => (await opened.send(new TextDecoder().decode(data)), [DONE]),
    (opened, data) => opened.close(new TextDecoder().decode(data)),
  ];

  /** Says whether somebody waits for it. `taken` is called when it is fetched. */
  const settle = (number, status, value = "", taken = undefined) => {
    if (isOver) {
      return false;
    }
    const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
    answers.set(number, { bytes, taken });
    const isAwaited = host.enter("asupersync_io_settle", number, status, bytes.length) === 1;
    if (!isAwaited) {
      answers.delete(number);
    }
    return isAwaited;
  };
  const codeOf = (error) => -1 - CODES.indexOf(error instanceof IoError ? error.code : "connection_failed");
  const fail = (number, error, taken = undefined) => settle(number, codeOf(error), String(error?.message ?? error), taken);
  const late = (isAwaited) => {
    ledger.late += isAwaited ? 0 : 1;
  };
  /** What comes is kept until a wait has fetched it: a wait that is given up loses nothing. */
  const callNext = (opened, wait) => {
    opened.pending ??= opened.next();
    const taken = () => {
      opened.pending = undefined;
    };
    opened.pending.then(
      ([status, value]) => settle(wait, status, value, status === DONE ? undefined : taken),
      (error) => fail(wait, error, taken),
    );
  };

  return {
    ledger,
    imports: {
      open(number, kind, at, length, bodyAt, bodyLength) {
        const [head, body] = [text(at, length), read(bodyAt, bodyLength)];
        try {
          const opened = OPENERS[kind](head, body);
          operations.set(number, opened);
          opened.operation.ended.then(() => {
            settle(number, DONE);
            answers.delete(number);
          });
          return 0;
        } catch (error) {
          answers.set(number, { bytes: new TextEncoder().encode(error.message) });
          return codeOf(error);
        }
      },
      call(number, what, wait, at, length) {
        const opened = operations.get(number);
        if (what === NEXT) {
          callNext(opened, wait);
          return;
        }
        Promise.resolve(CALLS[what](opened, read(at, length))).then(
          ([status, value]) => late(settle(wait, status, value)),
          (error) => late(fail(wait, error)),
        );
      },
      /** The module has dropped it; it is still told of the host's last word. */
      end(number) {
        const { operation } = operations.get(number);
        operations.delete(number);
        operation.end(undefined);
        const patience = after(LAST_WORD_MS, () => operation.abandon());
        operation.ended.then(() => clearTimeout(patience));
      },
      /** Copies an answer to where the module has room for it, and forgets it. */
      take(number, at, length) {
        const { bytes, taken } = answers.get(number);
        answers.delete(number);
        new Uint8Array(memory.buffer, at, length).set(bytes.subarray(0, length));
        taken?.();
      },
      /** How long the answer is. */
      length: (number) => answers.get(number).bytes.length,
      forget: (number) => void answers.delete(number),
    },
    attach(exports) {
      memory = exports.memory;
    },
    lend(value) {
      loans.set((loan += 1), value);
      return loan;
    },
    end(cause) {
      isOver = true;
      return ledger.end(cause);
    },
  };
}
