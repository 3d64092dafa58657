// What is open for one runtime: one call ends it all, also when the module behind the runtime has panicked.
//
// Owns the list and its counts, and whether the page was put away meanwhile. An operation puts itself in when it begins and
// takes itself out at the host's last word.

export class Ledger {
  #open = new Set();
  #refusal;
  #suspended = () => void (this.suspensions += 1);

  /** Operations that were begun, and those of which the host has said the last. */
  opened = 0;
  closed = 0;
  /** Answers that came after the operation was given up: nobody got them. */
  late = 0;
  /** Given up before the host's last word, for it did not come. */
  abandoned = 0;
  /** How often the page was put away while something was open: then a host may cut connections. */
  suspensions = 0;

  /** How many are open. */
  get size() {
    return this.#open.size;
  }

  /** Takes in an operation, `{ end(cause), ended }`; throws the cause when all is over. */
  add(operation) {
    if (this.#refusal) {
      throw this.#refusal.cause;
    }
    if (this.#open.size === 0) {
      globalThis.addEventListener?.("pagehide", this.#suspended);
    }
    this.#open.add(operation);
    this.opened += 1;
  }

  /** The host has said its last. */
  remove(operation) {
    if (this.#open.delete(operation)) {
      this.closed += 1;
    }
    if (this.#open.size === 0) {
      globalThis.removeEventListener?.("pagehide", this.#suspended);
    }
  }

  /** Takes in operations, again if it had ended. */
  begin() {
    this.#refusal = undefined;
  }

  /** Ends everything, now and from now on; what waits is rejected with `cause`. Settles with the host's last words. */
  async end(cause) {
    this.#refusal ??= { cause };
    const open = [...this.#open];
    for (const operation of open) {
      operation.end(cause);
    }
    await Promise.all(open.map((operation) => operation.ended));
  }
}

/** What all operations share: the entry in the ledger, how it ends, and the promise of the host's last word. */
export class Operation {
  #ledger;
  #finished;
  /** Settles with the host's last word, or when that is given up. */
  ended = new Promise((resolve) => (this.#finished = resolve));
  isEnding = false;
  isEnded = false;
  /** Why it is ended: ours, never what the host rejects with. */
  cause;
  /** Throws if who opened it is not to wait any more. */
  check = () => {};

  constructor(ledger) {
    this.#ledger = ledger;
    this.suspensions = ledger.suspensions;
    ledger.add(this);
  }

  /** Begins the end; what waits is rejected with `cause`. A second call does nothing. */
  end(cause) {
    if (!this.isEnding && !this.isEnded) {
      this.isEnding = true;
      this.cause = cause;
      this.stop(cause);
    }
  }

  /** The host has said its last. */
  finish() {
    if (!this.isEnded) {
      this.isEnded = true;
      this.#ledger.remove(this);
      this.#finished();
    }
  }

  /** The host's last word did not come in time. */
  abandon() {
    if (!this.isEnded) {
      this.#ledger.abandoned += 1;
      this.finish();
    }
  }

  /** Something came that nobody waits for. */
  late() {
    this.#ledger.late += 1;
  }

  /** The page was put away since this began. */
  get wasSuspended() {
    return this.#ledger.suspensions !== this.suspensions;
  }
}

/** Calls later; never, after more than a timer can count: that would call at once. */
export function after(milliseconds, call) {
  return milliseconds < 2 ** 31 ? setTimeout(call, milliseconds) : undefined;
}
